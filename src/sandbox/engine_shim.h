/* What third_party/engine.rs adds to the engine's C face. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

/* wasm.h has a word of the same name and meaning, and takes it away at its end. */
#define own

/* The caller's; stays in place for as long as the store lives. The first four are asked for, the others told. */
struct bx_limits {
    uint64_t memory_max, table_max;     /* bytes; elements of each table */
    uint32_t instances_max, tables_max; /* one memory */
    uint64_t memory_peak;               /* largest size reached */
    uint64_t memory_refused,
        table_refused; /* largest size that was asked for and refused; 0 = none */
};
_Static_assert(sizeof(struct bx_limits) == 48, "the Rust side has this layout");

void bx_store_limits(wasmtime_store_t *store, struct bx_limits *limits);
/* Takes the config. ret only when NULL is returned. */
wasmtime_error_t *bx_engine_new(wasm_config_t *config, size_t max_wasm_stack, wasm_engine_t **ret);
/* fd stays the caller's; it must be sealed: the code in it is run as it is. */
wasmtime_error_t *bx_module_from_fd(const wasm_engine_t *engine, int fd, wasmtime_module_t **ret);
