/* Money as JSON: the text "0.0125", or the number 0.0125 written digit by digit; no floating point touches it. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "host/state.h"
#include "wire/json.h"

/* object[key] = the amount. 0 or -ENOMEM. */
must_use int money_add(json_t *object, const char *key, int64_t pico);
/* The object as JSON with these amounts as its last members: numbers, whose digits are made from the integers. */
struct money_number {
    const char *key; /* plain */
    int64_t pico;
};
must_use int money_print(const json_t *object, const struct money_number *numbers, size_t count,
                         struct buf *out);
/* {"session", "budget_usd", "spent_usd", "reserved_usd", "given_usd", "free_usd", "agents":[...]}. ret own.
 * -FAULT_USAGE: it has no money booked. */
must_use int money_of_session(struct state *state, const char *id, own json_t **ret,
                              struct fault *reterr);
