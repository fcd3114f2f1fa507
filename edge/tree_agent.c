/* What the agent says. It is hostile: its calls are counted here, its numbers may only grow, and its DONE is one claim among
 * others. */
#include "edge/tree_inside.h"

#include "host/journal.h"
#include "tools/receipt.h"

#include <errno.h>
#include <stdio.h>

/* --- calls --- */

struct pending_call {
    struct tree *tree;
    uint64_t number;
};

static int send_result(struct tree *t, uint64_t number, const char *call, const json_t *body,
                       const json_t *result)
{
    auto_done(buf) struct buf text;
    buf_init(&text, PROTOCOL_RESULT_MAX - 4096);
    int r = body && result ? json_print(result, &text) : -ENOMEM;
    if (r == 0)
        tree_keep(t, record_result(t->record, number, call, buf_str(&text)));
    return r < 0 ? r : peer_send(&t->agent, AGENT_RESULT, number, body, buf_str(&text), NULL, 0);
}

/* A replay's first difference is its end: what follows would be differences of another run. */
static void diverge(struct tree *t, const char *why)
{
    char text[480];
    snprintf(text, sizeof(text), "the replay diverges: %s", why);
    tree_begin_ending(t, "error", text);
}

/* How long the tools are now, where the agent does not know it yet. */
static void tell_tools(struct tree *t, json_t *body)
{
    if (t->tools_told || tree_list_tools(t) < 0)
        return;
    t->tools_told = t->tools && json_object_set_new(body, "tools_bytes",
                                                    json_integer((json_int_t)t->tools_bytes)) == 0;
}

static void on_call_done(const struct desk_outcome *o, void *arg)
{
    auto_free struct pending_call *pending = arg;
    struct tree *t = pending->tree;
    json_t *row = json_pack("{s:s, s:s, s:s, s:b}", "call", o->call, "tool", o->tool, "stopped_by",
                            sandbox_stop_name(o->stop), "is_error", o->is_error);
    if (row)
        (void)!json_array_append_new(t->calls, row);
    auto_json json_t *body = json_pack("{s:s, s:b, s:s}", "call", o->call, "is_error", o->is_error,
                                       "stopped_by", sandbox_stop_name(o->stop));
    tell_tools(t, body);
    int r = send_result(t, pending->number, o->call, body, o->result);
    view_waiting(t->view, NULL);
    view_result(t->view, o); /* after the answer: the agent goes on meanwhile */
    if (r == -FAULT_CAP) {
        auto_json json_t *instead =
            result_error("the call ran; its result is too long to be handed on");
        r = send_result(t, pending->number, o->call, body, instead);
    }
    if (t->ending || t->over)
        return;
    char why[400];
    if (t->planner->check && t->planner->check(t->planner, o, why, sizeof(why)) == PLANNER_DIVERGES)
        diverge(t, why);
    if (o->is_unrecorded)
        tree_begin_ending(t, "error", "the journal cannot be written: a call has no receipt");
    if (r == 0 || t->ending)
        return;
    tree_set_end(t, "error", "a result could not be handed to the agent");
    tree_over(t); /* it would wait for it until the clock ends it */
}

/* By the tool's verified word: what it does is decided at the desk. */
static bool may_have_effect(const struct tree *t, struct str name)
{
    const struct tool *tool = registry_find(t->app->registry, name);
    return !tool || !tool->verified || !tool->read_only;
}

static int on_call(struct tree *t, const struct message *m)
{
    struct str tool;
    int r = json_get_str(m->body, "tool", &tool, NULL);
    if (r != 0)
        return -FAULT_PROTOCOL;
    /* An agent of ours counts for itself, and asks for nothing once it was told of an end (a cancel may cross a call: the desk,
     * cancelled, gives that one its receipt). */
    if (t->calls_asked >= t->app->settings->max_tool_calls)
        tree_set_end(t, "calls", "the limit of tool calls is reached");
    if (t->calls_asked >= t->app->settings->max_tool_calls || (t->status && !t->ending))
        return -FAULT_PROTOCOL;
    t->calls_asked++;
    struct pending_call *pending = malloc(sizeof(*pending));
    if (!pending)
        return -ENOMEM;
    *pending = (struct pending_call){t, m->id};
    char name[DESK_CALL_NAME_SIZE];
    desk_next_call(t->desk, name);
    /* the answer with this call; and the call, before it may have an effect */
    if ((r = record_call(t->record, m->id, name, tool)) < 0 ||
        (r = record_flush_before_call(t->record, may_have_effect(t, tool))) < 0) {
        free(pending);
        tree_keep(t, r);
        return 0;
    }
    if ((r = desk_call(t->desk, tool, m->raw, on_call_done, pending)) < 0) {
        free(pending);
        return r == -FAULT_CAP ? -FAULT_PROTOCOL : r; /* more at once than any turn of ours has */
    }
    return 0;
}

