/* See base.h. No files, no policy; the only system call is the last word of mem_fail(). */
#include "base.h"

#include "bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct str str_of(const char *text)
{
    return (struct str){text, strlen(text)};
}

struct str str_part(struct str text, size_t from, size_t to)
{
    assert(from <= to && to <= text.len);
    return (struct str){text.at + from, to - from};
}

bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool str_has(struct str text, char byte)
{
    return bytes_find(text.at, text.len, byte) != SIZE_MAX;
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

size_t str_find(struct str text, struct str needle, size_t from)
{
    size_t hit;

    if (from > text.len)
        return SIZE_MAX;
    hit = bytes_find_text(text.at + from, text.len - from, needle.at, needle.len);
    return hit != SIZE_MAX ? from + hit : SIZE_MAX;
}

size_t str_line_end(struct str text, size_t at)
{
    size_t newline;

    if (at >= text.len)
        return text.len;
    newline = bytes_find(text.at + at, text.len - at, '\n');
    return newline != SIZE_MAX ? at + newline + 1 : text.len;
}

size_t str_line_start(struct str text, size_t at)
{
    assert(at <= text.len);
    while (at > 0 && text.at[at - 1] != '\n')
        at--;
    return at;
}

size_t str_count(struct str text, char byte)
{
    return bytes_count(text.at, text.len, byte);
}

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->at);
    *buf = (struct buf){.max = buf->max};
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->at != NULL ? buf->at : "", buf->len};
}

bool buf_reserve(struct buf *buf, size_t more)
{
    size_t need;
    size_t cap;

    if (more > buf->max - buf->len)
        return false;
    need = buf->len + more + 1;
    if (need <= buf->cap)
        return true;
    cap = buf->cap < 64 ? 64 : buf->cap;
    while (cap < need)
        cap = cap > buf->max / 2 ? buf->max + 1 : cap * 2;
    buf->at = mem_grow(buf->at, cap, 1);
    buf->cap = cap;
    return true;
}

bool buf_add(struct buf *buf, struct str text)
{
    if (!buf_reserve(buf, text.len))
        return false;
    if (text.len > 0)
        memcpy(buf->at + buf->len, text.at, text.len);
    buf->len += text.len;
    buf->at[buf->len] = '\0';
    return true;
}

bool buf_add_byte(struct buf *buf, char byte)
{
    return buf_add(buf, (struct str){&byte, 1});
}

bool buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !buf_reserve(buf, (size_t)length))
        return false;
    va_start(args, format);
    vsnprintf(buf->at + buf->len, (size_t)length + 1, format, args);
    va_end(args);
    buf->len += (size_t)length;
    return true;
}

own void *mem_need(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);

    if (memory == NULL)
        mem_fail();
    return memory;
}

own void *mem_grow(own void *memory, size_t count, size_t size)
{
    void *grown;

    if (size > 0 && count > SIZE_MAX / size)
        mem_fail();
    grown = realloc(memory, count * size > 0 ? count * size : 1);
    if (grown == NULL)
        mem_fail();
    return grown;
}

_Noreturn void mem_fail(void)
{
    static const char result[] =
        "{\"content\":\"Out of memory: the file or the answer is too big for this tool's memory limit "
        "(wasm_max_memory_size). Ask for a smaller part.\",\"structured\":{\"error\":\"memory\"},"
        "\"is_error\":true}\n";

    if (write(STDOUT_FILENO, result, sizeof(result) - 1) < 0)
        _exit(1);
    _exit(1);
}
