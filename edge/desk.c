/* One call at a time goes down the line described in desk.h. Everything from the planner is data here:
 * the tool's name is looked up, the arguments are parsed, validated and mapped, effects are taken from
 * the tool's manifest and never from the call, the decision is made on resolved targets. A refusal is an
 * ordinary end: it has a receipt and a result that the planner reads.
 *
 * The intent is in the journal before the worker hears of the call; the receipt follows when the worker
 * answered, died or was killed. Between the two the outcome is unknown, and the journal says so. */
#include "edge/desk.h"

#include "base/digest.h"
#include "edge/asking.h"
#include "edge/codes.h"
#include "edge/fetch_result.h"
#include "edge/hooks.h"
#include "edge/origin.h"
#include "edge/outward.h"
#include "edge/tool_watch.h"
#include "host/journal.h"
#include "host/undo.h"
#include "os/fd.h"
#include "sandbox/ask/command.h"
#include "sandbox/ask/worker.h"
#include "tools/command.h"
#include "tools/invoke.h"
#include "tools/receipt.h"

#include <errno.h>
#include <stdio.h>

#define ARGUMENTS_MAX ((size_t)16 << 20)
#define UNPARSED_KEPT_MAX ((size_t)1024)
#define CALL_TRIES_MAX 4
#define NAME_KEPT_MAX ((size_t)200) /* of a tool's name; no tool's own is as long */

struct call {
    char id[DESK_CALL_NAME_SIZE];
    char *name, *arguments; /* own */
    size_t arguments_len;
    bool name_is_cut;
    desk_done_fn done;
    void *arg;
    /* while it is at the front */
    const struct tool
        *tool;      /* own, a hold: what becomes of the registry meanwhile is not this call's */
    unsigned tries; /* how often its tool was looked up */
    json_t *input;  /* own; validated, paths mapped */
    json_t *given;  /* own; its result, when the monitor itself gives it */
    struct policy_decision decision;
    const char *by;
    size_t effect_count;
    struct asking asking;
    json_t *question;                                 /* own; the one that is open */
    bool was_asked;                                   /* a person has decided about this call */
    bool writes, reaches, undo_begun, intent_written; /* reaches: it has a Net effect */
    struct sandbox_limits limits;                     /* of the settings, tightened by the tool */
    struct limit_doors limit_doors;
    bool has_limits; /* it came as far as being run */
    bool
        is_narrowed; /* it could do without its Write effects, which are not granted: its folders are read-only */
    int fault;           /* of starting it */
    json_t *confinement; /* own; of a native command */
    int undo_fd;
    char **argv; /* own; the guest's */
    size_t argc;
    struct buf stdin_text;
    struct effect *effects; /* own */
    /* the operator's hooks */
    bool is_hooked; /* those before the call have answered */
    bool hook_asks; /* ... and want a person to be asked, whatever the policy says */
    struct policy_decision hook_decision;
    struct sandbox_outcome outcome; /* own; kept while the hooks after the call are asked */
    json_t *result;                 /* own; its result, which they are shown */
};

struct desk {
    struct desk_config c;
    struct sandbox_worker *worker;
    struct effect
        *scratch; /* own; CALL_EFFECTS_MAX of them: 64 KiB that are not allocated for each call */
    struct sandbox_command *command; /* own; the native command under way */
    struct outward *outward;         /* own; NULL until a call may reach something */
    struct hooks *hooks;             /* own; NULL until a hook is asked */
    struct origin *origin;           /* own; NULL: see desk_config.prompt */
    int undo_root_fd;
    struct codes *codes;   /* own */
    struct grants *grants; /* own */
    struct refusals refusals;
    struct call *queue[DESK_QUEUE_MAX]; /* own; [0] is at the front */
    size_t queue_len;
    uint64_t calls_made;
    bool front_started, cancelling, pumping;
    bool has_fetch; /* the tool fetch_result is there */
    bool is_deaf;   /* a receipt could not be written: nothing that leaves no trace is run */
    desk_note_fn note;
    void *note_arg;
};

static void pump(struct desk *d);
static void begin(struct desk *d);
static void on_code_note(const struct tool *tool, struct str text, void *arg);

/* --- life --- */

