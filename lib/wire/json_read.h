/* Text -> values; only json.c uses it. Grammar of RFC 8259 and the limits of json.h, no duplicate keys, no U+0000, in one pass. Why our
 * own: the library's reader goes on with a text that is not the one it was given when a buffer of its cannot grow, and then writes past
 * the end of a value. This one keeps no text of its own, and on no memory it gives up. */
#pragma once

#include "base/str.h"
#include "wire/json.h"

struct json_read_error {
    size_t end;       /* so many bytes of the text were read, the wrong one included */
    const char *what; /* static */
};
/* 0 | -FAULT_INPUT with ret_error | -ENOMEM */
must_use int json_read(struct str s, own json_t **ret, struct json_read_error *ret_error);
