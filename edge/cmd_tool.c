/* boxagnts tool: what tools there are, and one governed call without a planner. */
#include "edge/cmd_tool.h"
#include "edge/commands.h"
#include "edge/desk.h"
#include "edge/receipt_file.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ARGUMENTS_MAX ((size_t)16 << 20)

static const struct option_row options_tool[] = {
    {OPT_RECEIPT, "receipt", 0, OPTION_VALUE, "FILE|-",
     "write the receipt there (- = last line of stderr)"},
    {OPT_FORCE, "force", 0, OPTION_FLAG, NULL, "add: replace your own tool of the same name"},
    {OPT_LANG, "lang", 0, OPTION_VALUE, "c|go|rust",
     "new: the language of the template (default: c)"},
    {0},
};
static const struct option_row *const tables[] = {options_tool, options_policy, options_sandbox,
                                                  options_common, NULL};

static int cmd_tool(const struct parsed *p, struct fault *reterr);

const struct command command_tool = {
    .name = "tool",
    .usage =
        "list | show NAME | call NAME JSON|-|@FILE | add FILE.wasm | remove NAME | new NAME | test FILE.wasm TRANSCRIPT",
    .summary = "the tools a planner has; call one under the same policy and sandbox",
    .tables = tables,
    .run = cmd_tool,
};

static int tool_list(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    int r = app_open(&app, p, APP_STATE | APP_TOOLS, reterr);
    auto_json json_t *list = json_array();
    for (size_t i = 0; r == 0 && i < registry_count(app.registry); i++) {
        const struct tool *t = registry_peek(app.registry, i);
        if (!app.json) {
            printf("%-12s %-8s %.*s\n", t->name, t->version ? t->version : "",
                   (int)strcspn(t->description, "\n"), t->description);
            continue;
        }
        json_t *one = json_pack("{s:s, s:s?, s:s, s:s?, s:s, s:b}", "name", t->name, "version",
                                t->version, "description", t->description, "path", t->path,
                                "sha256", t->sha256, "verified", t->verified);
        if (json_array_append_new(list, one))
            r = -ENOMEM;
    }
    if (r == 0 && app.json)
        r = app_print_json(list);
    app_done(&app);
    return r;
}

int tool_not_there(const struct app *app, const char *name, struct fault *reterr)
{
    const struct tool *near = registry_nearest(app->registry, str_of(name));
    int r = fault_set(reterr, FAULT_USAGE, "there is no tool called \"%s\"", name);
    if (near)
        fault_next(reterr, "did you mean \"%s\"?", near->name);
    else
        fault_next(reterr, "`boxagnts tool list` shows what there is");
    return r;
}

static int tool_show(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    int r = app_open(&app, p, APP_STATE | APP_TOOLS, reterr);
    const struct tool *t = r == 0 ? registry_find(app.registry, str_of(p->positional[1])) : NULL;
    if (r == 0 && !t)
        r = tool_not_there(&app, p->positional[1], reterr);
    if (t) {
        json_t *effects = json_array();
        for (size_t i = 0; i < t->effect_count; i++)
            json_array_append_new(effects,
                                  json_pack("{s:s, s:s?, s:s?, s:b}", "effect",
                                            effect_name(t->effects[i].kind), "arg",
                                            t->effects[i].arg, "default", t->effects[i].fallback,
                                            "recursive", t->effects[i].recursive));
        auto_json json_t *all = json_pack(
            "{s:s, s:s?, s:s, s:s?, s:s, s:s, s:b, s:O, s:o, s:o}", "name", t->name, "version",
            t->version, "description", t->description, "path", t->path, "sha256", t->sha256,
            "origin", t->origin, "verified", t->verified, "input_schema", t->input_schema_json,
            "effects", effects, "limits", limits_json(&t->limits));
        char *text = all ? json_dumps(all, app.json ? JSON_COMPACT : JSON_INDENT(2)) : NULL;
        if (text)
            puts(text);
        free(text);
    }
    app_done(&app);
    return r;
}

/* --- call --- */

struct one_call {
    struct os_loop *loop;
    struct desk *desk;
    struct app *app;
    const char *receipt_path;
    int exit_code;
};

static int exit_of(const struct desk_outcome *o)
{
    if (o->stop == SANDBOX_EXIT)
        return o->is_error ? 1 : 0;
    if (o->fault == -FAULT_SANDBOX)
        return fault_exit_code(o->fault); /* no jail: 7 */
    if (o->stop == SANDBOX_TRAP || o->stop == SANDBOX_CRASH)
        return 1; /* the tool failed, not the person */
    return sandbox_stop_exit_code(o->stop, 0);
}

