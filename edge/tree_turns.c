/* Model turns: granted only when turn, time and money allow it, one at a time; reserved before and settled after. */
#include "edge/tree_inside.h"

#include "host/journal.h"
#include "host/ledger.h"

#include <stdio.h>

/* --- model turns --- */

static void send_model_end(struct tree *t, const char *outcome, const char *error, const char *text,
                           int64_t retry_after_ms)
{
    auto_json json_t *body =
        error ? json_pack("{s:s, s:{s:s, s:s, s:I}}", "outcome", outcome, "error", "class", error,
                          "text", text, "retry_after_ms", (json_int_t)retry_after_ms)
              : json_pack("{s:s}", "outcome", outcome);
    channel_set_state(t->agent.channel, STATE_IDLE);
    if (body && peer_send(&t->agent, AGENT_MODEL_END, t->turn, body, STR(""), NULL, 0) == 0)
        return;
    tree_set_end(
        t, "error",
        "the agent cannot be told the end of its turn"); /* it would wait for it for ever */
    tree_over(t);
}

static void journal_money(struct tree *t, const char *what, int64_t pico)
{
    auto_json json_t *body = json_pack("{s:s, s:I, s:I}", "what", what, "turn", (json_int_t)t->turn,
                                       "pico_usd", (json_int_t)pico);
    if (body)
        (void)!journal_add(t->app->state, t->session, NULL, "money", body, JOURNAL_LIGHT, NULL);
}

void tree_on_planner_data(struct str bytes, void *arg)
{
    struct tree *t = arg;
    view_waiting(t->view, NULL);
    record_turn_data(t->record, bytes);
    while (bytes.len && !t->data_lost) {
        struct str piece = {bytes.at,
                            bytes.len < PROTOCOL_DATA_MAX / 2 ? bytes.len : PROTOCOL_DATA_MAX / 2};
        if (peer_send(&t->agent, AGENT_MODEL_DATA, t->turn, NULL, piece, NULL, 0) < 0)
            t->data_lost = true; /* no stream with a hole */
        bytes = (struct str){bytes.at + piece.len, bytes.len - piece.len};
    }
}

/* What a service reports is as large as it likes. */
static void add_count(int64_t *sum, int64_t more)
{
    if (!i64_add(*sum, more, sum))
        *sum = INT64_MAX;
}

/* What is nearly gone is told once, to the person and the journal, whichever process passes the mark. */
static void notice(struct tree *t, const char *of, int percent)
{
    char text[120];
    if (percent == 0)
        return;
    snprintf(text, sizeof(text), "%d %% of %s is spent", percent, of);
    view_warn(t->view, text);
    auto_json json_t *body =
        json_pack("{s:s, s:s, s:i}", "what", "warning", "of", of, "percent", percent);
    if (body)
        (void)!journal_add(t->app->state, t->session, NULL, "money", body, JOURNAL_LIGHT, NULL);
}

/* What the turn costs. A broken stream of unknown usage costs its worst case: the safe side. So does a
 * usage above the worst case: no service can charge for more than it was sent and allowed to say, so such
 * a number is an error or a lie, and the journal has it. */
static int64_t cost_of(struct tree *t, const struct planner_end *e)
{
    if (!e->sent)
        return 0;
    int64_t said = e->usage_known ? price_cost(&t->asked->price, &e->usage) : t->reserved_pico;
    if (said > t->reserved_pico)
        journal_money(t, "over", said);
    return said < t->reserved_pico ? said : t->reserved_pico;
}

