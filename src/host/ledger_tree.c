/* The tree: opening and closing agents' accounts, and the transfers between them. Money moves only along
 * an edge, in one transaction, as budget of the child and as given of the parent: so the sum over a session
 * never changes here, whatever the order, and a child can lose nothing and win nothing by dying. */
#include "host/ledger_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { AGENT_NAME_MAX = 128, MILLION = 1000000 };

int ledger_move(struct state *s, const char *session, const char *agent, const struct ledger_row *a,
                int64_t pico)
{
    struct ledger_row parent;
    if (pico == 0)
        return 0;
    must(a->has_parent);
    int r = ledger_row_load(s, session, a->parent, &parent);
    if (r < 0)
        return r;
    if (pico > 0 &&
        (pico > LEDGER_AMOUNT_MAX - parent.given || pico > LEDGER_AMOUNT_MAX - a->budget))
        return -ERANGE;
    r = ledger_run(s, "UPDATE account SET budget = budget + ?3 WHERE session = ?1 AND agent = ?2",
                   (const char *const[]){session, agent}, 2, &pico, 1, NULL);
    if (r == 0)
        r = ledger_run(s, "UPDATE account SET given = given + ?3 WHERE session = ?1 AND agent = ?2",
                       (const char *const[]){session, a->parent}, 2, &pico, 1, NULL);
    return r;
}

static int64_t ceiling_left(const struct ledger_row *a)
{
    return a->ceiling - a->spent - a->reserved - a->given;
}

/* The way from an account up to the first that has money of its own, which is the last in it. */
struct path {
    char name[LEDGER_DEPTH_MAX + 1][STATE_NAME_SIZE];
    struct ledger_row row[LEDGER_DEPTH_MAX + 1];
    size_t count;
};

static int walk_up(struct state *s, const char *session, const char *agent, struct path *p)
{
    (void)snprintf(p->name[0], STATE_NAME_SIZE, "%s", agent);
    for (p->count = 0; p->count < ARRAY_LEN(p->row);) {
        struct ledger_row *a = &p->row[p->count];
        int r = ledger_row_load(s, session, p->name[p->count], a);
        if (r < 0)
            return r;
        p->count++;
        if (!a->is_pool || !a->has_parent)
            return 0;
        if (p->count < ARRAY_LEN(p->row))
            memcpy(p->name[p->count], a->parent, STATE_NAME_SIZE);
    }
    return -FAULT_CORRUPT; /* deeper than anything that was opened */
}

int ledger_pull(struct state *s, const char *session, const char *agent, int64_t pico,
                enum ledger_limit *ret_by)
{
    struct path p;
    int64_t lacks[LEDGER_DEPTH_MAX + 1];
    int r = walk_up(s, session, agent, &p);
    size_t top = 0;
    for (; r == 0; top++) { /* what each lacks of what is asked of it; the top one must have it */
        const struct ledger_row *a = &p.row[top];
        *ret_by = *p.name[top] ? LEDGER_BY_AGENT : LEDGER_BY_SESSION;
        if (a->is_pool && pico > ceiling_left(a))
            return LEDGER_SHORT;
        if (pico <= ledger_row_free(a))
            break;
        if (top + 1 == p.count)
            return LEDGER_SHORT;
        lacks[top] = pico = pico - ledger_row_free(a);
    }
    for (size_t i = top; r == 0 && i-- > 0;)
        r = ledger_move(s, session, p.name[i], &p.row[i], lacks[i]);
    return r;
}

int ledger_give_back(struct state *s, const char *session, const char *agent)
{
    struct path p;
    int r = walk_up(s, session, agent, &p);
    for (size_t i = 0; r == 0 && i < p.count && p.row[i].is_pool; i++) {
        struct ledger_row now; /* what came up from below is in it */
        r = ledger_row_load(s, session, p.name[i], &now);
        if (r == 0)
            r = ledger_move(s, session, p.name[i], &now, -ledger_row_free(&now));
    }
    return r;
}