int desk_new(const struct desk_config *config, own struct desk **ret)
{
    struct desk *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->c = *config;
    d->calls_made = config->calls_before;
    d->undo_root_fd = -1;
    d->scratch = calloc(CALL_EFFECTS_MAX, sizeof(*d->scratch));
    int r = d->scratch ? codes_new(config->app, config->loop, on_code_note, d, &d->codes) : -ENOMEM;
    if (r == 0 && d->c.prompt)
        r = origin_new(config->app->settings, config->prompt, &d->origin);
    if (r == 0)
        r = grants_new(config->app->state, config->session, &d->grants);
    if (r < 0) {
        desk_free(d);
        return r;
    }
    *ret = d;
    return 0;
}

static void drop_tool(struct call *c)
{
    tool_free((struct tool *)(uintptr_t)take(c->tool));
}

static void call_free(struct call *c)
{
    if (!c)
        return;
    free(c->name);
    free(c->arguments);
    drop_tool(c);
    json_decref(c->input);
    json_decref(c->confinement);
    json_decref(c->given);
    json_decref(c->result);
    sandbox_outcome_done(&c->outcome);
    asking_done(&c->asking);
    json_decref(c->question);
    os_close(c->undo_fd);
    tool_argv_free(c->argv);
    free(c->effects);
    buf_done(&c->stdin_text);
    free(c);
}

void desk_free(own struct desk *d)
{
    if (!d)
        return;
    sandbox_worker_free(d->worker);
    sandbox_command_free(d->command);
    outward_free(d->outward);
    hooks_free(d->hooks);
    for (size_t i = 0; i < d->queue_len; i++)
        call_free(d->queue[i]);
    codes_free(d->codes);
    os_close(d->undo_root_fd);
    origin_free(d->origin);
    grants_free(d->grants);
    free(d->scratch);
    free(d);
}

void desk_on_note(struct desk *d, desk_note_fn fn, void *arg)
{
    d->note = fn;
    d->note_arg = arg;
}

bool desk_is_idle(const struct desk *d)
{
    return d->queue_len == 0;
}

static void tell(struct desk *d, const char *what, own json_t *body)
{
    if (d->note && body)
        d->note(what, body, d->note_arg);
    json_decref(body);
}

/* --- the worker --- */

/* Stack, memory and table belong to a worker: a tool with a stack of its own gets a worker of its own. */
static int start_worker_for(struct desk *d, const struct sandbox_limits *limits,
                            struct fault *reterr)
{
    const struct app *a = d->c.app;
    if (d->worker && !sandbox_worker_spent(d->worker) && sandbox_worker_serves(d->worker, limits))
        return 0;
    sandbox_worker_free(take(d->worker));
    if (d->undo_root_fd < 0) {
        int r = undo_root(a->state, d->c.session, &d->undo_root_fd, reterr);
        if (r < 0)
            return r;
    }
    return app_start_worker(a, d->c.agent, d->undo_root_fd, limits->wasm_max_wasm_stack, &d->worker,
                            reterr);
}

int desk_start_worker(struct desk *d, struct fault *reterr)
{
    struct sandbox_limits limits;
    struct limit_doors ignored;
    settings_limits_of(d->c.app->settings, d->c.agent, &limits, &ignored);
    return start_worker_for(d, &limits, reterr);
}

const json_t *desk_confinement(const struct desk *d)
{
    return d->worker ? sandbox_worker_confinement(d->worker) : NULL;
}

static void on_code_note(const struct tool *tool, struct str text, void *arg)
{
    tell(arg, "note", json_pack("{s:s, s:o}", "tool", tool->name, "text", json_string_lossy(text)));
}

/* --- the end of a call --- */

static struct call *front(struct desk *d)
{
    return d->queue[0];
}

static void undo_mounts(const struct desk *d, struct undo_mount *ret)
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
    undo_mounts(d, mounts);
    if (undo_seal(d->c.app->state, d->c.session, c->id, mounts, d->c.app->mount_count, &touched,
                  &why) < 0) {
        tell(d, "note", json_pack("{s:s, s:s}", "tool", c->name, "text", why.text));
        return json_array();
    }
    return touched ? touched : json_array();
}

