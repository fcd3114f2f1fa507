/* See required.h. Walks over the pattern once. Only what stands outside of groups and classes counts. */
#include "required.h"

#include <string.h>

struct run {
    size_t from, to;
};

/* Options, verbs, look-arounds and quotations change what the rest means. */
static const char *const unsure[] = {"(?", "(*", "\\Q"};

#define UNSURE SIZE_MAX

/* Past the class that begins at `at`, or UNSURE. A "]" that comes first is one of its members. */
static size_t class_end(struct str text, size_t at)
{
    at++;
    at += at < text.len && text.at[at] == '^';
    at += at < text.len && text.at[at] == ']';
    while (at < text.len && text.at[at] != ']') {
        if (text.at[at] == '[' && at + 1 < text.len && strchr(":.=", text.at[at + 1]) != NULL)
            return UNSURE; /* a named class, or what looks like one */
        at += text.at[at] == '\\' ? 2 : 1;
    }
    return at < text.len ? at + 1 : UNSURE;
}

/* Past the group that begins at `at`, or UNSURE. */
static size_t group_end(struct str text, size_t at)
{
    size_t depth = 0;

    while (at < text.len) {
        char c = text.at[at];

        depth += c == '(';
        depth -= c == ')';
        at = c == '[' ? class_end(text, at) : at + (c == '\\' ? 2 : 1);
        if (depth == 0)
            return at;
    }
    return UNSURE;
}

/* Past the escape that begins at `at`, or UNSURE: what follows the letters of the others belongs to them. */
static size_t escape_end(struct str text, size_t at)
{
    char c = at + 1 < text.len ? text.at[at + 1] : '\0';
    bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    return c != '\0' && (!is_alnum || strchr("dDwWsSbBhHvVRXAZzntrfea", c) != NULL) ? at + 2
                                                                                    : UNSURE;
}

/* Past "{2,3}", or UNSURE: another brace is plain text. */
static size_t count_end(struct str text, size_t at)
{
    for (at++; at < text.len && strchr("0123456789, ", text.at[at]) != NULL; at++)
        if (text.at[at] == '\0')
            return UNSURE;
    return at < text.len && text.at[at] == '}' ? at + 1 : UNSURE;
}

static size_t skip(struct str text, size_t at)
{
    switch (text.at[at]) {
    case '\\': return escape_end(text, at);
    case '[': return class_end(text, at);
    case '(': return group_end(text, at);
    case '{': return count_end(text, at);
    case '|': return UNSURE; /* an alternative: neither side is required */
    default: return at + 1;
    }
}

static struct run longer(struct run a, struct run b)
{
    return b.to - b.from > a.to - a.from ? b : a;
}

/* Where the character that ends at `end` begins: a quantifier is about the whole of it. */
static size_t character_start(struct str text, size_t end)
{
    do
        end--;
    while (end > 0 && ((unsigned char)text.at[end] & 0xC0) == 0x80);
    return end;
}

struct str required_text(struct str pattern)
{
    struct run best = {0, 0};
    struct run now = {0, 0};

    for (size_t i = 0; i < sizeof(unsure) / sizeof(unsure[0]); i++)
        if (str_find(pattern, str_of(unsure[i]), 0) != SIZE_MAX)
            return STR("");
    for (size_t at = 0; at < pattern.len;) {
        char c = pattern.at[at];

        if (c == '\0' || strchr("\\^$.*+?()[]{}|", c) == NULL) {
            now.to = ++at;
            continue;
        }
        if (strchr("*?{", c) != NULL && now.to > now.from)
            now.to = character_start(pattern, now.to);
        best = longer(best, now);
        at = skip(pattern, at);
        if (at == UNSURE)
            return STR("");
        now = (struct run){at, at};
    }
    best = longer(best, now);
    return str_part(pattern, best.from, best.to);
}
