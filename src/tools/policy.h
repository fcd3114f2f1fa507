/* The permission decision, by effect. Rules in layers (managed > command line > local > project > user); lists merge;
 * deny > ask > allow; project and local files may only narrow. Pure: touches nothing but its arguments.
 * Path patterns are gitignore-style, rooted at work_dir as the guest sees it ("/"). */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "tools/registry.h"
#include "wire/json.h"

enum policy_layer {
    POLICY_MANAGED,
    POLICY_COMMAND_LINE,
    POLICY_LOCAL,
    POLICY_PROJECT,
    POLICY_USER,
    POLICY_BUILTIN
};
enum policy_verdict { POLICY_ALLOW, POLICY_ASK, POLICY_DENY };
enum policy_mode { MODE_DEFAULT, MODE_ACCEPT_EDITS, MODE_PLAN, MODE_DONT_ASK, MODE_BYPASS };
const char *policy_verdict_name(enum policy_verdict v); /* "allow" "ask" "deny" */
must_use int policy_mode_parse(struct str text, enum policy_mode *ret,
                               struct fault *reterr); /* names of interfaces.md */
const char *policy_mode_name(enum policy_mode m);
const char *policy_layer_name(enum policy_layer l); /* "managed settings" ... for sentences */

struct policy; /* opaque */
must_use int policy_new(own struct policy **ret);
void policy_free(own struct policy *p);
DEFINE_FREEP(policy, struct policy);
void policy_set_mode(struct policy *p, enum policy_mode m);
enum policy_mode policy_mode_of(const struct policy *p);
/* One rule, e.g. "Write(./docs)", "Bash(make *)", "WebFetch(domain:example.org)", "Tool(grep)". -FAULT_CONFIG/-FAULT_USAGE names what is
 * wrong. Project and local layers: allow rules are refused (-FAULT_CONFIG). */
must_use int policy_add_rule(struct policy *p, enum policy_layer layer, enum policy_verdict verdict,
                             struct str rule, struct fault *reterr);

/* Every rule: denies first, then asks, then allows; of each the highest layer first. */
void policy_each(const struct policy *p,
                 void (*each)(enum policy_verdict verdict, enum policy_layer layer,
                              const char *rule, void *arg),
                 void *arg);

/* An effect on a resolved object. */
struct effect {
    enum effect_kind kind;
    char target[1024]; /* guest path ("/src/a.c"), host:port, program args, tool name, usd */
    bool recursive;
    bool outside_work_dir; /* a path in another mount than "/": acceptEdits is not about it */
    bool optional;         /* see effects_narrow() */
};
#define CALL_EFFECTS_MAX 64

/* What a call would do: the tool's effect rows over its (validated) arguments. Paths come out normalised as
 * the guest sees them; absolute host paths inside work_dir are mapped (mapped_arguments own, when changed).
 * mounts: guest paths that exist. Returns 0 | -FAULT_POLICY target outside every mount (sentence for the model). */
struct effect_mount {
    const char *guest;
    const char *host;
    bool writable;
};
must_use int effects_of_call(const struct tool *tool, const json_t *arguments,
                             const struct effect_mount *mounts, size_t mount_count,
                             struct effect *ret, size_t max, size_t *ret_count,
                             own json_t **ret_mapped_arguments, struct fault *reterr);

/* What a tool would write if it may, and does without if not (manifest: "optional"). When policy denies one of these effects, or asks
 * and nobody can be asked, all of them leave the list, and the call must be run with its folders read-only. Without a
 * folder that is writable at all they leave it as well.
 * returns 0 = nothing was taken away that could have been | 1 = the call is narrowed */
must_use int effects_narrow(const struct policy *policy, const struct tool *tool,
                            struct effect *effects, size_t *count, bool has_writable, bool can_ask);

/* Words as one text, as an Exec effect has them: one that a shell would read otherwise is quoted. Faults stay in out. */
void effect_words(const json_t *words, struct buf *out);

struct policy_decision {
    enum policy_verdict verdict;
    char rule
        [256]; /* the rule's text, or a built-in name: "default:read", "mode:plan", "no-one-to-ask", ... */
    enum policy_layer layer;
    struct effect effect; /* the effect that decided */
    char why[512];        /* one sentence */
};
/* Decides over all effects of a call: deny if any is denied, else ask if any asks, else allow. Tool(name) rules count too. */
void policy_decide(const struct policy *p, const struct tool *tool, const struct effect *effects,
                   size_t count, struct policy_decision *ret);
/* For mounts: is a Write anywhere under this guest path possible at all (allow or ask) / is everything under it denied? Used to
 * compile the policy down: a call whose Write is not granted gets read-only mounts. */
enum policy_verdict policy_on_effect(const struct policy *p, const struct effect *e,
                                     struct policy_decision *ret_why);

/* What the policy says about the network for a tool, compiled down for egress: each Net rule as a pattern (deny, ask, allow; in
 * mode bypass nothing is asked), and what holds for a host that no rule is about. each: 0, or a fault that ends it. */
must_use int policy_compile_net(const struct policy *p, const struct tool *tool,
                                int (*each)(enum policy_verdict v, struct str pattern, void *arg),
                                void *arg, bool *ret_otherwise);

/* Which layer below would stop the effect if the policy were wrong ("sandbox: mount / is read-only", "egress: no host granted"). */
void policy_backstop(const struct effect *e, const struct effect_mount *mounts, size_t mount_count,
                     char ret[256]);