static own json_t *intent_of(const struct desk *d, const struct call *c)
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
    auto_json json_t *body = intent_of(d, c);
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
static void finish(struct desk *d, const struct sandbox_outcome *outcome, enum sandbox_stop stop,
                   const char *sentence)
{
    struct call *c = front(d);
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
        tell(d, "note",
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
    call_free(c);
}

static void end_or_hook(struct desk *d, struct sandbox_outcome *outcome);

static void on_ran(struct sandbox_outcome *outcome, void *arg)
{
    struct desk *d = arg;
    if (outcome->stop == SANDBOX_CRASH || sandbox_worker_dead(d->worker)) {
        auto_json json_t *body =
            json_pack("{s:s, s:s}", "program", "worker", "detail", outcome->detail);
        if (body)
            (void)!journal_add(d->c.app->state, d->c.session, front(d)->id, "peer", body,
                               JOURNAL_LIGHT, NULL);
    }
    end_or_hook(d, outcome);
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
        (void)!journal_add(d->c.app->state, d->c.session, front(d)->id, "event", body,
                           JOURNAL_LIGHT, NULL);
}

/* 0 asked: fn comes. */
static int ask_hooks(struct desk *d, enum hook_event e, hooks_fn fn)
{
    struct call *c = front(d);
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
    struct call *c = front(d);
    char sentence[HOOK_REASON_MAX + 200];
    if (answer->verdict != HOOK_PASS) {
        snprintf(sentence, sizeof(sentence),
                 "the call ran; its result is withheld by a hook of the operator (%s): %s", who,
                 *answer->reason ? answer->reason : "it gave no reason");
        c->given = result_error(sentence);
    }
    finish(d, &c->outcome, c->outcome.stop, c->outcome.detail);
    pump(d);
}

/* The call has run: its end, or first the hooks that are to see its result. */
static void end_or_hook(struct desk *d, struct sandbox_outcome *outcome)
{
    struct call *c = front(d);
    if (d->cancelling || !c->tool || !hooks_are_for(d->c.app, HOOK_AFTER, c->tool)) {
        finish(d, outcome, outcome->stop, outcome->detail);
        pump(d);
        return;
    }
    c->result = c->tool->is_native
                    ? result_from_command(outcome, c->is_narrowed ? narrowed_note : NULL)
                    : result_from_output(c->tool, outcome);
    c->outcome = *outcome;
    sandbox_outcome_init(outcome, 0); /* taken over */
    if (c->result && ask_hooks(d, HOOK_AFTER, on_heard) == 0)
        return;
    c->given = result_error("the call ran; a hook cannot be asked about its result");
    finish(d, &c->outcome, c->outcome.stop, c->outcome.detail);
    pump(d);
}

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

static int parse_call(struct desk *d, struct call *c, struct buf *sentence)
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
static int fetch(struct desk *d, struct call *c, struct buf *sentence)
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

static bool is_fetch(const struct desk *d, const struct call *c)
{
    return d->has_fetch && !c->name_is_cut && strcmp(c->name, FETCH_RESULT_NAME) == 0 &&
           !registry_find(d->c.app->registry, str_of(c->name));
}

void desk_offer_fetch(struct desk *d)
{
    d->has_fetch = true;
}

static int take_effects(struct desk *d, struct call *c, struct buf *sentence)
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

static int journal_intent(struct desk *d, struct call *c, struct fault *reterr)
{
    auto_json json_t *intent = intent_of(d, c);
    int r = intent ? journal_add(d->c.app->state, d->c.session, c->id, "intent", intent,
                                 JOURNAL_DURABLE, reterr)
                   : -ENOMEM;
    c->intent_written = r == 0;
    return r;
}

static void on_command_done(struct sandbox_outcome *outcome, void *arg)
{
    struct desk *d = arg;
    /* Off the desk first: the answer may bring the next call. */
    auto_(sandbox_command) struct sandbox_command *ended = take(d->command);
    front(d)->confinement = json_incref((json_t *)(uintptr_t)sandbox_command_confinement(ended));
    end_or_hook(d, outcome);
}

/* Egress stands before the command does. ret_has: it gets a way out. */
static int prepare_way_out(struct desk *d, const struct call *c, const struct outward_ask *ask,
                           bool *ret_has, struct fault *reterr)
{
    *ret_has = false;
    if (!c->reaches)
        return 0;
    int r = d->outward ? 0 : outward_new(d->c.app, d->c.loop, &d->outward);
    if (r == 0)
        r = outward_prepare(d->outward, ask, reterr);
    *ret_has = r == 0;
    return r < 0 ? r : 0;
}

/* A native program. The planner's words become the program's words and nothing else; its limits only shorten. */
static int run_command(struct desk *d, struct call *c, struct fault *reterr)
{
    const struct app *a = d->c.app;
    const char *env[SANDBOX_ARGS_MAX];
    size_t env_count = 0;
    struct command_call said;
    int r = journal_intent(d, c, reterr);
    if (r == 0)
        r = command_call_read(c->input, &said, reterr);
    if (r < 0)
        return r;
    for (size_t i = 0; i < a->settings->env_count && env_count < ARRAY_LEN(env); i++)
        env[env_count++] = a->settings->env_vars[i];
    for (size_t i = 0; i < said.env_count && env_count < ARRAY_LEN(env); i++)
        env[env_count++] = said.env[i];
    if (said.timeout_ns < c->limits.command_timeout_ns)
        c->limits.command_timeout_ns = said.timeout_ns;
    const struct outward_ask ask = {.limits = &c->limits,
                                    .agent = d->c.agent,
                                    .tool = c->tool,
                                    .effects = c->effects,
                                    .effect_count = c->effect_count,
                                    .is_command = true};
    bool has_proxy;
    r = prepare_way_out(d, c, &ask, &has_proxy, reterr);
    const struct sandbox_command_config config = {
        .program = a->jail_program,
        .mounts = a->mounts,
        .mount_count = a->mount_count,
        .read_only = !c->writes,
        .argv = said.argv,
        .argc = said.argc,
        .env = env,
        .env_count = env_count,
        .cwd = said.cwd,
        .limits = c->limits,
        .loopback = said.loopback,
        .proxy = has_proxy,
        .stdin_bytes = said.stdin_text,
        .stdin_fd = -1,
        .required_facets = a->settings->required_facets,
    };
    if (r == 0)
        r = sandbox_command_start(&config, d->c.loop, NULL, on_command_done, d, &d->command,
                                  reterr);
    if (r == 0 && has_proxy)
        r = outward_grant_proxy(d->outward, &ask, sandbox_command_listener(d->command), reterr);
    if (r < 0)
        sandbox_command_free(take(d->command));
    command_call_done(&said);
    return r;
}

/* Why a call that was allowed never ran, as a receipt has it. */
static enum sandbox_stop stop_of_fault(int r)
{
    return r == -FAULT_SCHEMA ? SANDBOX_SCHEMA /* no command line takes these arguments */
                              : codes_stop(r);
}

static void give_up(struct desk *d, int r, const struct fault *why)
{
    finish(d, NULL, stop_of_fault(r), *why->text ? why->text : fault_sentence(r));
    pump(d);
}

/* What the sandbox would refuse anyway is not run, and nobody is asked about it. true: the call has ended. */
static bool end_unreachable(struct desk *d)
{
    struct call *c = front(d);
    struct net_door doors[NET_LIMITS_DOORS];
    outward_doors(d->c.app->settings, d->c.agent, c->tool, doors);
    size_t i = 0;
    while (i < c->effect_count &&
           (c->effects[i].kind != EFFECT_NET ||
            outward_is_allowed(d->c.app->settings, doors, c->effects[i].target)))
        i++;
    if (i == c->effect_count)
        return false;
    char sentence[1400];
    snprintf(sentence, sizeof(sentence),
             "%.1100s is not in allowed_outbound_hosts, so nothing may reach it",
             c->effects[i].target);
    c->decision.verdict = POLICY_DENY;
    snprintf(c->decision.rule, sizeof(c->decision.rule), "allowed_outbound_hosts");
    finish(d, NULL, SANDBOX_DENIED_NET, sentence);
    pump(d);
    return true;
}

/* The worker's end of the call's way out; -1 = it has none. */
static int open_way_out(struct desk *d, const struct call *c, int *ret_fd, struct fault *reterr)
{
    const struct outward_ask ask = {.limits = &c->limits,
                                    .agent = d->c.agent,
                                    .tool = c->tool,
                                    .effects = c->effects,
                                    .effect_count = c->effect_count};
    *ret_fd = -1;
    if (!c->reaches)
        return 0;
    int r = d->outward ? 0 : outward_new(d->c.app, d->c.loop, &d->outward);
    if (r == 0)
        r = outward_grant(d->outward, &ask, ret_fd, reterr);
    return r < 0 ? r : 0;
}

/* The run's mounts, and no others: what it may only read is not written to for it either. */
static int on_land(const struct undo_landing *what, void *arg)
{
    const struct desk *d = arg;
    const struct call *c = d->queue[0];
    if (!c->writes || !c->undo_begun)
        return -EROFS;
    struct undo_mount mounts[SANDBOX_MOUNTS_MAX];
    undo_mounts(d, mounts);
    return undo_land(mounts, d->c.app->mount_count, c->undo_fd, what);
}

static int send_to_worker(struct desk *d, const struct tool_code *code, struct fault *reterr)
{
    struct call *c = front(d);
    const struct app *a = d->c.app;
    auto_close int http_fd = -1;
    int r = open_way_out(d, c, &http_fd, reterr);
    if (r < 0)
        return r;
    const struct sandbox_run request = {
        .agent = d->c.agent,
        .argv = (const char *const *)c->argv,
        .argc = c->argc,
        .env = (const char *const *)a->settings->env_vars,
        .env_count = a->settings->env_count,
        .limits = c->limits,
        .mounts = a->mount_count >= 32 ? UINT32_MAX : (1u << a->mount_count) - 1,
        .read_only = !c->writes,
        .atomic_writes = true,
        .stdin_bytes = buf_str(&c->stdin_text),
        .stdin_fd = -1,
        .code_fd = code->fd,
        .code_key = code->key,
        .undo_fd = c->undo_fd,
        .http_fd = http_fd,
    };
    const struct sandbox_listener listener = {.on_land = on_land, .on_done = on_ran, .arg = d};
    return sandbox_worker_run(d->worker, d->c.loop, &request, &listener, reterr);
}

/* The code is there: intent, worker, undo, run. */
static void run_code(struct desk *d, const struct tool_code *code)
{
    struct call *c = front(d);
    const struct app *a = d->c.app;
    struct fault why = {0};
    int r = c->writes || c->reaches ? journal_intent(d, c, &why) : 0;
    if (r == 0)
        r = start_worker_for(d, &c->limits, &why);
    if (r == 0 && c->writes) {
        struct undo_mount mounts[SANDBOX_MOUNTS_MAX];
        undo_mounts(d, mounts);
        r = undo_begin(a->state, d->c.session, c->id, mounts, a->mount_count, &c->undo_fd, &why);
        c->undo_begun = r == 0;
    }
    if (r == 0)
        r = tool_argv(c->tool, c->input, &c->argv, &c->argc, &why);
    if (r == 0 && c->tool->invoke == INVOKE_STDIN)
        r = json_print(c->input, &c->stdin_text);
    if (r == 0)
        r = send_to_worker(d, code, &why);
    if (r < 0)
        give_up(d, r, &why);
}

static void on_code(int result, const struct tool_code *code, const struct fault *why, void *arg)
{
    struct desk *d = arg;
    if (result < 0)
        give_up(d, result, why);
    else
        run_code(d, code);
}

/* The module is not what it was when the tool was looked up: a call that nobody was asked about yet goes down the line again, with
 * the tool as it is now. false: it is the same one still, or this happens again and again. */
static bool begin_anew(struct desk *d)
{
    struct call *c = front(d);
    if (!d->c.tools || c->was_asked || c->tries >= CALL_TRIES_MAX)
        return false;
    tool_watch_look_now(d->c.tools);
    if (registry_find(d->c.app->registry, str_of(c->name)) == c->tool)
        return false;
    drop_tool(c);
    json_decref(take(c->input));
    free(take(c->effects));
    c->effect_count = 0;
    c->writes = c->reaches = c->has_limits = c->is_narrowed = c->is_hooked = c->hook_asks = false;
    c->decision = (struct policy_decision){0};
    begin(d);
    return true;
}

/* Compiling may take its time: the loop goes on meanwhile, and a cancel ends it. */
static void run(struct desk *d)
{
    struct call *c = front(d);
    struct tool_code code;
    struct fault why = {0};
    if (end_unreachable(d))
        return;
    settings_limits_of(d->c.app->settings, d->c.agent, &c->limits, &c->limit_doors);
    limits_tighten(&c->limits, &c->limit_doors, &c->tool->limits, LIMIT_TOOL);
    c->has_limits = true;
    if (c->tool->is_native) {
        c->fault = run_command(d, c, &why);
        if (c->fault < 0)
            give_up(d, c->fault, &why);
        return;
    }
    int r = codes_get(d->codes, c->tool, on_code, d, &code, &why);
    if (r == CODES_GONE && begin_anew(d))
        return;
    if (r < 0 || r == CODES_GONE)
        give_up(d, r < 0 ? r : -FAULT_MODULE, &why);
    else if (r == 0)
        run_code(d, &code);
}

static void ask_or_run(struct desk *d);

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
    struct call *c = front(d);
    c->decision.verdict = POLICY_DENY;
    if (rule)
        snprintf(c->decision.rule, sizeof(c->decision.rule), "%s", rule);
    finish(d, NULL, d->cancelling ? SANDBOX_CANCEL : SANDBOX_DENIED_POLICY, sentence);
    pump(d);
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
    struct call *c = front(d);
    const struct asking_facts facts = facts_of(d, c);
    auto_json json_t *question = take(c->question);
    bool is_kept = true;
    c->was_asked = true;
    int r = asking_answer(&c->asking, &facts, reply, &is_kept);
    if (!d->cancelling && reply->answer != APPROVAL_NOBODY)
        c->by = "person";
    if (!is_kept)
        tell(d, "note",
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
    struct call *c = front(d);
    const struct asking_facts facts = facts_of(d, c);
    if (approval_has_someone(d->c.approval) && end_unreachable(d))
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
    tell(d, "approval",
         json_pack("{s:s, s:s, s:O, s:s, s:O}", "call", c->id, "tool", c->name, "what",
                   json_object_get(question, "what"), "rule", c->decision.rule, "effects",
                   json_object_get(question, "effects")));
    c->question = json_incref(question);
    if (!approval_has_someone(d->c.approval) ||
        approval_ask(d->c.approval, json_incref(question), on_answer, d) < 0)
        refuse_unasked(d, question);
}

/* The narrowest of its effects' decisions is the call's. */
static void decide(const struct desk *d, struct call *c)
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
    struct call *c = front(d);
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
    run(d);
}

