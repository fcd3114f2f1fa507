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
#include "query/context.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

#define FINAL_TEXT_MAX ((size_t)16 << 20)

int query_new(const struct query_limits *limits, uint64_t jitter_seed, own struct query **ret)
{
    struct query *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    q->limits = *limits;
    q->seed = jitter_seed | 1;
    q->context_limit = limits->model.context_tokens;
    q->ratio = CONTEXT_RATIO_DEFAULT;
    turn_init(&q->turn);
    buf_init(&q->final, FINAL_TEXT_MAX);
    if (history_open(&q->history) < 0 || !(q->last_results = json_array())) {
        query_free(q);
        return -ENOMEM;
    }
    *ret = q;
    return 0;
}

void query_set_overhead(struct query *q, int64_t bytes)
{
    q->limits.overhead_bytes = bytes;
}

void query_free(own struct query *q)
{
    if (!q)
        return;
    query_drop_pending(q);
    turn_done(&q->turn);
    buf_done(&q->final);
    history_done(&q->history);
    json_decref(q->last_results);
    context_drop_summary(q);
    free(q);
}

const json_t *query_conversation(const struct query *q)
{
    return q->summary_ask ? q->summary_ask : q->history.list;
}
bool query_is_done(const struct query *q)
{
    return q->state == DONE;
}

/* --- actions --- */

int query_act_done(struct query *q, const char *status, const char *stopped_by, const char *detail,
                   query_act act, void *arg)
{
    context_drop_summary(q);
    int r = query_keep(q, act, arg);
    if (r < 0)
        return r;
    q->state = DONE;
    struct query_action a = {.kind = QUERY_ACT_DONE,
                             .status = status,
                             .stopped_by = stopped_by,
                             .detail = detail,
                             .text = buf_str(&q->final)};
    return act(&a, arg);
}

int query_say(const char *what, struct str text, query_act act, void *arg)
{
    struct query_action a = {.kind = QUERY_ACT_SAY, .say = what, .text = text};
    return act(&a, arg);
}

int query_ask_again(struct query *q, query_act act, void *arg)
{
    int r = query_keep(q, act, arg);
    if (r < 0)
        return r;
    q->state = MODEL;
    turn_done(&q->turn);
    q->asked_bytes = (int64_t)q->history.bytes + q->limits.overhead_bytes;
    struct query_action a = {.kind = QUERY_ACT_MODEL,
                             .number = q->turn_number,
                             .model = q->model,
                             .by_summariser = query_asks_summariser(q),
                             .is_summary = q->summary_ask != NULL};
    return act(&a, arg);
}

int query_ask_turn(struct query *q, query_act act, void *arg)
{
    if (q->turns >= q->limits.max_turns)
        return query_act_done(q, "stopped", "turns", "the turn limit is reached", act, arg);
    q->turns++;
    q->turn_number++;
    return query_ask_again(q, act, arg);
}

/* Nothing is sent that no service could take. */
static int stop_too_long(struct query *q, int64_t least, query_act act, void *arg)
{
    char why[300];
    const char *name = query_model_asked(q)->name;
    snprintf(
        why, sizeof(why),
        "%s: %s has at least %lld tokens, a request to %.100s may have %lld; make it shorter, or use a model that "
        "holds more",
        query_error_name(QUERY_CONTEXT_TOO_LONG),
        q->history.count == 1 ? "the prompt, with what goes before it," : "the conversation",
        (long long)least, name && *name ? name : "the model", (long long)q->context_limit);
    return query_act_done(q, "stopped", "model", why, act, arg);
}

int query_ask_model(struct query *q, query_act act, void *arg)
{
    int r = query_keep(q, act, arg);
    if (r == 0)
        r = context_make_room(q, act, arg);
    int64_t least;
    if (r == CONTEXT_FITS && context_is_hopeless(q, &least))
        return stop_too_long(q, least, act, arg);
    return r < 0 ? r : query_ask_turn(q, act, arg);
}

/* --- conversation --- */

int query_keep(struct query *q, query_act act, void *arg)
{
    const struct history *h = &q->history;
    size_t first = h->count;
    while (first > 0 && h->marks[first - 1].number == 0)
        first--;
    for (size_t i = first; i < h->count; i++) {
        struct history_mark *m = &h->marks[i];
        if (m->is_results)
            continue;
        m->number = ++q->kept;
        bool has_calls = q->state == CALLS && i + 1 == h->count;
        struct query_action a = {.kind = QUERY_ACT_KEEP,
                                 .number = m->number,
                                 .message = json_array_get(h->list, i),
                                 .first_call = has_calls ? q->first_call : 0,
                                 .is_pinned = m->is_pinned};
        int r = act(&a, arg);
        if (r < 0)
            return r;
    }
    return 0;
}

