/* What a question offers is narrow, and nothing but a yes is read as a yes. */
#include "edge/question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_again;

static void expect_offer(enum effect_kind kind, const char *target, const char *expected)
{
    struct effect e = {.kind = kind};
    char pattern[GRANT_PATTERN_MAX] = "";
    snprintf(e.target, sizeof e.target, "%s", target);
    bool has = question_offer(&e, is_again, pattern);
    if (has != (expected != NULL) || (has && strcmp(pattern, expected) != 0))
        fail_msg("%s: offered %s", target, has ? pattern : "nothing");
}

static void offers_are_a_folder_or_a_program(void **state)
{
    (void)state;
    expect_offer(EFFECT_WRITE, "/src/a.c", "Write(/src/**)");
    expect_offer(EFFECT_WRITE, "/src/lib/a.c", "Write(/src/lib/**)");
    expect_offer(EFFECT_WRITE, "/README.md", "Write(/*.md)");
    expect_offer(EFFECT_WRITE, "/Makefile", NULL);
    expect_offer(EFFECT_WRITE, "/.git/hooks/pre-commit", NULL);
    expect_offer(EFFECT_WRITE, "/src/.envrc", NULL);
    is_again = true;
    expect_offer(EFFECT_WRITE, "/src/a.c", "Write(/**)");
    expect_offer(EFFECT_WRITE, "/.git/config", NULL);
    is_again = false;
    expect_offer(EFFECT_WRITE, "/", NULL);
    expect_offer(EFFECT_WRITE, "/sr*c/a.c", NULL);
    expect_offer(EFFECT_EXEC, "make", "Exec(make *)");
    expect_offer(EFFECT_EXEC, "make test", "Exec(make *)");
    expect_offer(EFFECT_EXEC, "git commit -m x", "Exec(git commit *)");
    expect_offer(EFFECT_EXEC, "git -c core.pager=x log", NULL);
    expect_offer(EFFECT_EXEC, "python3 -m pytest -q", "Exec(python3 -m pytest *)");
    expect_offer(EFFECT_EXEC, "python3 setup.py", NULL);
    expect_offer(EFFECT_EXEC, "/usr/bin/bash -c ls", NULL);
    expect_offer(EFFECT_EXEC, "rm -rf build", NULL);
    expect_offer(EFFECT_EXEC, "make && rm x", NULL);
    expect_offer(EFFECT_EXEC, "make $x", NULL);
    expect_offer(EFFECT_EXEC, "make 'a b'", NULL);
    expect_offer(EFFECT_NET, "example.org:443", NULL);
    expect_offer(EFFECT_TOOL, "write", NULL);
}

static json_t *question_about(const char *effect, const char *target)
{
    return json_pack("{s:[{s:s, s:s, s:b}]}", "effects", "effect", effect, "target", target,
                     "recursive", 0);
}

static void only_a_yes_is_a_yes(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int result, answer;
    } rows[] = {
        {"y", 0, APPROVAL_ONCE},     {" Y \r", 0, APPROVAL_ONCE},
        {"yes", 0, APPROVAL_ONCE},   {"s", 0, APPROVAL_SESSION},
        {"n", 0, APPROVAL_NO},       {"no, never", QUESTION_HELP, 0},
        {"n never", 0, APPROVAL_NO}, {"", QUESTION_HELP, 0},
        {"yo", QUESTION_HELP, 0},    {"y please", QUESTION_HELP, 0},
        {"sure", QUESTION_HELP, 0},  {"always", QUESTION_HELP, 0},
        {"d", QUESTION_MORE, 0},     {"?", QUESTION_HELP, 0},
        {"a", 0, APPROVAL_ALWAYS},
    };
    json_t *q = question_about("Write", "/src/a.c");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct approval_reply reply;
        int r = question_read_line(q, str_of(rows[i].line), &reply, NULL);
        if (r != rows[i].result || (r == 0 && (int)reply.answer != rows[i].answer))
            fail_msg("\"%s\" gives %d, %d", rows[i].line, r, (int)reply.answer);
    }
    json_decref(q);
}

static void bounds_stand_behind_the_pattern(void **state)
{
    (void)state;
    struct approval_reply reply;
    json_t *q = question_about("Exec", "make test 5x");
    assert_int_equal(question_read_line(q, STR("a make test * 20x 2h $0.50"), &reply, NULL), 0);
    assert_string_equal(reply.pattern, "Exec(make test *)");
    assert_int_equal(reply.bounds.uses, 20);
    assert_int_equal(reply.bounds.seconds, 7200);
    assert_int_equal(reply.bounds.usd_pico, INT64_C(500000000000));
    assert_int_equal(question_read_line(q, STR("a"), &reply, NULL), 0);
    assert_int_equal(reply.bounds.uses, GRANT_USES_DEFAULT);
    assert_int_equal(reply.bounds.seconds, GRANT_SECONDS_DEFAULT);
    assert_true(question_read_line(q, STR("a git *"), &reply, NULL) < 0);
    assert_true(question_read_line(q, STR("a Tool(command)"), &reply, NULL) < 0);
    assert_true(question_read_line(q, STR("a Write(/**)"), &reply, NULL) < 0);
    json_decref(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_a_folder_or_a_program),
        cmocka_unit_test(only_a_yes_is_a_yes),
        cmocka_unit_test(bounds_stand_behind_the_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
