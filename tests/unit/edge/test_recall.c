/* A conversation put together from what was kept: whatever an owned agent had kept of it, each call has exactly one result, none of
 * the agent's own making, and what is no message is left out. */
#include "edge/record.h"
#include "host/journal.h"
#include "host/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char top[128];
    struct state *state;
    char session[SESSION_ID_SIZE];
    int lock;
    struct talk *talk;
};

static int make(void **given)
{
    struct place *p = calloc(1, sizeof(*p));
    struct fault f = {0};
    snprintf(p->top, sizeof(p->top), "%s/bx-recall-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(p->top) || setenv("BOXAGNTS_STATE", p->top, 1) || state_open(&p->state, &f) < 0 ||
        session_begin(p->state, "/w", "m", "p", 0, p->session, &p->lock, &f) < 0 ||
        talk_open(p->state, p->session, &p->talk, &f) < 0)
        return -1;
    *given = p;
    return 0;
}

static int unmake(void **given)
{
    struct place *p = *given;
    char command[200];
    talk_free(p->talk);
    state_free(p->state);
    close(p->lock);
    snprintf(command, sizeof(command), "rm -rf '%s'", p->top);
    free(p);
    return system(command);
}

static void add(struct place *p, const char *kind, int64_t number, const char *call,
                const char *body)
{
    assert_int_equal(talk_add(p->talk, kind, number, call, str_of(body), STR("")), 0);
}

static void say(struct place *p, int64_t number, const char *message)
{
    char body[4096];
    snprintf(body, sizeof(body), "{\"first_call\":%s,\"pinned\":%s,\"message\":%s}",
             number == 2 ? "1" : "0", number == 1 ? "true" : "false", message);
    add(p, "message", number, NULL, body);
}

#define TASK "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]}"
#define CALL(id) "{\"type\":\"call\",\"id\":\"" id "\",\"tool\":\"read\",\"input\":{}}"
#define RESULT                                                                                     \
    "{\"content\":[{\"type\":\"text\",\"text\":\"kept\"}],\"structured\":null,\"is_error\":false}"

static char *recall(struct place *p, struct recalled *ret)
{
    struct fault f = {0};
    assert_int_equal(talk_flush(p->talk, &f), 0);
    assert_int_equal(record_recall(p->state, p->session, ret, &f), 0);
    return json_dumps(ret->conversation, JSON_COMPACT);
}

/* As a wire needs it: a message with calls is followed by one with exactly their results. */
static void assert_whole(const json_t *all)
{
    for (size_t m = 0; m < json_array_size(all); m++) {
        const json_t *content = json_object_get(json_array_get(all, m), "content");
        const json_t *answers = json_object_get(json_array_get(all, m + 1), "content");
        size_t answered = 0;
        for (size_t i = 0; i < json_array_size(content); i++) {
            const json_t *block = json_array_get(content, i);
            if (strcmp(json_string_value(json_object_get(block, "type")), "call") != 0)
                continue;
            const json_t *answer = json_array_get(answers, answered++);
            assert_string_equal(json_string_value(json_object_get(answer, "type")), "result");
            assert_true(json_equal(json_object_get(answer, "id"), json_object_get(block, "id")));
        }
        if (answered)
            assert_int_equal(json_array_size(answers), answered);
    }
}

static void each_call_has_what_is_known_of_it(void **given)
{
    struct place *p = *given;
    struct recalled r;
    struct fault f = {0};
    say(p, 1, TASK);
    say(p, 2,
        "{\"role\":\"assistant\",\"content\":[" CALL("a") "," CALL("b") "," CALL("c") "," CALL(
            "d") "]}");
    add(p, "call", 1, "c1", "{\"tool\":\"read\"}");
    add(p, "result", 1, "c1", RESULT);
    add(p, "call", 2, "c2", "{\"tool\":\"read\"}");
    add(p, "call", 3, "c3", "{\"tool\":\"read\"}");
    auto_json json_t *intent = json_pack("{s:s}", "call", "c2");
    assert_int_equal(journal_add(p->state, p->session, "c2", "intent", intent, JOURNAL_LIGHT, &f),
                     0);
    char *text = recall(p, &r);
    const char *first = strstr(text, "kept"), *second = strstr(text, "UNKNOWN OUTCOME");
    assert_true(first && second && first < second && strstr(second, "Not run"));
    assert_whole(r.conversation);
    assert_int_equal(json_array_size(r.open), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(r.open, 0), "known")),
                        "unknown");
    assert_int_equal(json_array_size(r.filled), 3);
    assert_int_equal(r.calls, 4);
    assert_int_equal(r.calls_made, 3);
    assert_int_equal(r.messages, 2);
    assert_false(r.ends_with_answer);
    free(text);
    recalled_done(&r);
}

