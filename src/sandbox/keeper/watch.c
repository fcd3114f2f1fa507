/* Counting is by sampling, because on most machines no kernel does it for an ordinary user (no cgroup is delegated): what the
 * kernel can limit it limits exactly (processes, each file, each process's memory and processor time, /tmp); the sums over
 * the tree are looked at every STEP_NS, longer when looking is slow, so that it costs some percent at most.
 *
 * What a sample can miss, between two of them: memory, by what one step can fill; written bytes and processor time of
 * processes whose parent throws their accounts away (SIGCHLD ignored) and that live shorter than a step. For the
 * latter the wall clock is the end. */
#include "sandbox/keeper/watch.h"

#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/created.h"
#include "os/fd.h"
#include "os/keeper.h"
#include "os/loop.h"
#include "os/root.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_NS (10 * OS_NS_PER_MS)
#define STEP_NS (20 * OS_NS_PER_MS)
#define LAST_COUNTING_NS (20 * OS_NS_PER_MS)
#define COUNTING_NS OS_NS_PER_MS /* of walking through folders, in one step */
#define COST_FACTOR 25           /* a step is so many times as long as looking took */
enum { LOOK_AT_MAX = 8192 };

struct watch {
    const struct watch_config *c;
    struct os_loop *loop;
    struct os_watch *deadline, *step;
    struct sandbox_ended ended;
    bool is_stopped; /* decided by us: the first reason stays */
    bool has_ended;  /* the command's own process did, with `status` */
    int status;
    struct os_tree_use most; /* of each number, the largest seen */
};

static void stop(struct watch *w, enum sandbox_stop why, const char *limit, const char *fmt, ...)
    printf_like(4, 5);
static void stop(struct watch *w, enum sandbox_stop why, const char *limit, const char *fmt, ...)
{
    va_list args;
    if (w->is_stopped || w->has_ended)
        return;
    w->is_stopped = true;
    w->ended.stop = why;
    w->ended.limit = limit ? limits_find(str_of(limit)) : NULL;
    va_start(args, fmt);
    (void)vsnprintf(w->ended.detail, sizeof(w->ended.detail), fmt, args);
    va_end(args);
    os_loop_stop(w->loop, 0);
}

static void grow(uint64_t *most, uint64_t now)
{
    if (now > *most)
        *most = now;
}

static void check_processes(struct watch *w, const struct os_tree_use *now)
{
    if (now->processes > w->c->order->processes)
        stop(w, SANDBOX_QUOTA, "command_max_processes", "it had %zu processes and threads at once",
             now->processes);
    if (now->hidden > 0)
        stop(w, SANDBOX_QUOTA, "max_write_bytes", "a process hides what it writes");
}

static void check_cpu(struct watch *w, const struct os_tree_use *now)
{
    if (now->cpu_ns >= w->c->order->cpu_ns)
        stop(w, SANDBOX_TIMEOUT, "command_max_cpu", "it used its processor time");
}

static void check_written(struct watch *w, const struct os_tree_use *now)
{
    if (now->written_bytes > w->c->order->write_bytes)
        stop(w, SANDBOX_QUOTA, "max_write_bytes", "it wrote %llu bytes",
             (unsigned long long)now->written_bytes);
}

static void check_created(struct watch *w)
{
    uint64_t found = 0;
    int r = os_created_look(w->c->created, COUNTING_NS, &found);
    if (r == OS_CREATED_TOO_MANY)
        stop(w, SANDBOX_QUOTA, "max_created_files",
             "it made more than %llu files, folders and links",
             (unsigned long long)w->c->order->created);
    else if (r == OS_CREATED_HIDDEN)
        stop(w, SANDBOX_QUOTA, "max_created_files",
             "it made a folder in which its files cannot be counted");
}

static uint64_t memory_of_files(const struct watch *w)
{
    uint64_t sum = 0, one;
    for (size_t i = 0; i < ARRAY_LEN(w->c->memory_fds); i++) {
        if (os_memory_used(w->c->memory_fds[i], &one) == 0)
            sum += one;
    }
    return sum;
}

