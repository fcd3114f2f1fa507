/* A worker seen from the monitor. The other end is a process that runs hostile code, so nothing it says is believed:
 * frames go through the permit table, the answer through the decoder, what it claims to have used is cut to what it
 * could have used, and our own clock decides when it has had its time. However a run ends, on_done is called once.
 *
 * A worker is a disposable thing and is disposed of: is_due() says when. The caller starts another; this one refuses.
 *
 * States of a run: none -> running -> (cancelling) -> none. A worker that crashed, lied or was killed is dead and
 * serves nothing any more; its tree is gone, because killing it ends its pid namespace. */
#include "sandbox/ask/worker_inside.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "host/undo.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/socket.h"
#include "sandbox/run/landing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GRACE_NS                                                                                   \
    (200 * OS_NS_PER_MS) /* past the deadline: the worker stops by itself within some ms */
#define CANCEL_GRACE_NS (50 * OS_NS_PER_MS)

enum {
    LOOK_EVERY = 16
}; /* runs between two looks at a worker's memory: a look costs as much as a small run */

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

/* Whether the worker has had its time. What a guest could leave behind in this process, through a mistake in the engine or in
 * us, dies with it:
 *   crash       the process is gone or was killed
 *   interrupt   a guest that was stopped in the middle (deadline, cancel) was unwound from wherever it was; the code that does
 *               so is the least walked of all. A guest that ends, traps or runs out of fuel or stack ends where the engine
 *               expects it
 *   calls       whatever grows or wears with each call and is not seen otherwise
 *   memory      the pool keeps a known amount; a heap that grows past it is a leak or a hoard
 * A fresh one costs some milliseconds at the next call. */
static bool is_due(const struct sandbox_worker *w)
{
    return w->is_dead || w->was_interrupted || w->runs >= w->runs_max || w->has_grown;
}

bool sandbox_worker_spent(const struct sandbox_worker *w)
{
    return is_due(w);
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

static void grow_older(struct sandbox_worker *w)
{
    enum sandbox_stop stop = w->outcome.stop;
    w->was_interrupted |=
        stop == SANDBOX_TIMEOUT || stop == SANDBOX_CANCEL || stop == SANDBOX_CRASH;
    w->runs++;
    if (w->is_dead || w->memory_at_start < 0 || w->runs % LOOK_EVERY != 0)
        return;
    int64_t now = os_child_memory(&w->child);
    w->has_grown |= now - w->memory_at_start > w->memory_growth_max;
}

/* The one way out of a run. The callback may free the worker: it is not touched afterwards. */
static void finish(struct sandbox_worker *w)
{
    must(w->is_running);
    drop_watches(w);
    w->is_running = false;
    if (!w->is_dead)
        channel_set_state(w->channel, STATE_IDLE);
    grow_older(w);
    struct sandbox_outcome outcome = w->outcome;
    w->outcome = (struct sandbox_outcome){.stop = SANDBOX_CRASH};
    outcome.used.output_bytes =
        outcome.used.output_bytes > w->streamed ? outcome.used.output_bytes : w->streamed;
    int64_t elapsed_us = (os_now_mono_ns() - w->started_ns) / 1000;
    sandbox_outcome_bound(&outcome, &w->limits, elapsed_us);
    w->listener.on_done(&outcome, w->listener.arg);
    sandbox_outcome_done(&outcome);
}

/* What a worker without an answer used: its processor time as the kernel counts it, the rest as of its last word on the
 * shared page. To be asked before it is reaped. */
static void measure(struct sandbox_worker *w)
{
    w->last_use = sandbox_gauge_read(w->gauge);
    int64_t cpu = os_child_cpu_ns(&w->child);
    w->last_use.cpu_us = cpu > w->cpu_at_start_ns ? (cpu - w->cpu_at_start_ns) / 1000 : 0;
    w->last_use.wall_us = (os_now_mono_ns() - w->started_ns) / 1000;
}

/* Ends a run whose worker gave no answer that counts. What an incomplete answer put into the outcome goes. */
static void finish_without(struct sandbox_worker *w, enum sandbox_stop stop, const char *fmt, ...)
    printf_like(3, 4);
static void finish_without(struct sandbox_worker *w, enum sandbox_stop stop, const char *fmt, ...)
{
    sandbox_outcome_done(&w->outcome);
    sandbox_outcome_init(&w->outcome, 0);
    w->outcome.stop = stop;
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->outcome.detail, sizeof w->outcome.detail, fmt, args);
    va_end(args);
    w->outcome.ended_by = stop == SANDBOX_TIMEOUT ? "wasm_timeout" : NULL;
    w->outcome.used = w->last_use;
    kill_worker(w);
    finish(w);
}