static own json_t *text_block(struct str text)
{
    return json_pack("{s:s, s:o}", "type", "text", "text", json_string_lossy(text));
}

int query_add_user_text(struct query *q, struct str text)
{
    return history_add(&q->history, "user", json_pack("[o]", text_block(text)), false, false);
}

/* Whose answer it is goes with it: thinking is one model's own (foreign.h). */
int query_add_answer(struct query *q, own json_t *content)
{
    const char *name = query_model_asked(q)->name;
    int r = history_add(&q->history, "assistant", content, false, false);
    if (r < 0 || !name || !*name)
        return r;
    json_t *message = json_array_get(q->history.list, q->history.count - 1);
    return json_object_set_new(message, "by", json_string_lossy(str_of(name))) ? -ENOMEM : 0;
}

/* A person's own words, and what they attached. */
static int add_prompt(struct query *q, struct str prompt, const json_t *attached)
{
    auto_json json_t *content = json_array();
    size_t i;
    json_t *text;
    json_array_foreach((json_t *)(uintptr_t)attached, i, text)
    {
        struct str s = {json_string_value(text), json_string_length(text)};
        if (s.len > 0 && (!content || json_array_append_new(content, text_block(s))))
            return -ENOMEM;
    }
    if (!content || json_array_append_new(content, text_block(prompt)))
        return -ENOMEM;
    return history_add(&q->history, "user", json_incref(content), false, true);
}

int query_start(struct query *q, struct str prompt, const json_t *attached, query_act act,
                void *arg)
{
    if (q->state != IDLE)
        return -EINVAL;
    int r = add_prompt(q, prompt, attached);
    return r < 0 ? r : query_ask_model(q, act, arg);
}

static bool is_results(const json_t *content)
{
    const json_t *first = json_array_get(content, 0);
    const char *type = json_string_value(json_object_get(first, "type"));
    return type && strcmp(type, "result") == 0;
}

static int recall_results(struct query *q)
{
    const struct history *h = &q->history;
    size_t i;
    json_t *block;
    if (h->count == 0 || !h->marks[h->count - 1].is_results)
        return 0;
    json_array_foreach(json_object_get(json_array_get(h->list, h->count - 1), "content"), i, block)
    {
        int r = query_remember_result(q, block, json_is_true(json_object_get(block, "is_error")));
        if (r < 0)
            return r;
    }
    return 0;
}

static int recall(struct query *q, const json_t *conversation, const struct query_numbers *numbers)
{
    size_t i;
    json_t *message;
    if (q->state != IDLE)
        return -EINVAL;
    q->turn_number = numbers->turns;
    q->call_number = numbers->calls;
    q->kept = numbers->messages;
    json_array_foreach((json_t *)(uintptr_t)conversation, i, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        json_t *content = json_object_get(message, "content");
        if (!role || !json_is_array(content))
            return -FAULT_INPUT;
        int r = history_add(&q->history, role, json_incref(content), is_results(content),
                            json_is_true(json_object_get(message, "pinned")));
        if (r < 0)
            return r;
        json_t *number = json_object_get(message, "number"), *by = json_object_get(message, "by");
        if (json_is_string(by) &&
            json_object_set(json_array_get(q->history.list, q->history.count - 1), "by", by))
            return -ENOMEM;
        q->history.marks[q->history.count - 1].number =
            json_is_integer(number) ? (uint64_t)json_integer_value(number) : 0;
    }
    return recall_results(q);
}

int query_resume(struct query *q, const json_t *conversation, const struct query_numbers *numbers,
                 struct str prompt, const json_t *attached, query_act act, void *arg)
{
    int r = recall(q, conversation, numbers);
    if (r == 0 && prompt.len)
        r = add_prompt(q, prompt, attached);
    return r < 0 ? r : query_ask_model(q, act, arg);
}

int query_compact(struct query *q, const json_t *conversation, const struct query_numbers *numbers,
                  query_act act, void *arg)
{
    int r = recall(q, conversation, numbers);
    if (r == 0)
        r = context_compact(q, act, arg);
    if (r < 0)
        return r;
    q->only_compacts = true;
    if (r == CONTEXT_SUMMARY)
        return query_ask_turn(q, act, arg);
    r = query_say("context", STR("there is nothing to sum up: the conversation is short"), act,
                  arg);
    return r < 0 ? r : query_act_done(q, "done", "", "", act, arg);
}