/* The quick sum counts shared memory once for each process; before it ends anything the slow one is asked. */
static void check_memory(struct watch *w, struct os_tree_use *now)
{
    uint64_t files = memory_of_files(w), precise = 0;
    now->memory += files;
    if (now->memory > w->c->order->memory) {
        if (os_tree_memory(w->c->proc_fd, LOOK_AT_MAX, &precise) == 0)
            now->memory = precise + files;
        if (now->memory > w->c->order->memory)
            stop(w, SANDBOX_MEMORY, "command_max_memory", "it held %llu bytes of memory",
                 (unsigned long long)now->memory);
    }
}

static void look(struct watch *w)
{
    struct os_tree_use now;
    struct os_ended_use past;
    if (os_tree_scan(w->c->proc_fd, LOOK_AT_MAX, &now) < 0)
        return;
    os_ended_use(&past);
    now.cpu_ns += past.cpu_ns;
    now.read_bytes += past.read_bytes;
    now.written_bytes += past.written_bytes;
    check_processes(w, &now);
    check_memory(w, &now);
    check_cpu(w, &now);
    check_written(w, &now);
    check_created(w);
    grow(&w->most.memory, now.memory);
    grow(&w->most.cpu_ns, now.cpu_ns);
    grow(&w->most.read_bytes, now.read_bytes);
    grow(&w->most.written_bytes, now.written_bytes);
    if (now.processes > w->most.processes)
        w->most.processes = now.processes;
}

static void on_step(void *arg)
{
    struct watch *w = arg;
    int64_t before = os_now_mono_ns();
    look(w);
    int64_t after = os_now_mono_ns(), cost = (after - before) * COST_FACTOR;
    os_watch_set_timer(w->step, after + (cost > STEP_NS ? cost : STEP_NS));
}

static void on_deadline(void *arg)
{
    stop(arg, SANDBOX_TIMEOUT, "command_timeout", "its time was over");
}

static void on_child(int signal unused_, void *arg)
{
    struct watch *w = arg;
    struct os_ended one;
    while (os_reap(&one) == 0) {
        if (one.pid != w->c->command)
            continue;
        w->has_ended = true;
        w->status = one.status;
    }
    if (w->has_ended)
        os_loop_stop(w->loop, 0);
}

static int on_frame(struct message *m unused_, void *arg)
{
    stop(arg, SANDBOX_CANCEL, NULL, "cancelled"); /* there is one frame only */
    return 0;
}

static void on_channel(int fd unused_, unsigned events unused_, void *arg)
{
    struct watch *w = arg;
    struct fault fault;
    int r = channel_pump_in(w->c->channel, on_frame, w, &fault);
    if (r < 0)
        os_loop_stop(w->loop, r); /* without a monitor there is nobody to keep for */
}

static int run(struct watch *w)
{
    static const int signals[] = {SIGCHLD, 0};
    int64_t now = os_now_mono_ns(), deadline;
    struct os_watch *channel = NULL, *children = NULL;
    if (!i64_add(now, (int64_t)w->c->order->timeout_ns, &deadline))
        deadline = INT64_MAX;
    int r = channel_set_nonblock(w->c->channel);
    if (r == 0)
        r = os_loop_watch_signals(w->loop, signals, on_child, w, &children);
    if (r == 0)
        r = os_loop_watch_timer(w->loop, deadline, on_deadline, w, &w->deadline);
    if (r == 0)
        r = os_loop_watch_timer(w->loop, now + FIRST_NS, on_step, w, &w->step);
    if (r == 0)
        r = os_loop_watch_fd(w->loop, channel_fd(w->c->channel), OS_READ, on_channel, w, &channel);
    if (r == 0) {
        on_child(SIGCHLD, w); /* it may have ended before the signal was watched for */
        r = w->has_ended ? 0 : os_loop_run(w->loop);
    }
    os_watch_free(channel);
    os_watch_free(children);
    os_watch_free(w->deadline);
    os_watch_free(w->step);
    return r;
}

