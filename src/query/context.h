/* Making room in the context, before each request: old results are taken out first (their full text stays with the
 * monitor), then older messages are replaced by a summary that the planner writes. Never split: a call and its results.
 * Never removed: a person's own words, what they attached, and the last plan. */
#pragma once

#include "query/step_private.h"

#define CONTEXT_RATIO_DEFAULT 300 /* tokens for a thousand bytes, until the service has counted */

/* How large a request would be, about, in tokens. */
int64_t context_tokens(const struct query *q);
/* What the service counted for the request that was answered: the next guess is better. */
void context_learn(struct query *q, const struct query_usage *usage);
/* CONTEXT_FITS: ask now. CONTEXT_SUMMARY: the conversation to ask with is q->summary_ask. */
enum { CONTEXT_FITS = 0, CONTEXT_SUMMARY = 1 };
must_use int context_make_room(struct query *q, query_act act, void *arg);
/* A request as it now is cannot fit, however its tokens are counted. *ret: as few as it can have. */
bool context_is_hopeless(const struct query *q, int64_t *ret);
/* Because a person wants it, whatever the limit: as if the conversation filled its context by now. The newest messages, up to
 * some thousand tokens, always stay. */
must_use int context_compact(struct query *q, query_act act, void *arg);
/* The service said that the context is too long: 0 it is shorter now, CONTEXT_SUMMARY, or CONTEXT_FULL: nothing is left to
 * take out. */
enum { CONTEXT_FULL = 2 };
must_use int context_shrink(struct query *q, query_act act, void *arg);
/* The planner's summary (its whole answer). 0 it is in place | CONTEXT_BAD: it is of no use. */
enum { CONTEXT_BAD = 3 };
must_use int context_take_summary(struct query *q, query_act act, void *arg);
void context_drop_summary(struct query *q);
