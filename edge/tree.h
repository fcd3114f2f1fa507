/* One session tree: the monitor's run of one task. Joins planner, agent, desk, ledger, journal, clock and
 * view under one loop; keeps every cap itself (turns, calls, time, money), whatever the agent says; and sees
 * to it that nothing of the tree is left at any end. */
#pragma once

#include "edge/app.h"
#include "edge/approval.h"
#include "edge/view.h"

struct tree_config {
    struct app *app;
    const char *prompt;  /* "" with resume: nothing is added to the conversation */
    const char *resume;  /* session that goes on; NULL = a new one */
    bool is_budget_said; /* else a session that goes on keeps its own */
    const char *model;   /* --model, or NULL */
    enum view_mode view;
    int64_t timeout_ns; /* INT64_MAX = not said; max_wall_s of the settings holds too */
    char *
        ret_session; /* SESSION_ID_SIZE bytes: which one it was, once it has begun; NULL = not asked for */
    const char *approvals;      /* --approvals unix:PATH, or NULL */
    struct approval_door *door; /* the same, held open by the caller; NULL = opened for this run */
    bool
        only_compacts; /* of a session that goes on: its conversation is summed up, and nothing else is done */
    bool is_chat;       /* one message of many: no word about the session and its end */
    int64_t started_ns; /* monotonic, when the process began: --timeout includes start-up */
};

/* Runs to the end, whatever it is, and shows it. Returns the exit code, or a fault of before the first turn
 * (config, sandbox): nothing has happened then. */
must_use int tree_run(const struct tree_config *config, struct fault *reterr);
