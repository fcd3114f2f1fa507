/* Views, bounded buffers and checked sizes for guests.
 * A guest lives for one call, so plain tools give their memory back with the instance; the pure parts
 * (patterns, ignore rules, edits) still free what they make, because tests and fuzzers run them many times.
 * Running out of memory has one answer: mem_fail() prints an error result and ends the guest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define own
#define must_use __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* A view: never owns, may hold any byte, not terminated. */
struct str {
    const char *at;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

/* A growable byte string with its maximum set at birth; always NUL-terminated once it holds something. */
struct buf {
    char *at;
    size_t len;
    size_t cap;
    size_t max;
};

struct str str_of(const char *text);
struct str str_part(struct str text, size_t from, size_t to);
bool str_equal(struct str a, struct str b);
bool str_has(struct str text, char byte);
int str_compare(struct str a, struct str b);
/* Offset of the first `needle` at or after `from`, or SIZE_MAX. An empty needle is never found. */
size_t str_find(struct str text, struct str needle, size_t from);
/* Offset just past the line that holds `at` (its newline included), or text.len. */
size_t str_line_end(struct str text, size_t at);
/* Offset of the first byte of the line that holds `at`. */
size_t str_line_start(struct str text, size_t at);
size_t str_count(struct str text, char byte);

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf);
struct str buf_str(const struct buf *buf);
/* All or nothing: false, and nothing added, when the maximum would be passed. */
bool buf_add(struct buf *buf, struct str text);
bool buf_add_byte(struct buf *buf, char byte);
bool buf_addf(struct buf *buf, const char *format, ...) printf_like(2, 3);
/* Room for `more` bytes after len; false when the maximum forbids it. */
bool buf_reserve(struct buf *buf, size_t more);

own void *mem_need(size_t size);
own void *mem_grow(own void *memory, size_t count, size_t size);
_Noreturn void mem_fail(void);
