/* The verbs of `boxagnts tool` that have a file of their own. */
#pragma once

#include "edge/app.h"

must_use int tool_add(const struct parsed *p, struct fault *reterr);
must_use int tool_remove(const struct parsed *p, struct fault *reterr);
/* -FAULT_USAGE, with the nearest name. */
int tool_not_there(const struct app *app, const char *name, struct fault *reterr);
must_use int tool_new(const struct parsed *p, struct fault *reterr);
must_use int tool_test(const struct parsed *p, struct fault *reterr);
