/* See utf8.h. Pure. */
#include "utf8.h"

#include "bytes.h"

#include <string.h>

size_t utf8_step(struct str text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t length;
    unsigned low = 0x80;
    unsigned high = 0xBF;

    if (text.len == 0)
        return 0;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return 0;
    length = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (text.len < length)
        return 0;
    if (at[0] == 0xE0)
        low = 0xA0;
    else if (at[0] == 0xED)
        high = 0x9F;
    else if (at[0] == 0xF0)
        low = 0x90;
    else if (at[0] == 0xF4)
        high = 0x8F;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

size_t utf8_check(struct str text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t step;

        at += bytes_ascii(text.at + at, text.len - at); /* most text is */
        if (at == text.len)
            break;
        step = utf8_step(str_part(text, at, text.len));
        if (step == 0)
            return at;
        at += step;
    }
    return at;
}

size_t utf8_decode(struct str text, size_t at, uint32_t *ret_char)
{
    const unsigned char *byte = (const unsigned char *)text.at + at;
    size_t step = utf8_step(str_part(text, at, text.len));
    static const uint32_t lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t value;

    if (step == 0) {
        *ret_char = UINT32_C(0x110000) + byte[0];
        return 1;
    }
    value = byte[0] & lead_mask[step];
    for (size_t i = 1; i < step; i++)
        value = value << 6 | (byte[i] & UINT32_C(0x3F));
    *ret_char = value;
    return step;
}

bool utf8_add(struct buf *buf, uint32_t character)
{
    uint32_t c =
        character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF) ? 0xFFFD : character;
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[5] = {0, 0x00, 0xC0, 0xE0, 0xF0};

    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    bytes[0] = (char)(leads[len] | c);
    return buf_add(buf, (struct str){bytes, len});
}

size_t utf8_count(struct str text)
{
    size_t count = 0;

    for (size_t at = 0; at < text.len; count++) {
        uint32_t ignored;

        at += utf8_decode(text, at, &ignored);
    }
    return count;
}

struct str utf8_head(struct str text, size_t max)
{
    size_t end = max;

    if (text.len <= max)
        return text;
    for (size_t back = 0; back < 4 && back <= max; back++) {
        size_t start = max - back;

        if (((unsigned char)text.at[start] & 0xC0) != 0x80) {
            size_t step = utf8_step(str_part(text, start, text.len));

            end = step == 0 ? max : start;
            break;
        }
    }
    return str_part(text, 0, end);
}

static bool is_plain(unsigned char byte, enum utf8_show show)
{
    if (byte == '\t')
        return show == UTF8_SHOW_LINE;
    return byte >= 0x20 && byte != 0x7F;
}

static bool add_replacement(struct buf *buf, unsigned char byte, enum utf8_show show)
{
    if (show == UTF8_SHOW_LINE)
        return buf_add(buf, STR("\xEF\xBF\xBD"));
    if (byte == '\n')
        return buf_add(buf, STR("\\n"));
    if (byte == '\t')
        return buf_add(buf, STR("\\t"));
    return buf_addf(buf, "\\x%02x", byte);
}

int utf8_add_shown(struct buf *buf, struct str text, enum utf8_show show)
{
    size_t before = buf->len;
    size_t from = 0;
    int changed = 0;

    for (size_t at = 0; at < text.len;) {
        size_t step = utf8_step(str_part(text, at, text.len));

        if (step > 1 || (step == 1 && is_plain((unsigned char)text.at[at], show))) {
            at += step;
            continue;
        }
        changed = 1;
        if (!buf_add(buf, str_part(text, from, at)) ||
            !add_replacement(buf, (unsigned char)text.at[at], show))
            goto full;
        from = ++at;
    }
    if (buf_add(buf, str_part(text, from, text.len)))
        return changed;
full:
    buf->len = before;
    if (buf->at != NULL)
        buf->at[before] = '\0';
    return -1;
}
