/* The end of a call: what it touched, its receipt, its result, and the hooks that are asked about that. Between intent and receipt the
 * outcome is unknown, and the journal says so. */
#include "edge/desk_inside.h"

#include "base/digest.h"
#include "host/journal.h"
#include "tools/receipt.h"

#include <errno.h>
#include <stdio.h>

void desk_undo_mounts(const struct desk *d, struct undo_mount *ret)
{
    const struct app *a = d->c.app;
    for (size_t i = 0; i < a->mount_count; i++)
        ret[i] = (struct undo_mount){a->mounts[i].guest, a->mounts[i].host, a->mounts[i].dir_fd,
                                     a->mounts[i].writable};
}

static own json_t *touched_of(struct desk *d, struct call *c)
{
    json_t *touched = NULL;
    struct fault why = {0};
    if (!c->undo_begun)
        return json_array();
    struct undo_mount mounts[SANDBOX_MOUNTS_MAX];
    desk_undo_mounts(d, mounts);
    if (undo_seal(d->c.app->state, d->c.session, c->id, mounts, d->c.app->mount_count, &touched,
                  &why) < 0) {
        desk_tell(d, "note", json_pack("{s:s, s:s}", "tool", c->name, "text", why.text));
        return json_array();
    }
    return touched ? touched : json_array();
}

own json_t *desk_intent_of(const struct desk *d, const struct call *c)
{
    json_t *effects = json_array();
    for (size_t i = 0; i < c->effect_count; i++) {
        json_t *one = json_pack("{s:s, s:o}", "effect", effect_name(c->effects[i].kind), "target",
                                json_string_lossy(str_of(c->effects[i].target)));
        if (json_array_append_new(effects, one))
            break;
    }
    /* what did not parse is kept as text, cut: evidence, not input */
    size_t kept = c->arguments_len < UNPARSED_KEPT_MAX ? c->arguments_len : UNPARSED_KEPT_MAX;
    json_t *input =
        c->input ? json_incref(c->input) : json_string_lossy((struct str){c->arguments, kept});
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:{s:s, s:s, s:s}}", "call", c->id, "agent", d->c.agent, "tool",
        json_string_lossy(str_of(c->name)), "input", input, "effects", effects, "decision",
        "verdict", policy_verdict_name(c->decision.verdict), "rule", c->decision.rule, "by", c->by);
}

/* Calls that may change something had their intent journalled before they ran; for the others decision and
 * receipt go into one transaction, at half the cost. */
static int journal_end(struct desk *d, struct call *c, json_t *receipt, bool ran,
                       struct fault *reterr)
{
    struct state *state = d->c.app->state;
    if (!receipt)
        return -ENOMEM;
    if (c->intent_written)
        return journal_receipt(state, d->c.session, receipt, JOURNAL_DURABLE, reterr);
    auto_json json_t *body = desk_intent_of(d, c);
    return body ? journal_add_with_receipt(state, d->c.session, c->id, ran ? "intent" : "decision",
                                           body, receipt, JOURNAL_LIGHT, reterr)
                : -ENOMEM;
}

/* The labels of what this call brought into the session; a bit that is set for the first time is journalled. */
static void hear(struct desk *d, const struct call *c, const json_t *result)
{
    unsigned fresh = origin_ran(d->origin, c->tool, c->effects, c->effect_count);
    origin_hear(d->origin, c->tool, result);
    for (unsigned bit = 1; bit <= fresh; bit <<= 1) {
        auto_json json_t *body =
            bit & fresh ? json_pack("{s:s, s:s}", "event", "sticky", "bit", origin_bit_name(bit))
                        : NULL;
        if (body)
            (void)!journal_add(d->c.app->state, d->c.session, c->id, "event", body, JOURNAL_LIGHT,
                               NULL);
    }
}

static const char narrowed_note[] =
    "note: the folders were read-only for this call, because writing is not granted";

