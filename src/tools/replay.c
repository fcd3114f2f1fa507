/* Start, call, result. A call of a tool that only reads is allowed; one with an effect is as good as the places that its
 * targets come from. Order of words for a verdict: a rule of the operator that denies, a tool that does not exist, then
 * the worst target. */
#include "tools/replay.h"

#include "tools/json_walk.h"
#include "tools/target.h"

#include <errno.h>
#include <stdio.h>

#define TOOLS_KEPT_MAX 4096

enum tool_class { CLASS_READ, CLASS_EFFECT, CLASS_EGRESS };

struct known_tool {
    char *name; /* own */
    enum tool_class class;
    bool is_trusted;
    json_t *targets, *parameters; /* own; NULL = not said */
};

struct replay {
    const struct policy *policy;
    enum provenance_mode mode;
    struct provenance *seen;  /* own; NULL before the first start */
    struct known_tool *tools; /* own */
    size_t tool_count;
};

int replay_new(const struct policy *policy, enum provenance_mode mode, own struct replay **ret)
{
    struct replay *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->policy = policy;
    r->mode = mode;
    *ret = r;
    return 0;
}

static void forget(struct replay *r)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        free(r->tools[i].name);
        json_decref(r->tools[i].targets);
        json_decref(r->tools[i].parameters);
    }
    free(r->tools);
    provenance_free(r->seen);
    r->tools = NULL;
    r->seen = NULL;
    r->tool_count = 0;
}

void replay_free(own struct replay *r)
{
    if (!r)
        return;
    forget(r);
    free(r);
}

static struct known_tool *find_tool(const struct replay *r, const char *name)
{
    for (size_t i = 0; i < r->tool_count; i++)
        if (strcmp(r->tools[i].name, name) == 0)
            return &r->tools[i];
    return NULL;
}

/* --- start --- */

static int list_of_texts(const json_t *list, const char *what, struct fault *reterr)
{
    const json_t *one;
    size_t i;
    if (!json_is_array(list))
        return fault_set(reterr, FAULT_INPUT, "\"%s\" must be a list of texts", what);
    json_array_foreach(list, i, one) if (!json_is_string(one)) return fault_set(
        reterr, FAULT_INPUT, "\"%s\"[%zu] must be a text", what, i);
    return 0;
}

static int read_class(const json_t *tool, const char *name, enum tool_class *ret,
                      struct fault *reterr)
{
    static const char *const names[] = {
        [CLASS_READ] = "read", [CLASS_EFFECT] = "effect", [CLASS_EGRESS] = "egress"};
    const json_t *said = json_object_get(tool, "class");
    *ret = CLASS_EFFECT; /* who does not say is taken for one that does something */
    for (size_t i = 0; json_is_string(said) && i < ARRAY_LEN(names); i++)
        if (strcmp(json_string_value(said), names[i]) == 0) {
            *ret = (enum tool_class)i;
            return 0;
        }
    return said ? fault_set(reterr, FAULT_INPUT,
                            "the class of tool \"%.80s\" must be read, effect or egress", name)
                : 0;
}

static int add_tool(struct replay *r, const json_t *tool, struct fault *reterr)
{
    const char *name = json_string_value(json_object_get(tool, "name"));
    json_t *targets = json_object_get(tool, "targets"),
           *parameters = json_object_get(tool, "parameters");
    struct known_tool *t = &r->tools[r->tool_count];
    if (!name || !*name)
        return fault_set(reterr, FAULT_INPUT,
                         "each of \"tools\" must be an object with a \"name\"");
    if (find_tool(r, name))
        return fault_set(reterr, FAULT_INPUT, "the tool \"%.80s\" is given twice", name);
    int result = read_class(tool, name, &t->class, reterr);
    if (result == 0 && targets)
        result = list_of_texts(targets, "targets", reterr);
    if (result == 0 && parameters && !json_is_object(parameters))
        result = fault_set(reterr, FAULT_INPUT,
                           "the parameters of tool \"%.80s\" must be an object", name);
    if (result < 0)
        return result;
    t->name = str_dup(str_of(name));
    t->targets = json_incref(targets);
    t->parameters = json_incref(parameters);
    r->tool_count++;
    return t->name ? 0 : -ENOMEM;
}

static int read_tools(struct replay *r, const json_t *line, struct fault *reterr)
{
    const json_t *tools = json_object_get(line, "tools"),
                 *trusted = json_object_get(line, "trusted"), *one;
    size_t i;
    int result = 0;
    if (!json_is_array(tools) || json_array_size(tools) > TOOLS_KEPT_MAX)
        return fault_set(reterr, FAULT_INPUT, "\"tools\" must be a list of at most %d tools",
                         TOOLS_KEPT_MAX);
    r->tools = calloc(json_array_size(tools) + 1, sizeof(*r->tools));
    if (!r->tools)
        return -ENOMEM;
    json_array_foreach(tools, i, one) if ((result = add_tool(r, one, reterr)) < 0) return result;
    if (!trusted)
        return 0;
    result = list_of_texts(trusted, "trusted", reterr);
    for (i = 0; result == 0 && i < json_array_size(trusted); i++) {
        struct known_tool *t = find_tool(r, json_string_value(json_array_get(trusted, i)));
        if (t)
            t->is_trusted = true;
    }
    return result;
}

