/* One call of a session, unfolded: its arguments in full, the head of what it returned, and its receipt in a few lines. Out of the
 * journal and of what was kept of the talk. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "host/state.h"

#include <stdio.h>

/* call: "c3", "3", or "" for the last one. -FAULT_USAGE: there is none of that name. */
must_use int show_call(FILE *out, struct state *state, const char *session, struct str call,
                       bool has_color, struct fault *reterr);
