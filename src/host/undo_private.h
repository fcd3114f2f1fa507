/* What the files of undo share. Not a face. docs/undo.md has the picture. */
#pragma once

#include "host/undo.h"

#include "base/buf.h"

#include <sys/stat.h>

/* --- undo_log.c: the worker's log, as values. Everything in it is hostile. --- */

enum {
    UNDO_LOG_MAX = 64 << 20,
    UNDO_LINES_MAX = 100000,
    UNDO_PATH_MAX = 4096,
    UNDO_MOUNTS_MAX = 64
};

enum undo_op {
    UNDO_WRITE,
    UNDO_CREATE,
    UNDO_DELETE,
    UNDO_RENAME,
    UNDO_MKDIR,
    UNDO_RMDIR,
    UNDO_LINK
};
enum undo_kind { UNDO_NONE, UNDO_FILE, UNDO_DIR, UNDO_SYMLINK, UNDO_OTHER };

struct undo_line {
    int64_t n;
    enum undo_op op;
    enum undo_kind kind; /* what stood at path before; NONE also when it was of this run */
    mode_t mode;
    const char *path, *to, *target; /* borrowed from log->values; to, target may be NULL */
};

struct undo_log {
    struct undo_line *lines; /* own; effects that failed ("void") are not in it */
    size_t count;
    json_t *values; /* own */
    bool is_torn;   /* the last line has no end: it was being written when all ended */
};

/* Line by line; a last line without newline is left out. -FAULT_INPUT names the line. */
must_use int undo_log_parse(struct str text, struct undo_log *ret, struct fault *reterr);
void undo_log_done(struct undo_log *log);
/* An absolute guest path in its one form: no "", ".", "..", no NUL, not "/" itself. */
bool undo_path_is_fine(const char *path, size_t len);

/* --- undo_tree.c: what stands where, and changing it, always beneath a mount --- */

struct undo_tree {
    struct undo_mount mounts[UNDO_MOUNTS_MAX];
    size_t count;
    int64_t
        hash_budget; /* bytes that may still be hashed; larger files are known by size and times */
};

/* What stands at a path. sha256 is empty when the file was too long to be read; then stamp is set. */
struct undo_state {
    enum undo_kind kind;
    mode_t mode;
    char sha256[65];
    char stamp[64];
    char *target;         /* own; of a link */
    bool is_out_of_reach; /* a link stands in its path, or it cannot be read */
    /* Of a simulated state: the before-image that holds it. Not written down, not compared. */
    const struct undo_call *image_of;
    int64_t image;
};
void undo_state_done(struct undo_state *s);
must_use int undo_state_copy(const struct undo_state *s, struct undo_state *ret);
/* NULL when both are the same, else a phrase that says what differs ("it was changed since"). */
const char *undo_state_differs(const struct undo_state *was, const struct undo_state *is);
must_use int undo_state_to_json(const struct undo_state *s, own json_t **ret);
must_use int undo_state_from_json(const json_t *o, struct undo_state *ret);

/* The folder of path, opened without following any link, and the last name in it.
 * -EXDEV outside the writable mounts; -ESTALE its mount is not there; -ELOOP a link on the way; -ENOENT, -ENOTDIR. */
must_use int undo_tree_parent(const struct undo_tree *t, const char *path, int *ret_fd,
                              const char **ret_name);
must_use int undo_tree_look(struct undo_tree *t, const char *path, struct undo_state *ret);
/* The names in the folder at path. ret own: object with one key per name. 1 = no such folder. */
must_use int undo_tree_list(const struct undo_tree *t, const char *path, own json_t **ret);
/* SHA-256 of a regular file. 1 = longer than max. */
must_use int undo_hash_fd(int fd, int64_t max, char ret_hex[65]);
must_use int undo_open_regular(int dir_fd,
                               const char *name); /* fd, or -errno; no links, no waiting */

/* --- undo_sim.c: the tree as it would be after steps that were not taken yet --- */

struct undo_sim; /* opaque */
struct undo_call;
must_use int undo_sim_new(struct undo_tree *tree, own struct undo_sim **ret);
void undo_sim_free(own struct undo_sim *sim);
DEFINE_FREEP(undo_sim, struct undo_sim);
must_use int undo_sim_set(struct undo_sim *sim, const char *path, const struct undo_state *state);
must_use int undo_sim_move(struct undo_sim *sim, const char *from, const char *to);
must_use int undo_sim_look(struct undo_sim *sim, const char *path, struct undo_state *ret);
/* The same; *ret_at: where in the real tree it stands, NULL when it is not there but in an image. */
must_use int undo_sim_find(struct undo_sim *sim, const char *path, struct undo_state *ret,
                           own char **ret_at);
