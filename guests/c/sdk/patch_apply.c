/* See patch.h. A hunk's old lines are looked for behind the hunk before it: first exactly, then without regard to blanks at the
 * ends of lines, then to those at both ends, then without up to two of its outermost context lines. The first of these
 * that finds anything decides; so a loose match never wins over an exact one. Pure. */
#include "patch.h"

#include "nearest.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 3, TRIM_MAX = 2 };

struct side {
    struct str *lines; /* own; with their ends */
    size_t count;
};

struct work {
    const struct patch *patch;
    struct side old;
    struct str eol; /* of lines that are put in */
    struct buf *out;
    size_t cursor;   /* old lines that are written */
    int64_t drift;   /* found minus said, of the hunk before */
    size_t compares; /* left */
    bool is_full;
    bool wants_eol; /* the last line has an end */
    struct patch_report *report;
    struct buf *why;
};

/* A hunk's old side, as indices of patch lines, without what is trimmed. */
struct needle {
    const struct patch_line *lines; /* of the hunk; PATCH_PUT and PATCH_ANCHOR among them */
    size_t first, end;              /* the part of the hunk that is used */
    size_t count;                   /* old lines in it */
};

static struct str bare(struct str line)
{
    if (line.len > 0 && line.at[line.len - 1] == '\n')
        line.len--;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct str without_blanks(struct str text, bool is_both)
{
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    while (is_both && text.len > 0 && is_blank(text.at[0]))
        text = str_part(text, 1, text.len);
    return text;
}

static bool same(struct work *w, struct str have, struct str wanted, int level)
{
    if (w->compares > 0)
        w->compares--;
    have = bare(have);
    if (level == 0)
        return str_equal(have, wanted);
    return str_equal(without_blanks(have, level == 2), without_blanks(wanted, level == 2));
}

static void split(struct str text, struct side *ret)
{
    size_t max = str_count(text, '\n') + 1;

    *ret = (struct side){.lines = mem_grow(NULL, max, sizeof(struct str))};
    for (size_t at = 0; at < text.len;) {
        size_t end = str_line_end(text, at);

        ret->lines[ret->count++] = str_part(text, at, end);
        at = end;
    }
}

/* --- where --- */

static bool fits_at(struct work *w, const struct needle *needle, size_t at, int level)
{
    for (size_t i = needle->first; i < needle->end; i++) {
        if (needle->lines[i].kind == PATCH_PUT || needle->lines[i].kind == PATCH_ANCHOR)
            continue;
        if (at == w->old.count || !same(w, w->old.lines[at++], needle->lines[i].text, level))
            return false;
    }
    return true;
}

struct found {
    size_t count; /* places that fit */
    size_t at;    /* the one that is taken */
};

/* expected: where the hunk should be, or -1 when it does not say. */
static struct found find_level(struct work *w, const struct needle *needle,
                               const struct patch_hunk *hunk, int64_t expected, int level)
{
    struct found found = {0, 0};
    size_t last = needle->count <= w->old.count ? w->old.count - needle->count : 0;
    size_t first = hunk->is_end && last > w->cursor ? last : w->cursor;

    if (needle->count > w->old.count)
        return found;
    for (size_t at = first; at <= last && w->compares > 0; at++) {
        if (!fits_at(w, needle, at, level))
            continue;
        if (found.count++ == 0 ||
            (expected >= 0 && llabs((int64_t)at - expected) < llabs((int64_t)found.at - expected)))
            found.at = at;
    }
    return found;
}

static size_t old_lines(const struct needle *needle)
{
    size_t count = 0;

    for (size_t i = needle->first; i < needle->end; i++)
        count += needle->lines[i].kind == PATCH_KEEP || needle->lines[i].kind == PATCH_DROP;
    return count;
}

/* Takes up to `trim` lines of context off both ends; false when there are not that many, or nothing would be left. */
static bool trim(struct needle *needle, size_t count)
{
    size_t taken = 0;

    for (size_t i = 0; i < count; i++) {
        if (needle->end - needle->first < 2)
            break;
        if (needle->lines[needle->first].kind == PATCH_KEEP) {
            needle->first++;
            taken++;
        }
        if (needle->end - needle->first > 1 && needle->lines[needle->end - 1].kind == PATCH_KEEP) {
            needle->end--;
            taken++;
        }
    }
    needle->count = old_lines(needle);
    return taken > 0 && needle->count > 0;
}

static size_t anchors_of(const struct work *w, const struct patch_hunk *hunk)
{
    size_t count = 0;

    while (count < hunk->count && w->patch->lines[hunk->first + count].kind == PATCH_ANCHOR)
        count++;
    return count;
}

/* The line behind the anchors, or SIZE_MAX. An anchor without text says only that a hunk begins. */
static size_t pass_anchors(struct work *w, const struct patch_hunk *hunk, bool *ret_is_anchored)
{
    size_t at = w->cursor;

    *ret_is_anchored = false;
    for (size_t i = 0; i < anchors_of(w, hunk); i++) {
        struct str wanted = w->patch->lines[hunk->first + i].text;
        size_t hit = SIZE_MAX;

        if (without_blanks(wanted, true).len == 0)
            continue;
        for (int level = 0; level < LEVELS && hit == SIZE_MAX; level++)
            for (size_t k = at; k < w->old.count && hit == SIZE_MAX && w->compares > 0; k++)
                if (same(w, w->old.lines[k], wanted, level))
                    hit = k;
        if (hit == SIZE_MAX) {
            buf_addf(w->why, "there is no line \"%.*s\" (after @@)%s.",
                     (int)(wanted.len < 200 ? wanted.len : 200), wanted.at,
                     at > 0 ? " behind the hunk before it" : "");
            return SIZE_MAX;
        }
        at = hit + 1;
        *ret_is_anchored = true;
    }
    return at;
}

/* --- writing --- */

static void put(struct work *w, struct str text)
{
    if (!buf_add(w->out, text))
        w->is_full = true;
}

/* The line before must have an end when another follows. */
static void put_old(struct work *w, size_t i)
{
    if (w->out->len > 0 && w->out->at[w->out->len - 1] != '\n')
        put(w, w->eol);
    put(w, w->old.lines[i]);
}

static void put_new(struct work *w, struct str text)
{
    if (w->out->len > 0 && w->out->at[w->out->len - 1] != '\n')
        put(w, w->eol);
    put(w, text);
    put(w, w->eol);
    w->report->added++;
}

static void write_hunk(struct work *w, const struct needle *needle, size_t at)
{
    bool is_open_before = false;
    bool is_open_after = false;

    while (w->cursor < at)
        put_old(w, w->cursor++);
    for (size_t i = needle->first; i < needle->end; i++) {
        const struct patch_line *line = &needle->lines[i];

        if (line->kind == PATCH_PUT)
            put_new(w, line->text);
        else if (line->kind == PATCH_KEEP)
            put_old(w, w->cursor++);
        else if (line->kind == PATCH_DROP)
            w->cursor++;
        w->report->removed += line->kind == PATCH_DROP;
        is_open_before |= line->is_open && line->kind != PATCH_PUT;
        is_open_after |= line->is_open && line->kind != PATCH_DROP;
    }
    if (w->cursor == w->old.count && (is_open_before || is_open_after))
        w->wants_eol = !is_open_after;
}

/* --- one hunk --- */

static enum patch_outcome refuse_place(struct work *w, const struct needle *needle, size_t count,
                                       struct str text)
{
    struct buf wanted;

