/* JSON (RFC 8259) in and out over jansson. Strict: UTF-8 only, no duplicate keys, depth and size
 * capped, integers exact (int64) and reals finite. Values are jansson's json_t; this file is the only
 * way in and out of them, so that every byte from outside meets the same limits.
 * Before a program locks itself down it must call json_start() once (hash seed, no file access later). */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

#include <jansson.h>

#define JSON_DEPTH_MAX 128
#define JSON_SIZE_MAX ((size_t)64 << 20)
#define JSON_VALUES_MAX ((size_t)1 << 20) /* in one text: a tree is far larger than its text */

static inline void json_freep(json_t **slot)
{
    json_decref(*slot);
    *slot = NULL;
}
#define auto_json __attribute__((cleanup(json_freep)))

void json_start(uint32_t seed); /* seed from os_random; once per process */

/* Parses one value that is the whole of s (white space round it allowed).
 * ret    own; json_decref()
 * fault  FAULT_INPUT with "line L column C: ..." ; may be NULL */
must_use int json_parse(struct str s, size_t size_max, own json_t **ret, struct fault *reterr);
/* The same, with // and C comments and trailing commas allowed (settings files only). */
must_use int json_parse_commented(struct str s, size_t size_max, own json_t **ret,
                                  struct fault *reterr);

/* Compact text, keys in insertion order; a real stays one ("1.0"). -EINVAL: not UTF-8, not finite, or
 * nested deeper than any parser of ours would read. Text already in out stays, with a rest behind it
 * on failure. */
must_use int json_print(const json_t *value, struct buf *out);
/* RFC 8785 canonical form (keys sorted by UTF-16 code units, ES6 numbers), but integers beyond
 * 2^53 in full. What hashes are over; not meant to be read back (a real from 2^63 on to 1e21 is written
 * as an integer that json_parse refuses). */
must_use int json_print_canonical(const json_t *value, struct buf *out);

/* Typed getters over an object: 0 found and of the type, 1 (JSON_ABSENT) when the key is missing or
 * null, -FAULT_INPUT with a sentence naming the key when it has another type or range. Views borrow. */
enum { JSON_ABSENT = 1 };
must_use int json_get_str(const json_t *object, const char *key, struct str *ret,
                          struct fault *reterr);
must_use int json_get_i64(const json_t *object, const char *key, int64_t min, int64_t max,
                          int64_t *ret, struct fault *reterr);
must_use int json_get_bool(const json_t *object, const char *key, bool *ret, struct fault *reterr);
must_use int json_get_object(const json_t *object, const char *key, const json_t **ret,
                             struct fault *reterr);
must_use int json_get_array(const json_t *object, const char *key, const json_t **ret,
                            struct fault *reterr);

/* A string value from bytes that may not be UTF-8: each bad byte, and each NUL (which json_parse refuses),
 * becomes U+FFFD. NULL on no memory. */
own json_t *json_string_lossy(struct str s);
