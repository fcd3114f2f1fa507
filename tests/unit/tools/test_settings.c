/* Settings: every key, every layer, every way to be wrong with file, line and key. */
#include "check.h"

#include "os/fd.h"
#include "os/file.h"
#include "tools/settings.h"

#include <fcntl.h>
#include <stdlib.h>

static int add(struct settings *s, enum policy_layer layer, const char *text, struct fault *fault)
{
    char copy[8192];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return settings_add(s, layer, "s.json", str_of(copy), fault);
}

static struct settings *fresh(void)
{
    struct settings *s = NULL;
    assert_int_equal(settings_new(&s), 0);
    return s;
}

static void said(struct settings *s, enum policy_layer layer, const char *text)
{
    struct fault fault = {0};
    if (add(s, layer, text, &fault) != 0)
        fail_msg("%s", fault.text);
}

static void the_defaults_are_those_of_the_interface(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    struct sandbox_limits l;
    limits_default(&l);
    assert_memory_equal(&l, &s->limits, sizeof l);
    assert_int_equal(s->limits.wasm_fuel, 20000000000);
    assert_int_equal(s->max_turns, 50);
    assert_int_equal(s->max_tool_calls, 500);
    assert_int_equal(s->max_wall_ns, 3600000000000);
    assert_int_equal(s->total_budget_pico, 5000000000000);
    assert_int_equal(s->max_concurrent_executors, 4);
    assert_int_equal(s->max_executors, 32);
    assert_int_equal(s->max_depth, 1);
    assert_int_equal(s->limits.max_http_requests, 100);
    assert_int_equal(s->limits.max_http_bytes, 67108864);
    assert_int_equal(s->mode, MODE_DEFAULT);
    assert_false(s->mode_said);
    assert_int_equal(s->block_network_count, 1);
    assert_string_equal(s->block_networks[0], "private");
    assert_int_equal(s->allowed_count, 0);
    assert_null(s->model);
}

static void every_key_is_read(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    said(
        s, POLICY_USER,
        "// comments are fine\n{'$schema':'x','model':'anthropic/claude','work_dir':'/w','map_dirs':['/usr/share::/lib','/b::/b:rw',{'host':'/c','guest':'/c','mode':'ro'}],"
        "'env_vars':['A=1','B='],'allowed_outbound_hosts':['https://example.org','*://*.b.org:*','http://10.0.0.0/8:80..90','https://[fd00::1]:443'],"
        "'block_networks':['private','203.0.113.0/24'],'block_url':['https://example.org/private/'],'tool_dirs':['/tools'],'required_layers':['landlock','namespaces'],"
        "'permissions':{'allow':['Read'],'ask':['Write(/a)'],'deny':['Net'],'mode':'plan'},'wasm_fuel':1000,'wasm_timeout':0.25,'max_turns':7,'max_tool_calls':8,"
        "'max_wall_s':1.5,'total_budget_usd':0.10,'max_concurrent_executors':2,'max_executors':3,'max_depth':0,'max_http_requests':1,'max_http_bytes':2,"
        "'providers':{'mine':{'wire':'openai','base_url':'http://127.0.0.1:8080/v1','key_env':'MY_KEY','headers':{'X-A':'b'},"
        "'context_tokens':32768,'price':{'input_per_mtok_usd':3,'output_per_mtok_usd':15},'models':{'m':{'context_tokens':8192,'price':{'input_per_mtok_usd':1,'output_per_mtok_usd':2}}}}},}");
    assert_string_equal(s->model, "anthropic/claude");
    assert_string_equal(s->work_dir, "/w");
    assert_int_equal(s->mount_count, 3);
    assert_string_equal(s->mounts[0].host, "/usr/share");
    assert_string_equal(s->mounts[0].guest, "/lib");
    assert_false(s->mounts[0].writable);
    assert_true(s->mounts[1].writable);
    assert_int_equal(s->env_count, 2);
    assert_int_equal(s->allowed_count, 4);
    assert_int_equal(s->block_network_count, 2);
    assert_int_equal(s->block_url_count, 1);
    assert_int_equal(s->tool_dir_count, 1);
    assert_int_equal(s->required_facets, 1 << 2 | 1 << 1);
    assert_int_equal(s->mode, MODE_PLAN);
    assert_true(s->mode_said);
    assert_int_equal(s->limits.wasm_fuel, 1000);
    assert_int_equal(s->limits.wasm_timeout_ns, 250000000);
    assert_int_equal(s->max_turns, 7);
    assert_int_equal(s->max_tool_calls, 8);
    assert_int_equal(s->max_wall_ns, 1500000000);
    assert_int_equal(s->total_budget_pico, 100000000000);
    assert_int_equal(s->max_depth, 0);
    assert_int_equal(s->provider_count, 1);
    const struct settings_provider *p = &s->providers[0];
    assert_string_equal(p->name, "mine");
    assert_string_equal(p->wire, "openai");
    assert_string_equal(p->base_url, "http://127.0.0.1:8080/v1");
    assert_string_equal(p->key_env, "MY_KEY");
    assert_true(p->has_price);
    assert_int_equal(p->context_tokens, 32768);
    assert_int_equal(p->price.input, 3000000);
    assert_non_null(p->headers);
    assert_non_null(p->models);
    struct effect e = {.kind = EFFECT_NET, .target = "a.org:443"};
    assert_int_equal(policy_on_effect(s->policy, &e, NULL), POLICY_DENY);
}

