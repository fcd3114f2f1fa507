/* Text from a tool -> text that is safe to show a person and a model. One table (docs/tools.md): nothing is dropped, what could
 * act on a terminal or hide from a reader becomes visible. Works on valid UTF-8. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "wire/json.h"

must_use int sanitise_text(struct str text, struct buf *out);
own json_t *sanitise_string(struct str text); /* NULL on no memory */
own json_t *
sanitise_value(const json_t *value,
               unsigned depth); /* keys and strings, all the way down; NULL on no memory */
