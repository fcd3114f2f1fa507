/* The writing side of html.h: words with blanks, breaks, prefixes and marks that are owed until the next word comes, so
 * that nothing is opened that stays empty, no line ends with a blank and no break is doubled. What may grow with the
 * page has a maximum: nesting past it is counted, and shown as if it were not there. */
#pragma once

#include "base.h"

enum {
    HTML_LEVELS_MAX = 32, /* quotes, lists and items in each other */
    HTML_SHOWN_MAX = 8,   /* ... of which this many are indented */
    HTML_INLINES_MAX = 16,
    HTML_TABLES_MAX = 8,
};

enum html_level { HTML_QUOTE, HTML_LIST, HTML_NUMBERED, HTML_ITEM };
enum html_inline { HTML_STRONG, HTML_EMPHASIS, HTML_CODE, HTML_LINK };

struct html_writer {
    struct buf *out;  /* borrowed */
    bool is_full;     /* out's maximum was met: nothing is written any more */
    uint8_t newlines; /* owed: 0, 1 a line, 2 a paragraph */
    bool is_space;    /* owed */
    const char *lead; /* before the next word: "## "; NULL = nothing */

    struct {
        uint8_t kind;   /* enum html_level */
        bool is_marked; /* HTML_ITEM: its bullet is written */
        uint32_t number;
    } levels[HTML_LEVELS_MAX];
    size_t level_count, levels_lost;

    struct {
        uint8_t kind; /* enum html_inline */
        bool is_written;
    } inlines[HTML_INLINES_MAX];
    size_t inline_count;
    struct buf link; /* where HTML_LINK leads; one at a time */
    size_t links;

    struct {
        uint32_t rows, cells, heads, empty;
        bool is_marked,
            is_plain; /* of the row: a cell was written; of the table: it holds layout */
    } tables[HTML_TABLES_MAX];
    size_t table_count, tables_lost;
    bool is_cell_owed; /* a cell is open and has no text yet */

    bool in_pre, is_pre_open, is_pre_start;
};

void html_writer_init(struct html_writer *w, struct buf *out);
void html_writer_done(struct html_writer *w);

/* Text without blanks in it. */
void html_word(struct html_writer *w, struct str word);
void html_space(struct html_writer *w);
/* 1: the next word begins a line; 2: a paragraph. Marks that were written are closed. */
void html_break(struct html_writer *w, uint8_t newlines);
/* <br>: the marks stay. */
void html_line(struct html_writer *w);
void html_rule(struct html_writer *w);
/* "# " to "###### ", ": "; static text, NULL takes it back. */
void html_lead(struct html_writer *w, const char *lead);

void html_level_open(struct html_writer *w, enum html_level kind, uint32_t number);
void html_level_close(struct html_writer *w, enum html_level kind);
/* url: for HTML_LINK, absolute */
void html_inline_open(struct html_writer *w, enum html_inline kind, struct str url);
void html_inline_close(struct html_writer *w, enum html_inline kind);

void html_table_open(struct html_writer *w);
void html_table_close(struct html_writer *w);
void html_row_open(struct html_writer *w);
void html_row_close(struct html_writer *w);
void html_cell_open(struct html_writer *w, bool is_head);

void html_pre_open(struct html_writer *w);
void html_pre_close(struct html_writer *w);
/* Text as it is, inside pre. */
void html_verbatim(struct html_writer *w, struct str text);
