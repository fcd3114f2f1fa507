/* See scan.h. The file passes through one buffer; at a refill the lines that may still be needed as context stay. */
#include "scan.h"

#include "file.h"
#include "utf8.h"

#include <string.h>

enum {
    BUFFER_BYTES = 4 << 20,
    SNIFFED_BYTES = 64 << 10,
};

/* Past this much of one file the search stops there. */
static const uint64_t file_max_bytes = UINT64_C(1) << 30;

struct scan {
    struct str path;
    struct matcher *matcher;
    size_t context_lines;
    scan_line *found;
    void *context;
    struct scan_result *result;
    size_t len;        /* bytes in the buffer */
    size_t at;         /* start of the next line to look at */
    uint64_t line;     /* its number */
    size_t given_to;   /* lines before this offset have been given, or are too far back */
    size_t after_left; /* context lines still due after the last match */
    bool is_utf8;      /* of what is in the buffer now */
};

static char buffer[BUFFER_BYTES];

static struct str held(const struct scan *scan)
{
    return (struct str){buffer, scan->len};
}

/* One line without its end, CR included in the end. */
static struct str bare(struct str text, size_t start, size_t end)
{
    if (end > start && text.at[end - 1] == '\n')
        end--;
    if (end > start && text.at[end - 1] == '\r')
        end--;
    return str_part(text, start, end);
}

static void give_before(struct scan *scan)
{
    struct str text = held(scan);
    size_t start = scan->at;
    size_t lines = 0;

    while (lines < scan->context_lines && start > scan->given_to) {
        start = str_line_start(text, start - 1);
        lines++;
    }
    for (; lines > 0; lines--) {
        size_t end = str_line_end(text, start);

        scan->found(scan->context, scan->line - lines, bare(text, start, end), false, 0);
        start = end;
    }
}

static void look_at(struct scan *scan, size_t end)
{
    struct str line = bare(held(scan), scan->at, end);
    size_t start;

    if (matcher_test(scan->matcher, line, scan->is_utf8, scan->path, scan->line, &start)) {
        scan->result->matches++;
        give_before(scan);
        scan->found(scan->context, scan->line, line, true, start);
        scan->after_left = scan->context_lines;
        scan->given_to = end;
    } else if (scan->after_left > 0) {
        scan->found(scan->context, scan->line, line, false, 0);
        scan->after_left--;
        scan->given_to = end;
    }
    scan->at = end;
    scan->line++;
}

/* Moves to the line that holds `hit`. */
static void jump(struct scan *scan, size_t hit)
{
    struct str text = held(scan);
    size_t start = str_line_start(text, hit);

    scan->line += str_count(str_part(text, scan->at, start), '\n');
    scan->at = start;
}

/* Looks at the lines up to `stop`, which is the end of one. */
static void look_through(struct scan *scan, size_t stop)
{
    struct str text = str_part(held(scan), 0, stop);

    while (scan->at < stop) {
        if (scan->after_left == 0) {
            size_t hit = matcher_skip(scan->matcher, text, scan->at);

            if (hit == SIZE_MAX) {
                scan->line += str_count(str_part(text, scan->at, stop), '\n');
                scan->at = stop;
                return;
            }
            if (hit > scan->at)
                jump(scan, hit);
        }
        look_at(scan, str_line_end(text, scan->at));
    }
}

/* Keeps the lines that may be context for the next match, and everything not yet looked at. */
static void shift(struct scan *scan)
{
    struct str text = held(scan);
    size_t keep = scan->at;

    for (size_t i = 0; i < scan->context_lines && keep > 0; i++) {
        size_t start = str_line_start(text, keep - 1);

        if (scan->at - start > BUFFER_BYTES / 2)
            break;
        keep = start;
    }
    memmove(buffer, buffer + keep, scan->len - keep);
    scan->len -= keep;
    scan->at -= keep;
    scan->given_to = scan->given_to > keep ? scan->given_to - keep : 0;
}

/* The end of the last whole line, or of everything when the file ends or no line fits. */
static size_t find_stop(struct scan *scan, bool is_end)
{
    size_t whole = str_line_start(held(scan), scan->len);

    if (is_end)
        return scan->len;
    if (whole > scan->at)
        return whole;
    scan->result->is_split = true;
    return scan->len;
}

void scan_file(int fd, struct str path, struct matcher *matcher, size_t context_lines,
               scan_line *found, void *context, struct scan_result *ret_result)
{
    struct scan scan = {
        .path = path,
        .matcher = matcher,
        .context_lines = context_lines,
        .found = found,
        .context = context,
        .result = ret_result,
        .line = 1,
    };
    bool is_end = false;

    *ret_result = (struct scan_result){.matches = 0};
    while (!is_end) {
        size_t got = file_read(fd, path, buffer + scan.len, BUFFER_BYTES - scan.len);
        size_t stop;

        is_end = scan.len + got < BUFFER_BYTES;
        if (ret_result->read_bytes == 0 &&
            str_has((struct str){buffer, got < SNIFFED_BYTES ? got : SNIFFED_BYTES}, '\0')) {
            ret_result->is_binary = true;
            return;
        }
        scan.len += got;
        ret_result->read_bytes += got;
        stop = find_stop(&scan, is_end);
        scan.is_utf8 = utf8_check(str_part(held(&scan), 0, stop)) == stop;
        look_through(&scan, stop);
        if (!is_end && ret_result->read_bytes >= file_max_bytes) {
            ret_result->is_cut = true;
            return;
        }
        shift(&scan);
    }
}
