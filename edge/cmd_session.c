/* boxagnts session: what ran here. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/report.h"
#include "edge/safe.h"
#include "host/ledger.h"

#include <errno.h>
#include <stdio.h>

#define SESSIONS_SHOWN_MAX 1000

static const struct option_row *const tables[] = {options_common, NULL};

static int cmd_session(const struct parsed *p, struct fault *reterr);

const struct command command_session = {
    .name = "session",
    .usage = "list | show SESSION | report SESSION",
    .summary = "what ran here: status, cost, calls (SESSION may be `last`)",
    .tables = tables,
    .run = cmd_session,
};

static own json_t *row_json(const struct session_row *r)
{
    auto_free char *cost = ledger_usd_text(r->cost_pico), *budget = ledger_usd_text(r->budget_pico);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:I, s:I, s:s?, s:s?, s:I, s:I}", "session",
                     r->id, "status", r->status, "work_dir", r->work_dir, "model", r->model,
                     "prompt", r->prompt, "started_ms", (json_int_t)(r->started_ns / 1000000),
                     "ended_ms", (json_int_t)(r->ended_ns / 1000000), "cost_usd", cost,
                     "budget_usd", budget, "calls", (json_int_t)r->calls, "turns",
                     (json_int_t)r->turns);
}

static int print_row(const struct session_row *r, void *arg)
{
    json_t *list = arg;
    if (list)
        return json_array_append_new(list, row_json(r)) ? -ENOMEM : 0;
    auto_free char *cost = ledger_usd_text(r->cost_pico);
    const char *prompt = r->prompt ? r->prompt : "";
    char shown[61];
    safe_copy(shown, sizeof(shown), prompt);
    printf("%-24s %-10s %4lld calls  $%-10s %s\n", r->id, r->status, (long long)r->calls,
           cost ? cost : "?", shown);
    return 0;
}

static int session_list(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    auto_json json_t *list = option_flag(p, OPT_JSON) ? json_array() : NULL;
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_each(state, SESSIONS_SHOWN_MAX, print_row, list);
    return r == 0 && list ? app_print_json(list) : r;
}

static int session_show(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, str_of(p->positional[1]), &row, reterr);
    if (r < 0)
        return r;
    auto_json json_t *value = row_json(&row);
    char *text =
        value ? json_dumps(value, option_flag(p, OPT_JSON) ? JSON_COMPACT : JSON_INDENT(2)) : NULL;
    if (text)
        puts(text);
    free(text);
    session_row_done(&row);
    return text ? 0 : -ENOMEM;
}

static int session_report(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, str_of(p->positional[1]), &row, reterr);
    if (r == 0)
        r = report_print(state, &row, reterr);
    session_row_done(&row);
    return r;
}

static const struct verb verbs[] = {
    {"list", "", "all sessions, newest first", session_list, 0, 0},
    {"show", "SESSION", "one session", session_show, 1, 1},
    {"report", "SESSION", "what was done, what was stopped and by which layer", session_report, 1,
     1},
};

static int cmd_session(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
