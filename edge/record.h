/* What is kept of a session's talk as it goes, and how a conversation is put together again from it. The monitor's side of
 * host/talk.h: it writes what it saw itself (turns, calls, results) and, as data, what the agent says its conversation is.
 *
 * Before a call may have an effect and before a service is waited for, all of it is in the store. So a session that was
 * killed at any point goes on: each call of the last answer has its result, or one that says what is known of it. */
#pragma once

#include "edge/app.h"
#include "edge/planner.h"
#include "host/ask/channel.h"

struct record; /* opaque */

must_use int record_open(struct state *state, const char *session, own struct record **ret,
                         struct fault *reterr);
void record_free(own struct record *r);
DEFINE_FREEP(record, struct record);

/* The number of the last message of a session that goes on. */
void record_set_messages(struct record *r, uint64_t messages);

/* A frame MONITOR_KEEP of the agent. -FAULT_PROTOCOL: not the next number, or no text. */
must_use int record_message(struct record *r, const struct message *m);
/* A model turn: who is asked, and its place among the models of the tree (edge/models.h); its bytes as they pass by, then its
 * end. who: borrowed until then. */
void record_turn_begin(struct record *r, uint64_t turn, const struct planner *who, int place);
void record_turn_data(struct record *r, struct str bytes);
must_use int record_turn_end(struct record *r, const struct planner_end *e);
/* A call, before it is handed to the desk; and its result. call: the journal's name for it. */
must_use int record_call(struct record *r, uint64_t number, const char *call, struct str tool);
must_use int record_result(struct record *r, uint64_t number, const char *call, struct str result);
/* Before a call is handed on: words that are not in the store yet go there, and so does everything when the call may have an effect. Of a
 * call that only reads its own row may be lost with a killed monitor: it would be asked for again, which harms nobody, and
 * its receipt is in the journal all the same. */
must_use int record_flush_before_call(struct record *r, bool may_have_effect);
/* All of it is in the store when this returns. */
must_use int record_flush(struct record *r, struct fault *reterr);

/* A conversation as it can be gone on with: every call is answered. */
struct recalled {
    json_t *conversation;            /* own; [{role, content, number?, pinned?}], for AGENT_START */
    uint64_t turns, calls, messages; /* the last number of each */
    uint64_t calls_made;             /* of the journal's names c1, c2, ... */
    uint64_t answers;                /* turns that ended with a whole answer */
    json_t *filled;                  /* own; [{number, call, body}]: results that were made here */
    json_t *open; /* own; [{call, tool, known}]: calls whose outcome is not, or not wholly, known */
    bool ends_with_answer; /* the planner has said its last word; only a new prompt goes on */
};
void recalled_done(struct recalled *r);
/* Answers that do not say whose they are are this model's. */
must_use int recalled_answers_by(struct recalled *r, const char *model);
must_use int record_recall(struct state *state, const char *session, struct recalled *ret,
                           struct fault *reterr);
/* The talk of one session as that of another, with a result for each call that had none: a copy needs no journal. */
must_use int record_fork(struct state *state, const char *from, const char *to,
                         struct fault *reterr);
