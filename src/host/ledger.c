/* The money of a session tree. Each change is one transaction that holds the write lock from its
 * start, so two executors can never both be given the last cent. A reservation is on disk before the
 * request it pays for is sent; a settlement may be lost in a power cut, and then counts at its worst.
 * spent may pass the budget only when a service charged more than the reservation's worst case:
 * that is recorded as it is, and nothing more can be reserved. */
#include "host/ledger.h"

#include "host/journal_private.h"
#include "host/state_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEAD_NAME_SIZE = 256 };

/* --- one statement each --- */

static int run_amounts(struct state *s, const char *sql, const char *session, int64_t a, int64_t b,
                       int64_t *ret_changed, struct fault *reterr)
{
    struct store_query *q = NULL;
    int r = store_query(s->store, sql, &q, reterr);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_i64(q, 2, a);
    store_bind_i64(q, 3, b);
    return store_run(q, ret_changed, reterr);
}

static int finish(struct state *s, int r)
{
    if (r >= 0) {
        int done = store_commit(s->store, NULL);
        return done < 0 ? done : r;
    }
    store_rollback(s->store);
    return r;
}

/* --- face --- */

/* A resumed session keeps what it spent; its budget becomes the one that is given now. */
int ledger_put(struct state *s, const char *session, int64_t budget_pico, struct fault *reterr)
{
    if (budget_pico < 0)
        return fault_set(reterr, FAULT_USAGE, "a budget cannot be below zero");
    return run_amounts(
        s,
        "INSERT INTO ledger (session, budget, spent, reserved) VALUES (?1, ?2, ?3, 0)"
        " ON CONFLICT (session) DO UPDATE SET budget = excluded.budget",
        session, budget_pico, 0, NULL, reterr);
}

int ledger_open(struct state *s, const char *session, int64_t budget_pico, struct fault *reterr)
{
    int r = store_begin(s->store, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = ledger_put(s, session, budget_pico, reterr);
    if (r == 0)
        return store_commit(s->store, reterr);
    store_rollback(s->store);
    return r;
}

int ledger_balance(struct state *s, const char *session, struct ledger_balance *ret)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store, "SELECT budget, spent, reserved FROM ledger WHERE session = ?1",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    r = store_next(q, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret = (struct ledger_balance){store_i64(q, 0), store_i64(q, 1), store_i64(q, 2)};
    return 0;
}

static int reserve_inside(struct state *s, const char *session, int64_t turn, int64_t pico)
{
    struct ledger_balance b = {0};
    int64_t taken = 0, changed = 0;
    int r = ledger_balance(s, session, &b);
    if (r < 0)
        return r;
    if (!i64_add(b.spent, b.reserved, &taken) || !i64_add(taken, pico, &taken) || taken > b.budget)
        return LEDGER_SHORT;
    r = run_amounts(s, "INSERT INTO reservation (session, turn, pico) VALUES (?1, ?2, ?3)", session,
                    turn, pico, NULL, NULL);
    if (r == 0)
        r = run_amounts(s, "UPDATE ledger SET reserved = ?2 WHERE session = ?1 AND spent = ?3",
                        session, b.reserved + pico, b.spent, &changed, NULL);
    must(r < 0 || changed == 1); /* the write lock is ours since the balance was read */
    return r;
}

int ledger_reserve(struct state *s, const char *session, int64_t turn, int64_t pico)
{
    if (pico < 0)
        return -EINVAL;
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    return r < 0 ? r : finish(s, reserve_inside(s, session, turn, pico));
}

static int find_open(struct state *s, const char *session, int64_t turn, int64_t *ret_id,
                     int64_t *ret_pico)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT id, pico FROM reservation WHERE session = ?1 AND turn = ?2 AND used IS NULL", &q,
        NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_i64(q, 2, turn);
    r = store_next(q, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret_id = store_i64(q, 0);
    *ret_pico = store_i64(q, 1);
    return 0;
}

static int settle_one(struct state *s, const char *session, int64_t id, int64_t reserved,
                      int64_t used)
{
    struct ledger_balance b = {0};
    int64_t spent = 0;
    int r = ledger_balance(s, session, &b);
    if (r < 0)
        return r;
    if (!i64_add(b.spent, used, &spent))
        spent = INT64_MAX;
    r = run_amounts(s, "UPDATE reservation SET used = ?2 WHERE session = ?1 AND id = ?3", session,
                    used, id, NULL, NULL);
    if (r == 0)
        r = run_amounts(s, "UPDATE ledger SET spent = ?2, reserved = ?3 WHERE session = ?1",
                        session, spent, b.reserved - reserved, NULL, NULL);
    return r;
}

static int settle_inside(struct state *s, const char *session, int64_t turn, int64_t used)
{
    int64_t id = 0, reserved = 0;
    int r = find_open(s, session, turn, &id, &reserved);
    return r < 0 ? r : settle_one(s, session, id, reserved, used);
}

int ledger_settle(struct state *s, const char *session, int64_t turn, int64_t pico_used)
{
    if (pico_used < 0)
        return -EINVAL;
    int r = store_begin(s->store, STORE_LIGHT, NULL);
    return r < 0 ? r : finish(s, settle_inside(s, session, turn, pico_used));
}

/* --- recovery --- */

/* One open reservation of a session that no longer runs. 1 found, 0 none left. */
static int next_dead(struct state *s, char ret_session[DEAD_NAME_SIZE], int64_t *ret_id,
                     int64_t *ret_pico, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT session, id, pico FROM reservation WHERE used IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM session WHERE session.id = reservation.session AND status = 'running') LIMIT 1",
        &q, reterr);
    if (r == 0)
        r = store_next(q, reterr);
    if (r <= 0)
        return r;
    (void)snprintf(ret_session, DEAD_NAME_SIZE, "%.*s", STR_FMT(store_str(q, 0)));
    *ret_id = store_i64(q, 1);
    *ret_pico = store_i64(q, 2);
    return 1;
}

