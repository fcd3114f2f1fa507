/* Golden stories: tests/golden/<story>/ is one conversation. model.jsonl is what the planner says (a script, docs/script.md),
 * host.jsonl what the runtime answers (README there), expect.jsonl the dialogue as it must come out, line by line.
 * BX_GOLDEN_WRITE=1 writes expect.jsonl anew, to be read as a diff. */
#include "query/codec.h"
#include "query/recovery.h"
#include "query/step.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STORIES_MAX 400
#define LINES_MAX 1000

struct story {
    const char *name;
    json_t *model, *host; /* own; lists of lines */
    size_t next_line, cancel_at;
    int64_t errors_left;
    struct query *query;
    struct query_limits limits;
    struct buf said;      /* the dialogue */
    size_t messages_told; /* of the conversation */
    uint64_t asks, calls[256];
    size_t call_count, asked, waits, steps;
    bool done, tells_waits;
    const struct query_action *last;
};

static void line(struct story *s, own json_t *value)
{
    auto_json json_t *v = value;
    assert_non_null(v);
    assert_int_equal(json_print(v, &s->said), 0);
    (void)buf_add_c(&s->said, '\n');
}

/* --- files --- */

static json_t *read_lines(const char *path)
{
    json_t *list = json_array();
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    for (ssize_t n; f && (n = getline(&text, &size, f)) > 0;) {
        struct str one = str_trim((struct str){text, (size_t)n});
        json_t *value = NULL;
        struct fault why = {0};
        if (one.len == 0)
            continue;
        if (json_parse(one, JSON_SIZE_MAX, &value, &why) < 0)
            fail_msg("%s: %s", path, why.text);
        assert_int_equal(json_array_append_new(list, value), 0);
    }
    free(text);
    if (f)
        (void)fclose(f);
    return list;
}

static const json_t *host_line(const struct story *s, const char *key, int64_t number)
{
    size_t i;
    json_t *row;
    json_array_foreach(s->host, i, row)
    {
        const json_t *value = json_object_get(row, key);
        if (value && (number < 0 || json_integer_value(value) == number))
            return row;
    }
    return NULL;
}

/* --- the dialogue --- */

static own json_t *short_text(const json_t *text)
{
    struct str s = {json_string_value(text), json_string_length(text)};
    if (s.len <= 200)
        return json_string_lossy(s);
    char shown[128];
    int n = snprintf(shown, sizeof(shown), "%.60s... (%zu bytes)", s.at, s.len);
    return json_string_lossy((struct str){shown, (size_t)n});
}

static own json_t *block_told(const json_t *block)
{
    const char *type = json_string_value(json_object_get(block, "type"));
    if (strcmp(type, "call") == 0)
        return json_pack("{s:O, s:O}", "call", json_object_get(block, "tool"), "input",
                         json_object_get(block, "input"));
    if (strcmp(type, "result") == 0)
        return json_pack("{s:O, s:o, s:O}", "result", json_object_get(block, "tool"), "text",
                         short_text(json_object_get(
                             json_array_get(json_object_get(block, "content"), 0), "text")),
                         "is_error", json_object_get(block, "is_error"));
    return json_pack("{s:o}", type, short_text(json_object_get(block, "text")));
}

/* While a summary is asked for, the conversation that is asked with is another one: it ends with the words for that. */
static bool is_summary_asked(const json_t *all)
{
    const json_t *last = json_array_get(all, json_array_size(all) - 1);
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(last, "content"), 0), "text"));
    return text && strcmp(text, recovery_message(INCIDENT_SUMMARY)) == 0;
}

