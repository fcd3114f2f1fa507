/* The conversation loop as a pure step(state, event) -> actions: no I/O, no clock, no randomness that
 * was not given. Whatever the planner says, it ends: turns, calls, recovery attempts and waits are
 * counted here (and again, for itself, by the monitor). */
#pragma once

#include "base/base.h"
#include "query/event.h"

#define QUERY_FALLBACKS_MAX 8
struct query_model {
    const char *name;       /* as people call it; borrowed, for the query's life; "" = not said */
    int64_t context_tokens; /* that a request may have; 0 = as many as it likes */
};

struct query_limits {
    int64_t max_turns, max_tool_calls;
    int64_t overhead_bytes; /* of each request beside the conversation: tools, system prompt */
    struct query_model model;
    /* Those that go on, in this order, when the service of the one before has failed for good; each has tries of its own. */
    struct query_model fallbacks[QUERY_FALLBACKS_MAX];
    size_t fallback_count;
    bool
        has_summariser; /* another model is asked for summaries; when it fails, the one that is asked for all else */
};

/* Where the numbers of a session that goes on stand; all 0 for a new one. */
struct query_numbers {
    uint64_t turns, calls, messages;
};

struct query; /* one agent's loop; opaque */

must_use int query_new(const struct query_limits *limits, uint64_t jitter_seed,
                       own struct query **ret);
void query_free(own struct query *q);
DEFINE_FREEP(query, struct query);
/* Another overhead_bytes from the next request on. */
void query_set_overhead(struct query *q, int64_t bytes);

/* Begins with the user's request. attached: texts that go before it, or NULL. Actions go to `act`, in order; views live for
 * the call. */
typedef int (*query_act)(const struct query_action *a, void *arg);
must_use int query_start(struct query *q, struct str prompt, const json_t *attached, query_act act,
                         void *arg);
/* Goes on with an earlier conversation: [{role, content, number?, pinned?}], each call answered. An empty prompt adds
 * nothing. */
must_use int query_resume(struct query *q, const json_t *conversation,
                          const struct query_numbers *numbers, struct str prompt,
                          const json_t *attached, query_act act, void *arg);
/* The same, but all that is done is to make the conversation shorter, now: old results go, and what is not among the newest messages
 * is summed up in one turn. Then it is over, also when there was nothing to sum up. */
must_use int query_compact(struct query *q, const json_t *conversation,
                           const struct query_numbers *numbers, query_act act, void *arg);
/* One event. After QUERY_ACT_DONE nothing more happens (0). Faults: -ENOMEM, or what act returned. */
must_use int query_step(struct query *q, const struct query_event *e, query_act act, void *arg);

const json_t *
query_conversation(const struct query *q); /* borrowed; valid: each call has its result */
bool query_is_done(const struct query *q);
