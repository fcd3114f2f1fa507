/* Running a guest. Every limit of the run is put on the store before the first instruction, the start function of the
 * module included. The guest is stopped from three sides: the engine (fuel, stack, memory), the epoch (deadline and
 * cancel while it computes) and WASI (deadline and cancel while it waits).
 *
 * Time: one timer. It ticks coarsely to look for a cancel, is set again to hit the deadline itself, and then ticks
 * finely in case the guest was in a host call at that moment. */
#include "sandbox/guest.h"

#include "os/clock.h"
#include "os/socket.h"
#include "sandbox/guest_http.h"
#include "sandbox/imports.h"
#include "sandbox/run/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define TICK_NS (10 * OS_NS_PER_MS) /* how late a cancel is noticed by code that only computes */
#define LAST_TICK_NS (1 * OS_NS_PER_MS) /* around the deadline */

enum { TABLES_MAX = 8, INSTANCES_MAX = 1 };

struct guest {
    const struct engine *engine;
    const struct sandbox_run *run;
    const struct guest_host *host;
    struct wasi *wasi; /* own */
    struct guest_http http;
    struct bx_limits limits;
    struct output output;
    wasmtime_context_t *context; /* of its store */
    int64_t deadline_ns;
    wasmtime_memory_t memory;
    enum { MEMORY_UNKNOWN, MEMORY_NONE, MEMORY_FOUND } memory_state;
    int stopped_by; /* enum wasi_stop, when host side or epoch ended it; 0 = not */
};

/* --- calls from the guest --- */

static struct wasi_memory memory_of(struct guest *g, wasmtime_caller_t *caller,
                                    wasmtime_context_t *context)
{
    if (g->memory_state == MEMORY_UNKNOWN) {
        wasmtime_extern_t item;
        bool found = wasmtime_caller_export_get(caller, "memory", 6, &item);
        g->memory_state = MEMORY_NONE;
        if (found && item.kind == WASMTIME_EXTERN_MEMORY) {
            g->memory = item.of.memory;
            g->memory_state = MEMORY_FOUND;
        }
        if (found)
            wasmtime_extern_delete(&item);
    }
    if (g->memory_state == MEMORY_NONE)
        return (struct wasi_memory){NULL, 0};
    return (struct wasi_memory){wasmtime_memory_data(context, &g->memory),
                                wasmtime_memory_data_size(context, &g->memory)};
}

static int64_t fuel_used(const struct guest *g, wasmtime_context_t *context)
{
    uint64_t left = 0;
    must(wasmtime_context_get_fuel(context, &left) == NULL);
    return g->run->limits.wasm_fuel - (int64_t)left;
}