static int take_output(struct sandbox_worker *w, const struct message *m)
{
    int64_t stream = 0;
    if (!m->body || json_get_i64(m->body, "stream", 1, 2, &stream, NULL) != 0)
        return -FAULT_PROTOCOL;
    w->streamed += (int64_t)m->raw.len;
    if (w->streamed > w->limits.max_output_bytes || !w->listener.on_output)
        return -FAULT_PROTOCOL;
    w->listener.on_output((int)stream, m->raw, w->listener.arg);
    return 0;
}

static int listen_again(struct sandbox_worker *w);

/* After a cancel nothing lands any more: the worker is told so, and ends. */
static int land(const struct sandbox_worker *w, const struct sandbox_landing *asked)
{
    const struct undo_landing what = {.stage = asked->stage,
                                      .path = asked->path,
                                      .folder_device = asked->device,
                                      .folder_inode = asked->inode,
                                      .is_new = asked->is_new};
    if (w->is_cancelled)
        return -ECANCELED;
    return w->listener.on_land ? w->listener.on_land(&what, w->listener.arg) : -EXDEV;
}

static int take_landing(struct sandbox_worker *w, const struct message *m, struct fault *why)
{
    struct sandbox_landing asked;
    int r = sandbox_landing_from_json(m->body, m->raw, &asked, why);
    if (r == 0 && channel_queued(w->channel) > 0) /* answers would pile up here */
        r = fault_set(why, FAULT_PROTOCOL, "it asks for landings and does not listen");
    if (r < 0)
        return r;
    auto_json json_t *body = sandbox_landed_json(land(w, &asked));
    if (!body)
        return -ENOMEM;
    r = channel_send(w->channel, WORKER_LANDED, w->id, body, STR(""), NULL, 0);
    return r < 0 ? r : listen_again(w);
}

enum { RUN_OVER = 1 };

