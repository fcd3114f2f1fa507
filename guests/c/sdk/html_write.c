/* See html_write.h. Pure. */
#include "html_write.h"

#include "url.h"
#include "utf8.h"

#include <string.h>

void html_writer_init(struct html_writer *w, struct buf *out)
{
    *w = (struct html_writer){.out = out};
    buf_init(&w->link, URL_MAX_BYTES);
}

void html_writer_done(struct html_writer *w)
{
    buf_done(&w->link);
}

/* The one place that writes. Past the maximum: as much of it as fits, then nothing more. */
static void put(struct html_writer *w, struct str text)
{
    if (w->is_full)
        return;
    if (!buf_add(w->out, text)) {
        (void)buf_add(w->out, utf8_head(text, w->out->max - w->out->len));
        w->is_full = true;
    }
}

static void put_text(struct html_writer *w, const char *text)
{
    put(w, str_of(text));
}

/* --- the start of a line --- */

static void put_marker(struct html_writer *w, size_t i)
{
    char marker[16] = "- ";
    struct buf number;

    if (i > 0 && w->levels[i - 1].kind == HTML_NUMBERED) {
        buf_init(&number, sizeof(marker));
        buf_addf(&number, "%u. ", (unsigned)w->levels[i].number);
        put(w, buf_str(&number));
        buf_done(&number);
    } else {
        put_text(w, marker);
    }
    w->levels[i].is_marked = true;
}

/* Bullets that are owed but whose line has begun with something else. */
static void put_markers(struct html_writer *w)
{
    for (size_t i = 0; i < w->level_count; i++)
        if (w->levels[i].kind == HTML_ITEM && !w->levels[i].is_marked)
            put_marker(w, i);
}

static void put_prefix(struct html_writer *w)
{
    size_t shown = 0;

    for (size_t i = 0; i < w->level_count; i++) {
        bool is_numbered = i > 0 && w->levels[i - 1].kind == HTML_NUMBERED;

        if (w->levels[i].kind == HTML_ITEM && !w->levels[i].is_marked)
            put_marker(w, i);
        else if (w->levels[i].kind == HTML_QUOTE && shown++ < HTML_SHOWN_MAX)
            put_text(w, "> ");
        else if (w->levels[i].kind == HTML_ITEM && shown++ < HTML_SHOWN_MAX)
            put_text(w, is_numbered ? "   " : "  ");
    }
}

static void put_cell_marks(struct html_writer *w)
{
    size_t top = w->table_count - 1;

    if (!w->is_cell_owed)
        return;
    w->is_cell_owed = false;
    for (uint32_t i = 0; i < w->tables[top].empty; i++)
        put_text(w, "|  ");
    w->tables[top].empty = 0;
    put_text(w, "| ");
    w->tables[top].is_marked = true;
}

static void put_inlines(struct html_writer *w)
{
    static const char *const marks[] = {"**", "*", "`", "["};

    for (size_t i = 0; i < w->inline_count; i++) {
        if (!w->inlines[i].is_written)
            put_text(w, marks[w->inlines[i].kind]);
        w->inlines[i].is_written = true;
    }
}

/* Everything that is owed before a word. */
static void begin(struct html_writer *w)
{
    if (w->out->len == 0) {
        put_prefix(w);
    } else if (w->newlines > 0) {
        put_text(w, w->newlines > 1 ? "\n\n" : "\n");
        put_prefix(w);
    } else {
        if (w->is_space)
            put_text(w, " ");
        put_markers(w);
    }
    w->newlines = 0;
    w->is_space = false;
    put_cell_marks(w);
    if (w->lead != NULL)
        put_text(w, w->lead);
    w->lead = NULL;
    put_inlines(w);
}

void html_word(struct html_writer *w, struct str word)
{
    if (word.len == 0)
        return;
    begin(w);
    put(w, word);
}

void html_space(struct html_writer *w)
{
    w->is_space = true;
}

void html_lead(struct html_writer *w, const char *lead)
{
    w->lead = lead;
}

/* --- marks in a line --- */

static void close_inline(struct html_writer *w, size_t i)
{
    static const char *const marks[] = {"**", "*", "`", "]("};

    if (!w->inlines[i].is_written)
        return;
    put_text(w, marks[w->inlines[i].kind]);
    if (w->inlines[i].kind == HTML_LINK) {
        put(w, buf_str(&w->link));
        put_text(w, ")");
        w->links++;
    }
}

