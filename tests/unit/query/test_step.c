/* The loop, branch by branch. */
#include "loop.h"
#include "query/recovery.h"
#include "query/turn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void a_text_answer_ends_the_loop(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 5);
    say_text(&l, "hel");
    say_text(&l, "lo");
    say_stop(&l, QUERY_END_TURN);
    assert_going_on(&l);
    end_answer(&l);
    assert_done(&l, "done", "");
    assert_string_equal(l.text, "hello");
    assert_string_equal(buf_str(&l.log).at, "model 1\nsay text hel\nsay text lo\ndone done \n");
    loop_end(&l);
}

static void calls_run_and_their_results_go_back_in_order(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 5);
    say_text(&l, "looking");
    say_call(&l, "a", "read", "{\"path\":\"x\"}");
    say_call(&l, "b", "list", "");
    say_stop(&l, QUERY_TOOL_USE);
    end_answer(&l);
    assert_non_null(strstr(buf_str(&l.log).at, "call 1 read {\"path\":\"x\"}\ncall 2 list {}\n"));
    give_result(&l, 2, "second", false);
    assert_int_equal(l.models, 1); /* one is still out */
    give_result(&l, 1, "first", true);
    assert_int_equal(l.models, 2);
    assert_conversation_is_whole(&l);
    const char *first = strstr(conversation(&l), "first"), *second = strstr(first, "second");
    assert_true(first && second);
    say_text(&l, "done");
    end_answer(&l);
    assert_done(&l, "done", "");
    assert_string_equal(l.text, "done");
    loop_end(&l);
}

static void a_result_is_taken_once_and_only_for_a_call_that_is_out(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 5);
    say_call(&l, "a", "read", "{}");
    say_call(&l, "b", "read", "{}");
    end_answer(&l);
    give_result(&l, 1, "one", false);
    give_result(&l, 1, "again", false);
    give_result(&l, 0, "none", false);
    give_result(&l, 3, "later", false);
    give_result(&l, UINT64_MAX, "far", false);
    assert_int_equal(l.models, 1);
    give_result(&l, 2, "two", false);
    assert_int_equal(l.models, 2);
    assert_null(strstr(conversation(&l), "again"));
    give_result(&l, 1, "late", false); /* of the turn before */
    assert_null(strstr(conversation(&l), "late"));
    loop_end(&l);
}

static void a_result_without_a_body_is_an_error_result(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 5);
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    auto_json json_t *number = json_integer(7);
    loop_event(&l, &(struct query_event){.kind = QUERY_RESULT, .number = 1, .is_error = true});
    assert_int_equal(l.models, 2);
    assert_non_null(strstr(conversation(&l), "no result"));
    say_call(&l, "b", "list", "{}");
    end_answer(&l);
    loop_event(&l, &(struct query_event){.kind = QUERY_RESULT, .number = 2, .body = number});
    assert_int_equal(l.models, 3);
    loop_end(&l);
}

/* --- limits --- */

static void the_turn_limit_stops_before_the_next_request(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 2, 50);
    for (int i = 0; i < 2; i++) {
        assert_going_on(&l);
        say_call(&l, "a", "read", i ? "{}" : "{\"n\":1}");
        end_answer(&l);
        give_result(&l, l.last_call, "r", false);
    }
    assert_done(&l, "stopped", "turns");
    assert_int_equal(l.models, 2);
    loop_end(&l);
}

static void recovery_messages_count_as_turns(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 2, 5);
    end_answer(&l);
    end_answer(&l);
    assert_done(&l, "stopped", "turns");
    loop_end(&l);
}

static void tries_of_the_service_are_no_turns(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 1, 5);
    fail_answer(&l, QUERY_OVERLOADED, 0);
    pass_time(&l);
    assert_int_equal(l.last_model, 1);
    say_text(&l, "x");
    end_answer(&l);
    assert_done(&l, "done", "");
    loop_end(&l);
}

static void the_call_limit_holds_within_one_turn(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 2);
    say_call(&l, "a", "read", "{\"n\":1}");
    say_call(&l, "b", "read", "{\"n\":2}");
    say_call(&l, "c", "read", "{\"n\":3}");
    end_answer(&l);
    assert_int_equal(l.calls, 2);
    give_result(&l, 3, "of a call that was refused", false);
    give_result(&l, 1, "x", false);
    assert_going_on(&l);
    give_result(&l, 2, "y", false);
    assert_done(&l, "stopped", "calls");
    assert_non_null(strstr(conversation(&l), "limit of tool calls"));
    assert_null(strstr(conversation(&l), "of a call that was refused"));
    loop_end(&l);
}

