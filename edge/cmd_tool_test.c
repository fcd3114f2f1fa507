/* boxagnts tool test: plays a transcript against a module, each line one governed call by hand. The module need not be installed: its
 * folder is one more folder of tools. */
#include "edge/cmd_tool.h"

#include "edge/app_tools.h"
#include "edge/desk.h"
#include "edge/safe.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define TRANSCRIPT_MAX ((size_t)16 << 20)

struct playing {
    struct os_loop *loop;
    struct desk *desk;
    const char *tool; /* name */
    const json_t *expect;
    const char *name; /* of the line */
    unsigned passed, failed;
    bool is_cancelled;
};

/* All text of a result, one block behind the other. */
static int text_of(const json_t *result, struct buf *out)
{
    size_t i;
    json_t *block;
    json_array_foreach(json_object_get(result, "content"), i, block)
    {
        const char *text = json_string_value(json_object_get(block, "text"));
        if (text)
            buf_add_z(out, text);
    }
    return buf_error(out);
}

/* "" or what differs. */
static const char *differs(const json_t *expect, const struct desk_outcome *o, const char *text)
{
    const char *content = json_string_value(json_object_get(expect, "content"));
    const char *contains = json_string_value(json_object_get(expect, "contains"));
    if (o->is_error != json_is_true(json_object_get(expect, "is_error")))
        return o->is_error ? "it is an error" : "it is no error";
    if (content && strcmp(content, text) != 0)
        return "the content is another one";
    return contains && !strstr(text, contains) ? "it does not contain what it should" : "";
}

static void on_done(const struct desk_outcome *o, void *arg)
{
    struct playing *p = arg;
    auto_done(buf) struct buf text;
    buf_init(&text, (size_t)64 << 20);
    const char *why = text_of(o->result, &text) < 0 ? "its result is too long"
                                                    : differs(p->expect, o, buf_str(&text).at);
    *why ? p->failed++ : p->passed++;
    printf("%s ", *why ? "FAIL" : "ok  ");
    safe_print_line(stdout, p->name);
    if (*why) {
        printf(": %s\n     it says: ", why);
        safe_print_line(stdout, buf_str(&text).at);
    }
    putchar('\n');
    os_loop_stop(p->loop, 0);
}

static void on_signal(int signal, void *arg)
{
    (void)signal;
    struct playing *p = arg;
    p->is_cancelled = true;
    desk_cancel(p->desk);
}

static int bad_line(const char *file, size_t line, const char *why, struct fault *reterr)
{
    return fault_set(reterr, FAULT_CONFIG, "%s:%zu: %s", file, line, why);
}

static int check_line(const json_t *v, const char *file, size_t line, struct fault *reterr)
{
    static const char *const keys[] = {"name", "input", "expect"};
    static const char *const expected[] = {"content", "contains", "is_error"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        if (strcmp(key, keys[0]) != 0 && strcmp(key, keys[1]) != 0 && strcmp(key, keys[2]) != 0)
            return bad_line(file, line, "a line has name, input and expect, and nothing else",
                            reterr);
    }
    json_object_foreach(json_object_get(v, "expect"), key, value)
    {
        bool is_flag = strcmp(key, expected[2]) == 0;
        if (!is_flag && strcmp(key, expected[0]) != 0 && strcmp(key, expected[1]) != 0)
            return bad_line(file, line,
                            "expect has content, contains and is_error, and nothing else", reterr);
        if (is_flag ? !json_is_boolean(value) : !json_is_string(value))
            return bad_line(file, line, "content and contains are texts, is_error is true or false",
                            reterr);
    }
    return json_is_string(json_object_get(v, "name")) &&
                   json_is_object(json_object_get(v, "input")) &&
                   json_is_object(json_object_get(v, "expect"))
               ? 0
               : bad_line(file, line,
                          "a line has a text name, an object input and an object expect", reterr);
}

static int play_line(struct playing *p, struct str text, const char *file, size_t line,
                     struct fault *reterr)
{
    auto_json json_t *v = NULL;
    auto_done(buf) struct buf arguments;
    struct fault why = {0};
    buf_init(&arguments, TRANSCRIPT_MAX);
    if (json_parse(text, TRANSCRIPT_MAX, &v, &why) < 0)
        return bad_line(file, line, why.text, reterr);
    int r = check_line(v, file, line, reterr);
    if (r == 0)
        r = json_print(json_object_get(v, "input"), &arguments);
    if (r < 0)
        return r;
    p->name = json_string_value(json_object_get(v, "name"));
    p->expect = json_object_get(v, "expect");
    unsigned before = p->passed + p->failed;
    r = desk_call(p->desk, str_of(p->tool), buf_str(&arguments), on_done, p);
    if (r == 0 && p->passed + p->failed == before)
        r = os_loop_run(p->loop);
    return r;
}