int ledger_free(struct state *s, const char *session, const char *agent, int64_t *ret_pico,
                enum ledger_limit *ret_by)
{
    struct path p;
    int64_t caps = 0, left = 0;
    enum ledger_limit by = LEDGER_BY_SESSION, cap_by = LEDGER_BY_SESSION_CAP;
    int r = walk_up(s, session, agent ? agent : "", &p);
    if (r == 0)
        r = ledger_caps_free(s, session, ledger_now(), &caps, &cap_by);
    if (r < 0)
        return r;
    left = ledger_row_free(&p.row[p.count - 1]);
    by = *p.name[p.count - 1] ? LEDGER_BY_AGENT : LEDGER_BY_SESSION;
    for (size_t i = p.count - 1; i-- > 0;) {
        left = (left > 0 ? left : 0) + ledger_row_free(&p.row[i]);
        if (ceiling_left(&p.row[i]) < left) {
            left = ceiling_left(&p.row[i]);
            by = LEDGER_BY_AGENT;
        }
    }
    if (caps < left) {
        left = caps;
        by = cap_by;
    }
    *ret_pico = left > 0 ? left : 0;
    *ret_by = by;
    return 0;
}

/* --- opening --- */

static int start_amount(const struct ledger_row *parent, enum ledger_split how, int64_t amount,
                        int64_t *ret_given, int64_t *ret_ceiling)
{
    *ret_given = 0;
    *ret_ceiling = LEDGER_AMOUNT_MAX;
    if (amount < 0 || (how == LEDGER_SHARE && amount > MILLION))
        return -EINVAL;
    switch (how) {
    case LEDGER_FIXED: *ret_given = amount; break;
    case LEDGER_SHARE: /* exact but for less than a pico-dollar, and without wrapping */
        *ret_given =
            parent->budget / MILLION * amount + parent->budget % MILLION * amount / MILLION;
        break;
    case LEDGER_POOL: *ret_ceiling = amount < LEDGER_AMOUNT_MAX ? amount : LEDGER_AMOUNT_MAX; break;
    default: return -EINVAL;
    }
    return 0;
}

static int put_child(struct state *s, const char *session, const char *agent, const char *parent,
                     const struct ledger_row *above, enum ledger_split how, int64_t amount)
{
    struct ledger_row a = {.has_parent = true};
    int64_t given = 0, ceiling = 0;
    enum ledger_limit by;
    int r = start_amount(above, how, amount, &given, &ceiling);
    if (r == 0)
        r = ledger_run(
            s,
            "INSERT INTO account (session, agent, parent, depth, budget, spent, reserved, given,"
            " ceiling, is_pool, is_closed, warned) VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, ?5, ?6, 0, 0)"
            " ON CONFLICT (session, agent) DO UPDATE SET ceiling = excluded.ceiling,"
            " is_pool = excluded.is_pool, is_closed = 0",
            (const char *const[]){session, agent, parent}, 3,
            (const int64_t[]){above->depth + 1, ceiling, how == LEDGER_POOL}, 3, NULL);
    if (r == 0 && given > ledger_row_free(above))
        r = above->is_pool ? ledger_pull(s, session, parent, given, &by) : LEDGER_SHORT;
    if (r == 0)
        r = ledger_row_load(s, session, agent, &a);
    return r == 0 ? ledger_move(s, session, agent, &a, given) : r;
}

static int open_inside(struct state *s, const char *session, const char *agent, const char *parent,
                       enum ledger_split how, int64_t amount)
{
    struct ledger_row above, before;
    int r = ledger_row_load(s, session, parent, &above);
    if (r < 0)
        return r;
    if (above.is_closed)
        return -ENOENT;
    if (above.depth >= LEDGER_DEPTH_MAX)
        return -EINVAL;
    r = ledger_row_load(s, session, agent, &before);
    if (r == 0 && !before.is_closed)
        return -EEXIST;
    if (r == 0 && strcmp(before.parent, parent) != 0)
        return -EINVAL; /* who was another's child stays that */
    return r == 0 || r == -ENOENT ? put_child(s, session, agent, parent, &above, how, amount) : r;
}

int ledger_child_open(struct state *s, const char *session, const char *agent, const char *parent,
                      enum ledger_split how, int64_t amount)
{
    if (agent == NULL || *agent == '\0' || strlen(agent) > AGENT_NAME_MAX)
        return -EINVAL;
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    if (r < 0)
        return r;
    return ledger_finish(s, session,
                         open_inside(s, session, agent, parent ? parent : "", how, amount));
}

