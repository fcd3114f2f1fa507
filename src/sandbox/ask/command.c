/* A native command seen from the monitor. Its keeper is ours, yet it stands beside hostile processes, so it is believed as
 * little as a worker: its frames go through the permit table, its numbers through a decoder and a bound, and past the
 * deadline it is killed, with everything in its namespace.
 *
 * The command gets three pipes and nothing else of ours: no terminal, no file of the person's. Their other ends are here.
 * What it writes is bytes to be counted, kept or passed on; it is read until the pipes are empty after its end. */
#include "sandbox/ask/command.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/socket.h"
#include "sandbox/ask/command_order.h"
#include "sandbox/jail/jail.h"
#include "sandbox/run/ended.h"
#include "sandbox/run/output.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define READY_NS (10 * OS_NS_PER_S)
#define GRACE_NS (500 * OS_NS_PER_MS) /* past the deadline: the keeper ends it within some ms */
#define CANCEL_GRACE_NS (50 * OS_NS_PER_MS)
enum { QUEUE_MAX = 64 * 1024, PIECE = 64 * 1024, DRAIN_MAX = 4096 };

struct sandbox_command {
    struct os_child child;
    struct channel *channel; /* own */
    json_t *confinement;     /* own */
    int listener;            /* own; -1 = no proxy */
    struct sandbox_limits limits;
    int64_t born_ns, last_ns; /* its process was made; it is killed */
    struct os_loop *loop;
    struct os_watch *channel_watch, *timer, *pipe_watches[2], *source_watch, *sink_watch, *signals;
    int pipes[2]; /* own; what it writes to 1 and 2; -1 = ended */
    int sink;     /* own; what it reads from 0; -1 = ended */
    int source;   /* borrowed; -1 = none: `input` is all */
    struct str input;
    char *piece; /* own; PIECE bytes: of the source, on their way to the sink */
    struct output output;
    struct sandbox_ended ended;
    bool is_over; /* `ended` holds */
    bool is_cancelled, is_done, has_proxy;
    sandbox_command_output_fn on_output;
    sandbox_command_done_fn on_done;
    void *arg;
};

static void drop_watches(struct sandbox_command *c)
{
    os_watch_free(take(c->channel_watch));
    os_watch_free(take(c->timer));
    os_watch_free(take(c->pipe_watches[0]));
    os_watch_free(take(c->pipe_watches[1]));
    os_watch_free(take(c->source_watch));
    os_watch_free(take(c->sink_watch));
    os_watch_free(take(c->signals));
}

void sandbox_command_free(own struct sandbox_command *c)
{
    if (!c)
        return;
    drop_watches(c);
    os_child_done(&c->child);
    channel_free(c->channel);
    json_decref(c->confinement);
    os_close(c->pipes[0]);
    os_close(c->pipes[1]);
    os_close(c->sink);
    os_close(c->listener);
    output_done(&c->output);
    free(c->piece);
    free(c);
}

const json_t *sandbox_command_confinement(const struct sandbox_command *c)
{
    return c->confinement;
}

int sandbox_command_listener(struct sandbox_command *c)
{
    return take_fd(&c->listener);
}

/* --- the end --- */

static void drain(struct sandbox_command *c, int i);

static void bound(int64_t *value, int64_t most)
{
    if (*value > most)
        *value = most;
}

static void count_use(const struct sandbox_command *c, struct sandbox_use *use)
{
    int64_t wall_us = (os_now_mono_ns() - c->born_ns) / 1000, most;
    *use = (struct sandbox_use){.wall_us = wall_us,
                                .cpu_us = c->ended.cpu_us,
                                .peak_memory = c->ended.peak_memory,
                                .output_bytes = output_total(&c->output),
                                .read_bytes = c->ended.read_bytes,
                                .written_bytes = c->ended.written_bytes};
    /* No machine of ours has more than 1024 processors, or moves more than 64 GiB in a second. */
    if (!i64_mul(wall_us + 1000, 1024, &most))
        most = INT64_MAX;
    bound(&use->cpu_us, most);
    if (!i64_mul(wall_us + 1000000, INT64_C(64) << 10, &most))
        most = INT64_MAX;
    bound(&use->read_bytes, most);
    bound(&use->written_bytes, most);
}

