/* Text: cutting, exact numbers at their borders, UTF-8 against the table of the standard, hex. */
#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void splitting_finds_the_first_separator_only(void **state)
{
    struct str head = STR("?"), tail = STR("?");
    (void)state;
    assert_true(str_split(STR("a:b:c"), ':', &head, &tail));
    assert_true(str_is(head, "a") && str_is(tail, "b:c"));
    assert_true(str_split(STR(":"), ':', &head, &tail));
    assert_true(head.len == 0 && tail.len == 0);
    assert_false(str_split(STR("abc"), ':', &head, &tail));
    assert_false(str_split((struct str){0}, ':', &head, &tail));
}

static void trimming_takes_space_from_both_ends(void **state)
{
    (void)state;
    assert_true(str_is(str_trim(STR(" \t\r\n a b \n")), "a b"));
    assert_int_equal(str_trim(STR(" \n ")).len, 0);
    assert_int_equal(str_trim((struct str){0}).len, 0);
}

static void starts_and_ends_are_compared_whole(void **state)
{
    (void)state;
    assert_true(str_starts(STR("abc"), STR("ab")) && str_ends(STR("abc"), STR("bc")));
    assert_true(str_starts(STR("abc"), STR("")) && str_ends(STR("abc"), STR("")));
    assert_true(str_starts(STR("abc"), STR("abc")) && str_ends(STR("abc"), STR("abc")));
    assert_false(str_starts(STR("ab"), STR("abc")) || str_ends(STR("bc"), STR("abc")));
    assert_false(str_starts(STR("abc"), STR("bc")) || str_ends(STR("abc"), STR("ab")));
}

static int64_t i64(const char *z, int64_t min, int64_t max)
{
    int64_t value = 7777;
    int r = base_parse_i64(str_of(z), min, max, &value);
    if (r < 0)
        assert_int_equal(value, 7777);
    return r < 0 ? r : value;
}

