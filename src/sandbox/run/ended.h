/* How a native command ended, as a value, with both directions of its wire form (MONITOR_ENDED), so that keeper and
 * monitor cannot drift. The keeper is ours but stands next to hostile processes: the decoder bounds every number. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "sandbox/run/run.h"

enum { SANDBOX_EXIT_NOT_FOUND = 127, SANDBOX_EXIT_NOT_RUNNABLE = 126 }; /* as shells say it */

struct sandbox_ended {
    enum sandbox_stop stop; /* EXIT, TIMEOUT, MEMORY, QUOTA, CANCEL, CRASH (by a signal) */
    int exit_code;          /* of EXIT; 128 + signal of CRASH */
    char detail[200];
    const struct limit_row *limit; /* the one that was met; NULL = none */
    int64_t cpu_us, peak_memory;
    int64_t read_bytes, written_bytes; /* from and to storage */
    int64_t processes;                 /* most at once that were seen */
};

own json_t *sandbox_ended_json(const struct sandbox_ended *e); /* NULL on no memory */
/* -FAULT_PROTOCOL: not an answer that a keeper of ours gives. */
must_use int sandbox_ended_from_json(const json_t *body, struct sandbox_ended *ret,
                                     struct fault *reterr);
