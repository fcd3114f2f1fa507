/* Amounts as JSON numbers: the token is made from the integer, and read back it is the same integer. */
#include "edge/money.h"
#include "host/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 100000

static void assert_prints(const char *object, int64_t a, int64_t b, const char *want)
{
    auto_json json_t *o = json_loads(object, 0, NULL);
    const struct money_number money[] = {{"cost_usd", a}, {"budget_usd", b}};
    auto_done(buf) struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(money_print(o, money, 2, &out), 0);
    assert_string_equal(out.at, want);
}

static void amounts_are_number_tokens_after_the_other_members(void **state)
{
    (void)state;
    assert_prints("{}", 0, 5 * PICO_PER_USD, "{\"cost_usd\":0.00,\"budget_usd\":5.00}");
    assert_prints("{\"v\":1}", 1, INT64_MAX,
                  "{\"v\":1,\"cost_usd\":0.000000000001,\"budget_usd\":9223372.036854775807}");
    assert_prints("{\"text\":\"}\"}", PICO_PER_USD / 10 + PICO_PER_USD / 5, -1,
                  "{\"text\":\"}\",\"cost_usd\":0.30,\"budget_usd\":-0.000000000001}");
}

/* Every amount is what its text says; every amount of at most 15 digits is what a JSON reader makes of it. */
static void what_is_printed_is_what_is_read(void **state)
{
    uint64_t x = 88172645463325252u;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int64_t pico = (int64_t)(x >> (x % 63)), back = -1;
        pico = pico < 0 ? 0 : pico;
        auto_free char *text = ledger_usd_text(pico);
        assert_int_equal(base_parse_decimal(str_of(text), 12, 0, INT64_MAX, &back), 0);
        assert_int_equal(back, pico);
        if (pico > INT64_C(999999999999999))
            continue;
        auto_json json_t *o = json_object();
        const struct money_number money = {"x", pico};
        auto_done(buf) struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(money_print(o, &money, 1, &out), 0);
        auto_json json_t *read = NULL;
        assert_int_equal(json_parse(buf_str(&out), 4096, &read, NULL), 0);
        assert_int_equal(ledger_decimal_from_json(json_object_get(read, "x"), 12, INT64_MAX, &back),
                         0);
        assert_int_equal(back, pico);
    }
}

/* A tenth and a fifth are three tenths, and ten tenths one. */
static void sums_are_those_of_the_decimals(void **state)
{
    int64_t tenth, fifth, sum = 0;
    (void)state;
    assert_int_equal(base_parse_decimal(STR("0.1"), 12, 0, INT64_MAX, &tenth), 0);
    assert_int_equal(base_parse_decimal(STR("0.2"), 12, 0, INT64_MAX, &fifth), 0);
    auto_free char *text = ledger_usd_text(tenth + fifth);
    assert_string_equal(text, "0.30");
    for (int i = 0; i < 10; i++)
        sum += tenth;
    assert_int_equal(sum, PICO_PER_USD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_number_tokens_after_the_other_members),
        cmocka_unit_test(what_is_printed_is_what_is_read),
        cmocka_unit_test(sums_are_those_of_the_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
