/* Paths as a guest sees them: absolute, "/" is work_dir, no "." or "..", no doubled or trailing slash. Lexical only: what a
 * link does is the sandbox's duty (every open is beneath a directory fd), so a text that passes here is a name, not a proof. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#define GUEST_PATH_MAX 1024 /* with NUL */

enum guest_path_fault {
    GUEST_PATH_EMPTY = 1,
    GUEST_PATH_TOO_LONG,
    GUEST_PATH_CONTROL,
    GUEST_PATH_CLIMBS
};
/* text (relative: from "/") -> normalised. 0 | one of guest_path_fault.
 * ret_changed: "." or ".." or "//" had to be taken out, so that the text itself may mean another object once links are followed. */
must_use int guest_path_normalise(struct str text, char ret[GUEST_PATH_MAX], bool *ret_changed);
const char *guest_path_why(int fault); /* "goes above /" ... */
/* path is at or below dir; both normalised. */
bool guest_path_is_below(struct str path, struct str dir);
