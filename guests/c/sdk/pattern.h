/* Path patterns: `*` and `?` within a name, `**` across folders, [classes], backslash escapes, {a,b} by expansion.
 * Names and patterns are compared by character (UTF-8); matching is never exponential: one fallback point per
 * level is enough, because a star takes anything. */
#pragma once

#include "base.h"

enum {
    PATTERN_MAX_BYTES = 4096,
    PATTERN_MAX_SEGMENTS = 128,
    PATTERN_MAX_ALTERNATIVES = 256,
};

enum pattern_outcome {
    PATTERN_OK = 0,
    PATTERN_EMPTY,
    PATTERN_TOO_LONG,
    PATTERN_TOO_MANY,  /* more segments or alternatives than the maximum */
    PATTERN_LEAVES_TOP /* a `..` segment */
};

struct pattern_segment {
    struct str text;
    bool is_any_depth; /* `**`: zero or more folders */
};

/* One pattern without braces, cut at its slashes. Owns a copy of the text. */
struct pattern {
    char *text;
    size_t count;
    struct pattern_segment *segments;
    bool wants_folder; /* ended in a slash */
    bool is_anchored;  /* had a slash at its start or inside: means a place, not a name */
};

/* A pattern with its braces expanded: matches when one alternative does. */
struct pattern_set {
    struct pattern *patterns;
    size_t count;
};

must_use enum pattern_outcome pattern_init(struct pattern *ret_pattern, struct str text);
void pattern_done(struct pattern *pattern);
/* The whole of `path` (plain form, no leading slash) against the whole pattern. */
bool pattern_match(const struct pattern *pattern, struct str path);
/* Could something below the folder `path` match? Lets a walk leave out whole trees. */
bool pattern_may_match_below(const struct pattern *pattern, struct str path);
/* One name against one segment. */
bool pattern_match_name(struct str segment, struct str name);

must_use enum pattern_outcome pattern_set_init(struct pattern_set *ret_set, struct str text);
void pattern_set_done(struct pattern_set *set);
const char *pattern_outcome_text(enum pattern_outcome outcome);
