/* Does the planner go round in circles? Looks at what the runtime saw of each turn (calls, their results, the
 * text beside them) and remembers a fixed handful of it, however long the session is. Decides nothing: it says
 * what repeats and how far it has gone; the loop warns once and then stops (step.c).
 *
 *   what                                              warned at          stopped at
 *   the same tool, input and result in a row          2                  3
 *   a cycle of two or three such calls                2 rounds           3 rounds
 *   the same tool and the same error in a row         3 turns            5 turns
 *   the same text beside calls that all fail          3 turns            5 turns
 *
 * Identical calls within one turn count once (interfaces.md). */
#pragma once

#include "base/base.h"
#include "base/str.h"

enum repeat_kind {
    REPEAT_NOTHING,
    REPEAT_CALL,
    REPEAT_CYCLE,
    REPEAT_ERROR,
    REPEAT_TEXT,
};
const char *repeat_sentence(enum repeat_kind kind);

#define REPEAT_ROUNDS 3
#define REPEAT_CYCLE_MAX 3
#define REPEAT_TURNS_WARN 3
#define REPEAT_TURNS_STOP 5

/* Two FNV-1a lanes. A planner that finds a collision only ends its own run earlier. */
struct repeat_mark {
    uint64_t a, b;
};

struct repeat {
    struct repeat_mark calls[REPEAT_ROUNDS * REPEAT_CYCLE_MAX]; /* the newest is last */
    struct repeat_mark error, text;
    unsigned errors, texts; /* turns in a row */
    /* of the turn under way */
    struct repeat_mark turn_text;
    bool any_ran, any_success, has_text, no_error_yet;
    enum repeat_kind found, warned;
    bool is_new; /* a call that succeeded and is none of the remembered ones */
};

/* One turn: its text, then each call with its result once (the caller leaves out what was there already in this
 * turn), then the verdict. */
void repeat_turn_begin(struct repeat *r, struct str text);
struct repeat_mark repeat_mark_of(struct str tool, struct str input, struct str result);
void repeat_turn_call(struct repeat *r, struct repeat_mark mark, struct repeat_mark error_mark,
                      bool is_error);
struct repeat_verdict {
    enum repeat_kind stop, warn; /* REPEAT_NOTHING = no */
    bool progress;               /* something succeeded that had not just been done */
};
struct repeat_verdict repeat_turn_end(struct repeat *r);

/* Is the end of a text one short piece over and over (an answer that runs in circles until it is cut)? */
bool repeat_is_stuck(struct str text);