void tree_settle(struct tree *t, const struct planner_end *e)
{
    struct ledger_notice passed = {0};
    int64_t cost = cost_of(t, e);
    bool is_booked = t->reserved_pico > 0;
    if (is_booked && ledger_settle(t->app->state, t->session, NULL, t->requests, cost, &passed) < 0)
        cost = t->reserved_pico;
    t->reserved_pico = 0;
    t->spent_pico += cost;
    if (e->usage_known) {
        add_count(&t->usage.input_tokens, e->usage.input_tokens);
        add_count(&t->usage.output_tokens, e->usage.output_tokens);
        add_count(&t->usage.cache_read_tokens, e->usage.cache_read_tokens);
        add_count(&t->usage.cache_write_tokens, e->usage.cache_write_tokens);
    }
    if (is_booked)
        journal_money(t, "settle", cost);
    view_usage(t->view, (int64_t)t->turn, t->asked->label, e->usage.input_tokens,
               e->usage.output_tokens, cost, t->spent_pico);
    notice(t, "the session's budget", passed.session);
    notice(t, "today's budget", passed.day);
    notice(t, "this month's budget", passed.month);
}

void tree_on_planner_end(const struct planner_end *e, void *arg)
{
    struct tree *t = arg;
    t->turn_open = false;
    view_waiting(t->view, NULL);
    tree_settle(t, e);
    tree_keep(t, record_turn_end(t->record, e));
    if (strcmp(e->outcome, "planner_end") == 0)
        t->turns--; /* no answer was given: not a turn */
    const struct planner_end malformed = {
        .outcome = "error", .error = "malformed", .text = "the stream makes no sense"};
    if (t->broken_off)
        e = &malformed;
    if (strcmp(e->outcome, "error") == 0) {
        auto_json json_t *body =
            json_pack("{s:s, s:s, s:s}", "what", "model-error", "class", e->error, "text", e->text);
        if (body)
            (void)!journal_add(t->app->state, t->session, NULL, "event", body, JOURNAL_LIGHT, NULL);
        models_note_failure(&t->models, e->error);
        if (!t->status)
            snprintf(t->detail, sizeof(t->detail), "%.100s%s%s%s%s",
                     t->models.count > 1 ? t->asked->label : "", t->models.count > 1 ? ": " : "",
                     e->error, *e->text ? ": " : "", e->text);
        int64_t wait_ms = e->retry_after_ms;
        bool no_time = e->retry_after_ms > 0 && t->turn_tries < TURN_TRIES_MAX &&
                       e->retry_after_ms > (t->deadline_ns - os_now_mono_ns()) / OS_NS_PER_MS;
        if (no_time && models_has_next(&t->models))
            wait_ms = INT32_MAX; /* nobody waits so long: the next one goes on */
        else if (no_time)
            tree_begin_ending(t, "time", "the service asks to wait past the time limit");
        send_model_end(t, "error", e->error, e->text, wait_ms);
    } else if (t->data_lost) {
        models_note_failure(&t->models, "disconnect");
        send_model_end(t, "error", "disconnect", "the agent does not keep up with the stream", 0);
    } else {
        if (!t->status)
            t->detail[0] = 0; /* what failed before is over */
        send_model_end(t, e->outcome, NULL, NULL, 0);
    }
}

/* One try: as many tokens as fit now. 0 reserved | LEDGER_SHORT */
static int reserve_once(struct tree *t, int64_t bound, int64_t *ret_max_tokens,
                        enum ledger_limit *ret_by)
{
    const struct price *price = &t->asked->price;
    int64_t free_pico = 0;
    int r = ledger_free(t->app->state, t->session, NULL, &free_pico, ret_by);
    if (r < 0)
        return r;
    int64_t tokens = price_affordable_tokens(price, bound, t->asked->max_tokens, free_pico);
    if (tokens < OUTPUT_TOKENS_LEAST)
        return LEDGER_SHORT;
    t->reserved_pico = price_worst(price, bound, tokens);
    *ret_max_tokens = tokens;
    if (t->reserved_pico == 0)
        return 0; /* a free model books nothing, and costs no trip to the disk */
    r = ledger_reserve(t->app->state, t->session, NULL, ++t->requests, t->reserved_pico, ret_by);
    if (r != 0)
        t->reserved_pico = 0;
    return r;
}

/* Caps are shared with other processes: what was free a moment ago may be theirs now. Then there is less
 * to try with, and after a few losses this one is told that there is nothing. */
