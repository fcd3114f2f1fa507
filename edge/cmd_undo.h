/* Undo as a person asks for it, from the command line or a chat. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"

struct undo_how {
    bool dry_run, force, as_json;
};
/* Puts back what the session, or one call of it (else NULL), changed; says so; journals it. Exit code, or -fault. */
must_use int undo_now(struct state *state, const char *session, const char *call,
                      const struct undo_how *how, struct fault *reterr);