/* What has come into the conversation since the last look. */
static void tell_messages(struct story *s)
{
    const json_t *all = query_conversation(s->query);
    if (is_summary_asked(all))
        return;
    if (s->messages_told > json_array_size(all))
        s->messages_told = 0; /* it was made shorter: all of it is told again */
    for (; s->messages_told < json_array_size(all); s->messages_told++) {
        const json_t *message = json_array_get(all, s->messages_told);
        json_t *blocks = json_array();
        size_t i;
        json_t *block;
        json_array_foreach(json_object_get(message, "content"), i, block)
            assert_int_equal(json_array_append_new(blocks, block_told(block)), 0);
        line(s, json_pack("{s:o}", json_string_value(json_object_get(message, "role")), blocks));
    }
}

static int act(const struct query_action *a, void *arg)
{
    struct story *s = arg;
    assert_false(s->done);
    tell_messages(s);
    switch (a->kind) {
    case QUERY_ACT_MODEL:
        s->asked = 1;
        s->asks++;
        line(s, json_pack("{s:s, s:I, s:s*}", "host",
                          a->is_summary ? "asks the planner to sum up" : "asks the planner", "turn",
                          (json_int_t)a->number, "model",
                          a->by_summariser ? "summariser"
                          : a->model       ? s->limits.fallbacks[a->model - 1].name
                                           : NULL));
        break;
    case QUERY_ACT_CALL: {
        json_t *input = NULL;
        assert_int_equal(json_parse(a->text, JSON_SIZE_MAX, &input, NULL), 0);
        s->calls[s->call_count++] = a->number;
        line(s, json_pack("{s:s, s:I, s:s%, s:o}", "host", "runs", "call", (json_int_t)a->number,
                          "tool", a->tool.at, a->tool.len, "input", input));
        break;
    }
    case QUERY_ACT_SAY:
        if (strcmp(a->say, "text") != 0 && strcmp(a->say, "thinking") != 0)
            line(s, json_pack("{s:s%, s:s}", "host", a->text.at, a->text.len, "shown as", a->say));
        break;
    case QUERY_ACT_KEEP: break;
    case QUERY_ACT_WAIT:
        s->waits = 1;
        line(s, json_pack("{s:s, s:b}", "host", "waits", "a minute or more", a->wait_ms >= 60000));
        break;
    case QUERY_ACT_DONE: {
        s->done = true;
        auto_json json_t *text = json_string_lossy(a->text);
        line(s, json_pack("{s:s, s:s, s:s, s:o}", "end", a->status, "stopped_by", a->stopped_by,
                          "detail", a->detail, "text", short_text(text)));
        break;
    }
    }
    return 0;
}

/* --- the two sides --- */

static void step(struct story *s, struct query_event e)
{
    assert_int_equal(query_step(s->query, &e, act, s), 0);
}

static int on_event(const struct query_event *e, void *arg)
{
    step(arg, *e);
    return 0;
}

static bool is_cancelled(struct story *s, const char *after, int64_t number)
{
    const json_t *row = host_line(s, "cancel", -1);
    const json_t *at = json_object_get(row, after);
    if (!at || json_integer_value(at) != number)
        return false;
    struct str reason = str_of(json_string_value(json_object_get(row, "cancel")));
    step(s, (struct query_event){.kind = QUERY_CANCEL, .text = reason});
    return true;
}

static void fail_answer(struct story *s, const char *error, int64_t retry_after_ms)
{
    line(s, json_pack("{s:s}", "the service fails", error));
    step(s, (struct query_event){.kind = QUERY_MODEL_END,
                                 .error = query_error_parse(str_of(error)),
                                 .retry_after_ms = retry_after_ms});
}

/* Begun, and broken off in the middle of what the line says. */
static void break_off(struct story *s, const json_t *said)
{
    const char *text = json_string_value(json_object_get(said, "text"));
    const json_t *call = json_array_get(json_object_get(said, "calls"), 0);
    if (text)
        step(s, (struct query_event){.kind = QUERY_TEXT, .text = str_of(text)});
    if (call) {
        struct str tool = str_of(json_string_value(json_object_get(call, "tool")));
        step(s, (struct query_event){.kind = QUERY_CALL, .id = STR("s1"), .tool = tool});
        step(s, (struct query_event){.kind = QUERY_INPUT, .text = STR("{\"pa")});
    }
}