static void a_mistake_is_named_with_file_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } rows[] = {
        {"{\n 'model': 'x/y',\n 'modle': 1\n}",
         "s.json:3: key `modle`: there is no such key; did you mean `model`?"},
        {"{\n\n 'permissions': {\n  'allow': ['Read',\n   'Write(/a)',\n   'Wirte(/b)']}}",
         "s.json:6: key `permissions.allow[2]`: rule \"Wirte(/b)\""},
        {"{ // one\n /* two\n three */ 'wasm_fuel': 'much'}",
         "s.json:3: key `wasm_fuel`: must be an integer from 1 to"},
        {"{'wasm_timeout': 0}",
         "s.json:1: key `wasm_timeout`: must be a number from 0.001 to 86400 s"},
        {"{'max_turns': 1.5}", "s.json:1: key `max_turns`: must be an integer"},
        {"{'max_turns': 0}", "key `max_turns`"},
        {"{'max_turns': true}", "key `max_turns`"},
        {"{'total_budget_usd': -1}", "key `total_budget_usd`: must be a number from 0"},
        {"{'total_budget_usd': 1e300}", "key `total_budget_usd`"},
        {"{'total_budget_usd': 0.0000000000001}", "key `total_budget_usd`"},
        {"{'allowed_outbound_hosts': [\n'https://a.org',\n'example.org']}",
         "s.json:3: key `allowed_outbound_hosts[1]`: \"example.org\" needs its scheme"},
        {"{'allowed_outbound_hosts': ['https://a*.org']}", "\"https://a*.org\""},
        {"{'allowed_outbound_hosts': ['https://a.org/x']}",
         "\"https://a.org/x\" is scheme://host[:port] and nothing behind it"},
        {"{'allowed_outbound_hosts': ['https://a.org:443..443']}", "port"},
        {"{'allowed_outbound_hosts': ['https://a.org:0']}", "port"},
        {"{'allowed_outbound_hosts': ['h2://a.org']}", "scheme of letters"},
        {"{'allowed_outbound_hosts': ['https://u@a.org']}", "user name"},
        {"{'allowed_outbound_hosts': ['https://10.0.0.1/8']}", "bits set"},
        {"{'allowed_outbound_hosts': ['https://10.0.0.0/33']}", "0 to 32"},
        {"{'allowed_outbound_hosts': ['https://1.2.3']}", "digits"},
        {"{'allowed_outbound_hosts': ['https://fd00::1']}", "brackets"},
        {"{'allowed_outbound_hosts': ['https://']}", "no host"},
        {"{'allowed_outbound_hosts': 'https://a.org'}", "must be a list"},
        {"{'block_networks': ['10.0.0.0/8', 'public']}",
         "key `block_networks[1]`: \"public\" must be \"private\""},
        {"{'block_networks': ['fd00::/129']}", "0 to 128"},
        {"{'block_url': ['example.org/x']}", "whole URL"},
        {"{'block_url': ['https://*/x']}", "no * in it"},
        {"{'map_dirs': ['/a']}", "must be HOST::GUEST"},
        {"{'map_dirs': ['/a::b']}", "absolute guest path"},
        {"{'map_dirs': ['/a::/b:rx']}", "absolute guest path"},
        {"{'map_dirs': ['a::/b']}", "absolute path"},
        {"{'map_dirs': ['/a::/b','/c::/b']}", "given twice"},
        {"{'map_dirs': [{'host':'/a','guest':'/b','mod':'rw'}]}", "did you mean `mode`"},
        {"{'env_vars': ['=x']}", "NAME=VALUE"},
        {"{'env_vars': ['1A=x']}", "NAME=VALUE"},
        {"{'env_vars': ['A']}", "NAME=VALUE"},
        {"{'permission_mode': 'yolo'}", "key `permission_mode`: permission mode must be one of"},
        {"{'permission_mode': 'plan', 'permissions': {'mode': 'default'}}", "said twice"},
        {"{'permissions': {'alow': []}}",
         "key `permissions.alow`: there is no such key; did you mean `allow`?"},
        {"{'permissions': []}", "must be an object"},
        {"{'hooks': []}", "key `hooks`: must be an object"},
        {"{'hooks': {'Stop': []}}", "`Stop` is no event of hooks here"},
        {"{'hooks': {'PreToolUse': [{'matcher': '^a$', 'hooks': []}]}}",
         "PreToolUse[0].matcher must be names of tools"},
        {"{'hooks': {'PreToolUse': [{'hooks': [{'type': 'prompt'}]}]}}",
         "PreToolUse[0].hooks[0].type must be \"command\""},
        {"{'hooks': {'PreToolUse': [{'hooks': [{'type': 'command'}]}]}}",
         "must have either `command` or `argv`"},
        {"{'hooks': {'PostToolUse': [{'hooks': [{'type': 'command', 'argv': ['true']}]}]}}",
         "must begin with an absolute path"},
        {"{'hooks': {'PreToolUse': [{'hooks': [{'type': 'command', 'command': 'x', 'timeout': 0}]}]}}",
         "must be a number of seconds"},
        {"{'hooks': {'PreToolUse': [{'hooks': [{'type': 'command', 'command': 'x', 'once': true}]}]}}",
         "has no key `once`"},
        {"{'model': 'claude'}", "PROVIDER/NAME"},
        {"{'required_layers': ['selinux']}", "must be one of no_new_privs"},
        {"{'providers': {'a': {'wire': 'grpc'}}}",
         "key `providers.a.wire`: must be one of anthropic"},
        {"{'providers': {'a': {'base_url': 'ftp://x'}}}", "http or https"},
        {"{'providers': {'a': {'key_env': 'sk-secret'}}}", "name of an environment variable"},
        {"{'providers': {'a': {'price': {'input': 3}}}}", "key `providers.a.price`"},
        {"{'providers': {'a/b': {}}}", "no provider name"},
        {"{'providers': {'a': {'headers': {'X Y': 'z'}}}}", "no header name"},
        {"{\n'model' 'x'}", "s.json:2: "},
        {"[]", "s.json:1: must be a JSON object"},
        {"", "s.json"},
        {"{'model':'a/b','model':'c/d'}", "s.json:"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(settings) struct settings *s = fresh();
        struct fault fault = {0};
        if (add(s, POLICY_USER, rows[i].text, &fault) != -FAULT_CONFIG)
            fail_msg("taken: %s (%s)", rows[i].text, fault.text);
        assert_has(fault.text, rows[i].fault);
    }
}

