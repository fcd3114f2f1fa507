/* JSON in: what is accepted, what is refused and where, the limits at their borders, the getters. */
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
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

static void refused_at(struct str s, const char *begin)
{
    struct fault f = {0};
    json_t *value = NULL;
    assert_int_equal(json_parse(s, JSON_SIZE_MAX, &value, &f), -FAULT_INPUT);
    assert_null(value);
    assert_int_equal(f.code, FAULT_INPUT);
    if (strncmp(f.text, begin, strlen(begin)) != 0)
        fail_msg("expected \"%s...\", got \"%s\"", begin, f.text);
    assert_int_equal(json_parse(s, JSON_SIZE_MAX, &value, NULL), -FAULT_INPUT);
}

static void any_value_may_stand_at_the_top(void **state)
{
    static const char *const right[] = {
        "null", "true",  "0",      "-1",           "1.5", "\"x\"", "[]",
        "{}",   " [1] ", "\n{}\t", "\"\xC3\xA4\"", "1e5", "-0",    "\"\\ud83d\\udc1f\""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        json_decref(parse(right[i]));
}

static void what_the_standard_forbids_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        " ",
        "nul",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "0x1",
        "NaN",
        "Infinity",
        "'x'",
        "\"x",
        "[1,]",
        "[1 2]",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{,}",
        "[",
        "}",
        "[]]",
        "1 2",
        "\"\t\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\x80\"",
        "\"\xC0\x80\"",
        "\"\xED\xA0\x80\"",
        "\xEF\xBB\xBF{}",
        "// x\n1",
        "/**/1",
        "\v1",
        "1\xC2\xA0",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        refused_at(str_of(wrong[i]), "line 1 column ");
}

static void duplicate_keys_are_refused_at_any_depth(void **state)
{
    (void)state;
    refused_at(STR("{\"a\":1,\"a\":2}"), "line 1 column 10: ");
    refused_at(STR("[{\"x\":{\"\\u0061\":1,\n\"a\":1}}]"), "line 2 column 3: ");
}

static void a_nul_is_refused_escaped_or_raw(void **state)
{
    (void)state;
    refused_at(STR("\"a\\u0000b\""), "line 1 column ");
    refused_at(STR("{\"a\\u0000b\":1}"), "line 1 column ");
    refused_at((struct str){"\"a\0b\"", 5}, "line 1 column ");
    refused_at((struct str){"1\0", 2}, "line 1 column ");
    struct fault f = {0};
    json_t *value = NULL;
    assert_true(json_parse(STR("\"a\\u0000b\""), 100, &value, &f) < 0);
    assert_non_null(strstr(f.text, "U+0000"));
}

static void numbers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    auto_json json_t *low = parse("-9223372036854775808");
    auto_json json_t *high = parse("9223372036854775807");
    assert_true(json_integer_value(low) == INT64_MIN && json_integer_value(high) == INT64_MAX);
    refused_at(STR("9223372036854775808"), "line 1 column 19: ");
    refused_at(STR("[\n  -9223372036854775809]"), "line 2 column 22: ");
    refused_at(STR("1e999"), "line 1 column 5: ");
}

static void a_fault_names_line_and_column(void **state)
{
    (void)state;
    refused_at(STR("{\n  \"a\": 1,\n  \"b\" 2\n}"), "line 3 column 7: ");
    refused_at(STR("[\"\xC3\xA4\xC3\xA4\", x]"), "line 1 column 8: "); /* characters, not bytes */
}

static void what_a_fault_quotes_is_one_readable_line(void **state)
{
    struct fault f = {0};
    json_t *value = NULL;
    (void)state;
    assert_true(json_parse(STR("[\"a\\\x1B[2J\n\xFF\"]"), 100, &value, &f) < 0);
    for (const char *c = f.text; *c != '\0'; c++)
        assert_true((unsigned char)*c >= ' ');
    assert_true(utf8_valid(str_of(f.text)));
}

