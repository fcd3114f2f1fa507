/* Says why an exact match failed: line ends, blanks, or the place that comes nearest. Pure. */
#pragma once

#include "base.h"

void nearest_explain(struct str text, struct str wanted, struct buf *reterr);