static void a_file_in_the_workspace_can_only_narrow(void **state)
{
    (void)state;
    static const char *const wider[] = {
        "{'permissions':{'allow':['Read']}}",
        "{'permission_mode':'bypass'}",
        "{'permissions':{'mode':'acceptEdits'}}",
        "{'hooks':{}}",
        "{'providers':{}}",
        "{'tool_dirs':[]}",
        "{'map_dirs':[]}",
        "{'work_dir':'/'}",
        "{'allowed_outbound_hosts':['https://a.org']}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wider); i++) {
        auto_(settings) struct settings *s = fresh();
        struct fault fault = {0};
        if (add(s, i % 2 ? POLICY_PROJECT : POLICY_LOCAL, wider[i], &fault) != -FAULT_CONFIG)
            fail_msg("taken: %s", wider[i]);
        assert_has(fault.text, "workspace");
    }
    auto_(settings) struct settings *s = fresh();
    said(
        s, POLICY_PROJECT,
        "{'wasm_timeout':60,'max_turns':10,'block_networks':['192.0.2.0/24'],'permissions':{'deny':['Write(/keep)']},'permission_mode':'default'}");
    assert_int_equal(s->limits.wasm_timeout_ns,
                     30000000000); /* wider than the default: no effect */
    assert_int_equal(s->max_turns, 10);
    assert_int_equal(s->block_network_count, 2);
    said(s, POLICY_USER,
         "{'wasm_timeout':90,'max_turns':100,'permission_mode':'plan','block_networks':[]}");
    assert_int_equal(s->limits.wasm_timeout_ns, 60000000000);
    assert_int_equal(s->max_turns, 10);
    assert_int_equal(s->mode, MODE_PLAN); /* the workspace's "default" does not widen it */
    assert_int_equal(s->block_network_count, 1);
    assert_string_equal(s->block_networks[0], "192.0.2.0/24");
}

