/* boxagnts session: what ran here. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/money.h"
#include "edge/report.h"
#include "edge/run_options.h"
#include "edge/safe.h"
#include "edge/session_go_on.h"
#include "host/journal.h"
#include "host/ledger.h"

#include <errno.h>
#include <stdio.h>

#define SESSIONS_SHOWN_MAX 1000

static const struct option_row *const tables[] = {options_run, options_policy, options_sandbox,
                                                  options_common, NULL};

static int cmd_session(const struct parsed *p, struct fault *reterr);

const struct command command_session = {
    .name = "session",
    .usage =
        "list | show SESSION | report SESSION | resume SESSION [PROMPT] | fork SESSION | export SESSION | delete SESSION",
    .summary = "what ran here: status, cost, calls; go on with it (SESSION may be `last`)",
    .text =
        "The options of `run` are for resume. A session keeps its model, work folder and budget unless others are given.\n",
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

static int print_line(struct str line, void *arg)
{
    (void)arg;
    fwrite(line.at, 1, line.len, stdout);
    return putchar('\n') == EOF ? -EPIPE : 0;
}

/* The journal's export of one session, with the session itself in its header: `journal verify FILE` checks all of it. */
static int session_export(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    auto_json json_t *about = NULL, *money = NULL;
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, str_of(p->positional[1]), &row, reterr);
    if (r == 0 && !(about = row_json(&row)))
        r = -ENOMEM;
    if (r == 0)
        r = money_of_session(state, row.id, &money, reterr);
    if (r == 0 && json_object_set(about, "money", money))
        r = -ENOMEM;
    if (r == 0)
        r = journal_export(state, &(struct journal_ask){.session = row.id, .about = about},
                           print_line, NULL, reterr);
    if (r == JOURNAL_BAD)
        app_note(
            "the journal does not verify, so this export is not signed: boxagnts journal verify");
    session_row_done(&row);
    return r;
}

static int session_delete_command(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, str_of(p->positional[1]), &row, reterr);
    if (r == 0)
        r = session_delete(state, row.id, reterr);
    if (r == 0 && option_flag(p, OPT_JSON))
        printf("{\"deleted\":\"%s\"}\n", row.id);
    else if (r == 0)
        printf("session %s is deleted: it can no longer be undone; the journal keeps what it did\n",
               row.id);
    session_row_done(&row);
    return r;
}

static const struct verb verbs[] = {
    {"list", "", "all sessions, newest first", session_list, 0, 0},
    {"show", "SESSION", "one session", session_show, 1, 1},
    {"report", "SESSION", "what was done, what was stopped and by which layer", session_report, 1,
     1},
    {"resume", "SESSION [PROMPT]", "go on where it ended, was cancelled or killed", session_go_on,
     1, 2},
    {"fork", "SESSION", "a copy that can be gone on with by itself; prints its name", session_fork,
     1, 1},
    {"export", "SESSION", "JSON lines on stdout, signed: the session, its money, its journal",
     session_export, 1, 1},
    {"delete", "SESSION", "forget it: its row, money and undo data (not its journal)",
     session_delete_command, 1, 1},
};

static int cmd_session(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
