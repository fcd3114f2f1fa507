/* One rule: text like `Write(./docs)`, read into what it is compared with. Inside of the policy; others use policy.h. */
#pragma once

#include "tools/path_pattern.h"
#include "tools/policy.h"
#include "wire/net_pattern.h"

struct policy_rule {
    char *text; /* own; as it was written */
    enum policy_layer layer;
    enum policy_verdict verdict;
    enum effect_kind kind;
    bool any;                 /* no pattern, or one that takes everything */
    struct path_pattern path; /* Read, Write */
    struct net_pattern *net;  /* own; Net */
    char *glob;               /* own; Exec, Tool: `*` is any text */
    int64_t usd_pico;         /* Spend */
};
/* 0 | -FAULT_CONFIG (-FAULT_USAGE on the command line) with a sentence that names rule and mistake | -ENOMEM */
must_use int policy_rule_parse(struct str text, enum policy_layer layer,
                               enum policy_verdict verdict, own struct policy_rule **ret,
                               struct fault *reterr);
void policy_rule_free(own struct policy_rule *r);
DEFINE_FREEP(policy_rule, struct policy_rule);

/* An effect made ready for many rules. */
struct policy_target {
    const struct effect *effect;
    struct path_names names; /* Read, Write */
};
void policy_target_init(struct policy_target *t, const struct effect *e);

/* Denies and asks match when they meet any part of the effect, allows when they cover all of it. */
bool policy_rule_matches(const struct policy_rule *r, const struct policy_target *t);
/* Every effect that b is about, a is about, too; false also where it is not seen. Both of one kind, else false. */
bool policy_rule_covers(const struct policy_rule *a, const struct policy_rule *b);
/* Each rule of a policy: by verdict, then effect, then layer. */
void policy_each_rule(const struct policy *p, void (*each)(const struct policy_rule *r, void *arg),
                      void *arg);
bool policy_rule_matches_tool(const struct policy_rule *r, const char *tool_name);
