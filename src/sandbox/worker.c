/* The worker's life: options from argv (all that the lockdown needs, so that nothing is read before it stands), the
 * engine, the jail, READY, then runs. Everything after READY comes from the monitor and is checked as if from a
 * stranger; a breach ends this process, which is the safest thing it can do.
 *
 * Descriptors: 3 the channel, 4... the mounts in the order of --mount, then --undo-fd and --gauge-fd. */
#include "sandbox/worker.h"

#include "base/buf.h"
#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/idle.h"
#include "os/random.h"
#include "os/rlimit.h"
#include "sandbox/engine.h"
#include "sandbox/guest.h"
#include "sandbox/jail/jail.h"
#include "sandbox/landing.h"
#include "sandbox/module.h"
#include "sandbox/run/engine.h"
#include "sandbox/run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OUTPUT_PIECE = 256 << 10, OWN_STACK = 1 << 20 };
#define IDLE_NS OS_NS_PER_S /* without a word from the monitor: then it is idle */

struct worker {
    struct engine_config config;
    uint32_t required;
    struct wasi_mount mounts[SANDBOX_MOUNTS_MAX];
    size_t mount_count;
    int undo_fd, gauge_fd;       /* -1 = none */
    struct sandbox_gauge *gauge; /* the mapping; NULL = none */
    struct jail_outside outside;
    bool has_outside;

    struct channel *channel;
    struct engine *engine;
    struct modules modules;
    uint64_t run_id;
    struct landing landing;
};

/* --- options --- */

static int option_size(struct str text, const char *key, int64_t *ret, struct fault *reterr)
{
    struct sandbox_limits l;
    const struct limit_row *row = limits_find(str_of(key));
    must(row != NULL);
    int r = limits_set_text(&l, row, text, reterr);
    if (r == 0)
        memcpy(ret, (const char *)&l + row->offset, sizeof *ret);
    return r;
}

static int option_mount(struct worker *w, char *text, struct fault *reterr)
{
    bool is_writable = strncmp(text, "rw:", 3) == 0;
    if ((!is_writable && strncmp(text, "ro:", 3) != 0) || text[3] != '/')
        return fault_set(reterr, FAULT_USAGE, "--mount=%s is not ro:/PATH or rw:/PATH", text);
    if (w->mount_count == SANDBOX_MOUNTS_MAX)
        return fault_set(reterr, FAULT_USAGE, "more than %d mounts", SANDBOX_MOUNTS_MAX);
    w->mounts[w->mount_count] =
        (struct wasi_mount){.guest = text + 3,
                            .dir_fd = WORKER_FIRST_MOUNT_FD + (int)w->mount_count,
                            .writable = is_writable};
    w->mount_count++;
    return 0;
}

static bool starts(char *arg, const char *prefix, char **ret_rest)
{
    size_t len = strlen(prefix);
    *ret_rest = arg + (strncmp(arg, prefix, len) == 0 ? len : 0);
    return *ret_rest != arg;
}

static int option(struct worker *w, char *arg, struct fault *reterr)
{
    char *rest;
    int64_t fd;
    if (starts(arg, "--mount=", &rest))
        return option_mount(w, rest, reterr);
    if (starts(arg, "--stack=", &rest))
        return option_size(str_of(rest), "wasm_max_wasm_stack", &w->config.stack_max, reterr);
    if (starts(arg, "--memory=", &rest))
        return option_size(str_of(rest), "wasm_max_memory_size", &w->config.memory_max, reterr);
    if (starts(arg, "--table=", &rest))
        return option_size(str_of(rest), "wasm_max_table_elements", &w->config.table_max, reterr);
    if (starts(arg, "--required=", &rest))
        return jail_facets_parse(rest, &w->required, reterr);
    bool is_undo = starts(arg, "--undo-fd=", &rest);
    if (is_undo || starts(arg, "--gauge-fd=", &rest)) {
        if (base_parse_i64(str_of(rest), WORKER_FIRST_MOUNT_FD, 1023, &fd) < 0)
            return fault_set(reterr, FAULT_USAGE, "%s is no descriptor", arg);
        *(is_undo ? &w->undo_fd : &w->gauge_fd) = (int)fd;
        return 0;
    }
    if (starts(arg, "--outer=", &rest))
        return 0; /* jail_outside_from_argv() reads it */
    return fault_set(reterr, FAULT_USAGE, "unknown option %s", arg);
}

