/* A conversation as another model may be shown it. Thinking and its signatures are one model's own, and others refuse a
 * history with them; names of calls are one service's, and others take them only in their own form. Pure. */
#pragma once

#include "base/base.h"
#include "wire/json.h"

/* The conversation for the model of this name: what others have answered ("by" of a message, when it is said) without
 * thinking and signatures, and with other names for its calls and their results. The same object when there is nothing of
 * others in it; messages that need no change are shared. NULL on no memory. */
own json_t *foreign_view(const json_t *conversation, const char *name);
