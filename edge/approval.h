/* Asking a person. The questions of one session wait here, in order; whoever can answer is shown them: the terminal one at a time, the
 * clients of a socket (approval_door.h) all of them. The first answer wins. When nobody can answer, the desk denies.
 * Never from the planner's side of the border. */
#pragma once

#include "base/base.h"
#include "edge/approval_door.h"
#include "edge/question.h"
#include "os/loop.h"

struct approval; /* opaque */

#define APPROVAL_QUESTIONS_MAX 64 /* that wait at once */

/* reply: lives for the call. APPROVAL_NOBODY: who could have answered is gone, or the question was withdrawn. */
typedef void (*approval_fn)(const struct approval_reply *reply, void *arg);

/* door: borrowed; NULL: nobody but the terminal. NULL in *ret: no terminal and no door, so nobody can be asked, ever. */
must_use int approval_new(struct os_loop *loop, struct approval_door *door,
                          own struct approval **ret);
void approval_free(own struct approval *a);
DEFINE_FREEP(approval, struct approval);
/* Whether there is somebody just now; a may be NULL. */
bool approval_has_someone(const struct approval *a);
/* fn comes once, from the loop. -FAULT_CAP: too many questions wait. */
must_use int approval_ask(struct approval *a, own json_t *question, approval_fn fn, void *arg);
/* Withdraws the questions of this arg: fn comes at once, with APPROVAL_NOBODY. a may be NULL. */
void approval_cancel(struct approval *a, const void *arg);