static void refuse_by_policy(struct desk *d)
{
    struct call *c = front(d);
    auto_done(buf) struct buf sentence;
    buf_init(&sentence, 8192);
    (void)buf_addf(&sentence, "refused by policy: %s (rule %s)", c->decision.why, c->decision.rule);
    finish(d, NULL, SANDBOX_DENIED_POLICY, buf_str(&sentence).at);
}

static void go_down(struct desk *d)
{
    struct call *c = front(d);
    if (c->decision.verdict == POLICY_DENY)
        refuse_by_policy(d);
    else if (c->decision.verdict == POLICY_ALLOW && !c->hook_asks)
        run(d);
    else
        ask_or_run(d);
}

static void refuse_by_hook(struct desk *d, const char *who, const char *reason)
{
    struct call *c = front(d);
    char sentence[HOOK_REASON_MAX + 100];
    c->by = "hook";
    c->decision.verdict = POLICY_DENY;
    snprintf(c->decision.rule, sizeof(c->decision.rule), "hook:%s", who);
    snprintf(sentence, sizeof(sentence), "refused by a hook of the operator (%s): %s", who,
             *reason ? reason : "it gave no reason");
    finish(d, NULL, SANDBOX_DENIED_POLICY, sentence);
}

/* The arguments as a hook wants them: valid like any, and doing no more than those that it was shown. */
static bool take_hook_input(struct desk *d, const json_t *input, struct buf *sentence)
{
    struct call *c = front(d);
    const struct effect *wider = NULL;
    auto_free struct effect *before = take(c->effects);
    size_t before_count = c->effect_count;
    json_decref(c->input);
    c->input = json_incref((json_t *)(uintptr_t)input);
    c->effect_count = 0;
    c->writes = c->reaches = c->is_narrowed = false;
    if (check_input(c, sentence) != 0 || take_effects(d, c, sentence) != 0)
        return false;
    if (effects_within(c->effects, c->effect_count, before, before_count, &wider))
        return true;
    (void)buf_addf(sentence, "%s(%.900s)%s is more than the call would do",
                   effect_name(wider->kind), wider->target,
                   wider->recursive ? " and all beneath it" : "");
    return false;
}

