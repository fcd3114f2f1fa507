/* Undo of file changes from before-images. The worker wrote images and an append-only log into
 * undo/<session>/work/<call>/ before each effect (format: sandbox/wasi, docs/undo.md); after the call the
 * monitor adds hashes of what the call left (undo_seal), so that undo can tell whether a file changed
 * since. Nothing the worker wrote is believed beyond the mounts: every path is opened beneath them. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/state.h"
#include "wire/json.h"

struct undo_mount {
    const char *guest;
    const char *host;
    int dir_fd;
    bool writable;
}; /* borrowed */

/* Makes undo/<session>/work/<call>/; the fd is given to the worker. A call id is used once (-EEXIST). */
must_use int undo_begin(struct state *s, const char *session, const char *call,
                        const struct undo_mount *mounts, size_t mount_count, int *ret_dir_fd,
                        struct fault *reterr);
must_use int
undo_root(struct state *s, const char *session, int *ret_dir_fd,
          struct fault *reterr); /* undo/<session>/work/: all that the worker may write to */
/* A finished write of the call that is under way takes its name. 0 | -errno, and nothing has changed: -EXDEV it is not in a mount
 * that may be written to, or on another one than the undo folder; -ESTALE its folder is another one by now; -ELOOP a link stands
 * in its path; -EEXIST is_new, and something stands there; -EPERM stage is not a plain file. */
struct undo_landing {
    const char *stage, *path; /* name in the call's folder; path as the guest sees it */
    uint64_t folder_device, folder_inode;
    bool is_new;
};
must_use int undo_land(const struct undo_mount *mounts /* as this run has them */,
                       size_t mount_count, int call_dir_fd, const struct undo_landing *what);
/* After the call: reads the log, hashes before-images and what is there now; ret_touched own: the
 * receipt's "touched" array [{path, op, before_sha256, after_sha256}]. Removes the folder when nothing changed. */
must_use int undo_seal(struct state *s, const char *session, const char *call,
                       const struct undo_mount *mounts, size_t mount_count,
                       own json_t **ret_touched, struct fault *reterr);
/* What is to be taken back, and how. */
struct undo_want {
    const char *call; /* this one; NULL = all of the session */
    size_t last;      /* of those only the newest so many that have something to undo; 0 = all */
    bool force, dry_run;
};
/* Restores, newest call first. Mounts are those recorded at undo_begin
 * (opened again, refused when they are not the same directory). Refuses (UNDO_CONFLICT, nothing changed)
 * when a file is not as the call left it, unless force. The caller journals it. ret_report own, for every
 * positive result and 0: {"restored":[paths],"conflicts":[conflict],"failed":[{path,why}] (could not be restored;
 * the others were),"calls":[ids],"unknown":[ids of calls that were killed before they were sealed],
 * "dropped":[names of calls whose before-images gave way to newer ones: they cannot be undone any more]}; a conflict is
 * {path, why, call, was, is (what the call left and what is there: kind, mode, sha256, ...; absent where nobody knows), by: [newer
 * calls of the session that changed the path]}.
 * A fault in the middle (full disk, kill): the same undo again goes on where it stopped. */
enum { UNDO_CONFLICT = 1, UNDO_NOTHING = 2 };
must_use int undo_apply(struct state *s, const char *session, const struct undo_want *want,
                        own json_t **ret_report, struct fault *reterr);
