/* Which element of HTML means what for a text: one table. Pure. */
#pragma once

#include "base.h"

enum html_role {
    HTML_ROLE_NONE,   /* its content goes on in the line */
    HTML_ROLE_BREAK,  /* kind: newlines before and after it */
    HTML_ROLE_LEAD,   /* a line with something in front; kind: html_leads */
    HTML_ROLE_LEVEL,  /* kind: enum html_level */
    HTML_ROLE_INLINE, /* kind: enum html_inline */
    HTML_ROLE_PRE,
    HTML_ROLE_IMAGE,
    HTML_ROLE_LINE, /* <br> */
    HTML_ROLE_RULE,
    HTML_ROLE_TABLE,
    HTML_ROLE_ROW,
    HTML_ROLE_CELL, /* kind: it is a heading */
    HTML_ROLE_MARK, /* <q> */
    HTML_ROLE_BASE,
    HTML_ROLE_TITLE,
    HTML_ROLE_RAW,     /* content is no HTML and no text for people */
    HTML_ROLE_TEXT,    /* content is no HTML but text */
    HTML_ROLE_SKIP,    /* content is HTML that is not shown */
    HTML_ROLE_DRAWING, /* ... until something that cannot be in a drawing */
};

struct html_element {
    const char *name;
    enum html_role role;
    uint8_t kind;
};

/* An element that is not in the table is HTML_ROLE_NONE. */
const struct html_element *html_element_find(struct str name);
/* The page does not show it: `hidden` or display:none. Only for elements whose end tag is not left out in practice: what
 * is hidden with the others cannot be told from what follows. */
bool html_is_hidden(const struct html_element *element, struct str name, struct str attrs);
/* Nothing of the kind is inside of svg or math: their end tag is missing. */
bool html_ends_drawing(const struct html_element *element);
