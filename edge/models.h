/* The models of one tree: the one that was asked for, those that go on when its service fails (fallback_models), and the one
 * that sums up. All are made before the first turn, so that a name, a key or a price that is missing is a slip of the
 * operator's and nothing has happened. Which of them answers is the agent's to ask and ours to allow: only ever forward in
 * the list, only after a failure of the kind that may be tried again, and within the same money. */
#pragma once

#include "edge/planner.h"
#include "tools/settings.h"

#define MODELS_MAX (1 + SETTINGS_FALLBACKS_MAX)
#define MODELS_SUMMARISER (-1)

struct models {
    struct planner *list[MODELS_MAX]; /* of a replay: the same one at each place */
    size_t count;
    struct planner *summariser; /* NULL = none of its own */
    const struct settings *settings;
    int at;        /* the furthest one that was asked */
    bool may_move; /* the last answer failed so that the next one may go on */
};

/* model: --model, or NULL. events go to each. */
must_use int models_take(struct models *m, const char *model, const struct app *app,
                         struct os_loop *loop, const struct planner_events *events,
                         struct fault *reterr);
void models_done(struct models *m);

/* What a MONITOR_MODEL frame asks for: a place in the list, or MODELS_SUMMARISER. MODELS_NONE: it may not. again: the turn
 * under way is asked once more, `who` was asked last. */
#define MODELS_NONE (-2)
int models_pick(struct models *m, const json_t *body, bool again, int who);
struct planner *models_at(const struct models *m, int who);
/* The last answer's failure ("" = none of a service). */
void models_note_failure(struct models *m, const char *class);
bool models_has_next(const struct models *m);

/* Tokens that a request to this one may have, without the room that an answer needs; 0 = any number. */
int64_t models_context(const struct models *m, const struct planner *p);
/* For AGENT_START: {wire, model, label, max_tokens, context_tokens, fallbacks, summariser?, recorded?}. */
own json_t *models_start(const struct models *m);
