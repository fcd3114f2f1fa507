/* Results and receipts: the tool contract as the planner and the journal see it. */
#include "check.h"

#include "tools/receipt.h"
#include "tools/sanitise.h"

static struct sandbox_outcome outcome_of(struct str out, int exit_code)
{
    struct sandbox_outcome o;
    sandbox_outcome_init(&o, 1 << 20);
    buf_add_str(&o.out, out);
    o.stop = SANDBOX_EXIT;
    o.exit_code = exit_code;
    return o;
}

static void assert_result(struct str out, int exit_code, const char *expected)
{
    struct sandbox_outcome o = outcome_of(out, exit_code);
    auto_json json_t *result = result_from_output(NULL, &o), *wanted = json_of(expected);
    if (!json_equal(result, wanted)) {
        char *text = json_dumps(result, JSON_ENCODE_ANY);
        fail_msg("got %s, wanted %s", text, expected);
    }
    sandbox_outcome_done(&o);
}
#define TEXT(t) "{'content':[{'type':'text','text':'" t "'}],'structured':null,'is_error':false}"
#define ERROR(t) "{'content':[{'type':'text','text':'" t "'}],'structured':null,'is_error':true}"

static void plain_text_is_a_result(void **state)
{
    (void)state;
    assert_result(STR("hello\n"), 0, TEXT("hello\\n"));
    assert_result(STR(""), 0, TEXT(""));
    assert_result(
        STR("{\"some\":\"json\"}"), 0,
        "{'content':[{'type':'text','text':'{\\'some\\':\\'json\\'}'}],'structured':null,'is_error':false}");
    assert_result(STR("[1,2]"), 0, TEXT("[1,2]"));
    assert_result(STR("{}"), 0, TEXT("{}"));
    assert_result(
        STR("{\"content\":"), 0,
        "{'content':[{'type':'text','text':'{\\'content\\':'}],'structured':null,'is_error':false}");
}

static void the_contract_is_read(void **state)
{
    (void)state;
    assert_result(STR(" {\"content\":\"hi\"}\n"), 0, TEXT("hi"));
    assert_result(STR("{\"content\":\"no\",\"is_error\":true}"), 0, ERROR("no"));
    assert_result(
        STR("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"data\":\"AAEC\",\"media_type\":\"image/png\"}],\"structured\":{\"n\":1}}"),
        0,
        "{'content':[{'type':'text','text':'a'},{'type':'image','media_type':'image/png','data':'AAEC'}],'structured':{'n':1},'is_error':false}");
    assert_result(
        STR("{\"content\":[{\"type\":\"image\",\"data\":\"AAEC\",\"mimeType\":\"image/gif\"}]}"), 0,
        "{'content':[{'type':'image','media_type':'image/gif','data':'AAEC'}],'structured':null,'is_error':false}");
    assert_result(
        STR("{\"structured\":{\"n\":1}}"), 0,
        "{'content':[{'type':'text','text':'{\\'n\\':1}'}],'structured':{'n':1},'is_error':false}");
}

