/* Starting a worker: its arguments, its descriptors, waiting until it says that its jail stands. */
#include "sandbox/ask/worker_inside.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define READY_NS (10 * OS_NS_PER_S)

enum {
    FIRST_MOUNT_FD = 4,
    QUEUE_MAX = 64 << 20,
    ARGS_MAX = SANDBOX_MOUNTS_MAX + 8,
};

struct arguments {
    char text[ARGS_MAX][SANDBOX_PATH_MAX + 32];
    const char *list[ARGS_MAX + 1];
    size_t count;
};

static int argument(struct arguments *a, const char *fmt, ...) printf_like(2, 3);
static int argument(struct arguments *a, const char *fmt, ...)
{
    must(a->count < ARGS_MAX);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(a->text[a->count], sizeof a->text[0], fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof a->text[0])
        return -ENAMETOOLONG;
    a->list[a->count] = a->text[a->count];
    a->list[++a->count] = NULL;
    return 0;
}

static int argument_required(struct arguments *a, uint32_t facets)
{
    auto_done(buf) struct buf words;
    buf_init(&words, 256);
    for (unsigned i = 0; i < JAIL_FACET_COUNT; i++)
        if (facets & (1U << i))
            buf_addf(&words, "%s%s", words.len ? "," : "",
                     jail_facet_name((enum jail_facet)(1U << i)));
    int r = buf_error(&words);
    return r < 0 || words.len == 0 ? r : argument(a, "--required=%s", words.at);
}

static int arguments_of(const struct sandbox_worker_config *config, struct arguments *a)
{
    char outer[JAIL_OUTSIDE_ARG_SIZE];
    jail_outside_arg(outer);
    int r = argument(a, "boxagnts-worker");
    if (r == 0)
        r = argument(a, "%s", outer);
    if (r == 0)
        r = argument_required(a, config->required_facets);
    if (r == 0)
        r = argument(a, "--stack=%" PRId64, config->stack_max);
    if (r == 0)
        r = argument(a, "--memory=%" PRId64, config->memory_max);
    if (r == 0)
        r = argument(a, "--table=%" PRId64, config->table_max);
    for (size_t i = 0; r == 0 && i < config->mount_count; i++)
        r = argument(a, "--mount=%s:%s", config->mounts[i].writable ? "rw" : "ro",
                     config->mounts[i].guest);
    int next = FIRST_MOUNT_FD + (int)config->mount_count;
    if (r == 0 && config->undo_root_fd >= 0)
        r = argument(a, "--undo-fd=%d", next++);
    return r < 0 ? r : argument(a, "--gauge-fd=%d", next);
}

static int spawn(const struct sandbox_worker_config *config, int channel_fd, int gauge_fd,
                 struct os_child *ret, struct fault *reterr)
{
    if (config->mount_count > SANDBOX_MOUNTS_MAX)
        return fault_set(reterr, FAULT_CONFIG, "more than %d mounts", SANDBOX_MOUNTS_MAX);
    auto_free struct arguments *a = calloc(1, sizeof *a);
    if (!a)
        return fault_set(reterr, ENOMEM, "no memory to start a worker");
    int r = arguments_of(config, a);
    if (r < 0)
        return fault_set(reterr, -r, "the worker's arguments are too long");
    int fds[FIRST_MOUNT_FD + SANDBOX_MOUNTS_MAX + 2] = {-1, -1, -1, channel_fd};
    size_t count = FIRST_MOUNT_FD;
    for (size_t i = 0; i < config->mount_count; i++)
        fds[count++] = config->mounts[i].dir_fd;
    if (config->undo_root_fd >= 0)
        fds[count++] = config->undo_root_fd;
    fds[count++] = gauge_fd;
    uint32_t namespaces = jail_namespaces(JAIL_WORKER);
    const struct os_spawn how = {
        .program = config->program,
        .program_fd = -1,
        .argv = a->list,
        .fds = fds,
        .fd_count = count,
        .namespaces = namespaces,
        .namespaces_must = config->required_facets & JAIL_NAMESPACES ? namespaces : 0,
        .die_with_parent = true,
    };
    if (os_spawn(&how, ret, reterr) < 0) {
        fault_next(reterr, "is BoxAgnts installed whole? its programs stand beside `boxagnts`");
        if (reterr)
            reterr->code = FAULT_SANDBOX;
        return -FAULT_SANDBOX;
    }
    return 0;
}

