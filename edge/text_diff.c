/* The shortest edit by Myers' greedy walk over what is between the common beginning and end. The walk is bounded: beyond
 * STEPS_MAX changed lines the rest counts as replaced, so that no pair of texts costs more than some milliseconds. */
#include "edge/text_diff.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 400
#define CONTEXT 3
#define LINE_SHOWN_MAX 1000

struct line {
    struct str text; /* without its newline */
    uint64_t hash;
    bool has_newline, goes; /* goes: it is not in the other text */
};
struct side {
    struct line *at; /* own */
    size_t count;
};

static uint64_t hash_of(struct str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.at[i]) * UINT64_C(0x100000001b3);
    return h;
}

static int split(struct str text, struct side *ret)
{
    size_t count = 0;
    for (const char *at = text.at; at && at < text.at + text.len; count++) {
        const char *end = memchr(at, '\n', (size_t)(text.at + text.len - at));
        at = end ? end + 1 : text.at + text.len;
    }
    if (text.len > TEXT_DIFF_BYTES_MAX || count > TEXT_DIFF_LINES_MAX)
        return -FAULT_CAP;
    ret->at = calloc(count + 1, sizeof(*ret->at));
    if (!ret->at)
        return -ENOMEM;
    for (ret->count = 0; text.len > 0; ret->count++) {
        struct line *l = &ret->at[ret->count];
        struct str rest = {text.at + text.len, 0};
        l->text = text;
        l->has_newline = str_split(text, '\n', &l->text, &rest);
        l->hash = hash_of(l->text);
        text = rest;
    }
    return 0;
}

static bool is_same(const struct line *a, const struct line *b)
{
    return a->hash == b->hash && a->has_newline == b->has_newline && str_eq(a->text, b->text);
}

/* What is left between a common beginning and a common end. */
struct middle {
    struct line *a, *b;
    int32_t a_count, b_count;
};

static struct middle trim(const struct side *a, const struct side *b)
{
    size_t first = 0, a_end = a->count, b_end = b->count;
    while (first < a_end && first < b_end && is_same(&a->at[first], &b->at[first]))
        first++;
    while (a_end > first && b_end > first && is_same(&a->at[a_end - 1], &b->at[b_end - 1])) {
        a_end--;
        b_end--;
    }
    return (struct middle){a->at + first, b->at + first, (int32_t)(a_end - first),
                           (int32_t)(b_end - first)};
}

/* Row d: how far each diagonal k (in -d..d) has come in a when d lines were changed. */
#define ROW (2 * STEPS_MAX + 3)
#define MID (STEPS_MAX + 1)

static bool goes_down(const int32_t *row, int32_t d, int32_t k)
{
    return k == -d || (k != d && row[MID + k - 1] < row[MID + k + 1]);
}

/* Fills rows; gives the d with which both ends were reached, or -1: it is beyond the bound. */
static int32_t walk(const struct middle *m, int32_t (*rows)[ROW])
{
    for (int32_t d = 0; d <= STEPS_MAX; d++) {
        int32_t *row = rows[d];
        if (d > 0)
            memcpy(row, rows[d - 1], sizeof(rows[0]));
        for (int32_t k = -d; k <= d; k += 2) {
            int32_t x = d == 0 ? 0 : goes_down(row, d, k) ? row[MID + k + 1] : row[MID + k - 1] + 1;
            while (x < m->a_count && x - k >= 0 && x - k < m->b_count &&
                   is_same(&m->a[x], &m->b[x - k]))
                x++;
            row[MID + k] = x;
            if (x >= m->a_count && x - k >= m->b_count)
                return d;
        }
    }
    return -1;
}

/* From the end back: each step of the walk is one line that goes or comes. */
static void mark(const struct middle *m, int32_t (*rows)[ROW], int32_t d)
{
    int32_t x = m->a_count, y = m->b_count;
    for (; d > 0; d--) {
        const int32_t *before = rows[d - 1];
        int32_t k = x - y;
        bool is_down = goes_down(before, d, k);
        int32_t from_k = is_down ? k + 1 : k - 1, from_x = before[MID + from_k];
        if (is_down)
            m->b[from_x - from_k].goes = true;
        else
            m->a[from_x].goes = true;
        x = from_x;
        y = from_x - from_k;
    }
}

