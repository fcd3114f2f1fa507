/* rooms: run */
/* What the monitor takes from a worker that was taken over: frames, and the outcomes in them. */
#include "fuzz/receiver.h"
#include "sandbox/run/landing.h"
#include "sandbox/run/run.h"

#include <string.h>

static void take_landing(const struct message *m)
{
    struct sandbox_landing l;
    if (!m->body || sandbox_landing_from_json(m->body, m->raw, &l, NULL) < 0)
        return;
    must(strlen(l.stage) == strlen("stage-") + SANDBOX_STAGE_DIGITS && !strchr(l.stage, '/'));
    must(strlen(l.path) == m->raw.len);
}

static void take_outcome(struct message *m)
{
    if (m->type == MONITOR_LAND)
        take_landing(m);
    auto_done(sandbox_outcome) struct sandbox_outcome o;
    sandbox_outcome_init(&o, 64);
    if (m->type != MONITOR_RAN || !m->body ||
        sandbox_outcome_from_json(m->body, m->raw, &o, NULL) < 0)
        return;
    struct sandbox_limits l;
    limits_default(&l);
    sandbox_outcome_bound(&o, &l, 1000);
    must(o.out.len <= 64 && o.err.len <= 64 && o.used.wall_us <= 1000);
    for (size_t i = 0; i < o.touched_count; i++)
        must(o.touched[i].path[0] == '/' && strstr(o.touched[i].path, "/../") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_monitor_worker, take_outcome, data, size);
}
