/* Caps that outlive sessions: for every session, for a day, for a month (UTC, so that every process on
 * every machine means the same day). Their sums are kept beside the single entries and changed in the
 * same transaction, so a reservation costs the same in a month's last minute as in its first. What a
 * call costs belongs to the day it was reserved on, however late it is settled. */
#include "host/ledger_private.h"

#include "host/journal_private.h"
#include "os/clock.h"

#include <errno.h>
#include <time.h>

enum { SECONDS_PER_DAY = 86400 };

static const char *const names[] = {"session", "day", "month"};
static const int marks[] = {100, 80, 50}; /* percent; the highest first */

struct ledger_now ledger_now(void)
{
    time_t seconds = (time_t)(os_now_real_ns() / OS_NS_PER_S);
    struct tm tm;
    if (seconds < SECONDS_PER_DAY || gmtime_r(&seconds, &tm) == NULL)
        return (struct ledger_now){1, 1}; /* a clock that was never set: one long day */
    return (struct ledger_now){(int64_t)seconds / SECONDS_PER_DAY,
                               (int64_t)(tm.tm_year - 70) * 12 + tm.tm_mon + 1};
}

const char *ledger_cap_name(enum ledger_cap which)
{
    return names[which];
}

int ledger_cap_parse(struct str name, enum ledger_cap *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_is(name, names[i])) {
            *ret = (enum ledger_cap)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *ledger_limit_sentence(enum ledger_limit by)
{
    switch (by) {
    case LEDGER_BY_AGENT: return "the next model call does not fit the agent's budget";
    case LEDGER_BY_SESSION: return "the next model call does not fit the budget";
    case LEDGER_BY_SESSION_CAP:
        return "the next model call does not fit what a session may spend (boxagnts budget show)";
    case LEDGER_BY_DAY:
        return "the next model call does not fit what may be spent today (boxagnts budget show)";
    case LEDGER_BY_MONTH:
        return "the next model call does not fit what may be spent this month (boxagnts budget show)";
    }
    return "";
}

/* --- setting and showing --- */

static int set_inside(struct state *s, enum ledger_cap which, int64_t pico, struct fault *reterr)
{
    const char *const name[] = {names[which]};
    int r = pico == LEDGER_NO_CAP
                ? ledger_run(s, "DELETE FROM cap WHERE kind = ?1", name, 1, NULL, 0, NULL)
                : ledger_run(s,
                             "INSERT INTO cap (kind, pico) VALUES (?1, ?2)"
                             " ON CONFLICT (kind) DO UPDATE SET pico = excluded.pico",
                             name, 1, &pico, 1, NULL);
    if (r == 0) /* another cap has other marks */
        r = ledger_run(s, "UPDATE period SET warned = 0 WHERE kind = ?1", name, 1, NULL, 0, NULL);
    if (r < 0)
        return fault_set(reterr, -r, "cannot set the budget: %s", fault_sentence(r));
    auto_json json_t *body =
        pico == LEDGER_NO_CAP
            ? json_pack("{s:s, s:s, s:n}", "what", "cap", "of", names[which], "pico_usd")
            : json_pack("{s:s, s:s, s:I}", "what", "cap", "of", names[which], "pico_usd",
                        (json_int_t)pico);
    return body == NULL ? state_no_memory(reterr)
                        : journal_put(s, NULL, NULL, "money", body, reterr);
}

int ledger_cap_set(struct state *s, enum ledger_cap which, int64_t pico, struct fault *reterr)
{
    if (pico != LEDGER_NO_CAP && (pico < 0 || pico > LEDGER_AMOUNT_MAX))
        return fault_set(reterr, FAULT_USAGE, "a budget is from 0 to two million dollars");
    int r = store_begin(s->store, STORE_DURABLE, reterr);
    if (r < 0)
        return r;
    r = set_inside(s, which, pico, reterr);
    if (r == 0)
        return store_commit(s->store, reterr);
    store_rollback(s->store);
    return r;
}

#define CAPS_AND_PERIODS                                                                           \
    " LEFT JOIN period p ON p.kind = c.kind"                                                       \
    " AND p.start = CASE c.kind WHEN 'day' THEN ?1 WHEN 'month' THEN ?2 ELSE 0 END"

int ledger_cap_get(struct state *s, enum ledger_cap which, struct ledger_period *ret)
{
    auto_query struct store_query *q = NULL;
    struct ledger_now now = ledger_now();
    *ret = (struct ledger_period){.cap = LEDGER_NO_CAP};
    int r = store_query(s->store,
                        "SELECT (SELECT pico FROM cap WHERE kind = ?1),"
                        " (SELECT spent FROM period WHERE kind = ?1 AND start = ?2),"
                        " (SELECT reserved FROM period WHERE kind = ?1 AND start = ?2)",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(names[which]));
    store_bind_i64(q, 2, which == LEDGER_CAP_DAY ? now.day : now.month);
    r = store_next(q, NULL);
    if (r < 0)
        return r;
    if (!store_is_null(q, 0))
        ret->cap = store_i64(q, 0);
    if (which != LEDGER_CAP_SESSION && !store_is_null(q, 1)) {
        ret->spent = store_i64(q, 1);
        ret->reserved = store_i64(q, 2);
    }
    return 0;
}

/* --- while reserving and settling --- */

/* spent + reserved of a whole session; what is given is counted where it went. */
static int session_taken(struct state *s, const char *session, int64_t *ret)
{
    auto_query struct store_query *q = NULL;
    int r = store_query(s->store,
                        "SELECT coalesce(sum(spent + reserved), 0) FROM account WHERE session = ?1",
                        &q, NULL);
    if (r < 0)
        return r;
    store_bind_str(q, 1, str_of(session));
    r = store_next(q, NULL);
    *ret = r == STORE_ROW ? store_i64(q, 0) : 0;
    return r < 0 ? r : 0;
}

int ledger_caps_free(struct state *s, const char *session, struct ledger_now now, int64_t *ret_pico,
                     enum ledger_limit *ret_by)
{
    static const enum ledger_limit limits[] = {LEDGER_BY_SESSION_CAP, LEDGER_BY_DAY,
                                               LEDGER_BY_MONTH};
    int64_t free[] = {LEDGER_AMOUNT_MAX, LEDGER_AMOUNT_MAX, LEDGER_AMOUNT_MAX};
    bool is_session_capped = false;
    {
        auto_query struct store_query *q = NULL;
        int r = store_query(s->store,
                            "SELECT c.kind, c.pico - coalesce(p.spent + p.reserved, 0)"
                            " FROM cap c" CAPS_AND_PERIODS,
                            &q, NULL);
        if (r < 0)
            return r;
        store_bind_i64(q, 1, now.day);
        store_bind_i64(q, 2, now.month);
        while ((r = store_next(q, NULL)) == STORE_ROW) {
            enum ledger_cap which;
            if (ledger_cap_parse(store_str(q, 0), &which) < 0)
                return -FAULT_CORRUPT; /* a cap that is not understood is not ignored */
            free[which] = store_i64(q, 1);
            is_session_capped = is_session_capped || which == LEDGER_CAP_SESSION;
        }
        if (r < 0)
            return r;
    }
    int64_t taken = 0;
    int r = is_session_capped ? session_taken(s, session, &taken) : 0;
    if (r < 0)
        return r;
    free[LEDGER_CAP_SESSION] -= taken;
    *ret_pico = LEDGER_AMOUNT_MAX;
    for (size_t i = 0; i < ARRAY_LEN(free); i++) {
        if (free[i] < *ret_pico) {
            *ret_pico = free[i];
            *ret_by = limits[i];
        }
    }
    return 0;
}

static int add_reserved(struct state *s, const char *kind, int64_t start, int64_t pico)
{
    return ledger_run(s,
                      "INSERT INTO period (kind, start, spent, reserved, forgotten, warned)"
                      " VALUES (?1, ?2, 0, ?3, 0, 0) ON CONFLICT (kind, start)"
                      " DO UPDATE SET reserved = period.reserved + excluded.reserved",
                      &kind, 1, (const int64_t[]){start, pico}, 2, NULL);
}

int ledger_period_reserve(struct state *s, struct ledger_now now, int64_t pico)
{
    int r = add_reserved(s, names[LEDGER_CAP_DAY], now.day, pico);
    return r == 0 ? add_reserved(s, names[LEDGER_CAP_MONTH], now.month, pico) : r;
}

static int settle_period(struct state *s, const char *kind, int64_t start, int64_t pico,
                         int64_t used)
{
    if (start <= 0) /* reserved by a version that had no periods */
        return 0;
    return ledger_run(s,
                      "UPDATE period SET reserved = reserved - ?3, spent = spent + ?4"
                      " WHERE kind = ?1 AND start = ?2",
                      &kind, 1, (const int64_t[]){start, pico, used}, 3, NULL);
}

int ledger_period_settle(struct state *s, struct ledger_now then, int64_t pico, int64_t used)
{
    int r = settle_period(s, names[LEDGER_CAP_DAY], then.day, pico, used);
    return r == 0 ? settle_period(s, names[LEDGER_CAP_MONTH], then.month, pico, used) : r;
}

/* --- what is nearly gone is said once --- */

/* The highest mark that spent has reached, if it is above what was said; else 0. */
static int new_mark(int64_t cap, int64_t spent, int64_t warned)
{
    for (size_t i = 0; cap > 0 && i < ARRAY_LEN(marks); i++) {
        int64_t at = cap / 100 * marks[i] + cap % 100 * marks[i] / 100;
        if (spent >= at)
            return marks[i] > warned ? marks[i] : 0;
    }
    return 0;
}

static int notice_session(struct state *s, const char *session, int *ret)
{
    int64_t budget = 0, spent = 0, warned = 0;
    {
        auto_query struct store_query *q = NULL;
        int r =
            store_query(s->store,
                        "SELECT budget, warned, (SELECT sum(spent) FROM account WHERE session = ?1)"
                        " FROM account WHERE session = ?1 AND agent = ''",
                        &q, NULL);
        if (r < 0)
            return r;
        store_bind_str(q, 1, str_of(session));
        r = store_next(q, NULL);
        if (r <= 0)
            return r;
        budget = store_i64(q, 0);
        warned = store_i64(q, 1);
        spent = store_i64(q, 2);
    }
    int mark = new_mark(budget, spent, warned);
    *ret = mark;
    return mark == 0
               ? 0
               : ledger_run(s, "UPDATE account SET warned = ?2 WHERE session = ?1 AND agent = ''",
                            &session, 1, (const int64_t[]){mark}, 1, NULL);
}

static int notice_period(struct state *s, enum ledger_cap which, int64_t start, int *ret)
{
    int64_t cap = 0, spent = 0, warned = 0;
    {
        auto_query struct store_query *q = NULL;
        int r = store_query(s->store,
                            "SELECT c.pico, p.spent, p.warned FROM cap c JOIN period p"
                            " ON p.kind = c.kind AND p.start = ?2 WHERE c.kind = ?1",
                            &q, NULL);
        if (r < 0)
            return r;
        store_bind_str(q, 1, str_of(names[which]));
        store_bind_i64(q, 2, start);
        r = store_next(q, NULL);
        if (r <= 0)
            return r;
        cap = store_i64(q, 0);
        spent = store_i64(q, 1);
        warned = store_i64(q, 2);
    }
    int mark = new_mark(cap, spent, warned);
    *ret = mark;
    return mark == 0 ? 0
                     : ledger_run(s, "UPDATE period SET warned = ?3 WHERE kind = ?1 AND start = ?2",
                                  (const char *const[]){names[which]}, 1,
                                  (const int64_t[]){start, mark}, 2, NULL);
}

int ledger_notice(struct state *s, const char *session, struct ledger_now now,
                  struct ledger_notice *ret)
{
    int r = notice_session(s, session, &ret->session);
    if (r == 0)
        r = notice_period(s, LEDGER_CAP_DAY, now.day, &ret->day);
    return r == 0 ? notice_period(s, LEDGER_CAP_MONTH, now.month, &ret->month) : r;
}

/* --- forgetting a session --- */

int ledger_forget(struct state *s, const char *session)
{
    static const char *const steps[] = {
        "UPDATE period SET forgotten = forgotten + coalesce((SELECT sum(used) FROM reservation r"
        " WHERE r.session = ?1 AND r.day = period.start), 0) WHERE kind = 'day'",
        "UPDATE period SET forgotten = forgotten + coalesce((SELECT sum(used) FROM reservation r"
        " WHERE r.session = ?1 AND r.month = period.start), 0) WHERE kind = 'month'",
        "DELETE FROM reservation WHERE session = ?1",
        "DELETE FROM account WHERE session = ?1",
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(steps); i++)
        r = ledger_run(s, steps[i], &session, 1, NULL, 0, NULL);
    return r;
}
