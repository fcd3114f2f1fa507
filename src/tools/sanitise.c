/* See sanitise.h. The table: ranges of code points and what becomes of them. */
#include "tools/sanitise.h"

#include "tools/json_walk.h"

#define VALUE_DEPTH_MAX 256

enum treatment {
    PICTURE,        /* U+2400 + the code: visible pictures of the C0 controls */
    DELETE_PICTURE, /* U+2421 */
    NAMED,          /* <U+XXXX> */
};
static const struct {
    uint32_t first, last;
    enum treatment treatment;
} table[] = {
    {0x00, 0x08, PICTURE}, /* tab and newline stay */
    {0x0b, 0x1f, PICTURE}, /* but CR before LF stays: line ends of files must be copied as they are */
    {0x7f, 0x7f, DELETE_PICTURE}, {0x80, 0x9f, NAMED}, /* C1 controls: CSI, OSC of eight bits */
    {0x061c, 0x061c, NAMED},                           /* what turns the direction of text */
    {0x200e, 0x200f, NAMED},      {0x202a, 0x202e, NAMED},
    {0x2066, 0x2069, NAMED},      {0xfff9, 0xfffb, NAMED}, /* interlinear annotation */
    {0xe0000, 0xe007f, NAMED},                             /* tags: text that nobody sees */
};

static uint32_t decode(struct str s, size_t *ret_len)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t value = len == 1 ? c : len == 2 ? c & 0x1fu : len == 3 ? c & 0x0fu : c & 0x07u;
    if (len > s.len)
        len = s.len;
    for (size_t i = 1; i < len; i++)
        value = value << 6 | ((unsigned char)s.at[i] & 0x3f);
    *ret_len = len;
    return value;
}

static void add_treated(struct buf *out, enum treatment how, uint32_t code)
{
    switch (how) {
    case PICTURE: buf_addf(out, "\xe2\x90%c", (char)(0x80 + code)); return;
    case DELETE_PICTURE: buf_add_z(out, "\xe2\x90\xa1"); return;
    case NAMED: buf_addf(out, "<U+%04X>", (unsigned)code); return;
    }
}

int sanitise_text(struct str text, struct buf *out)
{
    size_t plain = 0; /* start of what is copied as it is */
    for (size_t at = 0; at < text.len;) {
        unsigned char c = (unsigned char)text.at[at];
        size_t len = 1;
        if ((c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t' ||
            (c == '\r' && at + 1 < text.len && text.at[at + 1] == '\n')) {
            at++;
            continue;
        }
        uint32_t code = decode((struct str){text.at + at, text.len - at}, &len);
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
            if (code < table[i].first || code > table[i].last)
                continue;
            buf_add(out, text.at + plain, at - plain);
            add_treated(out, table[i].treatment, code);
            plain = at + len;
            break;
        }
        at += len;
    }
    buf_add(out, text.at + plain, text.len - plain);
    return buf_error(out);
}

own json_t *sanitise_string(struct str text)
{
    struct buf b;
    buf_init(&b, text.len * 9 + 16);
    json_t *made = sanitise_text(text, &b) == 0 ? json_stringn(buf_str(&b).at, b.len) : NULL;
    buf_done(&b);
    return made;
}

own json_t *sanitise_value(const json_t *value, unsigned depth)
{
    const char *key;
    json_t *below;
    if (depth > VALUE_DEPTH_MAX)
        return json_null();
    if (json_is_string(value))
        return sanitise_string(json_view(value));
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(list, sanitise_value(json_array_get(value, i), depth + 1));
        return list;
    }
    if (!json_is_object(value))
        return json_incref(json_loose(value));
    json_t *object = json_object();
    json_object_foreach(json_loose(value), key, below)
    {
        auto_json json_t *name = sanitise_string(str_of(key));
        json_object_set_new(object, name ? json_string_value(name) : "",
                            sanitise_value(below, depth + 1));
    }
    return object;
}
