/* See html_element.h. Pure. */
#include "html_element.h"

#include "html_token.h"
#include "html_write.h"

#include <string.h>
#include <strings.h>

static const struct html_element elements[] = {
    {"a", HTML_ROLE_INLINE, HTML_LINK},
    {"address", HTML_ROLE_BREAK, 2},
    {"article", HTML_ROLE_BREAK, 2},
    {"aside", HTML_ROLE_BREAK, 2},
    {"b", HTML_ROLE_INLINE, HTML_STRONG},
    {"base", HTML_ROLE_BASE, 0},
    {"blockquote", HTML_ROLE_LEVEL, HTML_QUOTE},
    {"body", HTML_ROLE_BREAK, 2},
    {"br", HTML_ROLE_LINE, 0},
    {"caption", HTML_ROLE_BREAK, 1},
    {"center", HTML_ROLE_BREAK, 2},
    {"code", HTML_ROLE_INLINE, HTML_CODE},
    {"dd", HTML_ROLE_LEAD, 0},
    {"details", HTML_ROLE_BREAK, 2},
    {"dialog", HTML_ROLE_BREAK, 2},
    {"dir", HTML_ROLE_LEVEL, HTML_LIST},
    {"div", HTML_ROLE_BREAK, 1},
    {"dl", HTML_ROLE_BREAK, 2},
    {"dt", HTML_ROLE_BREAK, 1},
    {"em", HTML_ROLE_INLINE, HTML_EMPHASIS},
    {"fieldset", HTML_ROLE_BREAK, 2},
    {"figcaption", HTML_ROLE_BREAK, 1},
    {"figure", HTML_ROLE_BREAK, 2},
    {"footer", HTML_ROLE_BREAK, 2},
    {"form", HTML_ROLE_BREAK, 2},
    {"h1", HTML_ROLE_LEAD, 1},
    {"h2", HTML_ROLE_LEAD, 2},
    {"h3", HTML_ROLE_LEAD, 3},
    {"h4", HTML_ROLE_LEAD, 4},
    {"h5", HTML_ROLE_LEAD, 5},
    {"h6", HTML_ROLE_LEAD, 6},
    {"header", HTML_ROLE_BREAK, 2},
    {"hgroup", HTML_ROLE_BREAK, 2},
    {"hr", HTML_ROLE_RULE, 0},
    {"i", HTML_ROLE_INLINE, HTML_EMPHASIS},
    {"iframe", HTML_ROLE_RAW, 0},
    {"img", HTML_ROLE_IMAGE, 0},
    {"kbd", HTML_ROLE_INLINE, HTML_CODE},
    {"legend", HTML_ROLE_BREAK, 1},
    {"li", HTML_ROLE_LEVEL, HTML_ITEM},
    {"listing", HTML_ROLE_PRE, 0},
    {"main", HTML_ROLE_BREAK, 2},
    {"math", HTML_ROLE_DRAWING, 0},
    {"menu", HTML_ROLE_LEVEL, HTML_LIST},
    {"nav", HTML_ROLE_BREAK, 2},
    {"noembed", HTML_ROLE_RAW, 0},
    {"noframes", HTML_ROLE_RAW, 0},
    {"ol", HTML_ROLE_LEVEL, HTML_NUMBERED},
    {"optgroup", HTML_ROLE_BREAK, 1},
    {"option", HTML_ROLE_BREAK, 1},
    {"p", HTML_ROLE_BREAK, 2},
    {"plaintext", HTML_ROLE_PRE, 0},
    {"pre", HTML_ROLE_PRE, 0},
    {"q", HTML_ROLE_MARK, 0},
    {"samp", HTML_ROLE_INLINE, HTML_CODE},
    {"script", HTML_ROLE_RAW, 0},
    {"search", HTML_ROLE_BREAK, 2},
    {"section", HTML_ROLE_BREAK, 2},
    {"select", HTML_ROLE_BREAK, 1},
    {"strong", HTML_ROLE_INLINE, HTML_STRONG},
    {"style", HTML_ROLE_RAW, 0},
    {"summary", HTML_ROLE_BREAK, 1},
    {"svg", HTML_ROLE_DRAWING, 0},
    {"table", HTML_ROLE_TABLE, 0},
    {"tbody", HTML_ROLE_BREAK, 1},
    {"td", HTML_ROLE_CELL, 0},
    {"template", HTML_ROLE_SKIP, 0},
    {"textarea", HTML_ROLE_TEXT, 0},
    {"tfoot", HTML_ROLE_BREAK, 1},
    {"th", HTML_ROLE_CELL, 1},
    {"thead", HTML_ROLE_BREAK, 1},
    {"title", HTML_ROLE_TITLE, 0},
    {"tr", HTML_ROLE_ROW, 0},
    {"tt", HTML_ROLE_INLINE, HTML_CODE},
    {"ul", HTML_ROLE_LEVEL, HTML_LIST},
    {"video", HTML_ROLE_BREAK, 1},
    {"xmp", HTML_ROLE_TEXT, 0},
};

