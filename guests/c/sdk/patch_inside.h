/* What the two readers of patches share (patch_unified.c, patch_v4a.c): the place in the text, and the making of the value. */
#pragma once

#include "patch.h"

#include <string.h>

struct patch_reader {
    struct str text;
    size_t at;     /* start of the line under way */
    size_t number; /* its number */
    struct patch *patch;
    size_t file_cap, hunk_cap, line_cap;
    struct buf *why;
};

static inline bool begins(struct str text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && memcmp(text.at, with, len) == 0;
}

static inline struct str rest_of(struct str line, const char *with)
{
    return str_part(line, strlen(with), line.len);
}

static inline struct str trimmed(struct str text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = str_part(text, 1, text.len);
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* The line at `at` without its end; false at the end of the text. */
bool patch_line_at(const struct patch_reader *r, size_t at, struct str *ret);
bool patch_peek(const struct patch_reader *r, struct str *ret);
void patch_next(struct patch_reader *r);
bool patch_is_blank_to_end(const struct patch_reader *r);
/* Always false, with a sentence on the line under way. */
bool patch_refuse(struct patch_reader *r, const char *what);
bool patch_add_file(struct patch_reader *r, enum patch_op op, struct str path, struct str new_path);
bool patch_add_hunk(struct patch_reader *r, struct patch_hunk hunk);
bool patch_add_line(struct patch_reader *r, enum patch_line_kind kind, struct str text);
bool patch_mark_open(struct patch_reader *r);

bool patch_parse_unified(struct patch_reader *r);
bool patch_parse_v4a(struct patch_reader *r);
