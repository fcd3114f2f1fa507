/* Calls of one answer: handed out, their results gathered, the conversation closed over them. Each call of an
 * assistant message gets exactly one result, whatever happens: its own, or one that says why there is none. */
#include "query/step_private.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

void query_drop_pending(struct query *q)
{
    for (size_t i = 0; i < q->pending_count; i++) {
        json_decref(q->pending[i].result);
        free(q->pending[i].name);
    }
    q->pending_count = q->pending_left = 0;
}

static own json_t *error_result(const char *sentence)
{
    return json_pack("{s:[{s:s, s:o}], s:n, s:b}", "content", "type", "text", "text",
                     json_string_lossy(str_of(sentence)), "structured", "is_error", 1);
}

static own json_t *bad_call_result(const char *why)
{
    char sentence[256];
    snprintf(sentence, sizeof(sentence), "%s (%s)", recovery_message(INCIDENT_BAD_CALL), why);
    return error_result(sentence);
}

static int after_results(struct query *q, query_act act, void *arg);

int query_begin_calls(struct query *q, query_act act, void *arg)
{
    struct turn *t = &q->turn;
    int r = query_add_answer(q, json_incref(t->blocks));
    if (r < 0)
        return r;
    q->state = CALLS;
    q->continues = false;
    q->first_call = q->call_number + 1;
    q->call_number += t->call_count;
    q->pending_count = q->pending_left = t->call_count;
    q->any_bad_call = false;
    for (size_t i = 0; i < t->call_count; i++) {
        struct pending *p = &q->pending[i];
        *p = (struct pending){.result = NULL, .is_error = true};
        if (t->calls[i].why_bad) {
            p->result = bad_call_result(t->calls[i].why_bad);
            q->any_bad_call = true;
        } else if (q->calls >= q->limits.max_tool_calls) {
            p->result = error_result("not run: the limit of tool calls is reached");
            q->calls_over = true;
        } else {
            q->calls++;
            p->ran = true;
            continue;
        }
        if (!p->result)
            return -ENOMEM;
        q->pending_left--;
    }
    if (q->any_bad_call && ++q->answer_tries > RECOVERY_TRIES_MAX) {
        query_drop_pending(q);
        history_drop_last(&q->history);
        return query_act_done(q, "stopped", "recovery", incident_name(INCIDENT_BAD_CALL), act, arg);
    }
    if (q->any_bad_call &&
        (r = query_say("recovery", str_of(incident_name(INCIDENT_BAD_CALL)), act, arg)) < 0)
        return r;
    if ((r = query_keep(q, act, arg)) < 0)
        return r;
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

/* What a call's input is the same as: the order of its members and white space do not make it another one. */
static int mark_call(const struct query *q, size_t i, struct repeat_mark *ret_call,
                     struct repeat_mark *ret_error)
{
    const struct turn_call *call = &q->turn.calls[i];
    auto_free char *input = call->why_bad ? str_dup(str_of(call->input))
                                          : json_dumps(call->value, JSON_COMPACT | JSON_SORT_KEYS);
    auto_free char *result = json_dumps(q->pending[i].result, JSON_COMPACT | JSON_SORT_KEYS);
    if (!input || !result)
        return -ENOMEM;
    *ret_call = repeat_mark_of(str_of(call->tool), str_of(input), str_of(result));
    *ret_error = repeat_mark_of(str_of(call->tool), STR(""), str_of(result));
    return 0;
}

static int count_repeats(struct query *q, struct repeat_verdict *ret)
{
    struct repeat_mark seen[TURN_CALLS_MAX], mark, error;
    size_t seen_count = 0;
    repeat_turn_begin(&q->repeat, buf_str(&q->turn.all_text));
    for (size_t i = 0; i < q->pending_count; i++) {
        int r = mark_call(q, i, &mark, &error);
        if (r < 0)
            return r;
        bool again = false;
        for (size_t k = 0; k < seen_count && !again; k++)
            again = seen[k].a == mark.a && seen[k].b == mark.b;
        if (again)
            continue;
        seen[seen_count++] = mark;
        repeat_turn_call(&q->repeat, mark, error, q->pending[i].is_error);
    }
    *ret = repeat_turn_end(&q->repeat);
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

int query_remember_result(struct query *q, const json_t *result, bool is_error)
{
    auto_done(buf) struct buf text;
    buf_init(&text, (size_t)64 << 20);
    int r = text_of_result(result, &text);
    if (r < 0)
        return r;
    json_t *row =
        json_pack("{s:o, s:b}", "text", json_string_lossy(buf_str(&text)), "is_error", is_error);
    return row && json_array_append_new(q->last_results, row) == 0 ? 0 : -ENOMEM;
}

static int remember_results(struct query *q)
{
    json_array_clear(q->last_results);
    for (size_t i = 0; i < q->pending_count; i++) {
        int r = query_remember_result(q, q->pending[i].result, q->pending[i].is_error);
        if (r < 0)
            return r;
    }
    return 0;
}

int query_close_calls(struct query *q, const char *missing)
{
    json_t *content = json_array();
    if (!content)
        return -ENOMEM;
    for (size_t i = 0; i < q->pending_count; i++) {
        struct pending *p = &q->pending[i];
        if (!p->result && !(p->result = error_result(missing)))
            goto oom;
        json_t *blocks = json_object_get(p->result, "content");
        json_t *row = json_pack("{s:s, s:s, s:s, s:o, s:b, s:s*}", "type", "result", "id",
                                q->turn.calls[i].id, "tool", q->turn.calls[i].tool, "content",
                                json_is_array(blocks) ? json_incref(blocks) : json_array(),
                                "is_error", p->is_error, "call", p->name);
        if (!row || json_array_append_new(content, row))
            goto oom;
    }
    return history_add(&q->history, "user", content, true, false);
oom:
    json_decref(content);
    return -ENOMEM;
}

/* A planner that goes in circles is told so, three times at most; the incident is closed by something new that
 * worked, never by what it says. */
static int after_repeats(struct query *q, struct repeat_verdict v, query_act act, void *arg)
{
    if (v.progress)
        q->loop_tries = 0;
    if (v.stop != REPEAT_NOTHING)
        return query_act_done(q, "stopped", "loop", repeat_sentence(v.stop), act, arg);
    if (v.warn == REPEAT_NOTHING)
        return 0;
    if (q->loop_tries >= RECOVERY_TRIES_MAX)
        return query_act_done(q, "stopped", "loop", "it went in circles after three warnings", act,
                              arg);
    q->loop_tries++;
    int r = query_add_user_text(q, str_of(recovery_message(INCIDENT_LOOP)));
    return r < 0 ? r : query_say("recovery", str_of(incident_name(INCIDENT_LOOP)), act, arg);
}

static int after_results(struct query *q, query_act act, void *arg)
{
    struct repeat_verdict verdict = {.stop = REPEAT_NOTHING};
    bool any_success = false;
    for (size_t i = 0; i < q->pending_count; i++)
        any_success = any_success || (q->pending[i].ran && !q->pending[i].is_error);
    if (any_success && !q->any_bad_call)
        q->answer_tries = 0;
    int r = query_close_calls(q, "no result");
    if (r == 0)
        r = count_repeats(q, &verdict);
    if (r == 0)
        r = remember_results(q);
    query_drop_pending(q);
    if (r == 0)
        r = after_repeats(q, verdict, act, arg);
    if (r < 0 || q->state == DONE)
        return r;
    if (q->calls_over)
        return query_act_done(q, "stopped", "calls", "the limit of tool calls is reached", act,
                              arg);
    return query_ask_model(q, act, arg);
}

int query_on_result(struct query *q, const struct query_event *e, query_act act, void *arg)
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
    if (e->id.len && utf8_valid(e->id) && !(p->name = str_dup(e->id)))
        return -ENOMEM;
    return --q->pending_left ? 0 : after_results(q, act, arg);
}
