/* What differs between two texts, line by line, as the unified form that people and patch(1) read. Pure. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

struct linediff_count {
    size_t added, removed; /* lines */
    bool
        is_coarse; /* too much differs to look for the smallest difference: the middle is shown as replaced */
};
/* Where a hunk stands, in lines counted from 0. */
struct linediff_hunk {
    size_t old_at, old_count, new_at, new_count;
};
/* Told of each hunk, then of its lines; a negative answer ends it and is returned. mark: ' ' of both, '-' of old, '+' of new;
 * text: with its newline, if it has one; a view into old or new. */
struct linediff_reader {
    int (*hunk)(const struct linediff_hunk *hunk, void *arg);
    int (*line)(char mark, struct str text, void *arg);
    void *arg;
};
#define LINEDIFF_NO_NEWLINE "\\ No newline at end of file\n" /* what stands behind such a line */
#define LINEDIFF_EDITS_MAX 2000
/* With `context` lines around each change. edits_max: changed lines that are looked for, at most LINEDIFF_EDITS_MAX; what differs in
 * more is coarse. Costs four bytes for each pair of them, and a bounded number of steps, whatever the texts are. count is of
 * all lines, also when the reader ended it.
 * 0; -ENOMEM; -FAULT_CAP a text of half a gigabyte; what the reader answered. */
must_use int linediff_each(struct str old, struct str new, size_t context, int64_t edits_max,
                           const struct linediff_reader *reader, struct linediff_count *ret);
/* Appends the hunks ("@@ -1,3 +1,4 @@" and lines); nothing when both are the same. A text without newline at its end gets the
 * usual mark. 0; -ENOMEM; -FAULT_CAP out is full (and then holds the hunks that fit). */
must_use int linediff_unified(struct str old, struct str new, size_t context, struct buf *out,
                              struct linediff_count *ret);
