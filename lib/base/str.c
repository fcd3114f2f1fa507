/* Pure functions over borrowed text: cutting, exact numbers, UTF-8, hex, secrets. Everything here is
 * fed with bytes from outside, so nothing may read past a view's length and no number may wrap. */
#include "base/str.h"

#include <errno.h>

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq((struct str){s.at, prefix.len}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.at + (s.len - suffix.len), suffix.at, suffix.len) == 0);
}

bool str_split(struct str s, char c, struct str *ret_head, struct str *ret_tail)
{
    const char *found = s.len > 0 ? memchr(s.at, c, s.len) : NULL;
    if (found == NULL)
        return false;
    size_t head = (size_t)(found - s.at);
    *ret_head = (struct str){s.at, head};
    *ret_tail = (struct str){found + 1, s.len - head - 1};
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

char *str_dup(struct str s)
{
    size_t size = 0;
    char *copy = size_add(s.len, 1, &size) ? malloc(size) : NULL;
    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int base_parse_u64(struct str s, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    bool is_too_big = false;
    if (s.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.at[i]))
            return -EINVAL;
        uint64_t digit = (uint64_t)(s.at[i] - '0');
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, digit, &value))
            is_too_big = true;
    }
    if (is_too_big || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

/* sign and magnitude -> int64_t; false when it does not fit. */
static bool sign_i64(bool is_negative, uint64_t magnitude, int64_t *ret)
{
    if (!is_negative) {
        *ret = (int64_t)magnitude;
        return magnitude <= (uint64_t)INT64_MAX;
    }
    if (magnitude > (uint64_t)INT64_MAX + 1)
        return false;
    *ret = magnitude == 0 ? 0 : -1 - (int64_t)(magnitude - 1);
    return true;
}

int base_parse_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
    uint64_t magnitude = 0;
    int64_t value = 0;
    bool is_negative = s.len > 0 && s.at[0] == '-';
    if (is_negative)
        s = (struct str){s.at + 1, s.len - 1};
    int r = base_parse_u64(s, UINT64_MAX, &magnitude);
    if (r < 0)
        return r;
    if (!sign_i64(is_negative, magnitude, &value) || value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

/* A decimal number taken apart: magnitude * 10^exponent. Zeros at the end are kept in the exponent,
 * so that "1.500" needs no more digits than "1.5". */
struct decimal {
    uint64_t magnitude;
    int64_t exponent;
    bool is_too_big;
};

static void decimal_add_digit(struct decimal *d, int64_t *zeros, char c)
{
    if (c == '0') {
        if (d->magnitude != 0)
            (*zeros)++;
        return;
    }
    for (int64_t i = 0; i <= *zeros && !d->is_too_big; i++)
        d->is_too_big = __builtin_mul_overflow(d->magnitude, UINT64_C(10), &d->magnitude);
    *zeros = 0;
    if (__builtin_add_overflow(d->magnitude, (uint64_t)(c - '0'), &d->magnitude))
        d->is_too_big = true;
}

/* digits [. digits] [e [sign] digits], the whole of s. */
static int parse_decimal_parts(struct str s, struct decimal *ret)
{
    struct decimal d = {0};
    int64_t zeros = 0, fraction = 0, exponent = 0;
    size_t i = 0;
    for (; i < s.len && is_digit(s.at[i]); i++)
        decimal_add_digit(&d, &zeros, s.at[i]);
    if (i == 0)
        return -EINVAL;
    if (i < s.len && s.at[i] == '.') {
        size_t first = ++i;
        for (; i < s.len && is_digit(s.at[i]); i++, fraction++)
            decimal_add_digit(&d, &zeros, s.at[i]);
        if (i == first)
            return -EINVAL;
    }
    if (i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i++;
        if (i + 1 < s.len && s.at[i] == '+' && is_digit(s.at[i + 1]))
            i++;
        int r = base_parse_i64((struct str){s.at + i, s.len - i}, -1000, 1000, &exponent);
        if (r < 0)
            return r;
        i = s.len;
    }
    if (i != s.len)
        return -EINVAL;
    d.exponent = zeros - fraction + exponent;
    *ret = d;
    return 0;
}

int base_parse_decimal(struct str s, unsigned scale, int64_t min, int64_t max, int64_t *ret)
{
    struct decimal d;
    int64_t value = 0;
    bool is_negative = s.len > 0 && s.at[0] == '-';
    if (is_negative)
        s = (struct str){s.at + 1, s.len - 1};
    int r = parse_decimal_parts(s, &d);
    if (r < 0)
        return r;
    if (d.magnitude == 0 && !d.is_too_big)
        d.exponent = 0;
    else
        d.exponent += (int64_t)scale;
    if (d.exponent < 0)
        return -EINVAL;
    for (; d.exponent > 0 && !d.is_too_big; d.exponent--)
        d.is_too_big = __builtin_mul_overflow(d.magnitude, UINT64_C(10), &d.magnitude);
    if (d.is_too_big || !sign_i64(is_negative, d.magnitude, &value) || value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

int base_parse_duration(struct str s, int64_t *ret_ns)
{
    static const struct {
        const char *suffix;
        unsigned scale; /* digits from the unit (times factor) to nanoseconds */
        int64_t factor;
    } units[] = {{"ms", 6, 1}, {"s", 9, 1}, {"m", 9, 60}, {"h", 9, 3600}, {"", 9, 1}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct str suffix = str_of(units[i].suffix);
        int64_t value = 0;
        if (!str_ends(s, suffix))
            continue;
        s.len -= suffix.len;
        int r = base_parse_decimal(s, units[i].scale, 0, INT64_MAX / units[i].factor, &value);
        if (r == 0)
            *ret_ns = value * units[i].factor;
        return r;
    }
    return -EINVAL; /* not reached: the empty suffix fits everything */
}

/* Length of the well-formed sequence at p (RFC 3629, table in section 4), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF;
    size_t len;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < len)
        return 0;
    if (lead == 0xE0)
        low = 0xA0; /* shorter form exists */
    else if (lead == 0xED)
        high = 0x9F; /* surrogates */
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F; /* above U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    return len;
}

size_t utf8_valid_prefix(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof(eight)) { /* eight ASCII bytes at once: nearly all text is that */
            memcpy(&eight, p + i, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t len = utf8_sequence(p + i, s.len - i);
        if (len == 0)
            return i;
        i += len;
    }
    return i;
}

void hex_encode(const void *bytes, size_t len, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < len; i++) {
        ret_hex[2 * i] = digits[p[i] >> 4];
        ret_hex[2 * i + 1] = digits[p[i] & 15];
    }
    ret_hex[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(struct str hex, void *ret, size_t len)
{
    unsigned char *out = ret;
    if (hex.len / 2 != len || hex.len % 2 != 0)
        return -EINVAL;
    for (size_t i = 0; i < hex.len; i++) {
        if (hex_value(hex.at[i]) < 0)
            return -EINVAL;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(hex_value(hex.at[2 * i]) * 16 + hex_value(hex.at[2 * i + 1]));
    return 0;
}

bool base_equal_secret(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < len; i++)
        difference = (unsigned char)(difference | (x[i] ^ y[i]));
    return difference == 0;
}

void base_wipe(void *p, size_t len)
{
    if (len > 0)
        explicit_bzero(p, len);
}
