/* The greedy search for a shortest edit script (Myers 1986): D grows from 0, for each diagonal the furthest point that D edits reach
 * is kept, and what each D knew is kept too, so that the way can be walked back. What both texts begin and end with is taken off
 * first. D has a maximum: beyond it the rest counts as replaced, which is true, if not the shortest. */
#include "base/linediff.h"

#include "base/fault.h"

#include <errno.h>
#include <string.h>

enum { EDITS_MAX = 2000, STEPS_MAX = 200 * 1000 * 1000 };

struct line {
    struct str text; /* with its newline, if it has one */
    uint64_t hash;
};

struct side {
    struct line *lines; /* own */
    size_t count;
    bool *is_changed; /* own */
};

static uint64_t hash_of(struct str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
    return h;
}

static void side_done(struct side *s)
{
    free(s->lines);
    free(s->is_changed);
}

static int split(struct str text, struct side *ret)
{
    size_t most = 1, count = 0;
    for (size_t i = 0; i < text.len; i++)
        most += text.at[i] == '\n';
    ret->lines = calloc(most, sizeof(*ret->lines));
    ret->is_changed = calloc(most, sizeof(*ret->is_changed));
    if (!ret->lines || !ret->is_changed)
        return -ENOMEM;
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) + 1 : text.len;
        ret->lines[count].text = (struct str){text.at, len};
        ret->lines[count].hash = hash_of(ret->lines[count].text);
        count++;
        text = (struct str){text.at + len, text.len - len};
    }
    ret->count = count;
    return 0;
}

static bool same(const struct line *a, const struct line *b)
{
    return a->hash == b->hash && str_eq(a->text, b->text);
}

/* The part of both that is looked at. */
struct part {
    const struct side *old, *new;
    size_t old_at, old_end, new_at, new_end;
};

static void trim(struct part *p)
{
    while (p->old_at < p->old_end && p->new_at < p->new_end &&
           same(&p->old->lines[p->old_at], &p->new->lines[p->new_at])) {
        p->old_at++;
        p->new_at++;
    }
    while (p->old_at < p->old_end && p->new_at < p->new_end &&
           same(&p->old->lines[p->old_end - 1], &p->new->lines[p->new_end - 1])) {
        p->old_end--;
        p->new_end--;
    }
}

/* reached[d * width + k + d]: how far into old diagonal k is after d edits; new is old - k. */
struct search {
    const struct part *p;
    int64_t n, m;
    int32_t *reached; /* own; row d has 2d + 1 numbers and begins at d * d */
};

static int32_t *row(const struct search *s, int64_t d)
{
    return s->reached + d * d;
}

static int64_t go_along(const struct search *s, int64_t x, int64_t k)
{
    const struct part *p = s->p;
    while (x < s->n && x - k < s->m &&
           same(&p->old->lines[p->old_at + (size_t)x], &p->new->lines[p->new_at + (size_t)(x - k)]))
        x++;
    return x;
}

/* Whether step d came to diagonal k by a line of new. */
static bool came_down(const int32_t *before, int64_t d, int64_t k)
{
    if (k == -d)
        return true;
    return k != d && before[k - 1 + d - 1] < before[k + 1 + d - 1];
}

static int64_t start_of(const int32_t *before, int64_t d, int64_t k)
{
    return came_down(before, d, k) ? before[k + 1 + d - 1] : (int64_t)before[k - 1 + d - 1] + 1;
}

/* The number of edits, or -1 when there are more than `most`. */
static int64_t find_end(const struct search *s, int64_t most)
{
    for (int64_t d = 0; d <= most; d++) {
        int32_t *now = row(s, d);
        for (int64_t k = -d; k <= d; k += 2) {
            int64_t x = d == 0 ? 0 : start_of(row(s, d - 1), d, k);
            /* Beyond the edge of either text: such a diagonal leads nowhere, and is left where it is. */
            if (x <= s->n && x - k <= s->m && x - k >= 0)
                x = go_along(s, x, k);
            now[k + d] = (int32_t)x;
            if (x >= s->n && x - k >= s->m)
                return d;
        }
    }
    return -1;
}

static void walk_back(const struct search *s, int64_t d)
{
    int64_t k = s->n - s->m;
    for (; d > 0; d--) {
        const int32_t *before = row(s, d - 1);
        bool down = came_down(before, d, k);
        int64_t x = start_of(before, d, k);
        if (down)
            s->p->new->is_changed[s->p->new_at + (size_t)(x - k - 1)] = true;
        else
            s->p->old->is_changed[s->p->old_at + (size_t)(x - 1)] = true;
        k += down ? 1 : -1;
    }
}

static int64_t edits_allowed(int64_t lines)
{
    int64_t most = lines > 0 ? STEPS_MAX / lines : EDITS_MAX;
    return most < EDITS_MAX ? most : EDITS_MAX;
}