static void a_broken_contract_is_an_error_that_shows_the_output(void **state)
{
    (void)state;
    static const struct {
        const char *out, *why;
    } rows[] = {
        {"{\"content\":5}", "content must be"},
        {"{\"content\":[5]}", "each item"},
        {"{\"content\":[{\"type\":\"video\"}]}", "each item"},
        {"{\"content\":[{\"type\":\"image\",\"data\":\"!\",\"media_type\":\"image/png\"}]}",
         "base64"},
        {"{\"content\":[{\"type\":\"image\",\"data\":\"AAEC\",\"media_type\":\"text/html\"}]}",
         "media_type"},
        {"{\"content\":\"x\",\"is_error\":\"no\"}", "is_error must be"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sandbox_outcome o = outcome_of(str_of(rows[i].out), 0);
        auto_json json_t *result = result_from_output(NULL, &o);
        assert_true(json_is_true(json_object_get(result, "is_error")));
        const json_t *content = json_object_get(result, "content");
        assert_int_equal(json_array_size(content), 2);
        assert_has(json_string_value(json_object_get(json_array_get(content, 0), "text")),
                   rows[i].why);
        assert_string_equal(json_string_value(json_object_get(json_array_get(content, 1), "text")),
                            rows[i].out);
        sandbox_outcome_done(&o);
    }
}

static void structured_must_fit_the_output_schema(void **state)
{
    (void)state;
    struct tool *t = NULL;
    assert_int_equal(
        tool_from_manifest(
            STR("{\"name\":\"t\",\"version\":\"1\",\"description\":\"d\",\"input_schema\":{},\"output_schema\":{\"type\":"
                "\"object\",\"required\":[\"n\"]}}"),
            &t, NULL),
        0);
    struct sandbox_outcome good =
                               outcome_of(STR("{\"content\":\"x\",\"structured\":{\"n\":1}}"), 0),
                           bad = outcome_of(STR("{\"content\":\"x\",\"structured\":{}}"), 0);
    auto_json json_t *fits = result_from_output(t, &good), *fails = result_from_output(t, &bad);
    assert_true(json_is_false(json_object_get(fits, "is_error")));
    assert_true(json_is_true(json_object_get(fails, "is_error")));
    sandbox_outcome_done(&good);
    sandbox_outcome_done(&bad);
    tool_free(t);
}

static void a_non_zero_exit_is_an_error(void **state)
{
    (void)state;
    assert_result(STR("what it said"), 3, ERROR("what it said"));
    assert_result(STR(""), 3, ERROR("the tool ended with exit code 3"));
    assert_result(STR("{\"content\":\"x\",\"is_error\":false}"), 1, ERROR("x"));
    struct sandbox_outcome o = outcome_of(STR(""), 1);
    buf_add_z(&o.err, "cannot open x");
    auto_json json_t *result = result_from_output(NULL, &o);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(result, "content"), 1), "text")),
                        "cannot open x");
    sandbox_outcome_done(&o);
}

static void stderr_is_never_by_itself_an_error(void **state)
{
    (void)state;
    struct sandbox_outcome o = outcome_of(STR("fine"), 0);
    buf_add_z(&o.err, "warning: something");
    auto_json json_t *result = result_from_output(NULL, &o), *wanted = json_of(TEXT("fine"));
    assert_true(json_equal(result, wanted));
    sandbox_outcome_done(&o);
}

static void a_stop_says_what_stopped_it_and_keeps_what_was_written(void **state)
{
    (void)state;
    struct sandbox_outcome o = outcome_of(STR("half"), 0);
    o.stop = SANDBOX_FUEL;
    snprintf(o.detail, sizeof o.detail, "used up its fuel");
    auto_json json_t *result = result_from_output(NULL, &o);
    auto_json json_t *wanted = json_of(
        "{'content':[{'type':'text','text':'half'},{'type':'text','text':'the tool was stopped (fuel): used up its fuel'}],"
        "'structured':null,'is_error':true}");
    assert_true(json_equal(result, wanted));
    sandbox_outcome_done(&o);
}

static void bytes_come_back_as_base64_with_a_note(void **state)
{
    (void)state;
    static const char bytes[] = "\xff\xfe\x00\x01";
    assert_result(
        (struct str){bytes, 4}, 0,
        "{'content':[{'type':'text','text':'note: the output is 4 bytes that are not UTF-8; they follow as base64'},"
        "{'type':'text','text':'//4AAQ=='}],'structured':null,'is_error':false}");
}

