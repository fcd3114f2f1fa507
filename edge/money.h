/* Money as JSON: "0.0125", never a floating point number. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"
#include "wire/json.h"

/* object[key] = the amount. 0 or -ENOMEM. */
must_use int money_add(json_t *object, const char *key, int64_t pico);
/* {"session", "budget_usd", "spent_usd", "reserved_usd", "given_usd", "free_usd", "agents":[...]}. ret own.
 * -FAULT_USAGE: it has no money booked. */
must_use int money_of_session(struct state *state, const char *id, own json_t **ret,
                              struct fault *reterr);
