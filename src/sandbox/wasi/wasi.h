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

struct wasi; /* one run; opaque */

struct wasi_memory {
    uint8_t *base;
    uint64_t size; /* bytes */
};

struct wasi_mount {
    const char *guest;   /* absolute, normalised */
    int dir_fd;          /* borrowed for the run */
    bool writable;
};

struct wasi_quota {
    int64_t output_bytes, write_bytes, open_files, created_files;
};

struct wasi_use {
    int64_t output_bytes, read_bytes, written_bytes, created_files, open_peak;
};

enum wasi_touch_op { WASI_TOUCH_WRITE, WASI_TOUCH_CREATE, WASI_TOUCH_DELETE, WASI_TOUCH_RENAME,
                     WASI_TOUCH_MKDIR, WASI_TOUCH_RMDIR, WASI_TOUCH_LINK, WASI_TOUCH_READ };
/* (same order as enum sandbox_touch_op) */

struct wasi_config {
    const char *const *argv; size_t argc;
    const char *const *env; size_t env_count;
    const struct wasi_mount *mounts; size_t mount_count;
    struct wasi_quota quota;
    int64_t deadline_ns;                 /* monotonic; every wait ends there */
    bool (*is_cancelled)(void *arg);     /* asked inside waits and long copies; may be NULL */
    int cancel_fd;                       /* readable = cancelled; -1 = none: waits poll it too */
    bool record_reads, atomic_writes;
    int stdin_fd;                        /* -1: stdin_bytes */
    struct str stdin_bytes;
    /* Takes guest output (stream 1 or 2); a negative return ends the run as cancelled. */
    int (*on_output)(int stream, struct str bytes, void *arg);
    int undo_fd;                         /* folder for before-images: "N" files and the "log"; -1 = none */
    void *arg;
};

must_use int wasi_new(const struct wasi_config *config, own struct wasi **ret);
/* Ends the run: lands or drops staged writes (`commit`: land those that the guest closed or left open at a
 * clean exit), closes all fds. Idempotent. */
void wasi_end(struct wasi *w, bool commit);
void wasi_free(own struct wasi *w);
DEFINE_FREEP(wasi, struct wasi);

/* What the engine links: the import's name, its type ("iiI" parameters, "i" or "" result), and the call.
 * args: raw, i32 zero-extended. Returns 0 with *ret_errno set, or a stop: */
enum wasi_stop { WASI_STOP_EXIT = 1 /* proc_exit: wasi_exit_code() */, WASI_STOP_DEADLINE, WASI_STOP_CANCEL };
struct wasi_function {
    const char *name, *params, *results;
    int (*call)(struct wasi *w, struct wasi_memory memory, const uint64_t *args, uint32_t *ret_errno);
};
extern const struct wasi_function wasi_functions[];
extern const size_t wasi_function_count;

uint32_t wasi_exit_code(const struct wasi *w);
const struct wasi_use *wasi_used(const struct wasi *w);
const char *wasi_limits_hit(const struct wasi *w); /* comma-separated limit keys that were met, "" = none */
size_t wasi_touch_count(const struct wasi *w);
void wasi_touch_at(const struct wasi *w, size_t i, enum wasi_touch_op *op, const char **path, const char **path_to, int *image);
size_t wasi_refusal_count(const struct wasi *w);
void wasi_refusal_at(const struct wasi *w, size_t i, const char **op, const char **target, const char **why);
