/* The growable byte buffer: doubles up to its maximum, keeps a NUL behind its content, remembers the
 * first failure. Must never hold more than max bytes, and must never change its content when an
 * append fails. The bytes appended must not lie inside the buffer itself. */
#include "base/buf.h"

#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { BUF_FIRST = 64 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->at);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->error = 0;
    if (b->at != NULL)
        b->at[0] = '\0';
}

static int fail(struct buf *b, int error)
{
    b->error = error;
    return error;
}

/* The next capacity for `need` bytes of content and the NUL; never above max + 1. */
static size_t next_cap(const struct buf *b, size_t need)
{
    size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;
    while (cap - 1 < need) {
        if (cap > SIZE_MAX / 2)
            return need + 1;
        cap *= 2;
    }
    if (b->max < SIZE_MAX && cap > b->max + 1)
        cap = b->max + 1;
    return cap;
}

int buf_reserve(struct buf *b, size_t more)
{
    size_t need = 0;
    if (b->error != 0)
        return b->error;
    if (!size_add(b->len, more, &need) || need > b->max || need > SIZE_MAX / 2)
        return fail(b, -FAULT_CAP);
    if (b->at != NULL && need < b->cap)
        return 0;
    size_t cap = next_cap(b, need);
    char *at = realloc(b->at, cap);
    if (at == NULL)
        return fail(b, -ENOMEM);
    b->at = at;
    b->cap = cap;
    b->at[b->len] = '\0';
    return 0;
}

int buf_add(struct buf *b, const void *bytes, size_t len)
{
    int r = buf_reserve(b, len);
    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->at + b->len, bytes, len);
    b->len += len;
    b->at[b->len] = '\0';
    return 0;
}

int buf_add_str(struct buf *b, struct str s)
{
    return buf_add(b, s.at, s.len);
}

int buf_add_z(struct buf *b, const char *z)
{
    return buf_add(b, z, strlen(z));
}

int buf_add_c(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list args;
    va_start(args, fmt);
    int need = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (need < 0)
        return b->error != 0 ? b->error : fail(b, -EINVAL);
    if ((size_t)need < sizeof(small))
        return buf_add(b, small, (size_t)need);
    int r = buf_reserve(b, (size_t)need);
    if (r < 0)
        return r;
    va_start(args, fmt);
    (void)vsnprintf(b->at + b->len, (size_t)need + 1, fmt, args);
    va_end(args);
    b->len += (size_t)need;
    return 0;
}

int buf_insert(struct buf *b, size_t at, struct str s)
{
    must(at <= b->len);
    int r = buf_reserve(b, s.len);
    if (r < 0 || s.len == 0)
        return r;
    memmove(b->at + at + s.len, b->at + at, b->len - at + 1);
    memcpy(b->at + at, s.at, s.len);
    b->len += s.len;
    return 0;
}

void buf_drop_front(struct buf *b, size_t n)
{
    must(n <= b->len);
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->at, b->at + n, b->len + 1);
}

int buf_error(const struct buf *b)
{
    return b->error;
}

char *buf_take(struct buf *b)
{
    if (buf_reserve(b, 0) < 0)
        return NULL;
    char *content = take(b->at);
    buf_init(b, b->max);
    return content;
}
