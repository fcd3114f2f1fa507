/* The monitor's side of the sandbox: starting a worker with its mounts, asking it to run a module,
 * taking the answer, keeping its own clock. The worker is another process and not believed: its answer
 * is parsed, its use is bounded by what was asked for, and it is killed past its deadline. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "sandbox/run/limits.h"
#include "sandbox/run/run.h"

struct os_loop;
struct undo_landing;   /* host/undo.h */
struct sandbox_worker; /* opaque */

struct sandbox_worker_config {
    const char *program; /* path of boxagnts-worker */
    const struct sandbox_mount *mounts;
    size_t mount_count;
    int undo_root_fd; /* parent of all undo folders of this session, writable for the worker; -1 = none */
    int64_t stack_max, memory_max, table_max; /* engine-wide: a run may ask for less, never more */
    uint32_t required_facets;                 /* jail.h */
    const char *agent;                        /* whose it is: a run for anybody else is refused */
    int64_t runs_max, memory_growth_max;      /* 0 = the two below */
};
/* After so many runs, or when its own memory has grown by so many bytes since its start, a worker is spent. The first is far
 * above what a session needs and bounds what nobody thought of; the second is far above what the pool keeps (two slots of
 * 256 KiB) and what one run's answer takes for a moment (64 MiB). */
#define SANDBOX_WORKER_RUNS_MAX 10000
#define SANDBOX_WORKER_GROWTH_MAX (INT64_C(96) << 20)
/* Starts it and waits for READY (deadline 10 s). -FAULT_SANDBOX when it cannot be started or its jail cannot be built. */
must_use int sandbox_worker_new(const struct sandbox_worker_config *config,
                                own struct sandbox_worker **ret, struct fault *reterr);
void sandbox_worker_free(own struct sandbox_worker *w); /* kills it */
DEFINE_FREEP(sandbox_worker, struct sandbox_worker);
bool sandbox_worker_serves(const struct sandbox_worker *w,
                           const struct sandbox_limits *l); /* engine-wide values large enough? */
const json_t *
sandbox_worker_confinement(const struct sandbox_worker *w); /* borrowed; as measured at its start */
int64_t sandbox_worker_pid(const struct sandbox_worker *w);

/* Starts a run under a loop. on_output gets streamed bytes; on_done exactly once, also when
 * the worker dies (SANDBOX_CRASH), lies (SANDBOX_CRASH, detail says protocol) or passes its deadline by more
 * than the grace (killed; SANDBOX_TIMEOUT). After a crash or kill the worker is dead: sandbox_worker_dead().
 * One run at a time per worker: -EBUSY. -FAULT_PEER_GONE: it is spent. -FAULT_POLICY: it belongs to another agent. */
typedef void (*sandbox_output_fn)(int stream, struct str bytes, void *arg);
typedef void (*sandbox_done_fn)(struct sandbox_outcome *outcome /* borrowed */, void *arg);
/* A finished write of the run is to take its name: undo_land() with the mounts of this run. 0 | -errno. */
typedef int (*sandbox_land_fn)(const struct undo_landing *what /* borrowed, not believed */,
                               void *arg);
struct sandbox_listener {
    sandbox_output_fn on_output; /* NULL: a run that streams is a breach */
    sandbox_land_fn on_land;     /* NULL: answered with EXDEV */
    sandbox_done_fn on_done;
    void *arg;
};
must_use int sandbox_worker_run(struct sandbox_worker *w, struct os_loop *loop,
                                const struct sandbox_run *run,
                                const struct sandbox_listener *listener /* copied */,
                                struct fault *reterr);
/* While paused, streamed output stays where it is (the guest waits when there is no more room); clocks go on. For one run. */
void sandbox_worker_pause(struct sandbox_worker *w, bool on);
void sandbox_worker_cancel(
    struct sandbox_worker *w); /* asks; kills after a grace of 50 ms; on_done still comes */
/* Ends the run under way at once, its worker with it: on_done comes from within, as SANDBOX_CANCEL. For when no loop follows. */
void sandbox_worker_kill(struct sandbox_worker *w);
bool sandbox_worker_dead(const struct sandbox_worker *w);
/* It serves no further run: it is dead, was interrupted in a run, or has served its time. Start another. */
bool sandbox_worker_spent(const struct sandbox_worker *w);
