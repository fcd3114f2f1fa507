/* Any bytes as an answer: its first line as the content type, all of it as a page: decoded as it says itself, then turned into text. Whatever comes out is valid UTF-8 without
 * control characters, no longer than asked for, and its title is one line. */
#include "charset.h"
#include "html.h"
#include "media.h"
#include "utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct str text, bool is_line)
{
    if (utf8_check(text) != text.len)
        abort();
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];

        if (byte == 0x7F || (byte < ' ' && (is_line || (byte != '\n' && byte != '\t'))))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t limits[] = {1 << 16, 1 << 20, 100, 7};
    struct str bytes = {size > 0 ? (const char *)data : "", size};
    size_t max = limits[size > 0 ? data[size - 1] & 3 : 0];
    struct media media;
    struct charset_choice choice;
    struct html_page page;
    struct buf text;

    media_parse(str_part(bytes, 0, str_line_end(bytes, 0)), &media);
    media_look(&media, bytes);
    choice = charset_choose(media.charset, bytes, media.kind == MEDIA_HTML);
    buf_init(&text, size * 3 + 4);
    charset_decode(choice.charset, bytes, &text);
    html_to_text(buf_str(&text), STR("https://example.org/a/b?c"), max, &page);
    if (page.text.len > max || page.title.len > HTML_TITLE_MAX)
        abort();
    check_text(buf_str(&page.text), false);
    check_text(buf_str(&page.title), true);
    html_page_done(&page);
    buf_done(&text);
    return 0;
}
