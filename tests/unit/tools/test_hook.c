/* Hooks: what of the settings is taken, which tools a matcher is about, what an answer says, and what is no more than before. */
#include "check.h"

#include "tools/hook.h"

#include <stdlib.h>

static void the_form_of_claude_code_is_taken(void **state)
{
    (void)state;
    auto_json json_t *v = json_of(
        "{'PreToolUse':[{'matcher':'Write|Edit','hooks':[{'type':'command','command':'a b','timeout':2.5},"
        "{'type':'command','argv':['/bin/x','-y']}]}],'PostToolUse':[{'hooks':[{'type':'command','command':'c'}]}]}");
    struct hook_list list = {0};
    char why[400] = "";
    assert_int_equal(hooks_read(v, &list, why), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.at[0].argv[0], "/bin/sh");
    assert_string_equal(list.at[0].argv[1], "-c");
    assert_string_equal(list.at[0].argv[2], "a b");
    assert_null(list.at[0].argv[3]);
    assert_int_equal(list.at[0].timeout_ns, 2500000000);
    assert_string_equal(list.at[1].argv[1], "-y");
    assert_int_equal(list.at[1].timeout_ns, 60000000000);
    assert_int_equal(list.at[2].event, HOOK_AFTER);
    hook_list_done(&list);
}

static bool is_about(const char *matcher, const char *tool)
{
    char name[64], pattern[64];
    snprintf(name, sizeof name, "%s", tool);
    snprintf(pattern, sizeof pattern, "%s", matcher);
    const struct hook h = {.matcher = pattern};
    const struct tool t = {.name = name};
    return hook_matches(&h, &t);
}

static void a_matcher_is_about_whole_names(void **state)
{
    (void)state;
    assert_true(is_about("", "anything"));
    assert_true(is_about("write", "write"));
    assert_true(is_about("Write|Edit", "edit"));
    assert_true(is_about("Bash", "command"));
    assert_true(is_about("mcp__.*", "mcp__server__tool"));
    assert_true(is_about(".*fetch", "web_fetch"));
    assert_true(is_about("w.*_f.*h", "web_fetch"));
    assert_true(is_about("a.*b.*c", "aXbXbXc"));
    assert_false(is_about("write", "writes"));
    assert_false(is_about("rite", "write"));
    assert_false(is_about("Write|Edit", "read"));
    assert_false(is_about("mcp__.*", "mcp"));
    assert_false(is_about("a.*b", "aXbX"));
}

static struct hook_answer answer_of(enum hook_event e, int code, const char *out, const char *err)
{
    char copy[2048];
    struct hook_answer a;
    snprintf(copy, sizeof copy, "%s", out);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_int_equal(hook_answer_read(e, code, str_of(copy), str_of(err), &a), 0);
    return a;
}