static void nothing_in_a_result_acts_on_a_terminal_or_hides(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {{"a\tb\nc", 5}, "a\tb\nc"},
        {{"a\r\nb", 4}, "a\r\nb"},
        {{"a\rb", 3},
         "a\xe2\x90\x8d"
         "b"},
        {{"\x1b[31mred", 8}, "\xe2\x90\x9b[31mred"},
        {{"\x1b]0;title\x07", 10}, "\xe2\x90\x9b]0;title\xe2\x90\x87"},
        {{"a\0b", 3},
         "a\xe2\x90\x80"
         "b"},
        {{"\x7f", 1}, "\xe2\x90\xa1"},
        {{"\xc2\x9b"
          "31m",
          5},
         "<U+009B>31m"},
        {{"\xe2\x80\xae"
          "x",
          4},
         "<U+202E>x"},
        {{"\xf3\xa0\x81\xa1", 4}, "<U+E0061>"},
        {{"\xe2\x80\x8d", 3}, "\xe2\x80\x8d"}, /* a joiner is part of words and faces */
        {{"\xc3\xa9\xf0\x9f\x90\xb2", 6}, "\xc3\xa9\xf0\x9f\x90\xb2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 1024);
        assert_int_equal(sanitise_text(rows[i].in, &b), 0);
        assert_string_equal(buf_str(&b).at, rows[i].out);
        struct buf again;
        buf_init(&again, 1024);
        assert_int_equal(sanitise_text(buf_str(&b), &again), 0);
        assert_string_equal(buf_str(&again).at, rows[i].out);
        buf_done(&again);
        buf_done(&b);
    }
    assert_result(
        STR("{\"content\":\"\\u001b[2J\",\"structured\":{\"k\\u001b\":[\"\\u0007\"]}}"), 0,
        "{'content':[{'type':'text','text':'\xe2\x90\x9b[2J'}],'structured':{'k\xe2\x90\x9b':['\xe2\x90\x87']},'is_error':false}");
}

/* --- receipts --- */

static void a_receipt_has_every_field_of_the_interface(void **state)
{
    (void)state;
    struct sandbox_outcome o = outcome_of(STR("x"), 0);
    struct sandbox_refusal refusal = {(char[]){"open"}, (char[]){"/etc/\x1bshadow"},
                                      (char[]){"outside"}};
    o.used = (struct sandbox_use){.fuel = 1,
                                  .wall_us = 2,
                                  .cpu_us = 3,
                                  .peak_memory = 4,
                                  .output_bytes = 5,
                                  .read_bytes = 6,
                                  .written_bytes = 7,
                                  .created_files = 8};
    struct sandbox_limits limits;
    struct limit_doors doors = {{0}};
    limits_default(&limits);
    doors.by[0] = LIMIT_TOOL;
    o.ended_by = "wasm_fuel";
    o.refused = &refusal;
    o.refused_count = 1;
    o.limits_hit = (char[]){"max_open_files,max_write_bytes"};
    auto_json json_t *touched = json_of(
                         "[{'path':'/a','op':'write','before_sha256':null,'after_sha256':'00'}]"),
                     *jail = json_of("{'landlock_abi':7}");
    const struct receipt_facts facts = {.call = "c1",
                                        .agent = "main",
                                        .tool = "read",
                                        .input_sha256 = "ab",
                                        .verdict = POLICY_ALLOW,
                                        .rule = "default:read",
                                        .by = "policy",
                                        .outcome = &o,
                                        .limits = &limits,
                                        .limit_doors = &doors,
                                        .limits_of = LIMITS_OF_MODULES,
                                        .touched = touched,
                                        .confinement = jail};
    auto_json json_t *receipt = receipt_new(&facts);
    auto_json json_t *wanted = json_of(
        "{'v':1,'call':'c1','agent':'main','tool':'read','input_sha256':'ab','decision':{'verdict':'allow','rule':'default:read','by':'policy'},"
        "'stopped_by':'exit','exit_code':0,'is_error':false,'detail':'','used':{'fuel':1,'wall_us':2,'cpu_us':3,'peak_memory':4,'output_bytes':5,"
        "'read_bytes':6,'written_bytes':7,'created_files':8,'http_requests':0,'http_bytes':0},"
        "'touched':[{'path':'/a','op':'write','before_sha256':null,'after_sha256':'00'}],"
        "'refused':[{'op':'open','target':'/etc/\xe2\x90\x9bshadow','why':'outside'}],'limits_hit':['max_open_files','max_write_bytes'],"
        "'limit':'wasm_fuel','contacted':[],'confinement':{'landlock_abi':7}}");
    /* The rows are known to the table's own test; here: all of them, and who said one. */
    auto_json json_t *in_force = limits_receipt_json(&limits, &doors, LIMITS_OF_MODULES);
    const json_t *fuel = json_object_get(in_force, "wasm_fuel");
    assert_string_equal(json_string_value(json_object_get(fuel, "by")), "tool");
    assert_int_equal(json_object_set(wanted, "limits", in_force), 0);
    if (!json_equal(receipt, wanted))
        fail_msg("got %s", json_dumps(receipt, 0));
    o.refused = NULL;
    o.refused_count = 0;
    o.limits_hit = NULL;
    sandbox_outcome_done(&o);
}

