/* What a call is, and whether it may: the tool's name is looked up, the arguments are parsed, validated and mapped, effects are taken from
 * the tool's manifest and never from the call, the decision is made on resolved targets; then hooks and persons are asked. */
#include "edge/desk_inside.h"

#include "edge/fetch_result.h"
#include "tools/command.h"
#include "tools/invoke.h"

#include <errno.h>
#include <stdio.h>

static void ask_or_run(struct desk *d);

/* --- down the line --- */

static int check_input(const struct call *c, struct buf *sentence)
{
    struct schema_error error;
    if (!c->tool->input_schema || schema_validate(c->tool->input_schema, c->input, &error) == 0)
        return 0;
    (void)buf_addf(sentence, "%s (at %s, schema %s)", error.sentence,
                   *error.instance_path ? error.instance_path : "/", error.schema_path);
    return SANDBOX_SCHEMA;
}

int desk_parse_call(struct desk *d, struct call *c, struct buf *sentence)
{
    const struct tool *tool =
        c->name_is_cut ? NULL : registry_find(d->c.app->registry, str_of(c->name));
    c->tool = tool ? tool_hold(tool) : NULL;
    if (!c->tool) {
        const struct tool *near = registry_nearest(d->c.app->registry, str_of(c->name));
        (void)buf_addf(sentence, "there is no tool called \"%.100s\"%s%s%s", c->name,
                       near ? "; did you mean \"" : "", near ? near->name : "", near ? "\"?" : "");
        return SANDBOX_SCHEMA;
    }
    struct fault why = {0};
    if (json_parse((struct str){c->arguments, c->arguments_len}, ARGUMENTS_MAX, &c->input, &why) <
        0) {
        (void)buf_addf(sentence, "the arguments are not valid JSON: %s", why.text);
        return SANDBOX_SCHEMA;
    }
    return check_input(c, sentence);
}

/* Asked for by name, and nothing of the registry's has that name. */
int desk_fetch(struct desk *d, struct call *c, struct buf *sentence)
{
    static char name[] = FETCH_RESULT_NAME;
    static const struct tool self = {.name = name};
    if (json_parse((struct str){c->arguments, c->arguments_len}, ARGUMENTS_MAX, &c->input, NULL) <
        0) {
        (void)buf_addf(sentence, "the arguments are not valid JSON");
        return SANDBOX_SCHEMA;
    }
    policy_decide(d->c.app->settings->policy, &self, NULL, 0, &c->decision);
    if (c->decision.verdict == POLICY_DENY) {
        (void)buf_addf(sentence, "refused by policy: %s", c->decision.why);
        return SANDBOX_DENIED_POLICY;
    }
    c->decision.verdict = POLICY_ALLOW; /* it is what this planner was given before */
    int r = fetch_result(d->c.app->state, d->c.session, c->input, &c->given, sentence);
    if (r < 0)
        (void)buf_addf(sentence, "%s", fault_sentence(r));
    return r == 0 ? SANDBOX_EXIT : r > 0 ? SANDBOX_SCHEMA : SANDBOX_CRASH;
}

bool desk_is_fetch(const struct desk *d, const struct call *c)
{
    return d->has_fetch && !c->name_is_cut && strcmp(c->name, FETCH_RESULT_NAME) == 0 &&
           !registry_find(d->c.app->registry, str_of(c->name));
}

int desk_take_effects(struct desk *d, struct call *c, struct buf *sentence)
{
    struct effect_mount mounts[SANDBOX_MOUNTS_MAX];
    size_t mount_count = app_effect_mounts(d->c.app, mounts, ARRAY_LEN(mounts));
    struct fault why = {0};
    json_t *mapped = NULL;
    size_t count = 0;
    int r = effects_of_call(c->tool, c->input, mounts, mount_count, d->scratch, CALL_EFFECTS_MAX,
                            &count, &mapped, &why);
    bool has_writable = false;
    for (size_t i = 0; i < mount_count; i++)
        has_writable = has_writable || mounts[i].writable;
    if (r == 0 && c->tool->is_native)
        r = command_effects(d->c.app->settings->policy, c->tool, c->input, has_writable,
                            approval_has_someone(d->c.approval), d->scratch, CALL_EFFECTS_MAX,
                            &count, &c->is_narrowed, &why);
    if (r == 0 && !c->tool->is_native)
        c->is_narrowed = effects_narrow(d->c.app->settings->policy, c->tool, d->scratch, &count,
                                        has_writable, approval_has_someone(d->c.approval)) > 0;
    if (r == 0 && !(c->effects = malloc((count ? count : 1) * sizeof(*c->effects))))
        r = fault_set(&why, ENOMEM, "out of memory");
    if (r < 0) {
        json_decref(mapped);
        (void)buf_addf(sentence, "%s", *why.text ? why.text : fault_sentence(r));
        snprintf(c->decision.rule, sizeof(c->decision.rule), "outside-mounts");
        c->decision.verdict = POLICY_DENY;
        return SANDBOX_DENIED_POLICY;
    }
    if (mapped) {
        json_decref(c->input);
        c->input = mapped;
    }
    memcpy(c->effects, d->scratch, count * sizeof(*c->effects));
    c->effect_count = count;
    for (size_t i = 0; i < c->effect_count; i++) {
        c->writes = c->writes || c->effects[i].kind == EFFECT_WRITE;
        c->reaches = c->reaches || c->effects[i].kind == EFFECT_NET;
    }
    return 0;
}

