/* Arguments as words of a command line. */
#include "check.h"

#include "sandbox/run/run.h"
#include "tools/invoke.h"

static void words(enum tool_invoke how, const char *input, const char *expected)
{
    const struct tool t = {.name = (char[]){"demo"}, .invoke = how};
    json_t *value = json_of(input);
    char **argv = NULL, text[500] = "";
    size_t count = 0;
    assert_int_equal(tool_argv(&t, value, &argv, &count, NULL), 0);
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s|", argv[i]);
    assert_null(argv[count]);
    assert_string_equal(text, expected);
    tool_argv_free(argv);
    json_decref(value);
}

static void each_property_is_one_word(void **state)
{
    (void)state;
    words(INVOKE_STDIN, "{'a':1}", "demo|");
    words(INVOKE_ARGV, "{}", "demo|");
    words(
        INVOKE_ARGV,
        "{'max_size':5,'name':'-x','text':'a b','on':true,'off':false,'none':null,'list':['a',1],'map':{'k':true},'real':1.5,'empty':''}",
        "demo|--max-size=5|--name=-x|--text=a b|--on|--list=[\"a\",1]|--map={\"k\":true}|--real=1.5|--empty=|");
    words(INVOKE_WORDS, "{'args':['-v','--','a b']}", "demo|-v|--|a b|");
    words(INVOKE_WORDS, "{}", "demo|");
}

static void what_no_command_line_takes_is_refused(void **state)
{
    const struct tool t = {.name = (char[]){"demo"}, .invoke = INVOKE_WORDS};
    json_t *args = json_array(), *input = json_pack("{s:O}", "args", args);
    struct fault why = {0};
    char **argv = NULL;
    size_t count = 0;
    (void)state;
    for (int i = 0; i < SANDBOX_ARGS_MAX; i++)
        json_array_append_new(args, json_string("x"));
    assert_int_equal(tool_argv(&t, input, &argv, &count, &why), -FAULT_SCHEMA);
    assert_has(why.text, "1024 words");
    json_array_clear(args);
    char *long_text = calloc(1, SANDBOX_ARGS_BYTES_MAX + 1);
    assert_non_null(long_text);
    memset(long_text, 'x', SANDBOX_ARGS_BYTES_MAX);
    json_array_append_new(args, json_string(long_text));
    assert_int_equal(tool_argv(&t, input, &argv, &count, &why), -FAULT_SCHEMA);
    free(long_text);
    json_decref(args);
    json_decref(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_property_is_one_word),
        cmocka_unit_test(what_no_command_line_takes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
