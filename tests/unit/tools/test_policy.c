/* Who may do what: rules, layers, modes, patterns. Each row of the tables of policy.c and policy_rule.c is met by a row here. */
#include "check.h"

#include "tools/policy.h"

#include <time.h>

struct said {
    enum policy_verdict verdict;
    enum policy_layer layer;
    const char *rule;
};
#define ALLOW(rule) {POLICY_ALLOW, POLICY_USER, rule}
#define ASK(rule) {POLICY_ASK, POLICY_USER, rule}
#define DENY(rule) {POLICY_DENY, POLICY_USER, rule}

static struct policy *policy_of(enum policy_mode mode, const struct said *rules)
{
    struct policy *p = NULL;
    assert_int_equal(policy_new(&p), 0);
    policy_set_mode(p, mode);
    for (; rules && rules->rule; rules++) {
        struct fault fault = {0};
        if (policy_add_rule(p, rules->layer, rules->verdict, str_of(rules->rule), &fault) != 0)
            fail_msg("%s", fault.text);
    }
    return p;
}

static struct effect effect_of(enum effect_kind kind, const char *target, bool recursive)
{
    struct effect e = {.kind = kind, .recursive = recursive};
    snprintf(e.target, sizeof e.target, "%s", target);
    return e;
}

static struct tool tool_named(char *name, bool read_only)
{
    return (struct tool){.name = name, .read_only = read_only, .verified = true};
}

static void assert_decided(const struct policy *p, struct tool *tool, struct effect e,
                           enum policy_verdict verdict, const char *rule)
{
    struct policy_decision d = {0};
    policy_decide(p, tool, &e, 1, &d);
    if (d.verdict != verdict || strcmp(d.rule, rule) != 0)
        fail_msg("%s(%s): %s by \"%s\", not %s by \"%s\" (%s)", effect_name(e.kind), e.target,
                 policy_verdict_name(d.verdict), d.rule, policy_verdict_name(verdict), rule, d.why);
    assert_true(d.why[0] != 0);
}

static void every_mode_decides_every_effect_as_documented(void **state)
{
    (void)state;
    static const char *const targets[] = {"/a", "/a", "example.org:443", "make all", "t", "1"};
    static const struct {
        enum policy_mode mode;
        enum policy_verdict verdict[6];
        const char *rule[6];
    } rows[] = {
        {MODE_DEFAULT,
         {POLICY_ALLOW, POLICY_ASK, POLICY_ASK, POLICY_ASK, POLICY_ASK, POLICY_ASK},
         {"default:read", "default:write", "default:net", "default:exec", "default:tool",
          "default:spend"}},
        {MODE_ACCEPT_EDITS,
         {POLICY_ALLOW, POLICY_ALLOW, POLICY_ASK, POLICY_ASK, POLICY_ASK, POLICY_ASK},
         {"default:read", "mode:acceptEdits", "default:net", "default:exec", "default:tool",
          "default:spend"}},
        {MODE_PLAN,
         {POLICY_ALLOW, POLICY_DENY, POLICY_DENY, POLICY_DENY, POLICY_DENY, POLICY_DENY},
         {"default:read", "mode:plan", "mode:plan", "mode:plan", "mode:plan", "mode:plan"}},
        {MODE_DONT_ASK,
         {POLICY_ALLOW, POLICY_DENY, POLICY_DENY, POLICY_DENY, POLICY_DENY, POLICY_DENY},
         {"default:read", "mode:dontAsk", "mode:dontAsk", "mode:dontAsk", "mode:dontAsk",
          "mode:dontAsk"}},
        {MODE_BYPASS,
         {POLICY_ALLOW, POLICY_ALLOW, POLICY_ALLOW, POLICY_ALLOW, POLICY_ALLOW, POLICY_ALLOW},
         {"default:read", "mode:bypass", "mode:bypass", "mode:bypass", "mode:bypass",
          "mode:bypass"}},
    };
    struct tool tool = tool_named((char[]){"t"}, false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(policy) struct policy *p = policy_of(rows[i].mode, NULL);
        for (int k = EFFECT_READ; k <= EFFECT_SPEND; k++)
            assert_decided(p, &tool, effect_of((enum effect_kind)k, targets[k], false),
                           rows[i].verdict[k], rows[i].rule[k]);
    }
}

