/* The permission decision. Rules lie in one list per verdict and effect, highest layer first, so that the first that matches is the one
 * to name. Pure: the same policy and call give the same answer, and nothing is touched. Absence of a rule is the mode's default,
 * absence of everything is "ask"; an effect that is not understood never comes here (effects.c refuses it). */
#include "tools/policy.h"

#include "tools/guest_path.h"
#include "tools/policy_rule.h"

#include <errno.h>
#include <stdio.h>

#define RULES_MAX 10000
#define KINDS (EFFECT_SPEND + 1)
#define VERDICTS (POLICY_DENY + 1)

struct rule_list {
    struct policy_rule **at;
    size_t count, cap;
};
struct policy {
    enum policy_mode mode;
    size_t count;
    struct rule_list lists[VERDICTS][KINDS];
};

static const char *const verdict_names[] = {"allow", "ask", "deny"};
static const char *const mode_names[] = {"default", "acceptEdits", "plan", "dontAsk", "bypass"};
static const char *const layer_names[] = {"managed settings", "command line",  "local settings",
                                          "project settings", "user settings", "built in"};
static const char *const default_rules[] = {"default:read", "default:write", "default:net",
                                            "default:exec", "default:tool",  "default:spend"};

const char *policy_verdict_name(enum policy_verdict v)
{
    return verdict_names[v];
}
const char *policy_mode_name(enum policy_mode m)
{
    return mode_names[m];
}
const char *policy_layer_name(enum policy_layer l)
{
    return layer_names[l];
}

int policy_mode_parse(struct str text, enum policy_mode *ret, struct fault *reterr)
{
    for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
        if (str_is(text, mode_names[i])) {
            *ret = (enum policy_mode)i;
            return 0;
        }
    }
    return fault_set(
        reterr, FAULT_USAGE,
        "permission mode must be one of default, acceptEdits, plan, dontAsk, bypass; got \"%.*s\"",
        (int)(text.len < 60 ? text.len : 60), text.at);
}

int policy_new(own struct policy **ret)
{
    struct policy *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    *ret = p;
    return 0;
}

void policy_free(own struct policy *p)
{
    if (!p)
        return;
    for (size_t v = 0; v < VERDICTS; v++) {
        for (size_t k = 0; k < KINDS; k++) {
            for (size_t i = 0; i < p->lists[v][k].count; i++)
                policy_rule_free(p->lists[v][k].at[i]);
            free(p->lists[v][k].at);
        }
    }
    free(p);
}

void policy_set_mode(struct policy *p, enum policy_mode m)
{
    p->mode = m;
}
enum policy_mode policy_mode_of(const struct policy *p)
{
    return p->mode;
}

void policy_each_rule(const struct policy *p, void (*each)(const struct policy_rule *r, void *arg),
                      void *arg)
{
    for (size_t v = VERDICTS; v-- > 0;)
        for (size_t k = 0; k < KINDS; k++)
            for (size_t i = 0; i < p->lists[v][k].count; i++)
                each(p->lists[v][k].at[i], arg);
}

void policy_each(const struct policy *p,
                 void (*each)(enum policy_verdict verdict, enum policy_layer layer,
                              const char *rule, void *arg),
                 void *arg)
{
    for (size_t v = VERDICTS; v-- > 0;)
        for (size_t k = 0; k < KINDS; k++)
            for (size_t i = 0; i < p->lists[v][k].count; i++)
                each((enum policy_verdict)v, p->lists[v][k].at[i]->layer,
                     p->lists[v][k].at[i]->text, arg);
}

static int list_insert(struct rule_list *list, struct policy_rule *rule)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        struct policy_rule **grown = realloc(list->at, cap * sizeof(struct policy_rule *));
        if (!grown)
            return -ENOMEM;
        list->at = grown;
        list->cap = cap;
    }
    size_t i = list->count;
    for (; i > 0 && list->at[i - 1]->layer > rule->layer; i--)
        list->at[i] = list->at[i - 1];
    list->at[i] = rule;
    list->count++;
    return 0;
}

int policy_add_rule(struct policy *p, enum policy_layer layer, enum policy_verdict verdict,
                    struct str rule, struct fault *reterr)
{
    if (verdict == POLICY_ALLOW && (layer == POLICY_LOCAL || layer == POLICY_PROJECT)) {
        int r = fault_set(
            reterr, FAULT_CONFIG,
            "rule \"%.*s\": a file in the workspace may only narrow: it cannot allow anything",
            (int)(rule.len < 200 ? rule.len : 200), rule.at);
        fault_next(reterr,
                   "put the rule into your own settings: $XDG_CONFIG_HOME/boxagnts/settings.json");
        return r;
    }
    if (p->count == RULES_MAX)
        return fault_set(reterr, FAULT_CONFIG, "there are more than %d rules", RULES_MAX);
    struct policy_rule *made;
    int r = policy_rule_parse(rule, layer, verdict, &made, reterr);
    if (r)
        return r;
    r = list_insert(&p->lists[verdict][made->kind], made);
    if (r)
        policy_rule_free(made);
    else
        p->count++;
    return r;
}

