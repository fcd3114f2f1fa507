/* What the files of the ledger share, with each other and with sessions. Not a face. All of these work
 * inside the transaction that is open. */
#pragma once

#include "host/ledger.h"
#include "host/state_private.h"

struct ledger_row { /* an account, as the store has it */
    int64_t budget, spent, reserved, given, ceiling, depth;
    bool is_pool, is_closed;
    char parent[STATE_NAME_SIZE];
    bool has_parent;
};

/* Binds texts, then numbers, from ?1 on; for statements without rows. */
must_use int ledger_run(struct state *s, const char *sql, const char *const *texts,
                        size_t text_count, const int64_t *numbers, size_t number_count,
                        int64_t *ret_changed);
/* 0 | -ENOENT. agent "" = the session's. */
must_use int ledger_row_load(struct state *s, const char *session, const char *agent,
                             struct ledger_row *ret);
static inline int64_t ledger_row_free(const struct ledger_row *a)
{
    return a->budget - a->spent - a->reserved -
           a->given; /* fits: all are from 0 to INT64_MAX / 4 */
}
/* Amounts beyond are refused, so that sums of four of them cannot wrap. Two million dollars. */
#define LEDGER_AMOUNT_MAX (INT64_MAX / 4)

/* Moves money between an account and its parent: > 0 down, < 0 up. */
must_use int ledger_move(struct state *s, const char *session, const char *agent,
                         const struct ledger_row *a, int64_t pico);
/* Gives a pool account what it lacks for `pico` more, from above. 0 | LEDGER_SHORT */
must_use int ledger_pull(struct state *s, const char *session, const char *agent, int64_t pico,
                         enum ledger_limit *ret_by);
/* After a settlement: a pool account keeps nothing that is free. */
must_use int ledger_give_back(struct state *s, const char *session, const char *agent);

must_use int ledger_settle_one(struct state *s, int64_t id, int64_t used);

/* Ends a change of a session's money: commits 0, rolls everything else back. Where asserts are on, what
 * is about to be committed is summed first. */
must_use int ledger_finish(struct state *s, const char *session, int r);
/* Does every account of this session (NULL: of all) keep the invariants? false, also when it cannot be read. */
bool ledger_sums(struct state *s, const char *session);

/* --- periods --- */
struct ledger_now {
    int64_t day, month; /* since 1970-01-01; both from 1 on for every time that a clock shows */
};
struct ledger_now ledger_now(void);
/* How much the caps leave: the tightest. */
must_use int ledger_caps_free(struct state *s, const char *session, struct ledger_now now,
                              int64_t *ret_pico, enum ledger_limit *ret_by);
must_use int ledger_period_reserve(struct state *s, struct ledger_now now, int64_t pico);
must_use int ledger_period_settle(struct state *s, struct ledger_now then, int64_t pico,
                                  int64_t used);
must_use int ledger_notice(struct state *s, const char *session, struct ledger_now now,
                           struct ledger_notice *ret);

/* --- what sessions do in their transactions --- */
must_use int ledger_put(struct state *s, const char *session, int64_t budget_pico,
                        struct fault *reterr);
must_use int ledger_settle_dead(struct state *s, struct fault *reterr);
must_use int ledger_close_all(struct state *s, const char *session);
/* Its days and months keep what it spent. */
must_use int ledger_forget(struct state *s, const char *session);
