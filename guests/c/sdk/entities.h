/* Character references of HTML: &name; &#123; &#x1F; as the HTML standard reads them. Pure. */
#pragma once

#include "base.h"

enum { ENTITIES_COUNT = 2125 };

/* Rows of the table, see entities_table.c; NULL ends it. */
extern const char *const entities_table[];

/* text begins with '&'. Adds what it stands for and returns the bytes that it takes in `text`; 0: it is no reference,
 * nothing was added and the '&' stands for itself. in_attribute: "&copy=1" in a URL is no reference there.
 * ret_text must have room for ENTITIES_VALUE_MAX bytes; without it nothing is added. */
enum { ENTITIES_VALUE_MAX = 8 };
size_t entities_add(struct buf *ret_text, struct str text, bool in_attribute);
/* Adds `text` with all of its references replaced. false: no room for all of it. */
bool entities_add_all(struct buf *ret_text, struct str text, bool in_attribute);
