/* One answer of the model while it streams in: pieces of text, thinking and calls become the blocks of an
 * assistant message. A view over one struct; knows nothing of the loop. */
#pragma once

#include "base/buf.h"
#include "query/event.h"

#define TURN_TEXT_MAX ((size_t)8 << 20)
#define TURN_CALLS_MAX 128

struct turn_call {
    char *id, *tool;     /* own */
    char *input;         /* own; text as it came, "{}" when it came empty */
    json_t *value;       /* own; what the conversation has of it: an object, {} for a bad call */
    const char *why_bad; /* static; NULL = the input is a JSON object */
};

struct turn {
    json_t *blocks;      /* own; content of the assistant message so far */
    struct buf piece;    /* the open block's text */
    struct buf all_text; /* answer text of all blocks */
    enum turn_place { TURN_OUTSIDE, TURN_IN_TEXT, TURN_IN_THINKING, TURN_IN_CALL } open;
    char *signature; /* own; of the open block */
    struct turn_call calls[TURN_CALLS_MAX];
    size_t call_count;
    bool has_thinking;
    struct query_usage usage;
    enum query_stop stop;
    json_t *expect; /* own */
};

void turn_init(struct turn *t);
void turn_done(struct turn *t);
/* Takes a codec event. -FAULT_CAP when the answer is larger than any we keep; -ENOMEM. */
must_use int turn_add(struct turn *t, const struct query_event *e);
/* Closes an open block. */
must_use int turn_close(struct turn *t);
