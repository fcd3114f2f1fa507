/* rooms: run */
/* What the monitor takes from the keeper of a native command, and how it reads the end of one. */
#include "fuzz/receiver.h"

#include "sandbox/run/ended.h"

static void read_end(struct message *m)
{
    struct sandbox_ended e, again;
    struct fault f = {0};
    if (m->body == NULL || m->type != MONITOR_ENDED)
        return;
    int r = sandbox_ended_from_json(m->body, &e, &f);
    must(r == 0 || (r == -FAULT_PROTOCOL && f.text[0] != '\0'));
    if (r < 0)
        return;
    must(e.exit_code >= 0 && e.exit_code <= 255 && e.cpu_us >= 0 && e.peak_memory >= 0);
    must(strlen(e.detail) < sizeof(e.detail));
    json_t *body = sandbox_ended_json(&e);
    must(body != NULL && sandbox_ended_from_json(body, &again, NULL) == 0);
    must(again.stop == e.stop && again.limit == e.limit && strcmp(again.detail, e.detail) == 0);
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return receiver_fuzz(&permits_monitor_keeper, read_end, data, size);
}
