/* See path_pattern.h. States of the automaton: bit i = the first i parts have matched; bit count = all have. */
#include "tools/path_pattern.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

void path_names_split(const char *guest_path, struct path_names *ret)
{
    ret->count = 0;
    while (*guest_path == '/' && guest_path[1] && ret->count < GUEST_PATH_NAMES_MAX) {
        size_t len = strcspn(++guest_path, "/");
        ret->at[ret->count++] = (struct str){guest_path, len};
        guest_path += len;
    }
}

/* --- one name --- */

static size_t char_len(struct str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && ((unsigned char)s.at[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* The set that starts at p->at[at] == '['; ret_end: behind its ']'. Sets are of bytes: beyond ASCII only `*` and `?` help. */
static bool in_set(struct str p, size_t at, unsigned char c, size_t *ret_end)
{
    bool negated = false, found = false;
    at++;
    if (at < p.len && (p.at[at] == '!' || p.at[at] == '^')) {
        negated = true;
        at++;
    }
    for (bool first = true; at < p.len && (first || p.at[at] != ']'); first = false) {
        if (p.at[at] == '\\' && at + 1 < p.len)
            at++;
        unsigned char low = (unsigned char)p.at[at], high = low;
        if (at + 2 < p.len && p.at[at + 1] == '-' && p.at[at + 2] != ']') {
            high = (unsigned char)p.at[at + 2];
            at += 2;
        }
        found |= c >= low && c <= high;
        at++;
    }
    *ret_end = at + 1;
    return found != negated;
}

static bool name_matches(struct str p, struct str s)
{
    size_t pi = 0, si = 0, star = SIZE_MAX, mark = 0, end = 0;
    while (si < s.len || pi < p.len) {
        bool step = false;
        if (pi < p.len && p.at[pi] == '*') {
            star = pi++;
            mark = si;
            continue;
        }
        if (pi < p.len && si < s.len) {
            if (p.at[pi] == '?') {
                step = true;
                end = pi + 1;
            } else if (p.at[pi] == '[') {
                step = in_set(p, pi, (unsigned char)s.at[si], &end);
            } else {
                size_t literal = p.at[pi] == '\\' && pi + 1 < p.len ? pi + 1 : pi;
                step = p.at[literal] == s.at[si];
                end = literal + 1;
            }
        }
        if (step) {
            si += p.at[pi] == '?' ? char_len(s, si) : 1;
            pi = end;
        } else if (star != SIZE_MAX && mark < s.len) {
            si = ++mark;
            pi = star + 1;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_any_name(const struct path_part *part)
{
    return part->kind == PART_SUFFIX && part->text.len == 0;
}

static bool part_matches(const struct path_part *part, struct str name)
{
    switch (part->kind) {
    case PART_LITERAL: return str_eq(part->text, name);
    case PART_SUFFIX:
        return name.len >= part->text.len &&
               memcmp(name.at + name.len - part->text.len, part->text.at, part->text.len) == 0;
    case PART_ANY_DEPTH:
    case PART_GLOB: break;
    }
    return name_matches(part->text, name);
}

/* --- making --- */

static int refuse(char ret_why[160], const char *why)
{
    snprintf(ret_why, 160, "%s", why);
    return -FAULT_CONFIG;
}

static bool sets_are_closed(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\') {
            if (++i == s.len)
                return false;
        } else if (s.at[i] == '[') {
            size_t close = i + 1;
            if (close < s.len && (s.at[close] == '!' || s.at[close] == '^'))
                close++;
            close++; /* a first ] is a member */
            while (close < s.len && s.at[close] != ']')
                close += s.at[close] == '\\' ? 2 : 1;
            if (close >= s.len)
                return false;
            i = close;
        }
    }
    return true;
}

static int add_part(struct path_pattern *p, struct str part, char ret_why[160])
{
    bool any_depth = str_is(part, "**");
    if (any_depth && p->count && p->parts[p->count - 1].kind == PART_ANY_DEPTH)
        return 0;
    if (p->count == PATH_PATTERN_PARTS_MAX)
        return refuse(ret_why, "has more than 32 parts");
    if (str_is(part, ".."))
        return refuse(ret_why, "must not go up with \"..\"");
    if (!sets_are_closed(part))
        return refuse(ret_why, "has a [ without its ], or ends in a backslash");
    size_t specials = 0;
    for (size_t i = 0; i < part.len; i++)
        specials += strchr("*?[\\", part.at[i]) != NULL;
    enum path_part_kind kind = any_depth ? PART_ANY_DEPTH : specials ? PART_GLOB : PART_LITERAL;
    if (kind == PART_GLOB && specials == 1 && part.at[0] == '*') {
        kind = PART_SUFFIX;
        part = (struct str){part.at + 1, part.len - 1};
    }
    p->parts[p->count++] = (struct path_part){part, kind};
    return 0;
}

static int check_text(struct str text, char ret_why[160])
{
    char ignored[GUEST_PATH_MAX];
    bool changed;
    if (text.at[0] == '!')
        return refuse(
            ret_why, "must not start with \"!\": a rule cannot take something out of another rule");
    if (text.at[0] == '~')
        return refuse(
            ret_why,
            "must not start with \"~\": paths are those that the guest sees, \"/\" is the working folder");
    if (str_starts(text, STR("//")))
        return refuse(
            ret_why,
            "must not start with \"//\": paths are those that the guest sees, \"/\" is the working folder");
    int r = guest_path_normalise(text, ignored, &changed);
    return r ? refuse(ret_why, guest_path_why(r)) : 0;
}

int path_pattern_init(struct path_pattern *p, struct str text, char ret_why[160])
{
    *p = (struct path_pattern){0};
    if (text.len == 0 || str_is(text, "/") || str_is(text, ".") || str_is(text, "./"))
        return 0;
    int r = check_text(text, ret_why);
    if (r)
        return r;
    p->parts = malloc(PATH_PATTERN_PARTS_MAX * sizeof *p->parts + text.len);
    if (!p->parts)
        return -ENOMEM;
    char *copy = (char *)(p->parts + PATH_PATTERN_PARTS_MAX);
    memcpy(copy, text.at, text.len);
    struct str rest = {copy, text.len};
    size_t body = rest.len;
    while (body > 0 && rest.at[body - 1] == '/')
        body--; /* `dir/`: the folder and all below it; whether it is a folder is not known here */
    rest.len = body;
    bool rooted = memchr(rest.at, '/', rest.len) != NULL;
    if (!rooted)
        r = add_part(p, STR("**"), ret_why);
    while (r == 0 && rest.len > 0) {
        struct str part = rest, tail = {rest.at + rest.len, 0};
        (void)str_split(rest, '/', &part, &tail);
        rest = tail;
        if (part.len > 0 && !str_is(part, "."))
            r = add_part(p, part, ret_why);
    }
    if (r) {
        path_pattern_done(p);
        return r;
    }
    bool everything = p->count == 1 && p->parts[0].kind == PART_ANY_DEPTH;
    everything |= p->count == 2 && p->parts[0].kind == PART_ANY_DEPTH && is_any_name(&p->parts[1]);
    everything |= p->count == 1 && is_any_name(&p->parts[0]);
    if (everything)
        p->count = 0;
    return 0;
}

void path_pattern_done(struct path_pattern *p)
{
    free(p->parts);
    *p = (struct path_pattern){0};
}

/* --- matching --- */

#define BIT(i) ((uint64_t)1 << (i))

/* `**` may stand for no name at all, unless it is the last part. */
static uint64_t skip_any_depth(const struct path_pattern *p, uint64_t states)
{
    for (size_t i = 0; i + 1 < p->count; i++)
        if ((states & BIT(i)) && p->parts[i].kind == PART_ANY_DEPTH)
            states |= BIT(i + 1);
    return states;
}

static uint64_t step(const struct path_pattern *p, uint64_t states, struct str name)
{
    uint64_t next = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (!(states & BIT(i)))
            continue;
        if (p->parts[i].kind == PART_ANY_DEPTH)
            next |= BIT(i) | (i + 1 == p->count ? BIT(i + 1) : 0);
        else if (part_matches(&p->parts[i], name))
            next |= BIT(i + 1);
    }
    return skip_any_depth(p, next);
}

/* The states after all names; BIT(count) as soon as a folder on the way matched. */
static uint64_t run(const struct path_pattern *p, const struct path_names *path)
{
    /* Most rules fail at their first name: no automaton for those. */
    if (path->count && p->parts[0].kind == PART_LITERAL && !str_eq(p->parts[0].text, path->at[0]))
        return 0;
    uint64_t states = skip_any_depth(p, 1);
    for (size_t i = 0; i < path->count && states; i++) {
        states = step(p, states, path->at[i]);
        if (states & BIT(p->count))
            return BIT(p->count);
    }
    return states;
}

bool path_pattern_matches(const struct path_pattern *p, const struct path_names *path)
{
    if (p->count == 0)
        return true;
    if (p->count == 2 && p->parts[0].kind == PART_ANY_DEPTH) {
        for (size_t i = 0; i < path->count; i++)
            if (part_matches(&p->parts[1], path->at[i]))
                return true;
        return false;
    }
    return run(p, path) & BIT(p->count);
}

bool path_pattern_meets_tree(const struct path_pattern *p, const struct path_names *dir)
{
    return p->count == 0 || run(p, dir) != 0;
}

bool path_pattern_covers_tree(const struct path_pattern *p, const struct path_names *dir)
{
    if (p->count == 0)
        return true;
    uint64_t states = run(p, dir);
    const struct path_part *last = &p->parts[p->count - 1];
    bool takes_any_name = last->kind == PART_ANY_DEPTH || is_any_name(last);
    return (states & BIT(p->count)) || (takes_any_name && (states & BIT(p->count - 1)));
}

/* --- patterns against patterns --- */

#define FRESH "\x01" /* no pattern has it, so only what takes any character takes it */
#define SPANS_MAX 4  /* 3^4 examples */

static bool has_set(const struct path_pattern *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->parts[i].kind == PART_GLOB && memchr(p->parts[i].text.at, '[', p->parts[i].text.len))
            return true;
    return false;
}

static bool is_same(const struct path_pattern *a, const struct path_pattern *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->parts[i].kind == b->parts[i].kind && str_eq(a->parts[i].text, b->parts[i].text);
    return same;
}

/* A name that the part takes. ret has room for the part's text and two bytes. */
static struct str example_name(const struct path_part *part, char *ret)
{
    size_t len = 0;
    if (part->kind == PART_SUFFIX)
        ret[len++] = *FRESH;
    for (size_t i = 0; i < part->text.len; i++) {
        char c = part->text.at[i];
        bool is_wild = part->kind == PART_GLOB && (c == '*' || c == '?');
        if (part->kind == PART_GLOB && c == '\\')
            c = part->text.at[++i];
        ret[len++] = is_wild ? *FRESH : c;
    }
    return (struct str){ret, len};
}

/* The example where span number i stands for (pick / 3^i) % 3 names. false: the pattern does not take it, or it is too long. */
static bool make_example(const struct path_pattern *b, unsigned pick, char *text,
                         struct path_names *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->parts[i].kind != PART_ANY_DEPTH) {
            ret->at[ret->count] = example_name(&b->parts[i], text);
            text += ret->at[ret->count++].len;
            continue;
        }
        unsigned names = pick % 3;
        pick /= 3;
        if (names == 0 && i + 1 == b->count)
            return false; /* at its end it stands for a name at least */
        while (names-- > 0)
            ret->at[ret->count++] = STR(FRESH);
    }
    return true;
}

bool path_pattern_covers(const struct path_pattern *a, const struct path_pattern *b)
{
    struct path_names names;
    char text[2 * GUEST_PATH_MAX + 2 * PATH_PATTERN_PARTS_MAX];
    size_t spans = 0, len = 0;
    if (a->count == 0 || is_same(a, b))
        return true;
    if (has_set(a) || has_set(b))
        return false;
    for (size_t i = 0; i < b->count; i++) {
        spans += b->parts[i].kind == PART_ANY_DEPTH;
        len += b->parts[i].text.len + 2;
    }
    if (spans > SPANS_MAX || len > sizeof(text))
        return false;
    unsigned examples = 1;
    for (size_t i = 0; i < spans; i++)
        examples *= 3;
    bool covers = true;
    for (unsigned pick = 0; covers && pick < examples; pick++)
        if (make_example(b, pick, text, &names))
            covers = path_pattern_matches(a, &names) && path_pattern_covers_tree(a, &names);
    return covers;
}
