/* The one growable byte buffer. It must be given its maximum at birth; an append that would pass it
 * fails with -FAULT_CAP and leaves the buffer as it was. Errors are sticky: after a failed append
 * every later one fails too, so that a chain of appends needs one check (buf_error) at its end. */
#pragma once

#include "base/base.h"
#include "base/str.h"

struct buf {
    char *at; /* NUL is kept behind at[len] whenever at != NULL */
    size_t len;
    size_t cap; /* allocated */
    size_t max; /* never more than this many bytes of content */
    int error;  /* 0, -ENOMEM or -FAULT_CAP; sticky */
};

void buf_init(struct buf *b, size_t max); /* allocates nothing */
void buf_done(struct buf *b);             /* frees; b is as after buf_init(b, same max) */
void buf_reset(struct buf *b);            /* empties, keeps memory, clears the error */

must_use int buf_reserve(struct buf *b, size_t more); /* room for more bytes at at+len */
int buf_add(struct buf *b, const void *bytes, size_t len);
int buf_add_str(struct buf *b, struct str s);
int buf_add_z(struct buf *b, const char *z);
int buf_add_c(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
int buf_insert(struct buf *b, size_t at, struct str s); /* before what stands at `at` <= len */
void buf_drop_front(struct buf *b, size_t n);           /* removes the first n bytes */
must_use int buf_error(const struct buf *b);            /* 0 or the sticky error */
own char *buf_take(struct buf *b); /* NUL-terminated content; b is empty after; NULL on error */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->at ? b->at : "", b->len};
}
