/* A web page -> text that a model reads well: markdown-like, with headings, lists, tables, code and links; scripts,
 * styles and what a page hides are left out. Pages are hostile: one pass, no recursion, time linear in the page,
 * memory bounded by `max`. Pure. */
#pragma once

#include "base.h"

enum { HTML_TITLE_MAX = 512 };

struct html_page {
    struct buf text;  /* own; valid UTF-8, no control characters but newline and tab */
    struct buf title; /* own; one line, empty when the page has none */
    size_t links;     /* those in `text` */
    bool is_cut;      /* text met its maximum: what follows in the page was left out */
};

/* html: valid UTF-8. url: where it came from, absolute, for relative links; empty leaves them relative. max: of text,
 * bytes. */
void html_to_text(struct str html, struct str url, size_t max, struct html_page *ret);
void html_page_done(struct html_page *page);
