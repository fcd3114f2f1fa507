/* Borrowed views of bytes, and the small pure functions over text. A view never owns. */
#pragma once

#include "base/base.h"

#include <string.h>

struct str {
    const char *at;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FMT(s) (int)(s).len, (s).at /* for "%.*s" */

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
static inline bool str_is(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Splits at the first c: true and both parts when found; the separator is in neither. */
bool str_split(struct str s, char c, struct str *ret_head, struct str *ret_tail);
struct str str_trim(struct str s); /* ASCII white space at both ends */
own char *str_dup(struct str s);   /* NUL-terminated copy; NULL on no memory */

/* Whole-string decimal integers within [min, max]; no white space, no '+'. -EINVAL or -ERANGE. */
must_use int base_parse_i64(struct str s, int64_t min, int64_t max, int64_t *ret);
must_use int base_parse_u64(struct str s, uint64_t max, uint64_t *ret);
/* "1.25", "20e9", "0.5" -> value * 10^scale as an exact integer; refuses what does not fit or has
 * more digits than scale, zeros at the end not counted (-ERANGE / -EINVAL). Used for seconds (scale 9) and dollars (scale 12). */
must_use int base_parse_decimal(struct str s, unsigned scale, int64_t min, int64_t max,
                                int64_t *ret);
/* Duration: seconds with fraction, suffix ms, s, m, h optional -> nanoseconds. */
must_use int base_parse_duration(struct str s, int64_t *ret_ns);

/* UTF-8 (RFC 3629): length of the valid prefix; == s.len when all is valid. */
size_t utf8_valid_prefix(struct str s);
static inline bool utf8_valid(struct str s)
{
    return utf8_valid_prefix(s) == s.len;
}

void hex_encode(const void *bytes, size_t len, char *ret_hex /* 2*len+1 */);
/* Exactly len bytes; lower or upper case. -EINVAL leaves ret as it was. */
must_use int hex_decode(struct str hex, void *ret, size_t len);

/* Constant-time equality of secrets of one length. */
bool base_equal_secret(const void *a, const void *b, size_t len);
/* memset that is not optimised away. */
void base_wipe(void *p, size_t len);
