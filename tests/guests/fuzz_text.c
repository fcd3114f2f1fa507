/* UTF-8, shown text and paths on any bytes. Whatever goes in, what is shown is valid UTF-8 without controls, and a plain
 * path is plain. */
#include "path.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shown(struct str text, enum utf8_show show)
{
    struct buf buf;

    buf_init(&buf, text.len * 4 + 1);
    if (utf8_add_shown(&buf, text, show) < 0 || utf8_check(buf_str(&buf)) != buf.len)
        abort();
    for (size_t i = 0; i < buf.len; i++)
        if ((unsigned char)buf.at[i] < ' ' && !(buf.at[i] == '\t' && show == UTF8_SHOW_LINE))
            abort();
    buf_done(&buf);
}

static void check_path(struct str text)
{
    struct buf plain;
    struct buf again;

    buf_init(&plain, PATH_MAX_BYTES + 1);
    buf_init(&again, PATH_MAX_BYTES + 1);
    if (path_normalise(text, &plain) == PATH_OK) {
        if (plain.len == 0 || plain.at[0] == '/' || plain.at[plain.len - 1] == '/' ||
            str_find(buf_str(&plain), STR("//"), 0) != SIZE_MAX || strlen(plain.at) != plain.len)
            abort();
        if (path_normalise(buf_str(&plain), &again) != PATH_OK ||
            !str_equal(buf_str(&plain), buf_str(&again)))
            abort();
    }
    buf_done(&plain);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {size > 0 ? (const char *)data : "", size};

    check_shown(text, UTF8_SHOW_NAME);
    check_shown(text, UTF8_SHOW_LINE);
    check_path(text);
    for (size_t max = 0; max < 8 && max <= size; max++)
        if (utf8_head(text, max).len > max)
            abort();
    if (utf8_check(text) == size && size > 5 &&
        utf8_check(utf8_head(text, 5)) != utf8_head(text, 5).len)
        abort();
    return 0;
}