static void the_tighter_limit_wins_and_the_higher_layer_says_scalars(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        auto_(settings) struct settings *s = fresh();
        static const struct {
            enum policy_layer layer;
            const char *text;
        } rows[] = {
            {POLICY_MANAGED,
             "{'model':'a/managed','wasm_timeout':50,'env_vars':['A=managed'],'permissions':{'deny':['Net']}}"},
            {POLICY_COMMAND_LINE,
             "{'model':'a/line','wasm_timeout':70,'work_dir':'/line','permission_mode':'acceptEdits'}"},
            {POLICY_USER,
             "{'model':'a/user','wasm_timeout':40,'work_dir':'/user','env_vars':['A=user','B=user'],'permission_mode':'bypass'}"},
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            size_t at = order ? ARRAY_LEN(rows) - 1 - i : i;
            said(s, rows[at].layer, rows[at].text);
        }
        assert_string_equal(s->model, "a/managed");
        assert_string_equal(s->work_dir, "/line");
        assert_int_equal(s->limits.wasm_timeout_ns, 40000000000);
        assert_int_equal(s->mode, MODE_ACCEPT_EDITS);
        assert_int_equal(s->env_count, 2);
        assert_string_equal(s->env_vars[0], "A=managed");
    }
}

static void the_list_of_fallbacks_is_one_word_of_the_highest_layer(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    said(s, POLICY_USER, "{'fallback_models':['a/user','b/user']}");
    assert_int_equal(s->fallback_count, 2);
    assert_string_equal(s->fallback_models[1], "b/user");
    said(s, POLICY_COMMAND_LINE, "{'fallback_models':['a/line']}");
    said(s, POLICY_USER, "{'fallback_models':['a/user']}");
    assert_int_equal(s->fallback_count, 1);
    assert_string_equal(s->fallback_models[0], "a/line");
    said(s, POLICY_MANAGED, "{'fallback_models':[]}");
    assert_int_equal(s->fallback_count, 0);
}

static void an_operator_can_raise_a_default(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    said(s, POLICY_USER, "{'wasm_timeout':120,'max_turns':1000}");
    assert_int_equal(s->limits.wasm_timeout_ns, 120000000000);
    assert_int_equal(s->max_turns, 1000);
}

/* For each limit, each layer with each other: whoever is tighter is named; a layer of the workspace only when it is below
 * what the operator says. */
