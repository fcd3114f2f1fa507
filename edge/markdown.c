/* One character at a time. At the start of a line marks are held until they are known to be a heading (`# `) or a fence (three
 * backquotes); within a line a `*` is held until the next character tells bold from a star. Colours end with their line, so that a
 * mark without its partner does no harm beyond it. */
#include "edge/markdown.h"

#include "edge/safe.h"

#define PLAIN "\033[0m"
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define CYAN "\033[36m"

void markdown_begin(struct markdown *m, FILE *out, bool has_color)
{
    *m = (struct markdown){.out = out, .has_color = has_color};
}

static void set_color(const struct markdown *m)
{
    fputs(PLAIN, m->out);
    if (m->in_bold || m->in_heading)
        fputs(BOLD, m->out);
    if (m->in_fence)
        fputs(DIM, m->out);
    if (m->in_code)
        fputs(CYAN, m->out);
}

static void show(struct markdown *m, struct str text)
{
    safe_print(m->out, text);
    m->is_line_open = m->is_line_open || text.len > 0;
}

static void show_held(struct markdown *m)
{
    show(m, (struct str){m->held, m->held_len});
    m->held_len = 0;
}

static bool is_all(const struct markdown *m, char c)
{
    for (size_t i = 0; i < m->held_len; i++)
        if (m->held[i] != c)
            return false;
    return m->held_len > 0;
}

static void end_line(struct markdown *m)
{
    bool was_colored = m->in_bold || m->in_code || m->in_heading;
    bool is_fence = !m->is_line_open && is_all(m, '`') && m->held_len >= 3;
    show_held(m);
    m->in_bold = m->in_code = m->in_heading = false;
    if (is_fence)
        m->in_fence = !m->in_fence;
    if (was_colored || is_fence)
        set_color(m);
    fputc('\n', m->out);
    m->is_line_open = false;
}

/* Marks that may open a line: true when c was taken. */
static bool open_line(struct markdown *m, char c)
{
    if (c == '`' && (m->held_len == 0 || is_all(m, '`')) && m->held_len < 3) {
        m->held[m->held_len++] = c;
        return true;
    }
    if (m->held_len >= 3 && is_all(m, '`')) {
        /* a fence with the name of a language: shown, and the fence begins */
        if (!m->in_fence) {
            m->in_fence = true;
            set_color(m);
            show_held(m);
        }
        return false;
    }
    if (c == '#' && !m->in_fence && (m->held_len == 0 || is_all(m, '#')) && m->held_len < 6) {
        m->held[m->held_len++] = c;
        return true;
    }
    if (c == ' ' && is_all(m, '#')) {
        m->in_heading = true;
        set_color(m);
    }
    return false;
}

static void add_within(struct markdown *m, char c)
{
    if (m->in_fence || (c != '`' && c != '*')) {
        show(m, (struct str){&c, 1});
        return;
    }
    if (c == '`') {
        m->in_code = !m->in_code;
        if (m->in_code)
            set_color(m);
        show(m, (struct str){&c, 1});
        if (!m->in_code)
            set_color(m);
    } else {
        m->held[m->held_len++] = c;
    }
}

/* A held star and what comes behind it. true: c was taken. */
static bool after_star(struct markdown *m, char c)
{
    if (c != '*' || m->in_code) {
        show_held(m);
        return false;
    }
    m->held_len = 0;
    m->in_bold = !m->in_bold;
    set_color(m);
    m->is_line_open = true;
    return true;
}

/* What is held is no mark of the line's start: it is what it is within a line. */
static void settle_held(struct markdown *m)
{
    size_t marks = is_all(m, '`') ? m->held_len : 0;
    if (marks == 0) {
        show_held(m);
        return;
    }
    m->held_len = 0;
    while (marks-- > 0)
        add_within(m, '`');
}

static void add_char(struct markdown *m, char c)
{
    if (c == '\n') {
        end_line(m);
        return;
    }
    if (!m->is_line_open && open_line(m, c))
        return;
    if (m->held_len == 1 && m->held[0] == '*' && after_star(m, c))
        return;
    if (m->held_len > 0)
        settle_held(m);
    add_within(m, c);
}

static size_t letters_beyond_ascii(struct str text)
{
    size_t len = 0;
    while (len < text.len && (unsigned char)text.at[len] >= 0x80)
        len++;
    return len;
}

void markdown_add(struct markdown *m, struct str text)
{
    if (!m->has_color) {
        show(m, text);
        return;
    }
    for (size_t at = 0; at < text.len;) {
        size_t len = letters_beyond_ascii((struct str){text.at + at, text.len - at});
        if (len == 0) {
            add_char(m, text.at[at++]);
            continue;
        }
        if (m->held_len > 0)
            settle_held(m);
        show(m, (struct str){text.at + at, len}); /* whole letters, as safe_print() wants them */
        at += len;
    }
    fflush(m->out);
}

void markdown_end(struct markdown *m)
{
    if (!m->has_color)
        return;
    settle_held(m);
    m->in_bold = m->in_code = m->in_heading = m->in_fence = false;
    set_color(m);
    fflush(m->out);
}
