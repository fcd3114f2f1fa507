/* read: lines of one file, an image, or bytes as base64. The file is streamed: what is kept is one answer, however
 * big the file is. The text is given exactly as it is; facts about it go to the structured part and to a note. */
#include "base64.h"
#include "file.h"
#include "image.h"
#include "path.h"
#include "tool.h"
#include "utf8.h"

#include <string.h>

enum {
    DEFAULT_LINES = 2000,
    MAX_LINES = 100000,
    CHUNK_BYTES = 64 << 10,
    /* after the wanted lines the rest is read only to count its lines, and only so far */
    COUNTED_BYTES = 64 << 20,
};

struct read_args {
    struct str path;
    int64_t offset;
    int64_t limit;
};

static const struct tool_arg rows[] = {
    {"path", TOOL_TEXT, true, 1, 4096, offsetof(struct read_args, path)},
    {"offset", TOOL_INTEGER, false, 1, 2000000000, offsetof(struct read_args, offset)},
    {"limit", TOOL_INTEGER, false, 1, MAX_LINES, offsetof(struct read_args, limit)},
};

/* The window of lines that is asked for, while the file streams by. */
struct window {
    int64_t first; /* wanted lines: first .. first + limit - 1 */
    int64_t limit;
    int64_t line;  /* the line that the next byte belongs to, from 1 */
    int64_t taken; /* lines begun inside the window */
    struct buf text;
    bool is_full;     /* the byte cap ended the window */
    bool is_line_cut; /* ... inside its first line */
    bool ends_open;   /* the last byte seen was not a newline */
};

static _Noreturn void answer_image(struct str path, const char *type)
{
    yyjson_mut_val *structured = yyjson_mut_obj(tool_doc());
    struct str shown = tool_name(path_shown(path));
    struct buf bytes;
    struct buf base64;
    struct buf note;

    file_read_all(path, IMAGE_MAX_BYTES, &bytes);
    buf_init(&base64, IMAGE_MAX_BYTES * 2);
    buf_init(&note, 32 << 10);
    if (!base64_add(&base64, buf_str(&bytes)))
        mem_fail();
    buf_addf(&note, "%.*s: %s, %zu bytes", (int)shown.len, shown.at, type, bytes.len);
    tool_set_text(structured, "path", shown);
    tool_set_text(structured, "kind", STR("image"));
    tool_set_text(structured, "media_type", str_of(type));
    tool_set_count(structured, "size_bytes", bytes.len);
    tool_done_image(buf_str(&note), buf_str(&base64), type, structured);
}

/* Whole lines as long as they fit; of a single line that does not fit, its start. */
static void keep(struct window *window, struct str part)
{
    size_t room = TOOL_MAX_CONTENT - window->text.len;

    if (window->is_full)
        return;
    if (part.len > room) {
        struct str text = buf_str(&window->text);
        size_t whole = str_line_start(text, text.len);

        window->is_full = true;
        if (whole > 0) {
            window->text.len = whole;
            window->taken = (int64_t)str_count(str_part(text, 0, whole), '\n');
            return;
        }
        window->is_line_cut = true;
        part = str_part(part, 0, room);
    }
    buf_add(&window->text, part);
}

static void feed(struct window *window, struct str chunk)
{
    for (size_t at = 0; at < chunk.len;) {
        size_t end = str_line_end(chunk, at);
        struct str part = str_part(chunk, at, end);
        bool is_wanted =
            window->line >= window->first && window->line - window->first < window->limit;

        if (is_wanted) {
            if (!window->is_full)
                window->taken = window->line - window->first + 1;
            keep(window, part);
        }
        window->ends_open = part.at[part.len - 1] != '\n';
        if (!window->ends_open)
            window->line++;
        at = end;
    }
}

static bool is_past(const struct window *window)
{
    return window->is_full || window->line - window->first >= window->limit;
}

/* ret_total: lines of the file, or -1 when it is too long to count. */
static void stream(int fd, struct str path, struct window *window, int64_t *ret_total)
{
    static char chunk[CHUNK_BYTES];
    size_t counted = 0;

    for (;;) {
        size_t got = file_read(fd, path, chunk, sizeof(chunk));

        if (window->line == 1 && window->text.len == 0 && !window->ends_open) {
            const char *type = image_type((struct str){chunk, got});

            if (type != NULL)
                answer_image(path, type);
        }
        if (is_past(window)) {
            /* only the count matters now */
            window->line += (int64_t)str_count((struct str){chunk, got}, '\n');
            if (got > 0)
                window->ends_open = chunk[got - 1] != '\n';
            counted += got;
        } else {
            feed(window, (struct str){chunk, got});
        }
        if (got < sizeof(chunk)) {
            *ret_total = window->line - 1 + window->ends_open;
            return;
        }
        if (counted >= COUNTED_BYTES) {
            *ret_total = -1;
            return;
        }
    }
}

