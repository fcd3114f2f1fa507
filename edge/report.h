/* A session on one screen, for a person: what was done, what was stopped and by which layer, what it cost, how
 * to undo it and how to check the record. Made from the journal alone. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"

must_use int report_print(struct state *state, const struct session_row *session,
                          struct fault *reterr);
