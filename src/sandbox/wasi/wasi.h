/* WASI preview 1 for one run of one guest: all 46 functions, over directory fds and openat2, with
 * accounting, quotas, refusals, before-images and touches. Knows no engine: a guest's memory is a base
 * and a size, a call is an array of raw arguments, so that every function can be fuzzed as it is.
 * The guest is hostile: every pointer and length is checked against the memory before use.
 *
 * Source: WASI preview 1 witx (wasi_snapshot_preview1). */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include "sandbox/wasi/memory.h"

struct wasi; /* one run; opaque */

struct wasi_mount {
    const char *guest; /* absolute, normalised */
    int dir_fd;        /* borrowed for the run */
    bool writable;
};

struct wasi_quota {
    int64_t output_bytes, write_bytes, open_files, created_files, dir_entries;
};

struct wasi_use {
    int64_t output_bytes, read_bytes, written_bytes, created_files, dir_entries, open_peak;
};

enum wasi_touch_op {
    WASI_TOUCH_WRITE,
    WASI_TOUCH_CREATE,
    WASI_TOUCH_DELETE,
    WASI_TOUCH_RENAME,
    WASI_TOUCH_MKDIR,
    WASI_TOUCH_RMDIR,
    WASI_TOUCH_LINK,
    WASI_TOUCH_READ
};
/* (same order as enum sandbox_touch_op) */

/* A finished write, and the name that it is to take: see config.land. All borrowed for the call. */
struct wasi_landing {
    const char *stage; /* its name in the undo folder */
    const char *path;  /* as the guest sees it */
    uint64_t folder_device, folder_inode;
    bool is_new; /* nothing stands there; what does by now stays: -EEXIST */
};

struct wasi_config {
    const char *const *argv;
    size_t argc;
    const char *const *env;
    size_t env_count;
    const struct wasi_mount *mounts;
    size_t mount_count;
    struct wasi_quota quota;
    int64_t deadline_ns;             /* monotonic; every wait ends there */
    bool (*is_cancelled)(void *arg); /* asked inside waits and long copies; may be NULL */
    int cancel_fd;                   /* readable = cancelled; -1 = none: waits poll it too */
    bool record_reads, atomic_writes;
    int stdin_fd; /* -1: stdin_bytes */
    struct str stdin_bytes;
    /* Takes guest output (stream 1 or 2); a negative return ends the run as cancelled. */
    int (*on_output)(int stream, struct str bytes, void *arg);
    /* false: on_output gets the first quota.output_bytes bytes (of both streams together), the rest is
     * counted and dropped here (streaming doors). true: it gets everything, and whoever collects keeps
     * head and tail. Either way all is counted and "max_output_bytes" is noted when the quota was passed. */
    bool pass_all_output;
    /* Moves a file out of the undo folder to its name in one step, for when the two are on different mounts of one file
     * system. 0 | -errno: it did not. NULL = nobody can: such a file is written in place. */
    int (*land)(const struct wasi_landing *what, void *arg);
    int undo_fd; /* private folder for before-images, see below; -1 = none kept */
    void *arg;
};

/* What the undo folder holds after (and, since each line is written before its effect, also in the middle
 * of) a run: a file "log" of JSON lines in order, and images. One line:
 *   {"n":0,"op":"write|create|delete|rename|mkdir|rmdir|link","path":"/a.txt","to":null,"mode":420,
 *    "kind":"file|dir|link|other"|null,"target":"text of a link"|null}
 *   {"n":0,"op":"void"}      the effect of line n failed: nothing happened
 * kind, mode, target tell what stood at `path` before (null: nothing). kind "file": its bytes are in the
 * file "<n>" (a file that has other names too must be restored in place, so that they share them again;
 * one that was written through one name and lost that name in the same run keeps its new bytes under the
 * others). `to`: new name of rename and link. A file or folder that a rename replaces
 * has a "delete" line of its own before it. A symbolic link is made by "create". Lines are undone from the
 * last to the first; the effect of the last one may not have happened (kill -9), so each step is taken only
 * where its effect is seen (a "delete" of a "file" whose image is missing has not happened). Names "stage-*" are unfinished writes: throw them away.
 * Images are capped at WASI_IMAGES_MAX bytes a run (a removed file that could be moved does not count);
 * a change that would need more is refused with EDQUOT and a refusal record. */
#define WASI_IMAGES_MAX (INT64_C(256) << 20)
/* The log is capped, too (EDQUOT and a refusal record): who undoes it reads no more than this. */
#define WASI_LOG_LINES_MAX 100000
#define WASI_LOG_BYTES_MAX (INT64_C(16) << 20)

/* Caps that are no settings. */
#define WASI_PATH_MAX 4095   /* bytes of one path, as the kernel has it; longer: ENAMETOOLONG */
#define WASI_IOVECS_MAX 1024 /* more: EINVAL */
#define WASI_ARGS_BYTES_MAX (1 << 20) /* args and env together, with their NULs; wasi_new: -E2BIG */
#define WASI_MOUNTS_MAX 64
#define WASI_POLL_MAX 4096 /* subscriptions of one poll_oneoff; more: EINVAL */
#define WASI_REFUSALS_MAX 64
#define WASI_TOUCHES_MAX 4096 /* further ones are in the log only: wasi_touches_dropped() */

/* The strings, arrays of strings, fds and stdin bytes in config are borrowed until wasi_free; config itself
 * and its array of mounts are copied. -EINVAL: a mount's guest path is not absolute and normalised, or is
 * there twice; -E2BIG; -ENOMEM. Makes no system call. */
must_use int wasi_new(const struct wasi_config *config, own struct wasi **ret);
/* Ends the run: lands or drops staged writes (`commit`: land those that the guest closed or left open at a
 * clean exit), closes all fds. Idempotent. */
void wasi_end(struct wasi *w, bool commit);
void wasi_free(own struct wasi *w);
DEFINE_FREEP(wasi, struct wasi);

/* What the engine links: the import's name, its type ("iiI" parameters, "i" or "" result), and the call.
 * args: raw, i32 zero-extended. Returns 0 with *ret_errno set, or a stop: */
enum wasi_stop {
    WASI_STOP_EXIT = 1 /* proc_exit: wasi_exit_code() */,
    WASI_STOP_DEADLINE,
    WASI_STOP_CANCEL
};
struct wasi_function {
    const char *name, *params, *results;
    int (*call)(struct wasi *w, struct wasi_memory memory, const uint64_t *args,
                uint32_t *ret_errno);
};
extern const struct wasi_function wasi_functions[];
extern const size_t wasi_function_count;

uint32_t wasi_exit_code(const struct wasi *w);
const struct wasi_use *wasi_used(const struct wasi *w);
const char *
wasi_limits_hit(const struct wasi *w); /* comma-separated limit keys that were met, "" = none */
size_t wasi_touch_count(const struct wasi *w);
void wasi_touch_at(const struct wasi *w, size_t i, enum wasi_touch_op *op, const char **path,
                   const char **path_to, int *image);
size_t wasi_touches_dropped(const struct wasi *w);
size_t wasi_refusal_count(const struct wasi *w);
void wasi_refusal_at(const struct wasi *w, size_t i, const char **op, const char **target,
                     const char **why);
