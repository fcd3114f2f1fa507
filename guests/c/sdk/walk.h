/* Walks a folder: entries in order of their names, folders entered after they are shown, links never followed.
 * `.git` is left out unless the walk starts at it or inside it. Bounded in depth, entries per folder and in all;
 * what was left out is counted in the report. */
#pragma once

#include "base.h"

enum {
    WALK_MAX_DEPTH = 64,
    WALK_MAX_FOLDER_ENTRIES = 100000,
    WALK_MAX_ENTRIES = 1000000,
};

enum walk_kind { WALK_FILE, WALK_FOLDER, WALK_LINK, WALK_OTHER };

struct walk_entry {
    struct str path;  /* plain, from the top of the guest's tree; NUL-terminated */
    struct str below; /* the same, from the folder where the walk began */
    const char *name;
    int dir_fd; /* the folder that holds it, open */
    enum walk_kind kind;
    unsigned depth; /* 1 for the entries of the first folder */
};

enum walk_step { WALK_ON, WALK_SKIP /* do not enter this folder */, WALK_STOP };

typedef enum walk_step walk_visit(void *context, const struct walk_entry *entry);

struct walk_options {
    unsigned max_depth; /* 1: only the folder itself; at most WALK_MAX_DEPTH */
    bool use_ignore;    /* leave out what .gitignore files hide */
};

struct walk_report {
    size_t entries;
    size_t ignored;
    size_t not_entered; /* folders deeper than WALK_MAX_DEPTH */
    size_t unreadable;  /* folders that could not be opened or read */
    struct str first_unreadable;
    const char *first_error;
    bool is_cut; /* a maximum was reached: there is more */
};

/* `top` is a plain path to a folder (a link to one is followed here, and only here). Fails with an error result
 * when the folder cannot be opened. */
void walk(struct str top, const struct walk_options *options, walk_visit *visit, void *context,
          struct walk_report *ret_report);
/* Adds the sentences on what was left out, if anything was. */
void walk_explain(const struct walk_report *report, struct buf *text);
/* The kind of one entry by its path, links not followed; false when there is none. */
bool walk_kind_of(struct str path, enum walk_kind *ret_kind);
/* Where a link leads, fit to be shown; "?" when it cannot be read. */
struct str walk_link_target(int dir_fd, const char *name);