static void deny_beats_ask_beats_allow_in_every_mode_and_layer(void **state)
{
    (void)state;
    struct tool tool = tool_named((char[]){"t"}, false);
    for (int layer = POLICY_MANAGED; layer <= POLICY_USER; layer++) {
        const struct said rules[] = {{POLICY_ALLOW, POLICY_MANAGED, "Write(/a)"},
                                     {POLICY_ASK, (enum policy_layer)layer, "Write(/a/b)"},
                                     {POLICY_DENY, (enum policy_layer)layer, "Write(/a/b/c)"},
                                     {0}};
        for (int mode = MODE_DEFAULT; mode <= MODE_BYPASS; mode++) {
            auto_(policy) struct policy *p = policy_of((enum policy_mode)mode, rules);
            struct policy_decision d;
            struct effect e = effect_of(EFFECT_WRITE, "/a/b/c", false);
            assert_int_equal(policy_on_effect(p, &e, &d), POLICY_DENY);
            assert_string_equal(d.rule, "Write(/a/b/c)");
            assert_int_equal(d.layer, layer);
        }
        auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, rules);
        assert_decided(p, &tool, effect_of(EFFECT_WRITE, "/a/b/x", false), POLICY_ASK,
                       "Write(/a/b)");
        assert_decided(p, &tool, effect_of(EFFECT_WRITE, "/a/x", false), POLICY_ALLOW, "Write(/a)");
    }
}

static void a_rule_of_a_higher_layer_is_the_one_that_is_named(void **state)
{
    (void)state;
    const struct said rules[] = {
        {POLICY_DENY, POLICY_USER, "Write"}, {POLICY_DENY, POLICY_MANAGED, "Write(/a)"}, {0}};
    auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, rules);
    struct tool tool = tool_named((char[]){"t"}, false);
    assert_decided(p, &tool, effect_of(EFFECT_WRITE, "/a", false), POLICY_DENY, "Write(/a)");
    assert_decided(p, &tool, effect_of(EFFECT_WRITE, "/b", false), POLICY_DENY, "Write");
}

static void plan_has_no_effects_even_where_they_are_allowed(void **state)
{
    (void)state;
    const struct said rules[] = {ALLOW("Write"), ALLOW("Net"), ALLOW("Tool"), {0}};
    auto_(policy) struct policy *p = policy_of(MODE_PLAN, rules);
    struct tool tool = tool_named((char[]){"t"}, false);
    assert_decided(p, &tool, effect_of(EFFECT_WRITE, "/a", false), POLICY_DENY, "mode:plan");
    assert_decided(p, &tool, effect_of(EFFECT_NET, "a.org:443", false), POLICY_DENY, "mode:plan");
}

static void the_worst_effect_of_a_call_decides(void **state)
{
    (void)state;
    const struct said rules[] = {DENY("Write(/etc)"), {0}};
    auto_(policy) struct policy *p = policy_of(MODE_BYPASS, rules);
    struct tool tool = tool_named((char[]){"t"}, false);
    struct effect effects[] = {effect_of(EFFECT_READ, "/a", false),
                               effect_of(EFFECT_WRITE, "/etc/x", false),
                               effect_of(EFFECT_WRITE, "/b", false)};
    struct policy_decision d;
    policy_decide(p, &tool, effects, ARRAY_LEN(effects), &d);
    assert_int_equal(d.verdict, POLICY_DENY);
    assert_string_equal(d.effect.target, "/etc/x");
    assert_has(d.why, "user settings");
}

