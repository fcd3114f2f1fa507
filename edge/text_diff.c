/* Prints the hunks of a comparison for eyes: whole lines while there is room, long ones by their head. The comparison is
 * bounded to EDITS_MAX changed lines, so that no pair of texts costs more than some milliseconds before a question. */
#include "edge/text_diff.h"

#include "base/fault.h"
#include "base/linediff.h"

#include <stdio.h>

#define EDITS_MAX 400
#define CONTEXT 3
#define LINE_SHOWN_MAX 1000

struct printer {
    struct buf *out;
    bool is_cut;
};

/* A whole line or nothing: the reader sees where it was cut. */
static int print_line(char mark, struct str text, void *arg)
{
    struct printer *p = arg;
    bool has_newline = str_ends(text, STR("\n"));
    text.len -= has_newline;
    bool is_long = text.len > LINE_SHOWN_MAX;
    size_t shown = is_long ? utf8_valid_prefix((struct str){text.at, LINE_SHOWN_MAX}) : text.len;
    if (is_long && shown + 4 < LINE_SHOWN_MAX)
        shown = LINE_SHOWN_MAX; /* no text of ours to be careful with */
    size_t room = p->out->max - p->out->len;
    if (p->is_cut || room < shown + sizeof(LINEDIFF_NO_NEWLINE) + 64) {
        p->is_cut = true;
        return 0;
    }
    (void)buf_add_c(p->out, mark);
    (void)buf_add(p->out, text.at, shown);
    if (is_long)
        (void)buf_addf(p->out, " [%zu bytes more in this line]", text.len - shown);
    (void)buf_add_c(p->out, '\n');
    if (!has_newline)
        (void)buf_add_z(p->out, LINEDIFF_NO_NEWLINE);
    return 0;
}

static int print_head(const struct linediff_hunk *h, void *arg)
{
    char text[120];
    int n = snprintf(text, sizeof(text), "@ -%zu,%zu +%zu,%zu @@\n",
                     h->old_count > 0 ? h->old_at + 1 : h->old_at, h->old_count,
                     h->new_count > 0 ? h->new_at + 1 : h->new_at, h->new_count);
    return print_line('@', (struct str){text, (size_t)n}, arg);
}

static bool is_too_long(struct str text)
{
    size_t lines = 0;
    if (text.len > TEXT_DIFF_BYTES_MAX)
        return true;
    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n' || i + 1 == text.len;
    return lines > TEXT_DIFF_LINES_MAX;
}

int text_diff(struct str before, struct str after, struct buf *out, struct text_diff_count *ret)
{
    struct linediff_count count;
    struct printer p = {.out = out};
    const struct linediff_reader reader = {print_head, print_line, &p};
    *ret = (struct text_diff_count){0};
    if (is_too_long(before) || is_too_long(after))
        return -FAULT_CAP;
    int r = linediff_each(before, after, CONTEXT, EDITS_MAX, &reader, &count);
    if (r < 0)
        return r;
    *ret = (struct text_diff_count){count.added, count.removed, p.is_cut};
    return buf_error(out);
}
