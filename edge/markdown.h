/* A model's words on a terminal, as they stream in: a calm rendering of the little Markdown that models write (headings, bold, code,
 * fences), or nothing but the words when there is no colour. Everything shown passes safe_print(). */
#pragma once

#include "base/base.h"
#include "base/str.h"

#include <stdio.h>

struct markdown {
    FILE *out;
    bool has_color;
    /* where the stream stands */
    bool in_fence, in_code, in_bold, in_heading;
    bool is_line_open; /* something of this line was shown */
    char held[16];     /* marks whose meaning the next character decides */
    size_t held_len;
};
void markdown_begin(struct markdown *m, FILE *out, bool has_color);
/* Any split of the text gives the same output, as long as no piece ends within a letter. */
void markdown_add(struct markdown *m, struct str text);
/* What is held comes out; colours end. The last line is not ended. */
void markdown_end(struct markdown *m);
