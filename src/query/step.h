/* The conversation loop as a pure step(state, event) -> actions: no I/O, no clock, no randomness that
 * was not given. Whatever the planner says, it ends: turns, calls, recovery attempts and waits are
 * counted here (and again, for itself, by the monitor). */
#pragma once

#include "base/base.h"
#include "query/event.h"

struct query_limits {
    int64_t max_turns, max_tool_calls;
};

struct query; /* one agent's loop; opaque */

must_use int query_new(const struct query_limits *limits, uint64_t jitter_seed,
                       own struct query **ret);
void query_free(own struct query *q);
DEFINE_FREEP(query, struct query);

/* Begins with the user's request. Actions go to `act`, in order; views live for the call. */
typedef int (*query_act)(const struct query_action *a, void *arg);
must_use int query_start(struct query *q, struct str prompt, query_act act, void *arg);
/* One event. After QUERY_ACT_DONE nothing more happens (0). Faults: -ENOMEM, or what act returned. */
must_use int query_step(struct query *q, const struct query_event *e, query_act act, void *arg);

const json_t *
query_conversation(const struct query *q); /* borrowed; valid: each call has its result */
bool query_is_done(const struct query *q);
