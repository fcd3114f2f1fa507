/* What the files of a tree share. Not a face. tree.c is its life, tree_recall.c what it begins with, tree_turns.c the model's side, tree_agent.c
 * the agent's. */
#pragma once

#include "edge/approval.h"
#include "edge/attach.h"
#include "edge/desk.h"
#include "edge/models.h"
#include "edge/peer.h"
#include "edge/planner.h"
#include "edge/record.h"
#include "edge/tool_watch.h"
#include "edge/tree.h"
#include "host/ask/protocol.h"
#include "os/clock.h"

#define ENDING_GRACE_NS (60 * OS_NS_PER_MS)
#define TURN_TRIES_MAX 4 /* requests for one turn: the first and three more (R1) */
#define OUTPUT_TOKENS_LEAST 256
#define RESERVE_TRIES_MAX 4 /* of one request, when other processes take from the same caps */
#define LATE_TURNS_MAX 4    /* asked for after the end was begun: one may have crossed it */
#define AGENT_NAME "main"

struct tree {
    const struct tree_config *c;
    struct app *app;
    struct os_loop *loop;
    struct models models;
    struct planner *planner; /* the first of them */
    struct planner *asked;   /* the one of the turn under way or last */
    int who;                 /* its place among them */
    struct peer agent;
    struct desk *desk;
    struct approval *approval;
    struct approval_door *own_door; /* of this run alone */
    struct view *view;
    struct os_watch *clock, *grace, *signals;
    struct record *record;
    struct recalled recalled; /* of a session that goes on */
    struct attached attached;
    char session[SESSION_ID_SIZE];
    int lock_fd;
    json_t *tools; /* own; what the planner is shown; NULL = to be made anew */
    int64_t tools_bytes;
    bool tools_told; /* the agent knows their length */
    struct tool_watch *tool_watch;
    /* counted here, never reported by the agent */
    uint64_t turn; /* the turn under way or last one; the agent's number, which may only grow */
    unsigned turn_tries, late_turns;
    bool turn_open, data_lost, broken_off;
    int64_t turns, requests, calls_asked, reserved_pico, spent_pico,
        budget_pico; /* requests: the ledger's name for a reservation */
    struct usage usage;
    json_t *calls; /* own; [{call, tool, stopped_by, is_error}] */
    /* the end */
    bool ending, over;
    int begin_exit_code;             /* of a fault before the first turn; 0 = none */
    const char *status, *stopped_by; /* static strings */
    char detail[512];
    char *text; /* own; the agent's final text */
    int signals_seen;
    int64_t deadline_ns; /* monotonic */
};

/* --- the end --- */

struct stop_row {
    const char *name;
    int exit_code;
    const char *status;
    bool agent_knows; /* the agent may say so of itself; the others are the monitor's words */
};

/* tree.c */
const struct stop_row *tree_stop_row(struct str name);
void tree_over(struct tree *t);
void tree_set_end(struct tree *t, const char *stopped_by, const char *detail);
void tree_begin_ending(struct tree *t, const char *stopped_by, const char *detail);
void tree_keep(struct tree *t, int r);
must_use int tree_list_tools(struct tree *t);
struct planner_tools tree_shown(const struct tree *t);
must_use int tree_take_planner(struct tree *t, const char *model, struct fault *reterr);

/* tree_turns.c */
void tree_on_planner_data(struct str bytes, void *arg);
void tree_settle(struct tree *t, const struct planner_end *e);
void tree_on_planner_end(const struct planner_end *e, void *arg);
must_use int tree_on_model(struct tree *t, const struct message *m);
must_use int tree_on_model_stop(struct tree *t, const struct message *m);

/* tree_agent.c */
void tree_on_note(const char *what, const json_t *body, void *arg);
must_use int tree_on_agent_frame(struct message *m, void *arg);
void tree_on_agent_gone(const struct fault *why, void *arg);

/* tree_recall.c */
must_use int tree_begin_again(struct tree *t, struct fault *reterr);
void tree_recall_at_desk(struct tree *t);
must_use int tree_attach_files(struct tree *t);