static int options(struct worker *w, int argc, char **argv, struct fault *reterr)
{
    struct sandbox_limits l;
    limits_default(&l);
    w->config = (struct engine_config){l.wasm_max_wasm_stack, l.wasm_max_memory_size,
                                       l.wasm_max_table_elements};
    w->required = JAIL_REQUIRED_DEFAULT;
    w->undo_fd = w->gauge_fd = -1;
    for (int i = 1; i < argc; i++) {
        int r = option(w, argv[i], reterr);
        if (r < 0)
            return r;
    }
    int r = jail_outside_from_argv(argc, argv, &w->outside);
    w->has_outside = r == 0;
    return r < 0 ? fault_set(reterr, FAULT_USAGE, "--outer is malformed") : 0;
}

/* --- lockdown --- */

static int enter_jail(struct worker *w, struct jail_report *ret, struct fault *reterr)
{
    struct jail_mount mounts[SANDBOX_MOUNTS_MAX + 1];
    size_t count = 0;
    for (; count < w->mount_count; count++)
        mounts[count] =
            (struct jail_mount){w->mounts[count].dir_fd, w->mounts[count].writable, NULL};
    if (w->undo_fd >= 0)
        mounts[count++] = (struct jail_mount){w->undo_fd, true, NULL};
    const struct jail_profile profile = {
        .program = JAIL_WORKER,
        .channel_fd = WORKER_CHANNEL_FD,
        .mounts = mounts,
        .mount_count = count,
        .outside = w->has_outside ? &w->outside : NULL,
        .facets = JAIL_ALL,
        .required = w->required,
    };
    return jail_enter(&profile, ret, reterr);
}

static int say_ready(struct worker *w, const struct jail_report *report)
{
    auto_json json_t *body = jail_report_json(report);
    if (!body || json_object_set_new(body, "engine", json_string(SANDBOX_ENGINE_VERSION)) < 0)
        return -ENOMEM;
    return channel_send(w->channel, MONITOR_READY, 0, body, STR(""), NULL, 0);
}

static void say_fault(struct worker *w, int code, const struct fault *f)
{
    auto_json json_t *body =
        json_pack("{s:s, s:s, s:s}", "code", fault_name(code), "text", f->text, "next", f->next);
    if (w->channel && body)
        (void)!channel_send(w->channel, MONITOR_FAULT, w->run_id, body, STR(""), NULL, 0);
}

/* --- runs --- */

static int on_stream(int stream, struct str bytes, void *arg)
{
    struct worker *w = arg;
    struct str json = stream == 1 ? STR("{\"stream\":1}") : STR("{\"stream\":2}");
    while (bytes.len > 0) {
        struct str piece = {bytes.at, bytes.len < OUTPUT_PIECE ? bytes.len : OUTPUT_PIECE};
        int r = channel_send_text(w->channel, MONITOR_OUTPUT, w->run_id, json, piece, NULL, 0);
        if (r < 0)
            return r;
        bytes = (struct str){bytes.at + piece.len, bytes.len - piece.len};
    }
    return 0;
}

static int on_land(const struct wasi_landing *what, void *arg)
{
    struct worker *w = arg;
    return landing_ask(&w->landing, what);
}

