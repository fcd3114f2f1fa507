/* Gitignore-style patterns over guest paths, rooted at "/": `*.env` and `dir/` at any depth; a slash at the start or in the middle (or
 * "./") ties a pattern to the root; `*`, `?`, `[a-z]` stay inside one name; `**` spans names. What matches a folder matches all
 * below it. A pattern is a small automaton over names, so its cost is names x parts, whatever the text. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "tools/guest_path.h"

#define PATH_PATTERN_PARTS_MAX 32
#define GUEST_PATH_NAMES_MAX (GUEST_PATH_MAX / 2)

/* A path, split once for many patterns. */
struct path_names {
    struct str at[GUEST_PATH_NAMES_MAX];
    size_t count;
};
void path_names_split(const char *guest_path, struct path_names *ret);

/* Nearly all names in rules are plain or of the form *.ext: those are compared, the rest is matched. */
enum path_part_kind { PART_ANY_DEPTH, PART_LITERAL, PART_SUFFIX, PART_GLOB };
struct path_part {
    struct str text; /* PART_SUFFIX: without its star */
    enum path_part_kind kind;
};
struct path_pattern {
    struct path_part
        *parts;   /* own, with the texts behind them in one piece: rules must stay small */
    size_t count; /* 0 = everything, the root too */
};
/* 0 | -FAULT_CONFIG with why | -ENOMEM */
must_use int path_pattern_init(struct path_pattern *p, struct str text, char ret_why[160]);
void path_pattern_done(struct path_pattern *p);
bool path_pattern_matches(const struct path_pattern *p, const struct path_names *path);
/* Can something at or below dir match? / Does everything below dir match? */
bool path_pattern_meets_tree(const struct path_pattern *p, const struct path_names *dir);
/* Everything that b matches, a matches too; false also where it is not seen: found by examples of b, with names that stand in no
 * pattern. */
bool path_pattern_covers(const struct path_pattern *a, const struct path_pattern *b);
bool path_pattern_covers_tree(const struct path_pattern *p, const struct path_names *dir);
