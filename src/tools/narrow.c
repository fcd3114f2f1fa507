/* Effects that a call can do without. Pure, like the decision that it asks for. */
#include "tools/policy.h"
#include "tools/registry.h"

#include <stdio.h>

static bool is_granted(const struct policy *policy, const struct tool *tool,
                       const struct effect *effect, bool can_ask)
{
    struct policy_decision d;
    policy_decide(policy, tool, effect, 1, &d);
    return d.verdict == POLICY_ALLOW || (d.verdict == POLICY_ASK && can_ask);
}

int effects_narrow(const struct policy *policy, const struct tool *tool, struct effect *effects,
                   size_t *count, bool has_writable, bool can_ask)
{
    bool keep = has_writable, narrowed = false;
    for (size_t i = 0; i < *count && keep; i++) {
        narrowed = effects[i].optional && !is_granted(policy, tool, &effects[i], can_ask);
        keep = !narrowed;
    }
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (keep || !effects[i].optional)
            effects[kept++] = effects[i];
    /* Nothing left is not nothing done: as for every tool that says not what it does, the call itself is the effect. */
    if (kept == 0 && *count > 0) {
        effects[0] = (struct effect){.kind = EFFECT_TOOL};
        snprintf(effects[0].target, sizeof(effects[0].target), "%s", tool->name);
        kept = 1;
    }
    *count = kept;
    return narrowed ? 1 : 0;
}
