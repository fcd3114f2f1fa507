/* Paths as the guest sees them: `a.txt`, `./a.txt` and `/a.txt` are the same file.
 * Pure text: `..` is resolved by name, and one that would pass the top is refused here, before the sandbox sees it. */
#pragma once

#include "base.h"

enum { PATH_MAX_BYTES = 4096 };

enum path_outcome {
    PATH_OK = 0,
    PATH_EMPTY,
    PATH_TOO_LONG,
    PATH_HAS_NUL,
    PATH_LEAVES_TOP,
};

/* Adds the plain form to `ret_path`: no leading slash, no `.`, `..` or doubled slash; the top itself is ".". */
must_use enum path_outcome path_normalise(struct str path, struct buf *ret_path);
/* One sentence for an outcome other than PATH_OK. */
const char *path_outcome_text(enum path_outcome outcome);
bool path_is_top(struct str plain);
/* What people see: the plain form, "/" for the top. */
struct str path_shown(struct str plain);
struct str path_name(struct str plain);
/* The folder that holds it; "." for a name at the top. */
struct str path_parent(struct str plain);
/* Adds "dir/name" (or just name below the top). */
bool path_join(struct buf *buf, struct str dir, struct str name);
