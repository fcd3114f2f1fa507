/* What counts as going in circles: each rule at one below, at, and past its threshold. */
#include "query/repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* One turn: words like "a" = a call that succeeded, "!a" = one that failed; "text:" first = the turn's text. */
static struct repeat_verdict turn(struct repeat *r, const char *text, const char *calls)
{
    repeat_turn_begin(r, str_of(text));
    for (; *calls; calls++) {
        bool failed = *calls == '!';
        calls += failed;
        struct str name = {calls, 1};
        /* a failing call has its letter as the tool; what it was asked differs with the case of the letter */
        char lower = (char)(*calls | 0x20);
        struct repeat_mark error = repeat_mark_of((struct str){&lower, 1}, STR(""), STR("no"));
        repeat_turn_call(r, repeat_mark_of(STR("t"), name, STR("r")), error, failed);
    }
    return repeat_turn_end(r);
}

/* Plays turns and writes what was said of each: '.', 'w' (warned), 'S' (stopped). */
static const char *play(const char *text, const char *const *turns)
{
    static char said[64];
    struct repeat r = {0};
    size_t n = 0;
    for (; *turns; turns++) {
        struct repeat_verdict v = turn(&r, text, *turns);
        said[n++] = v.stop ? 'S' : v.warn ? 'w' : '.';
    }
    said[n] = '\0';
    return said;
}
#define PLAY(text, ...) play(text, (const char *const[]){__VA_ARGS__, NULL})

static void the_same_call_is_warned_of_twice_and_stopped_at_three(void **state)
{
    (void)state;
    assert_string_equal(PLAY("", "a", "a", "a"), ".wS");
    assert_string_equal(PLAY("", "a", "b", "a", "c"), "....");
    assert_string_equal(PLAY("", "a", "a", "b", "a"), ".w..");
}

static void cycles_of_two_and_three_are_stopped_after_three_rounds(void **state)
{
    (void)state;
    assert_string_equal(PLAY("", "a", "b", "a", "b", "a", "b"), "...w.S");
    assert_string_equal(PLAY("", "ab", "ab", "ab"), ".wS");
    assert_string_equal(PLAY("", "abc", "abc", "abc"), ".wS");
    assert_string_equal(PLAY("", "a", "b", "c", "a", "b", "c", "a", "b", "c"), ".....w..S");
    /* a cycle of four is not one of ours */
    assert_string_equal(PLAY("", "abcd", "abcd", "abcd", "abcd"), "....");
    /* the third round is another one */
    assert_string_equal(PLAY("", "a", "b", "a", "b", "a", "c"), "...w..");
}

static void the_same_error_with_other_inputs_is_stopped_at_five_turns(void **state)
{
    (void)state;
    assert_string_equal(PLAY("", "!x", "!X", "!x", "!X"),
                        "..ww"); /* three errors; two rounds of two calls */
    struct repeat r = {0};
    for (int i = 0; i < 5; i++) {
        char input[8];
        snprintf(input, sizeof(input), "%d", i);
        repeat_turn_begin(&r, STR(""));
        struct repeat_mark error = repeat_mark_of(STR("t"), STR(""), STR("no"));
        repeat_turn_call(&r, repeat_mark_of(STR("t"), str_of(input), STR("no")), error, true);
        struct repeat_verdict v = repeat_turn_end(&r);
        assert_int_equal(v.warn, i == 2 ? REPEAT_ERROR : REPEAT_NOTHING);
        assert_int_equal(v.stop, i == 4 ? REPEAT_ERROR : REPEAT_NOTHING);
    }
}

static void a_success_or_another_error_begins_anew(void **state)
{
    (void)state;
    struct repeat r = {0};
    for (int i = 0; i < 20; i++) {
        char input[8];
        snprintf(input, sizeof(input), "%d", i);
        repeat_turn_begin(&r, STR(""));
        struct repeat_mark error =
            repeat_mark_of(STR("t"), STR(""), i % 5 == 4 ? STR("other") : STR("no"));
        repeat_turn_call(&r, repeat_mark_of(STR("t"), str_of(input), STR("no")), error, true);
        if (i % 4 == 3)
            repeat_turn_call(&r, repeat_mark_of(STR("t"), str_of(input), STR("yes")), error, false);
        assert_int_equal(repeat_turn_end(&r).stop, REPEAT_NOTHING);
    }
}

static void the_same_text_counts_only_while_nothing_works(void **state)
{
    (void)state;
    assert_string_equal(PLAY("I try again", "!a", "!b", "!c", "!d", "!e"), "..w.S");
    assert_string_equal(PLAY("", "!a", "!b", "!c", "!d", "!e"), ".....");
    assert_string_equal(PLAY("t", "a", "b", "c", "d", "e", "f"), "......");
    assert_string_equal(PLAY("t", "!a", "!b", "!cd", "!e", "!f", "!g"), ".....w");
}

static void only_what_is_new_and_worked_is_progress(void **state)
{
    (void)state;
    struct repeat r = {0};
    assert_true(turn(&r, "", "a").progress);
    assert_false(turn(&r, "", "a").progress);
    assert_false(turn(&r, "", "!b").progress);
    assert_true(turn(&r, "", "c").progress);
    assert_false(turn(&r, "", "").progress);
}

static void a_text_is_stuck_when_its_end_is_one_piece_over_and_over(void **state)
{
    (void)state;
    char text[5000];
    for (size_t period = 1; period <= 300; period++) {
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)('a' + (i % period) * 7 % 26 + (i % period) / 26);
        assert_int_equal(repeat_is_stuck((struct str){text, sizeof(text)}), period <= 256);
    }
    memset(text, 'x', sizeof(text));
    assert_false(repeat_is_stuck((struct str){text, 2047}));
    assert_true(repeat_is_stuck((struct str){text, 2048}));
    assert_false(repeat_is_stuck((struct str){text, 0}));
    memset(text, ' ', sizeof(text));
    assert_false(repeat_is_stuck((struct str){text, sizeof(text)}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_call_is_warned_of_twice_and_stopped_at_three),
        cmocka_unit_test(cycles_of_two_and_three_are_stopped_after_three_rounds),
        cmocka_unit_test(the_same_error_with_other_inputs_is_stopped_at_five_turns),
        cmocka_unit_test(a_success_or_another_error_begins_anew),
        cmocka_unit_test(the_same_text_counts_only_while_nothing_works),
        cmocka_unit_test(only_what_is_new_and_worked_is_progress),
        cmocka_unit_test(a_text_is_stuck_when_its_end_is_one_piece_over_and_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
