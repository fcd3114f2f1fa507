/* The scripted planner: a file of JSON lines, one model turn each (interfaces.md, docs/script.md). The whole
 * file is checked before anything runs; a script is the operator's file, so a mistake in it is a config error
 * with its line. Plays the service's part faithfully: errors come as a service's errors, and an answer
 * longer than the granted max_tokens is cut there, so that no script can make a run spend more than a
 * real service could. */
#include "edge/planner.h"

#include "os/clock.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>

#define SCRIPT_MAX_BYTES ((size_t)64 << 20)
#define SCRIPT_LINES_MAX 100000

struct script {
    struct planner planner;
    struct os_loop *loop;
    struct os_watch *timer;
    json_t *lines; /* own; [object] */
    size_t next;
    int64_t errors_left; /* of the line at `next`; -1 = not begun */
    int64_t max_tokens;
};

/* --- checking --- */

static const char *const line_keys[] = {"text", "thinking", "calls",    "usage",
                                        "stop", "error",    "delay_ms", "expect"};
static const char *const stops[] = {"end_turn", "tool_use", "max_tokens", "refusal"};
static const char *const kinds[] = {"overloaded", "rate_limit", "disconnect", "malformed"};

static bool is_one_of(struct str s, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(s, names[i]))
            return true;
    return false;
}

static int check_keys(const json_t *object, const char *const *names, size_t count,
                      const char *what, struct fault *f)
{
    const char *key;
    json_t *value;
    json_object_foreach(
        (json_t *)(uintptr_t)object, key,
        value) if (!is_one_of(str_of(key), names, count)) return fault_set(f, FAULT_CONFIG,
                                                                           "%s has no key \"%s\"",
                                                                           what, key);
    return 0;
}

static int check_word(const json_t *object, const char *key, const char *const *names, size_t count,
                      struct fault *f)
{
    struct str s;
    int r = json_get_str(object, key, &s, f);
    if (r != 0)
        return r < 0 ? r : 0;
    return is_one_of(s, names, count)
               ? 0
               : fault_set(f, FAULT_CONFIG, "\"%s\" cannot be \"%.*s\"", key, STR_FMT(s));
}

static int check_calls(const json_t *line, struct fault *f)
{
    static const char *const call_keys[] = {"tool", "input"};
    const json_t *calls = NULL;
    int r = json_get_array(line, "calls", &calls, f);
    if (r != 0)
        return r < 0 ? r : 0;
    size_t i;
    json_t *call;
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        struct str tool;
        if (!json_is_object(call))
            return fault_set(f, FAULT_CONFIG, "calls[%zu] is not an object", i);
        if ((r = check_keys(call, call_keys, ARRAY_LEN(call_keys), "a call", f)) < 0)
            return r;
        r = json_get_str(call, "tool", &tool, f);
        if (r != 0)
            return r < 0 ? r : fault_set(f, FAULT_CONFIG, "calls[%zu] has no \"tool\"", i);
    }
    return 0;
}

static int check_numbers(const json_t *line, struct fault *f)
{
    static const char *const usage_keys[] = {"input_tokens", "output_tokens", "cache_read_tokens",
                                             "cache_write_tokens"};
    static const char *const error_keys[] = {"kind", "times"};
    static const char *const expect_keys[] = {"contains", "is_error"};
    const json_t *usage = NULL, *error = NULL, *expect = NULL;
    int64_t n;
    struct str s;
    bool b;
    int r = json_get_object(line, "usage", &usage, f);
    if (r == 0)
        r = check_keys(usage, usage_keys, ARRAY_LEN(usage_keys), "usage", f);
    for (size_t i = 0; usage && r == 0 && i < ARRAY_LEN(usage_keys); i++)
        if ((r = json_get_i64(usage, usage_keys[i], 0, INT64_C(1) << 40, &n, f)) > 0)
            r = 0;
    if (r >= 0)
        r = json_get_object(line, "error", &error, f);
    if (r == 0)
        r = check_keys(error, error_keys, ARRAY_LEN(error_keys), "error", f);
    if (error && r == 0)
        r = check_word(error, "kind", kinds, ARRAY_LEN(kinds), f);
    if (error && r == 0 && (r = json_get_i64(error, "times", 1, 1000000, &n, f)) > 0)
        r = 0;
    if (r >= 0)
        r = json_get_object(line, "expect", &expect, f);
    if (r == 0)
        r = check_keys(expect, expect_keys, ARRAY_LEN(expect_keys), "expect", f);
    if (expect && r == 0)
        r = json_get_str(expect, "contains", &s, f);
    if (expect && r >= 0)
        r = json_get_bool(expect, "is_error", &b, f);
    if (r >= 0)
        r = json_get_i64(line, "delay_ms", 0, 3600000, &n, f);
    return r < 0 ? r : 0;
}

