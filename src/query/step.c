/* The loop's whole behaviour. States and their legal moves:
 *
 *   IDLE --start--> MODEL --whole answer--> DONE | CALLS | MODEL (recovery message)
 *                   MODEL --failure--> PAUSE --timer--> MODEL | DONE
 *                   CALLS --last result--> MODEL | DONE
 *   any  --cancel--> DONE
 *
 * An event that does not fit the state is ignored: a late byte of a model or a result that nobody waits
 * for must not move anything. Attempts of an incident are closed by what the runtime saw (a whole answer
 * for service failures, a call that really succeeded for useless answers), never by the planner's words. */
#include "query/step.h"

#include "base/fault.h"
#include "query/recovery.h"
#include "query/turn.h"

#include <errno.h>
#include <stdio.h>

#define LOOP_REPEATS_MAX 3
#define FINAL_TEXT_MAX ((size_t)16 << 20)

enum query_state { IDLE, MODEL, PAUSE, CALLS, DONE };

struct signature {
    uint64_t a, b;
};

struct pending {
    json_t *result; /* own; NULL while the call runs */
    bool is_error, ran;
};

struct query {
    struct query_limits limits;
    enum query_state state;
    json_t *conversation; /* own; [{role, content}] */
    struct turn turn;
    uint64_t turn_number, call_number,
        first_call; /* first_call: number of the present turn's first */
    int64_t turns, calls;
    struct pending pending[TURN_CALLS_MAX];
    size_t pending_count, pending_left;
    bool calls_over;
    unsigned service_tries, answer_tries;
    struct signature last;
    unsigned repeats;
    struct buf final; /* text of the answer, parts of a cut one joined */
    bool continues;   /* the next text continues the one before (after a cut) */
    json_t
        *last_results; /* own; [{text, is_error}] of the calls before, for scripts' expectations */
    uint64_t seed;
};

int query_new(const struct query_limits *limits, uint64_t jitter_seed, own struct query **ret)
{
    struct query *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    q->limits = *limits;
    q->seed = jitter_seed | 1;
    turn_init(&q->turn);
    buf_init(&q->final, FINAL_TEXT_MAX);
    if (!(q->conversation = json_array()) || !(q->last_results = json_array())) {
        query_free(q);
        return -ENOMEM;
    }
    *ret = q;
    return 0;
}

static void drop_pending(struct query *q)
{
    for (size_t i = 0; i < q->pending_count; i++)
        json_decref(q->pending[i].result);
    q->pending_count = q->pending_left = 0;
}

void query_free(own struct query *q)
{
    if (!q)
        return;
    drop_pending(q);
    turn_done(&q->turn);
    buf_done(&q->final);
    json_decref(q->conversation);
    json_decref(q->last_results);
    free(q);
}

const json_t *query_conversation(const struct query *q)
{
    return q->conversation;
}
bool query_is_done(const struct query *q)
{
    return q->state == DONE;
}

/* --- actions --- */

static int act_done(struct query *q, const char *status, const char *stopped_by, const char *detail,
                    query_act act, void *arg)
{
    q->state = DONE;
    struct query_action a = {.kind = QUERY_ACT_DONE,
                             .status = status,
                             .stopped_by = stopped_by,
                             .detail = detail,
                             .text = buf_str(&q->final)};
    return act(&a, arg);
}

static int say(const char *what, struct str text, query_act act, void *arg)
{
    struct query_action a = {.kind = QUERY_ACT_SAY, .say = what, .text = text};
    return act(&a, arg);
}

static int ask_again(struct query *q, query_act act, void *arg)
{
    q->state = MODEL;
    turn_done(&q->turn);
    struct query_action a = {.kind = QUERY_ACT_MODEL, .number = q->turn_number};
    return act(&a, arg);
}

static int ask_model(struct query *q, query_act act, void *arg)
{
    if (q->turns >= q->limits.max_turns)
        return act_done(q, "stopped", "turns", "the turn limit is reached", act, arg);
    q->turns++;
    q->turn_number++;
    return ask_again(q, act, arg);
}

/* --- conversation --- */

static int add_message(struct query *q, const char *role, own json_t *content)
{
    json_t *message = json_pack("{s:s, s:o}", "role", role, "content", content);
    if (!message)
        return -ENOMEM;
    return json_array_append_new(q->conversation, message) ? -ENOMEM : 0;
}

static int add_user_text(struct query *q, struct str text)
{
    return add_message(q, "user",
                       json_pack("[{s:s, s:o}]", "type", "text", "text", json_string_lossy(text)));
}

