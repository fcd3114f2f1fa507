/* boxagnts policy: what would be decided, and why; whether the settings hold. Runs nothing. */
#include "edge/cmd_policy.h"
#include "edge/app.h"
#include "edge/commands.h"

#include <errno.h>
#include <stdio.h>

static const struct option_row *const tables[] = {options_policy, options_sandbox, options_common,
                                                  NULL};

static int cmd_policy(const struct parsed *p, struct fault *reterr);

const struct command command_policy = {
    .name = "policy",
    .usage =
        "check | explain TOOL JSON | lint | test [FILE...] | grants list|revoke SESSION[/N] | replay FILE|- | schema",
    .summary =
        "check the settings, explain a decision, lint and test the rules, list and revoke grants",
    .tables = tables,
    .run = cmd_policy,
};

static int policy_check(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    int r = app_open(&app, p, APP_MOUNTS | APP_TOOLS, reterr);
    if (r == 0 && app.json)
        puts("{\"ok\":true}");
    else if (r == 0)
        printf("settings are good: mode %s, %zu folders mapped, %zu tools\n",
               policy_mode_name(app.settings->mode), app.mount_count, registry_count(app.registry));
    app_done(&app);
    return r;
}

static int explain(const struct app *app, const struct parsed *p, struct fault *reterr)
{
    const struct tool *tool = registry_find(app->registry, str_of(p->positional[1]));
    if (!tool)
        return fault_set(reterr, FAULT_USAGE, "there is no tool called \"%s\"", p->positional[1]);
    auto_json json_t *input = NULL, *mapped = NULL;
    int r = json_parse(str_of(p->positional[2]), (size_t)1 << 20, &input, reterr);
    if (r < 0)
        return r;
    struct schema_error error;
    if (tool->input_schema && schema_validate(tool->input_schema, input, &error) != 0)
        return fault_set(reterr, FAULT_SCHEMA, "%s", error.sentence);
    struct effect_mount mounts[SANDBOX_MOUNTS_MAX];
    size_t mount_count = app_effect_mounts(app, mounts, ARRAY_LEN(mounts)), count = 0;
    struct effect effects[CALL_EFFECTS_MAX];
    struct policy_decision d = {.verdict = POLICY_DENY, .rule = "outside-mounts"};
    r = effects_of_call(tool, input, mounts, mount_count, effects, ARRAY_LEN(effects), &count,
                        &mapped, reterr);
    if (r == -FAULT_POLICY)
        snprintf(d.why, sizeof(d.why), "%.500s", reterr->text);
    else if (r < 0)
        return r;
    else
        policy_decide(app->settings->policy, tool, effects, count, &d);
    char backstop[256] = "";
    if (r == 0)
        policy_backstop(&d.effect, mounts, mount_count, backstop);
    if (app->json) {
        auto_json json_t *line = json_pack(
            "{s:s, s:s, s:s, s:s, s:s}", "verdict", policy_verdict_name(d.verdict), "rule", d.rule,
            "why", d.why, "effect", r == 0 ? effect_name(d.effect.kind) : "", "backstop", backstop);
        return line ? app_print_json(line) : -ENOMEM;
    }
    printf("%s\n  rule:  %s\n  why:   %s\n", policy_verdict_name(d.verdict), d.rule, d.why);
    if (*backstop)
        printf("  below: %s\n", backstop);
    return 0;
}

static int policy_explain(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    int r = app_open(&app, p, APP_MOUNTS | APP_TOOLS, reterr);
    if (r == 0)
        r = explain(&app, p, reterr);
    app_done(&app);
    return r;
}

static int policy_schema(const struct parsed *p, struct fault *reterr)
{
    (void)reterr;
    auto_json json_t *schema = settings_schema();
    char *text = schema
                     ? json_dumps(schema, option_flag(p, OPT_JSON) ? JSON_COMPACT : JSON_INDENT(2))
                     : NULL;
    if (!text)
        return -ENOMEM;
    puts(text);
    free(text);
    return 0;
}

static const struct verb verbs[] = {
    {"check", "", "are all settings good", policy_check, 0, 0},
    {"explain", "TOOL JSON", "what would be decided, by which rule, and which layer stands below",
     policy_explain, 2, 2},
    {"lint", "", "rules that are shadowed, contradict each other, never match, or allow too much",
     policy_lint_verb, 0, 0},
    {"test", "[FILE...]",
     "does the policy decide as the files say; else the policy.test.json beside the settings",
     policy_test_verb, 0, 64},
    {"grants", "list|revoke SESSION[/N]",
     "what was allowed for longer than one call; take one back, or all of a session",
     policy_grants_verb, 2, 2},
    {"replay", "FILE|-", "recorded calls and results, one JSON line each: a verdict for each call",
     policy_replay_verb, 1, 1},
    {"schema", "", "the JSON Schema of the settings", policy_schema, 0, 0},
};

static int cmd_policy(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