static int check_line(const json_t *line, struct fault *f)
{
    struct str s;
    if (!json_is_object(line))
        return fault_set(f, FAULT_CONFIG, "a script line is one JSON object");
    int r = check_keys(line, line_keys, ARRAY_LEN(line_keys), "a script line", f);
    if (r == 0)
        r = json_get_str(line, "text", &s, f);
    if (r >= 0)
        r = json_get_str(line, "thinking", &s, f);
    if (r >= 0)
        r = check_word(line, "stop", stops, ARRAY_LEN(stops), f);
    if (r >= 0)
        r = check_calls(line, f);
    return r < 0 ? r : check_numbers(line, f);
}

static int take_head(struct script *s, const json_t *line, struct fault *f)
{
    static const char *const head_keys[] = {"script", "price"};
    int64_t version;
    const json_t *price = NULL;
    int r = check_keys(line, head_keys, ARRAY_LEN(head_keys), "the script's first line", f);
    if (r == 0)
        r = json_get_i64(line, "script", 1, 1, &version, f);
    if (r == 0)
        r = json_get_object(line, "price", &price, f);
    if (r < 0)
        return r;
    return price ? price_from_json(price, &s->planner.price, f) : 0;
}

static int load(struct script *s, const char *path, struct str text, struct fault *f)
{
    size_t number = 0;
    bool more = true;
    struct str rest = text, line;
    while (more) {
        number++;
        more = str_split(rest, '\n', &line, &rest);
        if (!more)
            line = rest;
        line = str_trim(line);
        if (line.len == 0)
            continue;
        auto_json json_t *value = NULL;
        int r = json_parse(line, SCRIPT_MAX_BYTES, &value, f);
        if (r == 0 && json_array_size(s->lines) >= SCRIPT_LINES_MAX)
            r = fault_set(f, FAULT_CONFIG, "more than %d lines", SCRIPT_LINES_MAX);
        if (r == 0 && number == 1 && json_object_get(value, "script"))
            r = take_head(s, value, f);
        else if (r == 0 && (r = check_line(value, f)) == 0 && json_array_append(s->lines, value))
            r = -ENOMEM;
        if (r < 0) {
            fault_prefix(f, "%s:%zu: ", path, number);
            f->code = FAULT_CONFIG;
            return r == -ENOMEM ? r : -FAULT_CONFIG;
        }
    }
    return 0;
}

/* --- playing --- */

static const json_t *present(const struct script *s)
{
    return json_array_get(s->lines, s->next);
}

static int64_t number_of(const json_t *object, const char *key, int64_t fallback)
{
    int64_t n = fallback;
    return json_get_i64(object, key, 0, INT64_MAX, &n, NULL) == 0 ? n : fallback;
}

static void end(struct script *s, struct planner_end e)
{
    s->planner.events.end(&e, s->planner.events.arg);
}

static struct usage usage_of(const json_t *line)
{
    const json_t *usage = json_object_get(line, "usage");
    return (struct usage){number_of(usage, "input_tokens", 0), number_of(usage, "output_tokens", 0),
                          number_of(usage, "cache_read_tokens", 0),
                          number_of(usage, "cache_write_tokens", 0)};
}

