/* See charset.h. Pure. */
#include "charset.h"

#include "utf8.h"

#include <string.h>
#include <strings.h>

enum { PRESCAN_BYTES = 1024 };

const uint16_t charset_windows_1252[32] = {
    0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
    0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178,
};

static const struct {
    const char *label;
    enum charset charset;
} labels[] = {
    {"utf-8", CHARSET_UTF_8},
    {"utf8", CHARSET_UTF_8},
    {"unicode-1-1-utf-8", CHARSET_UTF_8},
    {"windows-1252", CHARSET_WINDOWS_1252},
    {"cp1252", CHARSET_WINDOWS_1252},
    {"x-cp1252", CHARSET_WINDOWS_1252},
    {"iso-8859-1", CHARSET_WINDOWS_1252},
    {"iso8859-1", CHARSET_WINDOWS_1252},
    {"iso88591", CHARSET_WINDOWS_1252},
    {"iso_8859-1", CHARSET_WINDOWS_1252},
    {"latin1", CHARSET_WINDOWS_1252},
    {"latin-1", CHARSET_WINDOWS_1252},
    {"l1", CHARSET_WINDOWS_1252},
    {"us-ascii", CHARSET_WINDOWS_1252},
    {"ascii", CHARSET_WINDOWS_1252},
    {"iso-8859-15", CHARSET_ISO_8859_15},
    {"iso8859-15", CHARSET_ISO_8859_15},
    {"iso_8859-15", CHARSET_ISO_8859_15},
    {"latin9", CHARSET_ISO_8859_15},
    {"utf-16", CHARSET_UTF_16LE},
    {"utf-16le", CHARSET_UTF_16LE},
    {"utf-16be", CHARSET_UTF_16BE},
};

const char *charset_name(enum charset charset)
{
    static const char *const names[] = {"unknown",     "utf-8",    "windows-1252",
                                        "iso-8859-15", "utf-16le", "utf-16be"};

    return names[charset];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static struct str trimmed(struct str text)
{
    while (text.len > 0 && (is_blank(text.at[0]) || text.at[0] == '"' || text.at[0] == '\''))
        text = str_part(text, 1, text.len);
    while (text.len > 0 && (is_blank(text.at[text.len - 1]) || text.at[text.len - 1] == '"' ||
                            text.at[text.len - 1] == '\''))
        text.len--;
    return text;
}

enum charset charset_of_label(struct str label)
{
    struct str plain = trimmed(label);

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        if (plain.len == strlen(labels[i].label) &&
            strncasecmp(plain.at, labels[i].label, plain.len) == 0)
            return labels[i].charset;
    return CHARSET_UNKNOWN;
}

static enum charset charset_of_mark(struct str bytes)
{
    if (bytes.len >= 3 && memcmp(bytes.at, "\xEF\xBB\xBF", 3) == 0)
        return CHARSET_UTF_8;
    if (bytes.len >= 2 && memcmp(bytes.at, "\xFF\xFE", 2) == 0)
        return CHARSET_UTF_16LE;
    if (bytes.len >= 2 && memcmp(bytes.at, "\xFE\xFF", 2) == 0)
        return CHARSET_UTF_16BE;
    return CHARSET_UNKNOWN;
}

/* The value behind "charset=" in the first bytes: <meta charset="x"> and <meta http-equiv ... content="...; charset=x">
 * both have it, and an XML declaration has "encoding=". Empty: none. */
static struct str label_of_page(struct str bytes)
{
    static const char *const keys[] = {"charset", "encoding"};
    struct str head = str_part(bytes, 0, bytes.len < PRESCAN_BYTES ? bytes.len : PRESCAN_BYTES);

    for (size_t at = 0; at < head.len; at++) {
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            size_t from = at + strlen(keys[k]);
            size_t end;

            if (from > head.len || strncasecmp(head.at + at, keys[k], strlen(keys[k])) != 0)
                continue;
            while (from < head.len && is_blank(head.at[from]))
                from++;
            if (from == head.len || head.at[from] != '=')
                continue;
            from++;
            while (from < head.len &&
                   (is_blank(head.at[from]) || head.at[from] == '"' || head.at[from] == '\''))
                from++;
            for (end = from; end < head.len && !is_blank(head.at[end]); end++)
                if (strchr("\"';/>?", head.at[end]) != NULL)
                    break;
            if (end > from && end < head.len)
                return str_part(head, from, end);
        }
    }
    return STR("");
}