/* Puts the descriptors of the message where the body says; they stay the message's. */
static int place_fds(const struct message *m, struct sandbox_run *run, struct fault *reterr)
{
    int *places[] = {&run->code_fd, &run->stdin_fd, &run->undo_fd, &run->http_fd};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (*places[i] < 0)
            continue;
        if (count == m->fd_count)
            return fault_set(reterr, FAULT_PROTOCOL, "a run announces more descriptors than came");
        *places[i] = m->fds[count++];
    }
    return count == m->fd_count
               ? 0
               : fault_set(reterr, FAULT_PROTOCOL, "a run came with descriptors it does not name");
}

static size_t mounts_of(const struct worker *w, const struct sandbox_run *run,
                        struct wasi_mount *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < w->mount_count; i++) {
        if (!(run->mounts & (1U << i)))
            continue;
        ret[count] = w->mounts[i];
        if (run->read_only)
            ret[count].writable = false;
        count++;
    }
    return count;
}

static int run_module(struct worker *w, const struct sandbox_run *run, struct sandbox_outcome *o,
                      struct fault *reterr)
{
    const struct module *module;
    int r = modules_get(&w->modules, run->code_key, run->code_fd, &module, reterr);
    if (r > 0) {
        o->stop = r == MODULE_INVALID ? SANDBOX_INVALID_MODULE : SANDBOX_MEMORY;
        o->ended_by = r == MODULE_MEMORY_TOO_LARGE  ? "wasm_max_memory_size"
                      : r == MODULE_TABLE_TOO_LARGE ? "wasm_max_table_elements"
                                                    : NULL;
        snprintf(o->detail, sizeof o->detail, "%s", reterr->text);
        return 0;
    }
    if (r < 0)
        return r;
    struct wasi_mount mounts[SANDBOX_MOUNTS_MAX];
    const struct guest_host host = {.mounts = mounts,
                                    .mount_count = mounts_of(w, run, mounts),
                                    .cancel_fd = WORKER_CHANNEL_FD,
                                    .gauge = w->gauge,
                                    .stream = on_stream,
                                    .land = on_land,
                                    .arg = w,
                                    .was_cancelled = &w->landing.is_cancelled};
    w->landing = (struct landing){.channel = w->channel, .run_id = w->run_id};
    r = guest_run(w->engine, module, run, &host, o);
    return r < 0 ? fault_set(reterr, -r, "a run could not be set up: %s", fault_sentence(r)) : 0;
}

static int send_outcome(struct worker *w, struct sandbox_outcome *o, struct fault *reterr)
{
    auto_json json_t *body = sandbox_outcome_json(o);
    if (!body)
        return fault_set(reterr, ENOMEM, "no memory for an answer");
    int r = buf_add_str(&o->out, buf_str(&o->err)); /* the body has both lengths already */
    if (r == 0)
        r = channel_send(w->channel, MONITOR_RAN, w->run_id, body, buf_str(&o->out), NULL, 0);
    return r < 0 ? fault_set(reterr, -r, "an answer could not be sent: %s", fault_sentence(r)) : 0;
}

static int serve_run(struct worker *w, const struct message *m, struct fault *reterr)
{
    struct sandbox_run run;
    auto_(sandbox_run_held) struct sandbox_run_held *held = NULL;
    if (!m->body)
        return fault_set(reterr, FAULT_PROTOCOL, "a run came without a body");
    int r = sandbox_run_from_json(m->body, &run, &held, reterr);
    if (r == 0)
        r = place_fds(m, &run, reterr);
    if (r < 0)
        return r;
    /* The stack belongs to the engine: another value than asked for would be no limit at all. */
    if (run.limits.wasm_max_wasm_stack != w->config.stack_max)
        return fault_set(reterr, FAULT_PROTOCOL,
                         "a run asks for another stack than this worker has");
    /* The channel's buffer moves when something arrives during the run. */
    auto_free char *stdin_copy = str_dup(m->raw);
    if (!stdin_copy)
        return fault_set(reterr, ENOMEM, "no memory for the input of a run");
    run.stdin_bytes = (struct str){stdin_copy, m->raw.len};

    auto_done(sandbox_outcome) struct sandbox_outcome o;
    sandbox_outcome_init(&o, SANDBOX_COLLECT_MAX);
    r = run_module(w, &run, &o, reterr);
    return r < 0 ? r : send_outcome(w, &o, reterr);
}