static void exactly_the_call_limit_is_fine_and_one_more_is_not(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 1);
    say_call(&l, "a", "read", "{\"n\":1}");
    end_answer(&l);
    give_result(&l, 1, "x", false);
    assert_going_on(&l);
    say_call(&l, "b", "read", "{\"n\":2}");
    end_answer(&l);
    assert_int_equal(l.calls, 1);
    assert_done(&l, "stopped", "calls");
    loop_end(&l);
}

static void no_calls_at_all_may_be_the_limit(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 5, 0);
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    assert_int_equal(l.calls, 0);
    assert_done(&l, "stopped", "calls");
    loop_end(&l);
}

/* --- the same thing again --- */

static void call_and_answer(struct loop *l, const char *tool, const char *input, const char *result)
{
    say_call(l, "i", tool, input);
    end_answer(l);
    give_result(l, l->last_call, result, false);
}

static void the_same_call_with_the_same_result_three_times_is_a_loop(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    call_and_answer(&l, "read", "{\"p\":1}", "r");
    call_and_answer(&l, "read", "{\"p\":1}", "r");
    assert_going_on(&l);
    call_and_answer(&l, "read", "{\"p\":1}", "r");
    assert_done(&l, "stopped", "loop");
    loop_end(&l);
}

static void another_tool_input_or_result_between_is_no_loop(void **state)
{
    static const char *const rows[][3] = {
        {"list", "{\"p\":1}", "r"}, {"read", "{\"p\":2}", "r"}, {"read", "{\"p\":1}", "other"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loop l;
        loop_begin(&l, 50, 50);
        for (int round = 0; round < 2; round++) {
            call_and_answer(&l, "read", "{\"p\":1}", "r");
            call_and_answer(&l, "read", "{\"p\":1}", "r");
            call_and_answer(&l, rows[i][0], rows[i][1], rows[i][2]);
            assert_going_on(&l);
        }
        loop_end(&l);
    }
}

static void identical_calls_in_one_turn_count_once(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int turn = 0; turn < 3; turn++) {
        assert_going_on(&l);
        for (int i = 0; i < 4; i++)
            say_call(&l, "i", "read", "{}");
        end_answer(&l);
        for (uint64_t i = 0; i < 4; i++)
            give_result(&l, l.last_call - 3 + i, "r", false);
        if (turn == 1)
            assert_going_on(&l);
    }
    assert_done(&l, "stopped", "loop");
    loop_end(&l);
}

static void where_a_field_ends_is_part_of_what_is_the_same(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    call_and_answer(&l, "a ", "{}", "r");
    call_and_answer(&l, "a", " {}", "r");
    call_and_answer(&l, "a ", "{}", "r");
    assert_going_on(&l);
    loop_end(&l);
}

/* --- answers of no use --- */

static void empty_answers_get_three_messages_and_then_it_stops(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int i = 0; i < RECOVERY_TRIES_MAX; i++) {
        end_answer(&l);
        assert_going_on(&l);
    }
    assert_int_equal(l.models, 4);
    end_answer(&l);
    assert_done(&l, "stopped", "recovery");
    assert_string_equal(l.detail, "empty");
    assert_non_null(strstr(conversation(&l), recovery_message(INCIDENT_EMPTY)));
    loop_end(&l);
}

static void white_space_is_an_empty_answer_and_not_kept(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, " \n\t");
    end_answer(&l);
    assert_going_on(&l);
    assert_non_null(strstr(conversation(&l), recovery_message(INCIDENT_EMPTY)));
    assert_null(strstr(conversation(&l), "assistant"));
    say_text(&l, "\n\n");
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    assert_null(strstr(conversation(&l), "\"text\":\"\\n"));
    give_result(&l, 1, "r", false);
    loop_end(&l);
}

static void an_answer_of_thinking_alone_is_told_so(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int i = 0; i < 4; i++) {
        say_thinking(&l, "hm");
        end_answer(&l);
    }
    assert_done(&l, "stopped", "recovery");
    assert_string_equal(l.detail, "thinking-only");
    assert_non_null(strstr(conversation(&l), recovery_message(INCIDENT_THINKING_ONLY)));
    loop_end(&l);
}

