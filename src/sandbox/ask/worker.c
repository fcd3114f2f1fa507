/* A worker seen from the monitor. The other end is a process that runs hostile code, so nothing it says is believed:
 * frames go through the permit table, the answer through the decoder, what it claims to have used is cut to what it
 * could have used, and our own clock decides when it has had its time. However a run ends, on_done is called once.
 *
 * States of a run: none -> running -> (cancelling) -> none. A worker that crashed, lied or was killed is dead and
 * serves nothing any more; its tree is gone, because killing it ends its pid namespace. */
#include "sandbox/ask/worker.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/socket.h"
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define READY_NS (10 * OS_NS_PER_S)
#define GRACE_NS (200 * OS_NS_PER_MS)        /* past the deadline: the worker stops by itself within some ms */
#define CANCEL_GRACE_NS (50 * OS_NS_PER_MS)

enum {
    FIRST_MOUNT_FD = 4,
    QUEUE_MAX = 64 << 20,
    ARGS_MAX = SANDBOX_MOUNTS_MAX + 8,
};

struct sandbox_worker {
    struct os_child child;
    struct channel *channel; /* own */
    json_t *confinement;     /* own */
    int64_t stack_max, memory_max, table_max;
    bool is_dead;
    uint64_t next_id;

    /* The run under way. */
    bool is_running, is_cancelled;
    uint64_t id;
    struct sandbox_limits limits;
    int64_t started_ns;
    struct os_watch *fd_watch, *timer; /* own */
    sandbox_output_fn on_output;
    sandbox_done_fn on_done;
    void *arg;
    struct sandbox_outcome outcome;
    bool has_outcome;
    int64_t streamed; /* bytes so far */
    char said[400];   /* what the worker gave up with */
};

/* --- starting --- */

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
            buf_addf(&words, "%s%s", words.len ? "," : "", jail_facet_name((enum jail_facet)(1U << i)));
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
        r = argument(a, "--mount=%s:%s", config->mounts[i].writable ? "rw" : "ro", config->mounts[i].guest);
    if (r == 0 && config->undo_root_fd >= 0)
        r = argument(a, "--undo-fd=%d", FIRST_MOUNT_FD + (int)config->mount_count);
    return r;
}

static int spawn(const struct sandbox_worker_config *config, int channel_fd, struct os_child *ret, struct fault *reterr)
{
    if (config->mount_count > SANDBOX_MOUNTS_MAX)
        return fault_set(reterr, FAULT_CONFIG, "more than %d mounts", SANDBOX_MOUNTS_MAX);
    auto_free struct arguments *a = calloc(1, sizeof *a);
    if (!a)
        return fault_set(reterr, ENOMEM, "no memory to start a worker");
    int r = arguments_of(config, a);
    if (r < 0)
        return fault_set(reterr, -r, "the worker's arguments are too long");
    int fds[FIRST_MOUNT_FD + SANDBOX_MOUNTS_MAX + 1] = {-1, -1, -1, channel_fd};
    size_t count = FIRST_MOUNT_FD;
    for (size_t i = 0; i < config->mount_count; i++)
        fds[count++] = config->mounts[i].dir_fd;
    if (config->undo_root_fd >= 0)
        fds[count++] = config->undo_root_fd;
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

static void copy_said(char *ret, size_t size, const json_t *body)
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
    copy_said(said, sizeof said, m->body);
    int r = fault_set(reterr, FAULT_SANDBOX, "the worker cannot build its jail: %s", *said ? said : "it does not say why");
    struct str next;
    if (m->body && json_get_str(m->body, "next", &next, NULL) == 0)
        fault_next(reterr, "%.*s", (int)(next.len < 200 ? next.len : 200), next.at);
    return r;
}

/* How a child ended, for a sentence. */
static void describe_end(struct os_child *child, char *ret, size_t size)
{
    int status = 0;
    int r = os_child_wait(child, os_now_mono_ns() + 100 * OS_NS_PER_MS, &status);
    if (r != 0)
        snprintf(ret, size, "it closed its channel");
    else if ((status & 0x7f) != 0)
        snprintf(ret, size, "it was ended by signal %d", status & 0x7f);
    else
        snprintf(ret, size, "it ended with code %d", (status >> 8) & 0xff);
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
    describe_end(&w->child, end, sizeof end);
    return fault_set(reterr, FAULT_SANDBOX, "the worker was not ready: %s (%s)", why.text, end);
}