/* For the case that this process does not come to its answer. */
static void tell_gauge(const struct guest *g, wasmtime_context_t *context)
{
    struct sandbox_gauge *to = g->host->gauge;
    if (!to)
        return;
    const struct wasi_use *use = wasi_used(g->wasi);
    const struct {
        _Atomic int64_t *at;
        int64_t value;
    } rows[] = {
        {&to->fuel, fuel_used(g, context)},
        {&to->peak_memory, (int64_t)g->limits.memory_peak},
        {&to->output_bytes, use->output_bytes},
        {&to->read_bytes, use->read_bytes},
        {&to->written_bytes, use->written_bytes},
        {&to->created_files, use->created_files},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        atomic_store_explicit(rows[i].at, rows[i].value, memory_order_relaxed);
}

/* The unchecked form of a host call: raw values in, raw values out. Safe because the type that was linked is made from
 * the same row (guest_link), and the engine checked the guest's import against it. */
static void take_args(const char *params, const wasmtime_val_raw_t *values, size_t count,
                      uint64_t *ret_args)
{
    must(strlen(params) <= count || count == 1);
    for (size_t i = 0; params[i]; i++)
        ret_args[i] = params[i] == 'I' ? (uint64_t)values[i].i64 : (uint32_t)values[i].i32;
}

static wasm_trap_t *give_answer(struct guest *g, wasmtime_context_t *context, int stop,
                                const char *results, uint32_t error, wasmtime_val_raw_t *values)
{
    tell_gauge(g, context);
    if (stop != 0) {
        g->stopped_by = stop;
        return wasmtime_trap_new("ended", 5);
    }
    if (results[0])
        values[0].i32 = (int32_t)error;
    return NULL;
}

static wasm_trap_t *on_wasi_call(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                                 size_t count)
{
    const struct wasi_function *function = env;
    wasmtime_context_t *context = wasmtime_caller_context(caller);
    struct guest *g = wasmtime_context_get_data(context);
    uint64_t args[IMPORT_PARAMS_MAX] = {0};
    uint32_t error = 0;
    take_args(function->params, values, count, args);
    int stop = function->call(g->wasi, memory_of(g, caller, context), args, &error);
    return give_answer(g, context, stop, function->results, error, values);
}

static wasm_trap_t *on_http_call(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                                 size_t count)
{
    const struct guest_http_function *function = env;
    wasmtime_context_t *context = wasmtime_caller_context(caller);
    struct guest *g = wasmtime_context_get_data(context);
    uint64_t args[IMPORT_PARAMS_MAX] = {0};
    uint32_t error = 0;
    take_args(function->params, values, count, args);
    int stop = function->call(&g->http, memory_of(g, caller, context), args, &error);
    return give_answer(g, context, stop, function->results, error, values);
}

int guest_link(struct engine *e, struct fault *reterr)
{
    return imports_link(e, on_wasi_call, on_http_call, reterr);
}

/* --- time and cancel --- */

static bool is_cancelled(void *arg)
{
    const struct guest *g = arg;
    if (g->host->was_cancelled != NULL && *g->host->was_cancelled)
        return true;
    return g->host->cancel_fd >= 0 && os_wait_fd(g->host->cancel_fd, false, 0) == 0;
}

static void set_timer(const struct guest *g, int64_t now_ns)
{
    int64_t left = g->deadline_ns - now_ns;
    bool is_last = left <= TICK_NS;
    must(os_ticker_start(g->engine->ticker, is_last ? left : TICK_NS,
                         is_last ? LAST_TICK_NS : TICK_NS) == 0);
}

/* The epoch was raised by a tick; wasm code has come to a point where it looks. */
static wasmtime_error_t *on_epoch(wasmtime_context_t *context, void *arg, uint64_t *ret_delta,
                                  wasmtime_update_deadline_kind_t *ret_kind)
{
    struct guest *g = arg;
    tell_gauge(g, context);
    int64_t now = os_now_mono_ns();
    if (now >= g->deadline_ns)
        g->stopped_by = WASI_STOP_DEADLINE;
    else if (is_cancelled(g))
        g->stopped_by = WASI_STOP_CANCEL;
    if (g->stopped_by)
        return wasmtime_error_new("ended");
    if (g->deadline_ns - now <= TICK_NS)
        set_timer(g, now);
    *ret_delta = 1;
    *ret_kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
    return NULL;
}

/* --- the run --- */

static int on_output(int stream, struct str bytes, void *arg)
{
    struct guest *g = arg;
    tell_gauge(g, g->context); /* before it may have to wait */
    return output_add(&g->output, stream, bytes);
}

static int on_land(const struct wasi_landing *what, void *arg)
{
    const struct guest *g = arg;
    tell_gauge(g, g->context); /* an answer is waited for */
    return g->host->land(what, g->host->arg);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int make_wasi(struct guest *g)
{
    const struct sandbox_run *run = g->run;
    struct wasi_config config = {
        .argv = run->argv,
        .argc = run->argc,
        .env = run->env,
        .env_count = run->env_count,
        .mounts = g->host->mounts,
        .mount_count = g->host->mount_count,
        /* Output is counted and cut in output.c, which must see all of it to keep its tail. */
        .quota = {.output_bytes = INT64_MAX,
                  .write_bytes = run->limits.max_write_bytes,
                  .open_files = run->limits.max_open_files,
                  .created_files = run->limits.max_created_files,
                  .dir_entries = run->limits.max_dir_entries},
        .deadline_ns = g->deadline_ns,
        .is_cancelled = is_cancelled,
        .cancel_fd = g->host->cancel_fd,
        .record_reads = run->record_reads,
        .atomic_writes = run->atomic_writes,
        .stdin_fd = run->stdin_fd,
        .stdin_bytes = run->stdin_bytes,
        .on_output = on_output,
        .undo_fd = run->undo_fd,
        .land = g->host->land ? on_land : NULL,
        .arg = g,
    };
    return wasi_new(&config, &g->wasi);
}

static wasmtime_store_t *make_store(struct guest *g)
{
    const struct sandbox_limits *l = &g->run->limits;
    g->limits = (struct bx_limits){
        .memory_max = (uint64_t)least(l->wasm_max_memory_size, g->engine->config.memory_max),
        .table_max = (uint64_t)least(l->wasm_max_table_elements, g->engine->config.table_max),
        .instances_max = INSTANCES_MAX,
        .tables_max = TABLES_MAX,
    };
    wasmtime_store_t *store = wasmtime_store_new(g->engine->engine, g, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    bx_store_limits(store, &g->limits);
    must(wasmtime_context_set_fuel(context, (uint64_t)l->wasm_fuel) == NULL);
    wasmtime_store_epoch_deadline_callback(store, on_epoch, g, NULL);
    wasmtime_context_set_epoch_deadline(context, 1);
    return store;
}

/* Instantiates (this runs the module's start function) and calls _start. At most one of error and trap is set. */
static wasmtime_error_t *execute(const struct module *module, wasmtime_context_t *context,
                                 wasm_trap_t **ret_trap)
{
    wasmtime_instance_t instance;
    wasmtime_error_t *error =
        wasmtime_instance_pre_instantiate(module->pre, context, &instance, ret_trap);
    if (error || *ret_trap)
        return error;
    wasmtime_extern_t start;
    must(wasmtime_instance_export_get(context, &instance, "_start", 6, &start));
    must(start.kind == WASMTIME_EXTERN_FUNC); /* module.c looked */
    wasmtime_val_raw_t none[1];
    return wasmtime_func_call_unchecked(context, &start.of.func, none, 0, ret_trap);
}

/* limit: key of the limit that ended it; NULL = none did. */
static void stop_detail(struct sandbox_outcome *o, enum sandbox_stop stop, const char *limit,
                        const char *fmt, ...) printf_like(4, 5);
static void stop_detail(struct sandbox_outcome *o, enum sandbox_stop stop, const char *limit,
                        const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    o->stop = stop;
    o->ended_by = limit;
    vsnprintf(o->detail, sizeof o->detail, fmt, args);
    va_end(args);
}

static void stop_from_host(const struct guest *g, struct sandbox_outcome *o)
{
    if (g->stopped_by == WASI_STOP_DEADLINE) {
        stop_detail(o, SANDBOX_TIMEOUT, "wasm_timeout",
                    "it ran longer than wasm_timeout (%" PRId64 " ms)",
                    g->run->limits.wasm_timeout_ns / OS_NS_PER_MS);
    } else if (g->stopped_by == WASI_STOP_CANCEL) {
        stop_detail(o, SANDBOX_CANCEL, NULL, "it was cancelled");
    } else {
        o->exit_code = (int)wasi_exit_code(g->wasi);
        stop_detail(o, SANDBOX_EXIT, NULL, "it ended with exit code %d", o->exit_code);
    }
}

static void stop_from_trap(const struct guest *g, own wasm_trap_t *trap, struct sandbox_outcome *o)
{
    wasmtime_trap_code_t code;
    bool has_code = wasmtime_trap_code(trap, &code);
    char text[300];
    if (has_code && code == WASMTIME_TRAP_CODE_OUT_OF_FUEL) {
        stop_detail(o, SANDBOX_FUEL, "wasm_fuel", "it used up wasm_fuel (%" PRId64 ")",
                    g->run->limits.wasm_fuel);
    } else if (has_code && code == WASMTIME_TRAP_CODE_STACK_OVERFLOW) {
        stop_detail(o, SANDBOX_STACK, "wasm_max_wasm_stack",
                    "it used up wasm_max_wasm_stack (%" PRId64 " bytes)",
                    g->run->limits.wasm_max_wasm_stack);
    } else if (g->limits.memory_refused > 0) {
        /* A guest whose allocator got a no and then gave up: it died of the limit, not of itself. */
        stop_detail(o, SANDBOX_MEMORY, "wasm_max_memory_size",
                    "it gave up after %" PRIu64
                    " bytes of memory were refused (wasm_max_memory_size %" PRIu64 ")",
                    g->limits.memory_refused, g->limits.memory_max);
    } else {
        engine_trap_text(trap, text, sizeof text);
        stop_detail(o, SANDBOX_TRAP, NULL, "%s", text);
        return;
    }
    wasm_trap_delete(trap);
}

/* An error that is neither a trap nor ours comes from instantiation: something declared does not fit. */
static void stop_from_error(const struct guest *g, own wasmtime_error_t *error,
                            struct sandbox_outcome *o)
{
    char text[300];
    engine_error_text(error, text, sizeof text);
    if (g->limits.memory_refused > 0)
        stop_detail(o, SANDBOX_MEMORY, "wasm_max_memory_size",
                    "it declares %" PRIu64 " bytes of memory (wasm_max_memory_size %" PRIu64 ")",
                    g->limits.memory_refused, g->limits.memory_max);
    else if (g->limits.table_refused > 0)
        stop_detail(o, SANDBOX_MEMORY, "wasm_max_table_elements",
                    "it declares a table of %" PRIu64 " elements (wasm_max_table_elements %" PRIu64
                    ")",
                    g->limits.table_refused, g->limits.table_max);
    else
        stop_detail(o, SANDBOX_TRAP, NULL, "%s", text);
}

static void take_end(const struct guest *g, own wasmtime_error_t *error, own wasm_trap_t *trap,
                     struct sandbox_outcome *o)
{
    if (g->stopped_by && (error || trap)) {
        if (error)
            wasmtime_error_delete(error);
        if (trap)
            wasm_trap_delete(trap);
        stop_from_host(g, o);
    } else if (trap) {
        stop_from_trap(g, trap, o);
    } else if (error) {
        stop_from_error(g, error, o);
    } else {
        stop_detail(o, SANDBOX_EXIT, NULL, "it ended with exit code 0");
    }
}

/* --- the answer --- */

/* Limits that the guest met and survived, in the order of the table. */
static int take_limits_hit(const struct guest *g, struct sandbox_outcome *o)
{
    auto_done(buf) struct buf keys;
    buf_init(&keys, 1024);
    const char *from_wasi = wasi_limits_hit(g->wasi);
    buf_add_z(&keys, from_wasi);
    const struct {
        bool is_hit;
        const char *key;
    } ours[] = {
        {g->limits.memory_refused > 0 && o->stop != SANDBOX_MEMORY, "wasm_max_memory_size"},
        {g->limits.table_refused > 0 && o->stop != SANDBOX_MEMORY, "wasm_max_table_elements"},
        {g->output.is_cut, "max_output_bytes"}};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (ours[i].is_hit && !strstr(from_wasi, ours[i].key))
            buf_addf(&keys, "%s%s", keys.len ? "," : "", ours[i].key);
    int r = buf_error(&keys);
    if (r == 0 && keys.len > 0 && !(o->limits_hit = buf_take(&keys)))
        r = -ENOMEM;
    return r;
}

static int take_touched(const struct guest *g, struct sandbox_outcome *o)
{
    size_t count = wasi_touch_count(g->wasi);
    if (count > SANDBOX_TOUCHED_MAX)
        count = SANDBOX_TOUCHED_MAX;
    if (count == 0)
        return 0;
    o->touched = calloc(count, sizeof *o->touched);
    if (!o->touched)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        enum wasi_touch_op op;
        const char *path, *path_to;
        struct sandbox_touch *t = &o->touched[o->touched_count++];
        wasi_touch_at(g->wasi, i, &op, &path, &path_to, &t->image);
        t->op = (enum sandbox_touch_op)op;
        t->path = str_dup(str_of(path));
        t->path_to = path_to ? str_dup(str_of(path_to)) : NULL;
        if (!t->path || (path_to && !t->path_to))
            return -ENOMEM;
    }
    return 0;
}

static int add_refused(struct sandbox_outcome *o, const char *op, const char *target,
                       const char *why)
{
    struct sandbox_refusal *f = &o->refused[o->refused_count++];
    f->op = str_dup(str_of(op));
    f->target = str_dup(str_of(target));
    f->why = str_dup(str_of(why));
    return f->op && f->target && f->why ? 0 : -ENOMEM;
}

/* What egress refused it tells the monitor itself; from here comes only what never had a way out. */
static int take_refused(const struct guest *g, struct sandbox_outcome *o)
{
    size_t from_wasi = wasi_refusal_count(g->wasi), from_http = g->http.refused_count;
    if (from_wasi > SANDBOX_REFUSED_MAX - from_http)
        from_wasi = SANDBOX_REFUSED_MAX - from_http;
    if (from_wasi + from_http == 0)
        return 0;
    o->refused = calloc(from_wasi + from_http, sizeof *o->refused);
    if (!o->refused)
        return -ENOMEM;
    int r = 0;
    for (size_t i = 0; i < from_wasi && r == 0; i++) {
        const char *op, *target, *why;
        wasi_refusal_at(g->wasi, i, &op, &target, &why);
        r = add_refused(o, op, target, why);
    }
    for (size_t i = 0; i < from_http && r == 0; i++)
        r = add_refused(o, "http", g->http.refused[i], "no host is granted to this call");
    return r;
}

static int take_answer(struct guest *g, struct sandbox_outcome *o)
{
    const struct wasi_use *use = wasi_used(g->wasi);
    o->used.peak_memory = (int64_t)g->limits.memory_peak;
    o->used.output_bytes = output_total(&g->output);
    o->used.read_bytes = use->read_bytes;
    o->used.written_bytes = use->written_bytes;
    o->used.created_files = use->created_files;
    int r = output_finish(&g->output, &o->out, &o->err);
    o->output_cut = g->output.is_cut;
    if (r == 0)
        r = take_limits_hit(g, o);
    if (r == 0)
        r = take_touched(g, o);
    return r == 0 ? take_refused(g, o) : r;
}

int guest_run(const struct engine *e, const struct module *module, const struct sandbox_run *run,
              const struct guest_host *host, struct sandbox_outcome *ret)
{
    struct guest g = {.engine = e, .run = run, .host = host};
    int64_t cpu = os_cpu_thread_ns(), start = os_now_mono_ns();
    if (!i64_add(start, run->limits.wasm_timeout_ns, &g.deadline_ns))
        g.deadline_ns = INT64_MAX;
    output_init(&g.output, run->limits.max_output_bytes, run->stream_output ? host->stream : NULL,
                host->arg);
    g.http = (struct guest_http){.fd = run->http_fd,
                                 .deadline_ns = g.deadline_ns,
                                 .cancel_fd = host->cancel_fd,
                                 .is_cancelled = is_cancelled,
                                 .arg = &g};
    int r = make_wasi(&g);
    if (r < 0) {
        output_done(&g.output);
        return r;
    }
    wasmtime_store_t *store = make_store(&g);
    wasmtime_context_t *context = g.context = wasmtime_store_context(store);
    wasm_trap_t *trap = NULL;
    engine_watch(g.deadline_ns);
    set_timer(&g, start);
    wasmtime_error_t *error = execute(module, context, &trap);
    os_ticker_stop(e->ticker);
    engine_watch(INT64_MAX);

    tell_gauge(&g, context);
    ret->used.fuel = fuel_used(&g, context);
    take_end(&g, error, trap, ret);
    wasmtime_store_delete(store);
    guest_http_done(&g.http);
    wasi_end(g.wasi, ret->stop == SANDBOX_EXIT);
    r = take_answer(&g, ret);
    ret->used.wall_us = (os_now_mono_ns() - start) / 1000;
    ret->used.cpu_us = (os_cpu_thread_ns() - cpu) / 1000;
    wasi_free(g.wasi);
    output_done(&g.output);
    return r;
}
