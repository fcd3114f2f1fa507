/* A finished write that is to take its name (docs/undo.md), as a value, with both directions of its wire form (MONITOR_LAND and
 * its answer WORKER_LANDED). The worker asks because the undo folder and the target are two mounts there, between
 * which no name can be moved; for the monitor they are one. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "wire/json.h"

enum { SANDBOX_STAGE_SIZE = 32, SANDBOX_STAGE_DIGITS = 16, SANDBOX_LANDING_PATH = 4096 };

struct sandbox_landing {
    char stage
        [SANDBOX_STAGE_SIZE]; /* its name in the undo folder: "stage-" and 16 digits in lower-case hex */
    char path[SANDBOX_LANDING_PATH + 1]; /* as the guest sees it; not checked further */
    uint64_t device, inode; /* of the folder that path is in, as the worker has it open */
    bool is_new;            /* nothing stands at path: what does by now stays (EEXIST) */
};

own json_t *
sandbox_landing_json(const struct sandbox_landing *l); /* without path; NULL on no memory */
/* -FAULT_PROTOCOL: not a question that a worker of ours asks. */
must_use int sandbox_landing_from_json(const json_t *body, struct str path,
                                       struct sandbox_landing *ret, struct fault *reterr);

/* The answer. error: 0 or -errno. */
own json_t *sandbox_landed_json(int error);
must_use int sandbox_landed_from_json(const json_t *body, int *ret_error, struct fault *reterr);