int sandbox_worker_new(const struct sandbox_worker_config *config, own struct sandbox_worker **ret,
                       struct fault *reterr)
{
    auto_(sandbox_worker) struct sandbox_worker *w = calloc(1, sizeof *w);
    if (!w)
        return fault_set(reterr, ENOMEM, "no memory for a worker");
    w->child.pidfd = -1;
    w->stack_max = config->stack_max;
    w->memory_max = config->memory_max;
    w->table_max = config->table_max;
    int ours;
    auto_close int theirs = -1;
    int r = os_socket_pair(&ours, &theirs);
    if (r < 0)
        return fault_sys(reterr, -r, "no channel to a worker");
    r = channel_new(ours, permits_monitor_worker, QUEUE_MAX, &w->channel);
    if (r < 0)
        return fault_set(reterr, -r, "no channel to a worker");
    r = spawn(config, theirs, &w->child, reterr);
    if (r < 0)
        return r;
    os_close(take_fd(&theirs)); /* or its end would never be seen */
    r = wait_ready(w, reterr);
    if (r < 0)
        return r;
    r = channel_set_nonblock(w->channel);
    if (r < 0)
        return fault_sys(reterr, -r, "the channel to a worker");
    channel_set_state(w->channel, STATE_IDLE);
    *ret = take(w);
    return 0;
}

/* --- what it is --- */

bool sandbox_worker_serves(const struct sandbox_worker *w, const struct sandbox_limits *l)
{
    /* The stack is the engine's: more than asked for would be no limit. Memory and table are cut per run. */
    return l->wasm_max_wasm_stack == w->stack_max && l->wasm_max_memory_size <= w->memory_max &&
           l->wasm_max_table_elements <= w->table_max;
}

const json_t *sandbox_worker_confinement(const struct sandbox_worker *w)
{
    return w->confinement;
}

int64_t sandbox_worker_pid(const struct sandbox_worker *w)
{
    return w->child.pid;
}

bool sandbox_worker_dead(const struct sandbox_worker *w)
{
    return w->is_dead || os_wait_fd(w->child.pidfd, false, 0) == 0;
}

static void kill_worker(struct sandbox_worker *w)
{
    w->is_dead = true;
    os_child_done(&w->child);
}

/* --- a run --- */

static void drop_watches(struct sandbox_worker *w)
{
    os_watch_free(w->fd_watch);
    os_watch_free(w->timer);
    w->fd_watch = w->timer = NULL;
}

/* The one way out of a run. The callback may free the worker: it is not touched afterwards. */
static void finish(struct sandbox_worker *w)
{
    must(w->is_running);
    drop_watches(w);
    w->is_running = false;
    if (!w->is_dead)
        channel_set_state(w->channel, STATE_IDLE);
    struct sandbox_outcome outcome = w->outcome;
    w->outcome = (struct sandbox_outcome){.stop = SANDBOX_CRASH};
    outcome.used.output_bytes = outcome.used.output_bytes > w->streamed ? outcome.used.output_bytes : w->streamed;
    int64_t elapsed_us = (os_now_mono_ns() - w->started_ns) / 1000;
    sandbox_outcome_bound(&outcome, &w->limits, elapsed_us);
    w->on_done(&outcome, w->arg);
    sandbox_outcome_done(&outcome);
}

/* Ends a run whose worker gave no answer that counts. What an incomplete answer put into the outcome goes. */
static void finish_without(struct sandbox_worker *w, enum sandbox_stop stop, const char *fmt, ...) printf_like(3, 4);
static void finish_without(struct sandbox_worker *w, enum sandbox_stop stop, const char *fmt, ...)
{
    sandbox_outcome_done(&w->outcome);
    sandbox_outcome_init(&w->outcome, 0);
    w->outcome.stop = stop;
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->outcome.detail, sizeof w->outcome.detail, fmt, args);
    va_end(args);
    w->outcome.used.wall_us = (os_now_mono_ns() - w->started_ns) / 1000;
    kill_worker(w);
    finish(w);
}

