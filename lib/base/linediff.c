/* The greedy search for a shortest edit script (Myers 1986): D grows from 0, for each diagonal the furthest point that D edits reach
 * is kept, and what each D knew is kept too, so that the way can be walked back. What both texts begin and end with is taken off
 * first. D has a maximum: beyond it the rest counts as replaced, which is true, if not the shortest. */
#include "base/linediff.h"

#include "base/fault.h"

#include <errno.h>
#include <string.h>

enum { STEPS_MAX = 200 * 1000 * 1000 };

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
    const struct side *old, *now;
    size_t old_at, old_end, new_at, new_end;
};

static void trim(struct part *p)
{
    while (p->old_at < p->old_end && p->new_at < p->new_end &&
           same(&p->old->lines[p->old_at], &p->now->lines[p->new_at])) {
        p->old_at++;
        p->new_at++;
    }
    while (p->old_at < p->old_end && p->new_at < p->new_end &&
           same(&p->old->lines[p->old_end - 1], &p->now->lines[p->new_end - 1])) {
        p->old_end--;
        p->new_end--;
    }
}

/* row(d)[k + d]: how far into old diagonal k is after d edits; now is old - k. */
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
           same(&p->old->lines[p->old_at + (size_t)x], &p->now->lines[p->new_at + (size_t)(x - k)]))
        x++;
    return x;
}

/* Whether step d came to diagonal k by a line of now. */
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
        int32_t *reach = row(s, d);
        for (int64_t k = -d; k <= d; k += 2) {
            int64_t x = d == 0 ? 0 : start_of(row(s, d - 1), d, k);
            /* Beyond the edge of either text: such a diagonal leads nowhere, and is left where it is. */
            if (x <= s->n && x - k <= s->m && x - k >= 0)
                x = go_along(s, x, k);
            reach[k + d] = (int32_t)x;
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
            s->p->now->is_changed[s->p->new_at + (size_t)(x - k - 1)] = true;
        else
            s->p->old->is_changed[s->p->old_at + (size_t)(x - 1)] = true;
        k += down ? 1 : -1;
    }
}

static int64_t edits_allowed(int64_t lines, int64_t edits_max)
{
    int64_t most = lines > 0 ? STEPS_MAX / lines : edits_max;
    return most < edits_max ? most : edits_max;
}

static int compare(const struct side *old, const struct side *now, int64_t edits_max,
                   bool *ret_coarse)
{
    struct part p = {old, now, 0, old->count, 0, now->count};
    trim(&p);
    struct search s = {&p, (int64_t)(p.old_end - p.old_at), (int64_t)(p.new_end - p.new_at), NULL};
    int64_t most = s.n + s.m, allowed = edits_allowed(s.n + s.m, edits_max), edits = -1;
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
            now->is_changed[i] = true;
    }
    free(s.reached);
    return 0;
}

/* --- hunks --- */

struct spot {
    size_t old, now;
};

static bool is_change(const struct side *old, const struct side *now, struct spot s)
{
    return (s.old < old->count && old->is_changed[s.old]) ||
           (s.now < now->count && now->is_changed[s.now]);
}

/* Past the changes at `s`. */
static struct spot skip_change(const struct side *old, const struct side *now, struct spot s)
{
    while (s.old < old->count && old->is_changed[s.old])
        s.old++;
    while (s.now < now->count && now->is_changed[s.now])
        s.now++;
    return s;
}

static bool at_end(const struct side *old, const struct side *now, struct spot s)
{
    return s.old >= old->count && s.now >= now->count;
}

/* From the first change at `s` to the end of the last one that is less than two contexts away. */
static struct spot end_of_hunk(const struct side *old, const struct side *now, struct spot s,
                               size_t context)
{
    struct spot end = skip_change(old, now, s), at = end;
    for (size_t quiet = 0; !at_end(old, now, at);) {
        if (is_change(old, now, at)) {
            end = at = skip_change(old, now, at);
            quiet = 0;
        } else {
            if (++quiet > 2 * context)
                break;
            at.old++;
            at.now++;
        }
    }
    return end;
}

