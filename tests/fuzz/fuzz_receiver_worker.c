/* rooms: run */
/* What a worker takes from the monitor: frames, and the runs in them. */
#include "fuzz/receiver.h"
#include "sandbox/run/landing.h"
#include "sandbox/run/run.h"

static void take_run(struct message *m)
{
    int error = 0;
    if (m->type == WORKER_LANDED && m->body && sandbox_landed_from_json(m->body, &error, NULL) == 0)
        must(error <= 0 && error >= -4095);
    struct sandbox_run run;
    auto_(sandbox_run_held) struct sandbox_run_held *held = NULL;
    if (m->type == WORKER_RUN && m->body && sandbox_run_from_json(m->body, &run, &held, NULL) == 0)
        must(run.argc <= SANDBOX_ARGS_MAX && run.env_count <= SANDBOX_ARGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_worker, take_run, data, size);
}
