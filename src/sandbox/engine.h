/* The engine of a worker: one per process, made before the jail closes. Holds the pool of instance slots, the linked
 * WASI functions and the timer that interrupts guests. It has no compiler; code comes to it sealed. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "sandbox/engine_shim.h"

struct os_ticker;

struct engine_config {
    int64_t stack_max, memory_max, table_max; /* the most that any run may have */
};

struct engine {
    struct engine_config config;
    wasm_engine_t *engine;     /* own */
    wasmtime_linker_t *linker; /* own */
    struct os_ticker *ticker;  /* own; each tick raises the epoch */
};

/* Until when the guest may run, monotonic; INT64_MAX = nobody runs. Past it the ticks interrupt code that looks at the epoch;
 * LATE_NS later, with the guest still there, this process ends with SANDBOX_WORKER_LATE. */
void engine_watch(int64_t deadline_ns);

/* Once per process: the ticker's signal handler knows one engine. */
must_use int engine_new(const struct engine_config *config, own struct engine **ret,
                        struct fault *reterr);
void engine_free(own struct engine *e);
DEFINE_FREEP(engine, struct engine);

/* Error or trap -> text of one line, and freed. NULL gives "". */
void engine_error_text(own wasmtime_error_t *error, char *ret, size_t size);
void engine_trap_text(own wasm_trap_t *trap, char *ret, size_t size);