static void finish(struct sandbox_command *c)
{
    struct sandbox_outcome o;
    if (c->is_done)
        return;
    c->is_done = true;
    /* A keeper that has spoken is alone in its namespaces; it is waited for when this is freed. */
    if (!c->is_over)
        os_child_done(&c->child);
    drain(c, 0);
    drain(c, 1);
    drop_watches(c);
    sandbox_outcome_init(&o, (size_t)c->limits.max_output_bytes + 1024);
    o.stop = c->ended.stop;
    o.exit_code = c->ended.exit_code;
    o.ended_by = c->ended.stop != SANDBOX_EXIT && c->ended.limit ? c->ended.limit->key : NULL;
    (void)snprintf(o.detail, sizeof(o.detail), "%s", c->ended.detail);
    count_use(c, &o.used);
    (void)!output_finish(&c->output, &o.out, &o.err); /* no memory: less is shown */
    o.output_cut = c->output.is_cut;
    const char *hits[2] = {c->ended.limit ? c->ended.limit->key : NULL,
                           o.output_cut ? "max_output_bytes" : NULL};
    if ((hits[0] || hits[1]) && asprintf(&o.limits_hit, "%s%s%s", hits[0] ? hits[0] : "",
                                         hits[0] && hits[1] ? "," : "", hits[1] ? hits[1] : "") < 0)
        o.limits_hit = NULL;
    c->on_done(&o, c->arg);
    sandbox_outcome_done(&o);
}

static void finish_without(struct sandbox_command *c, enum sandbox_stop stop, const char *fmt, ...)
    printf_like(3, 4);
static void finish_without(struct sandbox_command *c, enum sandbox_stop stop, const char *fmt, ...)
{
    va_list args;
    if (c->is_done)
        return;
    if (!c->is_over) {
        c->ended = (struct sandbox_ended){.stop = stop};
        va_start(args, fmt);
        (void)vsnprintf(c->ended.detail, sizeof(c->ended.detail), fmt, args);
        va_end(args);
    }
    finish(c);
}

static int on_frame(struct message *m, void *arg)
{
    struct sandbox_command *c = arg;
    if (m->type == MONITOR_ENDED && m->body && !c->is_over) {
        int r = sandbox_ended_from_json(m->body, &c->ended, NULL);
        c->is_over = r == 0;
        return r;
    }
    return -FAULT_PROTOCOL;
}

static void on_channel(int fd unused_, unsigned events unused_, void *arg)
{
    struct sandbox_command *c = arg;
    struct fault why = {0};
    int r = channel_pump_in(c->channel, on_frame, c, &why);
    if (c->is_over)
        finish(c);
    else if (r < 0)
        finish_without(c, c->is_cancelled ? SANDBOX_CANCEL : SANDBOX_CRASH,
                       c->is_cancelled ? "cancelled" : "its keeper is gone: %s",
                       *why.text ? why.text : fault_sentence(r));
}

/* Its keeper did not end it in time. */
static void finish_late(struct sandbox_command *c)
{
    c->ended = (struct sandbox_ended){.stop = SANDBOX_TIMEOUT,
                                      .limit = limits_find(STR("command_timeout")),
                                      .detail = "its time was over, and it was killed"};
    finish(c);
}

static void on_timer(void *arg)
{
    struct sandbox_command *c = arg;
    if (channel_unread(c->channel) > 0) {
        os_watch_set_timer(c->timer, c->last_ns);
        on_channel(-1, 0, c);
    } else if (c->is_cancelled)
        finish_without(c, SANDBOX_CANCEL, "cancelled");
    else
        finish_late(c);
}

void sandbox_command_cancel(struct sandbox_command *c)
{
    if (c->is_done || c->is_cancelled)
        return;
    c->is_cancelled = true;
    os_watch_set_timer(c->timer, os_now_mono_ns() + CANCEL_GRACE_NS);
    if (channel_send_text(c->channel, KEEPER_CANCEL, 0, STR("{}"), STR(""), NULL, 0) < 0)
        os_watch_set_timer(c->timer, 0);
}

void sandbox_command_kill(struct sandbox_command *c)
{
    finish_without(c, SANDBOX_CANCEL, "cancelled");
}

/* --- the pipes --- */

static int pass_on(int stream, struct str bytes, void *arg)
{
    struct sandbox_command *c = arg;
    c->on_output(stream, bytes, c->arg);
    return 0;
}

/* 1 there may be more; 0 nothing is there now; the pipe is closed when it ended. */
static int take_output(struct sandbox_command *c, int i)
{
    char piece[PIECE];
    ssize_t n = os_read(c->pipes[i], piece, sizeof(piece));
    if (n == -EAGAIN)
        return 0;
    if (n > 0 && output_add(&c->output, i + 1, (struct str){piece, (size_t)n}) == 0)
        return 1;
    os_watch_free(take(c->pipe_watches[i]));
    os_close(take_fd(&c->pipes[i]));
    return 0;
}

