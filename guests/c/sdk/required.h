/* What text must be in every match of a regular expression, so that a line without it need not be looked at. Pure. */
#pragma once

#include "base.h"

/* The longest run of plain characters of the pattern (PCRE2, case counts) that no match can do without; empty when none is
 * certain. A part of pattern: borrowed. Careful, not clever: what it does not know well ends a run, or the whole search. */
struct str required_text(struct str pattern);