static void on_hooked(struct hook_answer *answer, const char *who, void *arg)
{
    struct desk *d = arg;
    struct call *c = front(d);
    auto_done(buf) struct buf sentence;
    buf_init(&sentence, 8192);
    c->is_hooked = true;
    if (answer->verdict == HOOK_DENY) {
        refuse_by_hook(d, who, answer->reason);
    } else if (answer->input && !take_hook_input(d, answer->input, &sentence)) {
        char reason[HOOK_REASON_MAX];
        snprintf(reason, sizeof(reason), "its arguments are refused: %.400s",
                 buf_str(&sentence).at);
        refuse_by_hook(d, *who ? who : "PreToolUse", reason);
    } else {
        decide(d, c);
        c->hook_asks = answer->verdict == HOOK_ASK;
        c->hook_decision = c->decision;
        c->hook_decision.verdict = POLICY_ASK;
        snprintf(c->hook_decision.rule, sizeof(c->hook_decision.rule), "hook:%s", who);
        snprintf(c->hook_decision.why, sizeof(c->hook_decision.why), "a hook of yours asks: %.400s",
                 *answer->reason ? answer->reason : "it gave no reason");
        go_down(d);
    }
    pump(d);
}

static void not_decided(struct call *c)
{
    c->decision.verdict = POLICY_DENY;
    snprintf(c->decision.rule, sizeof(c->decision.rule), "not-decided");
}

