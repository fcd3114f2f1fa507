/* Asking a person. On the terminal, inline; never from the planner's side of the border. One question at a
 * time; equal questions within a session are asked once. When nobody can answer, the desk denies. */
#pragma once

#include "base/base.h"
#include "os/loop.h"
#include "tools/policy.h"

struct approval; /* opaque */

enum approval_answer { APPROVAL_ONCE, APPROVAL_SESSION, APPROVAL_NO };

struct approval_question {
    const char *tool;
    const struct policy_decision *decision;
    const char *what;  /* "write /src/a.c (12 lines)" */
    const char *worst; /* what it could do at worst */
};
typedef void (*approval_fn)(enum approval_answer answer, void *arg);

/* NULL in *ret when stdin or stderr is not a terminal: nobody to ask. */
must_use int approval_new(struct os_loop *loop, own struct approval **ret);
void approval_free(own struct approval *a);
DEFINE_FREEP(approval, struct approval);
/* answer comes once, from the loop or at once (a remembered answer). */
must_use int approval_ask(struct approval *a, const struct approval_question *q, approval_fn fn,
                          void *arg);
/* The pending question is withdrawn and counts as no. */
void approval_cancel(struct approval *a);
