/* Rule texts: our six effects, and the names that Claude settings use as aliases for them. One const table of names; a name that is
 * not in it is an error with the nearest one, never a rule that matches nothing. */
#include "tools/policy_rule.h"

#include "tools/nearest.h"

#include <errno.h>
#include <stdio.h>

#define RULE_SIZE_MAX 1024
#define USD_SCALE 12

static const struct rule_name {
    const char *name;
    enum effect_kind kind;
    const char *fixed; /* the pattern of an alias that takes none */
} names[] = {
    {"Read", EFFECT_READ, NULL},
    {"Write", EFFECT_WRITE, NULL},
    {"Net", EFFECT_NET, NULL},
    {"Exec", EFFECT_EXEC, NULL},
    {"Tool", EFFECT_TOOL, NULL},
    {"Spend", EFFECT_SPEND, NULL},
    /* aliases */
    {"Edit", EFFECT_WRITE, NULL},
    {"MultiEdit", EFFECT_WRITE, NULL},
    {"NotebookEdit", EFFECT_WRITE, NULL},
    {"NotebookRead", EFFECT_READ, NULL},
    {"Bash", EFFECT_EXEC, NULL},
    {"WebFetch", EFFECT_NET, NULL},
    {"WebSearch", EFFECT_TOOL, "web_search"},
    {"Glob", EFFECT_TOOL, "glob"},
    {"Grep", EFFECT_TOOL, "grep"},
    {"LS", EFFECT_TOOL, "list"},
    {"TodoWrite", EFFECT_TOOL, "todo"},
};

static int refuse(struct str text, enum policy_layer layer, const char *why, struct fault *f)
{
    int code = layer == POLICY_COMMAND_LINE ? FAULT_USAGE : FAULT_CONFIG;
    return fault_set(f, code, "rule \"%.*s\": %s", (int)(text.len < 200 ? text.len : 200), text.at,
                     why);
}

static int unknown_name(struct str text, struct str name, enum policy_layer layer, struct fault *f)
{
    struct nearest near;
    nearest_init(&near, name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        nearest_offer(&near, str_of(names[i].name));
    int r = refuse(
        text, layer,
        "rules are Read(path), Write(path), Net(host:port), Exec(program args), Tool(name) or Spend(usd)",
        f);
    if (nearest_found(&near))
        fault_next(f, "did you mean %.*s?", STR_FMT(near.best));
    return r;
}

/* `npm run test:*` is Claude's way to say "starts with". */
static int set_glob(struct policy_rule *r, struct str pattern)
{
    if (r->kind == EFFECT_EXEC && str_ends(pattern, STR(":*"))) {
        r->glob = malloc(pattern.len + 1);
        if (r->glob)
            snprintf(r->glob, pattern.len + 1, "%.*s *", (int)pattern.len - 2, pattern.at);
    } else {
        r->glob = str_dup(pattern);
    }
    r->any = str_is(pattern, "*") || str_is(pattern, "**");
    return r->glob ? 0 : -ENOMEM;
}

static int set_pattern(struct policy_rule *r, struct str text, struct str pattern, struct fault *f)
{
    char why[160] = "", sentence[200];
    int result = 0;
    switch (r->kind) {
    case EFFECT_READ:
    case EFFECT_WRITE:
        result = path_pattern_init(&r->path, pattern, why);
        r->any = result == 0 && r->path.count == 0;
        break;
    case EFFECT_NET:
        if (str_starts(pattern, STR("domain:")))
            pattern = (struct str){pattern.at + 7, pattern.len - 7};
        r->net = calloc(1, sizeof *r->net);
        if (!r->net)
            return -ENOMEM;
        result = net_pattern_parse(pattern, false, r->net, why);
        r->any = result == 0 && r->net->kind == NET_HOST_ANY && r->net->port_any &&
                 r->net->scheme[0] == 0;
        if (result == 0 && r->net->scheme[0]) {
            snprintf(why, sizeof why, "is host[:port] without a scheme");
            result = -FAULT_CONFIG;
        }
        break;
    case EFFECT_EXEC:
    case EFFECT_TOOL: return set_glob(r, pattern);
    case EFFECT_SPEND:
        if (base_parse_decimal(pattern, USD_SCALE, 0, INT64_MAX, &r->usd_pico) != 0) {
            snprintf(why, sizeof why, "is an amount of dollars like 0.50");
            result = -FAULT_CONFIG;
        }
        break;
    }
    if (result != -FAULT_CONFIG)
        return result;
    snprintf(sentence, sizeof sentence, "the pattern %s", why);
    return refuse(text, r->layer, sentence, f);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return true;
    return !utf8_valid(s);
}

/* `mcp__server` means all tools of that server. */
static int set_mcp(struct policy_rule *r, struct str name)
{
    struct str rest = {name.at + 5, name.len - 5};
    size_t at = 0;
    while (at + 1 < rest.len && memcmp(rest.at + at, "__", 2) != 0)
        at++;
    bool whole_server = at + 1 >= rest.len;
    r->kind = EFFECT_TOOL;
    r->glob = malloc(name.len + 4);
    if (r->glob)
        snprintf(r->glob, name.len + 4, "%.*s%s", STR_FMT(name), whole_server ? "__*" : "");
    return r->glob ? 0 : -ENOMEM;
}

static int parse_into(struct policy_rule *r, struct str text, struct fault *f)
{
    struct str name = text, pattern = {0};
    bool has_pattern = str_split(text, '(', &name, &pattern);
    if (text.len == 0 || text.len > RULE_SIZE_MAX || has_control(text))
        return refuse(text.len > RULE_SIZE_MAX ? STR("...") : STR(""), r->layer,
                      "a rule is 1 to 1024 bytes of text without control characters", f);
    if (has_pattern) {
        if (!str_ends(pattern, STR(")")))
            return refuse(text, r->layer, "the ) at its end is missing", f);
        pattern = str_trim((struct str){pattern.at, pattern.len - 1});
        if (pattern.len == 0)
            return refuse(text, r->layer, "there is nothing between ( and )", f);
    }
    if (str_starts(name, STR("mcp__")) && name.len > 5)
        return has_pattern ? refuse(text, r->layer, "a rule for an MCP tool has no pattern", f)
                           : set_mcp(r, name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_is(name, names[i].name))
            continue;
        r->kind = names[i].kind;
        if (names[i].fixed && has_pattern)
            return refuse(
                text, r->layer,
                "this name takes no pattern; say Read(path) or Net(host) for what it may reach", f);
        if (names[i].fixed)
            return set_glob(r, str_of(names[i].fixed));
        r->any = !has_pattern;
        return has_pattern ? set_pattern(r, text, pattern, f) : 0;
    }
    return unknown_name(text, name, r->layer, f);
}