/* The next message, however long that takes. Who waits for long (a planner thinks) gives back what it can do without. */
static int wait_for_message(struct worker *w, struct message *ret, struct fault *reterr)
{
    int r = channel_recv(w->channel, os_now_mono_ns() + IDLE_NS, ret, reterr);
    if (r <= 0)
        return r;
    os_give_back_memory();
    return channel_recv(w->channel, INT64_MAX, ret, reterr);
}

/* Returns only with what ended it: -FAULT_PEER_GONE is the ordinary end. */
static int serve(struct worker *w, struct fault *reterr)
{
    for (;;) {
        struct message m;
        channel_set_state(w->channel, STATE_IDLE);
        int r = wait_for_message(w, &m, reterr);
        if (r != 0)
            return r;
        /* A cancel that comes here was sent before our answer arrived: nothing is left to cancel. */
        if (m.type == WORKER_RUN) {
            channel_set_state(w->channel, STATE_BUSY);
            w->run_id = m.id;
            r = serve_run(w, &m, reterr);
            w->run_id = 0;
        }
        message_done(&m);
        if (r < 0)
            return r;
    }
}

/* Mapped before the jail, which closes the descriptor: afterwards nothing can be mapped from it again. */
static int map_gauge(struct worker *w, struct fault *reterr)
{
    void *at = NULL;
    int r = w->gauge_fd < 0 ? 0 : os_shared_map(w->gauge_fd, SANDBOX_GAUGE_SIZE, &at);
    w->gauge = at;
    return r < 0 ? fault_set(reterr, FAULT_USAGE, "--gauge-fd is no page to share") : 0;
}

/* Wasm code runs on this thread's stack, and so do our own calls on top of it. With less than both, deep recursion would be a
 * crash instead of a stop. */
static int reserve_stack(const struct worker *w, struct fault *reterr)
{
    uint64_t need = (uint64_t)w->config.stack_max + OWN_STACK, hard = 0;
    int r = os_rlimit_stack_at_least(need, &hard);
    if (r < 0) {
        r = fault_set(reterr, FAULT_SANDBOX,
                      "the stack of a process may have %" PRIu64
                      " KiB here, and wasm_max_wasm_stack needs %" PRIu64,
                      hard >> 10, need >> 10);
        fault_next(reterr,
                   "raise the hard limit (ulimit -H -s), or give a smaller --wasm-max-wasm-stack");
    }
    return r;
}

static int start(struct worker *w, int argc, char **argv, struct fault *reterr)
{
    uint32_t seed;
    os_random(&seed, sizeof seed);
    json_start(seed);
    int r = channel_new(WORKER_CHANNEL_FD, permits_worker, 0, &w->channel);
    if (r < 0)
        return fault_set(reterr, -r, "no channel");
    r = options(w, argc, argv, reterr);
    if (r == 0)
        r = reserve_stack(w, reterr);
    if (r == 0)
        r = map_gauge(w, reterr);
    if (r == 0)
        r = engine_new(&w->config, &w->engine, reterr);
    if (r < 0)
        return r;
    modules_init(&w->modules, w->engine);
    struct jail_report report;
    r = enter_jail(w, &report, reterr);
    return r < 0 ? r : say_ready(w, &report);
}

int worker_main(int argc, char **argv)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return 1;
    struct fault fault = {0};
    int r = start(w, argc, argv, &fault);
    if (r == 0)
        r = serve(w, &fault);
    int exit_code = r == -FAULT_PEER_GONE ? 0 : fault_exit_code(r);
    if (r != -FAULT_PEER_GONE)
        say_fault(w, r, &fault);
    if (w->engine)
        modules_done(&w->modules);
    engine_free(w->engine);
    channel_free(w->channel);
    free(w);
    return exit_code;
}