static void on_stdout(int fd unused_, unsigned events unused_, void *arg)
{
    (void)take_output(arg, 0);
}

static void on_stderr(int fd unused_, unsigned events unused_, void *arg)
{
    (void)take_output(arg, 1);
}

/* When nobody is left to write: what the pipe still holds. It has an end, because a pipe has a size. */
static void drain(struct sandbox_command *c, int i)
{
    for (int n = 0; n < DRAIN_MAX && c->pipes[i] >= 0 && take_output(c, i) == 1; n++)
        ;
}

static void close_sink(struct sandbox_command *c)
{
    os_watch_free(take(c->source_watch));
    os_watch_free(take(c->sink_watch));
    os_close(take_fd(&c->sink));
}

/* Source and sink take turns: one of the two is listened to. */
static void on_sink(int fd unused_, unsigned events unused_, void *arg)
{
    struct sandbox_command *c = arg;
    ssize_t n = c->input.len > 0 ? os_write(c->sink, c->input.at, c->input.len) : 0;
    if (n == -EAGAIN)
        return;
    if (n < 0) {
        close_sink(c); /* it does not read any more */
        return;
    }
    c->input = (struct str){c->input.at + n, c->input.len - (size_t)n};
    if (c->input.len > 0)
        return;
    if (c->source < 0) {
        close_sink(c);
        return;
    }
    if (os_watch_set_events(c->sink_watch, 0) < 0 ||
        os_watch_set_events(c->source_watch, OS_READ) < 0)
        close_sink(c);
}

static void on_source(int fd, unsigned events unused_, void *arg)
{
    struct sandbox_command *c = arg;
    ssize_t n = os_read(fd, c->piece, PIECE);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        close_sink(c);
        return;
    }
    c->input = (struct str){c->piece, (size_t)n};
    if (os_watch_set_events(c->source_watch, 0) < 0 ||
        os_watch_set_events(c->sink_watch, OS_WRITE) < 0)
        close_sink(c);
}

static void on_no_reader(int signal unused_, void *arg unused_)
{
    /* SIGPIPE is blocked while it is watched: the write says EPIPE. */
}

static int listen_to_all(struct sandbox_command *c)
{
    static const int signals[] = {SIGPIPE, 0};
    if (!i64_add(os_now_mono_ns(), c->limits.command_timeout_ns + GRACE_NS, &c->last_ns))
        c->last_ns = INT64_MAX;
    int r = channel_set_nonblock(c->channel);
    if (r == 0)
        r = os_loop_watch_signals(c->loop, signals, on_no_reader, c, &c->signals);
    if (r == 0)
        r = os_loop_watch_timer(c->loop, c->last_ns, on_timer, c, &c->timer);
    if (r == 0)
        r = os_loop_watch_fd(c->loop, channel_fd(c->channel), OS_READ, on_channel, c,
                             &c->channel_watch);
    if (r == 0)
        r = os_loop_watch_fd(c->loop, c->pipes[0], OS_READ, on_stdout, c, &c->pipe_watches[0]);
    if (r == 0)
        r = os_loop_watch_fd(c->loop, c->pipes[1], OS_READ, on_stderr, c, &c->pipe_watches[1]);
    if (r == 0)
        r = os_loop_watch_fd(c->loop, c->sink, c->source >= 0 ? 0 : OS_WRITE, on_sink, c,
                             &c->sink_watch);
    if (r == 0 && c->source >= 0)
        r = os_loop_watch_fd(c->loop, c->source, OS_READ, on_source, c, &c->source_watch);
    return r;
}

/* --- the beginning --- */

static int make_pipes(struct sandbox_command *c, int theirs[3])
{
    int r = os_pipe(&theirs[0], &c->sink);
    if (r == 0)
        r = os_pipe(&c->pipes[0], &theirs[1]);
    if (r == 0)
        r = os_pipe(&c->pipes[1], &theirs[2]);
    if (r == 0)
        r = os_set_nonblock(c->sink, true);
    if (r == 0)
        r = os_set_nonblock(c->pipes[0], true);
    return r == 0 ? os_set_nonblock(c->pipes[1], true) : r;
}

