/* What a stream says it used, and when that is to be believed. */
#include "base/fault.h"
#include "host/egress/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START(usage) "data: {\"type\":\"message_start\",\"message\":{\"usage\":" usage "}}\n\n"
#define DELTA(usage) "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":" usage "}\n\n"
#define STOP "data: {\"type\":\"message_stop\"}\n\n"
#define INPUT                                                                                      \
    START(                                                                                         \
        "{\"input_tokens\":12,\"output_tokens\":1,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2}")

static int feed_wire(const char *wire, struct usage_reader *u, const char *bytes, size_t step)
{
    int r = 0;
    size_t len = strlen(bytes);
    usage_init(u, usage_wire_find(str_of(wire)));
    for (size_t at = 0; r == 0 && at < len; at += step)
        r = usage_feed(u, (struct str){bytes + at, step < len - at ? step : len - at});
    return r;
}

static int feed(struct usage_reader *u, const char *bytes, size_t step)
{
    return feed_wire("anthropic", u, bytes, step);
}

static void a_whole_answer_has_its_counts_cut_anywhere(void **state)
{
    static const char bytes[] =
        INPUT DELTA("{\"output_tokens\":40}") DELTA("{\"output_tokens\":77}") STOP;
    (void)state;
    for (size_t step = 1; step <= sizeof(bytes); step++) {
        struct usage_reader u;
        assert_int_equal(feed(&u, bytes, step), 0);
        assert_true(usage_is_known(&u));
        assert_true(u.count.input == 12 && u.count.output == 77 && u.count.cache_read == 3 &&
                    u.count.cache_write == 2);
        usage_done(&u);
    }
}

static void later_counts_replace_earlier_ones(void **state)
{
    struct usage_reader u;
    (void)state;
    assert_int_equal(
        feed(&u,
             INPUT DELTA(
                 "{\"input_tokens\":20,\"output_tokens\":5,\"cache_read_input_tokens\":null}") STOP,
             9),
        0);
    assert_true(usage_is_known(&u) && u.count.input == 20 && u.count.output == 5 &&
                u.count.cache_read == 3);
    usage_done(&u);
}

static void a_usage_is_unknown_unless_all_of_it_was_said(void **state)
{
    static const char *const rows[] = {
        "",
        INPUT,
        INPUT DELTA("{\"output_tokens\":5}"),
        STOP,
        INPUT STOP,
        DELTA("{\"output_tokens\":5}") STOP,
        INPUT DELTA("{\"output_tokens\":-5}") STOP,
        INPUT DELTA("{\"output_tokens\":\"5\"}") STOP,
        INPUT DELTA("{\"output_tokens\":1.5}") STOP,
        INPUT DELTA("{\"output_tokens\":9223372036854775807}") STOP,
        INPUT DELTA("7") STOP,
        INPUT DELTA("{\"output_tokens\":-1}") DELTA("{\"output_tokens\":5}") STOP,
        START("{\"input_tokens\":[]}") DELTA("{\"input_tokens\":1,\"output_tokens\":1}") STOP,
        INPUT DELTA(
            "{\"output_tokens\":5}") "data: {\"type\":\"error\",\"error\":{\"type\":\"x\"}}\n\n" STOP,
        INPUT DELTA(
            "{\"output_tokens\":5}") "data: {\"type\":\"message_stop\"}\n", /* its blank line never came */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct usage_reader u;
        assert_int_equal(feed(&u, rows[i], 1000), 0);
        if (usage_is_known(&u))
            fail_msg("row %zu is known", i);
        usage_done(&u);
    }
}

static void what_comes_after_the_end_changes_nothing(void **state)
{
    struct usage_reader u;
    (void)state;
    assert_int_equal(feed(&u,
                          INPUT DELTA("{\"output_tokens\":5}")
                              STOP DELTA("{\"output_tokens\":1}") "data: broken\n\n",
                          1000),
                     0);
    assert_true(usage_is_known(&u) && u.count.output == 5);
    usage_done(&u);
}

static void an_error_event_ends_it(void **state)
{
    struct usage_reader u;
    (void)state;
    assert_int_equal(
        feed(&u, INPUT "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
             7),
        0);
    assert_int_equal(u.state, USAGE_FAILED);
    assert_string_equal(json_string_value(json_object_get(u.error, "type")), "overloaded_error");
    usage_done(&u);
    assert_int_equal(feed(&u, "data: {\"type\":\"error\"}\n\n", 7), 0);
    assert_true(u.state == USAGE_FAILED && u.error == NULL);
    usage_done(&u);
}

static void events_that_are_no_json_objects_are_faults(void **state)
{
    static const char *const rows[] = {"data: {\n\n", "data: [DONE]\n\n", "data: 1\n\n",
                                       "data:\n\n", "data: {\"a\":1}{}\n\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct usage_reader u;
        assert_int_equal(feed(&u, rows[i], 1000), -FAULT_INPUT);
        usage_done(&u);
    }
}