struct charset_choice charset_choose(struct str label, struct str bytes, bool is_html)
{
    struct charset_choice choice = {charset_of_mark(bytes), false, STR("")};
    struct str of_page;

    if (choice.charset == CHARSET_UNKNOWN && label.len > 0) {
        choice.charset = charset_of_label(label);
        if (choice.charset == CHARSET_UNKNOWN)
            choice.unknown = trimmed(label);
    }
    if (choice.charset == CHARSET_UNKNOWN && is_html) {
        of_page = label_of_page(bytes);
        choice.charset = charset_of_label(of_page);
        /* The declaration was read byte by byte: whatever it says, the page cannot be in UTF-16. */
        if (choice.charset == CHARSET_UTF_16LE || choice.charset == CHARSET_UTF_16BE)
            choice.charset = CHARSET_UTF_8;
        if (choice.charset == CHARSET_UNKNOWN && of_page.len > 0 && choice.unknown.len == 0)
            choice.unknown = of_page;
    }
    if (choice.charset == CHARSET_UNKNOWN) {
        choice.is_guessed = true;
        choice.charset = utf8_check(bytes) == bytes.len ? CHARSET_UTF_8 : CHARSET_WINDOWS_1252;
    }
    return choice;
}

static size_t add_utf8(struct str bytes, struct buf *ret_text)
{
    size_t replaced = 0;

    while (bytes.len > 0) {
        size_t valid = utf8_check(bytes);

        buf_add(ret_text, str_part(bytes, 0, valid));
        bytes = str_part(bytes, valid, bytes.len);
        if (bytes.len > 0) {
            utf8_add(ret_text, 0xFFFD);
            replaced++;
            bytes = str_part(bytes, 1, bytes.len);
        }
    }
    return replaced;
}

static uint32_t of_latin_9(unsigned char byte)
{
    static const uint16_t others[8][2] = {{0xA4, 0x20AC}, {0xA6, 0x160}, {0xA8, 0x161},
                                          {0xB4, 0x17D},  {0xB8, 0x17E}, {0xBC, 0x152},
                                          {0xBD, 0x153},  {0xBE, 0x178}};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i][0] == byte)
            return others[i][1];
    return byte;
}

static size_t add_bytes(bool is_latin_9, struct str bytes, struct buf *ret_text)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.at[i];

        if (is_latin_9)
            utf8_add(ret_text, of_latin_9(byte));
        else
            utf8_add(ret_text,
                     byte >= 0x80 && byte < 0xA0 ? charset_windows_1252[byte - 0x80] : byte);
    }
    return 0;
}

static size_t add_utf16(bool is_big, struct str bytes, struct buf *ret_text)
{
    size_t replaced = 0;

    for (size_t at = 0; at < bytes.len;) {
        const unsigned char *unit = (const unsigned char *)bytes.at + at;
        size_t left = bytes.len - at;
        uint32_t first = left < 2 ? 0xFFFFFFFF : (uint32_t)(unit[!is_big] << 8 | unit[is_big]);
        uint32_t second = left < 4 ? 0 : (uint32_t)(unit[2 + !is_big] << 8 | unit[2 + is_big]);

        at += left < 2 ? left : 2;
        if (first >= 0xD800 && first < 0xDC00 && second >= 0xDC00 && second < 0xE000) {
            first = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            at += 2;
        } else if (first > 0xFFFF || (first >= 0xD800 && first < 0xE000)) {
            first = 0xFFFD;
            replaced++;
        }
        utf8_add(ret_text, first);
    }
    return replaced;
}

size_t charset_decode(enum charset charset, struct str bytes, struct buf *ret_text)
{
    enum charset mark = charset_of_mark(bytes);

    if (mark == charset)
        bytes = str_part(bytes, mark == CHARSET_UTF_8 ? 3 : 2, bytes.len);
    switch (charset) {
    case CHARSET_WINDOWS_1252: return add_bytes(false, bytes, ret_text);
    case CHARSET_ISO_8859_15: return add_bytes(true, bytes, ret_text);
    case CHARSET_UTF_16LE: return add_utf16(false, bytes, ret_text);
    case CHARSET_UTF_16BE: return add_utf16(true, bytes, ret_text);
    case CHARSET_UTF_8:
    case CHARSET_UNKNOWN: break;
    }
    return add_utf8(bytes, ret_text);
}
