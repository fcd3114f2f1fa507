/* What was said in a session, kept as it goes, so that a session that was killed at any point goes on, and so that it can be
 * played again. Beside the journal, not in it: the journal is the evidence of what was decided and done, this is the text.
 * Rows are added, in order, and never changed; they go when their session is deleted.
 *
 *   kind      number                     call         body (JSON)                        bytes
 *   message   of the message             -            {role, content, first_call?}       -
 *   summary   first message that stays   -            {role, content}                    -
 *   call      of the agent               journal's    {tool}                             -
 *   result    of the agent               journal's    {content, structured, is_error}    -
 *   turn      of the turn                -            {wire, outcome, error?, usage}     the service's stream, as it came
 *
 * message and summary are the agent's words (hostile); call, result and turn are what the monitor saw. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "host/state.h"

#define TALK_BODY_MAX ((size_t)64 << 20)
#define TALK_SESSION_MAX (INT64_C(1) << 30) /* bytes of one session together */

struct talk_row {
    int64_t seq, number;
    struct str kind, call, body, bytes; /* views, valid for the callback; at == NULL: none */
};

struct talk; /* the writer of one session; opaque */

must_use int talk_open(struct state *s, const char *session, own struct talk **ret,
                       struct fault *reterr);
void talk_free(own struct talk *t); /* what was not flushed is lost */
DEFINE_FREEP(talk, struct talk);

/* Notes a row; it is in the store after talk_flush(). Copies what it is given. -FAULT_CAP: the session has said all that is
 * kept of one. */
must_use int talk_add(struct talk *t, const char *kind, int64_t number, const char *call,
                      struct str body, struct str bytes);
/* Writes what was noted in one transaction; a killed monitor loses none of it, a power cut may. Nothing noted: free. */
must_use int talk_flush(struct talk *t, struct fault *reterr);

/* Every row of a session in order; stops at the first value of each that is not 0 and returns it. */
must_use int talk_each(struct state *s, const char *session,
                       int (*each)(const struct talk_row *row, void *arg), void *arg,
                       struct fault *reterr);
/* The result of one call, by the journal's name for it. 0 | TALK_ABSENT */
enum { TALK_ABSENT = 1 };
must_use int talk_result(struct state *s, const char *session, struct str call, struct buf *out,
                         struct fault *reterr);
/* Copies all rows of one session behind those of another. */
must_use int talk_copy(struct state *s, const char *from, const char *to, struct fault *reterr);
