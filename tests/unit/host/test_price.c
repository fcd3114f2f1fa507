#include "scratch.h"

#include "host/price_private.h"

static struct price find(const char *provider, const char *model)
{
    return price_find(str_of(provider), str_of(model));
}

static void the_longest_prefix_that_is_a_version_wins(void **given)
{
    static const struct {
        const char *provider, *model;
        int64_t input; /* micro-dollars per million tokens; -1 = unknown */
    } cases[] = {
        {"anthropic", "claude-opus-4-20250514", 15000000},
        {"anthropic", "claude-opus-4-1-20250805", 15000000},
        {"anthropic", "claude-opus-4-5-20251101", 5000000},
        {"anthropic", "claude-opus-4-8", 5000000},
        {"anthropic", "claude-opus-4-9", 15000000}, /* unheard of: the dearest of its kin */
        {"anthropic", "claude-sonnet-4-5", 3000000},
        {"anthropic", "claude-fable-5", 10000000},
        {"openai", "gpt-5.5", 5000000},
        {"openai", "gpt-5.5-pro-2026-04-23", 30000000},
        {"openai", "gpt-5.4-nano", 200000},
        {"gemini", "gemini-3.1-pro-preview", 2000000},
        {"anthropic", "claude-haiku-4-5-20251001", 1000000},
        {"anthropic", "claude-3-5-haiku-latest", 800000},
        {"anthropic", "claude-sonnet-4@20250514", 3000000},
        {"anthropic", "gpt-4o", -1},
        {"anthropic", "claude-opus-40", -1},
        {"openai", "gpt-4o", 2500000},
        {"openai", "gpt-4o-2024-08-06", 2500000},
        {"openai", "gpt-4o-2024-05-13", 5000000},
        {"openai", "gpt-4o-mini", 150000},
        {"openai", "gpt-4o-mini-2024-07-18", 150000},
        {"openai", "gpt-4o-audio-preview", -1},
        {"openai-responses", "gpt-5", 1250000},
        {"openai", "gpt-5-ultra", -1},
        {"openai", "gpt-5.9", -1},
        {"openai", "gpt-5-mini", 250000},
        {"openai", "o3", 2000000},
        {"openai", "o3-mini", 1100000},
        {"openai", "o3-pro", 20000000},
        {"openai", "gpt-4", 30000000},
        {"gemini", "gemini-2.5-pro-preview-06-05", 1250000},
        {"gemini", "models/gemini-2.5-flash", 300000},
        {"gemini", "gemini-2.5-flash-lite", 100000},
        {"gemini", "gemini-2.0-flash-001", 100000},
        {"ollama", "anything", 0},
        {"script", "x", 0},
        {"unheard-of", "gpt-4o", -1},
        {"openai", "", -1},
    };
    (void)given;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct price p = find(cases[i].provider, cases[i].model);
        if (p.known != (cases[i].input >= 0) || (p.known && p.input != cases[i].input))
            fail_msg("%s/%s: known %d, input %lld", cases[i].provider, cases[i].model, p.known,
                     (long long)p.input);
    }
}

static void every_row_of_the_table_is_sane(void **given)
{
    (void)given;
    assert_int_equal(strlen(price_table_date), 7);
    for (size_t i = 0; i < price_row_count; i++) {
        const struct price_row *r = &price_rows[i];
        struct price p = price_of_row(r);
        if (p.input <= 0 || p.output <= p.input / 2 || p.cache_read > p.input ||
            p.cache_write < p.input || p.input % 10 != 0 ||
            (p.long_from > 0 && (p.long_input <= p.input || p.long_output <= p.output ||
                                 p.long_cache_write < p.long_input)))
            fail_msg("%s %s", r->provider, r->prefix);
        for (size_t k = 0; k < i; k++)
            assert_false(strcmp(price_rows[k].prefix, r->prefix) == 0 &&
                         strcmp(price_rows[k].provider, r->provider) == 0);
    }
}

static void costs_are_exact(void **given)
{
    (void)given;
    struct price p = find("anthropic", "claude-sonnet-4-5");
    struct usage u = {1000, 500, 2000, 100};
    /* 1000*3 + 500*15 + 2000*0.30 + 100*3.75 micro-dollars = 11475 */
    assert_int_equal(price_cost(&p, &u), INT64_C(11475) * 1000000);
    u = (struct usage){200001, 0, 0, 0};
    assert_int_equal(price_cost(&p, &u), INT64_C(200001) * 6000000);
    u = (struct usage){200000, 0, 0, 0};
    assert_int_equal(price_cost(&p, &u), INT64_C(200000) * 3000000);
    u = (struct usage){INT64_MAX, INT64_MAX, 1, 1};
    assert_int_equal(price_cost(&p, &u), INT64_MAX);
    u = (struct usage){-5, -5, -5, -5};
    assert_int_equal(price_cost(&p, &u), 0);
}

static void the_worst_case_is_never_below_the_cost(void **given)
{
    (void)given;
    unsigned seed = 3;
    for (size_t i = 0; i < price_row_count; i++) {
        struct price p = find(price_rows[i].provider, price_rows[i].prefix);
        for (int k = 0; k < 200; k++) {
            seed = seed * 1103515245u + 12345u;
            int64_t tokens = (seed >> 8) % 400000, cached = tokens / ((seed & 7) + 1),
                    written = (tokens - cached) / 2;
            struct usage u = {tokens - cached - written, seed & 0xfff, cached, written};
            assert_true(price_cost(&p, &u) <= price_worst(&p, tokens, u.output_tokens));
        }
    }
}

