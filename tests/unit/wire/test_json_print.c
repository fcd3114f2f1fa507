/* JSON out: compact text reads back as the same value; the canonical form is that of RFC 8785. */
#include "wire/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *z)
{
    struct fault f = {0};
    json_t *value = NULL;
    if (json_parse(str_of(z), JSON_SIZE_MAX, &value, &f) != 0)
        fail_msg("%s: %s", z, f.text);
    return value;
}

static char *canonical(const json_t *value)
{
    struct buf out;
    buf_init(&out, JSON_SIZE_MAX);
    assert_int_equal(json_print_canonical(value, &out), 0);
    return buf_take(&out);
}

static char *compact(const json_t *value)
{
    struct buf out;
    buf_init(&out, JSON_SIZE_MAX);
    assert_int_equal(json_print(value, &out), 0);
    return buf_take(&out);
}

static void canonical_is(const char *in, const char *wanted)
{
    auto_json json_t *value = parse(in);
    auto_free char *text = canonical(value);
    assert_string_equal(text, wanted);
}

/* Appendix B of RFC 8785: the bits of a double and its text. */
static void numbers_are_written_as_in_appendix_b(void **state)
{
    static const struct {
        uint64_t bits;
        const char *text;
    } rows[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        /* Just above a power of two, where the nearest 16 digits do not read back. */
        {0x3d30000000000000, "5.684341886080802e-14"},
        {0x4024000000000000, "10"},
        {0x3fb999999999999a, "0.1"},
        {0x3ff0000000000001, "1.0000000000000002"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double value;
        memcpy(&value, &rows[i].bits, sizeof(value));
        auto_json json_t *real = json_real(value);
        auto_free char *text = canonical(real);
        assert_string_equal(text, rows[i].text);
    }
}

/* Section 3.2.2 and 3.2.3 of RFC 8785. */
static void the_examples_of_the_standard_come_out_as_printed(void **state)
{
    (void)state;
    canonical_is(
        "{\n  \"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\n"
        "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
        "  \"literals\": [null, true, false]\n}",
        "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
        "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    canonical_is(
        "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\", \"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\","
        "\"1\": \"One\", \"\\ud83d\\ude00\": \"Emoji: Grinning Face\", \"\\u0080\": \"Control\","
        "\"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}",
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
        "\"\xC3\xB6\":\"Latin Small Letter O With Diaeresis\",\"\xE2\x82\xAC\":\"Euro Sign\","
        "\"\xF0\x9F\x98\x80\":\"Emoji: Grinning Face\","
        "\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

static void control_characters_have_their_short_escapes(void **state)
{
    (void)state;
    canonical_is("\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\u007f\\/\"",
                 "\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \x7F/\"");
}

static void keys_are_sorted_as_wholes_and_at_every_depth(void **state)
{
    (void)state;
    canonical_is("{\"b\":{\"z\":1,\"y\":[{\"d\":1,\"c\":2}]},\"aa\":1,\"a\":2,\"\":3,\"B\":4}",
                 "{\"\":3,\"B\":4,\"a\":2,\"aa\":1,\"b\":{\"y\":[{\"c\":2,\"d\":1}],\"z\":1}}");
    canonical_is(
        "{\"a\\uffff\":1,\"a\\ud800\\udc00\":2,\"a\\ud7ff\":3,\"a\\ue000\":4}",
        "{\"a\xED\x9F\xBF\":3,\"a\xF0\x90\x80\x80\":2,\"a\xEE\x80\x80\":4,\"a\xEF\xBF\xBF\":1}");
    canonical_is("{}", "{}");
}

static void large_integers_are_written_in_full(void **state)
{
    (void)state;
    canonical_is("[9223372036854775807,-9223372036854775808,9007199254740993]",
                 "[9223372036854775807,-9223372036854775808,9007199254740993]");
}

static void compact_text_keeps_order_and_reals(void **state)
{
    (void)state;
    auto_json json_t *value = parse("{ \"b\" : [ 1.0, 0.1, 1e100, -0.0, 5 ], \"a\" : {} }");
    auto_free char *text = compact(value);
    assert_string_equal(text, "{\"b\":[1.0,0.1,1e+100,-0.0,5],\"a\":{}}");
    auto_json json_t *back = parse(text);
    assert_true(json_equal(value, back));
}

static uint64_t seed = 88172645463325252u;
static uint64_t noise(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void every_double_reads_back_as_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 30000; i++) {
        uint64_t bits = noise();
        double value;
        if (i < 2046) /* all powers of two */
            bits = (uint64_t)(i + 1) << 52;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        auto_json json_t *real = json_real(value);
        auto_free char *text = compact(real);
        auto_json json_t *back = parse(text);
        assert_true(json_is_real(back));
        double other = json_real_value(back);
        assert_memory_equal(&value, &other, sizeof(value));
        /* and no text with fewer digits does, as far as printf can find one */
        char shorter[40];
        size_t digits = 0;
        for (const char *c = text; *c != '\0' && *c != 'e'; c++)
            digits += *c >= '0' && *c <= '9' && (digits > 0 || *c != '0');
        if (digits > 1 && digits <= 17 && strstr(text, ".0") == NULL && fabs(value) < 1e21) {
            (void)snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, value);
            assert_true(strtod(shorter, NULL) != value);
        }
    }
}

static json_t *random_value(unsigned depth)
{
    uint64_t kind = noise() % (depth > 0 ? 8 : 6);
    char text[12];
    switch (kind) {
    case 0: return json_null();
    case 1: return json_boolean(noise() % 2);
    case 2: return json_integer((json_int_t)noise());
    case 3: return json_integer((json_int_t)(noise() % 100));
    case 4: return json_real((double)(int64_t)noise() / 1024.0);
    case 5:
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)(1 + noise() % 255);
        return json_string_lossy((struct str){text, noise() % sizeof(text)});
    default: break;
    }
    json_t *value = kind == 6 ? json_array() : json_object();
    for (uint64_t n = noise() % 5; n > 0; n--) {
        if (kind == 6) {
            json_array_append_new(value, random_value(depth - 1));
            continue;
        }
        (void)snprintf(text, sizeof(text), "k%u", (unsigned)(noise() % 1000));
        json_object_set_new(value, text, random_value(depth - 1));
    }
    return value;
}

