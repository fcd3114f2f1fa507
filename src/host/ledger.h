/* Money of a session tree as integer pico-dollars (1 USD = 10^12). The worst case of a model call is
 * reserved before it is sent and settled after. Reservations live in the store, so that a ledger read
 * after any crash sums: budget = spent + reserved + free; an open reservation of a dead session is
 * settled at its worst case (the safe side) by ledger_recover(). */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"

#define PICO_PER_USD INT64_C(1000000000000)

struct ledger_balance {
    int64_t budget, spent, reserved;
};
must_use int ledger_open(struct state *s, const char *session, int64_t budget_pico,
                         struct fault *reterr);
must_use int ledger_balance(struct state *s, const char *session, struct ledger_balance *ret);
/* 0 reserved | LEDGER_SHORT when less is free; nothing is reserved then. */
enum { LEDGER_SHORT = 1 };
must_use int ledger_reserve(struct state *s, const char *session, int64_t turn, int64_t pico);
must_use int ledger_settle(struct state *s, const char *session, int64_t turn,
                           int64_t pico_used); /* frees the rest */
must_use int ledger_recover(struct state *s);
must_use int
ledger_check(struct state *s,
             own json_t **ret_report); /* invariants over all sessions; 0 | JOURNAL_BAD=1 */
/* "0.0125" <-> pico; exact. */
own char *ledger_usd_text(int64_t pico); /* shortest decimal, at least two digits after the point */
/* A JSON number times 10^scale (12: dollars to pico), exact. -EINVAL: no number, or more digits than that; -ERANGE. */
must_use int ledger_decimal_from_json(const json_t *number, unsigned scale, int64_t max,
                                      int64_t *ret);