static void a_cut_answer_is_continued_and_its_parts_joined(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, "one ");
    say_stop(&l, QUERY_MAX_TOKENS);
    end_answer(&l);
    assert_going_on(&l);
    assert_non_null(strstr(conversation(&l), "one "));
    say_text(&l, "two");
    end_answer(&l);
    assert_done(&l, "done", "");
    assert_string_equal(l.text, "one two");
    loop_end(&l);
}

static void a_call_of_a_cut_answer_is_not_run(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, "part");
    say_call(&l, "a", "write", "{}");
    say_stop(&l, QUERY_MAX_TOKENS);
    end_answer(&l);
    assert_int_equal(l.calls, 0);
    assert_null(strstr(conversation(&l), "\"call\""));
    loop_end(&l);
}

static void a_call_that_is_cut_in_its_input_is_not_run(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    loop_event(&l, &(struct query_event){.kind = QUERY_CALL, .id = STR("a"), .tool = STR("write")});
    loop_event(&l, &(struct query_event){.kind = QUERY_INPUT, .text = STR("{\"path\":")});
    fail_answer(&l, QUERY_DISCONNECT, 0);
    assert_int_equal(l.calls, 0);
    pass_time(&l);
    assert_int_equal(l.models, 2);
    assert_null(strstr(conversation(&l), "write"));
    loop_end(&l);
}

static void cut_for_ever_stops_after_three_messages(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int i = 0; i < 4; i++) {
        assert_going_on(&l);
        say_text(&l, "x");
        say_stop(&l, QUERY_MAX_TOKENS);
        end_answer(&l);
    }
    assert_done(&l, "stopped", "recovery");
    assert_string_equal(l.text, "xxxx");
    loop_end(&l);
}

static void a_call_that_succeeded_closes_the_incident(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int round = 0; round < 4; round++) {
        char input[32];
        end_answer(&l);
        end_answer(&l);
        snprintf(input, sizeof(input), "{\"n\":%d}", round);
        call_and_answer(&l, "read", input, "r");
        assert_going_on(&l);
    }
    loop_end(&l);
}

static void a_call_that_failed_does_not(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int i = 0; i < 2; i++)
        end_answer(&l);
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    give_result(&l, 1, "no", true);
    end_answer(&l);
    assert_going_on(&l);
    end_answer(&l);
    assert_done(&l, "stopped", "recovery");
    loop_end(&l);
}

static void text_after_calls_does_not_continue_a_cut_one(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, "cut");
    say_stop(&l, QUERY_MAX_TOKENS);
    end_answer(&l);
    call_and_answer(&l, "read", "{}", "r");
    say_text(&l, "answer");
    end_answer(&l);
    assert_string_equal(l.text, "answer");
    loop_end(&l);
}

static void a_refusal_stops(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, "no");
    say_call(&l, "a", "read", "{}");
    say_stop(&l, QUERY_REFUSAL);
    end_answer(&l);
    assert_done(&l, "stopped", "refusal");
    assert_int_equal(l.calls, 0);
    loop_end(&l);
}

/* --- calls that are none --- */

static void input_that_is_no_object_is_answered_and_not_run(void **state)
{
    static const char *const inputs[] = {"{",   "[]", "7", "\"x\"", "{\"a\":1,\"a\":2}",
                                         "nul", "{}x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        struct loop l;
        loop_begin(&l, 50, 50);
        say_call(&l, "a", "read", inputs[i]);
        end_answer(&l);
        assert_int_equal(l.calls, 0);
        assert_int_equal(l.models, 2);
        assert_non_null(strstr(conversation(&l), "\"is_error\":true"));
        assert_non_null(strstr(conversation(&l), "\"input\":{}"));
        loop_end(&l);
    }
}

static void a_good_call_beside_a_bad_one_runs(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_call(&l, "a", "read", "{");
    say_call(&l, "b", "read", "{\"p\":1}");
    end_answer(&l);
    assert_int_equal(l.calls, 1);
    assert_int_equal(l.last_call, 2);
    give_result(&l, 2, "r", false);
    assert_int_equal(l.models, 2);
    loop_end(&l);
}

static void bad_calls_stop_after_three_answers(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int i = 0; i < 4; i++) {
        char input[16];
        assert_going_on(&l);
        snprintf(input, sizeof(input), "{%d", i);
        say_call(&l, "a", "read", input);
        say_call(&l, "b", "read", input);
        end_answer(&l);
    }
    assert_done(&l, "stopped", "recovery");
    assert_string_equal(l.detail, "bad-call");
    loop_end(&l); /* the last answer is not in the conversation: its calls have no results */
}

