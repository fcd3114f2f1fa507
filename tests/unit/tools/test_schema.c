/* The validator beyond the official suite: sentences for the model, refusal of what is not known, bounds. */
#include "check.h"

#include "tools/schema.h"

static struct schema *compiled(const char *text)
{
    auto_json json_t *json = json_of(text);
    struct schema *s = NULL;
    struct fault fault = {0};
    if (schema_compile(json, &s, &fault) != 0)
        fail_msg("does not load: %s", fault.text);
    return s;
}

static void assert_sentence(const char *schema, const char *value, const char *instance,
                            const char *place, const char *sentence)
{
    auto_(schema) struct schema *s = compiled(schema);
    auto_json json_t *v = json_of(value);
    struct schema_error e = {0};
    assert_int_equal(schema_validate(s, v, &e), SCHEMA_INVALID);
    assert_string_equal(e.sentence, sentence);
    assert_string_equal(e.instance_path, instance);
    assert_string_equal(e.schema_path, place);
}

#define READ                                                                                                         \
    "{'type':'object','properties':{'path':{'type':'string','minLength':1},'limit':{'type':'integer','minimum':1},"  \
    "'edits':{'type':'array','items':{'type':'object','required':['old_string'],'properties':{'old_string':{'type':" \
    "'string'}}}}},'required':['path'],'additionalProperties':false}"

