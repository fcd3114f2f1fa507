/* What the two files of a worker's handle share: its state. worker_start.c makes one, worker.c runs it. */
#pragma once

#include "os/process.h"
#include "sandbox/ask/worker.h"

#include <sys/types.h>

struct channel;  /* host/ask/channel.h */
struct os_watch; /* os/loop.h */

struct sandbox_worker {
    struct os_child child;
    struct channel *channel; /* own */
    json_t *confinement;     /* own */
    char *agent;             /* own; whose it is */
    int64_t stack_max, memory_max, table_max;
    struct sandbox_gauge *gauge; /* own; the shared page */
    bool is_dead;
    uint64_t next_id;

    /* Its age: see is_due() in worker.c. */
    bool was_interrupted;
    int64_t runs, runs_max;
    int64_t memory_at_start, memory_growth_max; /* bytes; memory_at_start -1 = cannot be told */
    bool has_grown;

    /* The run under way. */
    bool is_running, is_cancelled, is_paused;
    uint64_t id;
    struct sandbox_limits limits;
    int64_t started_ns, cpu_at_start_ns;
    struct os_watch *fd_watch, *timer; /* own */
    struct sandbox_listener listener;
    struct sandbox_outcome outcome;
    bool has_outcome;
    struct sandbox_use last_use; /* measured when it did not answer */
    int64_t streamed;            /* bytes so far */
    char said[400];              /* what the worker gave up with */
};

/* What a peer says in `text`, cut and printable. body may be NULL. */
void worker_copy_said(char *ret, size_t size, const json_t *body);
/* How a child ended, for a sentence; ret_exit (may be NULL) is its exit code, -1 when it has none. Reaps it. */
void worker_describe_end(struct os_child *child, char *ret, size_t size, int *ret_exit);