static void answer(struct story *s, const json_t *said)
{
    struct codec *c = NULL;
    auto_done(buf) struct buf text;
    buf_init(&text, JSON_SIZE_MAX);
    assert_int_equal(json_print(said, &text), 0);
    assert_int_equal(codec_script.decoder_new(&c), 0);
    assert_int_equal(codec_script.feed(c, buf_str(&text), on_event, s), 0);
    assert_int_equal(codec_script.end(c, on_event, s), 0);
    codec_script.decoder_free(c);
    step(s, (struct query_event){.kind = QUERY_MODEL_END});
}

static void planner_speaks(struct story *s)
{
    const json_t *said = json_array_get(s->model, s->next_line);
    const json_t *fails = host_line(s, "ask", (int64_t)s->asks);
    const json_t *error = json_object_get(said, "error");
    s->asked = 0;
    if (fails) {
        if (json_is_true(json_object_get(fails, "in the middle")))
            break_off(s, said);
        fail_answer(s, json_string_value(json_object_get(fails, "error")),
                    json_integer_value(json_object_get(fails, "retry_after_ms")));
        return;
    }
    if (error && s->errors_left < 0) {
        const json_t *times = json_object_get(error, "times");
        s->errors_left = times ? json_integer_value(times) : 1;
    }
    if (error && s->errors_left > 0) {
        s->errors_left--;
        fail_answer(s, json_string_value(json_object_get(error, "kind")), 0);
        return;
    }
    s->errors_left = -1;
    s->next_line++;
    if (!said)
        step(s, (struct query_event){.kind = QUERY_PLANNER_END});
    else
        answer(s, said);
}

static void tool_answers(struct story *s)
{
    uint64_t number = s->calls[0];
    s->call_count--;
    memmove(s->calls, s->calls + 1, s->call_count * sizeof(s->calls[0]));
    const json_t *row = host_line(s, "call", (int64_t)number);
    const char *text = json_string_value(json_object_get(row, "text"));
    auto_done(buf) struct buf repeated;
    buf_init(&repeated, JSON_SIZE_MAX);
    int64_t times = json_integer_value(json_object_get(row, "times"));
    for (int64_t i = 0; i < (times ? times : 1); i++)
        (void)buf_add_z(&repeated, text ? text : "ok");
    bool is_error = json_is_true(json_object_get(row, "is_error"));
    auto_json json_t *body =
        json_pack("{s:[{s:s, s:s%}], s:n, s:b}", "content", "type", "text", "text", repeated.at,
                  repeated.len, "structured", "is_error", is_error);
    assert_non_null(body);
    char name[24];
    int n = snprintf(name, sizeof(name), "c%llu", (unsigned long long)number);
    step(s, (struct query_event){.kind = QUERY_RESULT,
                                 .number = number,
                                 .id = {name, (size_t)n},
                                 .body = body,
                                 .is_error = is_error});
    /* a second result, and one of a call that never was: neither may move anything */
    if (json_is_true(json_object_get(row, "twice")))
        for (uint64_t wrong = number; wrong < number + 100; wrong += 99)
            step(s, (struct query_event){.kind = QUERY_RESULT, .number = wrong, .body = body});
}

static int64_t limit(const struct story *s, const char *key, int64_t fallback)
{
    const json_t *value =
        json_object_get(json_object_get(host_line(s, "limits", -1), "limits"), key);
    return value ? json_integer_value(value) : fallback;
}

