/* What the engine is set to, as data: the worker and the compiler apply these rows, and the monitor writes them
 * into the key of cached code, so that code made for other settings is never taken for ours. Only what compiled
 * code depends on is here; slots and stack sizes are the worker's own (sandbox/engine.c).
 *
 * X(setting, type, value): wasmtime_config_<setting>_set(config, value) */
#pragma once

#include "base/base.h"

#define SANDBOX_ENGINE_VERSION "wasmtime-48.0.8"

/* Address space of one linear memory: all that 32 bits reach, so that code needs no bounds checks. */
#define SANDBOX_MEMORY_RESERVATION (UINT64_C(4) << 30)
#define SANDBOX_MEMORY_GUARD (UINT64_C(32) << 20)

/* Reference types without gc_support are funcref only: today's compilers write table indices that need them. */
#define SANDBOX_ENGINE_SETTINGS(X)                                                                 \
    X(consume_fuel, bool, true)                                                                    \
    X(epoch_interruption, bool, true)                                                              \
    X(debug_info, bool, false)                                                                     \
    X(signals_based_traps, bool, true)                                                             \
    X(memory_init_cow, bool, true)                                                                 \
    X(memory_may_move, bool, false)                                                                \
    X(memory_reservation, uint64_t, SANDBOX_MEMORY_RESERVATION)                                    \
    X(memory_guard_size, uint64_t, SANDBOX_MEMORY_GUARD)                                           \
    X(gc_support, bool, false)                                                                     \
    X(wasm_gc, bool, false)                                                                        \
    X(wasm_function_references, bool, false)                                                       \
    X(wasm_reference_types, bool, true)                                                            \
    X(wasm_exceptions, bool, false)                                                                \
    X(wasm_threads, bool, false)                                                                   \
    X(shared_memory, bool, false)                                                                  \
    X(wasm_memory64, bool, false)                                                                  \
    X(wasm_multi_memory, bool, false)                                                              \
    X(wasm_custom_page_sizes, bool, false)                                                         \
    X(wasm_wide_arithmetic, bool, false)                                                           \
    X(wasm_relaxed_simd, bool, false)                                                              \
    X(wasm_simd, bool, true)                                                                       \
    X(wasm_bulk_memory, bool, true)                                                                \
    X(wasm_multi_value, bool, true)                                                                \
    X(wasm_tail_call, bool, true)

/* The rows as one line of text. */
const char *sandbox_engine_settings(void);
