/* See edits.h. The hunks are in hunk.c, the help for a failed match in nearest.c. */
#include "edits.h"

#include "hunk.h"
#include "nearest.h"

#include <string.h>

enum { LINES_NAMED = 10 };

struct matches {
    size_t count;
    size_t first_at;
};

static struct matches find_matches(struct str text, struct str needle)
{
    struct matches found = {0, SIZE_MAX};

    for (size_t at = str_find(text, needle, 0); at != SIZE_MAX;
         at = str_find(text, needle, at + needle.len)) {
        if (found.count++ == 0)
            found.first_at = at;
    }
    return found;
}

static void explain_ambiguous(struct str text, const struct edit *edit, size_t count,
                              struct buf *reterr)
{
    size_t line = 1;
    size_t from = 0;
    size_t named = 0;
    size_t at = str_find(text, edit->old_text, 0);

    buf_addf(reterr, "old_string matches %zu times (lines ", count);
    for (; at != SIZE_MAX && named < LINES_NAMED; named++) {
        line += str_count(str_part(text, from, at), '\n');
        from = at;
        buf_addf(reterr, "%s%zu", named > 0 ? ", " : "", line);
        at = str_find(text, edit->old_text, at + edit->old_text.len);
    }
    buf_addf(
        reterr,
        "%s). Add lines around it until it is unique, or set replace_all to change every match.",
        count > named ? ", ..." : "");
}

static bool build(struct str text, const struct edit *edit, struct buf *ret_text)
{
    size_t from = 0;

    for (size_t at = str_find(text, edit->old_text, 0); at != SIZE_MAX;
         at = str_find(text, edit->old_text, from)) {
        if (!buf_add(ret_text, str_part(text, from, at)) || !buf_add(ret_text, edit->new_text))
            return false;
        from = at + edit->old_text.len;
    }
    return buf_add(ret_text, str_part(text, from, text.len));
}

/* Exact size first: one allocation, and growth past the maximum is seen before any copying. */
static bool reserve(struct str text, const struct edit *edit, size_t count, struct buf *ret_text)
{
    uint64_t size = (uint64_t)text.len - (uint64_t)count * edit->old_text.len +
                    (uint64_t)count * edit->new_text.len;

    return size <= ret_text->max && buf_reserve(ret_text, (size_t)size);
}

static enum edits_outcome apply_one(struct str text, struct edit *edit, struct buf *ret_text,
                                    struct buf *report, struct buf *reterr)
{
    struct matches found;

    if (edit->old_text.len == 0) {
        buf_addf(reterr,
                 "old_string is empty. Give the text to replace; to make a new file use write.");
        return EDITS_EMPTY;
    }
    if (str_equal(edit->old_text, edit->new_text)) {
        buf_addf(reterr, "old_string and new_string are the same: nothing would change.");
        return EDITS_EQUAL;
    }
    found = find_matches(text, edit->old_text);
    if (found.count == 0) {
        nearest_explain(text, edit->old_text, reterr);
        return EDITS_NO_MATCH;
    }
    if (found.count > 1 && !edit->replace_all) {
        explain_ambiguous(text, edit, found.count, reterr);
        return EDITS_AMBIGUOUS;
    }
    if (!reserve(text, edit, found.count, ret_text) || !build(text, edit, ret_text)) {
        buf_addf(reterr, "the file would grow past %d bytes.", EDITS_MAX_BYTES);
        return EDITS_TOO_BIG;
    }
    edit->replaced = found.count;
    edit->first_line = 1 + str_count(str_part(text, 0, found.first_at), '\n');
    hunk_report(text, edit->old_text, edit->new_text, report);
    return EDITS_OK;
}

enum edits_outcome edits_apply(struct str text, struct edit *edits, size_t count,
                               own struct buf *ret_text, struct buf *report, struct buf *reterr)
{
    struct buf now = {0};
    struct str current = text;

    for (size_t i = 0; i < count; i++) {
        struct buf next;
        enum edits_outcome outcome;

        buf_init(&next, EDITS_MAX_BYTES);
        if (count > 1)
            buf_addf(report, "edit %zu of %zu:\n", i + 1, count);
        outcome = apply_one(current, &edits[i], &next, report, reterr);
        buf_done(&now);
        if (outcome != EDITS_OK) {
            buf_done(&next);
            return outcome;
        }
        now = next;
        current = buf_str(&now);
    }
    *ret_text = now;
    return EDITS_OK;
}
