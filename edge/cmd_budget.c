/* boxagnts budget: what was spent, reserved and is left, per session; whether the ledger sums. */
#include "edge/app.h"
#include "edge/commands.h"
#include "host/ledger.h"

#include <errno.h>
#include <stdio.h>

static const struct option_row options_budget[] = {
    {OPT_FORCE, "check", 0, OPTION_FLAG, NULL, "check that the whole ledger sums"},
    {0},
};
static const struct option_row *const tables[] = {options_budget, options_common, NULL};

static int cmd_budget(const struct parsed *p, struct fault *reterr);

const struct command command_budget = {
    .name = "budget",
    .usage = "show [SESSION]",
    .summary = "money: budget, spent, reserved (SESSION may be `last`)",
    .tables = tables,
    .run = cmd_budget,
};

static int check(struct state *state, bool json)
{
    auto_json json_t *report = NULL;
    int r = ledger_check(state, &report);
    if (r < 0)
        return r;
    if (json)
        return app_print_json(report) < 0 ? -ENOMEM : r;
    if (r == 0)
        puts("the ledger sums");
    else
        fputs("boxagnts: the ledger does NOT sum; --json tells where\n", stderr);
    return r;
}

static int budget_show(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    struct ledger_balance b;
    int r = state_open(&state, reterr);
    if (r == 0 && option_flag(p, OPT_FORCE))
        return check(state, option_flag(p, OPT_JSON));
    if (r == 0)
        r = session_find(state, p->positional_count > 1 ? str_of(p->positional[1]) : STR("last"),
                         &row, reterr);
    if (r == 0 && (r = ledger_balance(state, row.id, &b)) < 0)
        r = fault_set(reterr, FAULT_USAGE, "session %s has no money booked", row.id);
    session_row_done(&row);
    if (r < 0)
        return r;
    auto_free char *budget = ledger_usd_text(b.budget), *spent = ledger_usd_text(b.spent),
                   *reserved = ledger_usd_text(b.reserved);
    if (option_flag(p, OPT_JSON)) {
        auto_json json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "session", row.id, "budget_usd",
                                           budget, "spent_usd", spent, "reserved_usd", reserved);
        return line ? app_print_json(line) : -ENOMEM;
    }
    printf("session %s: budget $%s, spent $%s, reserved $%s\n", row.id, budget, spent, reserved);
    return 0;
}

static const struct verb verbs[] = {
    {"show", "[SESSION]", "one session's balance", budget_show, 0, 1}};

static int cmd_budget(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