int query_start(struct query *q, struct str prompt, query_act act, void *arg)
{
    if (q->state != IDLE)
        return -EINVAL;
    int r = add_user_text(q, prompt);
    return r < 0 ? r : ask_model(q, act, arg);
}

/* --- incidents --- */

static int on_service_failure(struct query *q, const struct query_event *e, query_act act,
                              void *arg)
{
    turn_done(&q->turn);
    if (e->error == QUERY_BUDGET)
        return act_done(q, "stopped", "budget", "the next model call does not fit the budget", act,
                        arg);
    if (e->error == QUERY_TIME)
        return act_done(q, "stopped", "time", "the time limit is reached", act, arg);
    if (!recovery_may_retry(e->error) || q->service_tries >= RECOVERY_TRIES_MAX)
        return act_done(q, "stopped", "model", query_error_name(e->error), act, arg);
    q->service_tries++;
    q->state = PAUSE;
    char line[128];
    int n = snprintf(line, sizeof(line), "model service: %s; try %u of %u follows",
                     query_error_name(e->error), q->service_tries, (unsigned)RECOVERY_TRIES_MAX);
    int r = say("recovery", (struct str){line, (size_t)n}, act, arg);
    if (r < 0)
        return r;
    struct query_action a = {.kind = QUERY_ACT_WAIT,
                             .wait_ms =
                                 recovery_wait_ms(q->service_tries, e->retry_after_ms, &q->seed)};
    return act(&a, arg);
}

static int recover_answer(struct query *q, enum incident incident, query_act act, void *arg)
{
    if (q->answer_tries >= RECOVERY_TRIES_MAX)
        return act_done(q, "stopped", "recovery", incident_name(incident), act, arg);
    q->answer_tries++;
    struct str message = str_of(recovery_message(incident));
    int r = add_user_text(q, message);
    if (r < 0)
        return r;
    r = say("recovery", str_of(incident_name(incident)), act, arg);
    return r < 0 ? r : ask_model(q, act, arg);
}

/* A cut answer: its text stands and is continued, its calls are dropped (the last may be half). */
static int on_cut(struct query *q, query_act act, void *arg)
{
    json_t *kept = json_array();
    if (!kept)
        return -ENOMEM;
    size_t i;
    json_t *block;
    json_array_foreach(q->turn.blocks, i, block)
    {
        if (strcmp(json_string_value(json_object_get(block, "type")), "call") == 0)
            continue;
        if (json_array_append(kept, block)) {
            json_decref(kept);
            return -ENOMEM;
        }
    }
    int r = 0;
    bool has_text = str_trim(buf_str(&q->turn.all_text)).len > 0;
    if (has_text)
        r = add_message(q, "assistant", kept);
    else
        json_decref(kept);
    q->continues = has_text;
    return r < 0 ? r : recover_answer(q, INCIDENT_CUT, act, arg);
}

/* --- scripts' expectations --- */

static bool expectation_holds(const struct query *q, const json_t *expect)
{
    const char *contains = json_string_value(json_object_get(expect, "contains"));
    const json_t *is_error = json_object_get(expect, "is_error");
    bool found = !contains, any_error = false;
    size_t i;
    json_t *result;
    json_array_foreach(q->last_results, i, result)
    {
        any_error = any_error || json_is_true(json_object_get(result, "is_error"));
        found = found || strstr(json_string_value(json_object_get(result, "text")), contains);
    }
    return found && (!json_is_boolean(is_error) || json_is_true(is_error) == any_error);
}

/* --- calls --- */

static own json_t *error_result(const char *sentence)
{
    return json_pack("{s:[{s:s, s:o}], s:n, s:b}", "content", "type", "text", "text",
                     json_string_lossy(str_of(sentence)), "structured", "is_error", 1);
}

static int after_results(struct query *q, query_act act, void *arg);