static int tell_lines(const struct side *old, const struct side *now, struct spot from,
                      struct spot end, const struct linediff_reader *reader)
{
    int r = 0;
    while (r == 0 && (from.old < end.old || from.now < end.now)) {
        if (from.old < end.old && old->is_changed[from.old]) {
            r = reader->line('-', old->lines[from.old++].text, reader->arg);
        } else if (from.now < end.now && now->is_changed[from.now]) {
            r = reader->line('+', now->lines[from.now++].text, reader->arg);
        } else {
            r = reader->line(' ', old->lines[from.old++].text, reader->arg);
            from.now++;
        }
    }
    return r;
}

static int tell_hunk(const struct side *old, const struct side *now, struct spot from,
                     struct spot end, size_t context, const struct linediff_reader *reader)
{
    size_t before = from.old < context ? from.old : context, after = old->count - end.old;
    if (after > context)
        after = context;
    from.old -= before;
    from.now -= before;
    end.old += after;
    end.now += after;
    const struct linediff_hunk hunk = {from.old, end.old - from.old, from.now, end.now - from.now};
    int r = reader->hunk(&hunk, reader->arg);
    return r < 0 ? r : tell_lines(old, now, from, end, reader);
}

static int tell(const struct side *old, const struct side *now, size_t context,
                const struct linediff_reader *reader)
{
    struct spot at = {0, 0};
    while (!at_end(old, now, at)) {
        if (!is_change(old, now, at)) {
            at.old++;
            at.now++;
            continue;
        }
        struct spot end = end_of_hunk(old, now, at, context);
        int r = tell_hunk(old, now, at, end, context, reader);
        if (r < 0)
            return r;
        at = end;
    }
    return 0;
}

static size_t changed(const struct side *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += s->is_changed[i];
    return count;
}

int linediff_each(struct str old_text, struct str now_text, size_t context, int64_t edits_max,
                  const struct linediff_reader *reader, struct linediff_count *ret)
{
    struct side old = {0}, now = {0};
    *ret = (struct linediff_count){0};
    int r = old_text.len > INT32_MAX / 4 || now_text.len > INT32_MAX / 4 ? -FAULT_CAP : 0;
    if (r == 0)
        r = split(old_text, &old);
    if (r == 0)
        r = split(now_text, &now);
    if (r == 0)
        r = compare(&old, &now, edits_max, &ret->is_coarse);
    if (r == 0) {
        ret->removed = changed(&old);
        ret->added = changed(&now);
        r = tell(&old, &now, context, reader);
    }
    side_done(&old);
    side_done(&now);
    return r;
}

/* --- the unified form --- */

struct printer {
    struct buf *out;
    size_t whole; /* out's length before the hunk under way */
};

/* "12,3"; of no lines the number of the line before. */
static void add_range(struct buf *out, char mark, size_t from, size_t count)
{
    (void)!buf_addf(out, "%c%zu", mark, count == 0 ? from : from + 1);
    if (count != 1)
        (void)!buf_addf(out, ",%zu", count);
}

static int print_head(const struct linediff_hunk *hunk, void *arg)
{
    struct printer *p = arg;
    p->whole = p->out->len;
    buf_add_str(p->out, STR("@@ "));
    add_range(p->out, '-', hunk->old_at, hunk->old_count);
    buf_add_c(p->out, ' ');
    add_range(p->out, '+', hunk->new_at, hunk->new_count);
    buf_add_str(p->out, STR(" @@\n"));
    return buf_error(p->out);
}

static int print_line(char mark, struct str text, void *arg)
{
    struct printer *p = arg;
    buf_add_c(p->out, mark);
    buf_add_str(p->out, text);
    if (!str_ends(text, STR("\n")))
        buf_add_str(p->out, STR("\n" LINEDIFF_NO_NEWLINE));
    return buf_error(p->out);
}

int linediff_unified(struct str old_text, struct str now_text, size_t context, struct buf *out,
                     struct linediff_count *ret)
{
    struct printer p = {out, out->len};
    const struct linediff_reader reader = {print_head, print_line, &p};
    int r = linediff_each(old_text, now_text, context, LINEDIFF_EDITS_MAX, &reader, ret);
    if (buf_error(out) < 0)
        out->len = p.whole; /* no half hunk */
    return r;
}
