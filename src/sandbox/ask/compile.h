/* Asking boxagnts-compile for the native code of one module. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"

#define SANDBOX_WASM_MAX ((size_t)64 << 20)
#define SANDBOX_COMPILE_S 60

/* Starts the program, waits for its answer (60 s in all) and ends it.
 * ret_code_fd  own; sealed
 * returns 0 | -FAULT_MODULE with what is wrong | -FAULT_LIMIT past the time | -FAULT_SANDBOX no jail | ... */
must_use int sandbox_compile(const char *program, struct str wasm, int *ret_code_fd,
                             struct fault *reterr);
