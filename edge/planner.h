/* Where model turns come from: a script, or a service through egress. The monitor owns the planner side
 * of a turn (which service, with what price, within what reservation); the agent only ever sees the bytes. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/price.h"
#include "os/loop.h"
#include "wire/json.h"

struct app;

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

struct planner {
    const char *wire; /* the agent's codec for it */
    char *model;      /* own; the name sent to the service */
    char *label;      /* own; PROVIDER/NAME or script:FILE, for people */
    struct price price;
    int64_t max_tokens; /* wished for per turn */
    struct planner_events events;
    /* An upper bound of the input tokens of the next turn, given the request body. */
    int64_t (*input_bound)(struct planner *p, struct str body);
    /* tools: the list the planner may be shown; the body's own is replaced by it. */
    int (*ask)(struct planner *p, uint64_t turn, struct str body, int64_t max_tokens,
               const json_t *tools, struct fault *reterr);
    void (*cancel)(struct planner *p);
    /* Ends the stream of the turn under way, whose end still comes; NULL: a turn comes whole, nothing is to be broken off. */
    void (*break_off)(struct planner *p);
    void (*free)(own struct planner *p);
};

/* --model text (or what settings and keys say when NULL) -> planner. Scripts are checked whole here: a bad line is
 * -FAULT_CONFIG "FILE:LINE: ...". */
must_use int planner_new(const char *model, const struct app *app, struct os_loop *loop,
                         own struct planner **ret, struct fault *reterr);
must_use int planner_script_new(const char *path, struct os_loop *loop, own struct planner **ret,
                                struct fault *reterr);
must_use int planner_service_new(const char *provider, const char *name, const struct app *app,
                                 struct os_loop *loop, own struct planner **ret,
                                 struct fault *reterr);
void planner_free(own struct planner *p);
DEFINE_FREEP(planner, struct planner);
