/* See html_text.h. Pure. */
#include "html_text.h"

#include "entities.h"
#include "utf8.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_plain_byte(unsigned char byte)
{
    return byte > ' ' && byte != 0x7F && byte != '&';
}

/* A no-break space breaks nothing here: it is a blank. */
static bool is_wide_blank(struct str text)
{
    return text.len >= 2 && memcmp(text.at, "\xC2\xA0", 2) == 0;
}

/* The reference, or the odd byte, at text[0]. Returns the bytes that it takes. */
static size_t decode_one(struct str text, struct buf *ret)
{
    size_t taken = 0;

    ret->len = 0;
    if (text.at[0] == '&') {
        taken = entities_add(ret, text, false);
        if (taken == 0)
            buf_add_byte(ret, '&');
    } else if (is_blank(text.at[0])) {
        buf_add_byte(ret, text.at[0]);
    } else {
        utf8_add(ret, 0xFFFD); /* a control character */
    }
    return taken > 0 ? taken : 1;
}

static size_t plain_run(struct str text, size_t at)
{
    size_t end = at;

    while (end < text.len && is_plain_byte((unsigned char)text.at[end]) &&
           !is_wide_blank(str_part(text, end, text.len)))
        end++;
    return end;
}

/* What one reference stands for may be a blank or a control character itself. */
static void add_decoded(struct html_writer *w, struct str value)
{
    if (value.len == 1 && is_blank(value.at[0]))
        html_space(w);
    else if (is_wide_blank(value))
        html_space(w);
    else if (value.len == 1 && ((unsigned char)value.at[0] < ' ' || value.at[0] == 0x7F))
        html_word(w, STR("\xEF\xBF\xBD"));
    else
        html_word(w, value);
}

void html_text(struct html_writer *w, struct str text)
{
    struct buf one;

    buf_init(&one, ENTITIES_VALUE_MAX);
    for (size_t at = 0; at < text.len && !w->is_full;) {
        size_t end = plain_run(text, at);

        html_word(w, str_part(text, at, end));
        at = end;
        if (at == text.len)
            break;
        if (is_wide_blank(str_part(text, at, text.len))) {
            html_space(w);
            at += 2;
            continue;
        }
        at += decode_one(str_part(text, at, text.len), &one);
        add_decoded(w, buf_str(&one));
    }
    buf_done(&one);
}

void html_text_verbatim(struct html_writer *w, struct str text)
{
    struct buf one;

    buf_init(&one, ENTITIES_VALUE_MAX);
    for (size_t at = 0; at < text.len && !w->is_full;) {
        size_t end = at;

        while (
            end < text.len &&
            (is_plain_byte((unsigned char)text.at[end]) || strchr(" \t\n", text.at[end]) != NULL) &&
            text.at[end] != '\0')
            end++;
        html_verbatim(w, str_part(text, at, end));
        at = end;
        if (at == text.len)
            break;
        at += decode_one(str_part(text, at, text.len), &one);
        if (one.len == 1 && (one.at[0] == '\r' || one.at[0] == '\f')) {
            if (at < text.len && text.at[at] == '\n')
                continue;
            one.at[0] = '\n';
        } else if (one.len == 1 && one.at[0] != '\t' && one.at[0] != '\n' &&
                   ((unsigned char)one.at[0] < ' ' || one.at[0] == 0x7F)) {
            one.len = 0;
            utf8_add(&one, 0xFFFD);
        }
        html_verbatim(w, buf_str(&one));
    }
    buf_done(&one);
}

void html_text_line(struct buf *ret, struct str text)
{
    struct html_writer line;

    html_writer_init(&line, ret);
    html_text(&line, text);
    html_writer_done(&line);
}
