/* Asking a person. On the terminal, inline; never from the planner's side of the border. One question at a
 * time; equal questions within a session are asked once. When nobody can answer, the desk denies. */
#pragma once

#include "base/base.h"
#include "os/loop.h"
#include "tools/policy.h"

struct approval; /* opaque */

/* Answers given for the whole session, for callers that outlive one approval. Zeroed is empty. */
#define APPROVAL_REMEMBERED_MAX 256
struct approval_memory {
    char *at[APPROVAL_REMEMBERED_MAX]; /* own */
    size_t count;
};
void approval_memory_done(struct approval_memory *m);

enum approval_answer { APPROVAL_ONCE, APPROVAL_SESSION, APPROVAL_NO };

struct approval_question {
    const char *tool;
    const struct policy_decision *decision;
    const char *what;  /* "write /src/a.c (12 lines)" */
    const char *worst; /* what it could do at worst */
};
typedef void (*approval_fn)(enum approval_answer answer, void *arg);

/* NULL in *ret when stdin or stderr is not a terminal: nobody to ask. */
/* memory: borrowed; NULL = the approval keeps its own. */
must_use int approval_new(struct os_loop *loop, struct approval_memory *memory,
                          own struct approval **ret);
void approval_free(own struct approval *a);
DEFINE_FREEP(approval, struct approval);
/* answer comes once, from the loop or at once (a remembered answer). */
must_use int approval_ask(struct approval *a, const struct approval_question *q, approval_fn fn,
                          void *arg);
/* The pending question is withdrawn and counts as no. */
void approval_cancel(struct approval *a);
