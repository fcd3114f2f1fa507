/* Finds the line on which a key of a settings file stands, for error sentences. The parser keeps no positions, so this walks the text
 * once more; it is only called on text that the parser took, and gives a line in any case. */
#include "tools/settings_inside.h"

#define SCAN_DEPTH_MAX 130

struct scan {
    struct str text;
    size_t at, line;
};

static char peek(const struct scan *s)
{
    return s->at < s->text.len ? s->text.at[s->at] : 0;
}
static void next(struct scan *s)
{
    if (peek(s) == '\n')
        s->line++;
    if (s->at < s->text.len)
        s->at++;
}

static void skip_space(struct scan *s)
{
    for (;;) {
        char c = peek(s), d = s->at + 1 < s->text.len ? s->text.at[s->at + 1] : 0;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
            next(s);
        } else if (c == '/' && d == '/') {
            while (peek(s) && peek(s) != '\n')
                next(s);
        } else if (c == '/' && d == '*') {
            next(s);
            next(s);
            while (s->at < s->text.len &&
                   !(peek(s) == '*' && s->at + 1 < s->text.len && s->text.at[s->at + 1] == '/'))
                next(s);
            next(s);
            next(s);
        } else {
            return;
        }
    }
}

/* The raw text between the quotes. */
static struct str read_string(struct scan *s)
{
    next(s);
    size_t from = s->at;
    while (s->at < s->text.len && peek(s) != '"') {
        if (peek(s) == '\\')
            next(s);
        next(s);
    }
    struct str found = {s->text.at + from, s->at - from};
    next(s);
    return found;
}

static size_t find(struct scan *s, const struct json_step *steps, size_t count, unsigned depth);

static void skip_value(struct scan *s, unsigned depth)
{
    char open = peek(s);
    if (open == '"') {
        (void)read_string(s);
    } else if ((open == '{' || open == '[') && depth < SCAN_DEPTH_MAX) {
        next(s);
        for (skip_space(s); s->at < s->text.len && peek(s) != '}' && peek(s) != ']';
             skip_space(s)) {
            if (peek(s) == ':')
                next(s);
            else
                skip_value(s, depth + 1);
        }
        next(s);
    } else {
        do
            next(s);
        while (s->at < s->text.len && !strchr(" \t\r\n,:]}/", peek(s)));
    }
}

static size_t find_in_object(struct scan *s, const struct json_step *steps, size_t count,
                             unsigned depth)
{
    size_t line = s->line;
    next(s);
    for (skip_space(s); peek(s) == '"'; skip_space(s)) {
        size_t key_line = s->line;
        struct str key = read_string(s);
        skip_space(s);
        if (peek(s) == ':')
            next(s);
        skip_space(s);
        if (steps[0].key && str_is(key, steps[0].key))
            return count == 1 ? key_line : find(s, steps + 1, count - 1, depth + 1);
        skip_value(s, depth + 1);
    }
    return line;
}

static size_t find(struct scan *s, const struct json_step *steps, size_t count, unsigned depth)
{
    skip_space(s);
    size_t line = s->line;
    if (count == 0 || depth > SCAN_DEPTH_MAX)
        return line;
    if (peek(s) == '{')
        return find_in_object(s, steps, count, depth);
    if (peek(s) != '[' || steps[0].key)
        return line;
    next(s);
    skip_space(s);
    for (size_t i = 0; s->at < s->text.len && peek(s) != ']'; i++) {
        if (i == steps[0].index)
            return find(s, steps + 1, count - 1, depth + 1);
        skip_value(s, depth + 1);
        skip_space(s);
    }
    return line;
}

size_t json_line_of(struct str text, const struct json_step *steps, size_t count)
{
    struct scan s = {text, 0, 1};
    return find(&s, steps, count, 0);
}
