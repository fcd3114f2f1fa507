/* What the loop does when a model call fails or an answer is of no use: one table of incidents with their
 * predefined messages (R1). Attempts are counted by the runtime, never by the planner. */
#pragma once

#include "query/event.h"

#define RECOVERY_TRIES_MAX 3
/* Waits of one incident together; a service that asks for more has failed. */
#define RECOVERY_WAITS_MAX_MS (INT64_C(15) * 60 * 1000)

enum incident {
    INCIDENT_NONE,
    INCIDENT_CUT,           /* stopped at max_tokens */
    INCIDENT_STUCK,         /* the same, and its end is one piece over and over */
    INCIDENT_EMPTY,         /* no text and no call */
    INCIDENT_THINKING_ONLY, /* thought, but said nothing */
    INCIDENT_BAD_CALL,      /* a call whose input is no JSON object */
    INCIDENT_BROKEN,        /* the stream broke off or was none */
    INCIDENT_OVERLOADED,    /* overloaded, rate limit, server error, unreachable */
    INCIDENT_CONTEXT,       /* the service says that the context is too long */
    INCIDENT_LOOP,          /* the planner repeats itself */
    INCIDENT_SUMMARY,       /* what it was asked to sum up, it did not */
    INCIDENT_COUNT
};

/* The message that goes to the planner: into the conversation, or as the result of a call that was not run. NULL where the
 * same request is sent again. Fixed words: nothing a planner wrote is repeated to it as if the runtime had said it. */
const char *recovery_message(enum incident i);
const char *incident_name(enum incident i);
/* Which incident a failed model call is; INCIDENT_NONE = it may not be tried again at all. */
enum incident recovery_incident(enum query_error e);
/* Wait before try n (1..3): exponential with jitter from *seed, never below retry_after_ms. */
int64_t recovery_wait_ms(unsigned attempt, int64_t retry_after_ms, uint64_t *seed);