static void a_call_that_never_ran_has_a_receipt_too(void **state)
{
    (void)state;
    const struct receipt_facts facts = {.call = "c2",
                                        .agent = "main",
                                        .tool = "write",
                                        .input_sha256 = "ab",
                                        .verdict = POLICY_DENY,
                                        .rule = "no-one-to-ask",
                                        .by = "policy",
                                        .stop = SANDBOX_DENIED_POLICY,
                                        .exit_code = 3,
                                        .is_error = true,
                                        .detail = "nobody to ask"};
    auto_json json_t *receipt = receipt_new(&facts);
    assert_string_equal(json_string_value(json_object_get(receipt, "stopped_by")), "denied:policy");
    assert_int_equal(json_integer_value(json_object_get(receipt, "exit_code")), 3);
    assert_true(json_is_true(json_object_get(receipt, "is_error")));
    assert_string_equal(json_string_value(json_object_get(receipt, "detail")), "nobody to ask");
    assert_int_equal(json_object_size(json_object_get(receipt, "limits")),
                     0); /* it was not to run */
    assert_true(json_is_null(json_object_get(receipt, "limit")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(receipt, "used"), "fuel")),
                     0);
}

static void every_bad_end_is_an_error_in_its_receipt(void **state)
{
    (void)state;
    for (int stop = SANDBOX_EXIT; stop <= SANDBOX_SCHEMA; stop++) {
        struct sandbox_outcome o = outcome_of(STR(""), 0);
        o.stop = (enum sandbox_stop)stop;
        const struct receipt_facts facts = {
            .call = "c", .agent = "a", .tool = "t", .input_sha256 = "", .outcome = &o};
        auto_json json_t *receipt = receipt_new(&facts);
        assert_int_equal(json_is_true(json_object_get(receipt, "is_error")), stop != SANDBOX_EXIT);
        assert_string_equal(json_string_value(json_object_get(receipt, "stopped_by")),
                            sandbox_stop_name((enum sandbox_stop)stop));
        sandbox_outcome_done(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_a_result),
        cmocka_unit_test(the_contract_is_read),
        cmocka_unit_test(a_broken_contract_is_an_error_that_shows_the_output),
        cmocka_unit_test(structured_must_fit_the_output_schema),
        cmocka_unit_test(a_non_zero_exit_is_an_error),
        cmocka_unit_test(stderr_is_never_by_itself_an_error),
        cmocka_unit_test(a_stop_says_what_stopped_it_and_keeps_what_was_written),
        cmocka_unit_test(bytes_come_back_as_base64_with_a_note),
        cmocka_unit_test(nothing_in_a_result_acts_on_a_terminal_or_hides),
        cmocka_unit_test(a_receipt_has_every_field_of_the_interface),
        cmocka_unit_test(a_call_that_never_ran_has_a_receipt_too),
        cmocka_unit_test(every_bad_end_is_an_error_in_its_receipt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