static void begin(struct desk *d)
{
    struct call *c = front(d);
    auto_done(buf) struct buf sentence;
    buf_init(&sentence, 8192);
    d->front_started = true;
    tool_watch_look(d->c.tools);
    if (d->cancelling) {
        not_decided(c);
        finish(d, NULL, SANDBOX_CANCEL, "cancelled");
        return;
    }
    if (d->is_deaf) {
        not_decided(c);
        finish(d, NULL, SANDBOX_CRASH, "not run: an earlier receipt could not be written");
        return;
    }
    bool is_own = is_fetch(d, c);
    int stop = is_own ? fetch(d, c, &sentence) : parse_call(d, c, &sentence);
    if (c->tries++ == 0)
        tell(d, "call",
             json_pack("{s:s, s:s, s:o}", "call", c->id, "tool", c->name, "input",
                       c->input ? json_incref(c->input) : json_null()));
    if (stop == 0 && is_own) {
        finish(d, NULL, SANDBOX_EXIT, "given by the monitor, from what it kept");
        return;
    }
    if (stop == 0)
        stop = take_effects(d, c, &sentence);
    if (stop != 0) {
        c->decision.verdict = POLICY_DENY; /* nothing that does not parse was ever allowed */
        if (!*c->decision.rule)
            snprintf(c->decision.rule, sizeof(c->decision.rule), "schema");
        finish(d, NULL, (enum sandbox_stop)stop, buf_str(&sentence).at);
        return;
    }
    decide(d, c);
    bool is_asked = c->decision.verdict != POLICY_DENY && !c->is_hooked &&
                    hooks_are_for(d->c.app, HOOK_BEFORE, c->tool);
    if (!is_asked)
        go_down(d);
    else if (ask_hooks(d, HOOK_BEFORE, on_hooked) < 0)
        refuse_by_hook(d, "PreToolUse", "it cannot be asked: out of memory");
}