static void play(void *arg)
{
    struct script *s = arg;
    const json_t *line = present(s);
    if (!line) {
        end(s, (struct planner_end){.outcome = "planner_end", .usage_known = true, .sent = true});
        return;
    }
    const json_t *error = json_object_get(line, "error");
    if (s->errors_left < 0)
        s->errors_left = error ? number_of(error, "times", 1) : 0;
    if (s->errors_left > 0) {
        s->errors_left--;
        const char *kind = json_string_value(json_object_get(error, "kind"));
        /* A service that is too busy charges nothing; what a stream cost that broke, nobody knows. */
        bool is_begun = kind && (strcmp(kind, "disconnect") == 0 || strcmp(kind, "malformed") == 0);
        end(s, (struct planner_end){.outcome = "error",
                                    .error = kind ? kind : "overloaded",
                                    .text = "the script says so",
                                    .usage_known = !is_begun,
                                    .sent = true});
        return;
    }
    s->errors_left = -1;
    s->next++;
    struct usage usage = usage_of(line);
    auto_json json_t *answer = json_copy((json_t *)(uintptr_t)line);
    if (usage.output_tokens > s->max_tokens) {
        usage.output_tokens = s->max_tokens;
        if (answer)
            json_object_set_new(answer, "stop", json_string("max_tokens"));
    }
    auto_done(buf) struct buf text;
    buf_init(&text, SCRIPT_MAX_BYTES);
    if (!answer || json_print(answer, &text) < 0) {
        end(s, (struct planner_end){.outcome = "error",
                                    .error = "server",
                                    .text = "out of memory",
                                    .usage_known = true});
        return;
    }
    s->planner.events.data(buf_str(&text), s->planner.events.arg);
    end(s,
        (struct planner_end){.outcome = "ok", .usage = usage, .usage_known = true, .sent = true});
}

static int64_t input_bound(struct planner *p, struct str body, const struct planner_tools *tools)
{
    (void)body;
    (void)tools;
    const struct script *s = (const struct script *)p;
    struct usage u = usage_of(present(s));
    return u.input_tokens + u.cache_read_tokens + u.cache_write_tokens;
}

static int ask(struct planner *p, uint64_t turn, struct str body, int64_t max_tokens,
               const struct planner_tools *tools, struct fault *reterr)
{
    (void)turn;
    (void)body;
    (void)tools;
    (void)reterr;
    struct script *s = (struct script *)p;
    s->max_tokens = max_tokens;
    int64_t delay = number_of(present(s), "delay_ms", 0);
    if (s->errors_left > 0 || delay == 0) {
        os_watch_set_timer(s->timer, os_now_mono_ns());
        return 0;
    }
    os_watch_set_timer(s->timer, os_now_mono_ns() + delay * OS_NS_PER_MS);
    return 0;
}

static void cancel(struct planner *p)
{
    os_watch_set_timer(((struct script *)p)->timer, INT64_MAX);
}

static void skip(struct planner *p, uint64_t answers)
{
    struct script *s = (struct script *)p;
    size_t left = json_array_size(s->lines) - s->next;
    s->next += answers < left ? (size_t)answers : left;
}

static void free_script(own struct planner *p)
{
    struct script *s = (struct script *)p;
    os_watch_free(s->timer);
    json_decref(s->lines);
    free(p->model);
    free(p->label);
    free(s);
}

int planner_script_new(const char *path, struct os_loop *loop, own struct planner **ret,
                       struct fault *reterr)
{
    auto_done(buf) struct buf text;
    buf_init(&text, SCRIPT_MAX_BYTES);
    int r = os_read_file_trusted(path, &text);
    if (r < 0) {
        (void)fault_sys(reterr, r == -FAULT_CAP ? EFBIG : -r, "cannot read the script %s", path);
        reterr->code = FAULT_CONFIG;
        return -FAULT_CONFIG;
    }
    struct script *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->planner = (struct planner){.wire = "script",
                                  .price = {.known = true},
                                  .max_tokens = 32000,
                                  .input_bound = input_bound,
                                  .ask = ask,
                                  .cancel = cancel,
                                  .skip = skip,
                                  .free = free_script};
    s->loop = loop;
    s->errors_left = -1;
    s->lines = json_array();
    s->planner.model = str_dup(STR("script"));
    auto_free char *whole = NULL; /* a session that goes on may be called from another folder */
    if (os_real_path(path, &whole) < 0 || asprintf(&s->planner.label, "script:%s", whole) < 0)
        s->planner.label = NULL;
    r = s->lines && s->planner.model && s->planner.label ? load(s, path, buf_str(&text), reterr)
                                                         : -ENOMEM;
    if (r == 0)
        r = os_loop_watch_timer(loop, INT64_MAX, play, s, &s->timer);
    if (r < 0) {
        free_script(&s->planner);
        return r;
    }
    *ret = &s->planner;
    return 0;
}
