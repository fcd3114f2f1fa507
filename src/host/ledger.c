/* Reserving and settling. Each change is one transaction that holds the write lock from its start, so
 * two agents, in whatever processes, can never both be given the last cent: what was read stays true
 * until the commit. A reservation is on disk before the request it pays for is sent; a settlement may be lost in
 * a power cut, and then counts at its worst. spent may pass a budget only when a service charged
 * more than the worst case: that is recorded as it is, and nothing more can be reserved. */
#include "host/ledger_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int ledger_run(struct state *s, const char *sql, const char *const *texts, size_t text_count,
               const int64_t *numbers, size_t number_count, int64_t *ret_changed)
{
    struct store_query *q = NULL;
    int r = store_query(s->store, sql, &q, NULL);
    if (r < 0)
        return r;
    for (size_t i = 0; i < text_count; i++)
        store_bind_str(q, (int)i + 1, str_of(texts[i]));
    for (size_t i = 0; i < number_count; i++)
        store_bind_i64(q, (int)(text_count + i) + 1, numbers[i]);
    return store_run(q, ret_changed, NULL);
}

int ledger_finish(struct state *s, const char *session, int r)
{
    (void)session;
    assert(r != 0 || ledger_sums(s, session));
    if (r == 0)
        return store_commit(s->store, NULL);
    store_rollback(s->store);
    return r;
}

/* --- the session's account --- */

int ledger_put(struct state *s, const char *session, int64_t budget_pico, struct fault *reterr)
{
    if (budget_pico < 0)
        return fault_set(reterr, FAULT_USAGE, "a budget cannot be below zero");
    if (budget_pico > LEDGER_AMOUNT_MAX)
        return fault_set(reterr, FAULT_USAGE, "a budget cannot be above two million dollars");
    int r = ledger_run(
        s,
        "INSERT INTO account (session, agent, parent, depth, budget, spent, reserved, given, ceiling,"
        " is_pool, is_closed, warned) VALUES (?1, '', NULL, 0, ?2, 0, 0, 0, 0, 0, 0, 0)"
        " ON CONFLICT (session, agent) DO UPDATE SET budget = excluded.budget,"
        " warned = CASE WHEN account.budget = excluded.budget THEN account.warned ELSE 0 END",
        (const char *const[]){session}, 1, (const int64_t[]){budget_pico}, 1, NULL);
    return r < 0 ? fault_set(reterr, -r, "cannot book the budget of session %s: %s", session,
                             fault_sentence(r))
                 : 0;
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

int ledger_row_load(struct state *s, const char *session, const char *agent, struct ledger_row *ret)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT budget, spent, reserved, given, ceiling, depth, is_pool, is_closed,"
                        " parent FROM account WHERE session = ?1 AND agent = ?2",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_str(q, 2, str_of(agent));
    r = store_next(q, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret = (struct ledger_row){
        .budget = store_i64(q, 0),
        .spent = store_i64(q, 1),
        .reserved = store_i64(q, 2),
        .given = store_i64(q, 3),
        .ceiling = store_i64(q, 4),
        .depth = store_i64(q, 5),
        .is_pool = store_i64(q, 6) != 0,
        .is_closed = store_i64(q, 7) != 0,
        .has_parent = !store_is_null(q, 8),
    };
    struct str parent = store_str(q, 8);
    (void)snprintf(ret->parent, sizeof(ret->parent), "%.*s", (int)parent.len,
                   parent.at ? parent.at : "");
    return 0;
}

int ledger_balance(struct state *s, const char *session, const char *agent,
                   struct ledger_balance *ret)
{
    struct ledger_row a;
    int r = ledger_row_load(s, session, agent ? agent : "", &a);
    if (r == 0)
        *ret = (struct ledger_balance){a.budget, a.spent, a.reserved, a.given};
    return r;
}

/* --- reserving --- */

static int book(struct state *s, const char *session, const char *agent, int64_t turn,
                struct ledger_now now, int64_t pico)
{
    const char *const who[] = {session, agent};
    int64_t changed = 0;
    int r = ledger_run(s,
                       "INSERT INTO reservation (session, agent, turn, day, month, pico)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                       who, 2, (const int64_t[]){turn, now.day, now.month, pico}, 4, NULL);
    if (r == 0)
        r = ledger_run(s,
                       "UPDATE account SET reserved = reserved + ?3"
                       " WHERE session = ?1 AND agent = ?2 AND is_closed = 0"
                       " AND budget - spent - reserved - given >= ?3",
                       who, 2, &pico, 1, &changed);
    must(r < 0 || changed == 1); /* the write lock is ours since the account was read */
    return r == 0 ? ledger_period_reserve(s, now, pico) : r;
}

static int reserve_inside(struct state *s, const char *session, const char *agent, int64_t turn,
                          int64_t pico, enum ledger_limit *ret_by)
{
    struct ledger_row a;
    int64_t left = 0;
    struct ledger_now now = ledger_now();
    int r = ledger_row_load(s, session, agent, &a);
    if (r == 0 && a.is_closed)
        r = -ENOENT;
    if (r == 0)
        r = ledger_caps_free(s, session, now, &left, ret_by);
    if (r < 0)
        return r;
    if (pico > left)
        return LEDGER_SHORT;
    if (pico > ledger_row_free(&a)) {
        *ret_by = *agent ? LEDGER_BY_AGENT : LEDGER_BY_SESSION;
        r = a.is_pool ? ledger_pull(s, session, agent, pico, ret_by) : LEDGER_SHORT;
    }
    return r == 0 ? book(s, session, agent, turn, now, pico) : r;
}

int ledger_reserve(struct state *s, const char *session, const char *agent, int64_t turn,
                   int64_t pico, enum ledger_limit *ret_by)
{
    enum ledger_limit by = LEDGER_BY_SESSION;
    if (pico < 0)
        return -EINVAL;
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    if (r < 0)
        return r;
    r = ledger_finish(s, session, reserve_inside(s, session, agent ? agent : "", turn, pico, &by));
    if (r == LEDGER_SHORT && ret_by != NULL)
        *ret_by = by;
    return r;
}

/* --- settling --- */

struct charge {
    char session[STATE_NAME_SIZE], agent[STATE_NAME_SIZE];
    struct ledger_now then;
    int64_t pico;
};

static int load_charge(struct state *s, int64_t id, struct charge *ret)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT session, agent, day, month, pico FROM reservation"
                        " WHERE id = ?1 AND used IS NULL",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_i64(q, 1, id);
    r = store_next(q, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    (void)snprintf(ret->session, sizeof(ret->session), "%.*s", STR_FMT(store_str(q, 0)));
    (void)snprintf(ret->agent, sizeof(ret->agent), "%.*s", STR_FMT(store_str(q, 1)));
    ret->then = (struct ledger_now){store_i64(q, 2), store_i64(q, 3)};
    ret->pico = store_i64(q, 4);
    return 0;
}

int ledger_settle_one(struct state *s, int64_t id, int64_t used)
{
    struct charge c;
    struct ledger_row a;
    int r = load_charge(s, id, &c);
    if (r == 0)
        r = ledger_row_load(s, c.session, c.agent, &a);
    if (r < 0)
        return r;
    /* An absurd amount fills the account to its brim and no further: the sums stay sums. */
    if (used > LEDGER_AMOUNT_MAX - a.spent)
        used = LEDGER_AMOUNT_MAX - a.spent;
    r = ledger_run(s, "UPDATE reservation SET used = ?2 WHERE id = ?1", NULL, 0,
                   (const int64_t[]){id, used}, 2, NULL);
    if (r == 0)
        r = ledger_run(s,
                       "UPDATE account SET spent = spent + ?3, reserved = reserved - ?4"
                       " WHERE session = ?1 AND agent = ?2",
                       (const char *const[]){c.session, c.agent}, 2,
                       (const int64_t[]){used, c.pico}, 2, NULL);
    if (r == 0)
        r = ledger_period_settle(s, c.then, c.pico, used);
    return r == 0 ? ledger_give_back(s, c.session, c.agent) : r;
}

static int find_open(struct state *s, const char *session, const char *agent, int64_t turn,
                     int64_t *ret_id)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT id FROM reservation WHERE session = ?1 AND agent = ?2 AND turn = ?3"
                        " AND used IS NULL",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_str(q, 2, str_of(agent));
    store_bind_i64(q, 3, turn);
    r = store_next(q, NULL);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret_id = store_i64(q, 0);
    return 0;
}

int ledger_settle(struct state *s, const char *session, const char *agent, int64_t turn,
                  int64_t pico_used, struct ledger_notice *ret)
{
    int64_t id = 0;
    struct ledger_notice notice = {0};
    if (pico_used < 0)
        return -EINVAL;
    int r = store_begin(s->store, STORE_LIGHT, NULL);
    if (r < 0)
        return r;
    r = find_open(s, session, agent ? agent : "", turn, &id);
    if (r == 0)
        r = ledger_settle_one(s, id, pico_used);
    if (r == 0)
        r = ledger_notice(s, session, ledger_now(), &notice);
    r = ledger_finish(s, session, r);
    if (r == 0 && ret != NULL)
        *ret = notice;
    return r;
}

/* --- recovery --- */

/* One open reservation of a session that no longer runs. 1 found, 0 none left. */
static int next_dead(struct state *s, int64_t *ret_id, int64_t *ret_pico)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT id, pico FROM reservation WHERE used IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM session WHERE session.id = reservation.session AND status = 'running') LIMIT 1",
        &q, NULL);
    if (r == 0)
        r = store_next(q, NULL);
    if (r <= 0)
        return r;
    *ret_id = store_i64(q, 0);
    *ret_pico = store_i64(q, 1);
    return 1;
}

