/* What a person has allowed for longer than one call: the grants of one session. All that is known of them stands in the journal
 * (rows of kind `grant`), and is read from there, so that a grant that another process revokes is gone here the next time it
 * would be used, and a session that goes on still has what is in force. docs/approvals.md. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"
#include "tools/policy.h"

#define GRANTS_MAX 256              /* of one session, revoked ones too */
#define GRANT_PATTERN_MAX 1100      /* bytes of a pattern, NUL too */
#define GRANT_USES_DEFAULT 100      /* of a grant by pattern, when nothing is said */
#define GRANT_SECONDS_DEFAULT 28800 /* the same: eight hours */

/* How long a grant holds; whichever is reached first ends it. 0 = not bounded by this. */
struct grant_bounds {
    int64_t uses, seconds;
    int64_t usd_pico; /* that the session spends from now on */
};

enum grant_state { GRANT_IN_FORCE, GRANT_USED_UP, GRANT_EXPIRED, GRANT_SPENT, GRANT_REVOKED };
const char *grant_state_name(enum grant_state s); /* "in force", "used up", ... */

/* One effect that would need a person. */
struct grant_ask {
    const char *call, *tool;
    const struct policy_decision *decision;
    bool
        is_suspect; /* its target stands nowhere but in untrusted content: only who was shown that can allow it again */
    const char *
        tool_sha256; /* of its module, or what stands for it: a grant that is bound to a tool is bound to this */
    bool is_bound; /* a grant by pattern holds for this tool alone, too */
};

struct grant {
    int64_t number; /* from 1 on */
    enum effect_kind kind;
    char *pattern; /* own; a rule like Write(/src); NULL: this target alone */
    char *target;  /* own; that was asked about */
    char *rule;    /* own; that asked: a grant answers no other */
    char *tool;    /* own; NULL: any tool */
    char *sha256;  /* own; of that tool's module */
    bool recursive, knows_source, is_revoked,
        is_outside; /* is_outside: of another mount than the work folder */
    struct grant_bounds bounds;
    int64_t uses, until_ms, spent_before_pico; /* until_ms: wall clock, 0 = no end */
    struct policy *matcher;                    /* own; has the pattern alone */
};

struct grants; /* opaque */
must_use int grants_new(struct state *state, const char *session, own struct grants **ret);
void grants_free(own struct grants *g);
DEFINE_FREEP(grants, struct grants);

/* What is in the journal by now. */
must_use int grants_refresh(struct grants *g);
/* Does the pattern cover the effect? Patterns are about effects: one that names a tool covers none. */
bool grant_pattern_covers(const char *pattern, const struct effect *e);
/* The number of a grant in force that answers this, 0 = none. Reads the journal first; what cannot be read grants nothing. */
int64_t grants_find(struct grants *g, const struct grant_ask *ask);
/* Journals that the grant was used, for a call. */
must_use int grants_use(struct grants *g, int64_t number, const struct grant_ask *ask);
/* A new one, durable when this returns. answer: "session" (exactly this, from this tool) or "always" (this effect; pattern NULL:
 * exactly what was asked). by: who answered ("terminal").
 * 0 | -FAULT_CAP: the session has as many as it may | faults of the journal. */
must_use int grants_add(struct grants *g, const struct grant_ask *ask, const char *answer,
                        const char *pattern, const struct grant_bounds *bounds, const char *by);
/* Without a grant: "once", "no", "withdrawn"; reason may be NULL. */
must_use int grants_note(struct grants *g, const struct grant_ask *ask, const char *answer,
                         const char *by, const char *reason);
enum grant_state grants_state_of(const struct grants *g, const struct grant *one);
/* Something of this kind was allowed by a pattern, and is in force. */
bool grants_has_pattern(const struct grants *g, enum effect_kind kind);
size_t grants_count(const struct grants *g);
const struct grant *grants_at(const struct grants *g, size_t i);
/* As people read it: `Write(/src)`, `Exec(make test) by command, this target alone`. Never more than size. */
void grant_text(const struct grant *one, char *ret, size_t size);
/* number 0: all that are in force. Gives how many were revoked; -ENOENT there is no such grant, or none. */
must_use int grants_revoke(struct grants *g, int64_t number, const char *by);
