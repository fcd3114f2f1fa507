/* See nearest.h. Works on the failing path only, so clarity goes before speed; every list has its maximum. */
#include "nearest.h"

#include "similar.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINES_INDEXED = 1 << 20,
    LINES_WANTED = 64,
    LINE_SHOWN_BYTES = 200,
    SCORE_WORTH_SHOWING = 450,
};

/* The lines of a text, each with a hash of what is not blank in it; 0 for an empty line. */
struct line_index {
    size_t count;
    size_t *starts;
    uint32_t *hashes;
};

static uint32_t hash_ink(struct str line)
{
    uint32_t hash = 2166136261u;
    bool has_ink = false;

    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.at[i];

        if (byte <= ' ')
            continue;
        has_ink = true;
        hash = (hash ^ byte) * 16777619u;
    }
    return has_ink ? hash | 1u : 0;
}

static void index_init(struct line_index *index, struct str text, size_t max)
{
    size_t count = str_count(text, '\n') + 1;

    if (count > max)
        count = max;
    *index = (struct line_index){.starts = mem_need(count * sizeof(size_t)),
                                 .hashes = mem_need(count * sizeof(uint32_t))};
    for (size_t at = 0; at < text.len && index->count < count;) {
        size_t end = str_line_end(text, at);

        index->starts[index->count] = at;
        index->hashes[index->count++] = hash_ink(str_part(text, at, end));
        at = end;
    }
}

static void index_done(struct line_index *index)
{
    free(index->starts);
    free(index->hashes);
}

/* One line without its end. */
static struct str index_line(const struct line_index *index, struct str text, size_t line)
{
    size_t start = index->starts[line];
    size_t end = str_line_end(text, start);

    if (end > start && text.at[end - 1] == '\n')
        end--;
    return str_part(text, start, end);
}

/* Blanks made visible: this is a hint about them. */
static void add_quoted(struct buf *reterr, struct str line)
{
    struct str shown = utf8_head(line, LINE_SHOWN_BYTES);

    buf_add_byte(reterr, '`');
    for (size_t i = 0; i < shown.len; i++) {
        if (shown.at[i] == '\t')
            buf_add(reterr, STR("\\t"));
        else if (shown.at[i] == '\r')
            buf_add(reterr, STR("\\r"));
        else if ((unsigned char)shown.at[i] < ' ')
            buf_addf(reterr, "\\x%02x", (unsigned char)shown.at[i]);
        else
            buf_add_byte(reterr, shown.at[i]);
    }
    buf_addf(reterr, "`%s", shown.len < line.len ? " (cut)" : "");
}

/* `wanted` with its line ends as CRLF, or as LF. */
static void convert_ends(struct str wanted, bool to_crlf, struct buf *ret_text)
{
    for (size_t i = 0; i < wanted.len; i++) {
        bool is_cr = wanted.at[i] == '\r' && i + 1 < wanted.len && wanted.at[i + 1] == '\n';

        if (is_cr)
            continue;
        if (wanted.at[i] == '\n' && to_crlf)
            buf_add_byte(ret_text, '\r');
        buf_add_byte(ret_text, wanted.at[i]);
    }
}

static bool explain_ends(struct str text, struct str wanted, struct buf *reterr)
{
    bool to_crlf = str_find(wanted, STR("\r\n"), 0) == SIZE_MAX;
    struct buf converted;
    size_t at;

    if (!str_has(wanted, '\n'))
        return false;
    buf_init(&converted, wanted.len * 2);
    convert_ends(wanted, to_crlf, &converted);
    at = str_find(text, buf_str(&converted), 0);
    buf_done(&converted);
    if (at == SIZE_MAX)
        return false;
    buf_addf(
        reterr,
        "It would match at line %zu but for the line ends: the file has %s there, old_string has "
        "%s. Write %s in old_string and new_string.",
        1 + str_count(str_part(text, 0, at), '\n'), to_crlf ? "CRLF (\\r\\n)" : "LF (\\n)",
        to_crlf ? "LF (\\n)" : "CRLF (\\r\\n)", to_crlf ? "\\r\\n" : "\\n");
    return true;
}

