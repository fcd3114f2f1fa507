/* Start, READY, frames, end: the same for agent and egress. */
#include "edge/peer.h"

#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <stdio.h>

#define READY_NS (10 * OS_NS_PER_S)
#define QUEUE_MAX ((size_t)96 << 20)
#define ARGV_MAX 16

void peer_init(struct peer *p)
{
    *p = (struct peer){.child = {.pid = -1, .pidfd = -1}};
}

static size_t facet_words(uint32_t facets, char *ret, size_t size)
{
    size_t at = (size_t)snprintf(ret, size, "--required=");
    size_t start = at;
    for (unsigned bit = 0; bit < JAIL_FACET_COUNT; bit++)
        if ((facets >> bit) & 1)
            at += (size_t)snprintf(ret + at, size - at, "%s%s", at == start ? "" : ",",
                                   jail_facet_name((enum jail_facet)(1u << bit)));
    return at;
}

int peer_launch(struct peer *p, const struct peer_config *config, struct fault *reterr)
{
    auto_close int ours = -1, theirs = -1;
    int r = os_socket_pair(&ours, &theirs);
    if (r < 0)
        return fault_sys(reterr, -r, "cannot make a socket");
    char outer[JAIL_OUTSIDE_ARG_SIZE], required[256];
    jail_outside_arg(outer);
    uint32_t facets = (JAIL_REQUIRED_DEFAULT | config->required_facets) & jail_facets(config->kind);
    (void)facet_words(facets, required, sizeof(required));
    const char *argv[ARGV_MAX] = {config->name, outer, required};
    size_t n = 3;
    for (const char *const *extra = config->extra_argv; extra && *extra && n + 1 < ARGV_MAX;
         extra++)
        argv[n++] = *extra;
    const int fds[] = {
        -1, -1, -1,
        theirs}; /* nobody's terminal: an owned program could draw a question there, and read the answer */
    const struct os_spawn how = {
        .program = config->program,
        .program_fd = -1,
        .argv = argv,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .namespaces = jail_namespaces(config->kind),
        .die_with_parent = true,
    };
    if (os_spawn(&how, &p->child, reterr) < 0) {
        fault_next(reterr, "is BoxAgnts installed whole? its programs stand beside `boxagnts`");
        reterr->code = FAULT_SANDBOX;
        return -FAULT_SANDBOX;
    }
    p->name = config->name;
    p->running = true;
    return channel_new(take_fd(&ours), config->permits, QUEUE_MAX, &p->channel);
}

int peer_await_ready(struct peer *p, struct fault *reterr)
{
    struct message m;
    struct fault why = {0};
    int r = channel_recv(p->channel, os_now_mono_ns() + READY_NS, &m, &why);
    if (r == 1)
        return fault_set(reterr, FAULT_SANDBOX, "%s did not come up within 10 s", p->name);
    if (r < 0)
        return fault_set(reterr, FAULT_SANDBOX, "%s ended while it locked itself down: %s", p->name,
                         *why.text ? why.text : fault_sentence(r));
    if (m.type == MONITOR_FAULT) {
        const char *text = json_string_value(json_object_get(m.body, "text")),
                   *next = json_string_value(json_object_get(m.body, "next"));
        r = fault_set(reterr, FAULT_SANDBOX, "%s: %s", p->name, text ? text : "gave up");
        if (next)
            fault_next(reterr, "%s", next);
    } else {
        p->confinement = json_incref(m.body);
        channel_set_state(p->channel, STATE_IDLE);
    }
    message_done(&m);
    if (r == 0 && channel_unread(p->channel) > 0) /* it speaks only when asked */
        r = fault_set(reterr, FAULT_SANDBOX, "%s says more than that it is ready", p->name);
    return r;
}

int peer_start(struct peer *p, const struct peer_config *config, struct fault *reterr)
{
    int r = peer_launch(p, config, reterr);
    return r < 0 ? r : peer_await_ready(p, reterr);
}

static void gone(struct peer *p, const struct fault *why)
{
    if (p->gone)
        return;
    p->gone = true;
    os_watch_free(take(p->watch));
    os_child_kill(&p->child);
    if (p->on_gone)
        p->on_gone(why, p->arg);
}

/* A peer that cannot be written to, or whose channel is no longer watched, would wait for ever for what it was to get, and we
 * for it. It is ended, and that is heard as the end of its channel. */
static void set_events(struct peer *p)
{
    if (p->watch &&
        os_watch_set_events(p->watch, OS_READ | (channel_queued(p->channel) ? OS_WRITE : 0u)) < 0)
        os_child_kill(&p->child);
}

static void on_ready(int fd, unsigned events, void *arg)
{
    (void)fd;
    struct peer *p = arg;
    struct fault why = {0};
    int r = 0;
    if (events & OS_WRITE)
        r = channel_pump_out(p->channel);
    if (r >= 0 && (events & (OS_READ | OS_HUP)))
        r = channel_pump_in(p->channel, p->on_frame, p->arg, &why);
    if (r < 0) {
        if (why.code == 0)
            (void)fault_set(&why, -r, "%s: %s", p->name,
                            r == -FAULT_PEER_GONE ? "ended unexpectedly" : fault_sentence(r));
        gone(p, &why);
        return;
    }
    set_events(p);
}

int peer_attach(struct peer *p, struct os_loop *loop, int (*on_frame)(struct message *m, void *arg),
                void (*on_gone)(const struct fault *why, void *arg), void *arg)
{
    p->on_frame = on_frame;
    p->on_gone = on_gone;
    p->arg = arg;
    int r = channel_set_nonblock(p->channel);
    return r < 0 ? r
                 : os_loop_watch_fd(loop, channel_fd(p->channel), OS_READ, on_ready, p, &p->watch);
}

int peer_send(struct peer *p, uint16_t type, uint64_t id, const json_t *body, struct str raw,
              const int *fds, size_t fd_count)
{
    if (p->gone || !p->channel)
        return -FAULT_PEER_GONE;
    int r = channel_send(p->channel, type, id, body, raw, fds, fd_count);
    set_events(p);
    if (r < 0 && r != -FAULT_CAP) /* too long or too much waiting is the caller's to answer */
        os_child_kill(&p->child);
    return r;
}

void peer_wait(struct peer *p, const bool *is_done, int64_t deadline_ns)
{
    while (!*is_done && !p->gone) {
        bool for_write = channel_queued(p->channel) > 0;
        if (os_wait_fd(channel_fd(p->channel), for_write, deadline_ns) != 0)
            return;
        on_ready(channel_fd(p->channel), for_write ? OS_WRITE : OS_READ, p);
    }
}

void peer_done(struct peer *p)
{
    os_watch_free(p->watch);
    if (p->running)
        os_child_done(&p->child);
    channel_free(p->channel);
    json_decref(p->confinement);
    peer_init(p);
}