/* --- the decision --- */

static const struct policy_rule *find_rule(const struct policy *p, enum policy_verdict v,
                                           const struct policy_target *t, const char *tool)
{
    const struct rule_list *list = &p->lists[v][t->effect->kind],
                           *tools = &p->lists[v][EFFECT_TOOL];
    const struct policy_rule *found = NULL;
    for (size_t i = 0; i < list->count && !found; i++)
        if (policy_rule_matches(list->at[i], t))
            found = list->at[i];
    /* A Tool rule is about all that the tool does. */
    for (size_t i = 0; tool && i < tools->count && (!found || tools->at[i]->layer < found->layer);
         i++)
        if (policy_rule_matches_tool(tools->at[i], tool))
            found = tools->at[i];
    return found;
}

static void set_rule(struct policy_decision *d, enum policy_verdict v, const char *rule,
                     enum policy_layer layer)
{
    d->verdict = v;
    d->layer = layer;
    snprintf(d->rule, sizeof d->rule, "%s", rule);
}

static void write_effect(const struct effect *e, char ret[256])
{
    size_t n = strlen(e->target);
    snprintf(ret, 256, "%s(%.180s%s)%s", effect_name(e->kind), e->target, n > 180 ? "..." : "",
             e->recursive ? " and all below" : "");
}

static void explain_rule(struct policy_decision *d, const struct policy_rule *r,
                         const struct policy_target *t)
{
    static const char *const verbs[] = {"is allowed", "needs approval", "is denied"};
    char effect[256];
    write_effect(&d->effect, effect);
    snprintf(d->why, sizeof d->why, "%s %s by the rule %.160s (%s)", effect, verbs[r->verdict],
             r->text, layer_names[r->layer]);
    bool paths = r->kind == EFFECT_READ || r->kind == EFFECT_WRITE;
    bool only_part =
        paths && d->effect.recursive && !r->any && !path_pattern_matches(&r->path, &t->names);
    if (only_part && r->verdict != POLICY_ALLOW)
        snprintf(d->why, sizeof d->why,
                 "%s %s: the rule %.160s (%s) is about a part of it; name a narrower path", effect,
                 verbs[r->verdict], r->text, layer_names[r->layer]);
}

static bool is_unverified(const struct tool *tool)
{
    return tool && !tool->verified;
}
/* The call itself, of a tool that only reads. */
static bool is_harmless(const struct tool *tool, const struct effect *e)
{
    return e->kind == EFFECT_READ || (e->kind == EFFECT_TOOL && tool && tool->read_only &&
                                      strcmp(e->target, tool->name) == 0);
}

