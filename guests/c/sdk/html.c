/* See html.h. Nothing here depends on tags being closed or nested well. Pure. */
#include "html.h"

#include "html_element.h"
#include "html_text.h"
#include "html_token.h"
#include "html_write.h"
#include "url.h"

#include <string.h>

enum { NAME_MAX_BYTES = 16 };

struct page {
    struct html_reader reader;
    struct html_writer writer;
    struct html_page *ret;
    struct buf base; /* links are relative to it */
    bool has_base;
    char skipped[NAME_MAX_BYTES + 1]; /* the element that is not shown */
    size_t skip_depth;                /* open ones of this name; 0 = everything is shown */
    bool is_drawing;
};

/* --- attributes --- */

/* The attribute as a URL to show; empty: none, or none that leads anywhere. */
static void take_url(struct page *page, struct str attrs, const char *name, struct buf *ret_url)
{
    static const char *const shown[] = {"http", "https", "ftp", "mailto", "tel"};
    struct buf value;
    struct str scheme;
    bool is_shown = false;

    buf_init(&value, URL_MAX_BYTES + 64);
    if (html_attr(attrs, name, &value) && value.len > 0 && value.len < value.max &&
        value.at[0] != '#' && url_resolve(buf_str(&page->base), buf_str(&value), ret_url)) {
        scheme = url_scheme(buf_str(ret_url));
        is_shown = scheme.len == 0 && page->base.len == 0;
        for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
            is_shown |= html_is_name(scheme, shown[i]);
    }
    if (!is_shown)
        ret_url->len = 0;
    buf_done(&value);
}

static bool is_tiny(struct str attrs)
{
    static const char *const names[] = {"width", "height"};
    bool is_tiny = false;

    for (size_t i = 0; i < 2; i++) {
        struct buf value;

        buf_init(&value, 8);
        if (html_attr(attrs, names[i], &value))
            is_tiny |= str_equal(buf_str(&value), STR("0")) || str_equal(buf_str(&value), STR("1"));
        buf_done(&value);
    }
    return is_tiny;
}

static uint32_t start_of(struct str attrs)
{
    struct buf value;
    uint32_t start = 0;

    buf_init(&value, 8);
    if (!html_attr(attrs, "start", &value) || value.len == 0)
        start = 1;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            start = 1;
            break;
        }
        start = start * 10 + (uint32_t)(value.at[i] - '0');
    }
    buf_done(&value);
    return start;
}

/* --- elements --- */

static void open_link(struct page *page, struct str attrs)
{
    struct buf url;

    buf_init(&url, URL_MAX_BYTES);
    take_url(page, attrs, "href", &url);
    if (url.len > 0)
        html_inline_open(&page->writer, HTML_LINK, buf_str(&url));
    else
        html_inline_close(&page->writer, HTML_LINK);
    buf_done(&url);
}

/* An image with alt="" is decoration; one without alt may be anything. */
static void add_image(struct page *page, struct str attrs)
{
    struct html_writer *w = &page->writer;
    struct buf url;
    struct buf value;
    struct buf alt;
    bool has_alt;

    buf_init(&url, URL_MAX_BYTES);
    buf_init(&value, 1024);
    buf_init(&alt, 1024);
    has_alt = html_attr(attrs, "alt", &value);
    html_text_line(&alt, buf_str(&value));
    take_url(page, attrs, "src", &url);
    if (is_tiny(attrs) || w->in_pre || (alt.len == 0 && (has_alt || url.len == 0))) {
        html_space(w);
    } else if (url.len == 0) {
        html_word(w, buf_str(&alt));
    } else {
        html_word(w, STR("!["));
        html_word(w, buf_str(&alt));
        html_word(w, STR("]("));
        html_word(w, buf_str(&url));
        html_word(w, STR(")"));
        w->links++;
    }
    buf_done(&url);
    buf_done(&value);
    buf_done(&alt);
}

static void take_base(struct page *page, struct str attrs)
{
    struct buf url;

    if (page->has_base)
        return;
    buf_init(&url, URL_MAX_BYTES);
    take_url(page, attrs, "href", &url);
    if (url_origin(buf_str(&url)).len > 0) {
        page->base.len = 0;
        page->has_base = buf_add(&page->base, buf_str(&url));
    }
    buf_done(&url);
}

