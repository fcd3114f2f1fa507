/* Asking boxagnts-compile for the native code of one module. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"

#define SANDBOX_WASM_MAX ((size_t)64 << 20)
#define SANDBOX_COMPILE_S 60

struct os_loop;
struct sandbox_compiling; /* opaque; one module on its way */

/* result: 0 and code_fd (the receiver's; sealed) | -FAULT_MODULE with what is wrong | -FAULT_LIMIT past its time | -FAULT_CAP past
 * its memory | -FAULT_PEER_GONE it crashed | -FAULT_SANDBOX no jail | ...; why: borrowed. The handle may be freed from within. */
typedef void (*sandbox_compiled_fn)(int result, own int code_fd, const struct fault *why,
                                    void *arg);
/* Starts the program; fn comes once, from the loop, within 60 s. wasm is copied. */
must_use int sandbox_compile_start(const char *program, struct str wasm, struct os_loop *loop,
                                   sandbox_compiled_fn fn, void *arg,
                                   own struct sandbox_compiling **ret, struct fault *reterr);
/* Ends the program if it is still at work; then fn does not come any more. */
void sandbox_compiling_free(own struct sandbox_compiling *c);
DEFINE_FREEP(sandbox_compiling, struct sandbox_compiling);

/* The same for callers that have nothing else to do meanwhile: waits. */
must_use int sandbox_compile(const char *program, struct str wasm, int *ret_code_fd,
                             struct fault *reterr);
