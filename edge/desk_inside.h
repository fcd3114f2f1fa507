/* What the files of the desk share. Not a face. A call goes from desk.c (the queue) to desk_decide.c (what it is, whether it may),
 * desk_run.c (it runs) and desk_end.c (its receipt, its result); then desk.c moves the next one. */
#pragma once

#include "edge/asking.h"
#include "edge/codes.h"
#include "edge/desk.h"
#include "edge/hooks.h"
#include "edge/origin.h"
#include "edge/outward.h"
#include "host/undo.h"
#include "sandbox/ask/command.h"
#include "sandbox/ask/worker.h"

#define ARGUMENTS_MAX ((size_t)16 << 20)
#define UNPARSED_KEPT_MAX ((size_t)1024)
#define CALL_TRIES_MAX 4
#define NAME_KEPT_MAX ((size_t)200) /* of a tool's name; no tool's own is as long */

struct call {
    char id[DESK_CALL_NAME_SIZE];
    char *name, *arguments; /* own */
    size_t arguments_len;
    bool name_is_cut;
    desk_done_fn done;
    void *arg;
    /* while it is at the front */
    const struct tool
        *tool;      /* own, a hold: what becomes of the registry meanwhile is not this call's */
    unsigned tries; /* how often its tool was looked up */
    json_t *input;  /* own; validated, paths mapped */
    json_t *given;  /* own; its result, when the monitor itself gives it */
    struct policy_decision decision;
    const char *by;
    size_t effect_count;
    struct asking asking;
    json_t *question;                                 /* own; the one that is open */
    bool was_asked;                                   /* a person has decided about this call */
    bool writes, reaches, undo_begun, intent_written; /* reaches: it has a Net effect */
    struct sandbox_limits limits;                     /* of the settings, tightened by the tool */
    struct limit_doors limit_doors;
    bool has_limits; /* it came as far as being run */
    bool
        is_narrowed; /* it could do without its Write effects, which are not granted: its folders are read-only */
    int fault;           /* of starting it */
    json_t *confinement; /* own; of a native command */
    int undo_fd;
    char **argv; /* own; the guest's */
    size_t argc;
    struct buf stdin_text;
    struct effect *effects; /* own */
    /* the operator's hooks */
    bool is_hooked; /* those before the call have answered */
    bool hook_asks; /* ... and want a person to be asked, whatever the policy says */
    struct policy_decision hook_decision;
    struct sandbox_outcome outcome; /* own; kept while the hooks after the call are asked */
    json_t *result;                 /* own; its result, which they are shown */
};

struct desk {
    struct desk_config c;
    struct sandbox_worker *worker;
    struct effect
        *scratch; /* own; CALL_EFFECTS_MAX of them: 64 KiB that are not allocated for each call */
    struct sandbox_command *command; /* own; the native command under way */
    struct outward *outward;         /* own; NULL until a call may reach something */
    struct hooks *hooks;             /* own; NULL until a hook is asked */
    struct origin *origin;           /* own; NULL: see desk_config.prompt */
    int undo_root_fd;
    struct codes *codes;   /* own */
    struct grants *grants; /* own */
    struct refusals refusals;
    struct call *queue[DESK_QUEUE_MAX]; /* own; [0] is at the front */
    size_t queue_len;
    uint64_t calls_made;
    bool front_started, cancelling, pumping;
    bool has_fetch; /* the tool fetch_result is there */
    bool is_deaf;   /* a receipt could not be written: nothing that leaves no trace is run */
    desk_note_fn note;
    void *note_arg;
};

/* desk.c */
void desk_drop_tool(struct call *c);
void desk_call_free(struct call *c);
void desk_tell(struct desk *d, const char *what, own json_t *body);
must_use int desk_start_worker_for(struct desk *d, const struct sandbox_limits *limits,
                                   struct fault *reterr);
struct call *desk_front(struct desk *d);
void desk_begin(struct desk *d);
void desk_pump(struct desk *d);

/* desk_end.c */
void desk_undo_mounts(const struct desk *d, struct undo_mount *ret);
own json_t *desk_intent_of(const struct desk *d, const struct call *c);
void desk_finish(struct desk *d, const struct sandbox_outcome *outcome, enum sandbox_stop stop,
                 const char *sentence);
must_use int desk_ask_hooks(struct desk *d, enum hook_event e, hooks_fn fn);
void desk_end_or_hook(struct desk *d, struct sandbox_outcome *outcome);

/* desk_decide.c */
must_use int desk_parse_call(struct desk *d, struct call *c, struct buf *sentence);
must_use int desk_fetch(struct desk *d, struct call *c, struct buf *sentence);
bool desk_is_fetch(const struct desk *d, const struct call *c);
must_use int desk_take_effects(struct desk *d, struct call *c, struct buf *sentence);
void desk_decide(const struct desk *d, struct call *c);
void desk_go_down(struct desk *d);
void desk_refuse_by_hook(struct desk *d, const char *who, const char *reason);
void desk_on_hooked(struct hook_answer *answer, const char *who, void *arg);

/* desk_run.c */
bool desk_end_unreachable(struct desk *d);
void desk_run(struct desk *d);