static int reserve(struct tree *t, struct str body, int64_t *ret_max_tokens,
                   enum ledger_limit *ret_by)
{
    const struct planner_tools tools = tree_shown(t);
    int64_t bound = t->asked->input_bound(t->asked, body, &tools);
    int r = LEDGER_SHORT;
    for (int tries = 0; r == LEDGER_SHORT && tries < RESERVE_TRIES_MAX; tries++)
        r = reserve_once(t, bound, ret_max_tokens, ret_by);
    if (r == 0 && t->reserved_pico > 0)
        journal_money(t, "reserve", t->reserved_pico);
    return r;
}

/* Who is asked, and how often it was in this turn. The agent may have any turn answered by the summariser; it is one that the
 * operator named, within the same money. */
static bool pick_model(struct tree *t, const json_t *body, bool again)
{
    int who = models_pick(&t->models, body, again, t->who);
    if (who == MODELS_NONE)
        return false;
    bool is_next = who != t->who && who > 0 && t->who != MODELS_SUMMARISER;
    t->turn_tries = again && who == t->who ? t->turn_tries + 1 : 1;
    if (is_next) {
        auto_json json_t *event = json_pack("{s:s, s:s, s:s}", "what", "fallback", "from",
                                            models_at(&t->models, t->who)->label, "to",
                                            models_at(&t->models, who)->label);
        if (event)
            (void)!journal_add(t->app->state, t->session, NULL, "event", event, JOURNAL_LIGHT,
                               NULL);
    }
    t->who = who;
    t->asked = models_at(&t->models, who);
    return t->turn_tries <= TURN_TRIES_MAX;
}

int tree_on_model(struct tree *t, const struct message *m)
{
    bool again = m->id == t->turn && m->id != 0;
    if ((!again && m->id != t->turn + 1) || t->turn_open)
        return -FAULT_PROTOCOL;
    t->turn = m->id;
    if (t->ending) {
        if (++t->late_turns > LATE_TURNS_MAX)
            return -FAULT_PROTOCOL;
        send_model_end(t, "error", "time", "the run is ending", 0);
        return 0;
    }
    /* An agent of ours counts for itself and is told when the money is out: it never comes here again. */
    if (!again && t->turns >= t->app->settings->max_turns)
        tree_set_end(t, "turns", "the turn limit is reached");
    if (t->status || !pick_model(t, m->body, again))
        return -FAULT_PROTOCOL;
    channel_set_state(t->agent.channel, STATE_BUSY);
    int64_t max_tokens = 0;
    enum ledger_limit by = LEDGER_BY_SESSION;
    tool_watch_look(t->tool_watch);
    int r = tree_list_tools(t);
    if (r == 0)
        r = reserve(t, m->raw, &max_tokens, &by);
    if (r == LEDGER_SHORT) {
        tree_set_end(t, "budget", ledger_limit_sentence(by));
        send_model_end(t, "error", "budget", t->detail, 0);
        return 0;
    }
    struct fault why = {0};
    if (r == 0) {
        if (!again)
            t->turns++;
        t->turn_open = true;
        t->data_lost = t->broken_off = false;
        record_turn_begin(t->record, t->turn, t->asked, t->who);
        view_waiting(t->view, "model");
        const struct planner_tools tools = tree_shown(t);
        r = t->asked->ask(t->asked, t->turn, m->raw, max_tokens, &tools, &why);
    }
    if (r == 0) /* the request is on its way: the disk is written while the service thinks */
        tree_keep(t, record_flush(t->record, NULL));
    if (r < 0 && t->turn_open) {
        const struct planner_end e = {.outcome = "error",
                                      .error = "bad_request",
                                      .text = *why.text ? why.text : fault_sentence(r),
                                      .usage_known = true};
        tree_on_planner_end(&e, t);
        return 0;
    }
    return r;
}

/* The agent alone decodes the stream, so it alone sees that it makes no sense. It can only ever end its own turn sooner. */
int tree_on_model_stop(struct tree *t, const struct message *m)
{
    if (!t->turn_open || m->id != t->turn || !t->asked->break_off)
        return 0;
    t->broken_off = true;
    t->asked->break_off(t->asked);
    return 0;
}