static void any_value_printed_and_parsed_is_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        auto_json json_t *value = random_value(5);
        auto_free char *text = compact(value);
        auto_json json_t *back = parse(text);
        assert_true(json_equal(value, back));
        auto_free char *again = compact(back);
        assert_string_equal(text, again);
        auto_free char *first = canonical(value);
        auto_json json_t *from_canonical = parse(first);
        auto_free char *second = canonical(from_canonical);
        assert_string_equal(first, second);
    }
}

static void what_cannot_be_read_back_is_not_written(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 1000);
    auto_json json_t *bad = json_stringn_nocheck("a\xFF", 2);
    assert_int_equal(json_print(bad, &out), -EINVAL);
    buf_reset(&out);
    assert_int_equal(json_print(NULL, &out), -EINVAL);
    auto_json json_t *deep = json_array();
    json_t *inner = deep;
    for (int i = 1; i < 2 * JSON_DEPTH_MAX; i++) {
        json_array_append_new(inner, json_array());
        inner = json_array_get(inner, 0);
    }
    buf_reset(&out);
    assert_int_equal(json_print(deep, &out), 0);
    json_array_append_new(inner, json_null());
    buf_reset(&out);
    assert_int_equal(json_print(deep, &out), -EINVAL);
    buf_done(&out);
}

static void a_full_buffer_is_reported(void **state)
{
    (void)state;
    auto_json json_t *value =
        parse("{\"a\":[1,2.5,\"x\",null,true,false,-0.0],\"b\":{\"c\":\"\\n\"}}");
    auto_free char *text = compact(value);
    for (size_t max = 0; max <= strlen(text); max++) {
        struct buf out;
        buf_init(&out, max);
        assert_int_equal(json_print(value, &out), max < strlen(text) ? -FAULT_CAP : 0);
        buf_done(&out);
        buf_init(&out, max);
        (void)!json_print_canonical(value, &out);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_in_appendix_b),
        cmocka_unit_test(the_examples_of_the_standard_come_out_as_printed),
        cmocka_unit_test(control_characters_have_their_short_escapes),
        cmocka_unit_test(keys_are_sorted_as_wholes_and_at_every_depth),
        cmocka_unit_test(large_integers_are_written_in_full),
        cmocka_unit_test(compact_text_keeps_order_and_reals),
        cmocka_unit_test(every_double_reads_back_as_itself),
        cmocka_unit_test(any_value_printed_and_parsed_is_the_same),
        cmocka_unit_test(what_cannot_be_read_back_is_not_written),
        cmocka_unit_test(a_full_buffer_is_reported),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