static const char *line_ends(struct str text)
{
    size_t all = str_count(text, '\n');
    size_t crlf = 0;

    for (size_t at = str_find(text, STR("\r\n"), 0); at != SIZE_MAX;
         at = str_find(text, STR("\r\n"), at + 2))
        crlf++;
    if (all == 0)
        return "none";
    return crlf == 0 ? "lf" : crlf == all ? "crlf" : "mixed";
}

static void note_rest(struct buf *note, const struct window *window, int64_t total)
{
    int64_t last = window->first + window->taken - 1;

    if (window->is_line_cut)
        buf_addf(
            note,
            "[line %lld is longer than %d bytes: only its start is shown; grep finds text in the "
            "rest]\n",
            (long long)window->first, TOOL_MAX_CONTENT);
    if (total < 0)
        buf_addf(note, "[lines %lld-%lld of many; go on with offset %lld]\n",
                 (long long)window->first, (long long)last, (long long)last + 1);
    else if (last < total)
        buf_addf(note, "[lines %lld-%lld of %lld; go on with offset %lld]\n",
                 (long long)window->first, (long long)last, (long long)total, (long long)last + 1);
}

static yyjson_mut_val *describe(struct str path, const struct window *window, int64_t total,
                                int64_t size)
{
    yyjson_mut_doc *doc = tool_doc();
    yyjson_mut_val *structured = yyjson_mut_obj(doc);
    int64_t last = window->first + window->taken - 1;
    bool has_more = total < 0 || last < total;

    tool_set_text(structured, "path", tool_name(path_shown(path)));
    tool_set(structured, "first_line", yyjson_mut_sint(doc, window->taken > 0 ? window->first : 0));
    tool_set(structured, "last_line", yyjson_mut_sint(doc, window->taken > 0 ? last : 0));
    tool_set(structured, "total_lines",
             total < 0 ? yyjson_mut_null(doc) : yyjson_mut_sint(doc, total));
    tool_set_count(structured, "size_bytes", size < 0 ? 0 : (uint64_t)size);
    tool_set_flag(structured, "truncated", has_more || window->is_line_cut);
    tool_set(structured, "next_offset",
             has_more ? yyjson_mut_sint(doc, last + 1) : yyjson_mut_null(doc));
    return structured;
}

static _Noreturn void answer_bytes(struct window *window, yyjson_mut_val *structured,
                                   struct buf *note)
{
    struct buf base64;
    struct buf head;

    buf_init(&base64, TOOL_MAX_CONTENT * 2);
    buf_init(&head, 4096);
    if (!base64_add(&base64, buf_str(&window->text)))
        mem_fail();
    buf_addf(&head, "[not UTF-8 text: the %zu bytes of these lines are given as base64]\n",
             window->text.len);
    buf_add(&head, buf_str(note));
    tool_set_text(structured, "kind", STR("bytes"));
    tool_set_text(structured, "encoding", STR("base64"));
    tool_done(buf_str(&base64), buf_str(&head), structured);
}

static _Noreturn void answer(struct str path, struct window *window, int64_t total, int64_t size)
{
    yyjson_mut_val *structured = describe(path, window, total, size);
    struct str text = buf_str(&window->text);
    struct buf note;

    buf_init(&note, 4096);
    if (window->is_line_cut)
        text = window->text.len > 3 && utf8_check(text) >= text.len - 3
                   ? str_part(text, 0, utf8_check(text))
                   : text;
    note_rest(&note, window, total);
    if (utf8_check(text) != text.len || str_has(text, '\0'))
        answer_bytes(window, structured, &note);
    tool_set_text(structured, "kind", STR("text"));
    tool_set_text(structured, "encoding", STR("utf-8"));
    tool_set_text(structured, "line_ends", str_of(line_ends(text)));
    if (total == 0) {
        tool_done(STR("[the file is empty]"), (struct str){"", 0}, structured);
    }
    tool_done(text, buf_str(&note), structured);
}

int main(void)
{
    struct read_args args = {.offset = 1, .limit = DEFAULT_LINES};
    struct window window = {.line = 1};
    struct stat info;
    struct str path;
    int64_t total;
    int fd;

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &args);
    path = file_take_path("path", args.path);
    window.first = args.offset;
    window.limit = args.limit;
    buf_init(&window.text, TOOL_MAX_CONTENT);
    fd = file_open(path, &info);
    stream(fd, path, &window, &total);
    if (window.taken == 0 && total != 0) {
        struct str shown = tool_name(path_shown(path));

        tool_fail("bad_argument", "offset %lld is past the end: %.*s has %lld line%s.",
                  (long long)args.offset, (int)shown.len, shown.at, (long long)total,
                  total == 1 ? "" : "s");
    }
    answer(path, &window, total, info.st_size);
}
