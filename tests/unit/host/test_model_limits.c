#include "scratch.h"

#include "host/model_limits.h"
#include "host/price_private.h"

static void every_model_with_a_price_has_its_sizes(void **given)
{
    (void)given;
    for (size_t i = 0; i < price_row_count; i++) {
        struct model_limits l =
            model_limits_find(str_of(price_rows[i].provider), str_of(price_rows[i].prefix));
        if (!l.known)
            fail_msg("%s/%s has a price and no sizes", price_rows[i].provider,
                     price_rows[i].prefix);
        assert_true(l.context >= 4096 && l.context <= 4 * 1048576);
        assert_true(l.input >= 0 && l.input < l.context);
        assert_true(l.output >= 1024 && l.output <= l.context);
    }
}

static void a_model_is_found_as_its_price_is(void **given)
{
    static const struct {
        const char *provider, *model;
        int64_t context; /* 0 = unknown */
    } cases[] = {
        {"anthropic", "claude-sonnet-4-5-20250929", 200000},
        {"openai", "gpt-4", 8192},
        {"openai", "gpt-4-turbo-2024-04-09", 128000},
        {"openai-responses", "gpt-4.1-mini", 1047576},
        {"gemini", "models/gemini-2.5-pro", 1048576 + 65536},
        {"openai", "gpt-4-ultra", 0},
        {"anthropic", "gpt-4", 0},
        {"ollama", "gpt-4", 0},
        {"openai", "", 0},
    };
    (void)given;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_limits l =
            model_limits_find(str_of(cases[i].provider), str_of(cases[i].model));
        assert_int_equal(l.context, cases[i].context);
        assert_int_equal(l.known, cases[i].context > 0);
    }
    assert_int_equal(strlen(model_limits_date), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_with_a_price_has_its_sizes),
        cmocka_unit_test(a_model_is_found_as_its_price_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
