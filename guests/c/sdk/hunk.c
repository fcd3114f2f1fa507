/* See hunk.h. A hunk is a run of whole lines that holds one or more replacements; lines that are equal on
 * both sides at its ends become context. */
#include "hunk.h"

#include "utf8.h"

enum {
    HUNKS_SHOWN = 8,
    LINES_SHOWN = 40,
    CONTEXT_LINES = 2,
    LINE_BYTES = 240,
};

/* One run: old lines [start, end) of the text become `lines`. */
struct run {
    size_t start;
    size_t end;
    struct buf lines;
};

static bool ends_line(const struct buf *lines)
{
    return lines->len == 0 || lines->at[lines->len - 1] == '\n';
}

/* Collects the run that begins with the match at `at`. Returns where the next match after it starts. */
static size_t take_run(struct str text, struct str old_text, struct str new_text, size_t at,
                       struct run *run)
{
    size_t from = run->start = str_line_start(text, at);

    run->end = str_line_end(text, at);
    for (;;) {
        bool is_boundary;

        buf_add(&run->lines, str_part(text, from, at));
        buf_add(&run->lines, new_text);
        from = at + old_text.len;
        at = str_find(text, old_text, from);
        /* The run ends with the line that holds the match, but never in the middle of a new line. */
        is_boundary = text.at[from - 1] == '\n';
        if (is_boundary && ends_line(&run->lines))
            run->end = from;
        else if (is_boundary || from > run->end)
            run->end = str_line_end(text, from);
        if (at == SIZE_MAX || at >= run->end)
            break;
    }
    buf_add(&run->lines, str_part(text, from, run->end));
    return at;
}

static void add_line(struct buf *report, char mark, struct str line)
{
    bool has_end = line.len > 0 && line.at[line.len - 1] == '\n';
    struct str shown;

    if (has_end)
        line.len--;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    shown = utf8_head(line, LINE_BYTES);
    buf_add_byte(report, mark);
    utf8_add_shown(report, shown, UTF8_SHOW_LINE);
    if (shown.len < line.len)
        buf_addf(report, "... (%zu bytes more)", line.len - shown.len);
    buf_add_byte(report, '\n');
    if (!has_end)
        buf_addf(report, "\\ no newline at the end\n");
}

static void add_lines(struct buf *report, char mark, struct str lines)
{
    size_t count = 0;

    for (size_t at = 0; at < lines.len; count++) {
        size_t end = str_line_end(lines, at);

        if (count == LINES_SHOWN) {
            buf_addf(report, "%c... %zu lines more\n", mark,
                     str_count(str_part(lines, at, lines.len), '\n') +
                         (lines.at[lines.len - 1] != '\n'));
            return;
        }
        add_line(report, mark, str_part(lines, at, end));
        at = end;
    }
}

static size_t back_lines(struct str text, size_t at, size_t count, size_t floor)
{
    while (count-- > 0 && at > floor)
        at = str_line_start(text, at - 1);
    return at < floor ? floor : at;
}

static size_t forward_lines(struct str text, size_t at, size_t count)
{
    while (count-- > 0 && at < text.len)
        at = str_line_end(text, at);
    return at;
}

static size_t line_count(struct str lines)
{
    return str_count(lines, '\n') + (lines.len > 0 && lines.at[lines.len - 1] != '\n');
}

/* Whole lines equal at both ends are context, not change. */
static void trim_equal(struct str text, struct run *run, struct str *ret_old, struct str *ret_new)
{
    struct str before = str_part(text, run->start, run->end);
    struct str after = buf_str(&run->lines);

    while (before.len > 0 && after.len > 0) {
        size_t a = str_line_end(before, 0);
        size_t b = str_line_end(after, 0);

        if (!str_equal(str_part(before, 0, a), str_part(after, 0, b)))
            break;
        before = str_part(before, a, before.len);
        after = str_part(after, b, after.len);
    }
    while (before.len > 0 && after.len > 0) {
        size_t a = str_line_start(before, before.len - 1);
        size_t b = str_line_start(after, after.len - 1);

        if (!str_equal(str_part(before, a, before.len), str_part(after, b, after.len)))
            break;
        before.len = a;
        after.len = b;
    }
    *ret_old = before;
    *ret_new = after;
}

/* `line_delta`: how many lines the runs before this one have added. */
static void add_hunk(struct str text, struct run *run, int64_t line_delta, size_t line,
                     size_t next_start, struct buf *report)
{
    struct str before;
    struct str after;
    size_t start;
    size_t end;
    size_t lead;
    size_t tail;
    size_t old_start;
    size_t old_end;

    trim_equal(text, run, &before, &after);
    old_start = (size_t)(before.at - text.at);
    old_end = old_start + before.len;
    start = back_lines(text, old_start, CONTEXT_LINES, 0);
    end = forward_lines(text, old_end, CONTEXT_LINES);
    if (end > next_start)
        end = next_start > old_end ? next_start : old_end;
    lead = line_count(str_part(text, start, old_start));
    tail = line_count(str_part(text, old_end, end));
    line += str_count(str_part(text, run->start, old_start), '\n') - lead;
    buf_addf(report, "@@ -%zu,%zu +%lld,%zu @@\n", line, lead + line_count(before) + tail,
             (long long)line + line_delta, lead + line_count(after) + tail);
    add_lines(report, ' ', str_part(text, start, old_start));
    add_lines(report, '-', before);
    add_lines(report, '+', after);
    add_lines(report, ' ', str_part(text, old_end, end));
}

void hunk_report(struct str text, struct str old_text, struct str new_text, struct buf *report)
{
    size_t counted = 0;
    size_t line = 1;
    int64_t line_delta = 0;
    size_t shown = 0;

    for (size_t at = str_find(text, old_text, 0); at != SIZE_MAX; shown++) {
        struct run run = {0};
        size_t next;

        if (shown == HUNKS_SHOWN || report->max - report->len < (size_t)16 << 10) {
            buf_addf(report, "... more places changed the same way\n");
            return;
        }
        buf_init(&run.lines, text.len + ((size_t)1 << 20));
        next = take_run(text, old_text, new_text, at, &run);
        line += str_count(str_part(text, counted, run.start), '\n');
        counted = run.start;
        add_hunk(text, &run, line_delta, line,
                 next == SIZE_MAX ? text.len : str_line_start(text, next), report);
        line_delta += (int64_t)line_count(buf_str(&run.lines)) -
                      (int64_t)line_count(str_part(text, run.start, run.end));
        buf_done(&run.lines);
        at = next;
    }
}
