/* Shows replacements in the style of a unified diff, short. Pure. */
#pragma once

#include "base.h"

/* Adds hunks for replacing every `old_text` in `text` by `new_text`; the report stays under its maximum. */
void hunk_report(struct str text, struct str old_text, struct str new_text, struct buf *report);