/* Whose lines are taken back from here on (for undo_state.image_of); NULL = nobody asks. */
void undo_sim_is_of(struct undo_sim *sim, const struct undo_call *call);
must_use int undo_sim_list(struct undo_sim *sim, const char *path,
                           own json_t **ret); /* 1 = no such folder */
must_use int undo_sim_list_hash(struct undo_sim *sim, const char *path,
                                char ret_hex[65]); /* the same, as one hash */
/* Takes line back. image_sha256: of its before-image, "" = none. */
must_use int undo_sim_take_back(struct undo_sim *sim, const struct undo_line *line,
                                const char *image_sha256);

/* --- undo_call.c: one call's folder and records --- */

struct undo_call {
    char *id;       /* own */
    char name[140]; /* as a file name */
    int64_t order;
    int dir_fd; /* own; images and log; -1 = gone */
    bool is_sealed;
    json_t *record;        /* own; mounts.json */
    json_t *seal;          /* own; NULL when not sealed */
    struct undo_tree tree; /* mounts, opened again */
    struct undo_log log;
    int64_t steps_done; /* of an undo that was interrupted; -1 = none was begun */
};
void undo_call_free(own struct undo_call *c);
DEFINE_FREEP(undo_call, struct undo_call);

struct undo_dirs {
    int session, work, seal, sealed; /* own */
};
must_use int undo_dirs_open(struct state *s, const char *session, bool make, struct undo_dirs *ret);
void undo_dirs_done(struct undo_dirs *d);
/* Reads records, log and seal of the call that seal/<name>.mounts.json describes and opens its mounts.
 * 1 = it was undone already or has no folder. */
must_use int undo_call_load(const struct undo_dirs *d, const char *name, own struct undo_call **ret,
                            struct fault *reterr);
/* The hash of line's before-image as sealed, or of what is there when not sealed. "" = none or missing. */
void undo_call_image_hash(const struct undo_call *c, const struct undo_line *line, char ret[65]);

/* --- undo_load.c: the calls of a session that can be undone, newest first --- */

struct undo_list {
    struct undo_call **calls; /* own */
    size_t count, room;
};
/* only: file name of the one that is wanted; NULL = all. Calls that changed nothing are left out. */
must_use int undo_list_load(const struct undo_dirs *d, const char *only, struct undo_list *ret,
                            struct fault *reterr);
void undo_list_done(struct undo_list *l);
bool undo_has_same_mounts(const struct undo_call *a, const struct undo_call *b);

/* --- undo_space.c: before-images have a maximum, over all sessions --- */

#define UNDO_SPACE_MAX (INT64_C(4) << 30)

/* A call was sealed in folder_fd: counts it, and makes room when there is more than UNDO_SPACE_MAX. */
must_use int undo_space_grew(struct state *s, int folder_fd);
/* Counts all, drops the oldest calls until no more than max_bytes are left, or only the newest call. */
must_use int undo_make_room(struct state *s, int64_t max_bytes);
/* Appends the names of the session's dropped calls. */
must_use int undo_list_dropped(const struct undo_dirs *d, json_t *list);

/* --- undo_last.c: which calls "the last n" are, also after a kill --- */

/* calls: newest first; what is not among the last n, or of the list that a killed undo left, is freed and taken out. */
must_use int undo_last_choose(const struct undo_dirs *d, size_t last, struct undo_call **calls,
                              size_t *count);
must_use int undo_last_begin(const struct undo_dirs *d, struct undo_call *const *calls,
                             size_t count);
must_use int undo_last_end(const struct undo_dirs *d);

/* --- undo_conflict.c: who else changed what is in the way --- */

/* Adds to "by" of each conflict {path, call, by} the ids of the session's calls that are newer than its call, are not among `wanted`,
 * and changed its path. What cannot be read is left out: it is a hint. */
must_use int undo_name_later_calls(const struct undo_dirs *d, struct undo_call *const *wanted,
                                   size_t count, json_t *conflicts);

/* --- undo_step.c: takes one line back, for real --- */

enum undo_step_result { UNDO_STEP_DONE = 1, UNDO_STEP_NOT_NEEDED, UNDO_STEP_FAILED };
/* UNDO_STEP_FAILED: this one cannot be taken back; *ret_why says why. Negative: stop everything (disk full...). */
must_use int undo_step(const struct undo_call *c, const struct undo_line *line, bool force,
                       const char **ret_why);
