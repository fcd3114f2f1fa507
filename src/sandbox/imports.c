/* See imports.h. */
#include "sandbox/imports.h"

#include "sandbox/guest_http.h"
#include "sandbox/wasi/wasi.h"

#include <string.h>

static const struct str wasi_module = {"wasi_snapshot_preview1",
                                       sizeof "wasi_snapshot_preview1" - 1};
static const struct str http_module = {"boxagnts_http", sizeof "boxagnts_http" - 1};

bool imports_find(struct str module, struct str name, const char **ret_params,
                  const char **ret_results)
{
    if (str_eq(module, wasi_module)) {
        for (size_t i = 0; i < wasi_function_count; i++) {
            if (str_is(name, wasi_functions[i].name)) {
                *ret_params = wasi_functions[i].params;
                *ret_results = wasi_functions[i].results;
                return true;
            }
        }
    }
    if (str_eq(module, http_module)) {
        for (size_t i = 0; i < guest_http_function_count; i++) {
            if (str_is(name, guest_http_functions[i].name)) {
                *ret_params = guest_http_functions[i].params;
                *ret_results = guest_http_functions[i].results;
                return true;
            }
        }
    }
    return false;
}

static void type_list(const char *kinds, wasm_valtype_vec_t *ret)
{
    wasm_valtype_t *types[IMPORT_PARAMS_MAX];
    size_t count = strlen(kinds);
    must(count <= IMPORT_PARAMS_MAX);
    for (size_t i = 0; i < count; i++)
        types[i] = wasm_valtype_new(kinds[i] == 'I' ? WASM_I64 : WASM_I32);
    wasm_valtype_vec_new(ret, count, types);
}

static void *without_const(const void *p)
{
    union {
        const void *in;
        void *out;
    } u = {p}; /* the engine hands it back unchanged */
    return u.out;
}

static int link_one(struct engine *e, struct str module, const char *name, const char *params,
                    const char *results, wasmtime_func_unchecked_callback_t call, void *env,
                    struct fault *reterr)
{
    wasm_valtype_vec_t param_types, result_types;
    type_list(params, &param_types);
    type_list(results, &result_types);
    wasm_functype_t *type = wasm_functype_new(&param_types, &result_types);
    wasmtime_error_t *error = wasmtime_linker_define_func_unchecked(
        e->linker, module.at, module.len, name, strlen(name), type, call, env, NULL);
    wasm_functype_delete(type);
    if (!error)
        return 0;
    char text[200];
    engine_error_text(error, text, sizeof text);
    return fault_set(reterr, FAULT_SANDBOX, "function %s cannot be linked: %s", name, text);
}

int imports_link(struct engine *e, wasmtime_func_unchecked_callback_t on_wasi,
                 wasmtime_func_unchecked_callback_t on_http, struct fault *reterr)
{
    int r = 0;
    for (size_t i = 0; i < wasi_function_count && r == 0; i++) {
        const struct wasi_function *f = &wasi_functions[i];
        r = link_one(e, wasi_module, f->name, f->params, f->results, on_wasi, without_const(f),
                     reterr);
    }
    for (size_t i = 0; i < guest_http_function_count && r == 0; i++) {
        const struct guest_http_function *f = &guest_http_functions[i];
        r = link_one(e, http_module, f->name, f->params, f->results, on_http, without_const(f),
                     reterr);
    }
    return r;
}