static int compare(const struct side *old, const struct side *new, bool *ret_coarse)
{
    struct part p = {old, new, 0, old->count, 0, new->count};
    trim(&p);
    struct search s = {&p, (int64_t)(p.old_end - p.old_at), (int64_t)(p.new_end - p.new_at), NULL};
    int64_t most = s.n + s.m, allowed = edits_allowed(s.n + s.m), edits = -1;
    if (most > allowed)
        most = allowed;
    if (s.n > 0 && s.m > 0) {
        s.reached = calloc((size_t)((most + 1) * (most + 1)), sizeof(*s.reached));
        if (!s.reached)
            return -ENOMEM;
        edits = find_end(&s, most);
        *ret_coarse = edits < 0;
    }
    if (edits >= 0) {
        walk_back(&s, edits);
    } else {
        for (size_t i = p.old_at; i < p.old_end; i++)
            old->is_changed[i] = true;
        for (size_t i = p.new_at; i < p.new_end; i++)
            new->is_changed[i] = true;
    }
    free(s.reached);
    return 0;
}

/* --- hunks --- */

struct spot {
    size_t old, new;
};

static bool is_change(const struct side *old, const struct side *new, struct spot s)
{
    return (s.old < old->count && old->is_changed[s.old]) ||
           (s.new < new->count &&new->is_changed[s.new]);
}

/* Past the changes at `s`. */
static struct spot skip_change(const struct side *old, const struct side *new, struct spot s)
{
    while (s.old < old->count && old->is_changed[s.old])
        s.old++;
    while (s.new < new->count &&new->is_changed[s.new])
        s.new ++;
    return s;
}

static bool at_end(const struct side *old, const struct side *new, struct spot s)
{
    return s.old >= old->count && s.new >= new->count;
}

/* From the first change at `s` to the end of the last one that is less than two contexts away. */
static struct spot end_of_hunk(const struct side *old, const struct side *new, struct spot s,
                               size_t context)
{
    struct spot end = skip_change(old, new, s), at = end;
    for (size_t quiet = 0; !at_end(old, new, at);) {
        if (is_change(old, new, at)) {
            end = at = skip_change(old, new, at);
            quiet = 0;
        } else {
            if (++quiet > 2 * context)
                break;
            at.old++;
            at.new ++;
        }
    }
    return end;
}

static void add_line(struct buf *out, char mark, struct str text)
{
    buf_add_c(out, mark);
    buf_add_str(out, text);
    if (!str_ends(text, STR("\n")))
        buf_add_str(out, STR("\n\\ No newline at end of file\n"));
}

static void add_lines(const struct side *old, const struct side *new, struct spot from,
                      struct spot end, struct buf *out, struct linediff_count *count)
{
    while (from.old < end.old || from.new < end.new) {
        if (from.old < end.old && old->is_changed[from.old]) {
            add_line(out, '-', old->lines[from.old++].text);
            count->removed++;
        } else if (from.new < end.new && new->is_changed[from.new]) {
            add_line(out, '+', new->lines[from.new ++].text);
            count->added++;
        } else {
            add_line(out, ' ', old->lines[from.old++].text);
            from.new ++;
        }
    }
}

/* "12,3"; of no lines the number of the line before. */
static void add_range(struct buf *out, char mark, size_t from, size_t count)
{
    (void)!buf_addf(out, "%c%zu", mark, count == 0 ? from : from + 1);
    if (count != 1)
        (void)!buf_addf(out, ",%zu", count);
}

static void add_hunk(const struct side *old, const struct side *new, struct spot from,
                     struct spot end, size_t context, struct buf *out, struct linediff_count *count)
{
    size_t before = from.old < context ? from.old : context, after = old->count - end.old;
    if (after > context)
        after = context;
    from.old -= before;
    from.new -= before;
    end.old += after;
    end.new += after;
    buf_add_str(out, STR("@@ "));
    add_range(out, '-', from.old, end.old - from.old);
    buf_add_c(out, ' ');
    add_range(out, '+', from.new, end.new - from.new);
    buf_add_str(out, STR(" @@\n"));
    add_lines(old, new, from, end, out, count);
}

static int print(const struct side *old, const struct side *new, size_t context, struct buf *out,
                 struct linediff_count *count)
{
    struct spot at = {0, 0};
    while (!at_end(old, new, at)) {
        if (!is_change(old, new, at)) {
            at.old++;
            at.new ++;
            continue;
        }
        struct spot end = end_of_hunk(old, new, at, context);
        size_t whole = out->len;
        add_hunk(old, new, at, end, context, out, count);
        int r = buf_error(out);
        if (r < 0) {
            out->len = whole; /* no half hunk */
            return r;
        }
        at = end;
    }
    return 0;
}

int linediff_unified(struct str old_text, struct str new_text, size_t context, struct buf *out,
                     struct linediff_count *ret)
{
    struct side old = {0}, new = {0};
    *ret = (struct linediff_count){0};
    int r = old_text.len > INT32_MAX / 4 || new_text.len > INT32_MAX / 4 ? -FAULT_CAP : 0;
    if (r == 0)
        r = split(old_text, &old);
    if (r == 0)
        r = split(new_text, &new);
    if (r == 0)
        r = compare(&old, &new, &ret->is_coarse);
    if (r == 0)
        r = print(&old, &new, context, out, ret);
    side_done(&old);
    side_done(&new);
    return r;
}