/* Takes the call off the line: receipt into the journal, answer to the planner. outcome NULL = it never ran. */
void desk_finish(struct desk *d, const struct sandbox_outcome *outcome, enum sandbox_stop stop,
                 const char *sentence)
{
    struct call *c = desk_front(d);
    bool is_native = c->tool && c->tool->is_native;
    auto_json json_t *result =
        c->given               ? json_incref(c->given)
        : c->result            ? json_incref(c->result)
        : !outcome || !c->tool ? result_error(sentence)
        : is_native            ? result_from_command(outcome, c->is_narrowed ? narrowed_note : NULL)
                               : result_from_output(c->tool, outcome);
    if (c->is_narrowed && outcome && !is_native)
        result_add_note(result, narrowed_note);
    bool is_error = !result || json_is_true(json_object_get(result, "is_error"));
    auto_json json_t *touched = touched_of(d, c);
    struct digest input_digest;
    char input_hex[DIGEST_HEX_SIZE];
    digest_sha256(c->arguments, c->arguments_len, &input_digest);
    digest_hex(&input_digest, input_hex);
    const struct receipt_facts facts = {
        .call = c->id,
        .agent = d->c.agent,
        .tool = c->name,
        .input_sha256 = input_hex,
        .verdict = c->decision.verdict,
        .rule = c->decision.rule,
        .by = c->by,
        .outcome = outcome,
        .stop = stop,
        .is_error = is_error,
        .detail = sentence,
        .limits = c->has_limits ? &c->limits : NULL,
        .limit_doors = &c->limit_doors,
        .limits_of = is_native ? LIMITS_OF_COMMANDS : LIMITS_OF_MODULES,
        .http = outward_revoke(d->outward),
        .touched = touched,
        .confinement = is_native ? c->confinement : desk_confinement(d),
    };
    auto_json json_t *receipt = receipt_new(&facts);
    if (c->tool)
        outward_say_limits(d->c.app->settings, d->c.agent, c->tool, receipt);
    struct fault why = {0};
    int r = journal_end(d, c, receipt, outcome != NULL, &why);
    if (r < 0) {
        d->is_deaf = true;
        is_error = true;
        json_decref(result);
        result = result_error(
            outcome ? "the call ran, but its receipt cannot be written; nothing more will be run"
                    : "the refusal cannot be journalled");
        desk_tell(d, "note",
                  json_pack("{s:s, s:s}", "tool", c->name, "text",
                            *why.text ? why.text : fault_sentence(r)));
    }
    if (d->origin && outcome && c->tool)
        hear(d, c, result);
    d->queue_len--;
    memmove(&d->queue[0], &d->queue[1], d->queue_len * sizeof(d->queue[0]));
    d->front_started = false;
    const struct desk_outcome o = {
        .call = c->id,
        .tool = c->name,
        .result = result,
        .receipt = receipt,
        .stop = outcome ? outcome->stop : stop,
        .verdict = c->decision.verdict,
        .is_error = is_error,
        .is_unrecorded = r < 0,
        .fault = c->fault,
    };
    c->done(&o, c->arg);
    desk_call_free(c);
}

/* --- hooks --- */

static void on_hook_note(const char *who, const struct hook_answer *answer, int64_t wall_us,
                         void *arg)
{
    static const char *const words[] = {
        [HOOK_PASS] = "pass", [HOOK_ASK] = "ask", [HOOK_DENY] = "deny"};
    struct desk *d = arg;
    auto_json json_t *body =
        json_pack("{s:s, s:s, s:s, s:o, s:b, s:I}", "what", "hook", "hook", who, "answer",
                  words[answer->verdict], "reason", json_string_lossy(str_of(answer->reason)),
                  "changed", answer->input != NULL, "wall_us", (json_int_t)wall_us);
    if (body)
        (void)!journal_add(d->c.app->state, d->c.session, desk_front(d)->id, "event", body,
                           JOURNAL_LIGHT, NULL);
}

/* 0 asked: fn comes. */
int desk_ask_hooks(struct desk *d, enum hook_event e, hooks_fn fn)
{
    struct call *c = desk_front(d);
    const struct app *a = d->c.app;
    int r = d->hooks ? 0 : hooks_new(a, d->c.loop, on_hook_note, d, &d->hooks);
    if (r < 0)
        return r;
    const struct hook_call call = {.session = d->c.session,
                                   .work_dir = a->work_dir,
                                   .call = c->id,
                                   .agent = d->c.agent,
                                   .tool = c->tool,
                                   .input = c->input,
                                   .result = c->result};
    hooks_ask(d->hooks, e, &call, fn, d);
    return 0;
}

/* What happened has happened; what the planner hears of it is the hook's to withhold. */
static void on_heard(struct hook_answer *answer, const char *who, void *arg)
{
    struct desk *d = arg;
    struct call *c = desk_front(d);
    char sentence[HOOK_REASON_MAX + 200];
    if (answer->verdict != HOOK_PASS) {
        snprintf(sentence, sizeof(sentence),
                 "the call ran; its result is withheld by a hook of the operator (%s): %s", who,
                 *answer->reason ? answer->reason : "it gave no reason");
        c->given = result_error(sentence);
    }
    desk_finish(d, &c->outcome, c->outcome.stop, c->outcome.detail);
    desk_pump(d);
}

/* The call has run: its end, or first the hooks that are to see its result. */
void desk_end_or_hook(struct desk *d, struct sandbox_outcome *outcome)
{
    struct call *c = desk_front(d);
    if (d->cancelling || !c->tool || !hooks_are_for(d->c.app, HOOK_AFTER, c->tool)) {
        desk_finish(d, outcome, outcome->stop, outcome->detail);
        desk_pump(d);
        return;
    }
    c->result = c->tool->is_native
                    ? result_from_command(outcome, c->is_narrowed ? narrowed_note : NULL)
                    : result_from_output(c->tool, outcome);
    c->outcome = *outcome;
    sandbox_outcome_init(outcome, 0); /* taken over */
    if (c->result && desk_ask_hooks(d, HOOK_AFTER, on_heard) == 0)
        return;
    c->given = result_error("the call ran; a hook cannot be asked about its result");
    desk_finish(d, &c->outcome, c->outcome.stop, c->outcome.detail);
    desk_pump(d);
}