static int wait_ready(struct sandbox_command *c, struct fault *reterr)
{
    struct message m;
    struct fault why = {0};
    struct str text = STR("it does not say why"), next = STR("");
    int r = channel_recv(c->channel, os_now_mono_ns() + READY_NS, &m, &why);
    if (r > 0)
        return fault_set(reterr, FAULT_SANDBOX,
                         "the jail of the command did not stand within 10 s");
    if (r < 0)
        return fault_set(reterr, FAULT_SANDBOX, "the jail of the command does not stand: %s",
                         *why.text ? why.text : fault_sentence(r));
    if (m.type == MONITOR_READY && m.body) {
        c->confinement = take(m.body);
        c->listener = m.fd_count > 0 ? take_fd(&m.fds[0]) : -1;
        if (c->has_proxy != (c->listener >= 0))
            r = fault_set(reterr, FAULT_SANDBOX,
                          "the jail of the command has no proxy, or one that nobody asked for");
    } else {
        (void)!json_get_str(m.body, "text", &text, NULL);
        (void)!json_get_str(m.body, "next", &next, NULL);
        r = fault_set(reterr, FAULT_SANDBOX, "%.*s", (int)(text.len < 400 ? text.len : 400),
                      text.at);
        if (next.len > 0)
            fault_next(reterr, "%.*s", (int)(next.len < 200 ? next.len : 200), next.at);
    }
    message_done(&m);
    return r;
}

static int spawn(struct sandbox_command *c, const struct sandbox_command_config *config,
                 const int pipes[3], int channel_fd, struct fault *reterr)
{
    auto_(command_order) struct command_order *order = NULL;
    int r = command_order_new(config, &order, reterr);
    if (r < 0)
        return r;
    int fds[4 + SANDBOX_MOUNTS_MAX] = {pipes[0], pipes[1], pipes[2], channel_fd};
    for (size_t i = 0; i < config->mount_count; i++)
        fds[4 + i] = config->mounts[i].dir_fd;
    uint32_t namespaces = jail_namespaces(JAIL_KEEPER);
    const struct os_spawn how = {
        .program = config->program,
        .program_fd = -1,
        .argv = (const char *const *)order->argv,
        .env = (const char *const *)order->env,
        .fds = fds,
        .fd_count = 4 + config->mount_count,
        .namespaces = namespaces,
        .die_with_parent = true,
    };
    if (os_spawn(&how, &c->child, reterr) < 0) {
        fault_next(reterr, "is BoxAgnts installed whole? its programs stand beside `boxagnts`");
        if (reterr)
            reterr->code = FAULT_SANDBOX;
        return -FAULT_SANDBOX;
    }
    return 0;
}

static int start(struct sandbox_command *c, const struct sandbox_command_config *config,
                 struct fault *reterr)
{
    int theirs[4] = {-1, -1, -1, -1}, ours = -1;
    int r = make_pipes(c, theirs);
    if (r == 0)
        r = os_socket_pair(&ours, &theirs[3]);
    if (r == 0)
        r = channel_new(ours, permits_monitor_keeper, QUEUE_MAX, &c->channel);
    if (r < 0)
        r = fault_sys(reterr, -r, "no pipes to a command");
    else
        r = spawn(c, config, theirs, theirs[3], reterr);
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
        os_close(theirs[i]);
    return r;
}

int sandbox_command_start(const struct sandbox_command_config *config, struct os_loop *loop,
                          sandbox_command_output_fn on_output, sandbox_command_done_fn on_done,
                          void *arg, own struct sandbox_command **ret, struct fault *reterr)
{
    auto_(sandbox_command) struct sandbox_command *c = calloc(1, sizeof(*c));
    if (!c || !(c->piece = malloc(PIECE))) {
        free(take(c));
        return -ENOMEM;
    }
    c->child.pidfd = c->pipes[0] = c->pipes[1] = c->sink = c->listener = -1;
    c->loop = loop;
    c->limits = config->limits;
    c->has_proxy = config->proxy;
    c->source = config->stdin_fd;
    c->input = config->stdin_fd < 0 ? config->stdin_bytes : STR("");
    c->on_output = on_output;
    c->on_done = on_done;
    c->arg = arg;
    output_init(&c->output, config->limits.max_output_bytes, on_output ? pass_on : NULL, c);
    c->born_ns = os_now_mono_ns();
    int r = start(c, config, reterr);
    if (r == 0)
        r = wait_ready(c, reterr);
    if (r < 0)
        return r;
    channel_set_state(c->channel, STATE_BUSY);
    r = listen_to_all(c);
    if (r < 0)
        return fault_sys(reterr, -r, "the command cannot be listened to");
    if (channel_unread(c->channel) >
        0) /* a quick one has ended already; the loop would not hear of it */
        os_watch_set_timer(c->timer, 0);
    *ret = take(c);
    return 0;
}
