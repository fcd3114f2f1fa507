/* See pattern.h. Pure. */
#include "pattern.h"

#include "utf8.h"

#include <stdlib.h>
#include <string.h>

struct class_name {
    const char *name;
    bool (*holds)(uint32_t c);
};

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}
static bool is_lower(uint32_t c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_upper(uint32_t c)
{
    return c >= 'A' && c <= 'Z';
}
static bool is_alpha(uint32_t c)
{
    return is_lower(c) || is_upper(c);
}
static bool is_alnum(uint32_t c)
{
    return is_alpha(c) || is_digit(c);
}
static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t';
}
static bool is_print(uint32_t c)
{
    return c >= 0x20 && c < 0x7F;
}
static bool is_graph(uint32_t c)
{
    return c > 0x20 && c < 0x7F;
}
static bool is_cntrl(uint32_t c)
{
    return c < 0x20 || c == 0x7F;
}
static bool is_punct(uint32_t c)
{
    return is_graph(c) && !is_alnum(c);
}
static bool is_xdigit(uint32_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const struct class_name class_names[] = {
    {"alnum", is_alnum}, {"alpha", is_alpha}, {"blank", is_blank}, {"cntrl", is_cntrl},
    {"digit", is_digit}, {"graph", is_graph}, {"lower", is_lower}, {"print", is_print},
    {"punct", is_punct}, {"space", is_space}, {"upper", is_upper}, {"xdigit", is_xdigit},
};

/* [:name:] at `at` inside a class: its length, or 0 when it is not one. */
static size_t match_class_name(struct str text, size_t at, uint32_t c, bool *hit)
{
    if (text.len - at < 4 || text.at[at] != '[' || text.at[at + 1] != ':')
        return 0;
    for (size_t i = 0; i < sizeof(class_names) / sizeof(class_names[0]); i++) {
        struct str name = str_of(class_names[i].name);
        struct str rest = str_part(text, at + 2, text.len);

        if (rest.len < name.len + 2 || memcmp(rest.at, name.at, name.len) != 0 ||
            rest.at[name.len] != ':' || rest.at[name.len + 1] != ']')
            continue;
        *hit = *hit || class_names[i].holds(c);
        return name.len + 4;
    }
    return 0;
}

/* One member of a class, escapes taken off. `at` is moved past it. */
static uint32_t take_member(struct str text, size_t *at)
{
    uint32_t c;

    if (text.at[*at] == '\\' && *at + 1 < text.len)
        ++*at;
    *at += utf8_decode(text, *at, &c);
    return c;
}

/* A class at text[at] == '['. Returns its length, or 0 when it has no end (then '[' is an ordinary character). */
static size_t match_class(struct str text, size_t at, uint32_t c, bool *ret_hit)
{
    size_t start = at++;
    bool negate = false;
    bool hit = false;
    bool first = true;

    if (at < text.len && (text.at[at] == '!' || text.at[at] == '^')) {
        negate = true;
        at++;
    }
    for (; at < text.len && (first || text.at[at] != ']'); first = false) {
        size_t named = match_class_name(text, at, c, &hit);
        uint32_t low;
        uint32_t high;

        if (named > 0) {
            at += named;
            continue;
        }
        low = high = take_member(text, &at);
        if (text.len - at >= 2 && text.at[at] == '-' && text.at[at + 1] != ']') {
            at++;
            high = take_member(text, &at);
        }
        hit = hit || (c >= low && c <= high);
    }
    if (at >= text.len)
        return 0;
    *ret_hit = hit != negate;
    return at + 1 - start;
}

/* One pattern element other than a star against one character. Returns the element's length, 0 for no match. */
static size_t match_one(struct str segment, size_t at, uint32_t c)
{
    uint32_t wanted;
    size_t step;
    bool hit;

    if (segment.at[at] == '?')
        return 1;
    if (segment.at[at] == '[') {
        size_t length = match_class(segment, at, c, &hit);

        if (length > 0)
            return hit ? length : 0;
    }
    if (segment.at[at] == '\\' && at + 1 < segment.len) {
        step = utf8_decode(segment, at + 1, &wanted);
        return wanted == c ? step + 1 : 0;
    }
    step = utf8_decode(segment, at, &wanted);
    return wanted == c ? step : 0;
}

bool pattern_match_name(struct str segment, struct str name)
{
    size_t seg = 0;
    size_t at = 0;
    size_t star_seg = SIZE_MAX;
    size_t star_at = 0;

    while (at < name.len) {
        uint32_t c;
        size_t step = utf8_decode(name, at, &c);

        if (seg < segment.len && segment.at[seg] == '*') {
            star_seg = ++seg;
            star_at = at;
            continue;
        }
        if (seg < segment.len) {
            size_t length = match_one(segment, seg, c);

            if (length > 0) {
                seg += length;
                at += step;
                continue;
            }
        }
        if (star_seg == SIZE_MAX)
            return false;
        star_at += utf8_decode(name, star_at, &c);
        at = star_at;
        seg = star_seg;
    }
    while (seg < segment.len && segment.at[seg] == '*')
        seg++;
    return seg == segment.len;
}

static size_t next_segment(struct str path, size_t at)
{
    const char *slash = at < path.len ? memchr(path.at + at, '/', path.len - at) : NULL;

    return slash != NULL ? (size_t)(slash - path.at) : path.len;
}

bool pattern_match(const struct pattern *pattern, struct str path)
{
    size_t seg = 0;
    size_t at = 0;
    size_t star_seg = SIZE_MAX;
    size_t star_at = 0;

    /* at == path.len + 1 means that every part of the path has been taken */
    while (at <= path.len) {
        size_t end;

        if (seg < pattern->count && pattern->segments[seg].is_any_depth) {
            star_seg = ++seg;
            star_at = at;
            continue;
        }
        end = next_segment(path, at);
        if (seg < pattern->count &&
            pattern_match_name(pattern->segments[seg].text, str_part(path, at, end))) {
            seg++;
            at = end + 1;
            continue;
        }
        if (star_seg == SIZE_MAX)
            return false;
        star_at = next_segment(path, star_at) + 1;
        at = star_at;
        seg = star_seg;
    }
    while (seg < pattern->count && pattern->segments[seg].is_any_depth)
        seg++;
    return seg == pattern->count;
}

bool pattern_may_match_below(const struct pattern *pattern, struct str path)
{
    size_t seg = 0;

    for (size_t at = 0; at <= path.len; seg++) {
        size_t end = next_segment(path, at);

        if (seg >= pattern->count)
            return false;
        if (pattern->segments[seg].is_any_depth)
            return true;
        if (!pattern_match_name(pattern->segments[seg].text, str_part(path, at, end)))
            return false;
        at = end + 1;
    }
    return seg < pattern->count;
}

/* A slash that is not escaped. Inside a class a slash ends the segment too: a class never matches one. */
static size_t segment_end(struct str text, size_t at)
{
    for (; at < text.len && text.at[at] != '/'; at++)
        if (text.at[at] == '\\' && at + 1 < text.len)
            at++;
    return at < text.len ? at : text.len;
}

static enum pattern_outcome add_segment(struct pattern *pattern, struct str text)
{
    bool is_any_depth = str_equal(text, STR("**"));

    if (text.len == 0 || str_equal(text, STR(".")))
        return PATTERN_OK;
    if (str_equal(text, STR("..")))
        return PATTERN_LEAVES_TOP;
    if (is_any_depth && pattern->count > 0 && pattern->segments[pattern->count - 1].is_any_depth)
        return PATTERN_OK;
    if (pattern->count == PATTERN_MAX_SEGMENTS)
        return PATTERN_TOO_MANY;
    pattern->segments =
        mem_grow(pattern->segments, pattern->count + 1, sizeof(pattern->segments[0]));
    pattern->segments[pattern->count++] =
        (struct pattern_segment){.text = text, .is_any_depth = is_any_depth};
    return PATTERN_OK;
}

enum pattern_outcome pattern_init(struct pattern *ret_pattern, struct str text)
{
    struct pattern pattern = {0};
    enum pattern_outcome outcome = PATTERN_OK;
    struct str copy;

    if (text.len == 0)
        return PATTERN_EMPTY;
    if (text.len > PATTERN_MAX_BYTES)
        return PATTERN_TOO_LONG;
    pattern.text = mem_need(text.len);
    memcpy(pattern.text, text.at, text.len);
    copy = (struct str){pattern.text, text.len};
    for (size_t at = 0; at <= copy.len && outcome == PATTERN_OK;) {
        size_t end = segment_end(copy, at);

        if (end < copy.len && end + 1 < copy.len)
            pattern.is_anchored = true;
        outcome = add_segment(&pattern, str_part(copy, at, end));
        at = end + 1;
    }
    pattern.wants_folder = copy.at[copy.len - 1] == '/';
    // `dir/**` is what lies inside dir, not dir itself
    if (outcome == PATTERN_OK && pattern.count > 0 &&
        pattern.segments[pattern.count - 1].is_any_depth)
        outcome = add_segment(&pattern, STR("*"));
    if (outcome == PATTERN_OK && pattern.count == 0)
        outcome = PATTERN_EMPTY;
    if (outcome != PATTERN_OK) {
        pattern_done(&pattern);
        return outcome;
    }
    *ret_pattern = pattern;
    return PATTERN_OK;
}

void pattern_done(struct pattern *pattern)
{
    free(pattern->text);
    free(pattern->segments);
    *pattern = (struct pattern){0};
}

/* The brace group that starts at text[open]: ret_close is its end. False when it never closes or has no comma. */
static bool find_group(struct str text, size_t open, size_t *ret_close)
{
    size_t depth = 0;
    bool has_comma = false;

    for (size_t at = open; at < text.len; at++) {
        if (text.at[at] == '\\') {
            at++;
        } else if (text.at[at] == '{') {
            depth++;
        } else if (text.at[at] == ',' && depth == 1) {
            has_comma = true;
        } else if (text.at[at] == '}' && --depth == 0) {
            *ret_close = at;
            return has_comma;
        }
    }
    return false;
}

static size_t find_open_brace(struct str text, size_t *ret_close)
{
    for (size_t at = 0; at < text.len; at++) {
        if (text.at[at] == '\\')
            at++;
        else if (text.at[at] == '{' && find_group(text, at, ret_close))
            return at;
    }
    return SIZE_MAX;
}

/* The end of the alternative that starts at `at`: a comma of this group, or its closing brace. */
static size_t alternative_end(struct str text, size_t at, size_t close)
{
    size_t depth = 0;

    for (; at < close; at++) {
        if (text.at[at] == '\\')
            at++;
        else if (text.at[at] == '{')
            depth++;
        else if (text.at[at] == '}')
            depth--;
        else if (text.at[at] == ',' && depth == 0)
            return at;
    }
    return close;
}

static enum pattern_outcome expand(struct pattern_set *set, struct str text, unsigned depth)
{
    size_t close = 0;
    size_t open = find_open_brace(text, &close);
    enum pattern_outcome outcome = PATTERN_OK;

    if (open == SIZE_MAX) {
        if (set->count == PATTERN_MAX_ALTERNATIVES)
            return PATTERN_TOO_MANY;
        set->patterns = mem_grow(set->patterns, set->count + 1, sizeof(set->patterns[0]));
        outcome = pattern_init(&set->patterns[set->count], text);
        if (outcome == PATTERN_OK)
            set->count++;
        return outcome;
    }
    if (depth == 16)
        return PATTERN_TOO_MANY;
    for (size_t at = open + 1; at <= close && outcome == PATTERN_OK;) {
        size_t end = alternative_end(text, at, close);
        struct buf one;

        buf_init(&one, PATTERN_MAX_BYTES);
        if (buf_add(&one, str_part(text, 0, open)) && buf_add(&one, str_part(text, at, end)) &&
            buf_add(&one, str_part(text, close + 1, text.len)))
            outcome = expand(set, buf_str(&one), depth + 1);
        else
            outcome = PATTERN_TOO_LONG;
        buf_done(&one);
        at = end + 1;
    }
    return outcome;
}

enum pattern_outcome pattern_set_init(struct pattern_set *ret_set, struct str text)
{
    struct pattern_set set = {0};
    enum pattern_outcome outcome;

    if (text.len == 0)
        return PATTERN_EMPTY;
    if (text.len > PATTERN_MAX_BYTES)
        return PATTERN_TOO_LONG;
    outcome = expand(&set, text, 0);
    if (outcome != PATTERN_OK) {
        pattern_set_done(&set);
        return outcome;
    }
    *ret_set = set;
    return PATTERN_OK;
}

void pattern_set_done(struct pattern_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        pattern_done(&set->patterns[i]);
    free(set->patterns);
    *set = (struct pattern_set){0};
}

const char *pattern_outcome_text(enum pattern_outcome outcome)
{
    switch (outcome) {
    case PATTERN_EMPTY: return "names nothing (an alternative may be empty)";
    case PATTERN_TOO_LONG: return "is longer than 4096 bytes";
    case PATTERN_TOO_MANY:
        return "has more than 256 alternatives, 128 segments or 16 nested braces";
    case PATTERN_LEAVES_TOP: return "has a `..` segment; name the folder in `path` instead";
    case PATTERN_OK: break;
    }
    return "is fine";
}