static int on_message(struct message *m, void *arg)
{
    struct sandbox_worker *w = arg;
    struct fault why = {0};
    int r = 0;
    if (m->type == MONITOR_FAULT) {
        worker_copy_said(w->said, sizeof w->said, m->body);
        return -FAULT_SANDBOX;
    }
    if (m->id != w->id)
        r = fault_set(&why, FAULT_PROTOCOL, "an answer to no question");
    else if (m->type == MONITOR_OUTPUT)
        r = take_output(w, m);
    else if (!m->body)
        r = -FAULT_PROTOCOL;
    else if (m->type == MONITOR_LAND)
        r = take_landing(w, m, &why);
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

/* The exit code that a worker gives itself for a guest that could not be interrupted. It counts only when it can be true. */
static bool is_late(const struct sandbox_worker *w, int exit_code)
{
    return exit_code == SANDBOX_WORKER_LATE &&
           w->last_use.wall_us >= w->limits.wasm_timeout_ns / 1000;
}

static void end_after_fault(struct sandbox_worker *w, int r, const struct fault *why)
{
    measure(w);
    if (w->is_cancelled && r == -FAULT_PEER_GONE) {
        finish_without(w, SANDBOX_CANCEL, "it was cancelled, and its worker ended");
    } else if (r == -FAULT_SANDBOX) {
        finish_without(w, SANDBOX_CRASH, "the worker gave up: %s",
                       *w->said ? w->said : "it does not say why");
    } else if (r == -FAULT_PROTOCOL) {
        finish_without(w, SANDBOX_CRASH, "the worker broke the protocol: %s",
                       *w->said ? w->said : why->text);
    } else if (r == -FAULT_PEER_GONE) {
        char end[80];
        int exit_code;
        worker_describe_end(&w->child, end, sizeof end, &exit_code);
        if (is_late(w, exit_code))
            finish_without(w, SANDBOX_TIMEOUT,
                           "it ran longer than wasm_timeout (%" PRId64
                           " ms) in something that cannot be "
                           "interrupted: its worker ended with it",
                           w->limits.wasm_timeout_ns / OS_NS_PER_MS);
        else
            finish_without(w, SANDBOX_CRASH, "the worker crashed: %s", end);
    } else {
        finish_without(w, SANDBOX_CRASH, "the worker cannot be reached: %s", fault_sentence(r));
    }
}

/* What is to be listened for now. Paused, its end is still heard. */
static int listen_again(struct sandbox_worker *w)
{
    unsigned events =
        (w->is_paused ? OS_HUP : OS_READ) | (channel_queued(w->channel) > 0 ? OS_WRITE : 0);
    return os_watch_set_events(w->fd_watch, events);
}

static void on_ready(int fd, unsigned events, void *arg)
{
    (void)fd;
    struct sandbox_worker *w = arg;
    struct fault why = {0};
    if (events & OS_WRITE) {
        int left = channel_pump_out(w->channel);
        if (left == 0)
            left = listen_again(w);
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
    struct fault why = {0};
    /* The one who is late may be this process: what has come already counts. */
    int r = channel_pump_in(w->channel, on_message, w, &why);
    if (r == RUN_OVER) {
        finish(w);
        return;
    }
    if (r < 0) {
        end_after_fault(w, r, &why);
        return;
    }
    measure(w);
    if (w->is_cancelled)
        finish_without(w, SANDBOX_CANCEL,
                       "it was cancelled and did not stop by itself: its worker was killed");
    else
        finish_without(
            w, SANDBOX_TIMEOUT,
            "it ran past its deadline and did not stop by itself: its worker was killed");
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
    if (!i64_add(w->started_ns, w->limits.wasm_timeout_ns, &deadline) ||
        !i64_add(deadline, GRACE_NS, &deadline))
        deadline = INT64_MAX;
    int r = os_loop_watch_fd(loop, channel_fd(w->channel), events, on_ready, w, &w->fd_watch);
    return r < 0 ? r : os_loop_watch_timer(loop, deadline, on_time, w, &w->timer);
}

int sandbox_worker_run(struct sandbox_worker *w, struct os_loop *loop,
                       const struct sandbox_run *run, const struct sandbox_listener *listener,
                       struct fault *reterr)
{
    if (w->is_running)
        return fault_set(reterr, EBUSY, "the worker has a run under way");
    if (is_due(w))
        return fault_set(reterr, FAULT_PEER_GONE, "the worker has served its time");
    if (!run->agent || strcmp(run->agent, w->agent) != 0)
        return fault_set(reterr, FAULT_POLICY, "the worker is another agent's");
    if (!sandbox_worker_serves(w, &run->limits))
        return fault_set(reterr, FAULT_SANDBOX,
                         "this worker has not the stack, memory or table that the run asks for");
    int fits = sandbox_run_check(run, reterr);
    if (fits < 0)
        return fits;
    w->id = ++w->next_id;
    w->limits = run->limits;
    w->listener = *listener;
    if (!run->stream_output)
        w->listener.on_output = NULL;
    w->is_cancelled = w->is_paused = w->has_outcome = false;
    w->streamed = 0;
    w->said[0] = '\0';
    size_t output_max = run->limits.max_output_bytes < (int64_t)SANDBOX_COLLECT_MAX
                            ? (size_t)run->limits.max_output_bytes
                            : SANDBOX_COLLECT_MAX;
    sandbox_outcome_init(&w->outcome, output_max);
    memset(w->gauge, 0, sizeof *w->gauge); /* the worker is idle */
    w->last_use = (struct sandbox_use){0};
    w->cpu_at_start_ns = os_child_cpu_ns(&w->child);
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

void sandbox_worker_pause(struct sandbox_worker *w, bool on)
{
    if (!w->is_running || w->is_paused == on)
        return;
    w->is_paused = on;
    (void)!listen_again(w); /* should it not be heard again, the clock does its work */
}

void sandbox_worker_cancel(struct sandbox_worker *w)
{
    if (!w->is_running || w->is_cancelled)
        return;
    w->is_cancelled = true;
    w->is_paused = false; /* its answer is waited for */
    /* Should the frame not go out, the clock does its work. */
    (void)!channel_send(w->channel, WORKER_CANCEL, w->id, NULL, STR(""), NULL, 0);
    (void)!listen_again(w);
    os_watch_set_timer(w->timer, os_now_mono_ns() + CANCEL_GRACE_NS);
}

void sandbox_worker_kill(struct sandbox_worker *w)
{
    if (!w->is_running)
        return;
    measure(w);
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
    os_shared_unmap(w->gauge, SANDBOX_GAUGE_SIZE);
    json_decref(w->confinement);
    free(w->agent);
    free(w);
}
