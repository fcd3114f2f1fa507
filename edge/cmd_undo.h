/* Undo as a person asks for it, from the command line or a chat. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"
#include "wire/json.h"

struct undo_want;
/* Puts back what the session changed, or what is wanted of it; says so; journals it. Exit code, or -fault. */
must_use int undo_now(struct state *state, const char *session, const struct undo_want *want,
                      bool as_json, struct fault *reterr);
/* Calls of `report` ("dropped") that cannot be shown or undone any more, on stderr. */
void undo_say_dropped(const char *session, const json_t *report);
