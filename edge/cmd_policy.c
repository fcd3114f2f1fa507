/* boxagnts policy: what would be decided, and why; whether the settings hold. Runs nothing. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/desk.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const struct option_row *const tables[] = {options_policy, options_sandbox, options_common,
                                                  NULL};

static int cmd_policy(const struct parsed *p, struct fault *reterr);

const struct command command_policy = {
    .name = "policy",
    .usage = "check | explain TOOL JSON | replay FILE|- | schema",
    .summary = "check the settings, explain a decision, replay recorded calls, print the schema",
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

struct lines {
    int fd;
    const char *name;
    size_t number;
    struct buf pending;
    size_t searched; /* of pending: no line ends in it */
    bool is_over;
};

/* The next line, without its end; it lives until the next call. 0 | 1 there is none | -fault with a sentence */
static int next_line(struct lines *l, size_t *taken, struct str *ret, struct fault *reterr)
{
    buf_drop_front(&l->pending, *taken);
    *taken = 0;
    l->number++;
    for (;;) {
        const char *end = l->pending.len > l->searched ? memchr(l->pending.at + l->searched, '\n',
                                                                l->pending.len - l->searched)
                                                       : NULL;
        if (end || (l->is_over && l->pending.len > 0)) {
            ret->at = l->pending.at;
            ret->len = end ? (size_t)(end - l->pending.at) : l->pending.len;
            *taken = ret->len + (end ? 1 : 0);
            l->searched = 0;
            return 0;
        }
        if (l->is_over)
            return 1;
        char piece[16384];
        l->searched = l->pending.len;
        ssize_t n = os_read(l->fd, piece, sizeof(piece));
        if (n < 0)
            return fault_set(reterr, FAULT_CONFIG, "cannot read %s: %s", l->name,
                             fault_sentence((int)n));
        l->is_over = n == 0;
        if (buf_add(&l->pending, piece, (size_t)n) < 0)
            return fault_set(reterr, FAULT_CONFIG, "%s:%zu: the line is longer than %zu bytes",
                             l->name, l->number, REPLAY_LINE_MAX);
    }
}

/* One line at a time, each answer at once: another program may sit at both ends. */
static int replay_lines(struct lines *l, struct replay *replay, struct fault *reterr)
{
    struct str line;
    size_t taken = 0;
    int r;
    auto_done(buf) struct buf out;
    buf_init(&out, 1 << 20);
    while ((r = next_line(l, &taken, &line, reterr)) == 0) {
        struct fault why = {0};
        buf_reset(&out);
        r = replay_line(replay, line, &out, &why);
        if (r < 0)
            return fault_set(reterr, FAULT_CONFIG, "%s:%zu: %s", l->name, l->number,
                             *why.text ? why.text : fault_sentence(r));
        if (out.len > 0 && (fwrite(out.at, 1, out.len, stdout) != out.len || fflush(stdout) != 0))
            return fault_sys(reterr, errno, "cannot write the verdicts");
    }
    return r < 0 ? r : 0;
}

static int policy_replay(const struct parsed *p, struct fault *reterr)
{
    const char *name = p->positional[1];
    bool is_stdin = strcmp(name, "-") == 0;
    struct app app;
    auto_(replay) struct replay *replay = NULL;
    auto_close int fd = -1;
    int r = app_open(&app, p, 0, reterr);
    if (r == 0)
        r = replay_new(app.settings->policy, app.settings->provenance, &replay);
    if (r == 0 && !is_stdin && (fd = os_open_trusted(name, O_RDONLY, 0)) < 0)
        r = fault_set(reterr, FAULT_CONFIG, "cannot read %s: %s", name, fault_sentence(fd));
    struct lines lines = {.fd = is_stdin ? 0 : fd, .name = is_stdin ? "standard input" : name};
    buf_init(&lines.pending, REPLAY_LINE_MAX);
    if (r == 0)
        r = replay_lines(&lines, replay, reterr);
    buf_done(&lines.pending);
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
    {"replay", "FILE|-", "recorded calls and results, one JSON line each: a verdict for each call",
     policy_replay, 1, 1},
    {"schema", "", "the JSON Schema of the settings", policy_schema, 0, 0},
};

static int cmd_policy(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
