/* Money as integer pico-dollars (1 USD = 10^12), in a tree: a session has an account, each agent below
 * it another one. The worst case of a model call is reserved before it is sent and settled after. All of
 * it lives in the store, so that a ledger read after any crash sums: for every account
 *     budget = spent + reserved + given + free        given = the sum of the children's budgets
 * Children get transfers, never copies; what is left comes back when a child ends. Besides the tree there
 * are caps for every session, day and month (UTC), which all processes share. docs/ledger.md. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"

#define PICO_PER_USD INT64_C(1000000000000)
enum { LEDGER_DEPTH_MAX = 16 }; /* generations below the session */

struct ledger_balance {
    int64_t budget, spent, reserved, given; /* of this account; given: with its children */
};

/* --- the session's own account: agent NULL everywhere below --- */

/* A resumed session keeps what it spent; its budget becomes the one that is given now. */
must_use int ledger_open(struct state *s, const char *session, int64_t budget_pico,
                         struct fault *reterr);
/* 0 | -ENOENT */
must_use int ledger_balance(struct state *s, const char *session, const char *agent,
                            struct ledger_balance *ret);

/* --- agents --- */
enum ledger_split {
    LEDGER_FIXED, /* amount: pico-dollars, transferred now */
    LEDGER_SHARE, /* amount: millionths of the parent's budget, transferred now */
    LEDGER_POOL, /* nothing now: each reservation takes from the parent what it needs, each settlement
                   * gives the rest back. amount: it never takes more than this in all */
};
/* parent NULL: the session. An agent that was closed may be opened again; what it spent stays its own.
 * 0 | LEDGER_SHORT: the parent has less free | -EEXIST: it is open | -ENOENT: there is no open parent |
 * -EINVAL: an empty name, an amount below zero, a share over all, too deep. */
must_use int ledger_child_open(struct state *s, const char *session, const char *agent,
                               const char *parent, enum ledger_split how, int64_t amount);
/* Closes it and all below it: open reservations count at their worst, what is free goes back up.
 * 0, also when it was closed | -ENOENT */
must_use int ledger_child_close(struct state *s, const char *session, const char *agent);

/* --- calls --- */
enum ledger_limit {
    LEDGER_BY_AGENT,       /* the agent's own account, or its ceiling */
    LEDGER_BY_SESSION,     /* the session's account */
    LEDGER_BY_SESSION_CAP, /* `budget set session` */
    LEDGER_BY_DAY,
    LEDGER_BY_MONTH,
};
const char *ledger_limit_sentence(enum ledger_limit by);
/* How much could be reserved now, and which limit is the tightest. Never below zero. */
must_use int ledger_free(struct state *s, const char *session, const char *agent, int64_t *ret_pico,
                         enum ledger_limit *ret_by);
/* 0 reserved, on disk | LEDGER_SHORT: nothing is reserved; *ret_by (may be NULL) says who said no |
 * -EEXIST: the turn has an open reservation | -ENOENT: no open account */
enum { LEDGER_SHORT = 1 };
must_use int ledger_reserve(struct state *s, const char *session, const char *agent, int64_t turn,
                            int64_t pico, enum ledger_limit *ret_by);

/* What was passed just now, 50, 80 or 100 (percent); 0 = nothing new. Each is told once, whoever passes
 * it: session is of the session's budget, day and month of their caps. */
struct ledger_notice {
    int session, day, month;
};
/* Books what was used and frees the rest. ret may be NULL. -ENOENT: no open reservation. */
must_use int ledger_settle(struct state *s, const char *session, const char *agent, int64_t turn,
                           int64_t pico_used, struct ledger_notice *ret);

/* --- caps that outlive sessions --- */
enum ledger_cap { LEDGER_CAP_SESSION, LEDGER_CAP_DAY, LEDGER_CAP_MONTH };
#define LEDGER_NO_CAP INT64_C(-1)
struct ledger_period {
    int64_t cap, spent, reserved; /* cap LEDGER_NO_CAP: none. Of a session: spent, reserved are 0 */
};
must_use int ledger_cap_parse(struct str name,
                              enum ledger_cap *ret); /* session, day, month; -EINVAL */
const char *ledger_cap_name(enum ledger_cap which);
must_use int ledger_cap_set(struct state *s, enum ledger_cap which, int64_t pico,
                            struct fault *reterr);
/* Of today, of this month. */
must_use int ledger_cap_get(struct state *s, enum ledger_cap which, struct ledger_period *ret);

/* --- all of it --- */
must_use int ledger_recover(struct state *s); /* settles and closes what dead sessions left open */
/* The invariants over all sessions and periods: {"ok","sessions","accounts","spent_pico","reserved_pico",
 * "bad":[{session,agent,why}],"over_budget":[...]}. 0 | LEDGER_BAD */
enum { LEDGER_BAD = 1 };
must_use int ledger_check(struct state *s, own json_t **ret_report);
/* The accounts of a session, parents first. */
struct ledger_account {
    const char *agent, *parent; /* agent "": the session's own; parent NULL: none */
    bool is_pool, is_closed;
    struct ledger_balance balance;
};
must_use int ledger_each(struct state *s, const char *session,
                         int (*each)(const struct ledger_account *a, void *arg), void *arg);

/* --- text --- */
/* "0.0125" <-> pico; exact. */
own char *ledger_usd_text(int64_t pico); /* shortest decimal, at least two digits after the point */
/* A JSON number times 10^scale (12: dollars to pico), exact. -EINVAL: no number, or more digits than
 * that, or more than a JSON number holds exactly (15 in all); -ERANGE. */
must_use int ledger_decimal_from_json(const json_t *number, unsigned scale, int64_t max,
                                      int64_t *ret);