static void an_answer_is_one_of_a_few(void **state)
{
    (void)state;
    static const struct {
        enum hook_event event;
        int code;
        const char *out, *err;
        enum hook_verdict verdict;
        const char *reason;
    } rows[] = {
        {HOOK_BEFORE, 0, "{}", "", HOOK_PASS, ""},
        {HOOK_BEFORE, 0, "{'continue':true}", "", HOOK_PASS, ""},
        {HOOK_BEFORE, 0, "{'decision':'allow'}", "noise", HOOK_PASS, ""},
        {HOOK_BEFORE, 0, "{'decision':'approve','reason':'fine'}", "", HOOK_PASS, "fine"},
        {HOOK_BEFORE, 0, "{'decision':'ask','reason':'sure?'}", "", HOOK_ASK, "sure?"},
        {HOOK_BEFORE, 0, "{'decision':'block','reason':'no'}", "", HOOK_DENY, "no"},
        {HOOK_BEFORE, 0, "{'continue':false,'stopReason':'stop'}", "", HOOK_DENY, "stop"},
        {HOOK_BEFORE, 0,
         "{'hookSpecificOutput':{'hookEventName':'PreToolUse','permissionDecision':'deny','permissionDecisionReason':'r'}}",
         "", HOOK_DENY, "r"},
        {HOOK_AFTER, 0, "{'decision':'block','reason':'secret'}", "", HOOK_DENY, "secret"},
        {HOOK_BEFORE, 2, "{'decision':'allow'}", " because \x1b[2J\n", HOOK_DENY,
         "because \xe2\x90\x9b[2J"},
        {HOOK_BEFORE, 2, "", "", HOOK_DENY, "it gave no reason (exit code 2)"},
        /* whatever else it is, it denies */
        {HOOK_BEFORE, 0, "", "", HOOK_DENY, "it said nothing"},
        {HOOK_BEFORE, 0, " \n", "", HOOK_DENY, "it said nothing"},
        {HOOK_BEFORE, 1, "{'decision':'allow'}", "", HOOK_DENY, "it ended with exit code 1"},
        {HOOK_BEFORE, 137, "", "", HOOK_DENY, "it ended with exit code 137"},
        {HOOK_BEFORE, 0, "ok", "", HOOK_DENY, "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "[]", "", HOOK_DENY, "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'decision':'allow'} x", "", HOOK_DENY,
         "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'decision':'yes'}", "", HOOK_DENY,
         "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'decision':'allow','decision':'deny'}", "", HOOK_DENY,
         "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'verdict':'allow'}", "", HOOK_DENY,
         "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'input':[]}", "", HOOK_DENY, "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'reason':'hm'}", "", HOOK_DENY, "what it said has no decision"},
        {HOOK_BEFORE, 0, "{'decision':'allow','hookSpecificOutput':{'permissionDecision':'deny'}}",
         "", HOOK_DENY, "what it said is no answer of a hook"},
        {HOOK_BEFORE, 0, "{'hookSpecificOutput':{'hookEventName':'PostToolUse'}}", "", HOOK_DENY,
         "what it said is no answer of a hook"},
        {HOOK_AFTER, 0, "{'decision':'ask'}", "", HOOK_DENY, "what it said is no answer of a hook"},
        {HOOK_AFTER, 0, "{'input':{}}", "", HOOK_DENY, "what it said is no answer of a hook"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct hook_answer a = answer_of(rows[i].event, rows[i].code, rows[i].out, rows[i].err);
        if (a.verdict != rows[i].verdict || strcmp(a.reason, rows[i].reason) != 0)
            fail_msg("%s: is %d \"%s\"", rows[i].out, (int)a.verdict, a.reason);
        assert_true(a.verdict != HOOK_DENY || !a.input);
        hook_answer_done(&a);
    }
    struct hook_answer a =
        answer_of(HOOK_BEFORE, 0, "{'hookSpecificOutput':{'updatedInput':{'path':'/a'}}}", "");
    assert_int_equal(a.verdict, HOOK_PASS);
    assert_string_equal(json_string_value(json_object_get(a.input, "path")), "/a");
    hook_answer_done(&a);
}

static void no_more_means_each_effect_is_covered(void **state)
{
    (void)state;
    static const struct effect before[] = {
        {.kind = EFFECT_WRITE, .target = "/src", .recursive = true},
        {.kind = EFFECT_READ, .target = "/a"},
        {.kind = EFFECT_SPEND, .target = "2.50"},
        {.kind = EFFECT_EXEC, .target = "make test"},
        {.kind = EFFECT_NET, .target = "a.example:443", .recursive = true},
    };
    static const struct {
        struct effect now;
        bool is_within;
    } rows[] = {
        {{.kind = EFFECT_WRITE, .target = "/src", .recursive = true}, true},
        {{.kind = EFFECT_WRITE, .target = "/src/x/y", .recursive = true}, true},
        {{.kind = EFFECT_WRITE, .target = "/srcs"}, false},
        {{.kind = EFFECT_WRITE, .target = "/"}, false},
        {{.kind = EFFECT_WRITE, .target = "/a"}, false},
        {{.kind = EFFECT_READ, .target = "/a"}, true},
        {{.kind = EFFECT_READ, .target = "/a", .recursive = true}, false},
        {{.kind = EFFECT_READ, .target = "/a/b"}, false},
        {{.kind = EFFECT_READ, .target = "/src/x"}, false},
        {{.kind = EFFECT_SPEND, .target = "2.5"}, true},
        {{.kind = EFFECT_SPEND, .target = "2.51"}, false},
        {{.kind = EFFECT_SPEND, .target = "-1"}, false},
        {{.kind = EFFECT_EXEC, .target = "make test"}, true},
        {{.kind = EFFECT_EXEC, .target = "make"}, false},
        {{.kind = EFFECT_NET, .target = "b.a.example:443"}, false},
        {{.kind = EFFECT_TOOL, .target = "/a"}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct effect *wider = NULL;
        if (effects_within(&rows[i].now, 1, before, ARRAY_LEN(before), &wider) != rows[i].is_within)
            fail_msg("%s(%s)", effect_name(rows[i].now.kind), rows[i].now.target);
        assert_true(rows[i].is_within || wider == &rows[i].now);
    }
    const struct effect *wider = NULL;
    assert_true(effects_within(NULL, 0, before, 1, &wider));
    assert_false(effects_within(before, 1, NULL, 0, &wider));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_of_claude_code_is_taken),
        cmocka_unit_test(a_matcher_is_about_whole_names),
        cmocka_unit_test(an_answer_is_one_of_a_few),
        cmocka_unit_test(no_more_means_each_effect_is_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