static void play(struct story *s)
{
    const json_t *said = json_object_get(host_line(s, "limits", -1), "limits");
    size_t i;
    json_t *one;
    s->limits = (struct query_limits){
        .max_turns = limit(s, "max_turns", 50),
        .max_tool_calls = limit(s, "max_tool_calls", 500),
        .model = {"first", limit(s, "context_tokens", 0)},
        .has_summariser = json_is_true(json_object_get(said, "summariser")),
    };
    json_array_foreach(json_object_get(said, "fallbacks"), i, one)
    {
        must(i < QUERY_FALLBACKS_MAX);
        s->limits.fallbacks[s->limits.fallback_count++] =
            (struct query_model){json_string_value(one), limit(s, "fallback_context_tokens", 0)};
    }
    const json_t *task = json_object_get(host_line(s, "task", -1), "task");
    assert_int_equal(query_new(&s->limits, 7, &s->query), 0);
    assert_int_equal(query_start(s->query,
                                 task ? str_of(json_string_value(task)) : STR("The task."), NULL,
                                 act, s),
                     0);
    for (size_t turns = 0; !s->done; turns++) {
        assert_true(turns < LINES_MAX); /* every story ends */
        if (s->waits) {
            s->waits = 0;
            if (!is_cancelled(s, "while waiting", 1))
                step(s, (struct query_event){.kind = QUERY_TIMER});
        } else if (s->asked) {
            if (!is_cancelled(s, "at turn", (int64_t)s->asks))
                planner_speaks(s);
        } else {
            assert_true(s->call_count > 0); /* somebody owes it something */
            if (!is_cancelled(s, "at call", (int64_t)s->calls[0]))
                tool_answers(s);
        }
    }
    tell_messages(s);
    assert_true(query_is_done(s->query));
}

/* --- the comparison --- */

static void compare(const struct story *s, const char *path)
{
    static char want[1 << 20];
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: no expect.jsonl (BX_GOLDEN_WRITE=1 writes it)", s->name);
    size_t n = fread(want, 1, sizeof(want) - 1, f), at = 1;
    want[n] = '\0';
    (void)fclose(f);
    struct str left = buf_str(&s->said), right = {want, n}, a, b;
    for (;; at++) {
        bool more = str_split(left, '\n', &a, &left);
        bool wanted = str_split(right, '\n', &b, &right);
        if (!more && !wanted)
            return;
        a = more ? a : STR("(the end)");
        b = wanted ? b : STR("(the end)");
        if (!str_eq(a, b))
            fail_msg("%s, line %zu:\n  is        %.*s\n  should be %.*s", s->name, at, STR_FMT(a),
                     STR_FMT(b));
    }
}

static void tell_story(const char *dir, const char *name)
{
    char path[1024];
    struct story s = {.name = name, .errors_left = -1};
    buf_init(&s.said, (size_t)1 << 20);
    snprintf(path, sizeof(path), "%s/%s/model.jsonl", dir, name);
    s.model = read_lines(path);
    snprintf(path, sizeof(path), "%s/%s/host.jsonl", dir, name);
    s.host = read_lines(path);
    play(&s);
    snprintf(path, sizeof(path), "%s/%s/expect.jsonl", dir, name);
    if (getenv("BX_GOLDEN_WRITE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        (void)fwrite(s.said.at, 1, s.said.len, f);
        (void)fclose(f);
    } else {
        compare(&s, path);
    }
    query_free(s.query);
    json_decref(s.model);
    json_decref(s.host);
    buf_done(&s.said);
}

static int is_story(const struct dirent *d)
{
    return d->d_name[0] != '.' && d->d_type != DT_REG;
}

static void every_story_comes_out_as_it_is_written(void **state)
{
    char dir[512];
    struct dirent **list = NULL;
    const char *src = getenv("BOXAGNTS_SRC");
    (void)state;
    snprintf(dir, sizeof(dir), "%s/tests/golden", src ? src : ".");
    int count = scandir(dir, &list, is_story, alphasort);
    assert_true(count >= 60 && count < STORIES_MAX);
    for (int i = 0; i < count; i++) {
        const char *only = getenv("BX_GOLDEN_ONLY");
        if (!only || strcmp(only, list[i]->d_name) == 0)
            tell_story(dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    print_message("%d stories\n", count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_story_comes_out_as_it_is_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
