/* The `hooks` of the settings -> a list, in the form that Claude Code has, as far as it means the same here; anything else is an error
 * that says where it stands. And which hook is about which tool. */
#include "tools/hook.h"

#include "tools/json_walk.h"

#include <errno.h>
#include <stdio.h>

#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_LEAST_S 0.1
#define TIMEOUT_MOST_S 600
#define TEXT_MAX 16384

static const char *const event_names[] = {
    [HOOK_BEFORE] = "PreToolUse", [HOOK_AFTER] = "PostToolUse"};

const char *hook_event_name(enum hook_event e)
{
    return event_names[e];
}

void hook_done(struct hook *h)
{
    free(h->matcher);
    for (char **word = h->argv; word && *word; word++)
        free(*word);
    free(h->argv);
    *h = (struct hook){0};
}

void hook_list_done(struct hook_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        hook_done(&l->at[i]);
    l->count = 0;
}

int hook_list_append(struct hook_list *to, struct hook_list *from)
{
    if (to->count + from->count > HOOKS_MAX)
        return -FAULT_CAP;
    for (size_t i = 0; i < from->count; i++)
        to->at[to->count++] = from->at[i];
    from->count = 0;
    return 0;
}

/* --- settings --- */

struct place {
    char at[120]; /* "PreToolUse[0].hooks[1]" */
    char *why;
};

static int bad(const struct place *p, const char *key, const char *expected)
{
    const char *end = *p->at || *key ? " " : "";
    snprintf(p->why, 400, "%s%s%s%s%s", p->at, *p->at && *key ? "." : "", key, end, expected);
    return -FAULT_CONFIG;
}

static struct place below(const struct place *p, const char *key, size_t index)
{
    struct place child = {.why = p->why};
    snprintf(child.at, sizeof child.at, "%.80s%s%s[%zu]", p->at, *p->at ? "." : "", key, index);
    return child;
}

static bool is_text(const json_t *v)
{
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    return s.len > 0 && s.len <= TEXT_MAX && !memchr(s.at, 0, s.len);
}

static int only_keys(const struct place *p, const json_t *v, const char *const *names)
{
    const char *key;
    json_t *value;
    if (!json_is_object(v))
        return bad(p, "", "must be an object");
    json_object_foreach(json_loose(v), key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i]) {
            snprintf(p->why, 400, "%s has no key `%.80s`", p->at, key);
            return -FAULT_CONFIG;
        }
    }
    return 0;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Names, `|` between them, `.*` in them; "" and "*" are every tool. */
static bool is_matcher(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool is_any = s.at[i] == '.' && i + 1 < s.len && s.at[i + 1] == '*';
        if (is_any)
            i++;
        else if (s.at[i] != '|' && !is_name_byte(s.at[i]))
            return false;
    }
    return true;
}

static int read_matcher(const struct place *p, const json_t *group, struct hook *h)
{
    const json_t *v = json_object_get(group, "matcher");
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    if (v && (!json_is_string(v) || s.len > TEXT_MAX))
        return bad(p, "matcher", "must be a text");
    if (str_is(s, "*"))
        s = STR("");
    if (!is_matcher(s))
        return bad(p, "matcher",
                   "must be names of tools with | between them, and .* for any text in one");
    h->matcher = str_dup(s);
    return h->matcher ? 0 : -ENOMEM;
}

static int read_timeout(const struct place *p, const json_t *v, struct hook *h)
{
    double s = v ? json_number_value(v) : TIMEOUT_DEFAULT_S;
    if ((v && !json_is_number(v)) || !(s >= TIMEOUT_LEAST_S && s <= TIMEOUT_MOST_S))
        return bad(p, "timeout", "must be a number of seconds, 0.1 to 600");
    h->timeout_ns = (int64_t)(s * 1e9);
    return 0;
}

/* argv: as it is; command: through the shell, as Claude Code does. */
static int read_argv(const struct place *p, const json_t *v, struct hook *h)
{
    const json_t *command = json_object_get(v, "command"), *words = json_object_get(v, "argv");
    size_t count = json_array_size(words);
    if (!command == !words)
        return bad(p, "", "must have either `command` or `argv`");
    if (command && !is_text(command))
        return bad(p, "command", "must be a text of 1 to 16384 bytes");
    if (words && (!json_is_array(words) || count == 0 || count > HOOK_WORDS_MAX))
        return bad(p, "argv", "must be a list of 1 to 64 words");
    h->argv = calloc(HOOK_WORDS_MAX + 4, sizeof(char *));
    if (!h->argv)
        return -ENOMEM;
    if (command) {
        h->argv[0] = str_dup(STR("/bin/sh"));
        h->argv[1] = h->argv[0] ? str_dup(STR("-c")) : NULL;
        h->argv[2] = h->argv[1] ? str_dup(json_view(command)) : NULL;
        return h->argv[2] ? 0 : -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_text(json_array_get(words, i)))
            return bad(p, "argv", "must have texts without NUL, none of them empty");
        if (!(h->argv[i] = str_dup(json_view(json_array_get(words, i)))))
            return -ENOMEM;
    }
    return h->argv[0][0] == '/' ? 0 : bad(p, "argv", "must begin with an absolute path");
}

