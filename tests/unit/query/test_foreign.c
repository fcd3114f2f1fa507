/* A conversation shown to another model than the one that answered. */
#include "query/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static json_t *read_list(const char *text)
{
    char copy[4096];
    size_t n = strlen(text);
    json_t *value = NULL;
    assert_true(n < sizeof(copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    assert_int_equal(json_parse((struct str){copy, n}, sizeof(copy), &value, NULL), 0);
    return value;
}

static void assert_view(const char *conversation, const char *name, const char *want)
{
    auto_json json_t *list = read_list(conversation);
    auto_json json_t *before = json_deep_copy(list);
    auto_json json_t *view = foreign_view(list, name);
    auto_json json_t *expected = read_list(want);
    auto_free char *shown = json_dumps(view, JSON_COMPACT);
    assert_non_null(view);
    if (!json_equal(view, expected))
        fail_msg("is %s", shown);
    assert_true(json_equal(list, before)); /* what is kept stays as it was */
}

static void ones_own_conversation_is_the_same_object(void **state)
{
    (void)state;
    auto_json json_t *list = read_list(
        "[{'role':'user','content':[{'type':'text','text':'q'}]},"
        "{'role':'assistant','by':'a/x','content':[{'type':'thinking','text':'t','signature':'s'}]},"
        "{'role':'assistant','content':[{'type':'thinking','text':'nobody says whose'}]}]");
    auto_json json_t *view = foreign_view(list, "a/x");
    assert_ptr_equal(view, list);
}

static void thinking_and_signatures_of_others_go_and_their_calls_get_other_names(void **state)
{
    (void)state;
    assert_view(
        "[{'role':'user','content':[{'type':'text','text':'q'}]},"
        "{'role':'assistant','by':'a/x','content':[{'type':'thinking','text':'t','signature':'s'},{'type':'redacted','data':'d'},"
        "{'type':'text','text':'w','signature':'s'},{'type':'call','id':'1','tool':'t','input':{},'signature':'s'},"
        "{'type':'call','id':'1','tool':'u','input':{}}]},"
        "{'role':'user','content':[{'type':'result','id':'1','tool':'t','content':[]},{'type':'result','id':'1','tool':'u','content':[]}]},"
        "{'role':'assistant','by':'b/y','content':[{'type':'thinking','text':'mine','signature':'s'},{'type':'call','id':'1','tool':'t','input':{}}]},"
        "{'role':'user','content':[{'type':'result','id':'1','tool':'t','content':[]}]}]",
        "b/y",
        "[{'role':'user','content':[{'type':'text','text':'q'}]},"
        "{'role':'assistant','by':'a/x','content':[{'type':'text','text':'w'},{'type':'call','id':'other-1-0','tool':'t','input':{}},"
        "{'type':'call','id':'other-1-1','tool':'u','input':{}}]},"
        "{'role':'user','content':[{'type':'result','id':'other-1-0','tool':'t','content':[]},{'type':'result','id':'other-1-1','tool':'u','content':[]}]},"
        "{'role':'assistant','by':'b/y','content':[{'type':'thinking','text':'mine','signature':'s'},{'type':'call','id':'1','tool':'t','input':{}}]},"
        "{'role':'user','content':[{'type':'result','id':'1','tool':'t','content':[]}]}]");
}

static void no_message_becomes_empty_and_a_persons_words_stay(void **state)
{
    (void)state;
    assert_view(
        "[{'role':'assistant','by':'a/x','content':[{'type':'redacted','data':'d'}]},"
        "{'role':'user','content':[{'type':'text','text':'call me','id':'1'}]}]",
        "b/y",
        "[{'role':'assistant','by':'a/x','content':[{'type':'text','text':'[thinking of another model]'}]},"
        "{'role':'user','content':[{'type':'text','text':'call me','id':'1'}]}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ones_own_conversation_is_the_same_object),
        cmocka_unit_test(thinking_and_signatures_of_others_go_and_their_calls_get_other_names),
        cmocka_unit_test(no_message_becomes_empty_and_a_persons_words_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