static void input_nested_too_deeply_to_be_sent_back_is_bad(void **state)
{
    char input[600];
    struct loop l;
    (void)state;
    for (size_t depth = 100; depth < 128; depth += 3) {
        size_t at = 0;
        at += (size_t)snprintf(input, sizeof(input), "{\"a\":");
        for (size_t i = 0; i < depth; i++)
            input[at++] = '[';
        for (size_t i = 0; i < depth; i++)
            input[at++] = ']';
        input[at++] = '}';
        input[at] = '\0';
        loop_begin(&l, 50, 50);
        say_call(&l, "a", "read", input);
        end_answer(&l);
        auto_done(buf) struct buf text;
        buf_init(&text, 1 << 20);
        auto_json json_t *whole = json_pack("{s:O}", "messages", query_conversation(l.query));
        assert_int_equal(json_print(whole, &text), 0);
        if (l.calls)
            give_result(&l, 1, "r", false);
        loop_end(&l);
    }
}

/* --- the service fails --- */

static void a_failing_service_is_asked_four_times_in_all(void **state)
{
    static const enum query_error again[] = {QUERY_OVERLOADED, QUERY_RATE_LIMIT, QUERY_DISCONNECT,
                                             QUERY_MALFORMED,  QUERY_SERVER,     QUERY_UNREACHABLE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(again); i++) {
        struct loop l;
        loop_begin(&l, 50, 50);
        for (unsigned n = 1; n <= 3; n++) {
            fail_answer(&l, again[i], 0);
            assert_int_equal(l.waits, n);
            assert_int_equal(l.models, n); /* not before the wait is over */
            pass_time(&l);
            assert_int_equal(l.models, n + 1);
            assert_int_equal(l.last_model, 1);
        }
        fail_answer(&l, again[i], 0);
        assert_done(&l, "stopped", "model");
        assert_string_equal(l.detail, query_error_name(again[i]));
        loop_end(&l);
    }
}

static void failures_that_trying_again_does_not_help_stop_at_once(void **state)
{
    static const enum query_error once[] = {QUERY_AUTH, QUERY_QUOTA, QUERY_BAD_REQUEST,
                                            QUERY_CONTEXT_TOO_LONG};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        struct loop l;
        loop_begin(&l, 50, 50);
        fail_answer(&l, once[i], 0);
        assert_done(&l, "stopped", "model");
        loop_end(&l);
    }
}

static void money_and_time_have_stops_of_their_own(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    fail_answer(&l, QUERY_BUDGET, 0);
    assert_done(&l, "stopped", "budget");
    loop_end(&l);
    loop_begin(&l, 50, 50);
    fail_answer(&l, QUERY_TIME, 0);
    assert_done(&l, "stopped", "time");
    loop_end(&l);
}

static void a_whole_answer_closes_the_incident(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    for (int round = 0; round < 5; round++) {
        char input[16];
        for (int i = 0; i < 3; i++) {
            fail_answer(&l, QUERY_SERVER, 0);
            pass_time(&l);
        }
        snprintf(input, sizeof(input), "{\"n\":%d}", round);
        call_and_answer(&l, "read", input, "r");
    }
    assert_going_on(&l);
    loop_end(&l);
}

static void the_text_of_a_failed_try_is_not_in_the_answer(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, "half");
    fail_answer(&l, QUERY_DISCONNECT, 0);
    pass_time(&l);
    say_text(&l, "whole");
    end_answer(&l);
    assert_string_equal(l.text, "whole");
    assert_null(strstr(conversation(&l), "half"));
    loop_end(&l);
}

static void retry_after_is_a_floor(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    fail_answer(&l, QUERY_RATE_LIMIT, 77777);
    assert_true(l.wait_ms >= 77777);
    loop_end(&l);
}

static void waits_grow_and_stay_within_bounds(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        for (unsigned attempt = 1; attempt <= 3; attempt++) {
            int64_t base = INT64_C(500) << (attempt - 1),
                    wait = recovery_wait_ms(attempt, 0, &seed);
            assert_true(wait >= base / 2 && wait <= base);
        }
        assert_true(recovery_wait_ms(1000, 0, &seed) <= 20000);
    }
}

/* --- cancel --- */