static int play(struct playing *p, struct str transcript, const char *file, struct fault *reterr)
{
    int r = 0;
    size_t number = 0;
    for (struct str rest = transcript, line; r == 0 && rest.len > 0 && !p->is_cancelled;) {
        number++;
        if (!str_split(rest, '\n', &line, &rest)) {
            line = rest;
            rest = STR("");
        }
        if (str_trim(line).len > 0)
            r = play_line(p, line, file, number, reterr);
    }
    if (r == 0 && p->passed + p->failed == 0)
        r = fault_set(reterr, FAULT_CONFIG, "%s: no line in it", file);
    return r;
}

static int play_in_session(struct app *app, const char *tool, struct str transcript,
                           const char *file, struct fault *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, 0};
    auto_(os_loop) struct os_loop *loop = NULL;
    auto_(desk) struct desk *desk = NULL;
    struct os_watch *watch = NULL;
    char session[SESSION_ID_SIZE] = "";
    auto_close int lock_fd = -1;
    int r = os_loop_new(&loop);
    if (r == 0)
        r = session_begin(app->state, app->work_dir, "none", file, 0, session, &lock_fd, reterr);
    const struct desk_config config = {
        .app = app, .session = session, .agent = "person", .loop = loop};
    if (r == 0)
        r = desk_new(&config, &desk);
    struct playing p = {.loop = loop, .desk = desk, .tool = tool};
    if (r == 0)
        r = os_loop_watch_signals(loop, signals, on_signal, &p, &watch);
    if (r == 0)
        r = desk_start_worker(desk, reterr);
    if (r == 0)
        r = play(&p, transcript, file, reterr);
    os_watch_free(watch);
    if (*session)
        (void)!session_end(app->state, session, r == 0 && p.failed == 0 ? "done" : "failed", 0,
                           p.passed + p.failed, 0);
    if (r < 0)
        return r;
    printf("%u passed, %u failed\n", p.passed, p.failed);
    return p.is_cancelled ? 130 : p.failed ? 1 : 0;
}

/* The tool whose module this file is. */
static const struct tool *find_module(struct app *app, const char *file, struct fault *reterr)
{
    auto_free char *real = NULL;
    if (os_real_path(file, &real) < 0) {
        (void)fault_set(reterr, FAULT_USAGE, "%s is not there", file);
        return NULL;
    }
    auto_free char *dir = str_dup((struct str){real, (size_t)(strrchr(real, '/') - real)});
    if (!dir || registry_add_dir(app->registry, *dir ? dir : "/", app_broken_tool, app, reterr) < 0)
        return NULL;
    for (size_t i = 0; i < registry_count(app->registry); i++) {
        const struct tool *t = registry_at(app->registry, i);
        if (t->path && strcmp(t->path, real) == 0)
            return t;
    }
    (void)fault_set(reterr, FAULT_CONFIG, "%s is no tool, or another tool has its name", file);
    return NULL;
}

int tool_test(const struct parsed *p, struct fault *reterr)
{
    const char *file = p->positional[1], *transcript = p->positional[2];
    auto_done(buf) struct buf text;
    struct app app = {.work_dir_fd = -1, .tools_notify_fd = -1};
    buf_init(&text, TRANSCRIPT_MAX);
    int r = os_read_file_trusted(transcript, &text);
    if (r < 0)
        return fault_set(reterr, FAULT_USAGE, "cannot read the transcript %s: %s", transcript,
                         r == -FAULT_CAP ? "longer than 16 MiB" : fault_sentence(r));
    r = app_open(&app, p, APP_MOUNTS | APP_STATE | APP_TOOLS, reterr);
    const struct tool *tool = r == 0 ? find_module(&app, file, reterr) : NULL;
    if (r == 0 && !tool)
        r = reterr->code ? -reterr->code : -ENOMEM;
    if (r == 0)
        r = play_in_session(&app, tool->name, buf_str(&text), transcript, reterr);
    app_done(&app);
    return r;
}
