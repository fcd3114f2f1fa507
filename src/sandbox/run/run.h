/* One run of one module, as a value: what is asked (struct sandbox_run) and what came of it (struct
 * sandbox_outcome), with both directions of both wire forms (WORKER_RUN and MONITOR_RAN bodies) in
 * run_codec.c, so that worker and monitor cannot drift. Linked by both sides; does nothing by itself.
 * What a worker reports is not believed: the decoder bounds every number, count and string. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "host/ask/channel.h"
#include "sandbox/run/limits.h"

#define SANDBOX_MOUNTS_MAX 32
#define SANDBOX_ARGS_MAX                                                                           \
    1024 /* of args, of env; and 1 MiB of bytes, both together, their NULs counted */
#define SANDBOX_TOUCHED_MAX 4096
#define SANDBOX_REFUSED_MAX 64
#define SANDBOX_ARGS_BYTES_MAX ((size_t)1 << 20)
#define SANDBOX_COLLECT_MAX                                                                        \
    ((size_t)32 << 20) /* collected output, whatever max_output_bytes says */
#define SANDBOX_PATH_MAX 4096

struct sandbox_mount {
    char *host;  /* own; host path, for people and receipts; the worker never opens it */
    char *guest; /* own; absolute, normalised: "/", "/lib" */
    int dir_fd;  /* own; O_PATH|O_DIRECTORY */
    bool writable;
};

enum sandbox_stop { /* names in sandbox_stop_name(): the receipt's stopped_by */
                    SANDBOX_EXIT,
                    SANDBOX_FUEL,
                    SANDBOX_TIMEOUT,
                    SANDBOX_MEMORY,
                    SANDBOX_STACK,
                    SANDBOX_QUOTA,
                    SANDBOX_DENIED_FS,
                    SANDBOX_DENIED_NET,
                    SANDBOX_DENIED_POLICY,
                    SANDBOX_TRAP,
                    SANDBOX_CANCEL,
                    SANDBOX_CRASH,
                    SANDBOX_INVALID_MODULE,
                    SANDBOX_SCHEMA,
};
const char *sandbox_stop_name(enum sandbox_stop stop);
int sandbox_stop_exit_code(enum sandbox_stop stop,
                           int guest_exit_code); /* of `exec`: interfaces.md */

enum sandbox_touch_op {
    SANDBOX_TOUCH_WRITE,
    SANDBOX_TOUCH_CREATE,
    SANDBOX_TOUCH_DELETE,
    SANDBOX_TOUCH_RENAME,
    SANDBOX_TOUCH_MKDIR,
    SANDBOX_TOUCH_RMDIR,
    SANDBOX_TOUCH_LINK,
    SANDBOX_TOUCH_READ
};
const char *sandbox_touch_name(enum sandbox_touch_op op);

struct sandbox_touch {
    enum sandbox_touch_op op;
    char *path;    /* own; as the guest sees it */
    char *path_to; /* own; rename and link: the new name; else NULL */
    int image; /* number of the before-image in the undo folder; -1 = there was nothing before */
};
struct sandbox_refusal {
    char *op, *target, *why;
}; /* own */

struct sandbox_use {
    int64_t fuel, wall_us, cpu_us, peak_memory, output_bytes, read_bytes, written_bytes,
        created_files;
};

struct sandbox_run {
    const char *agent; /* for whom it is; the worker never hears of it */
    const char *const *argv;
    size_t argc; /* borrowed */
    const char *const *env;
    size_t env_count; /* "NAME=VALUE" */
    struct sandbox_limits limits;
    bool stream_output;     /* MONITOR_OUTPUT frames as it comes, instead of raw at the end */
    uint32_t mounts;        /* bit set over the worker's mounts that exist for this run */
    bool read_only;         /* all mounts ro for this run, whatever the worker holds */
    bool record_reads;      /* touched also names files read */
    bool atomic_writes;     /* truncating rewrites are staged and land whole at close */
    struct str stdin_bytes; /* used when stdin_fd is -1 */
    int stdin_fd;           /* borrowed; -1 = stdin_bytes */
    int code_fd; /* borrowed; sealed memfd of native code; sent once per worker and code_key */
    const char *code_key; /* hex digest naming the code; a worker keeps modules by it */
    int undo_fd;          /* borrowed; private folder for before-images; -1 = none kept */
    int http_fd; /* borrowed; this call's channel to egress (host/ask/http_client.h); -1 = no network */
};

/* What the run under way has used so far, on a page that monitor and worker share: all that is left to be read when a
 * worker is gone without an answer. The worker's word like its answer: bounded before it is shown, and never read otherwise.
 * Fuel is as of the last call out of the module. */
struct sandbox_gauge {
    _Atomic int64_t fuel, peak_memory, output_bytes, read_bytes, written_bytes, created_files;
};
#define SANDBOX_GAUGE_SIZE 4096 /* of its memory file: one page */

/* The worker's exit code when a guest was past its deadline in something that cannot be interrupted. */
#define SANDBOX_WORKER_LATE 75

struct sandbox_outcome {
    enum sandbox_stop stop;
    int exit_code;
    char detail[512];
    const char *ended_by; /* static; key of the limit that ended it; NULL = none did */
    struct sandbox_use used;
    struct sandbox_touch *touched;
    size_t touched_count; /* own */
    struct sandbox_refusal *refused;
    size_t refused_count; /* own */
    char *limits_hit;     /* own; comma-separated keys, or NULL */
    struct buf out, err;  /* collected output: head and tail with a mark between */
    bool output_cut;
};
void sandbox_outcome_init(struct sandbox_outcome *o, size_t output_max);
void sandbox_outcome_done(struct sandbox_outcome *o);

/* Whether arguments and environment fit: -FAULT_USAGE says how much is too much. To be asked before anything is journalled. */
must_use int sandbox_run_check(const struct sandbox_run *run, struct fault *reterr);
/* WORKER_RUN body. argv, env, limits, flags, code_key; stdin bytes travel as raw, fds in the order code, stdin, undo,
 * http (those that are there; the body says which). Decoded, the fds are -1 or their place in that order, and stdin_bytes is
 * empty: the receiver puts in what came beside the body. */
own json_t *sandbox_run_json(const struct sandbox_run *run); /* NULL on no memory */
struct sandbox_run_held; /* owns the strings behind a decoded run */
must_use int sandbox_run_from_json(const json_t *body, struct sandbox_run *ret,
                                   own struct sandbox_run_held **ret_held, struct fault *reterr);
void sandbox_run_held_free(own struct sandbox_run_held *h);
DEFINE_FREEP(sandbox_run_held, struct sandbox_run_held);
/* MONITOR_RAN body; collected output travels as raw (lengths in the body). */
own json_t *sandbox_outcome_json(const struct sandbox_outcome *o);
/* ret is initialised by the caller; on a fault it holds some of it and is done with as usual.
 * -FAULT_PROTOCOL: not an answer that a worker of ours gives. */
must_use int sandbox_outcome_from_json(const json_t *body, struct str raw,
                                       struct sandbox_outcome *ret, struct fault *reterr);
/* The gauge's figures, as they come: negative ones are 0. */
struct sandbox_use sandbox_gauge_read(const struct sandbox_gauge *g);
/* Cuts what a worker says it used to what the run could have used in the time that really passed. */
void sandbox_outcome_bound(struct sandbox_outcome *o, const struct sandbox_limits *l,
                           int64_t elapsed_us);
