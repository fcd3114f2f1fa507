/* Modules that a worker has loaded, by the key of their code. Loaded once from a sealed memory file, checked once
 * (imports, _start), linked once; a fresh instance is made from it for each run. At most MODULES_MAX, the one used
 * longest ago goes first. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "sandbox/engine.h"

#define MODULES_MAX 32

struct module {
    char key[65];
    uint64_t used;                /* order of last use; 0 = the row is free */
    wasmtime_module_t *module;    /* own */
    wasmtime_instance_pre_t *pre; /* own */
};

struct modules {
    const struct engine *engine; /* borrowed */
    uint64_t clock;
    struct module rows[MODULES_MAX];
};

void modules_init(struct modules *m, const struct engine *engine);
void modules_done(struct modules *m);

/* code_fd is borrowed; -1 or an unsealed file is a fault when the module is not loaded yet.
 * returns 0 | MODULE_INVALID (an import we do not have, or no _start) | MODULE_MEMORY_TOO_LARGE, MODULE_TABLE_TOO_LARGE
 * (declares more than this worker gives anyone), with a sentence each | negative: the code itself cannot be loaded */
enum { MODULE_INVALID = 1, MODULE_MEMORY_TOO_LARGE = 2, MODULE_TABLE_TOO_LARGE = 3 };
must_use int modules_get(struct modules *m, const char *key, int code_fd, const struct module **ret,
                         struct fault *reterr);
