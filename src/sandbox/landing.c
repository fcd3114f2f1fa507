/* One question, one answer, in the middle of a run. The wait has no end of its own: the monitor answers at once, and when it does
 * not, it kills this process at the deadline. A cancel that comes in between is kept for the guest to be stopped by.
 *
 * A monitor that is gone, or an answer that is none, ends this process. The name may or may not have been taken by then;
 * going on would write into the log of changes that it was not, and the change could not be undone. */
#include "sandbox/landing.h"

#include "host/ask/protocol.h"
#include "os/process.h"
#include "sandbox/run/landing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int send_question(const struct landing *l, const struct wasi_landing *what)
{
    struct sandbox_landing landing = {
        .device = what->folder_device, .inode = what->folder_inode, .is_new = what->is_new};
    if (strlen(what->path) > SANDBOX_LANDING_PATH)
        return -ENAMETOOLONG;
    snprintf(landing.stage, sizeof(landing.stage), "%s", what->stage);
    auto_json json_t *body = sandbox_landing_json(&landing);
    return body == NULL ? -ENOMEM
                        : channel_send(l->channel, MONITOR_LAND, l->run_id, body,
                                       str_of(what->path), NULL, 0);
}

/* 1 = a cancel, or an answer that is not ours: look on. */
static int take_answer(struct landing *l, const struct message *m, int *ret_error)
{
    if (m->type == WORKER_CANCEL)
        l->is_cancelled |= m->id == l->run_id;
    if (m->type != WORKER_LANDED || m->id != l->run_id)
        return 1;
    return m->body == NULL ? -FAULT_PROTOCOL : sandbox_landed_from_json(m->body, ret_error, NULL);
}

/* What came together with the answer lies in the channel's buffer, where nobody would hear of it: only a cancel can. */
static int look_for_cancel(struct landing *l)
{
    for (;;) {
        struct message m;
        int error, r = channel_recv(l->channel, 0, &m, NULL);
        if (r != 0)
            return r < 0 ? r : 0;
        r = take_answer(l, &m, &error);
        message_done(&m);
        if (r <= 0)
            return -FAULT_PROTOCOL; /* an answer to no question */
    }
}

int landing_ask(struct landing *l, const struct wasi_landing *what)
{
    int error = 0, r = send_question(l, what);
    if (r == -ENOMEM || r == -ENAMETOOLONG)
        return r;
    r = r < 0 ? r : 1;
    while (r == 1) {
        struct message m;
        r = channel_recv(l->channel, INT64_MAX, &m, NULL);
        if (r < 0)
            break;
        r = take_answer(l, &m, &error);
        message_done(&m);
    }
    if (r == 0)
        r = look_for_cancel(l);
    if (r < 0)
        os_exit_now(fault_exit_code(r));
    return error;
}
