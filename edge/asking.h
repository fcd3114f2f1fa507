/* From the decided effects of a call to a question, and from the answer back to what may run. One of these per call, at the desk. */
#pragma once

#include "edge/app.h"
#include "edge/approval.h"
#include "edge/grants.h"
#include "edge/origin.h"

struct asking_facts {
    const struct app *app;
    struct grants *grants;
    const struct origin *origin; /* NULL: the calls are the person's own */
    const char *session, *agent, *call;
    const struct tool *tool;
    const json_t *input;
    const struct effect *effects;
    size_t effect_count;
    const struct policy_decision
        *hook; /* a hook wants a person to be asked, too; NULL = none does */
};

/* What is decided about effect i of the call; a call without effects has one decision, about its tool. */
size_t asking_decisions(const struct asking_facts *f);
void asking_decide(const struct asking_facts *f, size_t i, struct policy_decision *ret);

/* One decision that asks. */
struct asked {
    size_t index;
    struct policy_decision decision;
    bool is_suspect;
    int64_t grant; /* that answers it; 0 = a person must */
    char source[600];
};

struct asking {
    struct asked *at;   /* own */
    size_t count, open; /* open: those without a grant */
    bool is_yes[CALL_EFFECTS_MAX +
                1]; /* a person said yes to effect i of this very call; the last: to its hook */
};
void asking_done(struct asking *a);
/* Decides anew and looks for grants. 0 | -ENOMEM */
must_use int asking_collect(struct asking *a, const struct asking_facts *f);
/* The first that a person must answer. */
const struct asked *asking_first(const struct asking *a);
/* NULL: no memory. */
own json_t *asking_question(const struct asking *a, const struct asking_facts *f);
/* The answer: what was asked is yes now, and in the journal. Not for APPROVAL_NO and APPROVAL_NOBODY, which are only noted.
 * ret_is_kept false: the answer holds for this call only, because the session has as many grants as it may. */
must_use int asking_answer(struct asking *a, const struct asking_facts *f,
                           const struct approval_reply *reply, bool *ret_is_kept);
/* The call runs: the grants that it runs by are used. */
must_use int asking_use(const struct asking *a, const struct asking_facts *f);

/* Questions that were answered with no, by what they were about: who asks the very same again gets the same answer. Forgotten with
 * the run, because the next message may change a person's mind. */
#define REFUSALS_MAX 64
struct refusals {
    struct {
        char key[65];
        char reason[512];
    } at[REFUSALS_MAX];
    size_t count, next;
};
void refusals_add(struct refusals *r, const json_t *question, const char *reason);
/* NULL: nothing equal was refused. */
const char *refusals_find(const struct refusals *r, const json_t *question);
