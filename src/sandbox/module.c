/* Loading modules. The code was made by boxagnts-compile and sealed by the monitor; what the module wants from us is
 * checked here all the same, against our own list, before anything is linked. */
#include "sandbox/module.h"

#include "os/fd.h"
#include "sandbox/imports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void modules_init(struct modules *m, const struct engine *engine)
{
    *m = (struct modules){.engine = engine};
}

static void forget(struct module *row)
{
    if (row->pre)
        wasmtime_instance_pre_delete(row->pre);
    if (row->module)
        wasmtime_module_delete(row->module);
    *row = (struct module){.used = 0};
}

void modules_done(struct modules *m)
{
    for (size_t i = 0; i < MODULES_MAX; i++)
        forget(&m->rows[i]);
}

static bool is_kind(const wasm_valtype_vec_t *types, const char *kinds)
{
    if (types->size != strlen(kinds))
        return false;
    for (size_t i = 0; i < types->size; i++)
        if (wasm_valtype_kind(types->data[i]) != (kinds[i] == 'I' ? WASM_I64 : WASM_I32))
            return false;
    return true;
}

/* Names come from the module: they are quoted, cut, and made harmless by engine_error_text's rules later. */
static int check_import(const wasm_importtype_t *import, struct fault *reterr)
{
    const wasm_name_t *from = wasm_importtype_module(import), *name = wasm_importtype_name(import);
    const wasm_externtype_t *type = wasm_importtype_type(import);
    const char *params, *results;
    bool is_known = imports_find((struct str){from->data, from->size},
                                 (struct str){name->data, name->size}, &params, &results);
    int from_len = (int)(from->size < 100 ? from->size : 100),
        name_len = (int)(name->size < 100 ? name->size : 100);
    if (!is_known) {
        (void)fault_set(reterr, FAULT_MODULE, "import %.*s.%.*s is not offered", from_len,
                        from->data, name_len, name->data);
        return MODULE_INVALID;
    }
    const wasm_functype_t *function = wasm_externtype_as_functype_const(type);
    if (!function || !is_kind(wasm_functype_params(function), params) ||
        !is_kind(wasm_functype_results(function), results)) {
        (void)fault_set(reterr, FAULT_MODULE, "import %.*s.%.*s has another type than ours",
                        from_len, from->data, name_len, name->data);
        return MODULE_INVALID;
    }
    return 0;
}

static int check_imports(const wasmtime_module_t *module, struct fault *reterr)
{
    wasm_importtype_vec_t imports;
    wasmtime_module_imports(module, &imports);
    int r = 0;
    for (size_t i = 0; i < imports.size && r == 0; i++)
        r = check_import(imports.data[i], reterr);
    wasm_importtype_vec_delete(&imports);
    return r;
}

static int check_exports(const wasmtime_module_t *module, struct fault *reterr)
{
    wasm_exporttype_vec_t exports;
    wasmtime_module_exports(module, &exports);
    bool has_start = false;
    for (size_t i = 0; i < exports.size && !has_start; i++) {
        const wasm_name_t *name = wasm_exporttype_name(exports.data[i]);
        const wasm_functype_t *type =
            wasm_externtype_as_functype_const(wasm_exporttype_type(exports.data[i]));
        has_start = type && str_is((struct str){name->data, name->size}, "_start") &&
                    is_kind(wasm_functype_params(type), "") &&
                    is_kind(wasm_functype_results(type), "");
    }
    wasm_exporttype_vec_delete(&exports);
    if (has_start)
        return 0;
    (void)fault_set(reterr, FAULT_MODULE,
                    "it exports no function _start without parameters and results");
    fault_next(reterr, "build it as a WASI command module");
    return MODULE_INVALID;
}

/* The pool refuses a module that could never fit a slot. Which of its reasons it was is only in its text; a unit test
 * holds the words. */
static int load_code(const struct engine *e, int code_fd, struct module *row, struct fault *reterr)
{
    if (code_fd < 0)
        return fault_set(reterr, FAULT_PROTOCOL, "the code of a module was not sent");
    if (os_memfd_is_sealed(code_fd) != 0)
        return fault_set(reterr, FAULT_PROTOCOL,
                         "the code of a module is not in a sealed memory file");
    wasmtime_error_t *error = bx_module_from_fd(e->engine, code_fd, &row->module);
    if (!error)
        return 0;
    char text[400];
    engine_error_text(error, text, sizeof text);
    bool is_table = strstr(text, "minimum element size") != NULL;
    if (is_table || strstr(text, "minimum byte size")) {
        (void)fault_set(reterr, FAULT_LIMIT, "%s", text);
        return is_table ? MODULE_TABLE_TOO_LARGE : MODULE_MEMORY_TOO_LARGE;
    }
    if (strstr(text, "exceeds the limit") || strstr(text, "exceed the limit") ||
        strstr(text, "exceeds the per-instance limit") ||
        strstr(text, "module instance size does not fit")) {
        (void)fault_set(reterr, FAULT_MODULE, "%s", text);
        return MODULE_INVALID;
    }
    return fault_set(reterr, FAULT_CORRUPT, "the code does not fit this engine: %s", text);
}

static int load(const struct engine *e, int code_fd, struct module *row, struct fault *reterr)
{
    int r = load_code(e, code_fd, row, reterr);
    if (r == 0)
        r = check_imports(row->module, reterr);
    if (r == 0)
        r = check_exports(row->module, reterr);
    if (r != 0)
        return r;
    wasmtime_error_t *error = wasmtime_linker_instantiate_pre(e->linker, row->module, &row->pre);
    if (!error)
        return 0;
    char text[400];
    engine_error_text(error, text, sizeof text);
    (void)fault_set(reterr, FAULT_MODULE, "%s", text);
    return MODULE_INVALID;
}

int modules_get(struct modules *m, const char *key, int code_fd, const struct module **ret,
                struct fault *reterr)
{
    struct module *oldest = &m->rows[0];
    for (size_t i = 0; i < MODULES_MAX; i++) {
        struct module *row = &m->rows[i];
        if (row->used > 0 && strcmp(row->key, key) == 0) {
            row->used = ++m->clock;
            *ret = row;
            return 0;
        }
        if (row->used < oldest->used)
            oldest = row;
    }
    forget(oldest);
    int r = load(m->engine, code_fd, oldest, reterr);
    if (r != 0) {
        forget(oldest);
        return r;
    }
    snprintf(oldest->key, sizeof oldest->key, "%s", key);
    oldest->used = ++m->clock;
    *ret = oldest;
    return 0;
}
