/* The edit engine: exact replacements in one text, in order, all or none. Pure: text in, text and a report out.
 * Nothing is guessed: a text that does not match exactly is refused, with the best help for the next try. */
#pragma once

#include "base.h"

enum {
    EDITS_MAX = 100,
    EDITS_MAX_BYTES = 32 << 20,
    EDITS_REPORT_MAX = 48 << 10,
};

struct edit {
    struct str old_text;
    struct str new_text;
    bool replace_all;
    /* set by edits_apply */
    size_t replaced;
    size_t first_line;
};

enum edits_outcome {
    EDITS_OK = 0,
    EDITS_EMPTY, /* old_string is empty */
    EDITS_EQUAL, /* old_string and new_string are the same */
    EDITS_NO_MATCH,
    EDITS_AMBIGUOUS, /* more than one match without replace_all */
    EDITS_TOO_BIG,
};

/* text       borrowed; valid UTF-8
 * edits      replaced and first_line are set for each edit done
 * ret_text   own; set only when the outcome is EDITS_OK (buf_done() it)
 * report     gets the hunks of what changed; what does not fit is counted in its last line
 * reterr     gets one or more sentences for any other outcome */
must_use enum edits_outcome edits_apply(struct str text, struct edit *edits, size_t count,
                                        own struct buf *ret_text, struct buf *report,
                                        struct buf *reterr);