static int read_hook(const struct place *p, const json_t *v, struct hook *h)
{
    static const char *const names[] = {"type", "command", "argv", "timeout", NULL};
    int r = only_keys(p, v, names);
    if (r == 0 && (!json_is_string(json_object_get(v, "type")) ||
                   !str_is(json_view(json_object_get(v, "type")), "command")))
        r = bad(p, "type", "must be \"command\": no other kind of hook is known here");
    if (r == 0)
        r = read_timeout(p, json_object_get(v, "timeout"), h);
    return r == 0 ? read_argv(p, v, h) : r;
}

static int read_group(const struct place *p, const json_t *v, enum hook_event e,
                      struct hook_list *ret)
{
    static const char *const names[] = {"matcher", "hooks", NULL};
    const json_t *hooks = json_object_get(v, "hooks");
    struct hook probe = {0}; /* a mistake in it is one without any hook, too */
    int r = only_keys(p, v, names);
    if (r == 0)
        r = read_matcher(p, v, &probe);
    hook_done(&probe);
    if (r == 0 && !json_is_array(hooks))
        r = bad(p, "hooks", "must be a list");
    for (size_t i = 0; r == 0 && i < json_array_size(hooks); i++) {
        const struct place place = below(p, "hooks", i);
        if (ret->count == HOOKS_MAX)
            return bad(&place, "", "is one too many: there may be 64 hooks");
        struct hook *h = &ret->at[ret->count++];
        *h = (struct hook){.event = e};
        r = read_matcher(p, v, h);
        if (r == 0)
            r = read_hook(&place, json_array_get(hooks, i), h);
    }
    return r;
}

static int read_event(const struct place *p, const char *name, const json_t *groups,
                      struct hook_list *ret)
{
    size_t e = 0;
    while (e < ARRAY_LEN(event_names) && strcmp(event_names[e], name) != 0)
        e++;
    if (e == ARRAY_LEN(event_names)) {
        snprintf(p->why, 400,
                 "`%.80s` is no event of hooks here; there are PreToolUse and PostToolUse", name);
        return -FAULT_CONFIG;
    }
    if (!json_is_array(groups))
        return bad(p, name, "must be a list");
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(groups); i++) {
        const struct place place = below(p, name, i);
        r = read_group(&place, json_array_get(groups, i), (enum hook_event)e, ret);
    }
    return r;
}

int hooks_read(const json_t *v, struct hook_list *ret, char ret_why[400])
{
    const struct place top = {.why = ret_why};
    const char *name;
    json_t *groups;
    int r = json_is_object(v) ? 0 : bad(&top, "", "must be an object with PreToolUse, PostToolUse");
    ret->count = 0;
    json_object_foreach(json_loose(v), name, groups)
    {
        if (r == 0)
            r = read_event(&top, name, groups, ret);
    }
    if (r < 0)
        hook_list_done(ret);
    return r;
}

/* --- which tools --- */

static const char *const other_names[][2] = {
    {"read", "Read"},          {"write", "Write"},    {"edit", "Edit"},       {"glob", "Glob"},
    {"grep", "Grep"},          {"list", "LS"},        {"command", "Bash"},    {"shell", "Bash"},
    {"web_fetch", "WebFetch"}, {"todo", "TodoWrite"}, {"patch", "MultiEdit"},
};

/* One name of a matcher; `.*` is any text. Backtracks to the last `.*` only, so the work is at most the product of both. */
static bool fits(struct str pattern, struct str name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, from = 0;
    while (n < name.len) {
        if (p + 1 < pattern.len && pattern.at[p] == '.') {
            star = p += 2;
            from = n;
        } else if (p < pattern.len && pattern.at[p] == name.at[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star;
            n = ++from;
        } else {
            return false;
        }
    }
    while (p + 1 < pattern.len && pattern.at[p] == '.')
        p += 2;
    return p == pattern.len;
}

static bool is_one_of(const char *matcher, const char *name)
{
    for (struct str rest = str_of(matcher), one; rest.len > 0;) {
        if (!str_split(rest, '|', &one, &rest)) {
            one = rest;
            rest = STR("");
        }
        if (fits(one, str_of(name)))
            return true;
    }
    return false;
}

bool hook_matches(const struct hook *h, const struct tool *tool)
{
    if (*h->matcher == 0 || is_one_of(h->matcher, tool->name))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
        if (strcmp(other_names[i][0], tool->name) == 0 && is_one_of(h->matcher, other_names[i][1]))
            return true;
    return false;
}
