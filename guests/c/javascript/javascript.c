/* javascript: runs a program in QuickJS-ng. Its files are what the sandbox mounts, and nothing else of the world is here. Output is
 * kept and becomes the result's text, together with the value of the last expression; an exception that nobody caught is an error
 * with its place. */
#include "capture.h"
#include "file.h"
#include "path.h"
#include "prelude.h"
#include "tool.h"
#include "utf8.h"

#include <quickjs-libc.h>
#include <quickjs.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_CODE = 1 << 20,
    MAX_ARGS = 100,
    MAX_ARG = 64 << 10,
    MAX_VALUE = 24 << 10, /* of the last value, as text and as JSON each */
    /* Of the module's 1 MiB in linear memory. The engine's own stack (2 MiB) must last for it as well: with more than this it would
     * end first, as a trap. */
    STACK_USED = 320 << 10,
    UNHANDLED_MAX = 16,
};

struct javascript_args {
    struct str code;
    struct str path;
    yyjson_val *args;
    bool is_read_only; /* the host's matter */
};

static const struct tool_arg rows[] = {
    {"code", TOOL_TEXT, false, 0, MAX_CODE, offsetof(struct javascript_args, code)},
    {"path", TOOL_TEXT, false, 1, 4096, offsetof(struct javascript_args, path)},
    {"args", TOOL_ARRAY, false, 0, MAX_ARGS, offsetof(struct javascript_args, args)},
    {"read_only", TOOL_BOOLEAN, false, 0, 1, offsetof(struct javascript_args, is_read_only)},
};

static JSContext *js;
static JSValue show_function;
/* Rejected promises that nobody has taken up yet; past the maximum they are only counted. */
static struct {
    JSValue promise, reason;
} unhandled[UNHANDLED_MAX];
static size_t unhandled_count;

static yyjson_mut_val *facts(void)
{
    yyjson_mut_val *structured = yyjson_mut_obj(tool_doc());

    tool_set_count(structured, "output_bytes", capture_bytes());
    tool_set_flag(structured, "truncated", capture_is_cut());
    return structured;
}

static struct str owned(const char *text, size_t len)
{
    struct buf copy;

    buf_init(&copy, len + 1);
    buf_add(&copy, (struct str){text, len});
    return buf_str(&copy);
}

/* What String() makes of it. */
static struct str text_of(JSValueConst value)
{
    size_t len;
    const char *text = JS_ToCStringLen(js, &len, value);

    if (text == NULL) {
        JS_FreeValue(js, JS_GetException(js));
        return STR("(a value that has no text)");
    }
    return owned(text, len);
}

static struct str property_text(JSValueConst object, const char *name)
{
    JSValue value = JS_GetPropertyStr(js, object, name);
    struct str text = JS_IsString(value) ? text_of(value) : STR("");

    if (JS_IsException(value))
        JS_FreeValue(js, JS_GetException(js));
    JS_FreeValue(js, value);
    return text;
}

/* "<code>:3:5" from the first place in a stack that has one. */
static struct str first_place(struct str stack)
{
    size_t end = str_line_end(stack, 0);
    struct str line = str_part(stack, 0, end);
    size_t from = str_find(line, STR("("), 0);
    size_t to = str_find(line, STR(")"), 0);

    if (from < line.len && to < line.len && from < to)
        return str_part(line, from + 1, to);
    from = str_find(line, STR("at "), 0);
    if (from >= line.len)
        return STR("");
    line = str_part(line, from + 3, line.len);
    return line.len > 0 && line.at[line.len - 1] == '\n' ? str_part(line, 0, line.len - 1) : line;
}

static _Noreturn void fail_with(const char *kind, JSValueConst thrown)
{
    bool is_error = JS_IsError(thrown);
    struct str stack = is_error ? property_text(thrown, "stack") : STR("");
    struct str place = first_place(stack);
    struct str what = text_of(thrown);
    yyjson_mut_val *structured;
    struct buf text;

    capture_end();
    structured = facts();
    if (is_error) {
        tool_set_text(structured, "name", tool_name(property_text(thrown, "name")));
        tool_set_text(structured, "message",
                      tool_name(utf8_head(property_text(thrown, "message"), 4096)));
    }
    if (place.len > 0)
        tool_set_text(structured, "location", tool_name(place));
    buf_init(&text, TOOL_MAX_CONTENT);
    buf_add(&text, capture_text());
    if (text.len > 0 && text.at[text.len - 1] != '\n')
        buf_add_byte(&text, '\n');
    buf_addf(&text, "Uncaught ");
    buf_add(&text, utf8_head(what, 8192));
    buf_add_byte(&text, '\n');
    buf_add(&text, utf8_head(stack, 8192));
    tool_fail_with(structured, kind, buf_str(&text));
}

