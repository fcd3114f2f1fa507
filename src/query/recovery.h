/* What the loop does when a model call fails or an answer is of no use: one table of incidents with their
 * predefined messages and tries (R1). Attempts are counted by the runtime, never by the planner. */
#pragma once

#include "query/event.h"

#define RECOVERY_TRIES_MAX 3

enum incident {
    INCIDENT_NONE,
    INCIDENT_CUT,           /* stopped at max_tokens */
    INCIDENT_EMPTY,         /* no text and no call */
    INCIDENT_THINKING_ONLY, /* thought, but said nothing */
    INCIDENT_BAD_CALL,      /* a call whose input is not JSON */
    INCIDENT_SERVICE,       /* overloaded, rate limit, server error, disconnect, malformed stream */
};

/* The message the runtime puts into the conversation; NULL where the same request is sent again. */
const char *recovery_message(enum incident i);
const char *incident_name(enum incident i);
/* May this failure be tried again at all? */
bool recovery_may_retry(enum query_error e);
/* Wait before try n (1..3): exponential with jitter from *seed, never below retry_after_ms. */
int64_t recovery_wait_ms(unsigned attempt, int64_t retry_after_ms, uint64_t *seed);