static struct asking_facts facts_of(const struct desk *d, const struct call *c)
{
    return (struct asking_facts){d->c.app,
                                 d->grants,
                                 d->origin,
                                 d->c.session,
                                 d->c.agent,
                                 c->id,
                                 c->tool,
                                 c->input,
                                 c->effects,
                                 c->effect_count,
                                 c->hook_asks ? &c->hook_decision : NULL};
}

/* rule NULL: it stays the one that asked. */
static void refuse(struct desk *d, const char *rule, const char *sentence)
{
    struct call *c = desk_front(d);
    c->decision.verdict = POLICY_DENY;
    if (rule)
        snprintf(c->decision.rule, sizeof(c->decision.rule), "%s", rule);
    desk_finish(d, NULL, d->cancelling ? SANDBOX_CANCEL : SANDBOX_DENIED_POLICY, sentence);
    desk_pump(d);
}

static void refuse_unasked(struct desk *d, const json_t *question)
{
    char sentence[2400];
    const char *what = json_string_value(json_object_get(question, "what"));
    snprintf(sentence, sizeof(sentence),
             "refused: %.2000s needs a person's approval, and nobody can be asked here",
             what ? what : "it");
    refuse(d, "no-one-to-ask", sentence);
}

/* The reason is for the planner: it may do better the next time. */
static void refuse_with(struct desk *d, const char *reason)
{
    char sentence[600];
    snprintf(sentence, sizeof(sentence), "the person said no%s%s", *reason ? ": " : "", reason);
    refuse(d, NULL, sentence);
}

static void on_answer(const struct approval_reply *reply, void *arg)
{
    struct desk *d = arg;
    struct call *c = desk_front(d);
    const struct asking_facts facts = facts_of(d, c);
    auto_json json_t *question = take(c->question);
    bool is_kept = true;
    c->was_asked = true;
    int r = asking_answer(&c->asking, &facts, reply, &is_kept);
    if (!d->cancelling && reply->answer != APPROVAL_NOBODY)
        c->by = "person";
    if (!is_kept)
        desk_tell(d, "note",
                  json_pack("{s:s, s:s}", "tool", c->name, "text",
                            "this session has as many grants as it may: yes for this call"));
    if (d->cancelling) {
        refuse(d, NULL, "cancelled");
    } else if (reply->answer == APPROVAL_NOBODY) {
        refuse_unasked(d, question);
    } else if (reply->answer == APPROVAL_NO) {
        refusals_add(&d->refusals, question, reply->reason);
        refuse_with(d, reply->reason);
    } else if (r < 0) {
        refuse(d, NULL, "the answer cannot be journalled, so it does not count");
    } else {
        ask_or_run(d);
    }
}

static void ask_person(struct desk *d)
{
    struct call *c = desk_front(d);
    const struct asking_facts facts = facts_of(d, c);
    if (approval_has_someone(d->c.approval) && desk_end_unreachable(d))
        return;
    auto_json json_t *question = asking_question(&c->asking, &facts);
    const char *no = question ? refusals_find(&d->refusals, question) : NULL;
    if (!question) {
        refuse(d, NULL, fault_sentence(-ENOMEM));
        return;
    }
    if (no) {
        c->by = "person";
        refuse_with(d, no);
        return;
    }
    if (approval_has_someone(d->c.approval) && !c->tool->is_native)
        codes_keep(d->codes, c->tool); /* the person decides about this very module */
    desk_tell(d, "approval",
              json_pack("{s:s, s:s, s:O, s:s, s:O}", "call", c->id, "tool", c->name, "what",
                        json_object_get(question, "what"), "rule", c->decision.rule, "effects",
                        json_object_get(question, "effects")));
    c->question = json_incref(question);
    if (!approval_has_someone(d->c.approval) ||
        approval_ask(d->c.approval, json_incref(question), on_answer, d) < 0)
        refuse_unasked(d, question);
}