/* Works off the queue; not recursive, however many calls are refused in a row. */
static void pump(struct desk *d)
{
    if (d->pumping)
        return;
    d->pumping = true;
    while (d->queue_len && !d->front_started)
        begin(d);
    d->pumping = false;
}

/* Which effects those calls had is not asked again: that private data and untrusted content were seen is the safe side. */
void desk_recall(struct desk *d, struct str name, const json_t *result)
{
    static char gone_name[] = "a tool of an earlier run";
    static const struct tool gone = {.name = gone_name};
    static const struct effect read = {.kind = EFFECT_READ};
    const struct tool *tool = registry_find(d->c.app->registry, name);
    if (!d->origin)
        return;
    (void)origin_ran(d->origin, &gone, &read, 1);
    origin_hear(d->origin, tool ? tool : &gone, result);
}

void desk_next_call(const struct desk *d, char ret[DESK_CALL_NAME_SIZE])
{
    snprintf(ret, DESK_CALL_NAME_SIZE, "c%llu", (unsigned long long)d->calls_made + 1);
}

int desk_call(struct desk *d, struct str tool, struct str arguments, desk_done_fn done, void *arg)
{
    if (d->queue_len == DESK_QUEUE_MAX)
        return -FAULT_CAP;
    struct call *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->undo_fd = -1;
    c->by = "policy";
    c->done = done;
    c->arg = arg;
    buf_init(&c->stdin_text, ARGUMENTS_MAX * 2);
    c->name_is_cut = tool.len > NAME_KEPT_MAX;
    if (c->name_is_cut)
        tool.len = utf8_valid_prefix((struct str){tool.at, NAME_KEPT_MAX});
    c->name = str_dup(tool);
    c->arguments = str_dup(arguments);
    c->arguments_len = arguments.len;
    if (!c->name || !c->arguments) {
        call_free(c);
        return -ENOMEM;
    }
    desk_next_call(d, c->id);
    d->calls_made++;
    d->queue[d->queue_len++] = c;
    pump(d);
    return 0;
}