static int begin_calls(struct query *q, query_act act, void *arg)
{
    struct turn *t = &q->turn;
    int r = add_message(q, "assistant", json_incref(t->blocks));
    if (r < 0)
        return r;
    q->state = CALLS;
    q->continues = false;
    q->first_call = q->call_number + 1;
    q->call_number += t->call_count;
    q->pending_count = q->pending_left = t->call_count;
    bool any_bad = false;
    for (size_t i = 0; i < t->call_count; i++) {
        q->pending[i] = (struct pending){.result = NULL, .is_error = true};
        const char *refusal = NULL;
        if (t->calls[i].bad) {
            refusal = t->calls[i].why_bad;
            any_bad = true;
        } else if (q->calls >= q->limits.max_tool_calls) {
            refusal = "not run: the limit of tool calls is reached";
            q->calls_over = true;
        }
        if (refusal) {
            if (!(q->pending[i].result = error_result(refusal)))
                return -ENOMEM;
            q->pending_left--;
        } else {
            q->calls++;
            q->pending[i].ran = true;
        }
    }
    if (any_bad && ++q->answer_tries > RECOVERY_TRIES_MAX) {
        drop_pending(q);
        json_array_remove(q->conversation, json_array_size(q->conversation) - 1);
        return act_done(q, "stopped", "recovery", incident_name(INCIDENT_BAD_CALL), act, arg);
    }
    for (size_t i = 0; i < t->call_count; i++) {
        if (!q->pending[i].ran)
            continue;
        struct query_action a = {.kind = QUERY_ACT_CALL,
                                 .number = q->first_call + i,
                                 .tool = str_of(t->calls[i].tool),
                                 .text = str_of(t->calls[i].input)};
        if ((r = act(&a, arg)) < 0)
            return r;
    }
    return q->pending_left ? 0 : after_results(q, act, arg);
}

/* Two FNV-1a lanes. A planner that finds a collision only ends its own run earlier. */
static void sign(struct signature *s, const char *z)
{
    for (; *z; z++) {
        s->a = (s->a ^ (uint8_t)*z) * UINT64_C(0x100000001b3);
        s->b = (s->b ^ (uint8_t)*z) * UINT64_C(0x880355f21e6d1965);
    }
    s->a ^= 0xff;
    s->b ^= 0xfe;
}

/* Same tool, input and result three times in a row; identical calls within one turn count once. */
static int count_repeats(struct query *q, bool *ret_loop)
{
    struct signature seen[TURN_CALLS_MAX];
    size_t seen_count = 0;
    for (size_t i = 0; i < q->pending_count; i++) {
        struct signature s = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x6c62272e07bb0142)};
        char *result = json_dumps(q->pending[i].result, JSON_COMPACT | JSON_SORT_KEYS);
        if (!result)
            return -ENOMEM;
        sign(&s, q->turn.calls[i].tool);
        sign(&s, q->turn.calls[i].input);
        sign(&s, result);
        free(result);
        bool again = false;
        for (size_t k = 0; k < seen_count && !again; k++)
            again = seen[k].a == s.a && seen[k].b == s.b;
        if (again)
            continue;
        seen[seen_count++] = s;
        bool same = s.a == q->last.a && s.b == q->last.b;
        q->repeats = same ? q->repeats + 1 : 1;
        q->last = s;
        if (q->repeats >= LOOP_REPEATS_MAX)
            *ret_loop = true;
    }
    return 0;
}

static int text_of_result(const json_t *result, struct buf *out)
{
    size_t i;
    json_t *block;
    json_array_foreach(json_object_get(result, "content"), i, block)
    {
        const char *text = json_string_value(json_object_get(block, "text"));
        if (text)
            (void)buf_add_z(out, text);
    }
    return buf_error(out);
}

static int remember_results(struct query *q)
{
    json_array_clear(q->last_results);
    for (size_t i = 0; i < q->pending_count; i++) {
        auto_done(buf) struct buf text;
        buf_init(&text, (size_t)64 << 20);
        int r = text_of_result(q->pending[i].result, &text);
        if (r < 0)
            return r;
        json_t *row = json_pack("{s:o, s:b}", "text", json_string_lossy(buf_str(&text)), "is_error",
                                q->pending[i].is_error);
        if (!row || json_array_append_new(q->last_results, row))
            return -ENOMEM;
    }
    return 0;
}

/* Answers every call of the turn in the conversation; those without a result get `missing`. */
static int close_calls(struct query *q, const char *missing)
{
    json_t *content = json_array();
    if (!content)
        return -ENOMEM;
    for (size_t i = 0; i < q->pending_count; i++) {
        struct pending *p = &q->pending[i];
        if (!p->result && !(p->result = error_result(missing)))
            goto oom;
        json_t *blocks = json_object_get(p->result, "content");
        json_t *row = json_pack("{s:s, s:s, s:s, s:o, s:b}", "type", "result", "id",
                                q->turn.calls[i].id, "tool", q->turn.calls[i].tool, "content",
                                json_is_array(blocks) ? json_incref(blocks) : json_array(),
                                "is_error", p->is_error);
        if (!row || json_array_append_new(content, row))
            goto oom;
    }
    return add_message(q, "user", content);
oom:
    json_decref(content);
    return -ENOMEM;
}

