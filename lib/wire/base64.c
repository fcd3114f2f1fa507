/* Base64, strict in what it takes: one text for one value. White space, missing padding and bits
 * behind the end are refused, so that a value cannot be written in two ways. */
#include "wire/base64.h"

#include "base/fault.h"

int base64_encode(struct str bytes, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes.at;
    int r = bytes.len / 3 < SIZE_MAX / 8 ? buf_reserve(out, (bytes.len + 2) / 3 * 4) : -FAULT_CAP;
    if (r < 0)
        return r;
    char *to = out->at + out->len;
    for (size_t left = bytes.len; left > 0;) {
        size_t n = left < 3 ? left : 3;
        unsigned three =
            (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = n > 1 ? digits[three >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[three & 63] : '=';
        p += n;
        left -= n;
    }
    out->len = (size_t)(to - out->at);
    *to = '\0';
    return 0;
}

/* 0..63, or 64 for what is no digit. */
static unsigned digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* One group of four with `digits` digits in it; the others were '='. */
static bool decode_group(const char *four, size_t digits, unsigned char ret[3])
{
    unsigned v[4] = {0};
    for (size_t i = 0; i < digits; i++) {
        v[i] = digit_value(four[i]);
        if (v[i] == 64)
            return false;
    }
    unsigned all = v[0] << 18 | v[1] << 12 | v[2] << 6 | v[3];
    ret[0] = (unsigned char)(all >> 16);
    ret[1] = (unsigned char)(all >> 8 & 255);
    ret[2] = (unsigned char)(all & 255);
    if (digits == 2)
        return (all & 0xFFFF) == 0;
    return digits == 4 || (all & 0xFF) == 0;
}

int base64_decode(struct str text, struct buf *out)
{
    if (text.len % 4 != 0)
        return -FAULT_INPUT;
    int r = buf_reserve(out, text.len / 4 * 3);
    if (r < 0)
        return r;
    size_t len = out->len; /* nothing counts as content until all of it is right */
    for (size_t i = 0; i < text.len; i += 4) {
        const char *four = text.at + i;
        size_t digits = 4;
        if (i + 4 == text.len && four[3] == '=')
            digits = four[2] == '=' ? 2 : 3;
        if (!decode_group(four, digits, (unsigned char *)out->at + len)) {
            out->at[out->len] = '\0';
            return -FAULT_INPUT;
        }
        len += digits - 1;
    }
    out->len = len;
    out->at[len] = '\0';
    return 0;
}