/* What holds when no rule is about the effect. */
static void decide_by_default(const struct policy *p, const struct tool *tool,
                              struct policy_decision *d)
{
    char effect[256];
    const struct effect *e = &d->effect;
    write_effect(e, effect);
    if (is_unverified(tool)) {
        set_rule(d, POLICY_ASK, "unverified-tool", POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "the tool %s says nothing verified about itself: its first use needs approval",
                 tool->name);
    } else if (e->kind == EFFECT_READ) {
        set_rule(d, POLICY_ALLOW, default_rules[e->kind], POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s is allowed: reading inside the mounts is free and no rule is about it",
                 effect);
    } else if (is_harmless(tool, e)) {
        set_rule(d, POLICY_ALLOW, default_rules[e->kind], POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s is allowed: the tool only reads and no rule is about it", effect);
    } else if (e->kind == EFFECT_WRITE && p->mode == MODE_ACCEPT_EDITS && !e->outside_work_dir) {
        set_rule(d, POLICY_ALLOW, "mode:acceptEdits", POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s is allowed: in mode acceptEdits writing in the working folder is free",
                 effect);
    } else {
        set_rule(d, POLICY_ASK, default_rules[e->kind], POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s needs approval: it is an effect and no rule is about it", effect);
    }
}

/* plan: no effects, whatever is allowed. dontAsk and bypass: what an ask becomes. */
static void apply_mode(const struct policy *p, const struct tool *tool, struct policy_decision *d)
{
    char effect[256];
    write_effect(&d->effect, effect);
    if (p->mode == MODE_PLAN && !is_harmless(tool, &d->effect) && d->verdict != POLICY_DENY) {
        set_rule(d, POLICY_DENY, "mode:plan", POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s is denied: in mode plan there are no effects, only reading", effect);
    } else if (p->mode == MODE_DONT_ASK && d->verdict == POLICY_ASK) {
        set_rule(d, POLICY_DENY, "mode:dontAsk", POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s is denied: it would need approval, and in mode dontAsk nobody is asked",
                 effect);
    } else if (p->mode == MODE_BYPASS && d->verdict == POLICY_ASK) {
        set_rule(d, POLICY_ALLOW, "mode:bypass", POLICY_BUILTIN);
        snprintf(d->why, sizeof d->why,
                 "%s is allowed: in mode bypass what would need approval is allowed", effect);
    }
}

static void decide_effect(const struct policy *p, const struct tool *tool, const struct effect *e,
                          struct policy_decision *ret)
{
    static const enum policy_verdict order[] = {POLICY_DENY, POLICY_ASK, POLICY_ALLOW};
    struct policy_target target;
    const struct policy_rule *rule = NULL;
    policy_target_init(&target, e);
    ret->effect = *e;
    for (size_t i = 0; i < ARRAY_LEN(order) && !rule; i++)
        rule = find_rule(p, order[i], &target, tool ? tool->name : NULL);
    if (rule) {
        set_rule(ret, rule->verdict, rule->text, rule->layer);
        explain_rule(ret, rule, &target);
    } else {
        decide_by_default(p, tool, ret);
    }
    apply_mode(p, tool, ret);
}

enum policy_verdict policy_on_effect(const struct policy *p, const struct effect *e,
                                     struct policy_decision *ret_why)
{
    struct policy_decision d;
    decide_effect(p, NULL, e, &d);
    if (ret_why)
        *ret_why = d;
    return d.verdict;
}

/* A call without effects: rules may still be about its tool by name. effects.c gives a tool that is not read_only always one. */
static void decide_bare_tool(const struct policy *p, const struct tool *tool,
                             struct policy_decision *ret)
{
    struct effect e = {.kind = EFFECT_TOOL};
    snprintf(e.target, sizeof e.target, "%s", tool->name);
    decide_effect(p, tool, &e, ret);
}

void policy_decide(const struct policy *p, const struct tool *tool, const struct effect *effects,
                   size_t count, struct policy_decision *ret)
{
    if (count == 0) {
        decide_bare_tool(p, tool, ret);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct policy_decision d;
        decide_effect(p, tool, &effects[i], &d);
        if (i == 0 || d.verdict > ret->verdict)
            *ret = d;
        if (d.verdict == POLICY_DENY)
            return;
    }
}

int policy_compile_net(const struct policy *p, const struct tool *tool,
                       int (*each)(enum policy_verdict v, struct str pattern, void *arg), void *arg,
                       bool *ret_otherwise)
{
    bool is_bypass = p->mode == MODE_BYPASS;
    *ret_otherwise = is_bypass;
    for (size_t v = 0; v < VERDICTS; v++) {
        const struct rule_list *list = &p->lists[v][EFFECT_NET], *tools = &p->lists[v][EFFECT_TOOL];
        for (size_t i = 0; i < tools->count && v == POLICY_ALLOW; i++)
            *ret_otherwise |= policy_rule_matches_tool(tools->at[i], tool->name);
        for (size_t i = 0; i < list->count && !(v == POLICY_ASK && is_bypass); i++) {
            auto_done(buf) struct buf text;
            buf_init(&text, 512);
            int r = list->at[i]->any ? buf_add_c(&text, '*')
                                     : net_pattern_print(list->at[i]->net, &text);
            if (r == 0)
                r = each((enum policy_verdict)v, buf_str(&text), arg);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static const struct effect_mount *mount_of(const char *path, const struct effect_mount *mounts,
                                           size_t count)
{
    const struct effect_mount *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (guest_path_is_below(str_of(path), str_of(mounts[i].guest)) &&
            (!best || strlen(mounts[i].guest) > strlen(best->guest)))
            best = &mounts[i];
    return best;
}

void policy_backstop(const struct effect *e, const struct effect_mount *mounts, size_t mount_count,
                     char ret[256])
{
    const struct effect_mount *mount = mount_of(e->target, mounts, mount_count);
    switch (e->kind) {
    case EFFECT_READ:
    case EFFECT_WRITE:
        if (!mount)
            snprintf(ret, 256, "sandbox: no mount holds %.180s", e->target);
        else if (e->kind == EFFECT_WRITE && !mount->writable)
            snprintf(ret, 256, "sandbox: mount %.180s is read-only", mount->guest);
        else if (e->kind == EFFECT_WRITE)
            snprintf(ret, 256,
                     "sandbox: the mounts of a call whose Write is not granted are read-only");
        else
            snprintf(ret, 256,
                     "sandbox: mount %.180s is readable; nothing below the policy would stop it",
                     mount->guest);
        return;
    case EFFECT_NET:
        snprintf(
            ret, 256,
            "egress: only allowed_outbound_hosts, never block_networks; no network of its own");
        return;
    case EFFECT_EXEC:
        snprintf(
            ret, 256,
            "process jail: only the mounts, no network but the hosts it names; seccomp lets nothing else start a program");
        return;
    case EFFECT_TOOL:
        snprintf(ret, 256, "monitor: the tool must be in the agent's capability set");
        return;
    case EFFECT_SPEND: snprintf(ret, 256, "ledger: the reservation must fit the budget"); return;
    }
}