static void accept_edits_is_about_the_working_folder_only(void **state)
{
    (void)state;
    auto_(policy) struct policy *p = policy_of(MODE_ACCEPT_EDITS, NULL);
    struct tool tool = tool_named((char[]){"write"}, false);
    struct effect e = effect_of(EFFECT_WRITE, "/lib/x", false);
    e.outside_work_dir = true;
    assert_decided(p, &tool, e, POLICY_ASK, "default:write");
}

static void a_tool_rule_is_about_all_that_the_tool_does(void **state)
{
    (void)state;
    struct tool edit = tool_named((char[]){"edit"}, false),
                grep = tool_named((char[]){"grep"}, true),
                mcp = tool_named((char[]){"mcp__git__push"}, false);
    const struct said rules[] = {
        ALLOW("Tool(edit)"), DENY("Grep"), DENY("mcp__git"), ASK("Write(/keep)"), {0}};
    auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, rules);
    assert_decided(p, &edit, effect_of(EFFECT_WRITE, "/a", false), POLICY_ALLOW, "Tool(edit)");
    assert_decided(p, &edit, effect_of(EFFECT_WRITE, "/keep/a", false), POLICY_ASK, "Write(/keep)");
    assert_decided(p, &grep, effect_of(EFFECT_READ, "/", true), POLICY_DENY, "Grep");
    assert_decided(p, &mcp, effect_of(EFFECT_TOOL, "mcp__git__push", false), POLICY_DENY,
                   "mcp__git");
}

static void a_tool_without_effects_that_only_reads_is_free(void **state)
{
    (void)state;
    struct tool echo = tool_named((char[]){"echo"}, true);
    for (int mode = MODE_DEFAULT; mode <= MODE_BYPASS; mode++) {
        auto_(policy) struct policy *p = policy_of((enum policy_mode)mode, NULL);
        struct policy_decision d;
        policy_decide(p, &echo, NULL, 0, &d);
        assert_int_equal(d.verdict, POLICY_ALLOW);
    }
    const struct said rules[] = {DENY("Tool(echo)"), {0}};
    auto_(policy) struct policy *p = policy_of(MODE_BYPASS, rules);
    struct policy_decision d;
    policy_decide(p, &echo, NULL, 0, &d);
    assert_int_equal(d.verdict, POLICY_DENY);
}

static void an_unverified_tool_asks_even_to_read(void **state)
{
    (void)state;
    auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, NULL);
    struct tool tool = tool_named((char[]){"t"}, true);
    tool.verified = false;
    assert_decided(p, &tool, effect_of(EFFECT_READ, "/a", false), POLICY_ASK, "unverified-tool");
}