/* A call whose code is being made has not begun: it ends here. */
/* A call whose hooks are asked has not begun, or it has ended and only its result is open. */
static void cancel_hooks(struct desk *d)
{
    if (!d->hooks || !hooks_is_busy(d->hooks))
        return;
    struct call *c = front(d);
    hooks_cancel(d->hooks);
    if (!c->is_hooked || !c->result) {
        not_decided(c);
        finish(d, NULL, SANDBOX_CANCEL, "cancelled while a hook was asked");
        return;
    }
    c->given = result_error("cancelled while a hook looked at the result");
    finish(d, &c->outcome, c->outcome.stop, c->outcome.detail);
}

static void cancel_code(struct desk *d)
{
    if (!codes_is_busy(d->codes))
        return;
    codes_cancel(d->codes);
    finish(d, NULL, SANDBOX_CANCEL, "cancelled while its module was compiled");
}

void desk_cancel(struct desk *d)
{
    d->cancelling = true;
    if (d->queue_len == 0)
        return;
    approval_cancel(d->c.approval, d);
    cancel_code(d);
    cancel_hooks(d);
    if (d->command)
        sandbox_command_cancel(d->command);
    else if (d->worker && d->queue_len && d->front_started)
        sandbox_worker_cancel(d->worker);
    pump(d);
}

void desk_end(struct desk *d)
{
    d->cancelling = true;
    approval_cancel(d->c.approval, d);
    cancel_code(d);
    cancel_hooks(d);
    if (d->command)
        sandbox_command_kill(d->command);
    else if (d->queue_len && d->front_started && d->worker)
        sandbox_worker_kill(d->worker);
    pump(d);
}

own json_t *desk_tools_json(const struct desk *d)
{
    json_t *list = json_array();
    const struct registry *r = d->c.app->registry;
    for (size_t i = 0; list && i < registry_count(r); i++) {
        const struct tool *t = registry_at(r, i);
        json_t *one = json_pack("{s:s, s:s, s:O}", "name", t->name, "description", t->description,
                                "input_schema", t->input_schema_json);
        if (json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    if (list && d->has_fetch && json_array_append_new(list, fetch_result_tool())) {
        json_decref(list);
        return NULL;
    }
    return list;
}