/* However it ended: nothing stays. */
static void end_all(struct watch *w)
{
    struct os_ended one;
    os_kill_others();
    while (os_reap_wait(&one) == 0) {
        if (one.pid == w->c->command && !w->has_ended) {
            w->has_ended = true;
            w->status = one.status;
        }
    }
}

static void count_up(struct watch *w, struct sandbox_ended *e)
{
    struct os_ended_use past;
    os_ended_use(&past);
    grow(&w->most.memory, past.peak_memory);
    grow(&w->most.cpu_ns, past.cpu_ns);
    grow(&w->most.read_bytes, past.read_bytes);
    grow(&w->most.written_bytes, past.written_bytes);
    e->cpu_us = (int64_t)(w->most.cpu_ns / 1000);
    e->peak_memory = (int64_t)w->most.memory;
    e->read_bytes = (int64_t)w->most.read_bytes;
    e->written_bytes = (int64_t)w->most.written_bytes;
    e->processes = (int64_t)w->most.processes;
}

static void blame_on(struct sandbox_ended *e, enum sandbox_stop stop, const char *limit,
                     const char *why)
{
    size_t len = strlen(e->detail);
    e->stop = stop;
    e->limit = limits_find(str_of(limit));
    (void)snprintf(e->detail + len, sizeof(e->detail) - len, "%s%s", len ? "; " : "", why);
}

/* The limit that explains why a command failed by itself: the kernel had refused it more. */
static void blame(const struct watch *w, struct sandbox_ended *e)
{
    const struct order *o = w->c->order;
    if (w->most.cpu_ns + OS_NS_PER_S / 20 >= o->cpu_ns)
        blame_on(e, SANDBOX_TIMEOUT, "command_max_cpu", "it had used its processor time");
    else if (w->most.memory + w->most.memory / 16 >= o->memory)
        blame_on(e, SANDBOX_MEMORY, "command_max_memory",
                 "it failed after it was given no more memory");
    else if (w->most.written_bytes > o->write_bytes)
        blame_on(e, SANDBOX_QUOTA, "max_write_bytes", "it failed after it had written too much");
}

static void describe_end(struct watch *w, struct sandbox_ended *e)
{
    int signal = w->status & 0x7f;
    if (signal == 0) {
        e->stop = SANDBOX_EXIT;
        e->exit_code = (w->status >> 8) & 0xff;
    } else {
        e->stop = SANDBOX_CRASH;
        e->exit_code = 128 + signal;
        (void)snprintf(e->detail, sizeof(e->detail), "it was ended by signal %d (%s)", signal,
                       strsignal(signal));
    }
    if (e->exit_code != 0)
        blame(w, e);
    /* It was quicker than a step: nothing is left to end, but it is said. */
    uint64_t found = 0;
    if (e->limit == NULL &&
        os_created_look(w->c->created, LAST_COUNTING_NS, &found) == OS_CREATED_TOO_MANY)
        e->limit = limits_find(STR("max_created_files"));
    /* The kernel refused it more, and it went on: met, not ended by. */
    if (e->limit == NULL && w->most.processes >= w->c->order->processes)
        e->limit = limits_find(STR("command_max_processes"));
}

int watch_command(const struct watch_config *config, struct sandbox_ended *ret,
                  struct fault *reterr)
{
    struct watch w = {.c = config};
    int r = os_loop_new(&w.loop);
    if (r == 0)
        r = run(&w);
    end_all(&w);
    os_loop_free(w.loop);
    count_up(&w, &w.ended);
    os_close(config->memory_fds[0]);
    os_close(config->memory_fds[1]);
    if (r < 0)
        return fault_set(reterr, -r, "the command cannot be watched: %s", fault_sentence(r));
    if (!w.is_stopped)
        describe_end(&w, &w.ended);
    *ret = w.ended;
    return 0;
}