static int compare(const struct side *a, const struct side *b)
{
    struct middle m = trim(a, b);
    int32_t d = -1;
    int32_t(*rows)[ROW] = NULL;
    if (m.a_count > 0 && m.b_count > 0) {
        rows = calloc(STEPS_MAX + 1, sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        d = walk(&m, rows);
    }
    if (d >= 0)
        mark(&m, rows, d);
    for (int32_t i = 0; d < 0 && i < m.a_count; i++)
        m.a[i].goes = true;
    for (int32_t i = 0; d < 0 && i < m.b_count; i++)
        m.b[i].goes = true;
    free(rows);
    return 0;
}

/* --- hunks --- */

struct printer {
    struct buf *out;
    struct text_diff_count *count;
};

/* A whole line or nothing: the reader sees where it was cut. */
static void print_line(struct printer *p, char mark, const struct line *l)
{
    static const char no_newline[] = "\\ No newline at end of file\n";
    bool is_long = l->text.len > LINE_SHOWN_MAX;
    size_t shown =
        is_long ? utf8_valid_prefix((struct str){l->text.at, LINE_SHOWN_MAX}) : l->text.len;
    if (is_long && shown + 4 < LINE_SHOWN_MAX)
        shown = LINE_SHOWN_MAX; /* no text of ours to be careful with */
    size_t room = p->out->max - p->out->len;
    if (p->count->is_cut || room < shown + sizeof(no_newline) + 64) {
        p->count->is_cut = true;
        return;
    }
    (void)buf_add_c(p->out, mark);
    (void)buf_add(p->out, l->text.at, shown);
    if (is_long)
        (void)buf_addf(p->out, " [%zu bytes more in this line]", l->text.len - shown);
    (void)buf_add_c(p->out, '\n');
    if (!l->has_newline)
        (void)buf_add_z(p->out, no_newline);
}

/* Where the hunk that begins at the change (i, j) ends: so many unchanged lines follow that another one begins. */
static void end_of_hunk(const struct side *a, const struct side *b, size_t i, size_t j,
                        size_t *ret_i, size_t *ret_j)
{
    size_t same = 0;
    while (same <= 2 * CONTEXT && (i < a->count || j < b->count)) {
        bool goes = i < a->count && a->at[i].goes, comes = j < b->count && b->at[j].goes;
        same = goes || comes ? 0 : same + 1;
        i += goes || !comes;
        j += !goes;
    }
    size_t extra = same > CONTEXT ? same - CONTEXT : 0;
    *ret_i = i - extra;
    *ret_j = j - extra;
}

static void print_hunk(struct printer *p, const struct side *a, const struct side *b, size_t i,
                       size_t j, size_t i_end, size_t j_end)
{
    struct line head = {.has_newline = true};
    char text[120];
    int n = snprintf(text, sizeof(text), "@ -%zu,%zu +%zu,%zu @@", i_end > i ? i + 1 : i, i_end - i,
                     j_end > j ? j + 1 : j, j_end - j);
    head.text = (struct str){text, (size_t)n};
    print_line(p, '@', &head);
    while (i < i_end || j < j_end) {
        if (i < i_end && a->at[i].goes)
            print_line(p, '-', &a->at[i++]);
        else if (j < j_end && b->at[j].goes)
            print_line(p, '+', &b->at[j++]);
        else
            print_line(p, ' ', (j++, &a->at[i++]));
    }
}

static void print_hunks(struct printer *p, const struct side *a, const struct side *b)
{
    size_t i = 0, j = 0, shown = 0; /* shown: a line of a before it stands in a hunk already */
    while (i < a->count || j < b->count) {
        if (!(i < a->count && a->at[i].goes) && !(j < b->count && b->at[j].goes)) {
            i++;
            j++;
            continue;
        }
        size_t before = i - shown < CONTEXT ? i - shown : CONTEXT, i_end, j_end;
        end_of_hunk(a, b, i, j, &i_end, &j_end);
        print_hunk(p, a, b, i - before, j - before, i_end, j_end);
        i = shown = i_end;
        j = j_end;
    }
}

static size_t going(const struct side *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->at[i].goes;
    return n;
}

int text_diff(struct str before, struct str after, struct buf *out, struct text_diff_count *ret)
{
    struct side a = {0}, b = {0};
    *ret = (struct text_diff_count){0};
    int r = split(before, &a);
    if (r == 0)
        r = split(after, &b);
    if (r == 0)
        r = compare(&a, &b);
    if (r == 0) {
        struct printer p = {out, ret};
        print_hunks(&p, &a, &b);
        ret->removed = going(&a);
        ret->added = going(&b);
        r = buf_error(out);
    }
    free(a.at);
    free(b.at);
    return r;
}