static int take_output(struct sandbox_worker *w, const struct message *m)
{
    int64_t stream = 0;
    if (!m->body || json_get_i64(m->body, "stream", 1, 2, &stream, NULL) != 0)
        return -FAULT_PROTOCOL;
    w->streamed += (int64_t)m->raw.len;
    if (w->streamed > w->limits.max_output_bytes || !w->on_output)
        return -FAULT_PROTOCOL;
    w->on_output((int)stream, m->raw, w->arg);
    return 0;
}

enum { RUN_OVER = 1 };

static int on_message(struct message *m, void *arg)
{
    struct sandbox_worker *w = arg;
    struct fault why = {0};
    int r = 0;
    if (m->type == MONITOR_FAULT) {
        copy_said(w->said, sizeof w->said, m->body);
        return -FAULT_SANDBOX;
    }
    if (m->id != w->id)
        r = fault_set(&why, FAULT_PROTOCOL, "an answer to no question");
    else if (m->type == MONITOR_OUTPUT)
        r = take_output(w, m);
    else if (!m->body)
        r = -FAULT_PROTOCOL;
    else if ((r = sandbox_outcome_from_json(m->body, m->raw, &w->outcome, &why)) == 0)
        w->has_outcome = true;
    if (r == 0 && w->has_outcome && w->outcome.stop == SANDBOX_CANCEL && !w->is_cancelled)
        r = fault_set(&why, FAULT_PROTOCOL, "it says that it was cancelled, and was not");
    if (r < 0) {
        snprintf(w->said, sizeof w->said, "%.399s", *why.text ? why.text : "a malformed answer");
        return r;
    }
    return w->has_outcome ? RUN_OVER : 0;
}

static void end_after_fault(struct sandbox_worker *w, int r, const struct fault *why)
{
    if (w->is_cancelled && r == -FAULT_PEER_GONE) {
        finish_without(w, SANDBOX_CANCEL, "it was cancelled, and its worker ended");
    } else if (r == -FAULT_SANDBOX) {
        finish_without(w, SANDBOX_CRASH, "the worker gave up: %s", *w->said ? w->said : "it does not say why");
    } else if (r == -FAULT_PROTOCOL) {
        finish_without(w, SANDBOX_CRASH, "the worker broke the protocol: %s", *w->said ? w->said : why->text);
    } else if (r == -FAULT_PEER_GONE) {
        char end[80];
        describe_end(&w->child, end, sizeof end);
        finish_without(w, SANDBOX_CRASH, "the worker crashed: %s", end);
    } else {
        finish_without(w, SANDBOX_CRASH, "the worker cannot be reached: %s", fault_sentence(r));
    }
}

static void on_ready(int fd, unsigned events, void *arg)
{
    (void)fd;
    struct sandbox_worker *w = arg;
    struct fault why = {0};
    if (events & OS_WRITE) {
        int left = channel_pump_out(w->channel);
        if (left == 0)
            left = os_watch_set_events(w->fd_watch, OS_READ);
        if (left < 0) {
            end_after_fault(w, left, &why);
            return;
        }
    }
    if (!(events & (OS_READ | OS_HUP)))
        return;
    int r = channel_pump_in(w->channel, on_message, w, &why);
    if (r == RUN_OVER)
        finish(w);
    else if (r < 0)
        end_after_fault(w, r, &why);
}

static void on_time(void *arg)
{
    struct sandbox_worker *w = arg;
    if (w->is_cancelled)
        finish_without(w, SANDBOX_CANCEL, "it was cancelled and did not stop by itself: its worker was killed");
    else
        finish_without(w, SANDBOX_TIMEOUT, "it ran past its deadline and did not stop by itself: its worker was killed");
}