static int start(struct replay *r, const json_t *line, struct fault *reterr)
{
    const json_t *prompt = json_object_get(line, "prompt");
    struct replay fresh = {.policy = r->policy, .mode = r->mode};
    if (!json_is_string(prompt))
        return fault_set(reterr, FAULT_INPUT, "\"prompt\" must be a text");
    int result = read_tools(&fresh, line, reterr);
    if (result == 0)
        result = provenance_new(&fresh.seen);
    if (result < 0) {
        forget(&fresh);
        return result;
    }
    (void)provenance_add(fresh.seen, FROM_REQUEST, STR("the request"), json_view(prompt));
    forget(r);
    *r = fresh;
    return 0;
}

/* --- call --- */

struct verdict {
    enum policy_verdict verdict;
    char rule[300];
    struct buf why;
};

static enum policy_verdict unasked(const struct replay *r)
{
    return r->mode == PROVENANCE_DENY  ? POLICY_DENY
           : r->mode == PROVENANCE_ASK ? POLICY_ASK
                                       : POLICY_ALLOW;
}

static void say(struct verdict *v, enum policy_verdict verdict, const char *rule)
{
    v->verdict = verdict;
    snprintf(v->rule, sizeof(v->rule), "%s", rule);
}

/* A host, an address or an account is outside by itself; other values say nothing about who could have made them up. */
static bool leads_out(const struct known_tool *t, enum target_kind kind)
{
    return t->class == CLASS_EGRESS || kind == TARGET_HOST || kind == TARGET_EMAIL ||
           kind == TARGET_NUMBER;
}

/* A file that the request calls by its name may stand in a folder that only a listing named. */
static bool is_named_file(const struct replay *r, const struct target *t,
                          struct provenance_answer *ret)
{
    struct str value = {t->value, t->len};
    size_t at = value.len;
    while (at > 0 && value.at[at - 1] != '/')
        at--;
    struct str name = {value.at + at, value.len - at};
    struct provenance_answer a;
    if (t->kind != TARGET_PATH || t->len > PROVENANCE_VALUE_MAX || at == 0 || name.len < 5 ||
        !memchr(name.at, '.', name.len))
        return false;
    provenance_of(r->seen, TARGET_PATH, name, &a);
    if (a.verdict == PROVENANCE_FINE)
        *ret = a;
    return a.verdict == PROVENANCE_FINE;
}

/* true: this one settles the verdict. */
static bool judge_target(const struct replay *r, const struct known_tool *tool,
                         const struct target *t, struct verdict *v)
{
    struct provenance_answer a;
    int shown = t->len > 120 ? (int)utf8_valid_prefix((struct str){t->value, 120}) : (int)t->len;
    provenance_of(r->seen, t->kind, (struct str){t->value, t->len}, &a);
    if (a.verdict != PROVENANCE_FINE && is_named_file(r, t, &a))
        return false;
    if (a.verdict == PROVENANCE_UNTRUSTED) {
        say(v, unasked(r), "provenance:untrusted");
        (void)buf_addf(&v->why, "%s \"%.*s\" comes only from untrusted content: %s", t->arg, shown,
                       t->value, a.source);
        return true;
    }
    if (a.verdict == PROVENANCE_UNKNOWN && provenance_has_untrusted(r->seen) &&
        leads_out(tool, t->kind)) {
        say(v, unasked(r), "provenance:unknown");
        (void)buf_addf(
            &v->why,
            "%s \"%.*s\" stands neither in the request nor in trusted results, and untrusted content was read",
            t->arg, shown, t->value);
        return true;
    }
    return false;
}

static int targets_of_call(const struct known_tool *tool, const json_t *args,
                           struct target_list *ret)
{
    const json_t *name;
    size_t i;
    if (!tool->targets)
        return targets_guess(args, tool->parameters, ret);
    json_array_foreach(tool->targets, i, name)
    {
        const char *arg = json_string_value(name);
        int r = targets_of_value(arg, json_object_get(args, arg), ret);
        if (r < 0)
            return r;
    }
    return 0;
}

static void name_guess(const struct target_list *list, struct verdict *v)
{
    const char *last = NULL;
    (void)buf_add_z(&v->why, "; targets guessed: ");
    for (size_t i = 0; i < list->count; i++) {
        if (last && strcmp(last, list->at[i].arg) == 0)
            continue;
        (void)buf_addf(&v->why, "%s%.60s", last ? ", " : "", list->at[i].arg);
        last = list->at[i].arg;
    }
    if (!last)
        (void)buf_add_z(&v->why, "none");
}

