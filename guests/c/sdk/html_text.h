/* Text between tags -> words, blanks and lines of a writer: references replaced, white space collapsed, control characters
 * made visible. Pure. */
#pragma once

#include "html_write.h"

void html_text(struct html_writer *w, struct str text);
/* White space as it is: inside pre. */
void html_text_verbatim(struct html_writer *w, struct str text);
/* One line without blanks at its ends, cut where ret is full. */
void html_text_line(struct buf *ret, struct str text);
