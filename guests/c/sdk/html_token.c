/* See html_token.h. Pure. */
#include "html_token.h"

#include "entities.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool html_is_name(struct str text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.at, name, text.len) == 0;
}

static size_t find_byte(struct str text, char byte, size_t from)
{
    const char *hit = from < text.len ? memchr(text.at + from, byte, text.len - from) : NULL;

    return hit != NULL ? (size_t)(hit - text.at) : text.len;
}

/* One attribute at `at`; false at the end of the attributes. */
struct attr {
    struct str name, value; /* value.at is NULL when there is none */
};

static bool next_attr(struct str text, size_t *at, struct attr *ret)
{
    size_t i = *at;
    size_t from;

    while (i < text.len && (is_blank(text.at[i]) || text.at[i] == '/'))
        i++;
    if (i == text.len || text.at[i] == '>') {
        *at = i;
        return false;
    }
    from = i++; /* a name may begin with '=' */
    while (i < text.len && !is_blank(text.at[i]) && strchr("/>=", text.at[i]) == NULL)
        i++;
    *ret = (struct attr){str_part(text, from, i), {NULL, 0}};
    from = i;
    while (i < text.len && is_blank(text.at[i]))
        i++;
    if (i == text.len || text.at[i] != '=') {
        *at = from;
        return true;
    }
    i++;
    while (i < text.len && is_blank(text.at[i]))
        i++;
    if (i < text.len && (text.at[i] == '"' || text.at[i] == '\'')) {
        size_t end = find_byte(text, text.at[i], i + 1);

        ret->value = str_part(text, i + 1, end);
        *at = end < text.len ? end + 1 : end;
        return true;
    }
    from = i;
    while (i < text.len && !is_blank(text.at[i]) && text.at[i] != '>')
        i++;
    ret->value = str_part(text, from, i);
    *at = i;
    return true;
}

bool html_attr(struct str attrs, const char *name, struct buf *ret_value)
{
    size_t at = 0;
    struct attr attr;

    while (next_attr(attrs, &at, &attr)) {
        if (!html_is_name(attr.name, name))
            continue;
        if (attr.value.at != NULL)
            (void)entities_add_all(ret_value, attr.value, true);
        return true;
    }
    return false;
}

/* at: behind "<" or "</". */
static bool take_tag(struct html_reader *reader, size_t at, struct html_token *ret)
{
    struct str html = reader->html;
    size_t from = at;
    struct attr ignored;

    while (at < html.len && !is_blank(html.at[at]) && html.at[at] != '/' && html.at[at] != '>')
        at++;
    ret->name = str_part(html, from, at);
    from = at;
    while (next_attr(html, &at, &ignored))
        continue;
    if (at == html.len) {
        reader->at = html.len; /* no end: browsers drop it, too */
        return false;
    }
    ret->attrs = str_part(html, from, at);
    ret->is_self_closed = at > from && html.at[at - 1] == '/';
    reader->at = at + 1;
    return true;
}

static void skip_comment(struct html_reader *reader, size_t at)
{
    struct str html = reader->html;

    /* <!--> and <!---> are whole comments */
    if (at < html.len && html.at[at] == '>') {
        reader->at = at + 1;
        return;
    }
    if (at + 1 < html.len && html.at[at] == '-' && html.at[at + 1] == '>') {
        reader->at = at + 2;
        return;
    }
    for (; at < html.len; at++) {
        at = find_byte(html, '>', at);
        if (at >= html.len)
            break;
        if (html.at[at - 1] == '-' && html.at[at - 2] == '-')
            break;
        if (html.at[at - 1] == '!' && html.at[at - 2] == '-' && html.at[at - 3] == '-')
            break;
    }
    reader->at = at < html.len ? at + 1 : html.len;
}

static bool starts(struct str text, size_t at, struct str with)
{
    return text.len - at >= with.len && memcmp(text.at + at, with.at, with.len) == 0;
}

/* What stands at a '<'. false: something that is passed over. ret->kind HTML_TEXT: the '<' itself is text. */
static bool take_markup(struct html_reader *reader, struct html_token *ret)
{
    struct str html = reader->html;
    size_t at = reader->at + 1;
    bool is_close = at < html.len && html.at[at] == '/';

    if (at + is_close < html.len && is_letter(html.at[at + is_close])) {
        ret->kind = is_close ? HTML_CLOSE : HTML_OPEN;
        return take_tag(reader, at + is_close, ret);
    }
    if (starts(html, at, STR("!--"))) {
        skip_comment(reader, at + 3);
        return false;
    }
    if (at < html.len &&
        (html.at[at] == '!' || html.at[at] == '?' || (is_close && at + 1 < html.len))) {
        size_t end = find_byte(html, '>', at);

        reader->at = end < html.len ? end + 1 : end;
        return false;
    }
    ret->kind = HTML_TEXT;
    ret->text = str_part(html, reader->at, reader->at + 1);
    reader->at++;
    return true;
}

void html_next(struct html_reader *reader, struct html_token *ret)
{
    *ret = (struct html_token){.kind = HTML_END};
    while (reader->at < reader->html.len) {
        size_t end = find_byte(reader->html, '<', reader->at);

        if (end > reader->at) {
            ret->kind = HTML_TEXT;
            ret->text = str_part(reader->html, reader->at, end);
            reader->at = end;
            return;
        }
        if (take_markup(reader, ret))
            return;
        *ret = (struct html_token){.kind = HTML_END};
    }
}

struct str html_take_raw(struct html_reader *reader, struct str name)
{
    struct str html = reader->html;
    size_t from = reader->at;

    for (size_t at = from; at < html.len; at++) {
        size_t after;

        at = find_byte(html, '<', at);
        after = at + 2 + name.len;
        if (at >= html.len || after > html.len)
            break;
        if (html.at[at + 1] != '/' || strncasecmp(html.at + at + 2, name.at, name.len) != 0)
            continue;
        if (after < html.len && !is_blank(html.at[after]) && html.at[after] != '/' &&
            html.at[after] != '>')
            continue;
        after = find_byte(html, '>', after);
        reader->at = after < html.len ? after + 1 : html.len;
        return str_part(html, from, at);
    }
    reader->at = html.len;
    return str_part(html, from, html.len);
}
