/* rooms: tools wire base */
/* First line a rule, second a target: deny beats allow, a target that is below one that is denied is denied, nothing crashes. */
#include "tools/policy.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size}, rule = all, target = {"/a", 2};
    struct policy_decision d;
    struct fault fault = {0};
    auto_(policy) struct policy *p = NULL;
    (void)str_split(all, '\n', &rule, &target);
    must(policy_new(&p) == 0);
    int r = policy_add_rule(p, POLICY_USER, POLICY_ALLOW, rule, &fault);
    if (r != 0) {
        must(r == -FAULT_CONFIG && fault.text[0]);
        return 0;
    }
    must(policy_add_rule(p, POLICY_USER, POLICY_DENY, rule, &fault) == 0);
    for (int kind = EFFECT_READ; kind <= EFFECT_SPEND; kind++) {
        struct effect e = {.kind = (enum effect_kind)kind}, below;
        snprintf(e.target, sizeof e.target, "%.*s", (int)(target.len < 1000 ? target.len : 1000),
                 target.at);
        enum policy_verdict verdict = policy_on_effect(p, &e, &d);
        must(d.why[0] && d.rule[0]);
        must(verdict != POLICY_ALLOW || kind == EFFECT_READ || d.rule[0] != 'd');
        if (kind > EFFECT_WRITE || e.target[0] != '/' || e.target[1] == 0)
            continue;
        below = e;
        snprintf(below.target + strlen(below.target), 8, "/x");
        if (verdict == POLICY_DENY)
            must(policy_on_effect(p, &below, NULL) == POLICY_DENY);
        e.recursive = true;
        if (policy_on_effect(p, &below, NULL) == POLICY_DENY)
            must(policy_on_effect(p, &e, NULL) == POLICY_DENY);
    }
    return 0;
}