static void the_layer_that_set_a_limit_is_known(void **state)
{
    (void)state;
    static const struct {
        enum policy_layer layer;
        const char *file;
        enum limit_door door;
    } doors[] = {
        {POLICY_MANAGED, "m.json", LIMIT_MANAGED},
        {POLICY_COMMAND_LINE, SETTINGS_FROM_FLAGS, LIMIT_FLAG},
        {POLICY_COMMAND_LINE, "s.json", LIMIT_SETTINGS},
        {POLICY_LOCAL, "l.json", LIMIT_LOCAL},
        {POLICY_PROJECT, "p.json", LIMIT_PROJECT},
        {POLICY_USER, "u.json", LIMIT_USER},
    };
    for (size_t row = 0; row < sandbox_limit_row_count; row++) {
        const struct limit_row *r = &sandbox_limit_rows[row];
        long long unit = r->scale == 9 ? 1000000000 : 1, loose = r->fallback / unit - 1,
                  tight = loose - 1;
        for (size_t a = 0; a < ARRAY_LEN(doors); a++) {
            for (size_t b = 0; b < ARRAY_LEN(doors); b++) {
                auto_(settings) struct settings *s = fresh();
                char text[100];
                assert_int_equal(s->limit_doors.by[row], LIMIT_DEFAULT);
                snprintf(text, sizeof text, "{\"%s\":%lld}", r->key, tight);
                assert_int_equal(settings_add(s, doors[a].layer, doors[a].file, str_of(text), NULL),
                                 0);
                assert_int_equal(s->limit_doors.by[row], doors[a].door);
                snprintf(text, sizeof text, "{\"%s\":%lld}", r->key, loose);
                assert_int_equal(settings_add(s, doors[b].layer, doors[b].file, str_of(text), NULL),
                                 0);
                assert_int_equal(s->limit_doors.by[row],
                                 doors[a].door); /* the tighter one stands */
                for (size_t other = 0; other < sandbox_limit_row_count; other++)
                    assert_true(other == row || s->limit_doors.by[other] == LIMIT_DEFAULT);
            }
        }
    }
    auto_(settings) struct settings *s = fresh();
    said(s, POLICY_USER, "{'wasm_fuel':30000000000}"); /* raised by the operator: still his word */
    assert_int_equal(s->limit_doors.by[0], LIMIT_USER);
    said(s, POLICY_PROJECT, "{'wasm_fuel':25000000000}");
    assert_int_equal(s->limit_doors.by[0], LIMIT_PROJECT);
}

static void an_agents_own_limits_only_tighten(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    struct sandbox_limits l;
    struct limit_doors doors;
    said(
        s, POLICY_USER,
        "{'wasm_fuel':1000000,'agent_limits':{'main':{'wasm_fuel':2000000,'wasm_timeout':1.5},'other':{'max_open_files':3}}}");
    said(s, POLICY_PROJECT, "{'agent_limits':{'main':{'wasm_timeout':2,'max_open_files':7}}}");
    settings_limits_of(s, "main", &l, &doors);
    assert_int_equal(l.wasm_fuel, 1000000);
    assert_int_equal(doors.by[0], LIMIT_USER);
    assert_int_equal(l.wasm_timeout_ns, 1500000000);
    assert_int_equal(doors.by[1], LIMIT_AGENT);
    assert_int_equal(l.max_open_files, 7);
    settings_limits_of(s, "other", &l, &doors);
    assert_int_equal(l.max_open_files, 3);
    assert_int_equal(l.wasm_timeout_ns, 30000000000);
    settings_limits_of(s, "nobody", &l, &doors);
    assert_memory_equal(&l, &s->limits, sizeof l);
    assert_memory_equal(&doors, &s->limit_doors, sizeof doors);
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"{'agent_limits':[]}", "must be an object of agents"},
        {"{'agent_limits':{'main':5}}", "must be an object of limits"},
        {"{'agent_limits':{'ma/in':{}}}", "no agent's name"},
        {"{'agent_limits':{'':{}}}", "no agent's name"},
        {"{'agent_limits':{'main':{'wasm_fule':1}}}", "did you mean `wasm_fuel`"},
        {"{'agent_limits':{'main':{'max_turns':1}}}", "there is no such key"},
        {"{'agent_limits':{'main':{'wasm_fuel':-1}}}", "key `agent_limits.main.wasm_fuel`"},
        {"{'agent_limits':{'main':{'max_open_files':1.5}}}", "must be an integer"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct fault fault = {0};
        assert_int_equal(add(s, POLICY_USER, wrong[i].text, &fault), -FAULT_CONFIG);
        if (!strstr(fault.text, wrong[i].why))
            fail_msg("'%s' does not say '%s'", fault.text, wrong[i].why);
    }
    settings_limits_of(s, "other", &l, &doors); /* nothing half-applied */
    assert_int_equal(l.max_open_files, 3);
}