struct window {
    size_t line;  /* of the file, from 0 */
    size_t equal; /* wanted lines with ink that are equal there but for blanks */
};

static struct window best_window(const struct line_index *file, const struct line_index *wanted)
{
    struct window best = {0, 0};

    for (size_t i = 0; i < file->count; i++) {
        size_t equal = 0;

        for (size_t j = 0; j < wanted->count && i + j < file->count; j++)
            equal += wanted->hashes[j] != 0 && wanted->hashes[j] == file->hashes[i + j];
        if (equal > best.equal)
            best = (struct window){i, equal};
    }
    return best;
}

static bool explain_window(struct str text, const struct line_index *file, struct str wanted,
                           const struct line_index *lines, struct buf *reterr)
{
    struct window best = best_window(file, lines);
    size_t inked = 0;

    for (size_t j = 0; j < lines->count; j++)
        inked += lines->hashes[j] != 0;
    if (best.equal == 0)
        return false;
    for (size_t j = 0; j < lines->count; j++) {
        struct str have = best.line + j < file->count ? index_line(file, text, best.line + j)
                                                      : (struct str){"", 0};
        struct str want = index_line(lines, wanted, j);
        bool only_blanks =
            best.line + j < file->count && file->hashes[best.line + j] == lines->hashes[j];

        if (str_equal(have, want))
            continue;
        if (best.equal == inked && only_blanks)
            buf_addf(reterr, "Lines %zu-%zu match but for blanks. ", best.line + 1,
                     best.line + lines->count);
        else
            buf_addf(reterr, "Nearest: %zu of its %zu lines are at line %zu. ", best.equal, inked,
                     best.line + 1);
        buf_addf(reterr, "First difference at line %zu: the file has ", best.line + j + 1);
        add_quoted(reterr, have);
        buf_addf(reterr, ", old_string has ");
        add_quoted(reterr, want);
        buf_add_byte(reterr, '.');
        return true;
    }
    buf_addf(reterr, "Lines %zu-%zu match but for where the text begins or ends.", best.line + 1,
             best.line + lines->count);
    return true;
}

static bool explain_similar(struct str text, const struct line_index *file, struct str wanted,
                            const struct line_index *lines, struct buf *reterr)
{
    struct similar_line line;
    size_t first = 0;
    size_t best = 0;
    unsigned best_score = 0;

    while (first < lines->count && lines->hashes[first] == 0)
        first++;
    if (first == lines->count)
        return false;
    similar_line_init(&line, index_line(lines, wanted, first));
    for (size_t i = 0; i < file->count; i++) {
        unsigned score = similar_line_score(&line, index_line(file, text, i));

        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    if (best_score < SCORE_WORTH_SHOWING)
        return false;
    buf_addf(reterr, "The most similar line is %zu: ", best + 1);
    add_quoted(reterr, index_line(file, text, best));
    buf_add_byte(reterr, '.');
    return true;
}

void nearest_explain(struct str text, struct str wanted, struct buf *reterr)
{
    struct line_index file;
    struct line_index lines;

    buf_addf(reterr, "old_string is not in the file. ");
    if (text.len == 0) {
        buf_addf(reterr, "The file is empty.");
        return;
    }
    if (explain_ends(text, wanted, reterr))
        return;
    index_init(&file, text, LINES_INDEXED);
    index_init(&lines, wanted, LINES_WANTED);
    if (!explain_window(text, &file, wanted, &lines, reterr) &&
        !explain_similar(text, &file, wanted, &lines, reterr))
        buf_addf(reterr, "No line is similar. Read the file again before the next edit.");
    index_done(&file);
    index_done(&lines);
}
