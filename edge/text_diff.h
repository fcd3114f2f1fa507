/* Two texts as a unified diff, for a person's eyes. Pure; both texts may be anybody's. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define TEXT_DIFF_BYTES_MAX ((size_t)1 << 20) /* of each text */
#define TEXT_DIFF_LINES_MAX ((size_t)20000)   /* of each text */

struct text_diff_count {
    size_t added, removed; /* lines, also those that were not shown */
    bool is_cut;           /* out was full: whole lines are missing at its end */
};
/* Adds hunks (no file names) to out; nothing when the texts are equal. What differs in very many places is shown as one
 * replacement. -FAULT_CAP: a text is longer than the maximum, and out is as it was. -ENOMEM. */
must_use int text_diff(struct str before, struct str after, struct buf *out,
                       struct text_diff_count *ret);