static int send_run(struct sandbox_worker *w, const struct sandbox_run *run)
{
    auto_json json_t *body = sandbox_run_json(run);
    if (!body)
        return -ENOMEM;
    const int given[] = {run->code_fd, run->stdin_fd, run->undo_fd, run->http_fd};
    int fds[ARRAY_LEN(given)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        if (given[i] >= 0)
            fds[count++] = given[i];
    struct str raw = run->stdin_fd >= 0 ? STR("") : run->stdin_bytes;
    return channel_send(w->channel, WORKER_RUN, w->id, body, raw, fds, count);
}

static int watch_run(struct sandbox_worker *w, struct os_loop *loop)
{
    unsigned events = channel_queued(w->channel) > 0 ? OS_READ | OS_WRITE : OS_READ;
    int64_t deadline;
    if (!i64_add(w->started_ns, w->limits.wasm_timeout_ns, &deadline) || !i64_add(deadline, GRACE_NS, &deadline))
        deadline = INT64_MAX;
    int r = os_loop_watch_fd(loop, channel_fd(w->channel), events, on_ready, w, &w->fd_watch);
    return r < 0 ? r : os_loop_watch_timer(loop, deadline, on_time, w, &w->timer);
}

int sandbox_worker_run(struct sandbox_worker *w, struct os_loop *loop, const struct sandbox_run *run,
                       sandbox_output_fn on_output, sandbox_done_fn on_done, void *arg, struct fault *reterr)
{
    if (w->is_running)
        return fault_set(reterr, EBUSY, "the worker has a run under way");
    if (w->is_dead)
        return fault_set(reterr, FAULT_PEER_GONE, "the worker has ended");
    if (!sandbox_worker_serves(w, &run->limits))
        return fault_set(reterr, FAULT_SANDBOX, "this worker has not the stack, memory or table that the run asks for");
    int fits = sandbox_run_check(run, reterr);
    if (fits < 0)
        return fits;
    w->id = ++w->next_id;
    w->limits = run->limits;
    w->on_output = run->stream_output ? on_output : NULL;
    w->on_done = on_done;
    w->arg = arg;
    w->is_cancelled = w->has_outcome = false;
    w->streamed = 0;
    w->said[0] = '\0';
    size_t output_max = run->limits.max_output_bytes < (int64_t)SANDBOX_COLLECT_MAX
                            ? (size_t)run->limits.max_output_bytes
                            : SANDBOX_COLLECT_MAX;
    sandbox_outcome_init(&w->outcome, output_max);
    w->started_ns = os_now_mono_ns();
    channel_set_state(w->channel, STATE_BUSY);
    int r = send_run(w, run);
    /* A worker that died since: the run ends as a crash, in the loop like every other end. */
    if (r == -FAULT_PEER_GONE)
        r = 0;
    if (r == 0)
        r = watch_run(w, loop);
    if (r < 0) {
        drop_watches(w);
        channel_set_state(w->channel, STATE_IDLE);
        sandbox_outcome_done(&w->outcome);
        return fault_set(reterr, -r, "a run cannot be sent to its worker: %s", fault_sentence(r));
    }
    w->is_running = true;
    return 0;
}

void sandbox_worker_cancel(struct sandbox_worker *w)
{
    if (!w->is_running || w->is_cancelled)
        return;
    w->is_cancelled = true;
    /* Should the frame not go out, the clock does its work. */
    if (channel_send(w->channel, WORKER_CANCEL, w->id, NULL, STR(""), NULL, 0) == 0 && channel_queued(w->channel) > 0)
        (void)!os_watch_set_events(w->fd_watch, OS_READ | OS_WRITE);
    os_watch_set_timer(w->timer, os_now_mono_ns() + CANCEL_GRACE_NS);
}

void sandbox_worker_kill(struct sandbox_worker *w)
{
    if (w->is_running)
        finish_without(w, SANDBOX_CANCEL, "it was cancelled: its worker was killed");
}

void sandbox_worker_free(own struct sandbox_worker *w)
{
    if (!w)
        return;
    drop_watches(w);
    sandbox_outcome_done(&w->outcome);
    os_child_done(&w->child);
    channel_free(w->channel);
    json_decref(w->confinement);
    free(w);
}
