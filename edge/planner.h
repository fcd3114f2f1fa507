/* Where model turns come from: a script, or a service through egress. The monitor owns the planner side
 * of a turn (which service, with what price, within what reservation); the agent only ever sees the bytes. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/price.h"
#include "os/loop.h"
#include "wire/json.h"

struct app;
struct desk_outcome; /* edge/desk.h */

struct planner_end {
    const char *outcome; /* "ok" | "error" | "planner_end" */
    const char *error,
        *text; /* with "error": class (query/event.h names) and a sentence for a person */
    int64_t retry_after_ms;
    struct usage usage;
    bool usage_known; /* false: settle at the reserved worst case */
    bool sent;        /* false: nothing left this machine and nothing is owed */
};

struct planner_events {
    void (*data)(struct str bytes, void *arg);
    void (*end)(const struct planner_end *e, void *arg); /* exactly once per ask */
    void *arg;
};

/* What the planner may be shown. bytes: no wire writes them longer. */
struct planner_tools {
    const json_t *list; /* [{name, description, input_schema}] */
    int64_t bytes;
};

struct planner {
    const char *wire; /* the agent's codec for it */
    char *model;      /* own; the name sent to the service */
    char *label;      /* own; PROVIDER/NAME or script:FILE, for people */
    struct price price;
    int64_t max_tokens;     /* wished for per turn */
    int64_t context_tokens; /* request and answer together; 0 = any number */
    int64_t input_tokens;   /* of a request; 0 = the rest of the context */
    bool is_context_known;  /* context_tokens is the model's own number, not a common one */
    /* Of a replay: the wire of each answer that is to come, how many models went on one after another in the record, and
     * whether another one summed up. NULL, 0, false otherwise. */
    json_t *recorded;
    size_t recorded_fallbacks;
    bool recorded_summariser;
    bool shows_tools; /* somebody reads the list of tools; a script and a record do not */
    struct planner_events events;
    /* An upper bound of the input tokens of the next turn, given the request body. */
    int64_t (*input_bound)(struct planner *p, struct str body, const struct planner_tools *tools);
    /* tools: borrowed for the call; they are put into the request here, the body has none. */
    int (*ask)(struct planner *p, uint64_t turn, struct str body, int64_t max_tokens,
               const struct planner_tools *tools, struct fault *reterr);
    void (*cancel)(struct planner *p);
    /* Ends the stream of the turn under way, whose end still comes; NULL: a turn comes whole, nothing is to be broken off. */
    void (*break_off)(struct planner *p);
    /* So many answers were given in an earlier run of the session. NULL: it makes no difference. */
    void (*skip)(struct planner *p, uint64_t answers);
    /* Holds what came of a call, and of the run, against what it knows. 0 or PLANNER_DIVERGES with a sentence. NULL: it knows
     * nothing. */
    int (*check)(struct planner *p, const struct desk_outcome *o, char *why, size_t size);
    int (*check_end)(struct planner *p, char *why, size_t size);
    void (*free)(own struct planner *p);
};
enum { PLANNER_DIVERGES = 1 };

/* --model text (or what settings and keys say when NULL) -> planner. Scripts are checked whole here: a bad line is
 * -FAULT_CONFIG "FILE:LINE: ...". */
must_use int planner_new(const char *model, const struct app *app, struct os_loop *loop,
                         own struct planner **ret, struct fault *reterr);
must_use int planner_script_new(const char *path, struct os_loop *loop, own struct planner **ret,
                                struct fault *reterr);
/* The model events of a session; its form is checked when it is read. -FAULT_USAGE: there is no such session. */
must_use int planner_replay_new(const char *session, const struct app *app, struct os_loop *loop,
                                own struct planner **ret, struct fault *reterr);
must_use int planner_service_new(const char *provider, const char *name, const struct app *app,
                                 struct os_loop *loop, own struct planner **ret,
                                 struct fault *reterr);
/* What a service's model holds and says at most: context_tokens, input_tokens, is_context_known, max_tokens. */
struct settings;
void planner_set_limits(struct planner *p, const char *provider, const char *model,
                        const struct settings *settings);
/* The keys of every provider leave this process's memory; egress has those that are needed. After the last planner is made, and
 * before any other program is started. */
void planner_keys_wipe(const struct app *app);
void planner_free(own struct planner *p);
DEFINE_FREEP(planner, struct planner);
