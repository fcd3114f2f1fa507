/* Which model an agent may ask: whatever it says, only forward in the operator's list, one at a time, and only after a failure
 * that another one may help with. */
#include "edge/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int pick(struct models *m, const char *body, bool again, int who)
{
    auto_json json_t *b = json_loads(body, 0, NULL);
    assert_non_null(b);
    return models_pick(m, b, again, who);
}

static void an_agent_cannot_choose_a_model(void **state)
{
    struct planner p[3] = {{.wire = "a"}, {.wire = "b"}, {.wire = "c"}};
    struct models m = {.list = {&p[0], &p[1], &p[2]}, .count = 3};
    (void)state;
    assert_int_equal(pick(&m, "{\"model\":0}", false, 0), 0);
    assert_int_equal(pick(&m, "{}", false, 0), 0);
    assert_int_equal(pick(&m, "{\"model\":1}", false, 0), MODELS_NONE);
    static const char *const harmless[] = {"auth",   "quota", "bad_request", "context_too_long",
                                           "budget", "time",  "refusal",     ""};
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        models_note_failure(&m, harmless[i]);
        assert_int_equal(pick(&m, "{\"model\":1}", true, 0), MODELS_NONE);
    }
    models_note_failure(&m, "overloaded");
    assert_int_equal(pick(&m, "{\"model\":2}", true, 0), MODELS_NONE);
    assert_int_equal(pick(&m, "{\"model\":-1}", true, 0), MODELS_NONE);
    assert_int_equal(pick(&m, "{\"model\":\"1\"}", true, 0), MODELS_NONE);
    assert_true(models_has_next(&m));
    assert_int_equal(pick(&m, "{\"model\":1}", true, 0), 1);
    assert_ptr_equal(models_at(&m, 1), &p[1]);
    assert_int_equal(pick(&m, "{\"model\":0}", true, 1), MODELS_NONE); /* never back */
    models_note_failure(&m, "disconnect");
    assert_int_equal(pick(&m, "{\"model\":2}", true, 1), 2);
    assert_int_equal(pick(&m, "{\"model\":3}", true, 2), MODELS_NONE);
    assert_false(models_has_next(&m));
}

static void one_failure_moves_one_place_even_when_it_is_not_said_again(void **state)
{
    struct planner p[3] = {{.wire = "a"}, {.wire = "b"}, {.wire = "c"}};
    struct models m = {.list = {&p[0], &p[1], &p[2]}, .count = 3};
    (void)state;
    models_note_failure(&m, "server");
    assert_int_equal(pick(&m, "{\"model\":1}", true, 0), 1);
    assert_int_equal(pick(&m, "{\"model\":2}", true, 1), MODELS_NONE);
}

static void the_summariser_is_asked_first_or_not_at_all_in_a_turn(void **state)
{
    struct planner p[2] = {{.wire = "a"}, {.wire = "b"}};
    struct models m = {.list = {&p[0]}, .count = 1};
    (void)state;
    assert_int_equal(pick(&m, "{\"summary\":true}", false, 0), MODELS_NONE); /* there is none */
    m.summariser = &p[1];
    assert_int_equal(pick(&m, "{\"summary\":true}", false, 0), MODELS_SUMMARISER);
    assert_int_equal(pick(&m, "{\"summary\":true}", true, MODELS_SUMMARISER), MODELS_SUMMARISER);
    assert_int_equal(pick(&m, "{\"model\":0}", true, MODELS_SUMMARISER), 0);
    assert_int_equal(pick(&m, "{\"summary\":true}", true, 0), MODELS_NONE);
    assert_ptr_equal(models_at(&m, MODELS_SUMMARISER), &p[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_cannot_choose_a_model),
        cmocka_unit_test(one_failure_moves_one_place_even_when_it_is_not_said_again),
        cmocka_unit_test(the_summariser_is_asked_first_or_not_at_all_in_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