static void managed_settings_bound_the_mode_of_the_command_line(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    struct fault fault = {0};
    said(s, POLICY_MANAGED, "{'permission_mode':'default'}");
    assert_int_equal(settings_set_mode(s, MODE_BYPASS, &fault), -FAULT_USAGE);
    assert_has(fault.text, "managed");
    assert_int_equal(s->mode, MODE_DEFAULT);
    assert_int_equal(settings_set_mode(s, MODE_PLAN, &fault), 0);
    assert_int_equal(s->mode, MODE_PLAN);
    assert_int_equal(policy_mode_of(s->policy), MODE_PLAN);
}

static void providers_of_two_layers_become_one(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    said(s, POLICY_USER,
         "{'providers':{'p':{'wire':'openai','base_url':'https://user.org','key_env':'U'}}}");
    said(s, POLICY_MANAGED, "{'providers':{'p':{'base_url':'https://managed.org'}}}");
    assert_int_equal(s->provider_count, 1);
    assert_string_equal(s->providers[0].base_url, "https://managed.org");
    assert_string_equal(s->providers[0].wire, "openai");
}

/* Flip one thing at the end of a long good file: nothing of the rest may have been taken. */
static void nothing_is_half_applied(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    struct fault fault = {0};
    assert_int_equal(
        add(s, POLICY_USER,
            "{'model':'a/b','wasm_fuel':5,'permissions':{'deny':['Read']},'env_vars':['A=1'],'map_dirs':['/a::/a'],"
            "'permission_mode':'bypass','block_networks':[],'required_layers':['seccomp'],'zzz':1}",
            &fault),
        -FAULT_CONFIG);
    assert_null(s->model);
    assert_int_equal(s->limits.wasm_fuel, 20000000000);
    assert_int_equal(s->env_count, 0);
    assert_int_equal(s->mount_count, 0);
    assert_int_equal(s->mode, MODE_DEFAULT);
    assert_int_equal(s->block_network_count, 1);
    assert_int_equal(s->required_facets, 0);
    struct effect e = {.kind = EFFECT_READ, .target = "/a"};
    assert_int_equal(policy_on_effect(s->policy, &e, NULL), POLICY_ALLOW);
}

