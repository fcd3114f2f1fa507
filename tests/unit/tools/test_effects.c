/* What a call would do: arguments -> effects on normalised objects, and arguments rewritten to what was decided on. */
#include "check.h"

#include "tools/policy.h"

static struct tool *tool_of(const char *schema_properties, const char *effects, bool read_only)
{
    char text[4096];
    snprintf(
        text, sizeof text,
        "{'name':'t','version':'1','description':'d','input_schema':{'type':'object','properties':{%s}},'effects':%s,"
        "'annotations':{'read_only':%s}}",
        schema_properties, effects, read_only ? "true" : "false");
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    struct tool *t = NULL;
    struct fault fault = {0};
    if (tool_from_manifest(str_of(text), &t, &fault) != 0)
        fail_msg("%s", fault.text);
    return t;
}

static const struct effect_mount mounts[] = {{"/", "/home/u/project", true},
                                             {"/lib", "/usr/share/lib", false}};

static struct tool *path_tool(void)
{
    return tool_of("'path':{'type':'string'}",
                   "[{'effect':'Read','arg':'path','default':'/','recursive':true}]", true);
}

struct call {
    struct effect effects[8];
    size_t count;
    json_t *mapped;
    struct fault fault;
    int result;
};

static void call_tool(struct tool *t, const json_t *arguments, struct call *c)
{
    *c = (struct call){0};
    c->result = effects_of_call(t, arguments, mounts, ARRAY_LEN(mounts), c->effects,
                                ARRAY_LEN(c->effects), &c->count, &c->mapped, &c->fault);
}

static void paths_come_out_as_the_guest_sees_them(void **state)
{
    (void)state;
    static const struct {
        const char *path, *guest, *rewritten;
        bool outside;
    } rows[] = {
        {"src/a.c", "/src/a.c", NULL, false},
        {"/src/a.c", "/src/a.c", NULL, false},
        {"/src/", "/src", NULL, false},
        {".", "/", NULL, false},
        {"/", "/", NULL, false},
        {"a//b/../c", "/a/c", "/a/c", false},
        {"./a", "/a", "/a", false},
        {"/home/u/project", "/", "/", false},
        {"/home/u/project/src/a.c", "/src/a.c", "/src/a.c", false},
        {"/home/u/project/../project/a", "/a", "/a", false},
        {"/home/u/project2/a", "/home/u/project2/a", NULL, false},
        {"home/u/project/a", "/home/u/project/a", NULL, false},
        {"/usr/share/lib/x", "/lib/x", "/lib/x", true},
        {"/lib/x", "/lib/x", NULL, true},
        {"/library", "/library", NULL, false},
        {"\xc3\xa9/x", "/\xc3\xa9/x", NULL, false},
    };
    auto_(tool) struct tool *t = path_tool();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *arguments = json_pack("{s:s}", "path", rows[i].path);
        struct call c;
        call_tool(t, arguments, &c);
        assert_int_equal(c.result, 0);
        assert_int_equal(c.count, 1);
        assert_string_equal(c.effects[0].target, rows[i].guest);
        assert_true(c.effects[0].recursive);
        assert_int_equal(c.effects[0].outside_work_dir, rows[i].outside);
        if ((c.mapped != NULL) != (rows[i].rewritten != NULL))
            fail_msg("%s", rows[i].path);
        if (c.mapped)
            assert_string_equal(json_string_value(json_object_get(c.mapped, "path")),
                                rows[i].rewritten);
        assert_string_equal(json_string_value(json_object_get(arguments, "path")), rows[i].path);
        json_decref(c.mapped);
    }
}