static int after_results(struct query *q, query_act act, void *arg)
{
    bool loop = false, any_success = false;
    for (size_t i = 0; i < q->pending_count; i++)
        any_success = any_success || (q->pending[i].ran && !q->pending[i].is_error);
    if (any_success)
        q->answer_tries = 0;
    int r = close_calls(q, "no result");
    if (r == 0)
        r = count_repeats(q, &loop);
    if (r == 0)
        r = remember_results(q);
    drop_pending(q);
    if (r < 0)
        return r;
    if (loop)
        return act_done(q, "stopped", "loop",
                        "the same call gave the same result three times in a row", act, arg);
    if (q->calls_over)
        return act_done(q, "stopped", "calls", "the limit of tool calls is reached", act, arg);
    return ask_model(q, act, arg);
}

static int on_result(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    if (q->state != CALLS || e->number < q->first_call ||
        e->number - q->first_call >= q->pending_count)
        return 0;
    struct pending *p = &q->pending[e->number - q->first_call];
    if (p->result || !p->ran)
        return 0;
    bool is_result = json_is_object(e->body);
    if (!(p->result = is_result ? json_deep_copy(e->body) : error_result("no result")))
        return -ENOMEM;
    p->is_error = !is_result || e->is_error;
    return --q->pending_left ? 0 : after_results(q, act, arg);
}

/* --- the answer --- */

/* The answer is cut at what the monitor takes, not lost. */
static int keep_text(struct query *q)
{
    struct str text = buf_str(&q->turn.all_text);
    if (text.len == 0)
        return 0;
    if (!q->continues)
        buf_reset(&q->final);
    q->continues = false;
    size_t room = q->final.max - q->final.len;
    if (text.len > room) {
        text.len = room;
        text.len = utf8_valid_prefix(text) + 4 > room ? utf8_valid_prefix(text) : room;
    }
    return buf_add_str(&q->final, text);
}

static int on_answer(struct query *q, query_act act, void *arg)
{
    struct turn *t = &q->turn;
    int r = turn_close(t);
    if (r == 0)
        r = keep_text(q);
    if (r < 0)
        return r;
    q->service_tries = 0;
    if (t->expect && !expectation_holds(q, t->expect))
        return act_done(q, "failed", "error",
                        "the script's expectation about the results does not hold", act, arg);
    if (t->stop == QUERY_REFUSAL)
        return act_done(q, "stopped", "refusal", "the model refused", act, arg);
    if (t->stop == QUERY_MAX_TOKENS)
        return on_cut(q, act, arg);
    if (t->call_count)
        return begin_calls(q, act, arg);
    if (str_trim(buf_str(&t->all_text)).len == 0)
        return recover_answer(q, t->has_thinking ? INCIDENT_THINKING_ONLY : INCIDENT_EMPTY, act,
                              arg);
    if ((r = add_message(q, "assistant", json_incref(t->blocks))) < 0)
        return r;
    return act_done(q, "done", "", "", act, arg);
}

static int on_stream(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    if (q->state != MODEL)
        return 0;
    int r = turn_add(&q->turn, e);
    if (r < 0)
        return r;
    if (e->kind == QUERY_TEXT)
        return say("text", e->text, act, arg);
    if (e->kind == QUERY_THINKING)
        return say("thinking", e->text, act, arg);
    return 0;
}

static int on_cancel(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    int r = q->state == CALLS ? close_calls(q, "cancelled") : 0;
    drop_pending(q);
    if (r < 0)
        return r;
    if (str_is(e->text, "time"))
        return act_done(q, "stopped", "time", "the time limit is reached", act, arg);
    return act_done(q, "cancelled", "cancel", "cancelled", act, arg);
}

int query_step(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    if (q->state == DONE || q->state == IDLE)
        return 0;
    switch (e->kind) {
    case QUERY_TEXT:
    case QUERY_THINKING:
    case QUERY_SIGNATURE:
    case QUERY_REDACTED:
    case QUERY_CALL:
    case QUERY_INPUT:
    case QUERY_BLOCK_END:
    case QUERY_USAGE:
    case QUERY_STOP:
    case QUERY_EXPECT: return on_stream(q, e, act, arg);
    case QUERY_MODEL_END:
        if (q->state != MODEL)
            return 0;
        return e->error == QUERY_OK ? on_answer(q, act, arg) : on_service_failure(q, e, act, arg);
    case QUERY_PLANNER_END: return q->state == MODEL ? act_done(q, "done", "", "", act, arg) : 0;
    case QUERY_RESULT: return on_result(q, e, act, arg);
    case QUERY_TIMER: return q->state == PAUSE ? ask_again(q, act, arg) : 0;
    case QUERY_CANCEL: return on_cancel(q, e, act, arg);
    }
    return 0;
}