static void path_patterns_are_gitignore_style(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *path;
        bool matches;
    } rows[] = {
        {"Read(./src/**)", "/src/a/b.c", true},
        {"Read(./src/**)", "/src", false},
        {"Read(./src/**)", "/x/src/a", false},
        {"Read(src/*.c)", "/src/a.c", true},
        {"Read(src/*.c)", "/src/a/b.c", false},
        {"Read(src/*.c)", "/src/a.c/below", true},
        {"Read(*.env)", "/.env", true},
        {"Read(*.env)", "/a/b/x.env", true},
        {"Read(*.env)", "/a.env/b", true},
        {"Read(*.env)", "/a.envx", false},
        {"Read(build/)", "/a/build/x", true},
        {"Read(build/)", "/build", true},
        {"Read(build/)", "/building", false},
        {"Read(/a)", "/a/b/c", true},
        {"Read(/a)", "/b/a", false},
        {"Read(a)", "/b/a", true},
        {"Read(/a/**/z)", "/a/z", true},
        {"Read(/a/**/z)", "/a/b/c/z", true},
        {"Read(/a/**/z)", "/a/b/zz", false},
        {"Read(**/z)", "/z", true},
        {"Read(/a?c)", "/abc", true},
        {"Read(/a?c)",
         "/a\xc3\xa9"
         "c",
         true},
        {"Read(/a?c)", "/ac", false},
        {"Read(/[a-c]x)", "/bx", true},
        {"Read(/[!a-c]x)", "/bx", false},
        {"Read(/[!a-c]x)", "/dx", true},
        {"Read(/a\\*b)", "/a*b", true},
        {"Read(/a\\*b)", "/axb", false},
        {"Read(/A)", "/a", false},
        {"Read", "/x", true},
        {"Read(*)", "/x/y", true},
        {"Read(**)", "/x", true},
        {"Read(/)", "/x", true},
        {"Read(/*a*b*c*)", "/xaybzcx", true},
        {"Read(/*a*b*c*)", "/xcybza", false},
        {"Read(/**/x/**/y)", "/x/a/y", true},
        {"Read(/**/x/**/y)", "/y/a/x", false},
        {"Read(/[]]a)", "/]a", true},
        {"Read(./a//b)", "/a/b", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct said rules[] = {DENY(rows[i].rule), {0}};
        auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, rules);
        struct effect e = effect_of(EFFECT_READ, rows[i].path, false);
        if ((policy_on_effect(p, &e, NULL) == POLICY_DENY) != rows[i].matches)
            fail_msg("%s on %s", rows[i].rule, rows[i].path);
    }
}

static void a_recursive_effect_meets_a_deny_of_a_part(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *dir;
        bool meets, covers;
    } rows[] = {
        {"Read(/secrets/**)", "/", true, false},
        {"Read(/secrets/**)", "/src", false, false},
        {"Read(/secrets/**)", "/secrets", true, true},
        {"Read(/secrets/**)", "/secrets/a", true, true},
        {"Read(*.env)", "/src", true, false},
        {"Read(/src/*)", "/src", true, true},
        {"Read(/src/*.c)", "/src", true, false},
        {"Read(/src/?)", "/src", true, false},
        {"Read(/src)", "/src", true, true},
        {"Read(/a/b)", "/a", true, false},
        {"Read(/a/b)", "/a/c", false, false},
        {"Read", "/", true, true},
        {"Read(**)", "/", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct effect e = effect_of(EFFECT_READ, rows[i].dir, true);
        struct policy_decision d;
        const struct said deny[] = {DENY(rows[i].rule), {0}}, allow[] = {ALLOW(rows[i].rule), {0}};
        auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, deny),
                                    *q = policy_of(MODE_DEFAULT, allow);
        if ((policy_on_effect(p, &e, &d) == POLICY_DENY) != rows[i].meets)
            fail_msg("%s meets %s", rows[i].rule, rows[i].dir);
        policy_on_effect(q, &e, &d);
        if ((strcmp(d.rule, rows[i].rule) == 0) != rows[i].covers)
            fail_msg("%s covers %s", rows[i].rule, rows[i].dir);
    }
    const struct said rules[] = {DENY("Read(/secrets/**)"), {0}};
    auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, rules);
    struct policy_decision d;
    struct effect e = effect_of(EFFECT_READ, "/", true);
    assert_int_equal(policy_on_effect(p, &e, &d), POLICY_DENY);
    assert_has(d.why, "narrower path");
}