static void a_path_that_cannot_be_meant_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text;
    } rows[] = {
        {"..", "above"},          {"../etc/passwd", "above"}, {"/../etc", "above"},
        {"a/../../b", "above"},   {"", "is empty"},           {"a\nb", "control"},
        {"a\x1b[2Jb", "control"}, {"a\x7f", "control"},
    };
    auto_(tool) struct tool *t = path_tool();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *arguments = json_pack("{s:s}", "path", rows[i].path);
        struct call c;
        call_tool(t, arguments, &c);
        assert_int_equal(c.result, -FAULT_POLICY);
        assert_has(c.fault.text, rows[i].text);
        assert_null(c.mapped);
    }
    char longest[2000];
    memset(longest, 'a', sizeof longest);
    longest[1999] = 0;
    auto_json json_t *arguments = json_pack("{s:s}", "path", longest);
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(c.result, -FAULT_POLICY);
    auto_json json_t *nul = json_pack("{s:s#}", "path", "a\0b", 3);
    call_tool(t, nul, &c);
    assert_int_equal(c.result, -FAULT_POLICY);
}

static void an_absent_path_is_the_default_of_the_manifest(void **state)
{
    (void)state;
    auto_(tool) struct tool *t = path_tool();
    auto_json json_t *arguments = json_object();
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(c.result, 0);
    assert_string_equal(c.effects[0].target, "/");
}

static void a_list_of_paths_is_as_many_effects(void **state)
{
    (void)state;
    auto_(tool) struct tool *t =
        tool_of("'paths':{'type':'array'}", "[{'effect':'Write','arg':'paths'}]", false);
    auto_json json_t *arguments = json_of("{'paths':['a','./b','/home/u/project/c','a']}");
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(c.result, 0);
    assert_int_equal(c.count, 3);
    assert_string_equal(c.effects[1].target, "/b");
    auto_json json_t *expected = json_of("{'paths':['a','/b','/c','a']}");
    assert_true(json_equal(c.mapped, expected));
    json_decref(c.mapped);
    auto_json json_t *many =
        json_pack("{s:[s,s,s,s,s,s,s,s,s]}", "paths", "1", "2", "3", "4", "5", "6", "7", "8", "9");
    call_tool(t, many, &c);
    assert_int_equal(c.result, -FAULT_POLICY);
    auto_json json_t *wrong = json_of("{'paths':['a',5]}");
    call_tool(t, wrong, &c);
    assert_int_equal(c.result, -FAULT_POLICY);
}

static void without_a_mount_at_the_root_other_paths_are_outside(void **state)
{
    (void)state;
    auto_(tool) struct tool *t = path_tool();
    auto_json json_t *arguments = json_pack("{s:s}", "path", "/etc/passwd");
    struct call c = {0};
    c.result =
        effects_of_call(t, arguments, mounts + 1, 1, c.effects, 8, &c.count, &c.mapped, &c.fault);
    assert_int_equal(c.result, -FAULT_POLICY);
    assert_has(c.fault.text, "outside");
}

static void urls_come_out_as_host_and_port(void **state)
{
    (void)state;
    static const struct {
        const char *url, *target;
    } rows[] = {
        {"https://Example.ORG./a?b", "example.org:443"},
        {"http://example.org", "example.org:80"},
        {"https://example.org:8443/", "example.org:8443"},
        {"https://[FD00::1]/", "[fd00::1]:443"},
        {"http://10.0.0.1/", "10.0.0.1:80"},
        {"https://user@example.org/", NULL},
        {"https://0x7f.1/", NULL},
        {"https://2130706433/", NULL},
        {"ftp://example.org/", NULL},
        {"https://exa mple.org/", NULL},
        {"https://example.org\\@evil.org/", NULL},
        {"example.org", NULL},
        {"https://*.org/", NULL},
        {"https://example.org:99999/", NULL},
        {"https:///x", NULL},
        {"https://\xd0\xb5xample.org/", NULL},
        {"https://127.1/", NULL},
    };
    auto_(tool) struct tool *t =
        tool_of("'url':{'type':'string'}", "[{'effect':'Net','arg':'url'}]", false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *arguments = json_pack("{s:s}", "url", rows[i].url);
        struct call c;
        call_tool(t, arguments, &c);
        if ((c.result == 0) != (rows[i].target != NULL))
            fail_msg("%s: %d %s", rows[i].url, c.result, c.fault.text);
        if (rows[i].target)
            assert_string_equal(c.effects[0].target, rows[i].target);
    }
}

