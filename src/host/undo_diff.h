/* What an agent changed, as pairs of before and after: from the before-images of undo to what is there now. Nothing is changed
 * and no lock is taken: it can be asked for while the session runs. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"
#include "wire/json.h"

struct undo_side {
    const char *kind; /* "none", "file", "dir", "link", "other" */
    unsigned mode;
    const char *target; /* of a link; else NULL */
    const char *sha256; /* "" = not known: no file, or too long to be hashed */
    int64_t size;       /* of a file that can be read; else -1 */
    int fd;             /* borrowed; a file that can be read; else -1 */
};
struct undo_change {
    const char *path; /* as tools see it */
    const char *from; /* its name before; NULL = the same */
    struct undo_side before, after;
    bool is_changed_since; /* what is there now is not what the last call that changed it left */
};
typedef int (*undo_change_fn)(const struct undo_change *change, void *arg);

/* Tells each change, by path. call NULL = the whole session, from before its first call to now; else from before that call to
 * after it (as it is now, or as a later call found it). Calls that were undone are not in it. Stops when fn gives other than 0, and
 * returns that. *ret_about own: {"calls":[ids], "unknown":[ids of calls that were killed before they were sealed], "dropped":[names of calls
 * whose before-images gave way to newer ones]}.
 * 0; UNDO_NOTHING (undo.h); -fault. */
must_use int undo_diff(struct state *s, const char *session, const char *call, undo_change_fn fn,
                       void *arg, own json_t **ret_about, struct fault *reterr);
