/* See tool.h. stdin and stdout are touched here only. */
#include "tool.h"

#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERROR_TEXT_MAX = 16 << 10 };

static void must_fit(bool is_done)
{
    if (!is_done)
        mem_fail();
}

yyjson_mut_doc *tool_doc(void)
{
    static yyjson_mut_doc *doc;

    if (doc == NULL)
        doc = yyjson_mut_doc_new(NULL);
    if (doc == NULL)
        mem_fail();
    return doc;
}

yyjson_mut_val *tool_text(struct str text)
{
    yyjson_mut_val *value = yyjson_mut_strn(tool_doc(), text.len > 0 ? text.at : "", text.len);

    must_fit(value != NULL);
    return value;
}

struct str tool_name(struct str name)
{
    struct buf shown;

    buf_init(&shown, name.len * 4 + 1);
    utf8_add_shown(&shown, name, UTF8_SHOW_NAME);
    return buf_str(&shown);
}

void tool_set(yyjson_mut_val *object, const char *key, yyjson_mut_val *value)
{
    must_fit(value != NULL && yyjson_mut_obj_add_val(tool_doc(), object, key, value));
}

void tool_set_text(yyjson_mut_val *object, const char *key, struct str text)
{
    tool_set(object, key, tool_text(text));
}

void tool_set_count(yyjson_mut_val *object, const char *key, uint64_t count)
{
    tool_set(object, key, yyjson_mut_uint(tool_doc(), count));
}

void tool_set_flag(yyjson_mut_val *object, const char *key, bool flag)
{
    tool_set(object, key, yyjson_mut_bool(tool_doc(), flag));
}

static bool write_all(struct str text)
{
    while (text.len > 0) {
        ssize_t done = write(STDOUT_FILENO, text.at, text.len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        text = str_part(text, (size_t)done, text.len);
    }
    return true;
}

static _Noreturn void print_result(yyjson_mut_val *content, yyjson_mut_val *structured,
                                   bool is_error)
{
    yyjson_mut_doc *doc = tool_doc();
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    struct str text;

    must_fit(root != NULL);
    tool_set(root, "content", content);
    tool_set(root, "structured", structured != NULL ? structured : yyjson_mut_null(doc));
    tool_set_flag(root, "is_error", is_error);
    yyjson_mut_doc_set_root(doc, root);
    text.at = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &text.len);
    if (text.at == NULL)
        mem_fail();
    if (!write_all(text) || !write_all(STR("\n")))
        _exit(1);
    _exit(is_error ? 1 : 0);
}

static yyjson_mut_val *text_item(struct str text)
{
    yyjson_mut_val *item = yyjson_mut_obj(tool_doc());

    must_fit(item != NULL);
    tool_set_text(item, "type", STR("text"));
    tool_set_text(item, "text", text);
    return item;
}

_Noreturn void tool_done(struct str text, struct str note, yyjson_mut_val *structured)
{
    yyjson_mut_val *list;

    if (note.len == 0)
        print_result(tool_text(text), structured, false);
    list = yyjson_mut_arr(tool_doc());
    must_fit(list != NULL && yyjson_mut_arr_append(list, text_item(text)) &&
             yyjson_mut_arr_append(list, text_item(note)));
    print_result(list, structured, false);
}

_Noreturn void tool_done_image(struct str note, struct str base64, const char *media_type,
                               yyjson_mut_val *structured)
{
    yyjson_mut_val *list = yyjson_mut_arr(tool_doc());
    yyjson_mut_val *image = yyjson_mut_obj(tool_doc());

    must_fit(list != NULL && image != NULL);
    tool_set_text(image, "type", STR("image"));
    tool_set_text(image, "data", base64);
    tool_set_text(image, "media_type", str_of(media_type));
    must_fit(yyjson_mut_arr_append(list, text_item(note)) && yyjson_mut_arr_append(list, image));
    print_result(list, structured, false);
}

_Noreturn void tool_fail_text(const char *code, struct str text)
{
    tool_fail_with(yyjson_mut_obj(tool_doc()), code, text);
}

_Noreturn void tool_fail_with(yyjson_mut_val *structured, const char *code, struct str text)
{
    struct buf shown;

    buf_init(&shown, text.len * 3 + 1);
    /* Line by line: a message may have several lines, and what it quotes may be anything. */
    for (size_t at = 0; at < text.len;) {
        size_t end = str_line_end(text, at);
        bool has_newline = text.at[end - 1] == '\n';

        utf8_add_shown(&shown, str_part(text, at, end - has_newline), UTF8_SHOW_LINE);
        if (has_newline)
            buf_add_byte(&shown, '\n');
        at = end;
    }
    must_fit(structured != NULL);
    tool_set_text(structured, "error", str_of(code));
    print_result(tool_text(buf_str(&shown)), structured, true);
}

_Noreturn void tool_fail(const char *code, const char *format, ...)
{
    static char text[ERROR_TEXT_MAX];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0)
        length = 0;
    if ((size_t)length >= sizeof(text))
        length = (int)sizeof(text) - 1;
    tool_fail_text(code, (struct str){text, (size_t)length});
}

static struct str value_text(yyjson_val *value)
{
    return (struct str){yyjson_get_str(value), yyjson_get_len(value)};
}

static const char *kind_name(enum tool_arg_kind kind)
{
    static const char *const names[] = {"a string", "an integer", "true or false", "an array"};

    return names[kind];
}