const struct html_element *html_element_find(struct str name)
{
    static const struct html_element none = {"", HTML_ROLE_NONE, 0};
    size_t low = 0;
    size_t high = sizeof(elements) / sizeof(elements[0]);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t len = strlen(elements[middle].name);
        int order = strncasecmp(name.at, elements[middle].name, name.len < len ? name.len : len);

        if (order == 0)
            order = (name.len > len) - (name.len < len);
        if (order == 0)
            return &elements[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return &none;
}

static bool has_display_none(struct str style)
{
    static const char wanted[] = "display:none";
    size_t met = 0;

    for (size_t i = 0; i < style.len; i++) {
        if (strchr(" \t\n\f\r", style.at[i]) != NULL)
            continue;
        met = (style.at[i] | 0x20) == wanted[met] || style.at[i] == wanted[met] ? met + 1
              : (style.at[i] | 0x20) == wanted[0]                               ? 1
                                                                                : 0;
        if (wanted[met] == '\0')
            return true;
    }
    return false;
}

static bool has_sure_end(const struct html_element *element, struct str name)
{
    /* without an end tag, or with one that is often left out */
    static const char *const others[] = {"input",  "link",     "meta",  "area", "col", "embed",
                                         "param",  "source",   "track", "wbr",  "p",   "dt",
                                         "option", "optgroup", "body",  "html"};
    static const bool is_out[] = {
        [HTML_ROLE_IMAGE] = true,    [HTML_ROLE_LINE] = true, [HTML_ROLE_RULE] = true,
        [HTML_ROLE_BASE] = true,     [HTML_ROLE_ROW] = true,  [HTML_ROLE_CELL] = true,
        [HTML_ROLE_DRAWING] = false,
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (html_is_name(name, others[i]))
            return false;
    return !is_out[element->role] &&
           !(element->role == HTML_ROLE_LEVEL && element->kind == HTML_ITEM) &&
           !(element->role == HTML_ROLE_LEAD && element->kind == 0);
}

bool html_is_hidden(const struct html_element *element, struct str name, struct str attrs)
{
    struct buf value;
    bool is_hidden = false;

    if (attrs.len == 0 || !has_sure_end(element, name))
        return false;
    buf_init(&value, 1024);
    is_hidden = html_attr(attrs, "hidden", &value) && !html_is_name(buf_str(&value), "until-found");
    value.len = 0;
    if (!is_hidden && html_attr(attrs, "style", &value))
        is_hidden = has_display_none(buf_str(&value));
    buf_done(&value);
    return is_hidden;
}

bool html_ends_drawing(const struct html_element *element)
{
    return element->role == HTML_ROLE_BREAK || element->role == HTML_ROLE_LEAD ||
           element->role == HTML_ROLE_LEVEL || element->role == HTML_ROLE_TABLE ||
           element->role == HTML_ROLE_PRE || element->role == HTML_ROLE_RULE;
}
