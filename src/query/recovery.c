/* The incident table. Messages are short (they cost tokens each time) and fixed, so that nothing a
 * planner wrote is ever repeated to it as if the runtime had said it. */
#include "query/recovery.h"

#define WAIT_BASE_MS 500
#define WAIT_MAX_MS 20000

static const struct {
    const char *name, *message;
} incidents[INCIDENT_COUNT] = {
    [INCIDENT_NONE] = {"none", NULL},
    [INCIDENT_CUT] =
        {"cut",
         "Your answer was cut off at the output limit. Continue exactly where it stopped, in smaller steps."},
    [INCIDENT_STUCK] =
        {"stuck",
         "Your answer repeats itself and was cut off. Do not continue it; say in a few words what is left to do."},
    [INCIDENT_EMPTY] = {"empty",
                        "Your answer was empty. Go on with the task, or say that it is done."},
    [INCIDENT_THINKING_ONLY] = {"thinking-only",
                                "You thought but did not answer. Give your answer or call a tool."},
    [INCIDENT_BAD_CALL] =
        {"bad-call",
         "Not run: the input of this call is not a valid JSON object. Send the call again with valid JSON."},
    [INCIDENT_BROKEN] = {"broken", NULL},
    [INCIDENT_OVERLOADED] = {"overloaded", NULL},
    [INCIDENT_CONTEXT] = {"context", NULL},
    [INCIDENT_LOOP] =
        {"loop",
         "You repeat yourself and the result stays the same. Do something else, or say what keeps you from going on."},
    [INCIDENT_SUMMARY] =
        {"summary",
         "The conversation is getting too long. Sum it up for yourself: the task, what was done and found (with paths, names and "
         "numbers), what was decided, the plan and what is left of it. Your summary takes the place of what came before. Answer "
         "with the summary alone, call no tool, and use at most 500 words."},
};

const char *recovery_message(enum incident i)
{
    return incidents[i].message;
}
const char *incident_name(enum incident i)
{
    return incidents[i].name;
}

static const struct {
    const char *name;
    enum incident incident;
} errors[QUERY_ERROR_COUNT] = {
    [QUERY_OK] = {"ok", INCIDENT_NONE},
    [QUERY_OVERLOADED] = {"overloaded", INCIDENT_OVERLOADED},
    [QUERY_RATE_LIMIT] = {"rate_limit", INCIDENT_OVERLOADED},
    [QUERY_DISCONNECT] = {"disconnect", INCIDENT_BROKEN},
    [QUERY_MALFORMED] = {"malformed", INCIDENT_BROKEN},
    [QUERY_SERVER] = {"server", INCIDENT_OVERLOADED},
    [QUERY_AUTH] = {"auth", INCIDENT_NONE},
    [QUERY_QUOTA] = {"quota", INCIDENT_NONE},
    [QUERY_BAD_REQUEST] = {"bad_request", INCIDENT_NONE},
    [QUERY_CONTEXT_TOO_LONG] = {"context_too_long", INCIDENT_NONE},
    [QUERY_UNREACHABLE] = {"unreachable", INCIDENT_OVERLOADED},
    [QUERY_BUDGET] = {"budget", INCIDENT_NONE},
    [QUERY_TIME] = {"time", INCIDENT_NONE},
};

enum incident recovery_incident(enum query_error e)
{
    return errors[e].incident;
}
const char *query_error_name(enum query_error e)
{
    return errors[e].name;
}

enum query_error query_error_parse(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (str_is(name, errors[i].name))
            return (enum query_error)i;
    return QUERY_SERVER;
}

int64_t recovery_wait_ms(unsigned attempt, int64_t retry_after_ms, uint64_t *seed)
{
    int64_t wait = WAIT_BASE_MS;
    for (unsigned i = 1; i < attempt && wait < WAIT_MAX_MS; i++)
        wait *= 2;
    if (wait > WAIT_MAX_MS)
        wait = WAIT_MAX_MS;
    /* xorshift64: spreads clients, guards nothing */
    uint64_t x = *seed ? *seed : 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *seed = x;
    wait = wait / 2 + (int64_t)(x % (uint64_t)(wait / 2 + 1));
    return wait < retry_after_ms ? retry_after_ms : wait;
}