static _Noreturn void fail_with_exception(void)
{
    fail_with("uncaught", JS_GetException(js));
}

/* exit() by the linker's --wrap: std.exit() of a program. Its output is not lost, and its code decides. */
_Noreturn void __wrap_exit(int code);
_Noreturn void __wrap_exit(int code)
{
    struct buf text;
    yyjson_mut_val *structured;

    fflush(NULL);
    capture_end();
    structured = facts();
    tool_set(structured, "exit_code", yyjson_mut_int(tool_doc(), code));
    buf_init(&text, TOOL_MAX_CONTENT);
    buf_add(&text, capture_text());
    buf_addf(&text, "%sThe program ended with std.exit(%d).",
             text.len > 0 && text.at[text.len - 1] != '\n' ? "\n" : "", code);
    if (code != 0)
        tool_fail_with(structured, "exit", buf_str(&text));
    tool_done(buf_str(&text), STR(""), structured);
}

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool is_handled,
                         void *arg)
{
    (void)arg;
    for (size_t i = 0; is_handled && i < unhandled_count; i++)
        if (JS_IsSameValue(ctx, unhandled[i].promise, promise)) {
            JS_FreeValue(ctx, unhandled[i].promise);
            JS_FreeValue(ctx, unhandled[i].reason);
            unhandled[i] = unhandled[--unhandled_count];
            return;
        }
    if (is_handled || unhandled_count == UNHANDLED_MAX)
        return;
    unhandled[unhandled_count].promise = JS_DupValue(ctx, promise);
    unhandled[unhandled_count++].reason = JS_DupValue(ctx, reason);
}

static void set_arguments(JSValueConst global, yyjson_val *args)
{
    JSValue list = JS_NewArray(js);
    yyjson_val *item;
    size_t i;
    size_t max;

    if (args != NULL) {
        yyjson_arr_foreach(args, i, max, item)
        {
            if (!yyjson_is_str(item) || yyjson_get_len(item) > MAX_ARG)
                tool_fail("bad_argument", "Bad argument: args must be texts of at most %d bytes.",
                          MAX_ARG);
            JS_SetPropertyUint32(js, list, (uint32_t)i,
                                 JS_NewStringLen(js, yyjson_get_str(item), yyjson_get_len(item)));
        }
    }
    JS_SetPropertyStr(js, global, "scriptArgs", list);
}

static JSValue module_of(const char *name, JSModuleDef *(*init)(JSContext *, const char *))
{
    JSValue space;
    JSModuleDef *module = init(js, name);

    /* A module of C has no body of its own; importing it once makes its names. */
    char source[80];
    int len = snprintf(source, sizeof(source), "import * as m from '%s'; globalThis.$m = m;", name);
    JSValue done = JS_Eval(js, source, (size_t)len, "<start>", JS_EVAL_TYPE_MODULE);
    JSValue global = JS_GetGlobalObject(js);

    if (module == NULL || JS_IsException(done))
        mem_fail();
    JS_FreeValue(js, done);
    space = JS_GetPropertyStr(js, global, "$m");
    JS_FreeValue(js, global);
    return space;
}

static void start(yyjson_val *args)
{
    JSRuntime *runtime = JS_NewRuntime();
    JSValue global;
    JSValue made;
    JSValue given[3];
    JSAtom name;

    if (runtime == NULL || (js = JS_NewContext(runtime)) == NULL)
        mem_fail();
    JS_SetMaxStackSize(runtime, STACK_USED);
    js_std_init_handlers(runtime);
    JS_SetModuleLoaderFunc2(runtime, NULL, js_module_loader, js_module_check_attributes, NULL);
    JS_SetHostPromiseRejectionTracker(runtime, on_rejection, NULL);
    global = JS_GetGlobalObject(js);
    set_arguments(global, args);
    given[0] = global;
    given[1] = module_of("std", js_init_module_std);
    given[2] = module_of("os", js_init_module_os);
    name = JS_NewAtom(js, "$m");
    JS_DeleteProperty(js, global, name, 0);
    JS_FreeAtom(js, name);
    made = JS_Eval(js, prelude_source, strlen(prelude_source), "<start>", JS_EVAL_TYPE_GLOBAL);
    if (!JS_IsException(made))
        show_function = JS_Call(js, made, JS_UNDEFINED, 3, given);
    if (JS_IsException(made) || JS_IsException(show_function))
        fail_with_exception();
}

