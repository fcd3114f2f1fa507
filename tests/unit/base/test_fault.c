/* Faults: the number that is returned, the sentence that is kept, and the taxonomy's table. */
#include "base/fault.h"
#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void setting_returns_the_negative_code_with_or_without_a_place(void **state)
{
    struct fault f = {0};
    (void)state;
    assert_int_equal(fault_set(NULL, FAULT_POLICY, "x"), -FAULT_POLICY);
    assert_int_equal(fault_set(&f, FAULT_POLICY, "no %s here", "writing"), -FAULT_POLICY);
    assert_int_equal(f.code, FAULT_POLICY);
    assert_string_equal(f.text, "no writing here");
    assert_int_equal(fault_set(&f, -FAULT_LIMIT, "x"), -FAULT_LIMIT);
    assert_int_equal(f.code, FAULT_LIMIT);
    assert_int_equal(fault_sys(NULL, ENOENT, "x"), -ENOENT);
    assert_int_equal(fault_sys(&f, ENOENT, "cannot open %s", "a"), -ENOENT);
    assert_string_equal(f.text, "cannot open a: No such file or directory");
}

static void the_next_step_and_a_prefix_belong_to_a_fault_that_is_set(void **state)
{
    struct fault f = {0};
    (void)state;
    fault_next(&f, "ignored");
    fault_prefix(&f, "ignored");
    assert_string_equal(f.next, "");
    assert_string_equal(f.text, "");
    fault_set(&f, FAULT_CONFIG, "line 1: wrong");
    fault_prefix(&f, "%s.json", "settings");
    fault_next(&f, "run %s", "doctor");
    assert_string_equal(f.text, "settings.json: line 1: wrong");
    assert_string_equal(f.next, "run doctor");
    fault_set(&f, FAULT_CONFIG, "other");
    assert_string_equal(f.next, "");
    fault_next(NULL, "x");
    fault_prefix(NULL, "x");
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        struct fault f = {0};
        char text[1200];
        memset(text, 'a', (size_t)shift);
        for (size_t i = (size_t)shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xF0\x9F\x90\x9F", 5);
        fault_set(&f, FAULT_INPUT, "%s", text);
        assert_true(utf8_valid(str_of(f.text)));
        assert_in_range(strlen(f.text), sizeof(f.text) - 4, sizeof(f.text) - 1);
        fault_next(&f, "%s", text);
        assert_true(utf8_valid(str_of(f.next)));
        assert_in_range(strlen(f.next), sizeof(f.next) - 4, sizeof(f.next) - 1);
        fault_prefix(&f, "%s", text);
        assert_true(utf8_valid(str_of(f.text)));
    }
}

static void a_fault_may_quote_itself(void **state)
{
    struct fault f = {0};
    (void)state;
    fault_set(&f, FAULT_INPUT, "inner");
    fault_set(&f, FAULT_CONFIG, "outer: %s", f.text);
    assert_string_equal(f.text, "outer: inner");
    fault_prefix(&f, "[%s]", f.text);
    assert_string_equal(f.text, "[outer: inner]: outer: inner");
}

static void every_code_has_a_name_a_sentence_and_an_exit_code(void **state)
{
    (void)state;
    for (int code = FAULT_USAGE; code <= FAULT_CAP; code++) {
        assert_true(strlen(fault_name(code)) > 0);
        assert_string_not_equal(fault_name(code), "unknown");
        assert_string_equal(fault_name(code), fault_name(-code));
        assert_string_not_equal(fault_sentence(code), "unknown fault");
        assert_true(fault_exit_code(code) > 0);
        for (int other = FAULT_USAGE; other < code; other++)
            assert_string_not_equal(fault_name(code), fault_name(other));
    }
    for (int code = 1; code < 134; code++) {
        if (strerrorname_np(code) != NULL && code != EOPNOTSUPP) /* has two names */
            if (strcasecmp(fault_name(code), strerrorname_np(code)) != 0)
                fail_msg("%s %s", fault_name(code), strerrorname_np(code));
        assert_int_equal(fault_exit_code(code), code == ECANCELED ? 130 : 1);
    }
}

static void the_rows_stand_at_their_codes(void **state)
{
    static const struct {
        int code, exit_code;
        const char *name;
    } rows[] = {{FAULT_USAGE, 2, "usage"},
                {FAULT_CONFIG, 2, "config"},
                {FAULT_INPUT, 2, "input"},
                {FAULT_SCHEMA, 2, "schema"},
                {FAULT_MODULE, 2, "invalid_module"},
                {FAULT_POLICY, 3, "policy"},
                {FAULT_BUDGET, 4, "budget"},
                {FAULT_LIMIT, 5, "limit"},
                {FAULT_MODEL, 6, "model"},
                {FAULT_SANDBOX, 7, "sandbox"},
                {FAULT_GUEST, 8, "guest"},
                {FAULT_CANCELLED, 130, "cancelled"},
                {FAULT_PROTOCOL, 1, "protocol"},
                {FAULT_PEER_GONE, 1, "peer_gone"},
                {FAULT_CORRUPT, 1, "corrupt"},
                {FAULT_BUSY, 1, "busy"},
                {FAULT_CAP, 5, "cap"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(fault_name(rows[i].code), rows[i].name);
        assert_int_equal(fault_exit_code(-rows[i].code), rows[i].exit_code);
    }
}

static void unknown_codes_are_named_so(void **state)
{
    (void)state;
    assert_string_equal(fault_name(0), "none");
    assert_int_equal(fault_exit_code(0), 0);
    assert_string_equal(fault_name(FAULT_CAP + 1), "unknown");
    assert_string_equal(fault_name(FAULT_USAGE - 1), "unknown");
    assert_string_equal(fault_name(INT32_MIN), "unknown");
    assert_string_equal(fault_sentence(FAULT_CAP + 1), "unknown fault");
    assert_int_equal(fault_exit_code(FAULT_CAP + 1), 1);
}

static void a_sentence_is_utf8_whatever_it_quotes(void **state)
{
    struct fault f = {0};
    (void)state;
    (void)fault_set(&f, FAULT_INPUT, "key \"%.4s\"",
                    "abc\xf1\xb1\xb1\xb1"); /* cut in a character */
    assert_string_equal(f.text, "key \"abc?\"");
    (void)fault_set(&f, FAULT_INPUT, "%s",
                    "\xff\xfe\xfd"
                    "a\x80"
                    "b\xc3\xa4");
    assert_string_equal(f.text, "?a?b\xc3\xa4");
    char longer[2 * sizeof f.text];
    for (size_t i = 0; i + 3 < sizeof longer; i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 4);
    (void)fault_set(&f, FAULT_INPUT, "%s", longer);
    assert_true(utf8_valid(str_of(f.text)) && strlen(f.text) > sizeof f.text - 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_returns_the_negative_code_with_or_without_a_place),
        cmocka_unit_test(the_next_step_and_a_prefix_belong_to_a_fault_that_is_set),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(a_fault_may_quote_itself),
        cmocka_unit_test(every_code_has_a_name_a_sentence_and_an_exit_code),
        cmocka_unit_test(a_sentence_is_utf8_whatever_it_quotes),
        cmocka_unit_test(the_rows_stand_at_their_codes),
        cmocka_unit_test(unknown_codes_are_named_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
