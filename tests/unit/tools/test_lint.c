/* What lint says of rules, and what it does not; and what tests of a policy say. */
#include "check.h"

#include "tools/path_pattern.h"
#include "tools/policy_lint.h"
#include "tools/policy_test.h"

static void a_pattern_covers_what_it_matches_all_of(void **state)
{
    static const struct {
        const char *a, *b;
        bool covers;
    } rows[] = {
        {"/src/**", "/src/a.c", true},
        {"/src/**", "/src", false},
        {"/src", "/src/**", true},
        {"/src", "/src", true},
        {"/src/*", "/src/a/b", true},
        {"/src/*.c", "/src/a.c", true},
        {"/src/*.c", "/src/a.h", false},
        {"/src/*.c", "/src/*", false},
        {"/src/*", "/src/*.c", true},
        {"*.env", "/a/b/x.env", true},
        {"*.env", "*.env", true},
        {"*.env", "/a/*.env", true},
        {"/a/*.env", "*.env", false},
        {"/**", "*.env", true},
        {"*.env", "/**", false},
        {"/a/**/z", "/a/b/c/z", true},
        {"/a/**/z", "/a/z", true},
        {"/a/*/z", "/a/**/z", false},
        {"/a/**/z", "/a/*/z", true},
        {"build/", "/x/build/y", true},
        {"/?", "/a", true},
        {"/?", "/*", false},
        {"/[ab]", "/[ab]", true},
        {"/[ab]", "/a", false},
        {"/a\\*", "/a\\*", true},
        {"/a*", "/a\\*", true},
        {"/a\\*", "/a*", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct path_pattern a, b;
        char why[160];
        assert_int_equal(path_pattern_init(&a, str_of(rows[i].a), why), 0);
        assert_int_equal(path_pattern_init(&b, str_of(rows[i].b), why), 0);
        if (path_pattern_covers(&a, &b) != rows[i].covers)
            fail_msg("%s over %s: not %d", rows[i].a, rows[i].b, rows[i].covers);
        path_pattern_done(&a);
        path_pattern_done(&b);
    }
}

static void join(const struct lint_finding *f, void *arg)
{
    char *text = arg;
    size_t len = strlen(text);
    assert_true(*f->why);
    snprintf(text + len, 2000 - len, "%s %s%s%s; ", lint_kind_name(f->kind), f->rule,
             f->by ? " by " : "", f->by ? f->by : "");
}

struct said {
    enum policy_verdict verdict;
    const char *rule;
};

static void findings(const struct said *rules, const char *expected)
{
    auto_(policy) struct policy *p = NULL;
    static const struct effect_mount mounts[] = {
        {.guest = "/", .host = "/home/me/project", .writable = true}};
    const struct lint_place place = {.mounts = mounts, .mount_count = 1};
    char text[2000] = "";
    assert_int_equal(policy_new(&p), 0);
    for (; rules->rule; rules++)
        assert_int_equal(policy_add_rule(p, POLICY_USER, rules->verdict, str_of(rules->rule), NULL),
                         0);
    assert_int_equal(policy_lint(p, &place, join, text), 0);
    assert_string_equal(text, expected);
}
#define RULES(...) ((const struct said[]){__VA_ARGS__, {POLICY_ALLOW, NULL}})
#define A POLICY_ALLOW
#define Q POLICY_ASK
#define D POLICY_DENY

static void each_kind_of_finding_is_made_and_no_other(void **state)
{
    (void)state;
    /* an exception is no finding */
    findings(RULES({A, "Write(/src/**)"}, {D, "Write(/src/secret/**)"}, {Q, "Write(/src/*.lock)"}),
             "");
    findings(RULES({A, "Net(a.org)"}, {A, "Net(b.org:443)"}, {D, "Net(*.evil.org)"},
                   {A, "Exec(git status)"}, {A, "Exec(git log *)"}),
             "");
    findings(RULES({A, "Read"}, {A, "Spend(1)"}), "");
    /* shadowed: by the same verdict, by a stronger one, not by a weaker one */
    findings(RULES({A, "Write(/a/**)"}, {A, "Write(/a/b)"}),
             "shadowed Write(/a/b) by Write(/a/**); ");
    findings(RULES({A, "Write(/a/b)"}, {A, "Write(/a/**)"}),
             "shadowed Write(/a/b) by Write(/a/**); ");
    findings(RULES({D, "Write(/a/**)"}, {A, "Write(/a/b)"}),
             "shadowed Write(/a/b) by Write(/a/**); ");
    findings(RULES({Q, "Exec"}, {A, "Exec(ls *)"}), "shadowed Exec(ls *) by Exec; ");
    findings(RULES({A, "Net(*.x.org)"}, {A, "Net(a.x.org:443)"}),
             "shadowed Net(a.x.org:443) by Net(*.x.org); ");
    findings(RULES({D, "Net(10.0.0.0/8)"}, {D, "Net(10.1.0.0/16)"}),
             "shadowed Net(10.1.0.0/16) by Net(10.0.0.0/8); ");
    findings(RULES({A, "Net(x.org)"}, {A, "Net(*.x.org)"}), "");
    findings(RULES({A, "Net(x.org:443)"}, {A, "Net(x.org)"}),
             "shadowed Net(x.org:443) by Net(x.org); ");
    findings(RULES({A, "Spend(1)"}, {A, "Spend(0.5)"}), "shadowed Spend(0.5) by Spend(1); ");
    findings(RULES({A, "Write(/a)"}, {A, "Write(/a)"}), "shadowed Write(/a) by Write(/a); ");
    /* contradicts */
    findings(RULES({A, "Write(/a)"}, {D, "Write(/a)"}), "contradicts Write(/a) by Write(/a); ");
    findings(RULES({Q, "Edit(/a)"}, {D, "Write(/a)"}), "contradicts Edit(/a) by Write(/a); ");
    /* never */
    findings(RULES({D, "Read(/home/me/project/secrets/**)"}),
             "never Read(/home/me/project/secrets/**); ");
    findings(RULES({D, "Read(/home/me/**)"}), "");
    /* wide */
    findings(RULES({A, "Write"}), "wide Write; ");
    findings(RULES({A, "Write(/**)"}), "wide Write(/**); ");
    findings(RULES({A, "Net(*:443)"}), "wide Net(*:443); ");
    findings(RULES({A, "Exec(*)"}), "wide Exec(*); ");
    findings(RULES({A, "Exec(/usr/bin/python3 *)"}), "wide Exec(/usr/bin/python3 *); ");
    findings(RULES({A, "Bash(sh:*)"}), "wide Bash(sh:*); ");
    findings(RULES({A, "Exec(python3 tests/run.py *)"}), "");
    findings(RULES({A, "Tool(*)"}), "wide Tool(*); ");
    findings(RULES({D, "Write"}, {D, "Exec(*)"}), "");
}

static void count(const struct policy_test_result *r, void *arg)
{
    int *tally = arg;
    tally[r->holds ? 0 : 1]++;
    assert_int_equal(*r->why == '\0', r->holds);
}

static void tests_hold_or_say_what_was_found(void **state)
{
    auto_(policy) struct policy *p = NULL;
    const struct policy_test_place place = {.policy = NULL};
    struct policy_test_place here = place;
    struct fault why = {0};
    int tally[2] = {0};
    (void)state;
    assert_int_equal(policy_new(&p), 0);
    assert_int_equal(policy_add_rule(p, POLICY_USER, POLICY_DENY, STR("Write(/keys/**)"), NULL), 0);
    here.policy = p;
    assert_int_equal(
        policy_test(
            &here, "t",
            STR("// comment\n{\"tests\":["
                "{\"effect\":\"Write(keys/./a)\",\"verdict\":\"deny\",\"rule\":\"Write(/keys/**)\"},"
                "{\"effect\":\"Write(/)\",\"recursive\":true,\"verdict\":\"deny\"},"
                "{\"effect\":\"Write(/a)\",\"verdict\":\"ask\"},"
                "{\"effect\":\"Write(/a)\",\"verdict\":\"ask\",\"rule\":\"other\"},"
                "{\"effect\":\"Read(/a)\",\"verdict\":\"deny\"},]}"),
            count, tally, &why),
        0);
    assert_int_equal(tally[0], 3);
    assert_int_equal(tally[1], 2);
}

static void a_wrong_file_runs_no_test(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{}",
        "{\"tests\":{}}",
        "{\"tests\":[],\"x\":1}",
        "{\"tests\":[1]}",
        "{\"tests\":[{\"effect\":\"Read(/a)\"}]}",
        "{\"tests\":[{\"effect\":\"Read(/a)\",\"verdict\":\"maybe\"}]}",
        "{\"tests\":[{\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"effect\":\"Raed(/a)\",\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"effect\":\"Read\",\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"effect\":\"Read(/../a)\",\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"effect\":\"Read()\",\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"effect\":\"Read(/a)\",\"tool\":\"read\",\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"tool\":\"none\",\"input\":{},\"verdict\":\"ask\"}]}",
        "{\"tests\":[{\"effect\":\"Read(/a)\",\"verdict\":\"allow\"},{\"effect\":\"Read(/a)\",\"verdict\":\"allow\",\"extra\":1}]}",
        "{",
    };
    auto_(policy) struct policy *p = NULL;
    (void)state;
    assert_int_equal(policy_new(&p), 0);
    const struct policy_test_place place = {.policy = p};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int tally[2] = {0};
        struct fault why = {0};
        if (policy_test(&place, "file", str_of(wrong[i]), count, tally, &why) != -FAULT_CONFIG ||
            !strstr(why.text, "file: "))
            fail_msg("%s: %s", wrong[i], why.text);
        assert_int_equal(tally[0] + tally[1], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_covers_what_it_matches_all_of),
        cmocka_unit_test(each_kind_of_finding_is_made_and_no_other),
        cmocka_unit_test(tests_hold_or_say_what_was_found),
        cmocka_unit_test(a_wrong_file_runs_no_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