/* Everything that was started has come to its end: jobs, timers, and at last the program's own promise. */
static JSValue settle(JSValue promise, bool is_module)
{
    JSValue result;

    if (js_std_loop(js) != 0)
        fail_with_exception();
    fflush(NULL);
    switch (JS_PromiseState(js, promise)) {
    case JS_PROMISE_REJECTED: fail_with("uncaught", JS_PromiseResult(js, promise));
    case JS_PROMISE_PENDING:
        capture_end();
        tool_fail_with(
            facts(), "never_settled",
            STR("The program waits (await) for a promise that nothing is left to settle."));
    case JS_PROMISE_FULFILLED:
    case JS_PROMISE_NOT_A_PROMISE: break;
    }
    if (unhandled_count > 0)
        fail_with("unhandled_rejection", unhandled[0].reason);
    if (is_module)
        return JS_UNDEFINED;
    result = JS_PromiseResult(js, promise);
    return JS_GetPropertyStr(js, result, "value"); /* an async script's result is {value} */
}

static void set_value(yyjson_mut_val *structured, JSValueConst value)
{
    JSValue json = JS_JSONStringify(js, value, JS_UNDEFINED, JS_UNDEFINED);

    if (JS_IsException(json)) { /* a circle, a BigInt: it has no JSON, and is shown as text */
        JS_FreeValue(js, JS_GetException(js));
        return;
    }
    if (JS_IsString(json)) {
        struct str text = text_of(json);
        yyjson_doc *doc = text.len <= MAX_VALUE ? yyjson_read(text.at, text.len, 0) : NULL;

        if (doc != NULL)
            tool_set(structured, "value",
                     yyjson_val_mut_copy(tool_doc(), yyjson_doc_get_root(doc)));
    }
    JS_FreeValue(js, json);
}

static _Noreturn void finish(JSValueConst value)
{
    JSValue given[1] = {JS_DupValue(js, value)};
    JSValue shown =
        JS_IsUndefined(value) ? JS_UNDEFINED : JS_Call(js, show_function, JS_UNDEFINED, 1, given);
    yyjson_mut_val *structured;
    struct buf text;

    fflush(NULL);
    capture_end();
    structured = facts();
    buf_init(&text, TOOL_MAX_CONTENT);
    buf_add(&text, capture_text());
    if (!JS_IsUndefined(value)) {
        struct str all = text_of(shown);
        struct str some = utf8_head(all, MAX_VALUE);

        if (text.len > 0 && text.at[text.len - 1] != '\n')
            buf_add_byte(&text, '\n');
        buf_addf(&text, "=> ");
        buf_add(&text, some);
        if (some.len < all.len)
            buf_addf(&text, "\n[... %zu bytes more]", all.len - some.len);
        set_value(structured, value);
    }
    if (text.len == 0)
        buf_addf(&text, "Done; nothing was printed.");
    tool_done(buf_str(&text), STR(""), structured);
}

static bool has_line_with(struct str code, struct str word)
{
    for (size_t at = 0; at < code.len; at = str_line_end(code, at))
        if (code.len - at >= word.len && memcmp(code.at + at, word.at, word.len) == 0)
            return true;
    return false;
}

/* A script, if it is one: only that has a last value. Else a module; what is neither gets the error of what it looks like. */
static JSValue compile(struct str code, const char *name, bool *ret_is_module)
{
    JSValue script = JS_Eval(js, code.at, code.len, name,
                             JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_ASYNC | JS_EVAL_FLAG_COMPILE_ONLY);

    *ret_is_module = false;
    if (!JS_IsException(script))
        return script;
    if (!has_line_with(code, STR("import ")) && !has_line_with(code, STR("export ")) &&
        !JS_DetectModule(code.at, code.len))
        fail_with_exception();
    JS_FreeValue(js, JS_GetException(js));
    *ret_is_module = true;
    return JS_Eval(js, code.at, code.len, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
}

int main(void)
{
    struct javascript_args args = {.code = {NULL, 0}, .path = {NULL, 0}};
    struct str name = STR("<code>");
    struct buf file;
    bool is_module;
    JSValue promise;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    if ((args.code.at == NULL) == (args.path.at == NULL))
        tool_fail("bad_argument",
                  "Bad argument: give code, the text of a program, or path, its file.");
    if (args.path.at != NULL) {
        name = file_take_path("path", args.path);
        file_read_all(name, MAX_CODE, &file);
        args.code = buf_str(&file);
    }
    /* The engine wants a zero behind the text. */
    args.code = owned(args.code.at, args.code.len);
    start(args.args);
    setvbuf(stdout, NULL, _IOLBF, 0); /* so that stdout and stderr keep their order */
    capture_begin();
    promise = compile(args.code, name.at, &is_module);
    if (!JS_IsException(promise))
        promise = JS_EvalFunction(js, promise);
    if (JS_IsException(promise))
        fail_with_exception();
    finish(settle(promise, is_module));
}