/* Property: a folder meets a pattern when something in a small tree below it matches, and covers it only when everything does. */
static void trees_agree_with_the_paths_in_them(void **state)
{
    (void)state;
    static const char *const parts[] = {"a", "b", "*", "**", "?", "a*", "*b", "[ab]"},
                             *const names[] = {"a", "b", "ab", "c"};
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        char rule[128] = "Read(", dir[64] = "";
        for (unsigned n = 1 + (seed >> 9) % 3, i = 0; i < n; i++) {
            seed = seed * 1103515245u + 12345u;
            snprintf(rule + strlen(rule), 16, "%s%s", i || (seed >> 20) % 2 ? "/" : "",
                     parts[(seed >> 16) % ARRAY_LEN(parts)]);
        }
        snprintf(rule + strlen(rule), 16, ")");
        for (unsigned n = (seed >> 11) % 3; n > 0; n--)
            snprintf(dir + strlen(dir), 16, "/%s", names[(seed >> (12 + n)) % ARRAY_LEN(names)]);
        const struct said deny[] = {DENY(rule), {0}}, allow[] = {ALLOW(rule), {0}};
        auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, deny),
                                    *q = policy_of(MODE_DEFAULT, allow);
        struct effect tree = effect_of(EFFECT_READ, *dir ? dir : "/", true);
        struct policy_decision d;
        bool meets = policy_on_effect(p, &tree, NULL) == POLICY_DENY;
        policy_on_effect(q, &tree, &d);
        bool covers = strcmp(d.rule, rule) == 0;
        for (unsigned i = 0; i < 4 + 16 + 64; i++) {
            char path[128];
            snprintf(path, sizeof path,
                     i < 4    ? "%s/%s"
                     : i < 20 ? "%s/%s/%s"
                              : "%s/%s/%s/%s",
                     dir, names[i % 4], names[i / 4 % 4], names[i / 16 % 4]);
            struct effect one = effect_of(EFFECT_READ, path, false);
            bool matches = policy_on_effect(p, &one, NULL) == POLICY_DENY;
            if ((matches && !meets) || (covers && !matches))
                fail_msg("%s, tree %s, path %s", rule, tree.target, path);
        }
    }
}

static void net_exec_tool_and_spend_rules_match_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        enum effect_kind kind;
        const char *target;
        bool allows, denies;
    } rows[] = {
        {"Net(example.org)", EFFECT_NET, "example.org:8443", true, true},
        {"Net(example.org:443)", EFFECT_NET, "example.org:80", false, false},
        {"Net(EXAMPLE.org.:443)", EFFECT_NET, "example.org:443", true, true},
        {"Net(*.example.org)", EFFECT_NET, "example.org:443", false, false},
        {"Net(*.example.org)", EFFECT_NET, "a.b.example.org:443", true, true},
        {"Net(*.example.org)", EFFECT_NET, "badexample.org:443", false, false},
        {"Net(10.0.0.0/8:1..1024)", EFFECT_NET, "10.9.8.7:1023", true, true},
        {"Net(10.0.0.0/8:1..1024)", EFFECT_NET, "10.9.8.7:1024", false, false},
        {"Net([fd00::/8])", EFFECT_NET, "[fd00::1]:443", true, true},
        {"WebFetch(domain:example.org)", EFFECT_NET, "example.org:443", true, true},
        {"WebFetch", EFFECT_NET, "example.org:443", true, true},
        {"Bash(make *)", EFFECT_EXEC, "make all", true, true},
        {"Bash(make *)", EFFECT_EXEC, "make", true, true},
        {"Bash(make *)", EFFECT_EXEC, "makefoo", false, false},
        {"Bash(npm run test:*)", EFFECT_EXEC, "npm run test --all", true, true},
        {"Bash(make *)", EFFECT_EXEC, "make && rm -rf /", false, true},
        {"Bash(rm *)", EFFECT_EXEC, "make; rm -rf /", false, true},
        {"Exec(make *)", EFFECT_EXEC, "make $(id)", false, true},
        {"Exec(make *)", EFFECT_EXEC, "make > /etc/passwd", false, true},
        {"Exec", EFFECT_EXEC, "anything $(at) all", true, true},
        {"Tool(g*)", EFFECT_TOOL, "grep", true, true},
        {"Tool(grep)", EFFECT_TOOL, "grepx", false, false},
        {"Spend(0.50)", EFFECT_SPEND, "0.49", true, false},
        {"Spend(0.50)", EFFECT_SPEND, "0.5", true, true},
        {"Spend(0.50)", EFFECT_SPEND, "0.51", false, true},
        {"Edit(/a)", EFFECT_WRITE, "/a", true, true},
        {"MultiEdit", EFFECT_WRITE, "/a", true, true},
        {"NotebookEdit", EFFECT_WRITE, "/a", true, true},
        {"NotebookRead", EFFECT_READ, "/a", true, true},
        {"WebSearch", EFFECT_TOOL, "web_search", true, true},
        {"Glob", EFFECT_TOOL, "glob", true, true},
        {"LS", EFFECT_TOOL, "list", true, true},
        {"TodoWrite", EFFECT_TOOL, "todo", true, true},
        {"mcp__a__b", EFFECT_TOOL, "mcp__a__b", true, true},
        {"mcp__a__b", EFFECT_TOOL, "mcp__a__c", false, false},
        {"mcp__a", EFFECT_TOOL, "mcp__ab__c", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct effect e = effect_of(rows[i].kind, rows[i].target, false);
        struct policy_decision d;
        const struct said deny[] = {DENY(rows[i].rule), {0}}, allow[] = {ALLOW(rows[i].rule), {0}};
        auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, deny),
                                    *q = policy_of(MODE_DEFAULT, allow);
        if ((policy_on_effect(p, &e, &d) == POLICY_DENY) != rows[i].denies)
            fail_msg("deny %s on %s", rows[i].rule, rows[i].target);
        policy_on_effect(q, &e, &d);
        if ((strcmp(d.rule, rows[i].rule) == 0) != rows[i].allows)
            fail_msg("allow %s on %s", rows[i].rule, rows[i].target);
    }
}