static void what_is_affordable_fits_and_one_more_does_not(void **given)
{
    (void)given;
    struct price p = find("anthropic", "claude-opus-4-5");
    int64_t free_pico = PICO_PER_USD / 50; /* 2 cents */
    int64_t tokens = price_affordable_tokens(&p, 1000, 8192, free_pico);
    assert_true(tokens >= 256 && tokens < 8192);
    assert_true(price_worst(&p, 1000, tokens) <= free_pico);
    assert_true(price_worst(&p, 1000, tokens + 1) > free_pico);
    assert_int_equal(price_affordable_tokens(&p, 1000, 500, PICO_PER_USD), 500);
    assert_int_equal(price_affordable_tokens(&p, 1000, 500, price_worst(&p, 1000, 256)), 256);
    assert_int_equal(price_affordable_tokens(&p, 1000, 500, price_worst(&p, 1000, 256) - 1), 0);
    assert_int_equal(price_affordable_tokens(&p, 1000, 500, 0), 0);
    assert_int_equal(price_affordable_tokens(&p, INT64_MAX, 500, INT64_MAX), 0);
    struct price nothing = {.known = true};
    assert_int_equal(price_affordable_tokens(&nothing, 1000, 500, 0), 500);
}

static void settings_give_exact_prices_or_a_sentence(void **given)
{
    static const struct {
        const char *json, *text;
        int64_t input, output, read, write;
    } cases[] = {
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15}", NULL, 3000000, 15000000, 3000000,
         3000000},
        {"{\"input_per_mtok_usd\":0.29,\"output_per_mtok_usd\":1.1,\"cache_read_per_mtok_usd\":0.07,"
         "\"cache_write_per_mtok_usd\":0.000001}",
         NULL, 290000, 1100000, 70000, 1},
        {"{\"input_per_mtok_usd\":3}", "\"output_per_mtok_usd\" is missing", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":\"3\",\"output_per_mtok_usd\":15}",
         "\"input_per_mtok_usd\" must be a number", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":-3,\"output_per_mtok_usd\":15}", "\"input_per_mtok_usd\" must be",
         0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":0.0000001}", "at most 6 digits", 0, 0,
         0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":1e300}",
         "\"output_per_mtok_usd\" must be", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15,\"inptu\":1}",
         "\"inptu\" is not a key", 0, 0, 0, 0},
        {"[3,15]", "must be an object", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15,\"long_prompt\":3}",
         "\"long_prompt\"", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15,\"long_prompt\":{\"over_tokens\":0}}",
         "\"over_tokens\"", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15,\"long_prompt\":{\"over_tokens\":9}}",
         "\"input_per_mtok_usd\" is missing", 0, 0, 0, 0},
        {"{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15,\"long_prompt\":{\"over_tokens\":9,\"x\":1}}",
         "\"x\" is not a key", 0, 0, 0, 0},
    };
    (void)given;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *o = scratch_json(cases[i].json);
        struct price p = {0};
        struct fault fault = {0};
        int r = price_from_json(o, &p, &fault);
        if (cases[i].text) {
            assert_int_equal(r, -FAULT_CONFIG);
            if (!strstr(fault.text, cases[i].text))
                fail_msg("%s: %s", cases[i].json, fault.text);
        } else {
            assert_int_equal(r, 0);
            assert_true(p.known && p.input == cases[i].input && p.output == cases[i].output &&
                        p.cache_read == cases[i].read && p.cache_write == cases[i].write);
        }
        json_decref(o);
    }
}

static void a_price_of_settings_may_have_a_second_tier(void **given)
{
    (void)given;
    json_t *o =
        scratch_json("{\"input_per_mtok_usd\":3,\"output_per_mtok_usd\":15,\"long_prompt\":"
                     "{\"over_tokens\":1000,\"input_per_mtok_usd\":6,\"output_per_mtok_usd\":10,"
                     "\"cache_read_per_mtok_usd\":0.6}}");
    struct price p = {0};
    struct fault fault = {0};
    assert_int_equal(price_from_json(o, &p, &fault), 0);
    json_decref(o);
    struct usage at = {600, 10, 400, 0}, over = {601, 10, 400, 0};
    assert_int_equal(price_cost(&p, &at), INT64_C(1000000) * (600 * 3 + 10 * 15 + 400 * 3));
    assert_int_equal(price_cost(&p, &over),
                     601 * INT64_C(6000000) + 10 * INT64_C(10000000) + 400 * INT64_C(600000));
    /* the output is cheaper in the second tier: the worst case is not */
    assert_int_equal(price_worst(&p, 1001, 10), 1001 * INT64_C(6000000) + 10 * INT64_C(15000000));
    assert_true(price_cost(&p, &over) <= price_worst(&p, 1001, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_that_is_a_version_wins),
        cmocka_unit_test(every_row_of_the_table_is_sane),
        cmocka_unit_test(costs_are_exact),
        cmocka_unit_test(the_worst_case_is_never_below_the_cost),
        cmocka_unit_test(what_is_affordable_fits_and_one_more_does_not),
        cmocka_unit_test(settings_give_exact_prices_or_a_sentence),
        cmocka_unit_test(a_price_of_settings_may_have_a_second_tier),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