static void an_event_past_its_cap_is_a_fault(void **state)
{
    struct usage_reader u;
    auto_done(buf) struct buf line;
    (void)state;
    buf_init(&line, 1 << 16);
    for (int i = 0; i < 1 << 16; i++)
        (void)buf_add_c(&line, 'x');
    usage_init(&u, usage_wire_find(STR("anthropic")));
    int r = 0;
    size_t taken = 0;
    for (; r == 0 && taken < 2 * SSE_EVENT_MAX; taken += line.len)
        r = usage_feed(&u, buf_str(&line));
    assert_int_equal(r, -FAULT_CAP);
    assert_true(taken <= SSE_EVENT_MAX + 2 * line.len);
    usage_done(&u);
}

/* --- the other wires --- */

#define PIECE                                                                                      \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}],\"usage\":null}\n\n"
#define FINISH "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define CHAT_USAGE(usage) "data: {\"choices\":[],\"usage\":" usage "}\n\n"
#define CHAT_COUNTS                                                                                \
    CHAT_USAGE(                                                                                    \
        "{\"prompt_tokens\":120,\"completion_tokens\":7,\"total_tokens\":127,\"prompt_tokens_details\":{\"cached_tokens\":100}}")
#define DONE "data: [DONE]\n\n"
#define COMPLETED(usage)                                                                           \
    "data: {\"type\":\"response.completed\",\"response\":{\"usage\":" usage "}}\n\n"
#define RESPONSES_COUNTS                                                                           \
    "{\"input_tokens\":120,\"input_tokens_details\":{\"cached_tokens\":100},\"output_tokens\":7,\"total_tokens\":127}"
#define GEMINI(finish, usage)                                                                      \
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}" finish "}]" usage "}\n\n"
#define GEMINI_USAGE(counts) ",\"usageMetadata\":{" counts "}"
#define STOPPED ",\"finishReason\":\"STOP\""
#define GEMINI_COUNTS                                                                              \
    GEMINI_USAGE(                                                                                  \
        "\"promptTokenCount\":100,\"toolUsePromptTokenCount\":20,\"cachedContentTokenCount\":100,\"candidatesTokenCount\":4,\"thoughtsTokenCount\":3,\"totalTokenCount\":127")

struct row {
    const char *wire, *bytes;
    enum usage_state state;
    bool is_known;
    int64_t output; /* when known; the rest is 20 and 100 then */
};

static void assert_row(const struct row *row, size_t step)
{
    struct usage_reader u;
    assert_int_equal(feed_wire(row->wire, &u, row->bytes, step), 0);
    usage_end(&u);
    if (u.state != row->state || usage_is_known(&u) != row->is_known)
        fail_msg("%s: state %d, known %d: %s", row->wire, (int)u.state, usage_is_known(&u),
                 row->bytes);
    if (row->is_known && (u.count.input != 20 || u.count.cache_read != 100 ||
                          u.count.cache_write != 0 || u.count.output != row->output))
        fail_msg("%s: %lld %lld %lld: %s", row->wire, (long long)u.count.input,
                 (long long)u.count.cache_read, (long long)u.count.output, row->bytes);
    usage_done(&u);
}

