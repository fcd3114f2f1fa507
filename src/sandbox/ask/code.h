/* Native code for a wasm module: from the sealed cache, else through boxagnts-compile. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

/* Gives the native code of a wasm module as a sealed memfd: from the sealed cache (host/codecache.h)
 * when key and MAC fit, else through boxagnts-compile (60 s, rlimits), and puts it into the cache.
 * ret_key: 64 hex digits and NUL. ret_note (may be NULL): "" or why a cache file was refused and rebuilt.
 * returns 0 | -FAULT_MODULE (invalid_module; the sentence says what is wrong) | -FAULT_LIMIT (compile cap) | ... */
struct codecache; /* host/codecache.h */
must_use int sandbox_code(struct codecache *cache, const char *compile_program, struct str wasm,
                          char ret_key[65], int *ret_code_fd, struct buf *ret_note,
                          struct fault *reterr);
