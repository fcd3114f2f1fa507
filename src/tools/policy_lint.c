/* Each rule is held against each other rule of its effect, and against the place where it is used. */
#include "tools/policy_lint.h"

#include "tools/guest_path.h"
#include "tools/policy_rule.h"

#include <errno.h>
#include <stdio.h>

/* Programs that run whatever their arguments say: to allow one with any arguments is to allow every command. */
static const char *const interpreters[] = {
    "sh",     "bash",   "dash",    "zsh",  "fish",  "env",     "sudo",   "su",   "doas",
    "xargs",  "python", "python3", "perl", "ruby",  "node",    "nodejs", "php",  "lua",
    "awk",    "gawk",   "eval",    "exec", "nohup", "timeout", "ssh",    "find", "make",
    "docker", "podman", "chroot",  "nice", "time",  "watch"};

struct rules {
    const struct policy_rule **at; /* own */
    size_t count, cap;
    bool no_memory;
};

struct lint {
    const struct lint_place *place;
    void (*each)(const struct lint_finding *f, void *arg);
    void *arg;
    struct rules rules;
};

const char *lint_kind_name(enum lint_kind k)
{
    static const char *const names[] = {[LINT_SHADOWED] = "shadowed",
                                        [LINT_CONTRADICTS] = "contradicts",
                                        [LINT_NEVER] = "never",
                                        [LINT_WIDE] = "wide"};
    return names[k];
}

static void collect(const struct policy_rule *r, void *arg)
{
    struct rules *rules = arg;
    if (rules->count == rules->cap && !rules->no_memory) {
        size_t cap = rules->cap ? 2 * rules->cap : 64;
        const struct policy_rule **more = realloc(rules->at, cap * sizeof(*more));
        rules->no_memory = !more;
        if (more) {
            rules->at = more;
            rules->cap = cap;
        }
    }
    if (!rules->no_memory)
        rules->at[rules->count++] = r;
}

static void tell(const struct lint *l, enum lint_kind kind, const struct policy_rule *r,
                 const struct policy_rule *by, const char *why)
{
    struct lint_finding f = {
        .kind = kind, .verdict = r->verdict, .layer = r->layer, .rule = r->text};
    if (by) {
        f.by = by->text;
        f.by_layer = by->layer;
    }
    snprintf(f.why, sizeof(f.why), "%s", why);
    l->each(&f, l->arg);
}

/* Rule b at index j, which stands before a in the order that decides: does it leave a nothing to say? */
static bool look_at_pair(const struct lint *l, const struct policy_rule *a,
                         const struct policy_rule *b)
{
    char why[400];
    bool is_same = policy_rule_covers(a, b) && policy_rule_covers(b, a);
    if (is_same && a->verdict != b->verdict) {
        snprintf(why, sizeof(why), "%s says %s and %s says %s about the same; %s wins",
                 policy_layer_name(a->layer), policy_verdict_name(a->verdict),
                 policy_layer_name(b->layer), policy_verdict_name(b->verdict),
                 policy_verdict_name(b->verdict));
        tell(l, LINT_CONTRADICTS, a, b, why);
        return true;
    }
    if (!policy_rule_covers(b, a))
        return false;
    snprintf(why, sizeof(why), "%s %.150s (%s) is about all that this rule is about%s",
             policy_verdict_name(b->verdict), b->text, policy_layer_name(b->layer),
             a->verdict == b->verdict ? "" : ", and wins");
    tell(l, LINT_SHADOWED, a, b, why);
    return true;
}

/* Deny before ask before allow; of one verdict the one that stands first. The list is in this order. */
static void look_at_others(const struct lint *l, size_t at)
{
    for (size_t i = 0; i < l->rules.count; i++) {
        const struct policy_rule *b = l->rules.at[i], *a = l->rules.at[at];
        bool stands_before = b->verdict > a->verdict || (b->verdict == a->verdict && i < at);
        bool is_wider_sibling = b->verdict == a->verdict && i > at && policy_rule_covers(b, a) &&
                                !policy_rule_covers(a, b);
        if (i != at && (stands_before || is_wider_sibling) && look_at_pair(l, a, b))
            return;
    }
}