    if (w->compares == 0) {
        buf_addf(w->why,
                 "looking for its place takes too long: give hunks with more context, or fewer.");
        return PATCH_TOO_COSTLY;
    }
    if (count > 1) {
        buf_addf(
            w->why,
            "its lines fit at %zu places: add lines of context, or an @@ line that names what is around.",
            count);
        return PATCH_AMBIGUOUS;
    }
    buf_init(&wanted, PATCH_TEXT_MAX);
    for (size_t i = needle->first; i < needle->end; i++) {
        if (needle->lines[i].kind != PATCH_KEEP && needle->lines[i].kind != PATCH_DROP)
            continue;
        (void)(buf_add(&wanted, needle->lines[i].text) && buf_add_byte(&wanted, '\n'));
    }
    buf_addf(w->why, "its lines are not there%s. ",
             w->cursor > 0 ? " behind the hunk before it" : "");
    nearest_explain(text, buf_str(&wanted), w->why);
    buf_done(&wanted);
    return PATCH_NO_MATCH;
}

/* A hunk that only puts lines in: behind the line that it names, else behind its anchor, else at the end. */
static enum patch_outcome apply_insertion(struct work *w, const struct patch_hunk *hunk,
                                          const struct needle *needle, bool is_anchored)
{
    size_t at = w->old.count;

    if (hunk->has_line && (int64_t)hunk->old_line + w->drift < (int64_t)at)
        at = (int64_t)hunk->old_line + w->drift > 0 ? (size_t)((int64_t)hunk->old_line + w->drift)
                                                    : 0;
    else if (is_anchored && !hunk->is_end)
        at = w->cursor;
    if (at < w->cursor)
        at = w->cursor;
    write_hunk(w, needle, at);
    return PATCH_OK;
}

static enum patch_outcome apply_hunk(struct work *w, const struct patch_hunk *hunk, struct str text)
{
    size_t anchors = anchors_of(w, hunk);
    struct needle needle = {NULL, anchors, hunk->count, 0};
    int64_t expected = hunk->has_line ? (int64_t)hunk->old_line - 1 + w->drift : -1;
    size_t ambiguous = 0;
    bool is_anchored;
    size_t at = pass_anchors(w, hunk, &is_anchored);