/* --- closing --- */

/* The deepest open account at or below `agent`, the session's own never. 1 found, 0 none left. */
static int next_below(struct state *s, const char *session, const char *agent,
                      char ret[STATE_NAME_SIZE])
{
    auto_query struct store_query *q = NULL;
    int r =
        store_query(s->store,
                    "WITH RECURSIVE below (agent) AS (SELECT ?2 UNION SELECT a.agent FROM account a"
                    " JOIN below b ON a.parent = b.agent WHERE a.session = ?1)"
                    " SELECT a.agent FROM account a JOIN below b ON a.agent = b.agent"
                    " WHERE a.session = ?1 AND a.depth > 0 AND a.is_closed = 0"
                    " ORDER BY a.depth DESC LIMIT 1",
                    &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_str(q, 2, str_of(agent));
    r = store_next(q, NULL);
    if (r == STORE_ROW)
        (void)snprintf(ret, STATE_NAME_SIZE, "%.*s", STR_FMT(store_str(q, 0)));
    return r;
}

/* 1 found, 0 none left. */
static int next_charge(struct state *s, const char *session, const char *agent, int64_t *ret_id,
                       int64_t *ret_pico)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT id, pico FROM reservation WHERE session = ?1 AND agent = ?2"
                        " AND used IS NULL LIMIT 1",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    store_bind_str(q, 2, str_of(agent));
    r = store_next(q, NULL);
    if (r == STORE_ROW) {
        *ret_id = store_i64(q, 0);
        *ret_pico = store_i64(q, 1);
    }
    return r;
}

static int close_one(struct state *s, const char *session, const char *agent)
{
    struct ledger_row a;
    int64_t id = 0, pico = 0;
    int r;
    while ((r = next_charge(s, session, agent, &id, &pico)) == 1) {
        r = ledger_settle_one(s, id, pico);
        if (r < 0)
            return r;
    }
    if (r == 0)
        r = ledger_row_load(s, session, agent, &a);
    if (r == 0)
        r = ledger_move(s, session, agent, &a, -ledger_row_free(&a));
    if (r == 0)
        r = ledger_run(s, "UPDATE account SET is_closed = 1 WHERE session = ?1 AND agent = ?2",
                       (const char *const[]){session, agent}, 2, NULL, 0, NULL);
    /* what came back stays with a pool account above no longer than with this one */
    return r == 0 ? ledger_give_back(s, session, a.parent) : r;
}

static int close_below(struct state *s, const char *session, const char *agent)
{
    char name[STATE_NAME_SIZE];
    int r;
    while ((r = next_below(s, session, agent, name)) == 1) {
        r = close_one(s, session, name);
        if (r < 0)
            return r;
    }
    return r;
}

int ledger_close_all(struct state *s, const char *session)
{
    return close_below(s, session, "");
}

int ledger_child_close(struct state *s, const char *session, const char *agent)
{
    struct ledger_row a;
    if (agent == NULL || *agent == '\0')
        return -EINVAL;
    int r = store_begin(s->store, STORE_DURABLE, NULL);
    if (r < 0)
        return r;
    r = ledger_row_load(s, session, agent, &a);
    if (r == 0)
        r = close_below(s, session, agent);
    return ledger_finish(s, session, r);
}

/* --- looking --- */

int ledger_each(struct state *s, const char *session,
                int (*each)(const struct ledger_account *a, void *arg), void *arg)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT agent, parent, is_pool, is_closed, budget, spent, reserved, given"
                        " FROM account WHERE session = ?1 ORDER BY depth, agent",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    while ((r = store_next(q, NULL)) == STORE_ROW) {
        const struct ledger_account a = {
            .agent = store_str(q, 0).at,
            .parent = store_str(q, 1).at,
            .is_pool = store_i64(q, 2) != 0,
            .is_closed = store_i64(q, 3) != 0,
            .balance = {store_i64(q, 4), store_i64(q, 5), store_i64(q, 6), store_i64(q, 7)},
        };
        r = each(&a, arg);
        if (r != 0)
            return r;
    }
    return r;
}