static void judge_list(const struct replay *r, const struct known_tool *tool,
                       const struct target_list *list, struct verdict *v)
{
    for (size_t i = 0; i < list->count; i++)
        if (judge_target(r, tool, &list->at[i], v))
            return;
    if (list->is_cut) {
        say(v, unasked(r), "provenance:too-many");
        (void)buf_addf(&v->why, "it has more than %d targets", TARGETS_MAX);
        return;
    }
    if (list->count == 0 && tool->class == CLASS_EGRESS && provenance_has_untrusted(r->seen)) {
        say(v, unasked(r), "provenance:no-target");
        (void)buf_add_z(&v->why,
                        "it leads out, does not say where to, and untrusted content was read");
        return;
    }
    say(v, POLICY_ALLOW, "provenance:fine");
    (void)buf_add_z(
        &v->why,
        list->count
            ? "its targets come from the request, from trusted results or from the planner itself"
            : "it names no target");
}

static int judge_effect(const struct replay *r, const struct known_tool *tool, const json_t *args,
                        struct verdict *v)
{
    struct target_list list = {0};
    int result = targets_of_call(tool, args, &list);
    if (result == 0) {
        judge_list(r, tool, &list, v);
        if (!tool->targets)
            name_guess(&list, v);
    }
    target_list_done(&list);
    return result;
}

/* A deny of the operator's about this tool by name. */
static bool is_denied_by_rule(const struct replay *r, const char *name, struct verdict *v)
{
    struct effect e = {.kind = EFFECT_TOOL};
    struct policy_decision d;
    if (!r->policy || strlen(name) >= sizeof(e.target))
        return false;
    snprintf(e.target, sizeof(e.target), "%s", name);
    if (policy_on_effect(r->policy, &e, &d) != POLICY_DENY ||
        str_starts(str_of(d.rule), STR("mode:")))
        return false;
    say(v, POLICY_DENY, d.rule);
    (void)buf_add_z(&v->why, d.why);
    return true;
}

static int judge(const struct replay *r, const char *name, const json_t *args, struct verdict *v)
{
    const struct known_tool *tool = find_tool(r, name);
    if (is_denied_by_rule(r, name, v))
        return 0;
    if (!tool) {
        say(v, POLICY_DENY, "no-such-tool");
        return buf_addf(&v->why, "there is no tool called \"%.100s\"", name);
    }
    if (tool->class == CLASS_READ) {
        say(v, POLICY_ALLOW, "class:read");
        return buf_add_z(&v->why, "it only reads");
    }
    return judge_effect(r, tool, args, v);
}

static int call(struct replay *r, const json_t *line, struct buf *out, struct fault *reterr)
{
    const char *name = json_string_value(json_object_get(line, "fn"));
    const json_t *args = json_object_get(line, "args");
    if (!r->seen)
        return fault_set(reterr, FAULT_INPUT, "a call before the line with \"op\":\"start\"");
    if (!name || (args && !json_is_object(args)))
        return fault_set(reterr, FAULT_INPUT,
                         "a call must have a text \"fn\" and an object \"args\"");
    struct verdict v = {0};
    buf_init(&v.why, 16384);
    int result = judge(r, name, args, &v);
    if (result == 0) {
        auto_json json_t *answer =
            json_pack("{s:s, s:o, s:o}", "verdict", policy_verdict_name(v.verdict), "rule",
                      json_string_lossy(str_of(v.rule)), "why", json_string_lossy(buf_str(&v.why)));
        result = answer ? json_print(answer, out) : -ENOMEM;
        if (result == 0)
            result = buf_add_c(out, '\n');
    }
    buf_done(&v.why);
    return result;
}

/* --- result --- */

static int take_result(struct replay *r, const json_t *line, struct fault *reterr)
{
    const json_t *text = json_object_get(line, "text");
    const char *name = json_string_value(json_object_get(line, "fn"));
    if (!r->seen)
        return fault_set(reterr, FAULT_INPUT, "a result before the line with \"op\":\"start\"");
    if (!name || !json_is_string(text))
        return fault_set(reterr, FAULT_INPUT, "a result must have texts \"fn\" and \"text\"");
    const struct known_tool *tool = find_tool(r, name);
    char source[128];
    snprintf(source, sizeof(source), "the result of %.80s", name);
    source[utf8_valid_prefix(str_of(source))] = '\0';
    (void)provenance_add(r->seen, tool && tool->is_trusted ? FROM_TRUSTED : FROM_UNTRUSTED,
                         str_of(source), json_view(text));
    return 0;
}

int replay_line(struct replay *r, struct str line, struct buf *out, struct fault *reterr)
{
    auto_json json_t *value = NULL;
    struct str trimmed = str_trim(line);
    if (trimmed.len == 0)
        return 0;
    int result = json_parse(trimmed, REPLAY_LINE_MAX, &value, reterr);
    if (result < 0)
        return result;
    const char *op = json_string_value(json_object_get(value, "op"));
    if (op && strcmp(op, "start") == 0)
        return start(r, value, reterr);
    if (op && strcmp(op, "call") == 0)
        return call(r, value, out, reterr);
    if (op && strcmp(op, "result") == 0)
        return take_result(r, value, reterr);
    return fault_set(reterr, FAULT_INPUT, "\"op\" must be start, call or result");
}