static char *nested(size_t depth, char open, char close)
{
    char *text = malloc(2 * depth + 1);
    assert_non_null(text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    text[2 * depth] = '\0';
    return text;
}

static void depth_is_accepted_to_the_limit_and_not_beyond(void **state)
{
    (void)state;
    for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        auto_free char *text = nested(depth, '[', ']');
        json_t *value = NULL;
        int r = json_parse(str_of(text), JSON_SIZE_MAX, &value, NULL);
        assert_int_equal(r, depth <= JSON_DEPTH_MAX ? 0 : -FAULT_INPUT);
        json_decref(value);
    }
    auto_free char *deep = nested(1000000, '[', ']');
    refused_at(str_of(deep), "line 1 column 129: nested too deep");
    /* Brackets in strings do not count, and an escaped quote does not end one. */
    json_decref(
        parse("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
              "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""));
    json_decref(parse("[[],[],[],{\"a\":[]},[[]]]"));
}

static void size_is_accepted_to_the_limit_and_not_beyond(void **state)
{
    json_t *value = NULL;
    (void)state;
    assert_int_equal(json_parse(STR("[1,2]"), 6, &value, NULL), 0);
    json_decref(value);
    assert_int_equal(json_parse(STR("[1,2]"), 5, &value, NULL), 0);
    json_decref(value);
    assert_int_equal(json_parse(STR("[1,2]"), 4, &value, NULL), -FAULT_INPUT);
    assert_int_equal(json_parse(STR("1"), 0, &value, NULL), -FAULT_INPUT);
}

static void the_number_of_values_is_limited(void **state)
{
    (void)state;
    /* The array itself, and one value before each comma and the bracket. */
    for (size_t values = JSON_VALUES_MAX - 1; values <= JSON_VALUES_MAX + 1; values++) {
        struct buf text;
        json_t *value = NULL;
        buf_init(&text, JSON_SIZE_MAX);
        buf_add_c(&text, '[');
        for (size_t i = 1; i < values; i++)
            buf_add_z(&text, i > 1 ? ",1" : "1");
        buf_add_c(&text, ']');
        int r = json_parse(buf_str(&text), JSON_SIZE_MAX, &value, NULL);
        assert_int_equal(r, values <= JSON_VALUES_MAX ? 0 : -FAULT_INPUT);
        json_decref(value);
        buf_done(&text);
    }
}

static json_t *commented(const char *z)
{
    struct fault f = {0};
    json_t *value = NULL;
    if (json_parse_commented(str_of(z), JSON_SIZE_MAX, &value, &f) != 0)
        fail_msg("%s: %s", z, f.text);
    return value;
}

static void comments_and_trailing_commas_are_allowed_in_settings(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"a\":[1,2],\"b\":\"//,]\"}",
        "// first\n{\"a\":[1,2,],\"b\":\"//,]\",}",
        "/* x */{/**/\"a\"/* : */:[1,/*,*/2 // two\n , ] , \"b\" : \"//,]\" /***/ , // end\n } // end",
        "{\"a\":[1,2,\n\t],\r\n\"b\":\"//,]\",\n}\n//",
    };
    auto_json json_t *wanted = parse(same[0]);
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        auto_json json_t *value = commented(same[i]);
        assert_true(json_equal(value, wanted));
    }
    auto_json json_t *text = commented("[\"/* \\\" */ // \\\\\", \"x,\" /* \xC3\xA4 */, ]");
    assert_string_equal(json_string_value(json_array_get(text, 0)), "/* \" */ // \\");
    assert_int_equal(json_array_size(text), 2);
}

static void commas_without_a_value_stay_refused(void **state)
{
    static const char *const wrong[] = {"[,]",         "{,}", "[1,,]",   "[,1]", "{\"a\":,}",
                                        "{\"a\":1,,}", ",",   "1,",      "[1],", ",]",
                                        "[1,/**/,]",   "/ 1", "[1 / 2]", "/* 1", "\"x",
                                        "[1,}",        "/*/", "[[,],]"};
    json_t *value = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (json_parse_commented(str_of(wrong[i]), 100, &value, NULL) != -FAULT_INPUT)
            fail_msg("accepted: %s", wrong[i]);
    }
}

static void commented_at(const char *z, const char *begin)
{
    struct fault f = {0};
    json_t *value = NULL;
    assert_int_equal(json_parse_commented(str_of(z), 1000, &value, &f), -FAULT_INPUT);
    if (strncmp(f.text, begin, strlen(begin)) != 0)
        fail_msg("expected \"%s...\", got \"%s\"", begin, f.text);
}

static void places_stay_right_behind_comments(void **state)
{
    (void)state;
    commented_at("// one\n/* two\n three */ {\"a\": x}", "line 3 column 17: ");
    commented_at("/* \xC3\xA4\xF0\x9F\x90\x9F */ x", "line 1 column 10: ");
    commented_at("[1,\n  /* x", "line 2 column 3: a comment without end");
    commented_at("// \xC3\xA4\n\"\xFF\"", "line 2 column ");
}