/* Marks that were written are a beginning of the list: the others are owed since the last word. */
static void close_written(struct html_writer *w)
{
    size_t written = 0;

    while (written < w->inline_count && w->inlines[written].is_written)
        written++;
    for (size_t i = written; i-- > 0;)
        close_inline(w, i);
    for (size_t i = written; i < w->inline_count; i++)
        w->inlines[i - written] = w->inlines[i];
    w->inline_count -= written;
}

void html_inline_open(struct html_writer *w, enum html_inline kind, struct str url)
{
    if (kind == HTML_LINK)
        html_inline_close(w, HTML_LINK);
    if (w->in_pre || w->inline_count == HTML_INLINES_MAX)
        return;
    if (kind == HTML_LINK) {
        w->link.len = 0;
        if (!buf_add(&w->link, url))
            return;
    }
    w->inlines[w->inline_count].kind = (uint8_t)kind;
    w->inlines[w->inline_count].is_written = false;
    w->inline_count++;
}

void html_inline_close(struct html_writer *w, enum html_inline kind)
{
    size_t found = w->inline_count;

    while (found > 0 && w->inlines[found - 1].kind != kind)
        found--;
    if (found == 0)
        return;
    for (size_t i = w->inline_count; i-- > found - 1;)
        close_inline(w, i);
    w->inline_count = found - 1;
}

/* --- breaks --- */

void html_break(struct html_writer *w, uint8_t newlines)
{
    if (w->in_pre) {
        html_line(w);
        return;
    }
    close_written(w);
    if (w->is_cell_owed) /* a block at the start of a cell is the cell's text */
        return;
    w->is_space = false;
    if (w->newlines < newlines)
        w->newlines = newlines;
}

void html_line(struct html_writer *w)
{
    if (w->in_pre) {
        if (w->is_pre_open && w->out->len > 0 && w->out->at[w->out->len - 1] != '\n')
            put_text(w, "\n");
        return;
    }
    for (size_t i = 0; i < w->inline_count; i++)
        if (w->inlines[i].kind == HTML_LINK && w->inlines[i].is_written) {
            w->is_space = true; /* a link stays on its line */
            return;
        }
    if (w->is_cell_owed)
        return;
    w->is_space = false;
    if (w->newlines < 1)
        w->newlines = 1;
}

void html_rule(struct html_writer *w)
{
    html_break(w, 2);
    html_word(w, STR("---"));
    html_break(w, 2);
}

/* --- lists and quotes --- */

void html_level_open(struct html_writer *w, enum html_level kind, uint32_t number)
{
    bool is_item = kind == HTML_ITEM;

    if (is_item) {
        html_level_close(w, HTML_ITEM);
        html_break(w, 1);
    } else {
        bool is_inner = w->level_count > 0 && w->levels[w->level_count - 1].kind == HTML_ITEM;

        html_break(w, kind != HTML_QUOTE && is_inner ? 1 : 2);
    }
    if (w->level_count == HTML_LEVELS_MAX) {
        w->levels_lost += !is_item;
        return;
    }
    if (is_item && w->level_count > 0 && w->levels[w->level_count - 1].kind == HTML_NUMBERED)
        number = w->levels[w->level_count - 1].number++;
    w->levels[w->level_count].kind = (uint8_t)kind;
    w->levels[w->level_count].is_marked = false;
    w->levels[w->level_count].number = number;
    w->level_count++;
}

static bool is_list(uint8_t kind)
{
    return kind == HTML_LIST || kind == HTML_NUMBERED;
}

void html_level_close(struct html_writer *w, enum html_level kind)
{
    bool is_item = kind == HTML_ITEM;
    size_t found = w->level_count;

    if (w->levels_lost > 0) {
        w->levels_lost -= !is_item;
        html_break(w, 1);
        return;
    }
    for (; found > 0; found--) {
        uint8_t have = w->levels[found - 1].kind;

        if (have == kind || (is_list(have) && is_list((uint8_t)kind)))
            break;
        if (is_item && have != HTML_QUOTE)
            found = 1; /* an item ends in its own list only */
    }
    if (found == 0)
        return;
    w->level_count = found - 1;
    html_break(w, is_item || (w->level_count > 0 && kind != HTML_QUOTE) ? 1 : 2);
}

