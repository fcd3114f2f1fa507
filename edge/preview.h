/* What a call would do, before it does it: for the person who is asked. Made in the monitor from the call's validated arguments
 * and from what its mounts hold now; no guest takes part. Nothing is promised: a tool does what it does, within its effects, and
 * a file may change before the call runs. */
#pragma once

#include "edge/app.h"
#include "tools/policy.h"

#define PREVIEW_TEXT_MAX ((size_t)64 << 10)

/* {form: "diff" | "command" | "request" | "arguments", text, is_cut}: text is lines, and anybody's: it is printed by
 * safe_print() alone. NULL: no memory. */
own json_t *preview_of(const struct app *app, const struct tool *tool, const json_t *input,
                       const struct effect *effects, size_t effect_count);