static void a_rule_that_is_no_good_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *text, *next;
    } rows[] = {
        {"Raed(/a)", "rules are", "did you mean Read"},
        {"Read(/a", "the ) at its end", ""},
        {"Read()", "nothing between", ""},
        {"", "1 to 1024", ""},
        {"Read(!/a)", "\"!\"", ""},
        {"Read(~/x)", "\"~\"", ""},
        {"Read(//etc)", "\"//\"", ""},
        {"Read(../a)", "above", ""},
        {"Read(a/../b)", "\"..\"", ""},
        {"Read([a)", "[ without", ""},
        {"Net(https://a.org)", "without a scheme", ""},
        {"Net(a.org:0)", "port", ""},
        {"Net(a b)", "character", ""},
        {"Net(010.0.0.1)", "digits", ""},
        {"Spend(x)", "dollars", ""},
        {"mcp__a(b)", "no pattern", ""},
        {"Glob(*.c)", "takes no pattern", ""},
        {"Read(a\tb)", "control", ""},
        {"read(/a)", "rules are", "did you mean Read"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, NULL);
        struct fault fault = {0};
        if (policy_add_rule(p, POLICY_USER, POLICY_DENY, str_of(rows[i].rule), &fault) !=
            -FAULT_CONFIG)
            fail_msg("taken: %s", rows[i].rule);
        assert_has(fault.text, rows[i].text);
        assert_has(fault.next, rows[i].next);
        assert_int_equal(
            policy_add_rule(p, POLICY_COMMAND_LINE, POLICY_DENY, str_of(rows[i].rule), &fault),
            -FAULT_USAGE);
    }
}

static void the_workspace_can_only_narrow(void **state)
{
    (void)state;
    auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, NULL);
    struct fault fault = {0};
    assert_int_equal(policy_add_rule(p, POLICY_PROJECT, POLICY_ALLOW, STR("Read"), &fault),
                     -FAULT_CONFIG);
    assert_int_equal(policy_add_rule(p, POLICY_LOCAL, POLICY_ALLOW, STR("Read"), &fault),
                     -FAULT_CONFIG);
    assert_int_equal(policy_add_rule(p, POLICY_PROJECT, POLICY_DENY, STR("Read(/a)"), &fault), 0);
    assert_int_equal(policy_add_rule(p, POLICY_LOCAL, POLICY_ASK, STR("Read(/b)"), &fault), 0);
}

