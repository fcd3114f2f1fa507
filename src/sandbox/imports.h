/* What a module may import: WASI preview 1 and boxagnts_http, by name and type. One list, which modules are held against
 * before they are linked and from which the linker is filled, so that the two cannot differ. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "sandbox/engine.h"

enum { IMPORT_PARAMS_MAX = 16 };

/* The type of the function behind an import ("iI": i32, i64); false when we have none of this name. */
bool imports_find(struct str module, struct str name, const char **ret_params,
                  const char **ret_results);
/* Defines all of them in the engine's linker. The callback's env is the function's row (struct wasi_function,
 * struct guest_http_function). */
must_use int imports_link(struct engine *e, wasmtime_func_unchecked_callback_t on_wasi,
                          wasmtime_func_unchecked_callback_t on_http, struct fault *reterr);
