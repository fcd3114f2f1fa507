/* The invariants of the ledger, summed from the single entries: what the counters say must be what
 * happened. For tests, for `budget show --check`, and for whoever has to believe the numbers. */
#include "host/ledger_private.h"

#include <errno.h>

struct sums {
    json_t *bad, *over; /* own */
    int64_t sessions, accounts, spent, reserved;
};

static int add_bad(struct sums *t, struct str session, struct str agent, const char *why)
{
    return json_array_append_new(t->bad,
                                 json_pack("{s:s%, s:s%, s:s}", "session", session.at, session.len,
                                           "agent", agent.at, agent.len, "why", why)) < 0
               ? -ENOMEM
               : 0;
}

/* Columns: session, agent, budget, spent, reserved, given, is_closed, depth, then what they should be. */
static const char *account_is_wrong(const struct store_query *q)
{
    int64_t budget = store_i64(q, 2), spent = store_i64(q, 3), reserved = store_i64(q, 4),
            given = store_i64(q, 5);
    bool is_root = store_str(q, 1).len == 0;
    if (budget < 0 || spent < 0 || reserved < 0 || given < 0)
        return "an amount is below zero";
    if (spent != store_i64(q, 8))
        return "what is spent is not the sum of what was settled";
    if (reserved != store_i64(q, 9))
        return "what is reserved is not the sum of the open reservations";
    if (given != store_i64(q, 10))
        return "what was given is not the sum of the children's budgets";
    if (is_root ? store_i64(q, 7) != 0 || !store_is_null(q, 11)
                : store_is_null(q, 11) || store_i64(q, 7) != store_i64(q, 11) + 1)
        return "it does not hang in the tree";
    if (store_i64(q, 6) != 0 && (reserved != 0 || budget != spent + given))
        return "it is closed and has money left";
    return NULL;
}

static void add_up(int64_t *sum, int64_t more)
{
    if (!i64_add(*sum, more, sum))
        *sum = INT64_MAX;
}

static int check_account(struct sums *t, const struct store_query *q)
{
    struct str session = store_str(q, 0), agent = store_str(q, 1);
    const char *why = account_is_wrong(q);
    t->accounts++;
    t->sessions += agent.len == 0;
    add_up(&t->spent, store_i64(q, 3));
    add_up(&t->reserved, store_i64(q, 4));
    if (why != NULL)
        return add_bad(t, session, agent, why);
    struct ledger_row a = {.budget = store_i64(q, 2),
                           .spent = store_i64(q, 3),
                           .reserved = store_i64(q, 4),
                           .given = store_i64(q, 5)};
    if (ledger_row_free(&a) < 0 && agent.len == 0)
        return json_array_append_new(t->over, json_stringn(session.at, session.len)) < 0 ? -ENOMEM
                                                                                         : 0;
    return 0;
}

static int check_accounts(struct state *s, const char *session, struct sums *t)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT session, agent, budget, spent, reserved, given, is_closed, depth,"
        " (SELECT coalesce(sum(used), 0) FROM reservation r WHERE r.session = l.session"
        "   AND r.agent = l.agent AND used IS NOT NULL),"
        " (SELECT coalesce(sum(pico), 0) FROM reservation r WHERE r.session = l.session"
        "   AND r.agent = l.agent AND used IS NULL),"
        " (SELECT coalesce(sum(budget), 0) FROM account c WHERE c.session = l.session"
        "   AND c.parent = l.agent),"
        " (SELECT depth FROM account p WHERE p.session = l.session AND p.agent = l.parent)"
        " FROM account l WHERE ?1 IS NULL OR session = ?1 ORDER BY session, depth, agent",
        &q, NULL);
    if (r == 0)
        store_bind_str(q, 1, str_of(session));
    while (r >= 0 && (r = store_next(q, NULL)) == STORE_ROW)
        r = check_account(t, q);
    return r;
}

/* Reservations of nobody, and of accounts that are not there. */
static int check_orphans(struct state *s, struct sums *t)
{
    auto_query struct store_query *q = NULL;
    int r =
        store_query(s->store,
                    "SELECT session, agent FROM reservation r WHERE NOT EXISTS"
                    " (SELECT 1 FROM account a WHERE a.session = r.session AND a.agent = r.agent)",
                    &q, NULL);
    while (r >= 0 && (r = store_next(q, NULL)) == STORE_ROW)
        r = add_bad(t, store_str(q, 0), store_str(q, 1), "it has a reservation and no account");
    return r;
}

static int check_periods(struct state *s, struct sums *t)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT kind, CASE WHEN spent < 0 OR reserved < 0 OR forgotten < 0 THEN 1 ELSE 0 END,"
        " spent - forgotten - (SELECT coalesce(sum(used), 0) FROM reservation"
        "   WHERE CASE kind WHEN 'day' THEN day ELSE month END = start AND used IS NOT NULL),"
        " reserved - (SELECT coalesce(sum(pico), 0) FROM reservation"
        "   WHERE CASE kind WHEN 'day' THEN day ELSE month END = start AND used IS NULL)"
        " FROM period ORDER BY kind, start",
        &q, NULL);
    while (r >= 0 && (r = store_next(q, NULL)) == STORE_ROW) {
        const char *why =
            store_i64(q, 1) != 0   ? "an amount of a period is below zero"
            : store_i64(q, 2) != 0 ? "what a period spent is not the sum of what was settled in it"
            : store_i64(q, 3) != 0 ? "what a period reserves is not the sum of what is open in it"
                                   : NULL;
        r = why == NULL ? 0 : add_bad(t, store_str(q, 0), STR(""), why);
    }
    return r;
}

static int check_all(struct state *s, struct sums *t)
{
    if (t->bad == NULL || t->over == NULL)
        return -ENOMEM;
    bool is_ours = !store_in_transaction(s->store); /* one view of all the tables */
    int r = is_ours ? store_begin_read(s->store, NULL) : 0;
    if (r == 0)
        r = check_accounts(s, NULL, t);
    if (r == 0)
        r = check_orphans(s, t);
    if (r == 0)
        r = check_periods(s, t);
    if (is_ours)
        store_rollback(s->store);
    return r;
}

bool ledger_sums(struct state *s, const char *session)
{
    struct sums t = {.bad = json_array(), .over = json_array()};
    bool is_whole =
        t.bad && t.over && check_accounts(s, session, &t) == 0 && json_array_size(t.bad) == 0;
    json_decref(t.bad);
    json_decref(t.over);
    return is_whole;
}

int ledger_check(struct state *s, json_t **ret_report)
{
    struct sums t = {.bad = json_array(), .over = json_array()};
    int r = check_all(s, &t);
    if (r < 0) {
        json_decref(t.bad);
        json_decref(t.over);
        return r;
    }
    bool is_ok = json_array_size(t.bad) == 0;
    json_t *report = json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:o}", "ok", is_ok, "sessions",
                               (json_int_t)t.sessions, "accounts", (json_int_t)t.accounts,
                               "spent_pico", (json_int_t)t.spent, "reserved_pico",
                               (json_int_t)t.reserved, "bad", t.bad, "over_budget", t.over);
    if (report == NULL)
        return -ENOMEM;
    *ret_report = report;
    return is_ok ? 0 : LEDGER_BAD;
}
