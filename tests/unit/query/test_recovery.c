/* The messages of recovery, word for word: they are an interface to the planner, and a change of them is seen here. */
#include "query/recovery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void messages_word_for_word(void **state)
{
    static const struct {
        enum incident incident;
        const char *name, *message;
    } rows[] = {
        {INCIDENT_CUT, "cut",
         "Your answer was cut off at the output limit. Continue exactly where it stopped, in smaller steps."},
        {INCIDENT_STUCK, "stuck",
         "Your answer repeats itself and was cut off. Do not continue it; say in a few words what is left to do."},
        {INCIDENT_EMPTY, "empty",
         "Your answer was empty. Go on with the task, or say that it is done."},
        {INCIDENT_THINKING_ONLY, "thinking-only",
         "You thought but did not answer. Give your answer or call a tool."},
        {INCIDENT_BAD_CALL, "bad-call",
         "Not run: the input of this call is not a valid JSON object. Send the call again with valid JSON."},
        {INCIDENT_LOOP, "loop",
         "You repeat yourself and the result stays the same. Do something else, or say what keeps you from going on."},
        {INCIDENT_SUMMARY, "summary",
         "The conversation is getting too long. Sum it up for yourself: the task, what was done and found (with paths, names and "
         "numbers), what was decided, the plan and what is left of it. Your summary takes the place of what came before. Answer "
         "with the summary alone, call no tool, and use at most 500 words."},
        {INCIDENT_BROKEN, "broken", NULL},
        {INCIDENT_OVERLOADED, "overloaded", NULL},
        {INCIDENT_CONTEXT, "context", NULL},
        {INCIDENT_NONE, "none", NULL},
    };
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), INCIDENT_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(incident_name(rows[i].incident), rows[i].name);
        if (rows[i].message)
            assert_string_equal(recovery_message(rows[i].incident), rows[i].message);
        else
            assert_null(recovery_message(rows[i].incident));
    }
}

static void which_failure_is_which_incident(void **state)
{
    static const enum incident want[QUERY_ERROR_COUNT] = {
        [QUERY_OVERLOADED] = INCIDENT_OVERLOADED, [QUERY_RATE_LIMIT] = INCIDENT_OVERLOADED,
        [QUERY_SERVER] = INCIDENT_OVERLOADED,     [QUERY_UNREACHABLE] = INCIDENT_OVERLOADED,
        [QUERY_DISCONNECT] = INCIDENT_BROKEN,     [QUERY_MALFORMED] = INCIDENT_BROKEN,
    };
    (void)state;
    for (int e = 0; e < QUERY_ERROR_COUNT; e++) {
        assert_int_equal(recovery_incident((enum query_error)e), want[e]);
        assert_int_equal(query_error_parse(str_of(query_error_name((enum query_error)e))), e);
    }
    assert_int_equal(query_error_parse(STR("who knows")), QUERY_SERVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_word_for_word),
        cmocka_unit_test(which_failure_is_which_incident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