    if (hunk->count == 0) /* a new file without lines */
        return PATCH_OK;
    needle.lines = &w->patch->lines[hunk->first];
    if (at == SIZE_MAX)
        return w->compares == 0 ? PATCH_TOO_COSTLY : PATCH_NO_MATCH;
    while (w->cursor < at)
        put_old(w, w->cursor++);
    needle.count = old_lines(&needle);
    if (needle.count == 0)
        return apply_insertion(w, hunk, &needle, is_anchored);
    for (size_t trimmed = 0; trimmed <= TRIM_MAX; trimmed++) {
        struct needle part = needle;

        if (trimmed > 0 && !trim(&part, trimmed))
            break;
        for (int level = 0; level < LEVELS; level++) {
            struct found found = find_level(w, &part, hunk, expected, level);

            if (found.count == 0 || w->compares == 0)
                continue;
            if (found.count > 1 && expected < 0 && !is_anchored) {
                ambiguous = found.count;
                return refuse_place(w, &needle, ambiguous, text);
            }
            w->report->loose += level > 0;
            w->report->trimmed += trimmed > 0;
            if (expected >= 0) {
                int64_t said = expected + (int64_t)(part.first - needle.first);

                w->report->moved += (int64_t)found.at != said;
                w->drift += (int64_t)found.at - said;
            }
            write_hunk(w, &part, found.at);
            return PATCH_OK;
        }
    }
    return refuse_place(w, &needle, ambiguous, text);
}

/* --- the whole --- */

static void finish(struct work *w)
{
    while (w->cursor < w->old.count)
        put_old(w, w->cursor++);
    if (w->out->len == 0)
        return;
    if (w->wants_eol && w->out->at[w->out->len - 1] != '\n')
        put(w, w->eol);
    if (!w->wants_eol && w->out->at[w->out->len - 1] == '\n')
        w->out->len = bare(buf_str(w->out)).len;
}

enum patch_outcome patch_apply(const struct patch *patch, const struct patch_file *file,
                               struct str text, own struct buf *ret_text,
                               struct patch_report *ret_report, struct buf *reterr)
{
    struct buf out;
    struct work w = {.patch = patch,
                     .out = &out,
                     .eol = STR("\n"),
                     .compares = PATCH_COMPARES_MAX,
                     .wants_eol = text.len == 0 || text.at[text.len - 1] == '\n',
                     .report = ret_report,
                     .why = reterr};
    enum patch_outcome outcome = PATCH_OK;

    *ret_report = (struct patch_report){.added = 0};
    buf_init(&out, PATCH_TEXT_MAX);
    split(text, &w.old);
    if (w.old.count > 0 && w.old.lines[0].len > 1 &&
        w.old.lines[0].at[w.old.lines[0].len - 2] == '\r' &&
        w.old.lines[0].at[w.old.lines[0].len - 1] == '\n')
        w.eol = STR("\r\n");
    for (size_t i = 0; i < file->count && outcome == PATCH_OK; i++) {
        const struct patch_hunk *hunk = &patch->hunks[file->first + i];
        size_t before = reterr->len;

        buf_addf(reterr, "hunk %zu of %zu (line %zu of the patch): ", i + 1, file->count,
                 hunk->at_line);
        outcome = apply_hunk(&w, hunk, text);
        if (outcome == PATCH_OK)
            reterr->len = before;
    }
    if (outcome == PATCH_OK)
        finish(&w);
    if (outcome == PATCH_OK && w.is_full) {
        buf_addf(reterr, "the file would grow past %d bytes.", PATCH_TEXT_MAX);
        outcome = PATCH_TOO_BIG;
    }
    free(w.old.lines);
    if (outcome == PATCH_OK)
        *ret_text = out;
    else
        buf_done(&out);
    return outcome;
}
