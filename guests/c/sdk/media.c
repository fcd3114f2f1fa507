/* See media.h. Pure. */
#include "media.h"

#include "image.h"
#include "utf8.h"

#include <string.h>
#include <strings.h>

enum { LOOKED_AT_BYTES = 4096 };

static struct str trimmed(struct str text)
{
    while (text.len > 0 && strchr(" \t\"", text.at[0]) != NULL)
        text = str_part(text, 1, text.len);
    while (text.len > 0 && strchr(" \t\"", text.at[text.len - 1]) != NULL)
        text.len--;
    return text;
}

static bool is_word(struct str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static bool ends(struct str text, const char *with)
{
    size_t len = strlen(with);

    return text.len > len && strncasecmp(text.at + text.len - len, with, len) == 0;
}

static bool begins(struct str text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && strncasecmp(text.at, with, len) == 0;
}

static bool is_unsaid(struct str type)
{
    return type.len == 0 || is_word(type, "application/octet-stream") ||
           is_word(type, "binary/octet-stream") || is_word(type, "application/x-unknown");
}

static enum media_kind kind_of(struct str type)
{
    static const char *const texts[] = {
        "application/json",         "application/xml",
        "application/javascript",   "application/ecmascript",
        "application/x-ndjson",     "application/ndjson",
        "application/yaml",         "application/x-yaml",
        "application/toml",         "application/sql",
        "application/graphql",      "application/x-sh",
        "application/x-tex",        "application/x-subrip",
        "application/x-javascript", "application/x-www-form-urlencoded",
        "message/rfc822",
    };
    static const char *const images[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

    if (is_word(type, "text/html") || is_word(type, "application/xhtml+xml"))
        return MEDIA_HTML;
    if (begins(type, "text/") || ends(type, "+json") || ends(type, "+xml") || ends(type, "+yaml"))
        return MEDIA_TEXT;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (is_word(type, texts[i]))
            return MEDIA_TEXT;
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
        if (is_word(type, images[i]))
            return MEDIA_IMAGE;
    return MEDIA_BINARY;
}

void media_parse(struct str header, struct media *ret)
{
    size_t end = 0;

    while (end < header.len && header.at[end] != ';')
        end++;
    *ret = (struct media){.type = trimmed(str_part(header, 0, end)), .charset = STR("")};
    ret->kind = kind_of(ret->type);
    while (end < header.len) {
        size_t from = end + 1;
        struct str parameter;

        for (end = from; end < header.len && header.at[end] != ';';)
            end++;
        parameter = trimmed(str_part(header, from, end));
        if (begins(parameter, "charset=") && ret->charset.len == 0)
            ret->charset = trimmed(str_part(parameter, strlen("charset="), parameter.len));
    }
}

static bool looks_like_html(struct str head)
{
    while (head.len > 0 && strchr(" \t\r\n\f", head.at[0]) != NULL)
        head = str_part(head, 1, head.len);
    return begins(head, "<!doctype html") || begins(head, "<html");
}

static bool has_utf16_mark(struct str head)
{
    return head.len >= 2 &&
           (memcmp(head.at, "\xFF\xFE", 2) == 0 || memcmp(head.at, "\xFE\xFF", 2) == 0);
}

bool media_is_unsaid(const struct media *media)
{
    return is_unsaid(media->type);
}

void media_look(struct media *media, struct str head)
{
    bool is_text;
    size_t valid;

    head = str_part(head, 0, head.len < LOOKED_AT_BYTES ? head.len : LOOKED_AT_BYTES);
    is_text = !str_has(head, '\0') || has_utf16_mark(head) || begins(media->charset, "utf-16");
    if (media->kind == MEDIA_IMAGE || is_unsaid(media->type)) {
        const char *image = image_type(head);

        if (image != NULL) {
            media->kind = MEDIA_IMAGE;
            media->type = str_of(image);
            return;
        }
        /* the head may end inside of a character */
        valid = utf8_check(head);
        media->kind = MEDIA_BINARY;
        if (is_unsaid(media->type) && is_text && (head.len - valid < 4 || has_utf16_mark(head)))
            media->kind = looks_like_html(head) ? MEDIA_HTML : MEDIA_TEXT;
    } else if (!is_text) {
        media->kind = MEDIA_BINARY;
    }
}

const char *media_kind_name(enum media_kind kind)
{
    static const char *const names[] = {"binary", "text", "html", "image"};

    return names[kind];
}
