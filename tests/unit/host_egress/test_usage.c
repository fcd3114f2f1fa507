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
#define INPUT START("{\"input_tokens\":12,\"output_tokens\":1,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2}")

static int feed(struct usage_reader *u, const char *bytes, size_t step)
{
    int r = 0;
    size_t len = strlen(bytes);
    usage_init(u, usage_wire_find(STR("anthropic")));
    for (size_t at = 0; r == 0 && at < len; at += step)
        r = usage_feed(u, (struct str){bytes + at, step < len - at ? step : len - at});
    return r;
}

static void a_whole_answer_has_its_counts_cut_anywhere(void **state)
{
    static const char bytes[] = INPUT DELTA("{\"output_tokens\":40}") DELTA("{\"output_tokens\":77}") STOP;
    (void)state;
    for (size_t step = 1; step <= sizeof(bytes); step++) {
        struct usage_reader u;
        assert_int_equal(feed(&u, bytes, step), 0);
        assert_true(usage_is_known(&u));
        assert_true(u.count.input == 12 && u.count.output == 77 && u.count.cache_read == 3 && u.count.cache_write == 2);
        usage_done(&u);
    }
}

static void later_counts_replace_earlier_ones(void **state)
{
    struct usage_reader u;
    (void)state;
    assert_int_equal(feed(&u, INPUT DELTA("{\"input_tokens\":20,\"output_tokens\":5,\"cache_read_input_tokens\":null}") STOP, 9), 0);
    assert_true(usage_is_known(&u) && u.count.input == 20 && u.count.output == 5 && u.count.cache_read == 3);
    usage_done(&u);
}

static void a_usage_is_unknown_unless_all_of_it_was_said(void **state)
{
    static const char *const rows[] = {
        "", INPUT, INPUT DELTA("{\"output_tokens\":5}"), STOP, INPUT STOP, DELTA("{\"output_tokens\":5}") STOP,
        INPUT DELTA("{\"output_tokens\":-5}") STOP, INPUT DELTA("{\"output_tokens\":\"5\"}") STOP, INPUT DELTA("{\"output_tokens\":1.5}") STOP,
        INPUT DELTA("{\"output_tokens\":9223372036854775807}") STOP, INPUT DELTA("7") STOP, INPUT DELTA("{\"output_tokens\":-1}") DELTA("{\"output_tokens\":5}") STOP,
        START("{\"input_tokens\":[]}") DELTA("{\"input_tokens\":1,\"output_tokens\":1}") STOP,
        INPUT DELTA("{\"output_tokens\":5}") "data: {\"type\":\"error\",\"error\":{\"type\":\"x\"}}\n\n" STOP,
        INPUT DELTA("{\"output_tokens\":5}") "data: {\"type\":\"message_stop\"}\n", /* its blank line never came */
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
    assert_int_equal(feed(&u, INPUT DELTA("{\"output_tokens\":5}") STOP DELTA("{\"output_tokens\":1}") "data: broken\n\n", 1000), 0);
    assert_true(usage_is_known(&u) && u.count.output == 5);
    usage_done(&u);
}

static void an_error_event_ends_it(void **state)
{
    struct usage_reader u;
    (void)state;
    assert_int_equal(feed(&u, INPUT "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", 7), 0);
    assert_int_equal(u.state, USAGE_FAILED);
    assert_string_equal(json_string_value(json_object_get(u.error, "type")), "overloaded_error");
    usage_done(&u);
    assert_int_equal(feed(&u, "data: {\"type\":\"error\"}\n\n", 7), 0);
    assert_true(u.state == USAGE_FAILED && u.error == NULL);
    usage_done(&u);
}

static void events_that_are_no_json_objects_are_faults(void **state)
{
    static const char *const rows[] = {"data: {\n\n", "data: [DONE]\n\n", "data: 1\n\n", "data:\n\n", "data: {\"a\":1}{}\n\n"};
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

static void wires_are_found_by_their_names(void **state)
{
    (void)state;
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
        cmocka_unit_test(wires_are_found_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