static void print_result(const struct desk_outcome *o)
{
    size_t i;
    json_t *block;
    json_array_foreach(json_object_get(o->result, "content"), i, block)
    {
        const char *text = json_string_value(json_object_get(block, "text"));
        FILE *out = o->stop == SANDBOX_EXIT && !o->is_error ? stdout : stderr;
        if (text)
            fprintf(out, "%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
        else
            fprintf(out, "[%s]\n", json_string_value(json_object_get(block, "type")));
    }
}

static void on_done(const struct desk_outcome *o, void *arg)
{
    struct one_call *x = arg;
    x->exit_code = exit_of(o);
    if (x->app->json) {
        json_t *line = json_copy((json_t *)(uintptr_t)o->result);
        if (line && json_object_set(line, "receipt", (json_t *)(uintptr_t)o->receipt) == 0)
            (void)!app_print_json(line);
        json_decref(line);
    } else {
        print_result(o);
    }
    fflush(stdout);
    struct fault why = {0};
    if (x->receipt_path && receipt_file_write(x->receipt_path, o->receipt, &why) < 0) {
        app_complain(&why);
        x->exit_code = 1;
    }
    os_loop_stop(x->loop, 0);
}

static void on_signal(int signal, void *arg)
{
    (void)signal;
    desk_cancel(((struct one_call *)arg)->desk);
}

static void on_note(const char *what, const json_t *body, void *arg)
{
    (void)arg;
    if (strcmp(what, "note") == 0)
        app_note(json_string_value(json_object_get(body, "text")));
}

static int take_arguments(const char *given, struct buf *ret, struct fault *reterr)
{
    int r = 0;
    if (strcmp(given, "-") == 0)
        r = os_read_all(0, ret);
    else if (given[0] == '@')
        r = os_read_file_trusted(given + 1, ret);
    else
        r = buf_add_z(ret, given);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_USAGE, "tool call: the arguments are longer than 16 MiB");
    return r < 0 ? fault_sys(reterr, -r, "tool call: cannot read the arguments from %s", given) : 0;
}

static int call(struct app *app, const struct parsed *p, struct str arguments, struct fault *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
    struct one_call x = {.app = app, .receipt_path = option_value(p, OPT_RECEIPT), .exit_code = 1};
    auto_(os_loop) struct os_loop *loop = NULL;
    auto_(approval) struct approval *approval = NULL;
    auto_(desk) struct desk *desk = NULL;
    struct os_watch *watch = NULL;
    char session[SESSION_ID_SIZE] = "";
    auto_close int lock_fd = -1;
    int r = os_loop_new(&loop);
    if (r == 0)
        r = approval_new(loop, NULL, &approval);
    if (r == 0)
        r = session_begin(app->state, app->work_dir, "none", p->positional[1], 0, session, &lock_fd,
                          reterr);
    const struct desk_config config = {app, session, "person", loop, approval, NULL, NULL, 0};
    if (r == 0)
        r = desk_new(&config, &desk);
    if (r == 0)
        desk_on_note(desk, on_note, NULL);
    x.loop = loop;
    x.desk = desk;
    if (r == 0)
        r = os_loop_watch_signals(loop, signals, on_signal, &x, &watch);
    if (r == 0)
        r = desk_start_worker(desk, reterr);
    if (r == 0)
        r = desk_call(desk, str_of(p->positional[1]), arguments, on_done, &x);
    if (r == 0 && !desk_is_idle(desk))
        r = os_loop_run(loop);
    os_watch_free(watch);
    if (*session)
        (void)!session_end(app->state, session,
                           r < 0              ? "failed"
                           : x.exit_code == 0 ? "done"
                                              : "stopped",
                           0, 1, 0);
    return r < 0 ? r : x.exit_code;
}

static int tool_call(const struct parsed *p, struct fault *reterr)
{
    auto_done(buf) struct buf arguments;
    buf_init(&arguments, ARGUMENTS_MAX);
    struct app app = {.work_dir_fd = -1, .tools_notify_fd = -1};
    int r = take_arguments(p->positional[2], &arguments, reterr);
    if (r == 0)
        r = app_open(&app, p, APP_MOUNTS | APP_STATE | APP_TOOLS, reterr);
    if (r == 0 && !registry_find(app.registry, str_of(p->positional[1])))
        r = tool_not_there(&app, p->positional[1], reterr);
    if (r == 0)
        r = call(&app, p, buf_str(&arguments), reterr);
    app_done(&app);
    return r;
}

static const struct verb verbs[] = {
    {"list", "", "what tools there are", tool_list, 0, 0},
    {"show", "NAME", "one tool's manifest", tool_show, 1, 1},
    {"call", "NAME JSON|-|@FILE", "one governed call", tool_call, 2, 2},
    {"add", "FILE.wasm",
     "take a module, with the sidecar NAME.tool.json beside it, into your own tools", tool_add, 1,
     1},
    {"remove", "NAME", "one of your own tools", tool_remove, 1, 1},
    {"new", "NAME [--lang c|go|rust]", "a folder NAME with a tool to begin with", tool_new, 1, 1},
    {"test", "FILE.wasm TRANSCRIPT", "play a transcript against a module", tool_test, 2, 2},
};

static int cmd_tool(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