/* --- tables --- */

static bool is_row_shown(const struct html_writer *w)
{
    return w->table_count == 1 && w->tables_lost == 0 && !w->tables[0].is_plain;
}

static void close_cell(struct html_writer *w)
{
    size_t top = w->table_count - 1;

    close_written(w);
    if (w->is_cell_owed)
        w->tables[top].empty++;
    w->is_cell_owed = false;
    if (w->tables[top].is_marked)
        w->newlines = 0; /* the break behind a cell's last block is the cell's end */
    w->is_space = true;
}

void html_cell_open(struct html_writer *w, bool is_head)
{
    size_t top = w->table_count - 1;

    if (!is_row_shown(w)) {
        html_space(w);
        return;
    }
    if (w->tables[top].cells > 0)
        close_cell(w);
    w->tables[top].cells++;
    w->tables[top].heads += is_head;
    w->is_cell_owed = true;
    w->is_space = w->tables[top].is_marked;
}

void html_row_close(struct html_writer *w)
{
    size_t top = w->table_count - 1;
    uint32_t cells;

    if (!is_row_shown(w)) {
        html_break(w, 1);
        return;
    }
    cells = w->tables[top].cells;
    if (cells > 0)
        close_cell(w);
    if (w->tables[top].is_marked) {
        for (uint32_t i = 0; i < w->tables[top].empty; i++)
            put_text(w, " | ");
        put_text(w, " |");
        if (w->tables[top].rows++ == 0 && w->tables[top].heads == cells) {
            put_text(w, "\n");
            put_prefix(w);
            for (uint32_t i = 0; i < cells && !w->is_full; i++)
                put_text(w, i == 0 ? "| --- |" : " --- |");
        }
    }
    w->tables[top].cells = w->tables[top].heads = w->tables[top].empty = 0;
    w->tables[top].is_marked = false;
    html_break(w, 1);
}

void html_row_open(struct html_writer *w)
{
    html_row_close(w);
}

void html_table_open(struct html_writer *w)
{
    html_break(w, 2);
    if (w->table_count == HTML_TABLES_MAX) {
        w->tables_lost++;
        return;
    }
    /* a table in a table: the outer one is there for the layout */
    if (w->table_count > 0) {
        w->tables[w->table_count - 1].is_plain = true;
        w->is_cell_owed = false;
    }
    memset(&w->tables[w->table_count], 0, sizeof(w->tables[0]));
    w->table_count++;
}

void html_table_close(struct html_writer *w)
{
    if (w->tables_lost > 0) {
        w->tables_lost--;
    } else if (w->table_count > 0) {
        html_row_close(w);
        w->table_count--;
    }
    html_break(w, 2);
}

/* --- text as it is --- */

void html_pre_open(struct html_writer *w)
{
    html_break(w, 2);
    if (w->in_pre)
        return;
    w->inline_count = 0;
    w->in_pre = true;
    w->is_pre_open = false;
    w->is_pre_start = true;
}

static void put_verbatim_line(struct html_writer *w, struct str line)
{
    if (!w->is_pre_open) {
        begin(w);
        put_text(w, "```\n");
        w->is_pre_open = true;
    }
    if (line.at[0] != '\n' && w->out->len > 0 && w->out->at[w->out->len - 1] == '\n')
        put_prefix(w);
    put(w, line);
}

void html_verbatim(struct html_writer *w, struct str text)
{
    if (w->is_pre_start && text.len > 0 && text.at[0] == '\n')
        text = str_part(text, 1, text.len); /* a newline behind <pre> does not count */
    w->is_pre_start = w->is_pre_start && text.len == 0;
    for (size_t at = 0; at < text.len && !w->is_full;) {
        size_t end = str_line_end(text, at);

        put_verbatim_line(w, str_part(text, at, end));
        at = end;
    }
}

void html_pre_close(struct html_writer *w)
{
    if (!w->in_pre)
        return;
    if (w->is_pre_open) {
        html_line(w);
        put_prefix(w);
        put_text(w, "```");
    }
    w->in_pre = false;
    html_break(w, 2);
}