static _Noreturn void fail_kind(const char *where, const struct tool_arg *row)
{
    tool_fail("bad_argument", "Bad argument: %s%s must be %s.", where, row->name,
              kind_name(row->kind));
}

static void check_range(const char *where, const struct tool_arg *row, int64_t value,
                        const char *unit)
{
    if (value >= row->min && value <= row->max)
        return;
    tool_fail("bad_argument", "Bad argument: %s%s %s%s %lld, allowed are %lld to %lld%s.", where,
              row->name, *unit != '\0' ? "has" : "is", "", (long long)value, (long long)row->min,
              (long long)row->max, unit);
}

/* JSON Schema counts 5.0 as an integer. */
static bool take_integer(yyjson_val *value, int64_t *ret_integer)
{
    if (yyjson_is_sint(value)) {
        *ret_integer = yyjson_get_sint(value);
        return true;
    }
    if (yyjson_is_uint(value)) {
        uint64_t number = yyjson_get_uint(value);

        *ret_integer = number > INT64_MAX ? INT64_MAX : (int64_t)number;
        return true;
    }
    if (yyjson_is_real(value)) {
        double number = yyjson_get_real(value);

        if (!(number >= -9.0e15 && number <= 9.0e15) || (double)(int64_t)number != number)
            return false;
        *ret_integer = (int64_t)number;
        return true;
    }
    return false;
}

static void take_value(yyjson_val *value, const char *where, const struct tool_arg *row, void *slot)
{
    int64_t integer;

    switch (row->kind) {
    case TOOL_TEXT:
        if (!yyjson_is_str(value))
            fail_kind(where, row);
        check_range(where, row, (int64_t)utf8_count(value_text(value)), " characters");
        *(struct str *)slot = value_text(value);
        return;
    case TOOL_INTEGER:
        if (!take_integer(value, &integer))
            fail_kind(where, row);
        check_range(where, row, integer, "");
        *(int64_t *)slot = integer;
        return;
    case TOOL_BOOLEAN:
        if (!yyjson_is_bool(value))
            fail_kind(where, row);
        *(bool *)slot = yyjson_get_bool(value);
        return;
    case TOOL_ARRAY:
        if (!yyjson_is_arr(value))
            fail_kind(where, row);
        check_range(where, row, (int64_t)yyjson_arr_size(value), " items");
        *(yyjson_val **)slot = value;
        return;
    }
}

static size_t find_row(const struct tool_arg *rows, size_t count, struct str name)
{
    size_t i = 0;

    while (i < count && !str_equal(name, str_of(rows[i].name)))
        i++;
    return i;
}

static _Noreturn void fail_unknown(const char *where, struct str name, const struct tool_arg *rows,
                                   size_t count)
{
    struct str shown = utf8_head(tool_name(name), 100);
    struct buf known;

    buf_init(&known, 1000);
    for (size_t i = 0; i < count; i++)
        buf_addf(&known, "%s%s", i > 0 ? ", " : "", rows[i].name);
    tool_fail("bad_argument", "Bad argument: %s%.*s is not known. Known: %s.", where,
              (int)shown.len, shown.at, known.at);
}

void tool_take_object(yyjson_val *object, const char *where, const struct tool_arg *rows,
                      size_t count, void *ret_args)
{
    uint64_t seen = 0;
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_is_obj(object))
        tool_fail("bad_argument", "Bad argument: %s must be an object.",
                  *where != '\0' ? where : "the input");
    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        size_t i = find_row(rows, count, value_text(key));

        if (i == count)
            fail_unknown(where, value_text(key), rows, count);
        if ((seen >> i & 1) != 0)
            tool_fail("bad_argument", "Bad argument: %s%s is given twice.", where, rows[i].name);
        seen |= UINT64_C(1) << i;
        take_value(yyjson_obj_iter_get_val(key), where, &rows[i],
                   (char *)ret_args + rows[i].offset);
    }
    for (size_t i = 0; i < count; i++)
        if (rows[i].is_required && (seen >> i & 1) == 0)
            tool_fail("bad_argument", "Bad argument: %s%s is required.", where, rows[i].name);
}

static void read_input(struct buf *ret_input)
{
    buf_init(ret_input, TOOL_MAX_INPUT + YYJSON_PADDING_SIZE);
    for (;;) {
        ssize_t got;

        must_fit(buf_reserve(ret_input, ret_input->len == 0 ? 16 << 10 : YYJSON_PADDING_SIZE + 1));
        got =
            read(STDIN_FILENO, ret_input->at + ret_input->len, ret_input->cap - 1 - ret_input->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            tool_fail("io", "The input cannot be read: %s.", strerror(errno));
        if (got == 0)
            return;
        ret_input->len += (size_t)got;
        if (ret_input->len > TOOL_MAX_INPUT)
            tool_fail("bad_argument", "The input is longer than %d bytes.", TOOL_MAX_INPUT);
    }
}

void tool_begin(const struct tool_arg *rows, size_t count, void *ret_args)
{
    static struct buf input;
    yyjson_read_err error;
    yyjson_doc *doc;

    read_input(&input);
    must_fit(buf_reserve(&input, YYJSON_PADDING_SIZE));
    memset(input.at + input.len, 0, YYJSON_PADDING_SIZE);
    doc = yyjson_read_opts(input.at, input.len, YYJSON_READ_INSITU, NULL, &error);
    if (doc == NULL)
        tool_fail("bad_argument", "The input is not one JSON object: %s at byte %zu.", error.msg,
                  error.pos);
    tool_take_object(yyjson_doc_get_root(doc), "", rows, count, ret_args);
}
