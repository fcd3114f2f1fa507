/* Patches: unified diffs (as git writes them) and the V4A form ("*** Begin Patch"), parsed into the same value and applied to
 * one text at a time. Pure: what is read and written is the tool's business. Nothing is guessed where two places fit: a hunk
 * without a line number must be unique, one with a number goes to the nearest place. */
#pragma once

#include "base.h"

enum {
    PATCH_FILES_MAX = 100,
    PATCH_HUNKS_MAX = 10000,
    PATCH_LINES_MAX = 200000,
    PATCH_TEXT_MAX = 8 << 20,      /* of one file, before and after */
    PATCH_COMPARES_MAX = 50000000, /* of lines, per file: a patch of one line over and over ends */
};

enum patch_line_kind {
    PATCH_KEEP,
    PATCH_DROP,
    PATCH_PUT,
    PATCH_ANCHOR /* "@@ text": somewhere before */
};

struct patch_line {
    struct str text; /* without its sign and its line end */
    uint8_t kind;    /* enum patch_line_kind */
    bool is_open;    /* "\ No newline at end of file" stood behind it */
};

struct patch_hunk {
    size_t first, count; /* of the patch's lines; anchors come first */
    size_t old_line;     /* from 1; 0 = not said */
    bool has_line;       /* a position was said ("-0,0" is one) */
    bool is_end;         /* "*** End of File" */
    size_t at_line;      /* of the patch, for messages */
};

enum patch_op { PATCH_UPDATE, PATCH_CREATE, PATCH_DELETE };

struct patch_file {
    enum patch_op op;
    struct str path, new_path; /* new_path: empty = stays */
    size_t first, count;       /* of the patch's hunks */
};

struct patch {
    struct patch_file *files; /* own */
    struct patch_hunk *hunks; /* own */
    struct patch_line *lines; /* own */
    size_t file_count, hunk_count, line_count;
};

/* text is borrowed for the life of the patch. false: it is none, with a sentence that names the line. */
must_use bool patch_parse(struct str text, struct patch *ret, struct buf *reterr);
void patch_done(struct patch *patch);

enum patch_outcome {
    PATCH_OK = 0,
    PATCH_NO_MATCH,
    PATCH_AMBIGUOUS,
    PATCH_TOO_BIG,
    PATCH_TOO_COSTLY,
};

struct patch_report {
    size_t added, removed; /* lines */
    size_t loose;          /* hunks whose blanks differ from the file's */
    size_t trimmed;        /* hunks that fit only without some of their outer context */
    size_t moved;          /* hunks that were found at another line than said */
};

/* Applies the hunks of one file to its text, all or none. A new file is the empty text.
 * ret_text   own; only with PATCH_OK. Lines that were kept are the file's own, not the patch's; new ones get its line end.
 * reterr     sentences for any other outcome */
must_use enum patch_outcome patch_apply(const struct patch *patch, const struct patch_file *file,
                                        struct str text, own struct buf *ret_text,
                                        struct patch_report *ret_report, struct buf *reterr);