static void cancel_while_the_model_speaks(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_call(&l, "a", "read", "{}");
    cancel(&l, "cancel");
    assert_done(&l, "cancelled", "cancel");
    assert_int_equal(l.calls, 0);
    loop_end(&l);
}

static void cancel_while_calls_run_leaves_each_with_a_result(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_call(&l, "a", "read", "{}");
    say_call(&l, "b", "read", "{\"n\":1}");
    say_call(&l, "c", "read", "{");
    end_answer(&l);
    give_result(&l, 2, "kept", false);
    cancel(&l, "cancel");
    assert_done(&l, "cancelled", "cancel");
    assert_conversation_is_whole(&l);
    assert_non_null(strstr(conversation(&l), "kept"));
    assert_non_null(strstr(conversation(&l), "cancelled"));
    give_result(&l, 1, "late", false);
    assert_null(strstr(conversation(&l), "late"));
    loop_end(&l);
}

static void cancel_in_the_wait_before_a_retry(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    fail_answer(&l, QUERY_OVERLOADED, 0);
    cancel(&l, "cancel");
    assert_done(&l, "cancelled", "cancel");
    pass_time(&l);
    assert_int_equal(l.models, 1);
    loop_end(&l);
}

static void cancel_for_time_is_a_limit(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    cancel(&l, "time");
    assert_done(&l, "stopped", "time");
    cancel(&l, "cancel");
    assert_done(&l, "stopped", "time");
    loop_end(&l);
}

/* --- scripts --- */

static void the_planner_may_have_nothing_more_to_say(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    say_text(&l, "hello");
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    loop_event(&l, &(struct query_event){.kind = QUERY_PLANNER_END}); /* not while calls run */
    assert_going_on(&l);
    give_result(&l, 1, "r", false);
    loop_event(&l, &(struct query_event){.kind = QUERY_PLANNER_END});
    assert_done(&l, "done", "");
    assert_string_equal(l.text, "hello");
    loop_end(&l);
}

static void expect(struct loop *l, const char *json)
{
    auto_json json_t *body = json_loads(json, 0, NULL);
    assert_non_null(body);
    loop_event(l, &(struct query_event){.kind = QUERY_EXPECT, .body = body});
}

static void expectations_look_at_the_results_before(void **state)
{
    static const struct {
        const char *expect;
        bool holds;
    } rows[] = {
        {"{\"contains\":\"need\"}", true},
        {"{\"contains\":\"straw\"}", false},
        {"{\"is_error\":true}", true},
        {"{\"is_error\":false}", false},
        {"{\"contains\":\"need\",\"is_error\":true}", true},
        {"{\"contains\":\"need\",\"is_error\":false}", false},
        {"{}", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loop l;
        loop_begin(&l, 50, 50);
        say_call(&l, "a", "read", "{}");
        say_call(&l, "b", "list", "{}");
        end_answer(&l);
        give_result(&l, 1, "a needle", false);
        give_result(&l, 2, "failed", true);
        expect(&l, rows[i].expect);
        say_text(&l, "x");
        end_answer(&l);
        if (rows[i].holds)
            assert_done(&l, "done", "");
        else
            assert_done(&l, "failed", "error");
        loop_end(&l);
    }
}

/* --- events that do not fit --- */

static void late_events_move_nothing(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    pass_time(&l);
    give_result(&l, 1, "x", false);
    assert_int_equal(l.models, 1);
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    say_text(&l, "late"); /* while the call runs */
    end_answer(&l);
    fail_answer(&l, QUERY_AUTH, 0);
    pass_time(&l);
    assert_going_on(&l);
    give_result(&l, 1, "r", false);
    assert_null(strstr(conversation(&l), "late"));
    fail_answer(&l, QUERY_SERVER, 0);
    say_text(&l, "late");
    end_answer(&l); /* in the wait */
    assert_going_on(&l);
    pass_time(&l);
    say_text(&l, "end");
    end_answer(&l);
    assert_done(&l, "done", "");
    size_t len = l.log.len;
    say_text(&l, "late");
    say_call(&l, "a", "read", "{}");
    end_answer(&l);
    fail_answer(&l, QUERY_SERVER, 0);
    pass_time(&l);
    cancel(&l, "cancel");
    give_result(&l, 1, "late", false);
    assert_int_equal(l.log.len, len);
    loop_end(&l);
}

static void it_begins_once(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    assert_int_equal(query_start(l.query, STR("again"), NULL, NULL, NULL), -EINVAL);
    loop_end(&l);
}

static void an_input_without_a_call_is_a_fault_of_the_stream(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 50);
    assert_int_equal(query_step(l.query,
                                &(struct query_event){.kind = QUERY_INPUT, .text = STR("{}")}, NULL,
                                NULL),
                     -FAULT_INPUT);
    fail_answer(&l, QUERY_MALFORMED, 0);
    assert_going_on(&l);
    loop_end(&l);
}