int policy_rule_parse(struct str text, enum policy_layer layer, enum policy_verdict verdict,
                      own struct policy_rule **ret, struct fault *reterr)
{
    text = str_trim(text);
    auto_(policy_rule) struct policy_rule *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->layer = layer;
    r->verdict = verdict;
    int result = parse_into(r, text, reterr);
    if (result)
        return result;
    r->text = str_dup(text);
    if (!r->text)
        return -ENOMEM;
    *ret = take(r);
    return 0;
}

void policy_rule_free(own struct policy_rule *r)
{
    if (!r)
        return;
    path_pattern_done(&r->path);
    free(r->net);
    free(r->glob);
    free(r->text);
    free(r);
}

/* --- matching --- */

void policy_target_init(struct policy_target *t, const struct effect *e)
{
    t->effect = e;
    t->names.count = 0;
    if (e->kind == EFFECT_READ || e->kind == EFFECT_WRITE)
        path_names_split(e->target, &t->names);
}

/* `*` is any text, slashes and blanks too; a trailing " *" also takes nothing: `make *` matches `make`. */
static bool glob_matches(struct str p, struct str s)
{
    if (str_ends(p, STR(" *")) && str_eq((struct str){p.at, p.len - 2}, s))
        return true;
    size_t pi = 0, si = 0, star = SIZE_MAX, mark = 0;
    while (si < s.len || pi < p.len) {
        if (pi < p.len && p.at[pi] == '*') {
            star = pi++;
            mark = si;
        } else if (pi < p.len && si < s.len && p.at[pi] == s.at[si]) {
            pi++;
            si++;
        } else if (star != SIZE_MAX && mark < s.len) {
            si = ++mark;
            pi = star + 1;
        } else {
            return false;
        }
    }
    return true;
}

/* A command line may be several commands. A deny or ask holds when it matches the whole or any of them; an allow must match each, and
 * says nothing about text that makes commands while it runs ($(...), `...`) or sends output elsewhere. */
static bool command_matches(const struct policy_rule *r, struct str line)
{
    bool allows = r->verdict == POLICY_ALLOW, all = true,
         some = glob_matches(str_of(r->glob), line);
    for (size_t i = 0; allows && i < line.len; i++)
        if (line.at[i] == '`' || line.at[i] == '$' || line.at[i] == '<' || line.at[i] == '>')
            return false;
    for (size_t at = 0; at <= line.len;) {
        size_t end = at;
        while (end < line.len && !strchr(";|&\n()", line.at[end]))
            end++;
        struct str command = str_trim((struct str){line.at + at, end - at});
        if (command.len > 0) {
            bool matches = glob_matches(str_of(r->glob), command);
            all &= matches;
            some |= matches;
        }
        at = end + 1;
    }
    return allows ? all : some;
}

