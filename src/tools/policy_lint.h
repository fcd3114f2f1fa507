/* What is wrong with a policy that is not a mistake of its text: rules that do nothing, rules that fight, rules that let in more
 * than their author may have meant. Pure. */
#pragma once

#include "base/base.h"
#include "tools/policy.h"

enum lint_kind {
    LINT_SHADOWED,    /* another rule already decides all that this one is about */
    LINT_CONTRADICTS, /* two verdicts about the very same */
    LINT_NEVER,       /* nothing it is about can happen here */
    LINT_WIDE,        /* it allows nearly everything of its kind */
};
const char *lint_kind_name(enum lint_kind k); /* "shadowed", ... */

struct lint_finding {
    enum lint_kind kind;
    enum policy_verdict verdict;
    enum policy_layer layer;
    const char *rule, *by; /* by: the other rule's text, or NULL */
    enum policy_layer by_layer;
    char why[400]; /* one sentence */
};
struct lint_place {
    const struct registry *registry; /* NULL = tools are not looked at */
    const struct effect_mount *mounts;
    size_t mount_count;
};
/* Findings in the order of the rules; views live for the callback. -ENOMEM */
must_use int policy_lint(const struct policy *p, const struct lint_place *place,
                         void (*each)(const struct lint_finding *f, void *arg), void *arg);