/* One session that no longer runs and has agents' accounts open. 1 found, 0 none left. */
static int next_open(struct state *s, char ret[STATE_NAME_SIZE])
{
    auto_query struct store_query *q = NULL;
    int r = store_query(
        s->store,
        "SELECT session FROM account WHERE depth > 0 AND is_closed = 0 AND NOT EXISTS"
        " (SELECT 1 FROM session WHERE session.id = account.session AND status = 'running') LIMIT 1",
        &q, NULL);
    if (r == 0)
        r = store_next(q, NULL);
    if (r == STORE_ROW)
        (void)snprintf(ret, STATE_NAME_SIZE, "%.*s", STR_FMT(store_str(q, 0)));
    return r;
}

int ledger_settle_dead(struct state *s, struct fault *reterr)
{
    char session[STATE_NAME_SIZE];
    int64_t id = 0, pico = 0;
    int r;
    while ((r = next_dead(s, &id, &pico)) == 1) {
        r = ledger_settle_one(s, id, pico);
        if (r < 0)
            break;
    }
    while (r == 0 && (r = next_open(s, session)) == 1)
        r = ledger_close_all(s, session);
    return r < 0 ? fault_set(reterr, -r, "cannot settle the money of a session that died: %s",
                             fault_sentence(r))
                 : 0;
}

int ledger_recover(struct state *s)
{
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    return r < 0 ? r : ledger_finish(s, NULL, ledger_settle_dead(s, NULL));
}
