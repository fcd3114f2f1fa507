/* Native code for a wasm module: from the sealed cache, else through boxagnts-compile. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct codecache; /* host/codecache.h */
struct os_loop;
struct sandbox_coding; /* opaque; one module that is being compiled */

struct sandbox_code {
    char key[65];    /* 64 hex digits and NUL */
    int fd;          /* own; sealed memory file; -1 = none */
    struct buf note; /* why a cache file was refused and is made anew; empty = it was not */
};
void sandbox_code_init(struct sandbox_code *c);
void sandbox_code_done(struct sandbox_code *c);

/* From the cache alone, by the module's SHA-256 (64 hex digits): 0, and ret is filled | 1 it is not there | -FAULT_*. */
must_use int sandbox_code_cached(struct codecache *cache, const char *sha256,
                                 struct sandbox_code *ret, struct fault *reterr);

/* result as sandbox_compiled_fn's; code: borrowed, take its fd with take_fd(). The handle may be freed from within. */
typedef void (*sandbox_code_fn)(int result, struct sandbox_code *code, const struct fault *why,
                                void *arg);
/* From the cache when key and MAC fit: 0, and ret is filled (initialised by the caller). Else through the compiler, without
 * waiting for it: SANDBOX_CODE_LATER, and fn comes once, from the loop, with the code, which is in the cache then.
 * -FAULT_MODULE (invalid_module; the sentence says what is wrong) | -FAULT_LIMIT, -FAULT_CAP (a cap of compiling) | ... */
enum { SANDBOX_CODE_LATER = 1 };
must_use int sandbox_code_get(struct codecache *cache, const char *compile_program, struct str wasm,
                              struct os_loop *loop, sandbox_code_fn fn, void *arg,
                              struct sandbox_code *ret, own struct sandbox_coding **ret_coding,
                              struct fault *reterr);
/* Ends the compiler if it is still at work; then fn does not come any more. */
void sandbox_coding_free(own struct sandbox_coding *c);
DEFINE_FREEP(sandbox_coding, struct sandbox_coding);

/* The same for callers that have nothing else to do meanwhile: waits. ret_note may be NULL. */
must_use int sandbox_code(struct codecache *cache, const char *compile_program, struct str wasm,
                          char ret_key[65], int *ret_code_fd, struct buf *ret_note,
                          struct fault *reterr);