static void argv_words_cannot_pass_for_more(void **state)
{
    (void)state;
    auto_(tool) struct tool *t = tool_of("'argv':{}", "[{'effect':'Exec','arg':'argv'}]", false);
    auto_json json_t *arguments = json_of("{'argv':['rm','-rf','a b',';ls','']}");
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(c.result, 0);
    assert_string_equal(c.effects[0].target, "rm -rf 'a b' ';ls' ''");
}

static void a_tool_that_says_nothing_asks_by_its_name(void **state)
{
    (void)state;
    auto_(tool) struct tool *t = tool_of("", "[]", false), *reader = tool_of("", "[]", true);
    auto_json json_t *arguments = json_object();
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.effects[0].kind, EFFECT_TOOL);
    assert_string_equal(c.effects[0].target, "t");
    call_tool(reader, arguments, &c);
    assert_int_equal(c.count, 0);
}

static void fixed_targets_and_amounts_are_effects_too(void **state)
{
    (void)state;
    auto_(tool) struct tool *t = tool_of(
        "'usd':{'type':'number'}",
        "[{'effect':'Net','target':'api.example.org:443'},{'effect':'Spend','arg':'usd'}]", false);
    auto_json json_t *arguments = json_of("{'usd':0.25}"), *negative = json_of("{'usd':-1}");
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(c.result, 0);
    assert_int_equal(c.count, 2);
    assert_string_equal(c.effects[0].target, "api.example.org:443");
    assert_string_equal(c.effects[1].target, "0.25");
    call_tool(t, negative, &c);
    assert_int_equal(c.result, -FAULT_POLICY);
}

/* Property: whatever the text, what comes out is normalised, and doing it again changes nothing. */
static void normalising_twice_is_normalising_once(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",    "..", ".",       "",    "b c",         "/",
                                        "home", "u",  "project", "...", "\xe2\x80\xae"};
    auto_(tool) struct tool *t = path_tool();
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        char path[256] = "";
        size_t used = 0;
        for (unsigned n = 1 + (seed >> 8) % 7; n > 0; n--) {
            seed = seed * 1103515245u + 12345u;
            used += (size_t)snprintf(path + used, sizeof path - used, "%s%s",
                                     (seed >> 16) & 1 ? "/" : "",
                                     parts[(seed >> 18) % ARRAY_LEN(parts)]);
        }
        auto_json json_t *arguments = json_pack("{s:s}", "path", path);
        struct call c, again;
        call_tool(t, arguments, &c);
        if (c.result != 0)
            continue;
        const char *guest = c.effects[0].target;
        assert_int_equal(guest[0], '/');
        assert_null(strstr(guest, "//"));
        assert_null(strstr(guest, "/../"));
        assert_true(guest[1] == 0 || guest[strlen(guest) - 1] != '/');
        json_decref(c.mapped);
        if (strncmp(guest, "/home/u/project", 15) == 0)
            continue; /* a guest path spelled like the host's own: the host reading wins, as documented */
        auto_json json_t *same = json_pack("{s:s}", "path", guest);
        call_tool(t, same, &again);
        assert_int_equal(again.result, 0);
        assert_string_equal(again.effects[0].target, guest);
        assert_null(again.mapped);
    }
}

#define OPTIONAL                                                                                     \
    "[{'effect':'Read','arg':'path'},{'effect':'Write','arg':'path','optional':true,'unless':'ro'}," \
    "{'effect':'Write','arg':'path','suffix':'-log','optional':true,'unless':'ro'}]"

static struct tool *optional_tool(void)
{
    return tool_of("'path':{'type':'string'},'ro':{'type':'boolean'}", OPTIONAL, false);
}