/* The narrowest of its effects' decisions is the call's. */
void desk_decide(const struct desk *d, struct call *c)
{
    const struct asking_facts facts = facts_of(d, c);
    asking_decide(&facts, 0, &c->decision);
    for (size_t i = 1; i < asking_decisions(&facts) && c->decision.verdict != POLICY_DENY; i++) {
        struct policy_decision one;
        asking_decide(&facts, i, &one);
        if (one.verdict > c->decision.verdict)
            c->decision = one;
    }
}

/* A yes is for what was shown: whatever asks is asked for, at once, and only then it runs. */
static void ask_or_run(struct desk *d)
{
    struct call *c = desk_front(d);
    const struct asking_facts facts = facts_of(d, c);
    int r = asking_collect(&c->asking, &facts);
    const struct asked *first = r == 0 ? asking_first(&c->asking) : NULL;
    if (r == 0 && first) {
        c->decision = first->decision;
        if (c->hook_asks && str_starts(str_of(first->decision.rule), STR("hook:")))
            c->by = "hook";
        ask_person(d);
        return;
    }
    if (r == 0)
        r = asking_use(&c->asking, &facts);
    if (r < 0) {
        refuse(d, NULL, "a grant cannot be journalled, so it does not count");
        return;
    }
    if (c->asking.count > 0)
        c->by = "person";
    c->decision.verdict = POLICY_ALLOW;
    desk_run(d);
}

static void refuse_by_policy(struct desk *d)
{
    struct call *c = desk_front(d);
    auto_done(buf) struct buf sentence;
    buf_init(&sentence, 8192);
    (void)buf_addf(&sentence, "refused by policy: %s (rule %s)", c->decision.why, c->decision.rule);
    desk_finish(d, NULL, SANDBOX_DENIED_POLICY, buf_str(&sentence).at);
}

void desk_go_down(struct desk *d)
{
    struct call *c = desk_front(d);
    if (c->decision.verdict == POLICY_DENY)
        refuse_by_policy(d);
    else if (c->decision.verdict == POLICY_ALLOW && !c->hook_asks)
        desk_run(d);
    else
        ask_or_run(d);
}

void desk_refuse_by_hook(struct desk *d, const char *who, const char *reason)
{
    struct call *c = desk_front(d);
    char sentence[HOOK_REASON_MAX + 100];
    c->by = "hook";
    c->decision.verdict = POLICY_DENY;
    snprintf(c->decision.rule, sizeof(c->decision.rule), "hook:%s", who);
    snprintf(sentence, sizeof(sentence), "refused by a hook of the operator (%s): %s", who,
             *reason ? reason : "it gave no reason");
    desk_finish(d, NULL, SANDBOX_DENIED_POLICY, sentence);
}

/* The arguments as a hook wants them: valid like any, and doing no more than those that it was shown. */
static bool take_hook_input(struct desk *d, const json_t *input, struct buf *sentence)
{
    struct call *c = desk_front(d);
    const struct effect *wider = NULL;
    auto_free struct effect *before = take(c->effects);
    size_t before_count = c->effect_count;
    json_decref(c->input);
    c->input = json_incref((json_t *)(uintptr_t)input);
    c->effect_count = 0;
    c->writes = c->reaches = c->is_narrowed = false;
    if (check_input(c, sentence) != 0 || desk_take_effects(d, c, sentence) != 0)
        return false;
    if (effects_within(c->effects, c->effect_count, before, before_count, &wider))
        return true;
    (void)buf_addf(sentence, "%s(%.900s)%s is more than the call would do",
                   effect_name(wider->kind), wider->target,
                   wider->recursive ? " and all beneath it" : "");
    return false;
}

void desk_on_hooked(struct hook_answer *answer, const char *who, void *arg)
{
    struct desk *d = arg;
    struct call *c = desk_front(d);
    auto_done(buf) struct buf sentence;
    buf_init(&sentence, 8192);
    c->is_hooked = true;
    if (answer->verdict == HOOK_DENY) {
        desk_refuse_by_hook(d, who, answer->reason);
    } else if (answer->input && !take_hook_input(d, answer->input, &sentence)) {
        char reason[HOOK_REASON_MAX];
        snprintf(reason, sizeof(reason), "its arguments are refused: %.400s",
                 buf_str(&sentence).at);
        desk_refuse_by_hook(d, *who ? who : "PreToolUse", reason);
    } else {
        desk_decide(d, c);
        c->hook_asks = answer->verdict == HOOK_ASK;
        c->hook_decision = c->decision;
        c->hook_decision.verdict = POLICY_ASK;
        snprintf(c->hook_decision.rule, sizeof(c->hook_decision.rule), "hook:%s", who);
        snprintf(c->hook_decision.why, sizeof(c->hook_decision.why), "a hook of yours asks: %.400s",
                 *answer->reason ? answer->reason : "it gave no reason");
        desk_go_down(d);
    }
    desk_pump(d);
}
