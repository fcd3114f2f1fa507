/* UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, no over-long forms. */
#pragma once

#include "base.h"

/* Offset of the first byte that does not belong to valid UTF-8, or text.len. */
size_t utf8_check(struct str text);
/* Length in bytes of the character at text[0] (1..4), 0 when it is invalid or text is empty. */
size_t utf8_step(struct str text);
/* The character at `at` and its length; an invalid byte counts as one character above the Unicode range. */
size_t utf8_decode(struct str text, size_t at, uint32_t *ret_char);
size_t utf8_count(struct str text);
/* Adds a character; what Unicode has no character for becomes U+FFFD. false: no room, nothing added. */
bool utf8_add(struct buf *buf, uint32_t character);
/* The longest start of `text` that has at most `max` bytes and does not cut a character. */
struct str utf8_head(struct str text, size_t max);

enum utf8_show {
    UTF8_SHOW_NAME, /* controls and invalid bytes become \n, \t, \xNN */
    UTF8_SHOW_LINE, /* tab stays; other controls and invalid bytes become U+FFFD */
};
/* Adds `text` in a form that is valid UTF-8 and holds no control character but tab.
 * returns 0 added as it is | 1 added with replacements | -1 no room */
int utf8_add_shown(struct buf *buf, struct str text, enum utf8_show show);