/* --- incidents --- */

static int recover_answer(struct query *q, enum incident incident, query_act act, void *arg)
{
    if (q->answer_tries >= RECOVERY_TRIES_MAX)
        return query_act_done(q, "stopped", "recovery", incident_name(incident), act, arg);
    q->answer_tries++;
    struct str message = str_of(recovery_message(incident));
    int r = query_add_user_text(q, message);
    if (r < 0)
        return r;
    r = query_say("recovery", str_of(incident_name(incident)), act, arg);
    return r < 0 ? r : query_ask_model(q, act, arg);
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
        r = query_add_answer(q, kept);
    else
        json_decref(kept);
    q->continues = has_text;
    if (r < 0)
        return r;
    bool is_stuck = repeat_is_stuck(buf_str(&q->turn.all_text));
    return recover_answer(q, is_stuck ? INCIDENT_STUCK : INCIDENT_CUT, act, arg);
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

/* A summary that is none is asked for again, three times, and then it is over: never a loop, and never a conversation
 * without its past. */
static int on_summary(struct query *q, query_act act, void *arg)
{
    int r = turn_close(&q->turn);
    if (r == 0)
        r = context_take_summary(q, act, arg);
    if (r < 0)
        return r;
    q->service_tries = 0;
    q->waited_ms = 0;
    if (r == 0) {
        q->summary_tries = 0;
        if (q->only_compacts)
            return query_act_done(q, "done", "", "", act, arg);
        return query_ask_turn(q, act, arg);
    }
    if (q->summary_tries >= RECOVERY_TRIES_MAX)
        return query_act_done(q, "stopped", "recovery", incident_name(INCIDENT_SUMMARY), act, arg);
    q->summary_tries++;
    r = query_say("recovery", str_of(incident_name(INCIDENT_SUMMARY)), act, arg);
    return r < 0 ? r : query_ask_turn(q, act, arg);
}

static int on_answer(struct query *q, query_act act, void *arg)
{
    struct turn *t = &q->turn;
    if (q->summary_ask)
        return on_summary(q, act, arg);
    int r = turn_close(t);
    if (r == 0)
        r = keep_text(q);
    if (r < 0)
        return r;
    q->service_tries = q->context_tries = 0;
    q->waited_ms = 0;
    context_learn(q, &t->usage);
    if (t->expect && !expectation_holds(q, t->expect))
        return query_act_done(q, "failed", "error",
                              "the script's expectation about the results does not hold", act, arg);
    if (t->stop == QUERY_REFUSAL)
        return query_act_done(q, "stopped", "refusal", "the model refused", act, arg);
    if (t->stop == QUERY_MAX_TOKENS)
        return on_cut(q, act, arg);
    if (t->call_count)
        return query_begin_calls(q, act, arg);
    if (str_trim(buf_str(&t->all_text)).len == 0)
        return recover_answer(q, t->has_thinking ? INCIDENT_THINKING_ONLY : INCIDENT_EMPTY, act,
                              arg);
    if ((r = query_add_answer(q, json_incref(t->blocks))) < 0)
        return r;
    return query_act_done(q, "done", "", "", act, arg);
}

static int on_stream(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    if (q->state != MODEL)
        return 0;
    int r = turn_add(&q->turn, e);
    if (r < 0)
        return r;
    if (q->summary_ask)
        return 0; /* it is shown whole, when it takes its place */
    if (e->kind == QUERY_TEXT)
        return query_say("text", e->text, act, arg);
    if (e->kind == QUERY_THINKING)
        return query_say("thinking", e->text, act, arg);
    return 0;
}

static int on_cancel(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    int r = q->state == CALLS ? query_close_calls(q, "cancelled") : 0;
    query_drop_pending(q);
    if (r < 0)
        return r;
    if (str_is(e->text, "time"))
        return query_act_done(q, "stopped", "time", "the time limit is reached", act, arg);
    return query_act_done(q, "cancelled", "cancel", "cancelled", act, arg);
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
        return e->error == QUERY_OK ? on_answer(q, act, arg)
                                    : query_on_service_failure(q, e, act, arg);
    case QUERY_PLANNER_END:
        return q->state == MODEL ? query_act_done(q, "done", "", "", act, arg) : 0;
    case QUERY_RESULT: return query_on_result(q, e, act, arg);
    case QUERY_TIMER: return q->state == PAUSE ? query_ask_again(q, act, arg) : 0;
    case QUERY_CANCEL: return on_cancel(q, e, act, arg);
    }
    return 0;
}