static void what_is_no_message_is_left_out(void **given)
{
    static const char *const bad[] = {
        "7",
        "[]",
        "{}",
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}",
        "{\"role\":\"user\",\"content\":[]}",
        "{\"role\":\"user\",\"content\":\"x\"}",
        "{\"role\":\"user\",\"content\":[7]}",
        "{\"role\":\"user\",\"content\":[{\"type\":7}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}",
        "{\"role\":\"user\",\"content\":[" CALL("a") "]}", /* only a planner calls */
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"call\",\"id\":7,\"tool\":\"read\",\"input\":{}}]}",
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"call\",\"id\":\"a\",\"tool\":\"read\",\"input\":[]}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"a\",\"content\":[]}]}", /* results are ours */
    };
    struct place *p = *given;
    struct recalled r;
    say(p, 1, TASK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        say(p, (int64_t)i + 2, bad[i]);
    add(p, "message", 90, NULL, "not json");
    add(p, "summary", 90, NULL, "{\"role\":\"user\"}");
    add(p, "result", 1, "c1", "{");
    add(p, "turn", 5, NULL, "{}");
    char *text = recall(p, &r);
    assert_int_equal(json_array_size(r.conversation), 1);
    assert_int_equal(r.turns, 5);
    free(text);
    recalled_done(&r);
}

static void numbers_out_of_range_do_no_harm(void **given)
{
    struct place *p = *given;
    struct recalled r;
    say(p, 1, TASK);
    add(p, "message", INT64_MAX, NULL,
        "{\"first_call\":9223372036854775807,\"message\":{\"role\":\"assistant\",\"content\":[" CALL(
            "a") "," CALL("b") "]}}");
    add(p, "message", -5, NULL,
        "{\"first_call\":-3,\"message\":{\"role\":\"assistant\",\"content\":[" CALL("a") "]}}");
    add(p, "call", -1, "c-1", "{}");
    char *text = recall(p, &r);
    assert_whole(r.conversation);
    free(text);
    recalled_done(&r);
}

static void a_summary_stands_for_what_came_before_it_but_for_a_persons_words(void **given)
{
    struct place *p = *given;
    struct recalled r;
    say(p, 1, TASK);
    say(p, 2, "{\"role\":\"assistant\",\"content\":[" CALL("a") "]}");
    say(p, 3, "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"newest\"}]}");
    add(p, "summary", 3, NULL,
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"summed up\"}]}");
    char *text = recall(p, &r);
    const char *task = strstr(text, "task"), *summary = strstr(text, "summed up"),
               *newest = strstr(text, "newest");
    assert_true(task && summary && newest && task < summary && summary < newest);
    assert_null(strstr(text, "\"call\""));
    assert_int_equal(json_array_size(r.conversation), 3);
    assert_true(r.ends_with_answer);
    free(text);
    recalled_done(&r);
}

static void a_session_without_a_word_is_none_to_go_on_with(void **given)
{
    struct place *p = *given;
    struct recalled r;
    struct fault f = {0};
    assert_int_equal(record_recall(p->state, p->session, &r, &f), -FAULT_USAGE);
    assert_non_null(strstr(f.text, "nothing was said"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, unmake)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_call_has_what_is_known_of_it),
        T(what_is_no_message_is_left_out),
        T(numbers_out_of_range_do_no_harm),
        T(a_summary_stands_for_what_came_before_it_but_for_a_persons_words),
        T(a_session_without_a_word_is_none_to_go_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
