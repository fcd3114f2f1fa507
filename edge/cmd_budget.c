/* boxagnts budget: what was spent, reserved and is left, per session and agent, and what may be spent in
 * a session, a day and a month. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/money.h"
#include "edge/safe.h"
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
    .usage = "show [SESSION] | set session|day|month USD|none",
    .summary = "money: budgets, spent, reserved (SESSION may be `last`)",
    .text =
        "`set session` is what any session may spend at most, whatever its own budget says; days and months are\n"
        "UTC and shared by all sessions. A call is refused before it is sent when one of them could be passed.\n",
    .tables = tables,
    .run = cmd_budget,
};

/* --- check --- */

static void print_bad(const json_t *report)
{
    size_t i;
    json_t *bad;
    fputs("boxagnts: the ledger does NOT sum\n", stderr);
    json_array_foreach(json_object_get(report, "bad"), i, bad)
    {
        const char *agent = json_string_value(json_object_get(bad, "agent"));
        fputs("  ", stderr);
        safe_print_line(stderr, json_string_value(json_object_get(bad, "session")));
        if (agent && *agent) {
            fputs(" agent ", stderr);
            safe_print_line(stderr, agent);
        }
        fprintf(stderr, ": %s\n", json_string_value(json_object_get(bad, "why")));
    }
}

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
        print_bad(report);
    return r;
}

/* --- show --- */

static int caps_json(struct state *state, own json_t **ret)
{
    static const enum ledger_cap all[] = {LEDGER_CAP_SESSION, LEDGER_CAP_DAY, LEDGER_CAP_MONTH};
    auto_json json_t *object = json_object();
    int r = object ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(all); i++) {
        struct ledger_period period;
        json_t *one = json_object();
        r = ledger_cap_get(state, all[i], &period);
        if (!one || json_object_set_new(object, ledger_cap_name(all[i]), one))
            return -ENOMEM;
        if (r == 0)
            r = period.cap == LEDGER_NO_CAP ? json_object_set_new(one, "cap_usd", json_null())
                                            : money_add(one, "cap_usd", period.cap);
        if (r == 0 && all[i] != LEDGER_CAP_SESSION)
            r = money_add(one, "spent_usd", period.spent);
        if (r == 0 && all[i] != LEDGER_CAP_SESSION)
            r = money_add(one, "reserved_usd", period.reserved);
    }
    if (r == 0)
        *ret = take(object);
    return r;
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

static void print_balance(const json_t *o)
{
    printf("budget $%s, spent $%s, reserved $%s", word(o, "budget_usd"), word(o, "spent_usd"),
           word(o, "reserved_usd"));
    if (strcmp(word(o, "given_usd"), "0.00") != 0)
        printf(", with agents $%s", word(o, "given_usd"));
    putchar('\n');
}

static void print_session(const json_t *object)
{
    size_t i;
    json_t *agent;
    printf("session %s: ", word(object, "session"));
    print_balance(object);
    json_array_foreach(json_object_get(object, "agents"), i, agent)
    {
        fputs("  agent ", stdout);
        safe_print_line(stdout, word(agent, "agent"));
        fputs(json_is_true(json_object_get(agent, "closed")) ? " (ended): " : ": ", stdout);
        print_balance(agent);
    }
}

static void print_caps(const json_t *caps)
{
    const char *name;
    json_t *cap;
    json_object_foreach((json_t *)(uintptr_t)caps, name, cap)
    {
        const char *usd = json_string_value(json_object_get(cap, "cap_usd"));
        printf("%s: ", strcmp(name, "session") == 0 ? "any session"
                       : strcmp(name, "day") == 0   ? "today"
                                                    : "this month");
        if (json_object_get(cap, "spent_usd"))
            printf("spent $%s, reserved $%s, ", word(cap, "spent_usd"), word(cap, "reserved_usd"));
        printf(usd ? "at most $%s\n" : "no cap of its own\n", usd);
    }
}

static int show(struct state *state, const char *session, bool json, struct fault *reterr)
{
    struct session_row row = {0};
    auto_json json_t *object = NULL, *caps = NULL;
    int r = session_find(state, str_of(session ? session : "last"), &row, reterr);
    if (r == 0)
        r = money_of_session(state, row.id, &object, reterr);
    else if (!session) /* none yet: there still are the caps */
        r = (object = json_object()) ? 0 : -ENOMEM;
    session_row_done(&row);
    if (r == 0)
        r = caps_json(state, &caps);
    if (r == 0 && json)
        return json_object_set(object, "caps", caps) ? -ENOMEM : app_print_json(object);
    if (r == 0 && json_object_get(object, "session"))
        print_session(object);
    if (r == 0)
        print_caps(caps);
    return r;
}

static int budget_show(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    int r = state_open(&state, reterr);
    if (r < 0)
        return r;
    return option_flag(p, OPT_FORCE)
               ? check(state, option_flag(p, OPT_JSON))
               : show(state, p->positional_count > 1 ? p->positional[1] : NULL,
                      option_flag(p, OPT_JSON), reterr);
}

/* --- set --- */

static int take_amount(const char *text, int64_t *ret, struct fault *reterr)
{
    *ret = LEDGER_NO_CAP;
    if (strcmp(text, "none") == 0 ||
        base_parse_decimal(str_of(text), 12, 0, 1000000 * PICO_PER_USD, ret) == 0)
        return 0;
    (void)fault_set(
        reterr, FAULT_USAGE,
        "budget set: \"%s\" is neither `none` nor dollars from 0 to 1000000 with at most 12 "
        "digits after the point",
        text);
    fault_next(reterr, "for example: boxagnts budget set day 5.00");
    return -FAULT_USAGE;
}

static int budget_set(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    enum ledger_cap which;
    int64_t pico = 0;
    if (ledger_cap_parse(str_of(p->positional[1]), &which) < 0) {
        (void)fault_set(reterr, FAULT_USAGE, "budget set: \"%s\" is not session, day or month",
                        p->positional[1]);
        fault_next(reterr, "one run's budget is --total-budget-usd");
        return -FAULT_USAGE;
    }
    int r = take_amount(p->positional[2], &pico, reterr);
    if (r == 0)
        r = state_open(&state, reterr);
    return r < 0 ? r : ledger_cap_set(state, which, pico, reterr);
}

static const struct verb verbs[] = {
    {"show", "[SESSION]", "a session's balance, and the caps", budget_show, 0, 1},
    {"set", "session|day|month USD|none", "what may be spent at most", budget_set, 2, 2},
};

static int cmd_budget(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