static void begin_skip(struct page *page, struct str name, bool is_drawing)
{
    if (name.len > NAME_MAX_BYTES)
        return;
    memcpy(page->skipped, name.at, name.len);
    page->skipped[name.len] = '\0';
    for (char *c = page->skipped; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    page->skip_depth = 1;
    page->is_drawing = is_drawing;
}

/* Content that is no HTML. Returns false when the element is not of that kind. */
static bool take_raw(struct page *page, enum html_role role, const struct html_token *tag)
{
    struct str content;

    if (role != HTML_ROLE_RAW && role != HTML_ROLE_TEXT && role != HTML_ROLE_TITLE)
        return false;
    content = html_take_raw(&page->reader, tag->name);
    if (page->skip_depth > 0 || role == HTML_ROLE_RAW)
        return true;
    if (role == HTML_ROLE_TITLE) {
        if (page->ret->title.len == 0)
            html_text_line(&page->ret->title, content);
        return true;
    }
    html_break(&page->writer, 2);
    html_text(&page->writer, content);
    html_break(&page->writer, 2);
    return true;
}

static void open_inline(struct page *page, enum html_inline kind, struct str attrs)
{
    if (kind == HTML_LINK)
        open_link(page, attrs);
    else
        html_inline_open(&page->writer, kind, STR(""));
}

static void open_element(struct page *page, const struct html_element *element,
                         const struct html_token *tag)
{
    static const char *const leads[] = {": ", "# ", "## ", "### ", "#### ", "##### ", "###### "};
    struct html_writer *w = &page->writer;

    switch (element->role) {
    case HTML_ROLE_BREAK: html_break(w, element->kind); break;
    case HTML_ROLE_LEAD:
        html_break(w, element->kind > 0 ? 2 : 1);
        html_lead(w, leads[element->kind]);
        break;
    case HTML_ROLE_LEVEL:
        html_level_open(w, (enum html_level)element->kind, start_of(tag->attrs));
        break;
    case HTML_ROLE_INLINE: open_inline(page, (enum html_inline)element->kind, tag->attrs); break;
    case HTML_ROLE_PRE: html_pre_open(w); break;
    case HTML_ROLE_IMAGE: add_image(page, tag->attrs); break;
    case HTML_ROLE_LINE: html_line(w); break;
    case HTML_ROLE_RULE: html_rule(w); break;
    case HTML_ROLE_TABLE: html_table_open(w); break;
    case HTML_ROLE_ROW: html_row_open(w); break;
    case HTML_ROLE_CELL: html_cell_open(w, element->kind != 0); break;
    case HTML_ROLE_MARK: html_word(w, STR("\"")); break;
    case HTML_ROLE_BASE: take_base(page, tag->attrs); break;
    case HTML_ROLE_NONE:
    case HTML_ROLE_TITLE:
    case HTML_ROLE_RAW:
    case HTML_ROLE_TEXT:
    case HTML_ROLE_SKIP:
    case HTML_ROLE_DRAWING: break;
    }
}

static void close_element(struct page *page, const struct html_element *element)
{
    struct html_writer *w = &page->writer;

    switch (element->role) {
    case HTML_ROLE_BREAK: html_break(w, element->kind); break;
    case HTML_ROLE_LEAD:
        html_lead(w, NULL);
        html_break(w, element->kind > 0 ? 2 : 1);
        break;
    case HTML_ROLE_LEVEL: html_level_close(w, (enum html_level)element->kind); break;
    case HTML_ROLE_INLINE: html_inline_close(w, (enum html_inline)element->kind); break;
    case HTML_ROLE_PRE: html_pre_close(w); break;
    case HTML_ROLE_LINE: html_line(w); break; /* </br> is <br> */
    case HTML_ROLE_TABLE: html_table_close(w); break;
    case HTML_ROLE_ROW: html_row_close(w); break;
    case HTML_ROLE_CELL: html_space(w); break;
    case HTML_ROLE_MARK: html_word(w, STR("\"")); break;
    case HTML_ROLE_NONE:
    case HTML_ROLE_IMAGE:
    case HTML_ROLE_RULE:
    case HTML_ROLE_BASE:
    case HTML_ROLE_TITLE:
    case HTML_ROLE_RAW:
    case HTML_ROLE_TEXT:
    case HTML_ROLE_SKIP:
    case HTML_ROLE_DRAWING: break;
    }
}

/* Inside something that is not shown. true: the tag is done with. */
static bool skip(struct page *page, const struct html_element *element,
                 const struct html_token *tag)
{
    if (page->is_drawing && html_ends_drawing(element)) {
        page->skip_depth = 0;
        return false;
    }
    if (html_is_name(tag->name, page->skipped)) {
        if (tag->kind == HTML_CLOSE)
            page->skip_depth--;
        else if (!(tag->is_self_closed && page->is_drawing))
            page->skip_depth++;
    }
    return true;
}

static void take_tag(struct page *page, const struct html_token *tag)
{
    const struct html_element *element = html_element_find(tag->name);

    if (tag->kind == HTML_OPEN && take_raw(page, element->role, tag))
        return;
    if (page->skip_depth > 0 && skip(page, element, tag))
        return;
    if (tag->kind == HTML_CLOSE) {
        close_element(page, element);
        return;
    }
    if (element->role == HTML_ROLE_DRAWING && !tag->is_self_closed)
        begin_skip(page, tag->name, true);
    else if (element->role == HTML_ROLE_SKIP || html_is_hidden(element, tag->name, tag->attrs))
        begin_skip(page, tag->name, false);
    else
        open_element(page, element, tag);
}

static void convert(struct page *page)
{
    struct html_writer *w = &page->writer;
    struct html_token token;

    for (;;) {
        html_next(&page->reader, &token);
        if (token.kind == HTML_END || w->is_full)
            break;
        if (token.kind != HTML_TEXT)
            take_tag(page, &token);
        else if (page->skip_depth == 0 && w->in_pre)
            html_text_verbatim(w, token.text);
        else if (page->skip_depth == 0)
            html_text(w, token.text);
    }
    page->ret->is_cut = w->is_full;
    html_pre_close(w);
    while (w->table_count > 0 && !w->is_full)
        html_table_close(w);
    html_break(w, 1);
    if (page->ret->text.len > 0)
        buf_add_byte(&page->ret->text, '\n');
}

void html_to_text(struct str html, struct str url, size_t max, struct html_page *ret)
{
    struct page page = {.reader = {html, 0}, .ret = ret};

    *ret = (struct html_page){.links = 0};
    buf_init(&ret->text, max);
    buf_init(&ret->title, HTML_TITLE_MAX);
    buf_init(&page.base, URL_MAX_BYTES);
    (void)buf_add(&page.base, url);
    html_writer_init(&page.writer, &ret->text);
    convert(&page);
    ret->links = page.writer.links;
    html_writer_done(&page.writer);
    buf_done(&page.base);
}

void html_page_done(struct html_page *page)
{
    buf_done(&page->text);
    buf_done(&page->title);
}
