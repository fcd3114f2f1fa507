/* When a model's service fails: it is asked again, three times at most, after a wait; then the next model of the operator's
 * list goes on, with tries of its own; then it is over. All of it is here, and nowhere else does anybody try again. No try
 * repeats an effect: the calls of an answer run only when the whole of it has arrived. */
#include "query/context.h"

#include <stdio.h>

const struct query_model *query_model_asked(const struct query *q)
{
    return q->model ? &q->limits.fallbacks[q->model - 1] : &q->limits.model;
}

bool query_asks_summariser(const struct query *q)
{
    return q->summary_ask && q->limits.has_summariser && !q->summariser_is_out;
}

/* The service counts otherwise than we do: the limit is lowered, something is taken out, and it is asked again. What cannot
 * be made shorter has failed; another model is no answer to that. */
static int on_context_too_long(struct query *q, query_act act, void *arg)
{
    bool is_summary = q->summary_ask != NULL;
    int r = is_summary || q->context_tries >= RECOVERY_TRIES_MAX ||
                    q->service_tries >= RECOVERY_TRIES_MAX
                ? CONTEXT_FULL
                : context_shrink(q, act, arg);
    if (r < 0)
        return r;
    if (r == CONTEXT_FULL)
        return query_act_done(q, "stopped", "model", query_error_name(QUERY_CONTEXT_TOO_LONG), act,
                              arg);
    q->context_tries++;
    q->service_tries++;
    r = query_say("recovery", str_of(incident_name(INCIDENT_CONTEXT)), act, arg);
    if (r < 0)
        return r;
    return q->summary_ask ? query_ask_turn(q, act, arg) : query_ask_again(q, act, arg);
}

/* --- the next model --- */

static bool has_next(const struct query *q)
{
    return query_asks_summariser(q) || q->model < q->limits.fallback_count;
}

/* Another model counts otherwise and holds more or less than the one before: a summary that was asked for is not any more,
 * and what is to give way is decided anew. */
static int move_on(struct query *q, query_act act, void *arg)
{
    if (query_asks_summariser(q)) {
        q->summariser_is_out = true;
        return 0;
    }
    q->model++;
    q->context_limit = query_model_asked(q)->context_tokens;
    q->ratio = CONTEXT_RATIO_DEFAULT;
    context_drop_summary(q);
    int r = context_make_room(q, act, arg);
    return r == CONTEXT_SUMMARY ? 0 : r;
}

static int ask_next(struct query *q, enum query_error error, query_act act, void *arg)
{
    char line[256];
    q->service_tries = q->context_tries = 0;
    q->waited_ms = 0;
    bool is_summary = query_asks_summariser(q);
    const char *name = is_summary ? query_model_asked(q)->name : q->limits.fallbacks[q->model].name;
    int n = snprintf(line, sizeof(line), "%s: %s; %.150s goes on",
                     is_summary ? "summary model" : "model service", query_error_name(error),
                     name && *name ? name : "the next model");
    int r = query_say("recovery", (struct str){line, (size_t)n}, act, arg);
    if (r == 0)
        r = move_on(q, act, arg);
    return r < 0 ? r : query_ask_again(q, act, arg);
}

/* --- the same again --- */

static int ask_later(struct query *q, enum query_error error, int64_t wait_ms, query_act act,
                     void *arg)
{
    char line[128];
    q->service_tries++;
    q->state = PAUSE;
    int n = snprintf(line, sizeof(line), "model service: %s; try %u of %u follows",
                     query_error_name(error), q->service_tries, (unsigned)RECOVERY_TRIES_MAX);
    int r = query_say("recovery", (struct str){line, (size_t)n}, act, arg);
    if (r < 0)
        return r;
    struct query_action a = {.kind = QUERY_ACT_WAIT, .wait_ms = wait_ms};
    return act(&a, arg);
}

int query_on_service_failure(struct query *q, const struct query_event *e, query_act act, void *arg)
{
    turn_done(&q->turn);
    if (e->error == QUERY_BUDGET)
        return query_act_done(q, "stopped", "budget", "the next model call does not fit the budget",
                              act, arg);
    if (e->error == QUERY_TIME)
        return query_act_done(q, "stopped", "time", "the time limit is reached", act, arg);
    if (e->error == QUERY_CONTEXT_TOO_LONG)
        return on_context_too_long(q, act, arg);
    const char *why = query_error_name(e->error);
    if (recovery_incident(e->error) == INCIDENT_NONE)
        return query_act_done(q, "stopped", "model", why, act, arg);
    if (q->service_tries < RECOVERY_TRIES_MAX) {
        int64_t wait_ms = recovery_wait_ms(q->service_tries + 1, e->retry_after_ms, &q->seed);
        if (i64_add(q->waited_ms, wait_ms, &q->waited_ms) && q->waited_ms <= RECOVERY_WAITS_MAX_MS)
            return ask_later(q, e->error, wait_ms, act, arg);
        why = "the service asks to wait for too long";
    }
    return has_next(q) ? ask_next(q, e->error, act, arg)
                       : query_act_done(q, "stopped", "model", why, act, arg);
}
