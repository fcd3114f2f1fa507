/* The verbs of `session` that go on with one. */
#pragma once

#include "edge/options.h"

int session_go_on(const struct parsed *p, struct fault *reterr); /* resume SESSION [PROMPT] */
int session_fork(const struct parsed *p, struct fault *reterr);