static void the_names_of_modes_are_those_of_the_interface(void **state)
{
    (void)state;
    static const char *const names[] = {"default", "acceptEdits", "plan", "dontAsk", "bypass"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum policy_mode m;
        assert_int_equal(policy_mode_parse(str_of(names[i]), &m, NULL), 0);
        assert_int_equal(m, i);
        assert_string_equal(policy_mode_name(m), names[i]);
    }
    enum policy_mode m;
    struct fault fault = {0};
    assert_int_equal(policy_mode_parse(STR("yolo"), &m, &fault), -FAULT_USAGE);
}

static void the_backstop_names_the_layer_below(void **state)
{
    (void)state;
    const struct effect_mount mounts[] = {{"/", "/w", false}, {"/lib", "/usr/lib", true}};
    char text[256];
    struct effect e = effect_of(EFFECT_WRITE, "/a", false);
    policy_backstop(&e, mounts, 2, text);
    assert_string_equal(text, "sandbox: mount / is read-only");
    e = effect_of(EFFECT_NET, "a.org:443", false);
    policy_backstop(&e, mounts, 2, text);
    assert_has(text, "egress");
    e = effect_of(EFFECT_EXEC, "ls", false);
    policy_backstop(&e, mounts, 2, text);
    assert_has(text, "seccomp");
}

/* Not a promise about any machine: a factor of ten above what is asked for catches an accident. */
static void five_hundred_rules_decide_quickly(void **state)
{
    (void)state;
    auto_(policy) struct policy *p = policy_of(MODE_DEFAULT, NULL);
    for (int i = 0; i < 500; i++) {
        char rule[64];
        snprintf(rule, sizeof rule,
                 i % 3 == 0   ? "Write(/d%d/**)"
                 : i % 3 == 1 ? "Write(*.e%d)"
                              : "Write(/s/*/x%d)",
                 i);
        assert_int_equal(
            policy_add_rule(p, POLICY_USER, i % 2 ? POLICY_DENY : POLICY_ALLOW, str_of(rule), NULL),
            0);
    }
    struct effect e = effect_of(EFFECT_WRITE, "/src/deep/folder/file.c", false);
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(policy_on_effect(p, &e, NULL), POLICY_ASK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double us =
        ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
        1000;
    print_message("500 rules: %.2f us a decision\n", us);
    assert_true(us < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_decides_every_effect_as_documented),
        cmocka_unit_test(deny_beats_ask_beats_allow_in_every_mode_and_layer),
        cmocka_unit_test(a_rule_of_a_higher_layer_is_the_one_that_is_named),
        cmocka_unit_test(plan_has_no_effects_even_where_they_are_allowed),
        cmocka_unit_test(the_worst_effect_of_a_call_decides),
        cmocka_unit_test(accept_edits_is_about_the_working_folder_only),
        cmocka_unit_test(a_tool_rule_is_about_all_that_the_tool_does),
        cmocka_unit_test(a_tool_without_effects_that_only_reads_is_free),
        cmocka_unit_test(an_unverified_tool_asks_even_to_read),
        cmocka_unit_test(path_patterns_are_gitignore_style),
        cmocka_unit_test(a_recursive_effect_meets_a_deny_of_a_part),
        cmocka_unit_test(trees_agree_with_the_paths_in_them),
        cmocka_unit_test(net_exec_tool_and_spend_rules_match_what_they_say),
        cmocka_unit_test(a_rule_that_is_no_good_says_why),
        cmocka_unit_test(the_workspace_can_only_narrow),
        cmocka_unit_test(the_names_of_modes_are_those_of_the_interface),
        cmocka_unit_test(the_backstop_names_the_layer_below),
        cmocka_unit_test(five_hundred_rules_decide_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