static void no_token_is_counted_twice_on_any_wire(void **state)
{
    static const struct row rows[] = {
        {"openai", PIECE FINISH CHAT_COUNTS DONE, USAGE_WHOLE, true, 7},
        {"openai-compatible", PIECE FINISH CHAT_COUNTS DONE, USAGE_WHOLE, true, 7},
        {"openai-compatible", PIECE FINISH CHAT_COUNTS, USAGE_WHOLE, true, 7},
        {"openai-responses", COMPLETED(RESPONSES_COUNTS), USAGE_WHOLE, true, 7},
        {"openai-responses",
         "data: {\"type\":\"response.incomplete\",\"response\":{\"usage\":" RESPONSES_COUNTS
         "}}\n\n",
         USAGE_WHOLE, true, 7},
        {"gemini",
         GEMINI("", GEMINI_USAGE("\"promptTokenCount\":120,\"totalTokenCount\":120"))
             GEMINI(STOPPED, GEMINI_COUNTS),
         USAGE_WHOLE, true, 7},
        /* a total that is more than its parts is what is owed */
        {"openai",
         FINISH CHAT_USAGE(
             "{\"prompt_tokens\":120,\"completion_tokens\":7,\"total_tokens\":150,\"prompt_tokens_details\":{\"cached_tokens\":100}}")
             DONE,
         USAGE_WHOLE, true, 30},
        {"gemini",
         GEMINI(
             STOPPED,
             GEMINI_USAGE(
                 "\"promptTokenCount\":120,\"cachedContentTokenCount\":100,\"candidatesTokenCount\":7,\"totalTokenCount\":150")),
         USAGE_WHOLE, true, 30},
        {"gemini",
         GEMINI(
             STOPPED,
             GEMINI_USAGE(
                 "\"promptTokenCount\":120,\"cachedContentTokenCount\":100,\"totalTokenCount\":120")),
         USAGE_WHOLE, true, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step < 40; step++)
            assert_row(&rows[i], step);
}

static void what_is_not_sure_is_not_known_on_any_wire(void **state)
{
    static const struct row rows[] = {
        /* not whole */
        {"openai", PIECE FINISH CHAT_COUNTS, USAGE_GOING, false, 0},
        {"openai-compatible", PIECE CHAT_COUNTS, USAGE_GOING, false, 0},
        {"openai-responses", "data: {\"type\":\"response.output_text.delta\"}\n\n", USAGE_GOING,
         false, 0},
        {"gemini", GEMINI("", GEMINI_COUNTS), USAGE_GOING, false, 0},
        {"gemini", GEMINI(STOPPED, GEMINI_COUNTS) GEMINI("", GEMINI_COUNTS), USAGE_GOING, false, 0},
        {"gemini", "", USAGE_GOING, false, 0},
        /* whole, but it does not say it all, or what it says cannot be */
        {"openai", PIECE FINISH DONE, USAGE_WHOLE, false, 0},
        {"openai", DONE, USAGE_WHOLE, false, 0},
        {"openai", FINISH CHAT_USAGE("{\"prompt_tokens\":1}") DONE, USAGE_WHOLE, false, 0},
        {"openai", FINISH CHAT_USAGE("{\"prompt_tokens\":1,\"completion_tokens\":-1}") DONE,
         USAGE_WHOLE, false, 0},
        {"openai",
         FINISH CHAT_USAGE(
             "{\"prompt_tokens\":1,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":2}}")
             DONE,
         USAGE_WHOLE, false, 0},
        {"openai-responses", COMPLETED("null"), USAGE_WHOLE, false, 0},
        {"openai-responses", COMPLETED("{\"input_tokens\":1,\"output_tokens\":\"1\"}"), USAGE_WHOLE,
         false, 0},
        {"gemini", GEMINI(STOPPED, ""), USAGE_WHOLE, false, 0},
        {"gemini", GEMINI(STOPPED, GEMINI_USAGE("\"promptTokenCount\":1")), USAGE_WHOLE, false, 0},
        /* counts that were said before more of the answer came */
        {"openai-compatible", CHAT_COUNTS PIECE FINISH DONE, USAGE_WHOLE, false, 0},
        {"gemini", GEMINI("", GEMINI_COUNTS) GEMINI(STOPPED, ""), USAGE_WHOLE, false, 0},
        /* broken off by the service */
        {"openai", PIECE "data: {\"error\":{\"message\":\"m\"}}\n\n" CHAT_COUNTS DONE, USAGE_FAILED,
         false, 0},
        {"openai-compatible", "data: {\"object\":\"error\",\"message\":\"m\"}\n\n", USAGE_FAILED,
         false, 0},
        {"openai-compatible", "data: {\"error\":\"m\"}\n\n", USAGE_FAILED, false, 0},
        {"openai-compatible", "data: {\"choices\":[{\"finish_reason\":\"error\"}]}\n\n",
         USAGE_FAILED, false, 0},
        {"openai-responses",
         "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\"}}}\n\n",
         USAGE_FAILED, false, 0},
        {"openai-responses", "data: {\"type\":\"error\",\"code\":\"x\"}\n\n", USAGE_FAILED, false,
         0},
        {"gemini", GEMINI("", "") "data: {\"error\":{\"code\":503}}\n\n", USAGE_FAILED, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step < 1000; step += 7)
            assert_row(&rows[i], step);
}

static void a_prompt_that_was_refused_is_a_whole_answer(void **state)
{
    static const struct row row = {
        "gemini",
        "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":120,\"cachedContentTokenCount\":100,\"totalTokenCount\":120}}\n\n",
        USAGE_WHOLE, true, 0};
    (void)state;
    assert_row(&row, 1000);
}

static void wires_are_found_by_their_names(void **state)
{
    (void)state;
    assert_non_null(usage_wire_find(STR("openai")));
    assert_non_null(usage_wire_find(STR("openai-compatible")));
    assert_non_null(usage_wire_find(STR("openai-responses")));
    assert_non_null(usage_wire_find(STR("gemini")));
    assert_non_null(usage_wire_find(STR("anthropic")));
    assert_null(usage_wire_find(STR("telegraph")));
    assert_null(usage_wire_find(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_answer_has_its_counts_cut_anywhere),
        cmocka_unit_test(later_counts_replace_earlier_ones),
        cmocka_unit_test(a_usage_is_unknown_unless_all_of_it_was_said),
        cmocka_unit_test(what_comes_after_the_end_changes_nothing),
        cmocka_unit_test(an_error_event_ends_it),
        cmocka_unit_test(events_that_are_no_json_objects_are_faults),
        cmocka_unit_test(an_event_past_its_cap_is_a_fault),
        cmocka_unit_test(no_token_is_counted_twice_on_any_wire),
        cmocka_unit_test(what_is_not_sure_is_not_known_on_any_wire),
        cmocka_unit_test(a_prompt_that_was_refused_is_a_whole_answer),
        cmocka_unit_test(wires_are_found_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