void tree_on_note(const char *what, const json_t *body, void *arg)
{
    struct tree *t = arg;
    view_note(t->view, what, body);
}

/* --- the agent --- */

static int on_say(struct tree *t, const struct message *m)
{
    struct str type;
    if (json_get_str(m->body, "type", &type, NULL) != 0)
        return -FAULT_PROTOCOL;
    static const char *const known[] = {"text", "thinking", "recovery", "context"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_is(type, known[i])) {
            view_say(t->view, type, m->raw);
            return 0;
        }
    return -FAULT_PROTOCOL;
}

static int on_done(struct tree *t, const struct message *m)
{
    struct str status, stopped_by, detail;
    if (json_get_str(m->body, "status", &status, NULL) != 0 ||
        json_get_str(m->body, "stopped_by", &stopped_by, NULL) != 0 ||
        json_get_str(m->body, "detail", &detail, NULL) != 0)
        return -FAULT_PROTOCOL;
    const struct stop_row *row = tree_stop_row(stopped_by);
    if (!row || !str_is(status, row->status))
        return -FAULT_PROTOCOL;
    /* Of itself it ends only what is at rest, for a reason that it can know. */
    if (!t->status && (!row->agent_knows || t->turn_open || !desk_is_idle(t->desk)))
        return -FAULT_PROTOCOL;
    free(t->text);
    t->text = str_dup(m->raw);
    char text[512];
    /* for a model failure the monitor knows better what it was */
    if (strcmp(row->name, "model") == 0 && *t->detail)
        snprintf(text, sizeof(text), "%.400s", t->detail);
    else
        snprintf(text, sizeof(text), "%.*s", detail.len > 400 ? 400 : (int)detail.len, detail.at);
    char why[400];
    if (!t->status && t->planner->check_end &&
        t->planner->check_end(t->planner, why, sizeof(why)) == PLANNER_DIVERGES) {
        snprintf(text, sizeof(text), "the replay diverges: %s", why);
        row = tree_stop_row(STR("error"));
    }
    if (!t->status)
        t->detail[0] = 0;
    tree_set_end(t, row->name, text);
    tree_over(t);
    return 0;
}

static int on_keep(struct tree *t, const struct message *m)
{
    int r = record_message(t->record, m);
    if (r == -FAULT_PROTOCOL)
        return r;
    tree_keep(t, r);
    return 0;
}

int tree_on_agent_frame(struct message *m, void *arg)
{
    struct tree *t = arg;
    if (t->over)
        return -FAULT_PROTOCOL; /* it has said its last word */
    switch (m->type) {
    case MONITOR_MODEL: return tree_on_model(t, m);
    case MONITOR_MODEL_STOP: return tree_on_model_stop(t, m);
    case MONITOR_CALL: return on_call(t, m);
    case MONITOR_SAY: return on_say(t, m);
    case MONITOR_KEEP: return on_keep(t, m);
    case MONITOR_DONE: return on_done(t, m);
    case MONITOR_FAULT: {
        const char *text = json_string_value(json_object_get(m->body, "text"));
        struct fault said = {.code = FAULT_PEER_GONE};
        snprintf(said.text, sizeof(said.text), "%s", text ? text : "the agent gave up");
        tree_on_agent_gone(&said, t);
        return 0;
    }
    default: return -FAULT_PROTOCOL;
    }
}

void tree_on_agent_gone(const struct fault *why, void *arg)
{
    struct tree *t = arg;
    auto_json json_t *body = json_pack("{s:s, s:s}", "program", "agent", "detail", why->text);
    if (body)
        (void)!journal_add(t->app->state, t->session, NULL, "peer", body, JOURNAL_LIGHT, NULL);
    tree_set_end(t, "error", why->text);
    tree_over(t);
}
