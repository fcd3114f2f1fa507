/* See base64.h. Pure. */
#include "base64.h"

bool base64_add(struct buf *buf, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.at;
    size_t size;
    char *out;

    if (bytes.len > SIZE_MAX / 2)
        return false;
    size = (bytes.len + 2) / 3 * 4;
    if (!buf_reserve(buf, size))
        return false;
    out = buf->at + buf->len;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0);

        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[group & 63] : '=';
    }
    buf->len += size;
    buf->at[buf->len] = '\0';
    return true;
}
