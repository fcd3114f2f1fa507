/* One walk over the letters of a text. The list of what is not shown is that of tools/sanitise.c; here it becomes a '?', because a
 * line for people has no room for names. Nothing is believed to be UTF-8. */
#include "edge/safe.h"

static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c}, {0x200e, 0x200f},   {0x2028, 0x202e},
    {0x2066, 0x2069}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

/* The letter at the front: its bytes, or one byte and false when it may not be shown. */
static bool next_letter(struct str text, size_t *ret_len)
{
    unsigned char c = (unsigned char)text.at[0];
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    *ret_len = 1;
    if (len > text.len || utf8_valid_prefix((struct str){text.at, len}) != len)
        return false;
    uint32_t code = len == 1 ? c : c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)text.at[i] & 0x3f);
    *ret_len = len;
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (code >= hidden[i].first && code <= hidden[i].last)
            return false;
    return true;
}

static void print(FILE *out, struct str text, bool lines)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        bool shown = next_letter((struct str){text.at + at, text.len - at}, &len);
        bool is_space = lines && (text.at[at] == '\n' || text.at[at] == '\t');
        if (shown || is_space)
            fwrite(text.at + at, 1, len, out);
        else
            fputc('?', out);
    }
}

void safe_print(FILE *out, struct str text)
{
    print(out, text, true);
}

void safe_print_line(FILE *out, const char *text)
{
    print(out, str_of(text), false);
}

void safe_copy(char *ret, size_t size, const char *text)
{
    struct str rest = str_of(text);
    size_t n = 0, len;
    while (rest.len > 0) {
        bool shown = next_letter(rest, &len);
        size_t room = shown ? len : 1;
        if (n + room + 1 > size)
            break;
        if (shown)
            memcpy(ret + n, rest.at, len);
        else
            ret[n] = '?';
        n += room;
        rest = (struct str){rest.at + len, rest.len - len};
    }
    ret[n] = 0;
}
