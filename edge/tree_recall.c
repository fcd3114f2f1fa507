/* A session that goes on, and what goes before the first prompt. */
#include "edge/tree_inside.h"

#include "host/journal.h"
#include "host/ledger.h"

#include <stdio.h>

/* What is known to be open is said to the person as it is to the planner; and it is in the journal that both were told. */
static void tell_open(struct tree *t, const struct session_row *row)
{
    size_t i;
    json_t *one;
    json_array_foreach(t->recalled.open, i, one)
    {
        char line[256];
        const char *known = json_string_value(json_object_get(one, "known"));
        snprintf(line, sizeof(line),
                 "call %s (%.60s) was interrupted: %s; it is not repeated by itself",
                 json_string_value(json_object_get(one, "call")),
                 json_string_value(json_object_get(one, "tool")),
                 strcmp(known, "unknown") == 0 ? "its outcome is unknown"
                                               : "it ended, its result was not kept");
        auto_json json_t *body = json_pack("{s:o}", "text", json_string_lossy(str_of(line)));
        if (body)
            view_note(t->view, "note", body);
    }
    auto_json json_t *body =
        json_pack("{s:s, s:s, s:o, s:I, s:O}", "what", "resume", "status_before", row->status,
                  "model", json_string_lossy(str_of(t->planner->label)), "budget_pico",
                  (json_int_t)t->budget_pico, "open", t->recalled.open);
    if (body)
        (void)!journal_add(t->app->state, t->session, NULL, "event", body, JOURNAL_LIGHT, NULL);
}

static int recall(struct tree *t, const struct session_row *row, struct fault *reterr)
{
    struct state *state = t->app->state;
    struct ledger_balance balance;
    int r = record_recall(state, row->id, &t->recalled, reterr);
    if (r == 0)
        r = recalled_answers_by(&t->recalled, row->model);
    if (r == 0 && t->recalled.ends_with_answer && !*t->c->prompt && !t->c->only_compacts) {
        r = fault_set(reterr, FAULT_USAGE, "session %s has said its last word", row->id);
        fault_next(reterr, "say what is to be done next: boxagnts session resume %s PROMPT",
                   row->id);
    }
    if (r == 0)
        r = tree_take_planner(t, t->c->model ? t->c->model : row->model, reterr);
    if (r == 0 && !t->c->model && t->planner->skip)
        t->planner->skip(t->planner, t->recalled.answers);
    if (r == 0)
        r = ledger_balance(state, row->id, NULL, &balance);
    if (r < 0)
        return r;
    t->budget_pico = t->c->is_budget_said ? t->app->settings->total_budget_pico : balance.budget;
    t->spent_pico = balance.spent;
    t->turn = t->recalled.turns;
    return 0;
}

/* The lock comes first: what another process still says is not recalled. A session that cannot go on is left as it was. */
int tree_begin_again(struct tree *t, struct fault *reterr)
{
    struct state *state = t->app->state;
    struct session_row row = {0};
    int r = session_find(state, str_of(t->c->resume), &row, reterr);
    if (r == 0)
        r = session_resume(state, row.id, &t->lock_fd, reterr);
    if (r == 0) {
        r = recall(t, &row, reterr);
        if (r < 0)
            (void)!session_end(state, row.id, row.status, row.cost_pico, row.calls, row.turns);
    }
    if (r == 0) {
        memcpy(t->session, row.id, sizeof(t->session));
        tell_open(t, &row);
    }
    session_row_done(&row);
    return r;
}

/* Provenance of an earlier run: its results were heard, and a person's own words were said. */
void tree_recall_at_desk(struct tree *t)
{
    size_t i, k;
    json_t *message, *block;
    json_array_foreach(t->recalled.conversation, i, message)
    {
        json_array_foreach(json_object_get(message, "content"), k, block)
        {
            const char *type = json_string_value(json_object_get(block, "type"));
            const char *tool = json_string_value(json_object_get(block, "tool"));
            if (strcmp(type, "result") == 0 && tool)
                desk_recall(t->desk, str_of(tool), block);
        }
    }
}

/* What goes before the prompt is shown and journalled; to provenance it is untrusted text like any result. */
int tree_attach_files(struct tree *t)
{
    size_t i;
    json_t *one;
    int r = attached_collect(t->app, str_of(t->c->prompt), !t->c->resume, &t->attached);
    if (r < 0)
        return r;
    json_array_foreach(t->attached.notes, i, one)
    {
        auto_json json_t *body = json_pack("{s:O}", "text", one);
        if (body)
            view_note(t->view, "note", body);
    }
    json_array_foreach(t->attached.files, i, one)
    {
        auto_json json_t *body = json_pack("{s:s, s:O}", "what", "attached", "file", one);
        auto_json json_t *heard = json_pack("{s:[{s:s, s:O}]}", "content", "type", "text", "text",
                                            json_array_get(t->attached.texts, i));
        if (body)
            (void)!journal_add(t->app->state, t->session, NULL, "event", body, JOURNAL_LIGHT, NULL);
        if (heard)
            desk_recall(t->desk, STR("an attached file"), heard);
        view_attached(t->view, one);
    }
    return 0;
}
