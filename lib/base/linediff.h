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
/* Appends the hunks ("@@ -1,3 +1,4 @@" and lines) with `context` lines around each change; nothing when both are the same. A text
 * without newline at its end gets the usual mark. Costs at most a bounded number of steps, whatever the texts are.
 * 0; -ENOMEM; -FAULT_CAP out is full (and then holds the hunks that fit). */
must_use int linediff_unified(struct str old, struct str new, size_t context, struct buf *out,
                              struct linediff_count *ret);
