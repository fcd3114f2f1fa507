/* Grants for people and for scripts, and revoking by what was typed. Shared by `policy grants` and a chat. */
#pragma once

#include "edge/grants.h"
#include "wire/json.h"

#include <stdio.h>

/* One line each: number, what, how much of its bounds is left, state. only_in_force: the others are left out. 0 */
int grants_print(FILE *out, const struct grants *g, bool only_in_force);
/* [{grant, effect, target, pattern, tool, rule, uses, ...}] */
own json_t *grants_json(const struct grants *g);
/* number "": all in force. How many were revoked, or a fault with a sentence. */
must_use int grants_revoke_text(struct state *state, const char *session, struct str number,
                                struct fault *reterr);