static void an_answer_is_capped_in_calls(void **state)
{
    struct loop l;
    (void)state;
    loop_begin(&l, 50, 500);
    for (int i = 0; i < TURN_CALLS_MAX; i++)
        say_call(&l, "a", "read", "{}");
    assert_int_equal(
        query_step(l.query,
                   &(struct query_event){.kind = QUERY_CALL, .id = STR("x"), .tool = STR("y")},
                   NULL, NULL),
        -FAULT_CAP);
    loop_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_answer_ends_the_loop),
        cmocka_unit_test(calls_run_and_their_results_go_back_in_order),
        cmocka_unit_test(a_result_is_taken_once_and_only_for_a_call_that_is_out),
        cmocka_unit_test(a_result_without_a_body_is_an_error_result),
        cmocka_unit_test(the_turn_limit_stops_before_the_next_request),
        cmocka_unit_test(recovery_messages_count_as_turns),
        cmocka_unit_test(tries_of_the_service_are_no_turns),
        cmocka_unit_test(the_call_limit_holds_within_one_turn),
        cmocka_unit_test(exactly_the_call_limit_is_fine_and_one_more_is_not),
        cmocka_unit_test(no_calls_at_all_may_be_the_limit),
        cmocka_unit_test(the_same_call_with_the_same_result_three_times_is_a_loop),
        cmocka_unit_test(another_tool_input_or_result_between_is_no_loop),
        cmocka_unit_test(identical_calls_in_one_turn_count_once),
        cmocka_unit_test(where_a_field_ends_is_part_of_what_is_the_same),
        cmocka_unit_test(empty_answers_get_three_messages_and_then_it_stops),
        cmocka_unit_test(white_space_is_an_empty_answer_and_not_kept),
        cmocka_unit_test(an_answer_of_thinking_alone_is_told_so),
        cmocka_unit_test(a_cut_answer_is_continued_and_its_parts_joined),
        cmocka_unit_test(a_call_of_a_cut_answer_is_not_run),
        cmocka_unit_test(a_call_that_is_cut_in_its_input_is_not_run),
        cmocka_unit_test(cut_for_ever_stops_after_three_messages),
        cmocka_unit_test(a_call_that_succeeded_closes_the_incident),
        cmocka_unit_test(a_call_that_failed_does_not),
        cmocka_unit_test(text_after_calls_does_not_continue_a_cut_one),
        cmocka_unit_test(a_refusal_stops),
        cmocka_unit_test(input_that_is_no_object_is_answered_and_not_run),
        cmocka_unit_test(a_good_call_beside_a_bad_one_runs),
        cmocka_unit_test(bad_calls_stop_after_three_answers),
        cmocka_unit_test(input_nested_too_deeply_to_be_sent_back_is_bad),
        cmocka_unit_test(a_failing_service_is_asked_four_times_in_all),
        cmocka_unit_test(failures_that_trying_again_does_not_help_stop_at_once),
        cmocka_unit_test(money_and_time_have_stops_of_their_own),
        cmocka_unit_test(a_whole_answer_closes_the_incident),
        cmocka_unit_test(the_text_of_a_failed_try_is_not_in_the_answer),
        cmocka_unit_test(retry_after_is_a_floor),
        cmocka_unit_test(waits_grow_and_stay_within_bounds),
        cmocka_unit_test(cancel_while_the_model_speaks),
        cmocka_unit_test(cancel_while_calls_run_leaves_each_with_a_result),
        cmocka_unit_test(cancel_in_the_wait_before_a_retry),
        cmocka_unit_test(cancel_for_time_is_a_limit),
        cmocka_unit_test(the_planner_may_have_nothing_more_to_say),
        cmocka_unit_test(expectations_look_at_the_results_before),
        cmocka_unit_test(late_events_move_nothing),
        cmocka_unit_test(it_begins_once),
        cmocka_unit_test(an_input_without_a_call_is_a_fault_of_the_stream),
        cmocka_unit_test(an_answer_is_capped_in_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