static void look_at_tool(const struct lint *l, const struct policy_rule *r)
{
    char why[400];
    if (!l->place->registry || r->any || !r->glob || strchr(r->glob, '*') ||
        str_starts(str_of(r->glob), STR("mcp__")) ||
        registry_find(l->place->registry, str_of(r->glob)))
        return;
    const struct tool *near = registry_nearest(l->place->registry, str_of(r->glob));
    snprintf(why, sizeof(why), "there is no tool called \"%.100s\"%s%.100s%s", r->glob,
             near ? "; did you mean \"" : "", near ? near->name : "", near ? "\"?" : "");
    tell(l, LINT_NEVER, r, NULL, why);
}

/* Paths in rules are the guest's. One that is spelled as the host's work folder matches nothing. */
static void look_at_path(const struct lint *l, const struct policy_rule *r)
{
    char why[400];
    for (size_t i = 0; i < l->place->mount_count; i++) {
        const struct effect_mount *m = &l->place->mounts[i];
        struct path_names host;
        if (!m->host || strcmp(m->host, "/") == 0 || r->path.count == 0)
            continue;
        path_names_split(m->host, &host);
        size_t k = 0;
        while (k < host.count && k < r->path.count && r->path.parts[k].kind == PART_LITERAL &&
               str_eq(r->path.parts[k].text, host.at[k]))
            k++;
        if (k < host.count)
            continue;
        snprintf(why, sizeof(why), "it names a folder of this machine; tools see %.150s as %.100s",
                 m->host, m->guest);
        tell(l, LINT_NEVER, r, NULL, why);
        return;
    }
}

static bool is_interpreter(const char *glob)
{
    struct str rest = str_of(glob), program = rest, tail;
    if (!str_ends(rest, STR("*")))
        return false;
    (void)str_split(rest, ' ', &program, &tail);
    for (size_t i = program.len; i > 0; i--)
        if (program.at[i - 1] == '/') {
            program = (struct str){program.at + i, program.len - i};
            break;
        }
    for (size_t i = 0; i < ARRAY_LEN(interpreters); i++)
        if (str_is(program, interpreters[i]) &&
            rest.len <= (size_t)(program.at - rest.at) + program.len + 2)
            return true;
    return false;
}

static void look_at_width(const struct lint *l, const struct policy_rule *r)
{
    static const char *const all[] = {[EFFECT_READ] = "any file that is mapped",
                                      [EFFECT_WRITE] = "any file that is mapped to be changed",
                                      [EFFECT_NET] = "every host",
                                      [EFFECT_EXEC] = "every command",
                                      [EFFECT_TOOL] = "every tool, with all it does",
                                      [EFFECT_SPEND] = "any sum up to the budget"};
    char why[400];
    if (r->verdict != POLICY_ALLOW)
        return;
    if (r->any && r->kind != EFFECT_READ && r->kind != EFFECT_SPEND) {
        snprintf(why, sizeof(why), "it allows %s, without a question", all[r->kind]);
        tell(l, LINT_WIDE, r, NULL, why);
    } else if (r->kind == EFFECT_NET && !r->any && r->net->kind == NET_HOST_ANY) {
        tell(l, LINT_WIDE, r, NULL, "it allows every host, without a question");
    } else if (r->kind == EFFECT_EXEC && r->glob && is_interpreter(r->glob)) {
        snprintf(why, sizeof(why),
                 "%.100s runs whatever its arguments say: this allows every command", r->glob);
        tell(l, LINT_WIDE, r, NULL, why);
    }
}

int policy_lint(const struct policy *p, const struct lint_place *place,
                void (*each)(const struct lint_finding *f, void *arg), void *arg)
{
    struct lint l = {.place = place, .each = each, .arg = arg};
    policy_each_rule(p, collect, &l.rules);
    for (size_t i = 0; i < l.rules.count && !l.rules.no_memory; i++) {
        const struct policy_rule *r = l.rules.at[i];
        look_at_others(&l, i);
        if (r->kind == EFFECT_TOOL)
            look_at_tool(&l, r);
        if (r->kind == EFFECT_READ || r->kind == EFFECT_WRITE)
            look_at_path(&l, r);
        look_at_width(&l, r);
    }
    free(l.rules.at);
    return l.rules.no_memory ? -ENOMEM : 0;
}
