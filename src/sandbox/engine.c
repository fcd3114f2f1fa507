/* Making the engine. Settings that code depends on come from sandbox/run/engine.h, the same rows that the compiler
 * applies; what is added here is the worker's own: the pool and the stack. */
#include "sandbox/engine.h"

#include "os/clock.h"
#include "os/process.h"
#include "sandbox/guest.h"
#include "sandbox/run/engine.h"
#include "sandbox/run/run.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    TICK_SIGNAL = 14, /* SIGALRM: nothing else in this process sets an alarm */
    SLOTS = 2,        /* one runs; the second is being given back */
    TABLES_MAX = 8,   /* per module */
    INSTANCE_SIZE_MAX =
        4 << 20, /* the engine's own record of an instance: large for many functions */
    KEEP_RESIDENT =
        256 << 10, /* of a slot's memory: cleared by hand, which is quicker than faults */
    TABLE_KEEP_RESIDENT = 16 << 10,
    LATE_TICKS = 5, /* past the deadline, before the process gives up on its guest */
};
#define LATE_NS (15 * OS_NS_PER_MS) /* with a tick of 10 ms: gone within 30 ms of the deadline */
#define LATE_TICK_NS (2 * OS_NS_PER_MS)

/* The one engine that ticks; read by the signal handler. */
static _Atomic(const wasm_engine_t *) ticking;

/* The run that is watched. The handler runs on this thread only, between two instructions of it. */
static _Atomic int64_t watched_until = INT64_MAX;
static _Atomic int late_ticks;
static struct os_ticker *ticker; /* borrowed, of the one engine; set before anything is watched */

/* Code that the epoch reaches is stopped by the first tick past the deadline, a wait of ours by its own deadline. Who is
 * still there is in the one thing that neither reaches: an engine instruction that moves hundreds of megabytes (memory.fill,
 * memory.copy), or a system call that does not come back. There is nothing to unwind to, so the process ends; the monitor,
 * whose clock is coarser because it starts before ours, finds the exit code and the gauge. Several ticks must have come
 * first: on a machine that does not give us the processor, time alone says nothing about the guest. Safe in a handler: the
 * clock is read without a lock, and the exit runs nothing. */
static void end_if_late(void)
{
    int64_t until = atomic_load_explicit(&watched_until, memory_order_relaxed);
    if (until == INT64_MAX || os_now_mono_ns() < until)
        return;
    int ticks = atomic_fetch_add_explicit(&late_ticks, 1, memory_order_relaxed) + 1;
    if (ticks == 1 &&
        ticker) /* finer from here; timer_settime() is one of the calls that a handler may make */
        (void)!os_ticker_start(ticker, LATE_TICK_NS, LATE_TICK_NS);
    if (ticks >= LATE_TICKS && os_now_mono_ns() - until >= LATE_NS)
        os_exit_now(SANDBOX_WORKER_LATE);
}

void engine_watch(int64_t deadline_ns)
{
    atomic_store_explicit(&late_ticks, 0, memory_order_relaxed);
    atomic_store_explicit(&watched_until, deadline_ns, memory_order_relaxed);
}

static void on_tick(int signal)
{
    (void)signal;
    const wasm_engine_t *engine = atomic_load_explicit(&ticking, memory_order_relaxed);
    if (engine)
        wasmtime_engine_increment_epoch(engine); /* one atomic addition: safe in a signal handler */
    end_if_late();
}

static void set_pool(wasm_config_t *config, const struct engine_config *how)
{
    wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, SLOTS);
    wasmtime_pooling_allocation_config_total_memories_set(pool, SLOTS);
    wasmtime_pooling_allocation_config_total_tables_set(pool, SLOTS * TABLES_MAX);
    wasmtime_pooling_allocation_config_max_memories_per_module_set(pool, 1);
    wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, TABLES_MAX);
    wasmtime_pooling_allocation_config_max_core_instance_size_set(pool, INSTANCE_SIZE_MAX);
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, (size_t)how->memory_max);
    wasmtime_pooling_allocation_config_table_elements_set(pool, (size_t)how->table_max);
    wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, SLOTS);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, KEEP_RESIDENT);
    wasmtime_pooling_allocation_config_table_keep_resident_set(pool, TABLE_KEEP_RESIDENT);
    wasmtime_pooling_allocation_strategy_set(config, pool);
    wasmtime_pooling_allocation_config_delete(pool);
}

static int make_engine(const struct engine_config *how, wasm_engine_t **ret, struct fault *reterr)
{
    wasm_config_t *config = wasm_config_new();
#define APPLY(setting, type, value) wasmtime_config_##setting##_set(config, value);
    SANDBOX_ENGINE_SETTINGS(APPLY)
#undef APPLY
    set_pool(config, how);
    wasmtime_error_t *error = bx_engine_new(config, (size_t)how->stack_max, ret);
    if (!error)
        return 0;
    char text[300];
    engine_error_text(error, text, sizeof text);
    return fault_set(reterr, FAULT_SANDBOX, "the engine cannot be made: %s", text);
}

int engine_new(const struct engine_config *config, own struct engine **ret, struct fault *reterr)
{
    auto_(engine) struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return -ENOMEM;
    must(atomic_load(&ticking) == NULL);
    e->config = *config;
    int r = make_engine(config, &e->engine, reterr);
    if (r < 0)
        return r;
    e->linker = wasmtime_linker_new(e->engine);
    r = guest_link(e, reterr);
    if (r < 0)
        return r;
    r = os_ticker_new(TICK_SIGNAL, on_tick, &e->ticker);
    if (r < 0)
        return fault_sys(reterr, -r, "the timer of the engine cannot be made");
    ticker = e->ticker;
    atomic_store(&ticking, e->engine);
    *ret = take(e);
    return 0;
}

void engine_free(own struct engine *e)
{
    if (!e)
        return;
    if (e->ticker) {
        os_ticker_free(e->ticker);
        ticker = NULL;
        atomic_store(&ticking, NULL);
    }
    if (e->linker)
        wasmtime_linker_delete(e->linker);
    if (e->engine)
        wasm_engine_delete(e->engine);
    free(e);
}

/* One line, printable, cut where it is full. */
static void copy_line(char *ret, size_t size, const char *at, size_t len)
{
    if (size == 0)
        return;
    if (len > 0 && at[len - 1] == '\0')
        len--;
    if (len > size - 1)
        len = utf8_valid_prefix((struct str){at, size - 1});
    memcpy(ret, at, len);
    ret[len] = '\0';
    for (char *c = ret; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
}

void engine_error_text(own wasmtime_error_t *error, char *ret, size_t size)
{
    if (!error) {
        copy_line(ret, size, "", 0);
        return;
    }
    wasm_name_t text;
    wasmtime_error_message(error, &text);
    copy_line(ret, size, text.data, text.size);
    wasm_byte_vec_delete(&text);
    wasmtime_error_delete(error);
}

void engine_trap_text(own wasm_trap_t *trap, char *ret, size_t size)
{
    if (!trap) {
        copy_line(ret, size, "", 0);
        return;
    }
    wasm_message_t text;
    wasm_trap_message(trap, &text);
    copy_line(ret, size, text.data, text.size);
    wasm_byte_vec_delete(&text);
    wasm_trap_delete(trap);
}