static void map_dirs_of_the_command_line_are_read(void **state)
{
    (void)state;
    auto_(settings) struct settings *s = fresh();
    struct fault fault = {0};
    assert_int_equal(settings_add_map_dir(s, STR("a:b::/x/../y:rw"), &fault), 0);
    assert_string_equal(s->mounts[0].host, "a:b");
    assert_string_equal(s->mounts[0].guest, "/y");
    assert_true(s->mounts[0].writable);
    assert_int_equal(settings_add_map_dir(s, STR("/z::/y"), &fault), 0);
    assert_int_equal(s->mount_count, 1);
    assert_string_equal(s->mounts[0].host, "/z");
    assert_false(s->mounts[0].writable);
    static const char *const bad[] = {
        "", "::", "/a", "/a::", "::/a", "/a::b", "/a:/b", "/a::/../b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (settings_add_map_dir(s, str_of(bad[i]), &fault) != -FAULT_USAGE)
            fail_msg("taken: %s", bad[i]);
}

static void the_schema_takes_what_the_parser_takes(void **state)
{
    (void)state;
    auto_json json_t *text = settings_schema();
    struct schema *schema = NULL;
    struct fault fault = {0};
    struct schema_error error = {0};
    if (schema_compile(text, &schema, &fault) != 0)
        fail_msg("%s", fault.text);
    auto_json json_t *good = json_of(
        "{'model':'a/b','wasm_timeout':0.5,'total_budget_usd':5,'permissions':{'deny':['Net']},'map_dirs':['/a::/a',{'host':'/b','guest':'/b'}],"
        "'providers':{'p':{'price':{'input_per_mtok_usd':1}}},'max_turns':3}");
    if (schema_validate(schema, good, &error) != 0)
        fail_msg("%s: %s", error.instance_path, error.sentence);
    static const char *const bad[] = {"{'modle':'x'}",
                                      "{'max_turns':0}",
                                      "{'max_turns':1.5}",
                                      "{'permissions':{'alow':[]}}",
                                      "{'hooks':{'Stop':[]}}",
                                      "{'providers':{'p':{'x':1}}}",
                                      "{'permission_mode':'yolo'}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_json json_t *v = json_of(bad[i]);
        if (schema_validate(schema, v, &error) == 0)
            fail_msg("the schema takes %s", bad[i]);
    }
    schema_free(schema);
}

static void files_of_the_workspace_are_found_beneath_it(void **state)
{
    (void)state;
    char path[] = "/tmp/boxagnts-settings-XXXXXX";
    assert_non_null(mkdtemp(path));
    setenv("XDG_CONFIG_HOME", path, 1);
    int dir = os_open_trusted(path, O_RDONLY | O_DIRECTORY, 0);
    assert_true(dir >= 0);
    struct fault fault = {0};
    auto_(settings) struct settings *s = fresh();
    assert_int_equal(settings_load(s, NULL, dir, &fault), 0); /* none there: fine */
    assert_true(os_mkdir_at(dir, ".boxagnts", 0700) >= 0);
    assert_true(os_mkdir_at(dir, "boxagnts", 0700) >= 0);
    int inside = os_open_at(dir, ".boxagnts", O_RDONLY | O_DIRECTORY, 0, OS_BENEATH),
        config = os_open_at(dir, "boxagnts", O_RDONLY | O_DIRECTORY, 0, OS_BENEATH);
    assert_true(inside >= 0 && config >= 0);
    assert_int_equal(
        os_write_file_at(inside, "settings.json", STR("{\"max_turns\": 9}"), 0600, false), 0);
    assert_int_equal(
        os_write_file_at(inside, "settings.local.json", STR("{\"max_turns\": 8}"), 0600, false), 0);
    assert_int_equal(
        os_write_file_at(config, "settings.json", STR("{\"model\": \"a/user\"}"), 0600, false), 0);
    assert_int_equal(settings_load(s, NULL, dir, &fault), 0);
    assert_int_equal(s->max_turns, 8);
    assert_string_equal(s->model, "a/user");
    assert_int_equal(settings_load(s, "/nonexistent.json", dir, &fault), -FAULT_CONFIG);
    assert_has(fault.text, "/nonexistent.json");
    assert_int_equal(os_write_file_at(inside, "settings.json",
                                      STR("{\n\"permissions\":{\"allow\":[\"Read\"]}}"), 0600,
                                      false),
                     0);
    assert_int_equal(settings_load(s, NULL, dir, &fault), -FAULT_CONFIG);
    assert_has(fault.text, ".boxagnts/settings.json:2: key `permissions.allow`");
    int tmp = os_open_trusted("/tmp", O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(os_remove_tree(tmp, strrchr(path, '/') + 1), 0);
    os_close(inside);
    os_close(config);
    os_close(tmp);
    os_close(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_interface),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(a_mistake_is_named_with_file_line_and_key),
        cmocka_unit_test(a_file_in_the_workspace_can_only_narrow),
        cmocka_unit_test(the_tighter_limit_wins_and_the_higher_layer_says_scalars),
        cmocka_unit_test(the_list_of_fallbacks_is_one_word_of_the_highest_layer),
        cmocka_unit_test(an_operator_can_raise_a_default),
        cmocka_unit_test(the_layer_that_set_a_limit_is_known),
        cmocka_unit_test(an_agents_own_limits_only_tighten),
        cmocka_unit_test(managed_settings_bound_the_mode_of_the_command_line),
        cmocka_unit_test(providers_of_two_layers_become_one),
        cmocka_unit_test(nothing_is_half_applied),
        cmocka_unit_test(map_dirs_of_the_command_line_are_read),
        cmocka_unit_test(the_schema_takes_what_the_parser_takes),
        cmocka_unit_test(files_of_the_workspace_are_found_beneath_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