int ledger_settle_dead(struct state *s, struct fault *reterr)
{
    char session[DEAD_NAME_SIZE];
    int64_t id = 0, pico = 0;
    int r;
    while ((r = next_dead(s, session, &id, &pico, reterr)) == 1) {
        r = settle_one(s, session, id, pico, pico);
        if (r < 0)
            return fault_set(reterr, -r, "cannot settle the money of session %s: %s", session,
                             fault_sentence(r));
    }
    return r;
}

int ledger_recover(struct state *s)
{
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    return r < 0 ? r : finish(s, ledger_settle_dead(s, NULL));
}

/* --- invariants --- */

struct sums {
    json_t *bad, *over; /* own */
    int64_t sessions, spent, reserved;
};

static int check_session(struct sums *t, const struct store_query *q)
{
    struct str session = store_str(q, 0);
    int64_t budget = store_i64(q, 1), spent = store_i64(q, 2), reserved = store_i64(q, 3);
    const char *why = NULL;
    if (budget < 0 || spent < 0 || reserved < 0)
        why = "an amount is below zero";
    else if (spent != store_i64(q, 4))
        why = "what is spent is not the sum of what was settled";
    else if (reserved != store_i64(q, 5))
        why = "what is reserved is not the sum of the open reservations";
    t->sessions++;
    if (!i64_add(t->spent, spent, &t->spent))
        t->spent = INT64_MAX;
    if (!i64_add(t->reserved, reserved, &t->reserved))
        t->reserved = INT64_MAX;
    if (why != NULL)
        return json_array_append_new(
            t->bad, json_pack("{s:s%, s:s}", "session", session.at, session.len, "why", why));
    if (reserved > budget - (spent < budget ? spent : budget))
        return json_array_append_new(t->over, json_stringn(session.at, session.len));
    return 0;
}

static int check_all(struct state *s, struct sums *t)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT session, budget, spent, reserved,"
        " (SELECT coalesce(sum(used), 0) FROM reservation r WHERE r.session = l.session AND used IS NOT NULL),"
        " (SELECT coalesce(sum(pico), 0) FROM reservation r WHERE r.session = l.session AND used IS NULL)"
        " FROM ledger l ORDER BY session",
        &q, NULL);
    while (r >= 0 && (r = store_next(q, NULL)) == STORE_ROW) {
        if (check_session(t, q) < 0)
            return -ENOMEM;
    }
    return r;
}

int ledger_check(struct state *s, json_t **ret_report)
{
    struct sums t = {.bad = json_array(), .over = json_array()};
    int r = t.bad && t.over ? check_all(s, &t) : -ENOMEM;
    if (r < 0) {
        json_decref(t.bad);
        json_decref(t.over);
        return r;
    }
    bool is_ok = json_array_size(t.bad) == 0;
    json_t *report =
        json_pack("{s:b, s:I, s:I, s:I, s:o, s:o}", "ok", is_ok, "sessions", (json_int_t)t.sessions,
                  "spent_pico", (json_int_t)t.spent, "reserved_pico", (json_int_t)t.reserved, "bad",
                  t.bad, "over_budget", t.over);
    if (report == NULL)
        return -ENOMEM;
    *ret_report = report;
    return is_ok ? 0 : 1;
}

/* --- text --- */

char *ledger_usd_text(int64_t pico)
{
    char text[48];
    uint64_t left = pico < 0 ? UINT64_C(0) - (uint64_t)pico : (uint64_t)pico;
    int n = snprintf(text, sizeof(text), "%s%llu.%012llu", pico < 0 ? "-" : "",
                     (unsigned long long)(left / (uint64_t)PICO_PER_USD),
                     (unsigned long long)(left % (uint64_t)PICO_PER_USD));
    must(n > 13 && (size_t)n < sizeof(text));
    size_t len = (size_t)n;
    for (size_t least = len - 10; len > least && text[len - 1] == '0'; len--)
        text[len - 1] = '\0';
    return str_dup((struct str){text, len});
}

/* A JSON number, exactly: integers as they are, reals by their shortest text (which is what the
 * person wrote), never by arithmetic on the double. */
int ledger_decimal_from_json(const json_t *number, unsigned scale, int64_t max, int64_t *ret)
{
    struct buf text;
    buf_init(&text, 64);
    int r = -EINVAL;
    if (json_is_number(number))
        r = json_print_canonical(number, &text);
    if (r == 0)
        r = base_parse_decimal(buf_str(&text), scale, 0, max, ret);
    buf_done(&text);
    return r;
}