static void a_suffix_is_another_file_and_leaves_the_argument(void **state)
{
    (void)state;
    struct tool *t = optional_tool();
    struct call c;
    auto_json json_t *plain = json_of("{'path':'d/../a'}"), *ro = json_of("{'path':'a','ro':true}");
    call_tool(t, plain, &c);
    assert_int_equal(c.result, 0);
    assert_int_equal(c.count, 3);
    assert_string_equal(c.effects[2].target, "/a-log");
    assert_string_equal(json_string_value(json_object_get(c.mapped, "path")), "/a");
    json_decref(c.mapped);
    call_tool(t, ro, &c);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.effects[0].kind, EFFECT_READ);
    tool_free(t);
}

/* All of a tool's optional effects, or none: the folders of a run are writable or not. */
static void what_is_optional_leaves_together_when_one_part_is_not_granted(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        enum policy_verdict verdict;
        bool has_writable, can_ask;
        int result;
        size_t count;
    } rows[] = {
        {NULL, POLICY_ALLOW, true, true, 0, 3}, /* asks for both */
        {NULL, POLICY_ALLOW, true, false, 1, 1},
        {NULL, POLICY_ALLOW, false, true, 0, 1},
        {"Write", POLICY_ALLOW, true, false, 0, 3},
        {"Write(/a)", POLICY_ALLOW, true, false, 1, 1},
        {"Write(/a-log)", POLICY_DENY, true, true, 1, 1},
    };
    struct tool *t = optional_tool();
    auto_json json_t *arguments = json_of("{'path':'a'}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy *p = NULL;
        assert_int_equal(policy_new(&p), 0);
        struct fault fault = {0};
        struct call c;
        if (rows[i].rule)
            assert_int_equal(
                policy_add_rule(p, POLICY_USER, rows[i].verdict, str_of(rows[i].rule), &fault), 0);
        call_tool(t, arguments, &c);
        assert_int_equal(
            effects_narrow(p, t, c.effects, &c.count, rows[i].has_writable, rows[i].can_ask),
            rows[i].result);
        assert_int_equal(c.count, rows[i].count);
        assert_int_equal(c.effects[0].kind, EFFECT_READ);
        policy_free(p);
    }
    tool_free(t);
}

static void a_call_that_has_nothing_left_asks_by_its_name(void **state)
{
    (void)state;
    struct tool *t = tool_of("", "[{'effect':'Write','target':'/','optional':true}]", false);
    struct policy *p = NULL;
    assert_int_equal(policy_new(&p), 0);
    auto_json json_t *arguments = json_object();
    struct call c;
    call_tool(t, arguments, &c);
    assert_int_equal(effects_narrow(p, t, c.effects, &c.count, true, false), 1);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.effects[0].kind, EFFECT_TOOL);
    assert_string_equal(c.effects[0].target, "t");
    policy_free(p);
    tool_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_come_out_as_the_guest_sees_them),
        cmocka_unit_test(a_path_that_cannot_be_meant_is_refused_with_a_sentence),
        cmocka_unit_test(an_absent_path_is_the_default_of_the_manifest),
        cmocka_unit_test(a_list_of_paths_is_as_many_effects),
        cmocka_unit_test(without_a_mount_at_the_root_other_paths_are_outside),
        cmocka_unit_test(urls_come_out_as_host_and_port),
        cmocka_unit_test(argv_words_cannot_pass_for_more),
        cmocka_unit_test(a_tool_that_says_nothing_asks_by_its_name),
        cmocka_unit_test(fixed_targets_and_amounts_are_effects_too),
        cmocka_unit_test(normalising_twice_is_normalising_once),
        cmocka_unit_test(a_suffix_is_another_file_and_leaves_the_argument),
        cmocka_unit_test(what_is_optional_leaves_together_when_one_part_is_not_granted),
        cmocka_unit_test(a_call_that_has_nothing_left_asks_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