void worker_copy_said(char *ret, size_t size, const json_t *body)
{
    struct str text = {"", 0};
    if (body && json_get_str(body, "text", &text, NULL) != 0)
        text = STR("");
    if (text.len > size - 1)
        text.len = utf8_valid_prefix((struct str){text.at, size - 1});
    memcpy(ret, text.at, text.len);
    ret[text.len] = '\0';
    for (char *c = ret; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

static int take_ready(struct sandbox_worker *w, struct message *m, struct fault *reterr)
{
    if (m->type == MONITOR_READY && m->body) {
        w->confinement = take(m->body);
        return 0;
    }
    char said[400];
    worker_copy_said(said, sizeof said, m->body);
    int r = fault_set(reterr, FAULT_SANDBOX, "the worker cannot build its jail: %s",
                      *said ? said : "it does not say why");
    struct str next;
    if (m->body && json_get_str(m->body, "next", &next, NULL) == 0)
        fault_next(reterr, "%.*s", (int)(next.len < 200 ? next.len : 200), next.at);
    return r;
}

void worker_describe_end(struct os_child *child, char *ret, size_t size, int *ret_exit)
{
    int status = 0, ignored;
    ret_exit = ret_exit ? ret_exit : &ignored;
    *ret_exit = -1;
    int r = os_child_wait(child, os_now_mono_ns() + 100 * OS_NS_PER_MS, &status);
    if (r != 0) {
        snprintf(ret, size, "it closed its channel");
    } else if ((status & 0x7f) != 0) {
        snprintf(ret, size, "it was ended by signal %d", status & 0x7f);
    } else {
        *ret_exit = (status >> 8) & 0xff;
        snprintf(ret, size, "it ended with code %d", *ret_exit);
    }
}

static int wait_ready(struct sandbox_worker *w, struct fault *reterr)
{
    struct message m;
    struct fault why = {0};
    int r = channel_recv(w->channel, os_now_mono_ns() + READY_NS, &m, &why);
    if (r == 0) {
        r = take_ready(w, &m, reterr);
        message_done(&m);
        if (r == 0 && channel_unread(w->channel) > 0) /* it speaks only when asked */
            r = fault_set(reterr, FAULT_SANDBOX, "the worker says more than that it is ready");
        return r;
    }
    if (r > 0)
        return fault_set(reterr, FAULT_SANDBOX, "the worker was not ready within 10 s");
    char end[80];
    worker_describe_end(&w->child, end, sizeof end, NULL);
    return fault_set(reterr, FAULT_SANDBOX, "the worker was not ready: %s (%s)", why.text, end);
}

/* What it is held to, before there is a process. */
static int set_terms(struct sandbox_worker *w, const struct sandbox_worker_config *config)
{
    w->child.pidfd = -1;
    w->stack_max = config->stack_max;
    w->memory_max = config->memory_max;
    w->table_max = config->table_max;
    w->runs_max = config->runs_max > 0 ? config->runs_max : SANDBOX_WORKER_RUNS_MAX;
    w->memory_growth_max =
        config->memory_growth_max > 0 ? config->memory_growth_max : SANDBOX_WORKER_GROWTH_MAX;
    w->agent = str_dup(str_of(config->agent));
    return w->agent ? 0 : -ENOMEM;
}

static int launch(struct sandbox_worker *w, const struct sandbox_worker_config *config,
                  struct fault *reterr)
{
    int ours;
    auto_close int theirs = -1, gauge_fd = -1;
    void *gauge = NULL;
    int r = os_shared_new("gauge", SANDBOX_GAUGE_SIZE, &gauge_fd);
    if (r == 0)
        r = os_shared_map(gauge_fd, SANDBOX_GAUGE_SIZE, &gauge);
    if (r < 0)
        return fault_sys(reterr, -r, "no page to share with a worker");
    w->gauge = gauge;
    r = os_socket_pair(&ours, &theirs);
    if (r < 0)
        return fault_sys(reterr, -r, "no channel to a worker");
    r = channel_new(ours, permits_monitor_worker, QUEUE_MAX, &w->channel);
    if (r < 0)
        return fault_set(reterr, -r, "no channel to a worker");
    r = spawn(config, theirs, gauge_fd, &w->child, reterr);
    if (r < 0)
        return r;
    os_close(take_fd(&theirs)); /* or its end would never be seen */
    return wait_ready(w, reterr);
}

int sandbox_worker_new(const struct sandbox_worker_config *config, own struct sandbox_worker **ret,
                       struct fault *reterr)
{
    auto_(sandbox_worker) struct sandbox_worker *w = calloc(1, sizeof *w);
    if (!w || set_terms(w, config) < 0)
        return fault_set(reterr, ENOMEM, "no memory for a worker");
    int r = launch(w, config, reterr);
    if (r < 0)
        return r;
    r = channel_set_nonblock(w->channel);
    if (r < 0)
        return fault_sys(reterr, -r, "the channel to a worker");
    channel_set_state(w->channel, STATE_IDLE);
    w->memory_at_start = os_child_memory(&w->child);
    *ret = take(w);
    return 0;
}