static void integers_are_exact_up_to_their_borders(void **state)
{
    int64_t value = 0;
    uint64_t big = 0;
    (void)state;
    assert_int_equal(base_parse_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(base_parse_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(i64("9223372036854775808", INT64_MIN, INT64_MAX), -ERANGE);
    assert_int_equal(i64("-9223372036854775809", INT64_MIN, INT64_MAX), -ERANGE);
    assert_int_equal(i64("99999999999999999999999999999999", INT64_MIN, INT64_MAX), -ERANGE);
    assert_int_equal(base_parse_u64(STR("18446744073709551615"), UINT64_MAX, &big), 0);
    assert_true(big == UINT64_MAX);
    assert_int_equal(base_parse_u64(STR("18446744073709551616"), UINT64_MAX, &big), -ERANGE);
    assert_int_equal(i64("10", 1, 10), 10);
    assert_int_equal(i64("11", 1, 10), -ERANGE);
    assert_int_equal(i64("0", 1, 10), -ERANGE);
    assert_int_equal(i64("-0", -1, 1), 0);
}

static void what_is_no_integer_is_refused(void **state)
{
    static const char *const wrong[] = {"",   "-",   "+1",  " 1",  "1 ",  "1x",
                                        "0x", "--1", "1.0", "1e3", "\t1", "99999999999999999999x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(i64(wrong[i], INT64_MIN, INT64_MAX), -EINVAL);
    assert_int_equal(base_parse_i64((struct str){"12\0", 3}, 0, 1000, &(int64_t){0}), -EINVAL);
}

static int64_t decimal(const char *z, unsigned scale)
{
    int64_t value = 7777;
    int r = base_parse_decimal(str_of(z), scale, INT64_MIN, INT64_MAX, &value);
    return r < 0 ? r : value;
}

static void decimals_are_exact(void **state)
{
    int64_t value = 0;
    (void)state;
    assert_int_equal(decimal("1.25", 12), INT64_C(1250000000000));
    assert_int_equal(decimal("0.5", 9), 500000000);
    assert_int_equal(decimal("20e9", 0), INT64_C(20000000000));
    assert_int_equal(decimal("0.1", 1), 1);
    assert_int_equal(decimal("1.500", 1), 15);
    assert_int_equal(decimal("-1.5", 1), -15);
    assert_int_equal(decimal("15e-1", 1), 15);
    assert_int_equal(decimal("1500E-2", 0), 15);
    assert_int_equal(decimal("1.5e+3", 0), 1500);
    assert_int_equal(decimal("0e999", 0), 0);
    assert_int_equal(decimal("0.000000000000000000000000000000", 3), 0);
    assert_int_equal(decimal("0000000000000000000000000000001", 0), 1);
    assert_int_equal(base_parse_decimal(STR("9223372.036854775807"), 12, 0, INT64_MAX, &value), 0);
    assert_true(value == INT64_MAX);
}

static void decimals_that_are_too_fine_or_too_large_are_refused(void **state)
{
    (void)state;
    assert_int_equal(decimal("0.01", 1), -EINVAL);
    assert_int_equal(decimal("1e-13", 12), -EINVAL);
    assert_int_equal(decimal("9223372.036854775808", 12), -ERANGE);
    assert_int_equal(decimal("1e19", 0), -ERANGE);
    assert_int_equal(decimal("1e1001", 0), -ERANGE);
    assert_int_equal(decimal("1e99999999999999999999", 0), -ERANGE);
    assert_int_equal(decimal("99999999999999999999999", 0), -ERANGE);
    int64_t value = 0;
    assert_int_equal(base_parse_decimal(STR("1.01"), 2, 0, 100, &value), -ERANGE);
    assert_int_equal(base_parse_decimal(STR("-1"), 2, 0, 100, &value), -ERANGE);
}

static void what_is_no_decimal_is_refused(void **state)
{
    static const char *const wrong[] = {"",      ".",   "1.", ".5", "1.e3", "e3",  "1e",   "1e+",
                                        "1.2.3", "1,5", " 1", "1 ", "nan",  "inf", "0x10", "1e+-3"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(decimal(wrong[i], 3), -EINVAL);
}

static int64_t duration(const char *z)
{
    int64_t value = 7777;
    int r = base_parse_duration(str_of(z), &value);
    return r < 0 ? r : value;
}

static void durations_have_units(void **state)
{
    (void)state;
    assert_int_equal(duration("2"), INT64_C(2000000000));
    assert_int_equal(duration("2s"), INT64_C(2000000000));
    assert_int_equal(duration("1.5s"), INT64_C(1500000000));
    assert_int_equal(duration("250ms"), 250000000);
    assert_int_equal(duration("0.000001ms"), 1);
    assert_int_equal(duration("2m"), INT64_C(120000000000));
    assert_int_equal(duration("0.5h"), INT64_C(1800000000000));
    assert_int_equal(duration("0"), 0);
    assert_int_equal(duration("2562047h"), INT64_C(9223369200000000000));
    assert_int_equal(duration("2562048h"), -ERANGE);
    assert_int_equal(duration("-1s"), -ERANGE);
    assert_int_equal(duration("0.0000001ms"), -EINVAL);
    assert_int_equal(duration("s"), -EINVAL);
    assert_int_equal(duration(""), -EINVAL);
    assert_int_equal(duration("1 s"), -EINVAL);
    assert_int_equal(duration("1d"), -EINVAL);
}

static size_t prefix(const char *bytes, size_t len)
{
    return utf8_valid_prefix((struct str){bytes, len});
}

/* The whole table of RFC 3629 by brute force: encode every code point by the book and compare. */
static void every_code_point_is_valid_except_surrogates(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110100; c++) {
        char b[4];
        size_t len;
        if (c < 0x80) {
            b[0] = (char)c;
            len = 1;
        } else if (c < 0x800) {
            b[0] = (char)(0xC0 | c >> 6);
            b[1] = (char)(0x80 | (c & 63));
            len = 2;
        } else if (c < 0x10000) {
            b[0] = (char)(0xE0 | c >> 12);
            b[1] = (char)(0x80 | (c >> 6 & 63));
            b[2] = (char)(0x80 | (c & 63));
            len = 3;
        } else {
            b[0] = (char)(0xF0 | c >> 18);
            b[1] = (char)(0x80 | (c >> 12 & 63));
            b[2] = (char)(0x80 | (c >> 6 & 63));
            b[3] = (char)(0x80 | (c & 63));
            len = 4;
        }
        bool is_valid = c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
        assert_int_equal(prefix(b, len), is_valid ? len : 0);
        assert_int_equal(prefix(b, len - 1), 0); /* cut */
    }
}

static void overlong_and_stray_bytes_end_the_valid_prefix(void **state)
{
    (void)state;
    assert_int_equal(prefix("ab\xC0\x80", 4), 2);
    assert_int_equal(prefix("ab\xC1\xBF", 4), 2);
    assert_int_equal(prefix("ab\xE0\x9F\xBF", 5), 2);
    assert_int_equal(prefix("ab\xF0\x8F\xBF\xBF", 6), 2);
    assert_int_equal(prefix("ab\xF5\x80\x80\x80", 6), 2);
    assert_int_equal(prefix("ab\x80", 3), 2);
    assert_int_equal(prefix("ab\xFF", 3), 2);
    assert_int_equal(prefix("12345678\xFF", 9), 8);
    assert_int_equal(prefix("1234567\xC3\xA4", 9), 9);
    assert_int_equal(prefix("", 0), 0);
}

static void hex_goes_both_ways_and_takes_nothing_else(void **state)
{
    unsigned char bytes[256], back[256];
    char hex[513];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    hex_encode(bytes, sizeof(bytes), hex);
    assert_memory_equal(hex, "000102", 6);
    assert_string_equal(hex + 508, "feff");
    assert_int_equal(hex_decode(str_of(hex), back, sizeof(back)), 0);
    assert_memory_equal(bytes, back, sizeof(bytes));
    assert_int_equal(hex_decode(STR("aBCd"), back, 2), 0);
    assert_int_equal(back[0], 0xab);
    assert_int_equal(back[1], 0xcd);
    assert_int_equal(hex_decode(STR("abc"), back, 1), -EINVAL);
    assert_int_equal(hex_decode(STR("abc"), back, 2), -EINVAL);
    assert_int_equal(hex_decode(STR("abcd"), back, 1), -EINVAL);
    assert_int_equal(hex_decode(STR("0g"), back, 1), -EINVAL);
    assert_int_equal(hex_decode(STR("0x"), back, 1), -EINVAL);
    assert_int_equal(hex_decode(STR(""), back, 0), 0);
}

static void secrets_compare_by_value_and_wipe_to_zero(void **state)
{
    char a[4] = "abc", b[4] = "abc", zero[4] = {0};
    (void)state;
    assert_true(base_equal_secret(a, b, 4));
    b[3] = 1;
    assert_false(base_equal_secret(a, b, 4));
    assert_true(base_equal_secret(a, b, 0));
    base_wipe(a, sizeof(a));
    assert_memory_equal(a, zero, sizeof(a));
    base_wipe(NULL, 0);
}

static void checked_arithmetic_says_when_it_does_not_fit(void **state)
{
    size_t size = 0;
    int64_t i = 0;
    (void)state;
    assert_true(size_add(SIZE_MAX - 1, 1, &size) && size == SIZE_MAX);
    assert_false(size_add(SIZE_MAX, 1, &size));
    assert_true(size_mul(SIZE_MAX / 2, 2, &size));
    assert_false(size_mul(SIZE_MAX / 2 + 1, 2, &size));
    assert_true(i64_add(INT64_MAX - 1, 1, &i) && i == INT64_MAX);
    assert_false(i64_add(INT64_MIN, -1, &i));
    assert_false(i64_mul(INT64_MIN, -1, &i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitting_finds_the_first_separator_only),
        cmocka_unit_test(trimming_takes_space_from_both_ends),
        cmocka_unit_test(starts_and_ends_are_compared_whole),
        cmocka_unit_test(integers_are_exact_up_to_their_borders),
        cmocka_unit_test(what_is_no_integer_is_refused),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(decimals_that_are_too_fine_or_too_large_are_refused),
        cmocka_unit_test(what_is_no_decimal_is_refused),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(every_code_point_is_valid_except_surrogates),
        cmocka_unit_test(overlong_and_stray_bytes_end_the_valid_prefix),
        cmocka_unit_test(hex_goes_both_ways_and_takes_nothing_else),
        cmocka_unit_test(secrets_compare_by_value_and_wipe_to_zero),
        cmocka_unit_test(checked_arithmetic_says_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