static void an_error_says_what_a_model_must_change(void **state)
{
    (void)state;
    static const struct {
        const char *value, *instance, *place, *sentence;
    } rows[] = {
        {"{'path':'a','limit':0}", "/limit", "/properties/limit/minimum",
         "\"limit\" must be at least 1, got 0"},
        {"{'path':'a','limit':'x'}", "/limit", "/properties/limit/type",
         "\"limit\" must be an integer, got a string"},
        {"{'path':'a','limit':1.5}", "/limit", "/properties/limit/type",
         "\"limit\" must be an integer, got 1.5"},
        {"{}", "/path", "/required", "\"path\" is missing"},
        {"{'pth':'a'}", "/pth", "/additionalProperties",
         "\"pth\" is not known here; did you mean \"path\"?"},
        {"{'path':'a','zzz':1}", "/zzz", "/additionalProperties",
         "\"zzz\" is not known here; there are \"edits\", \"limit\", \"path\""},
        {"{'path':''}", "/path", "/properties/path/minLength",
         "\"path\" must have at least 1 characters, has 0"},
        {"{'path':'a','edits':[{}]}", "/edits/0/old_string", "/properties/edits/items/required",
         "\"edits[0].old_string\" is missing"},
        {"[]", "", "/type", "the value must be an object, got an array"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_sentence(READ, rows[i].value, rows[i].instance, rows[i].place, rows[i].sentence);
}

static void each_kind_of_error_has_its_sentence(void **state)
{
    (void)state;
    assert_sentence("{'enum':['a','b']}", "'c'", "", "/enum",
                    "the value must be one of \"a\", \"b\", got \"c\"");
    assert_sentence("{'const':1}", "2", "", "/const", "the value must be 1, got 2");
    assert_sentence("{'multipleOf':0.01}", "0.015", "", "/multipleOf",
                    "the value must be a multiple of 0.01, got 0.015");
    assert_sentence("{'exclusiveMaximum':5}", "5", "", "/exclusiveMaximum",
                    "the value must be less than 5, got 5");
    assert_sentence("{'pattern':'^a'}", "'b'", "", "/pattern",
                    "the value must match the pattern ^a, got \"b\"");
    assert_sentence("{'uniqueItems':true}", "[1,2,1.0]", "", "/uniqueItems",
                    "the value must not have equal items, but items 0 and 2 are equal");
    assert_sentence("{'maxItems':1}", "[1,2]", "", "/maxItems",
                    "the value must have at most 1 items, has 2");
    assert_sentence(
        "{'anyOf':[{'type':'string'},{'properties':{'a':{'type':'null'}},'type':'object'}]}",
        "{'a':1}", "", "/anyOf",
        "the value fits none of its 2 forms; the nearest one says: \"a\" must be null, got 1");
    assert_sentence("{'oneOf':[true,true]}", "1", "", "/oneOf",
                    "the value fits more than one of the 2 forms of which it must fit exactly one");
    assert_sentence("{'dependentRequired':{'a':['b']}}", "{'a':1}", "/b", "/dependentRequired",
                    "\"b\" is missing: \"a\" needs it");
    assert_sentence("{'properties':{'a':{'$ref':'#/$defs/n'}},'$defs':{'n':{'minimum':3}}}",
                    "{'a':1}", "/a", "/$defs/n/minimum", "\"a\" must be at least 3, got 1");
    assert_sentence("{'items':{'type':'string'}}", "['a/b',{'x~/y':1}]", "/1", "/items/type",
                    "\"[1]\" must be a string, got an object");
}

static void what_is_not_a_keyword_does_not_load(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *text;
    } rows[] = {
        {"{'properties':{'a':{'minimun':1}}}",
         "schema at \"/properties/a\": \"minimun\" is not a keyword"},
        {"{'$ref':'https://example.org/x.json'}", "not in this document"},
        {"{'$ref':'#/$defs/none'}", "not in this document"},
        {"{'$schema':'http://json-schema.org/draft-07/schema#'}", "no other dialect"},
        {"{'type':'text'}", "schema at \"/type\""},
        {"{'type':['string','string']}", "names each type once"},
        {"{'minLength':-1}", "must be an integer, 0 or more"},
        {"{'minLength':1.5}", "must be an integer, 0 or more"},
        {"{'multipleOf':0}", "above 0"},
        {"{'pattern':'('}", "not a regular expression"},
        {"{'pattern':'a(?R)'}", "ECMA-262"},
        {"{'pattern':'(*UTF)a'}", "ECMA-262"},
        {"{'pattern':'\\\\Qa'}", "ECMA-262"},
        {"{'patternProperties':{'[':true}}", "not a regular expression"},
        {"{'required':'path'}", "array of property names"},
        {"{'items':[{}]}", "must be a schema"},
        {"{'anyOf':[]}", "not empty"},
        {"{'$defs':{'a':{'$anchor':'x'},'b':{'$anchor':'x'}}}", "used twice"},
        {"[]", "must be a schema"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *json = json_of(rows[i].schema);
        struct schema *s = NULL;
        struct fault fault = {0};
        if (schema_compile(json, &s, &fault) != -FAULT_CONFIG)
            fail_msg("loads: %s", rows[i].schema);
        assert_has(fault.text, rows[i].text);
    }
}

static void integers_are_compared_exactly(void **state)
{
    (void)state;
    auto_(schema) struct schema *s = compiled("{'const':9007199254740993}");
    auto_json json_t *same = json_integer(9007199254740993), *near = json_integer(9007199254740992),
                     *real = json_real(9007199254740992.0);
    assert_int_equal(schema_validate(s, same, NULL), 0);
    assert_int_equal(schema_validate(s, near, NULL), SCHEMA_INVALID);
    assert_int_equal(schema_validate(s, real, NULL), SCHEMA_INVALID);
    auto_(schema) struct schema *most = compiled("{'maximum':9223372036854775806}");
    auto_json json_t *above = json_integer(INT64_MAX), *far = json_real(0x1p63);
    assert_int_equal(schema_validate(most, above, NULL), SCHEMA_INVALID);
    assert_int_equal(schema_validate(most, far, NULL), SCHEMA_INVALID);
}

static void a_regular_expression_without_end_is_cut_off(void **state)
{
    (void)state;
    auto_(schema) struct schema *s = compiled("{'pattern':'^(a+)+$'}");
    auto_json json_t *v = json_string("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    struct schema_error e = {0};
    assert_int_equal(schema_validate(s, v, &e), -FAULT_CAP);
    assert_has(e.sentence, "too costly");
}

static void many_costly_matches_are_cut_off_together(void **state)
{
    (void)state;
    auto_(schema) struct schema *s = compiled("{'items':{'pattern':'^(a|aa)+$'}}");
    auto_json json_t *v = json_array();
    for (int i = 0; i < 100000; i++)
        json_array_append_new(v, json_string("aaaaaaaaaaaaaaaaaaaaaa"));
    assert_int_equal(schema_validate(s, v, NULL), 0); /* cheap ones may be many */
    auto_(schema) struct schema *costly = compiled("{'items':{'not':{'pattern':'^(a|aa)+$'}}}");
    auto_json json_t *w = json_array();
    for (int i = 0; i < 100000; i++)
        json_array_append_new(w, json_string("aaaaaaaaaaaaaaaaaaaab"));
    assert_int_equal(schema_validate(costly, w, NULL), -FAULT_CAP);
}

static void a_schema_that_refers_to_itself_is_cut_off(void **state)
{
    (void)state;
    auto_(schema) struct schema *s = compiled("{'$ref':'#'}");
    auto_json json_t *v = json_of("1");
    assert_int_equal(schema_validate(s, v, NULL), -FAULT_CAP);
}

static void branching_without_end_is_cut_off(void **state)
{
    (void)state;
    auto_(schema) struct schema *s = compiled(
        "{'$defs':{'a':{'anyOf':[{'$ref':'#/$defs/b'},{'$ref':'#/$defs/b'}]},'b':{'properties':{'x':{'anyOf':["
        "{'$ref':'#/$defs/a'},{'$ref':'#/$defs/a'}]}},'type':'object'}},'$ref':'#/$defs/a'}");
    auto_json json_t *v = json_integer(1);
    for (int i = 0; i < 40; i++)
        v = json_pack("{s:o}", "x", v);
    assert_int_not_equal(schema_validate(s, v, NULL), 0);
}

static void a_deep_schema_does_not_load(void **state)
{
    (void)state;
    json_t *s = json_object();
    for (int i = 0; i < 200; i++)
        s = json_pack("{s:o}", "not", s);
    struct schema *made = NULL;
    struct fault fault = {0};
    assert_int_equal(schema_compile(s, &made, &fault), -FAULT_CONFIG);
    assert_has(fault.text, "deeper");
    json_decref(s);
}

static void patterns_are_those_of_ecma(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
        bool matches;
    } rows[] = {
        {"^\\d$", "5", true},
        {"^\\d$", "\xd9\xa5", false}, /* Arabic five: \d is ASCII */
        {"^a$", "a\n", false},
        {"^\\s$", "\xc2\xa0", true},
        {"^[^]$", "x", true},
        {"^\\p{Letter}$", "\xc3\xa9", true},
        {"^.$", "\xf0\x9f\x90\xb2", true},
        {"^[[:]$", "[", true},
        {"\\u0041", "A", true},
        {"^\\cC$", "\x03", true},
        {"(?<y>a)\\k<y>", "aa", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *text = json_pack("{s:s}", "pattern", rows[i].pattern);
        auto_json json_t *v = json_string(rows[i].subject);
        struct schema *s = NULL;
        struct fault fault = {0};
        if (schema_compile(text, &s, &fault) != 0)
            fail_msg("%s: %s", rows[i].pattern, fault.text);
        if ((schema_validate(s, v, NULL) == 0) != rows[i].matches)
            fail_msg("%s on %s", rows[i].pattern, rows[i].subject);
        schema_free(s);
    }
}

static void the_schema_is_not_changed_by_its_maker_afterwards(void **state)
{
    (void)state;
    json_t *text = json_of("{'minimum':5}");
    struct schema *s = NULL;
    assert_int_equal(schema_compile(text, &s, NULL), 0);
    json_object_set_new(text, "minimum", json_integer(0));
    json_decref(text);
    auto_json json_t *v = json_integer(1);
    assert_int_equal(schema_validate(s, v, NULL), SCHEMA_INVALID);
    schema_free(s);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    schema_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_what_a_model_must_change),
        cmocka_unit_test(each_kind_of_error_has_its_sentence),
        cmocka_unit_test(what_is_not_a_keyword_does_not_load),
        cmocka_unit_test(integers_are_compared_exactly),
        cmocka_unit_test(a_regular_expression_without_end_is_cut_off),
        cmocka_unit_test(many_costly_matches_are_cut_off_together),
        cmocka_unit_test(a_schema_that_refers_to_itself_is_cut_off),
        cmocka_unit_test(branching_without_end_is_cut_off),
        cmocka_unit_test(a_deep_schema_does_not_load),
        cmocka_unit_test(patterns_are_those_of_ecma),
        cmocka_unit_test(the_schema_is_not_changed_by_its_maker_afterwards),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
