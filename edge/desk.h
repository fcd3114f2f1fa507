/* The tool desk: where a planner's wish becomes a governed call, or a refusal. One desk per agent, in the
 * monitor. Each call walks the same line, and every way off it ends in a receipt:
 *
 *   known? -> arguments parse? -> schema? -> effects -> policy -> (person) -> intent journalled -> run -> settle -> receipt
 *
 * Calls queue and run one at a time, in order, because a worker serves one run at a time. */
#pragma once

#include "edge/app.h"
#include "edge/approval.h"
#include "os/loop.h"

struct desk;       /* opaque */
struct tool_watch; /* edge/tool_watch.h */

#define DESK_QUEUE_MAX 256

struct desk_config {
    struct app *app;
    const char *session, *agent; /* borrowed for the desk's life */
    struct os_loop *loop;
    struct approval *approval; /* borrowed; NULL = nobody can be asked */
    const char *
        prompt; /* borrowed until desk_new() returns; NULL: the calls are the person's own, and their targets, too */
    struct tool_watch *tools; /* borrowed; NULL = tools stay as they are */
    uint64_t calls_before;    /* of a session that goes on: names of calls are not given twice */
};

#define DESK_CALL_NAME_SIZE 24

/* What came of a call. Views live for the callback. */
struct desk_outcome {
    const char *call, *tool;
    const json_t *result; /* {content, structured, is_error} */
    const json_t *receipt;
    enum sandbox_stop stop;
    enum policy_verdict verdict;
    bool is_error;
    bool is_unrecorded; /* its receipt could not be written */
    int fault; /* why it could not be run, though it was allowed; 0 = it ran, or was refused */
};
typedef void (*desk_done_fn)(const struct desk_outcome *o, void *arg);
/* Told when a call leaves the queue and when it is decided: for the live view. */
typedef void (*desk_note_fn)(const char *what /* "call" | "approval" | "note" */,
                             const json_t *body, void *arg);

must_use int desk_new(const struct desk_config *config, own struct desk **ret);
void desk_free(own struct desk *d);
DEFINE_FREEP(desk, struct desk);
void desk_on_note(struct desk *d, desk_note_fn fn, void *arg);

/* Starts the worker for these limits now rather than at the first call; -FAULT_SANDBOX when it cannot be built. */
must_use int desk_start_worker(struct desk *d, struct fault *reterr);
/* From now on there is fetch_result: the context is kept small, and what was taken out of it can be had again. */
void desk_offer_fetch(struct desk *d);
/* What was heard in an earlier run of this session: its targets are no more to be trusted for it. */
void desk_recall(struct desk *d, struct str tool, const json_t *result);
/* The name that the next call will have in the journal. */
void desk_next_call(const struct desk *d, char ret[DESK_CALL_NAME_SIZE]);
/* Queues a call. done comes exactly once, from the loop or from within. arguments: JSON text, hostile. */
must_use int desk_call(struct desk *d, struct str tool, struct str arguments, desk_done_fn done,
                       void *arg);
/* Everything queued and running ends as cancelled; done comes for each. */
void desk_cancel(struct desk *d);
/* The same without waiting: the worker is killed, done has come for each when this returns. */
void desk_end(struct desk *d);
bool desk_is_idle(const struct desk *d);
/* The tools as the planner is shown them: [{name, description, input_schema}]. */
own json_t *desk_tools_json(const struct desk *d);
const json_t *desk_confinement(const struct desk *d); /* borrowed; NULL before a worker stands */