static bool path_matches(const struct policy_rule *r, const struct policy_target *t)
{
    if (!t->effect->recursive)
        return path_pattern_matches(&r->path, &t->names);
    return r->verdict == POLICY_ALLOW ? path_pattern_covers_tree(&r->path, &t->names)
                                      : path_pattern_meets_tree(&r->path, &t->names);
}

static bool spend_matches(const struct policy_rule *r, const struct effect *e)
{
    int64_t usd;
    if (base_parse_decimal(str_of(e->target), USD_SCALE, 0, INT64_MAX, &usd) != 0)
        return r->verdict != POLICY_ALLOW;
    return r->verdict == POLICY_ALLOW ? usd <= r->usd_pico : usd >= r->usd_pico;
}

bool policy_rule_matches(const struct policy_rule *r, const struct policy_target *t)
{
    if (r->kind != t->effect->kind)
        return false;
    if (r->any)
        return true;
    switch (r->kind) {
    case EFFECT_READ:
    case EFFECT_WRITE: return path_matches(r, t);
    case EFFECT_NET: return net_pattern_matches(r->net, STR(""), str_of(t->effect->target));
    case EFFECT_EXEC: return command_matches(r, str_of(t->effect->target));
    case EFFECT_TOOL: return glob_matches(str_of(r->glob), str_of(t->effect->target));
    case EFFECT_SPEND: return spend_matches(r, t->effect);
    }
    return false;
}

bool policy_rule_matches_tool(const struct policy_rule *r, const char *tool_name)
{
    return r->kind == EFFECT_TOOL && (r->any || glob_matches(str_of(r->glob), str_of(tool_name)));
}

/* --- rules against rules --- */

static bool glob_covers(const char *a, const char *b)
{
    char example[RULE_SIZE_MAX + 8];
    size_t len = strlen(b);
    must(len < sizeof(example));
    for (size_t i = 0; i <= len; i++)
        example[i] =
            b[i] == '*' ? '\x01' : b[i]; /* no rule has this character: only a `*` takes it */
    return glob_matches(str_of(a), (struct str){example, len});
}

static bool host_covers(const struct net_pattern *a, const struct net_pattern *b)
{
    size_t a_len = strlen(a->name), b_len = strlen(b->name);
    switch (a->kind) {
    case NET_HOST_ANY: return true;
    case NET_HOST_NAME: return b->kind == NET_HOST_NAME && strcmp(a->name, b->name) == 0;
    case NET_HOST_BELOW:
        if (b->kind == NET_HOST_BELOW && strcmp(a->name, b->name) == 0)
            return true;
        return (b->kind == NET_HOST_NAME || b->kind == NET_HOST_BELOW) && b_len > a_len + 1 &&
               b->name[b_len - a_len - 1] == '.' && strcmp(b->name + b_len - a_len, a->name) == 0;
    case NET_HOST_ADDRESSES:
        return b->kind == NET_HOST_ADDRESSES && a->network.bits <= b->network.bits &&
               ip_network_has(&a->network, &b->network.base);
    }
    return false;
}

static bool net_covers(const struct net_pattern *a, const struct net_pattern *b)
{
    /* in rules a port that is not said is any */
    bool any_port = a->port_any || a->port_default;
    bool ports = any_port || (!b->port_any && !b->port_default && a->port_from <= b->port_from &&
                              a->port_end >= b->port_end);
    return ports && host_covers(a, b);
}

bool policy_rule_covers(const struct policy_rule *a, const struct policy_rule *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->any || b->any)
        return a->any;
    switch (a->kind) {
    case EFFECT_READ:
    case EFFECT_WRITE: return path_pattern_covers(&a->path, &b->path);
    case EFFECT_NET: return net_covers(a->net, b->net);
    case EFFECT_EXEC:
    case EFFECT_TOOL: return glob_covers(a->glob, b->glob);
    case EFFECT_SPEND: /* an allow is up to the amount, the others from it on */
        return b->verdict == POLICY_ALLOW && a->verdict == POLICY_ALLOW
                   ? a->usd_pico >= b->usd_pico
                   : b->verdict != POLICY_ALLOW && a->verdict != POLICY_ALLOW &&
                         a->usd_pico <= b->usd_pico;
    }
    return false;
}