static void getters_tell_absent_from_wrong(void **state)
{
    struct fault f = {0};
    struct str s = {0};
    int64_t i = 0;
    bool b = false;
    const json_t *inner = NULL;
    (void)state;
    auto_json json_t *o =
        parse("{\"s\":\"x\",\"i\":5,\"r\":5.0,\"h\":5.5,\"b\":true,\"o\":{},\"a\":[],\"n\":null}");
    assert_int_equal(json_get_str(o, "s", &s, &f), 0);
    assert_true(str_is(s, "x"));
    assert_int_equal(json_get_str(o, "missing", &s, &f), JSON_ABSENT);
    assert_int_equal(json_get_str(o, "n", &s, &f), JSON_ABSENT);
    assert_int_equal(json_get_str(NULL, "s", &s, &f), JSON_ABSENT);
    assert_int_equal(f.code, 0);
    assert_int_equal(json_get_str(o, "i", &s, &f), -FAULT_INPUT);
    assert_string_equal(f.text, "\"i\" must be a string");
    assert_int_equal(json_get_i64(o, "i", 0, 5, &i, &f), 0);
    assert_int_equal(i, 5);
    assert_int_equal(json_get_i64(o, "r", 5, 9, &i, &f), 0);
    assert_int_equal(json_get_i64(o, "h", 0, 9, &i, &f), -FAULT_INPUT);
    assert_int_equal(json_get_i64(o, "i", 0, 4, &i, &f), -FAULT_INPUT);
    assert_string_equal(f.text, "\"i\" must be from 0 to 4");
    assert_int_equal(json_get_i64(o, "i", 6, 9, &i, &f), -FAULT_INPUT);
    assert_int_equal(json_get_i64(o, "s", 0, 4, &i, &f), -FAULT_INPUT);
    assert_int_equal(json_get_bool(o, "b", &b, &f), 0);
    assert_true(b);
    assert_int_equal(json_get_bool(o, "i", &b, &f), -FAULT_INPUT);
    assert_int_equal(json_get_object(o, "o", &inner, &f), 0);
    assert_int_equal(json_get_object(o, "a", &inner, &f), -FAULT_INPUT);
    assert_int_equal(json_get_array(o, "a", &inner, &f), 0);
    assert_int_equal(json_get_array(o, "o", &inner, &f), -FAULT_INPUT);
}

static void a_real_beyond_exact_integers_is_none(void **state)
{
    int64_t i = 0;
    (void)state;
    auto_json json_t *o =
        parse("{\"a\":9007199254740992.0,\"b\":9007199254740994.0,\"c\":1e300,\"d\":-3.0}");
    assert_int_equal(json_get_i64(o, "a", INT64_MIN, INT64_MAX, &i, NULL), 0);
    assert_true(i == INT64_C(9007199254740992));
    assert_int_equal(json_get_i64(o, "b", INT64_MIN, INT64_MAX, &i, NULL), -FAULT_INPUT);
    assert_int_equal(json_get_i64(o, "c", INT64_MIN, INT64_MAX, &i, NULL), -FAULT_INPUT);
    assert_int_equal(json_get_i64(o, "d", INT64_MIN, INT64_MAX, &i, NULL), 0);
    assert_int_equal(i, -3);
}

static void lossy(const char *bytes, size_t len, const char *wanted)
{
    auto_json json_t *value = json_string_lossy((struct str){bytes, len});
    assert_non_null(value);
    assert_int_equal(json_string_length(value), strlen(wanted));
    assert_string_equal(json_string_value(value), wanted);
}

static void bad_bytes_become_replacement_characters(void **state)
{
    (void)state;
    lossy("plain", 5, "plain");
    lossy(NULL, 0, "");
    lossy("a\xFF"
          "b",
          3,
          "a\xEF\xBF\xBD"
          "b");
    lossy("\xFF\xFE", 2, "\xEF\xBF\xBD\xEF\xBF\xBD");
    lossy("a\0b", 3,
          "a\xEF\xBF\xBD"
          "b");
    lossy("\0", 1, "\xEF\xBF\xBD");
    lossy("\xC3", 1, "\xEF\xBF\xBD");
    lossy("\xC3\xA4\xE2\x82", 4, "\xC3\xA4\xEF\xBF\xBD\xEF\xBF\xBD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_value_may_stand_at_the_top),
        cmocka_unit_test(what_the_standard_forbids_is_refused),
        cmocka_unit_test(duplicate_keys_are_refused_at_any_depth),
        cmocka_unit_test(a_nul_is_refused_escaped_or_raw),
        cmocka_unit_test(numbers_that_do_not_fit_are_refused),
        cmocka_unit_test(a_fault_names_line_and_column),
        cmocka_unit_test(what_a_fault_quotes_is_one_readable_line),
        cmocka_unit_test(depth_is_accepted_to_the_limit_and_not_beyond),
        cmocka_unit_test(size_is_accepted_to_the_limit_and_not_beyond),
        cmocka_unit_test(the_number_of_values_is_limited),
        cmocka_unit_test(comments_and_trailing_commas_are_allowed_in_settings),
        cmocka_unit_test(commas_without_a_value_stay_refused),
        cmocka_unit_test(places_stay_right_behind_comments),
        cmocka_unit_test(getters_tell_absent_from_wrong),
        cmocka_unit_test(a_real_beyond_exact_integers_is_none),
        cmocka_unit_test(bad_bytes_become_replacement_characters),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
