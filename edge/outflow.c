/* A piece goes only when the stream says that it has room, and is small enough that a pipe which has any room takes it whole
 * (PIPE_BUF). A file is always ready and takes everything. */
#include "edge/outflow.h"

#include "base/buf.h"
#include "base/fault.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/socket.h"

#include <errno.h>

enum { PIECE = 4096 };

struct outflow {
    int fd, fault; /* fault: 0 or the one that ended it */
    struct buf kept;
    size_t gone;            /* of the front of kept */
    struct os_watch *watch; /* own; paused while nothing is kept */
    outflow_fn fn;
    void *arg;
};

size_t outflow_kept(const struct outflow *o)
{
    return o->kept.len - o->gone;
}

static int fail(struct outflow *o, int fault)
{
    o->fault = fault;
    buf_done(&o->kept);
    o->gone = 0;
    return fault;
}

/* As much as goes now. Returns how much, or a fault. */
static ssize_t push(struct outflow *o, struct str bytes)
{
    size_t done = 0;
    while (done < bytes.len && os_wait_fd(o->fd, true, 0) == 0) {
        size_t piece = bytes.len - done < PIECE ? bytes.len - done : PIECE;
        ssize_t n = os_write(o->fd, bytes.at + done, piece);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            return n;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static void on_room(int fd, unsigned events, void *arg)
{
    (void)fd, (void)events;
    struct outflow *o = arg;
    ssize_t n = push(o, (struct str){o->kept.at + o->gone, outflow_kept(o)});
    if (n < 0)
        (void)fail(o, (int)n);
    else
        o->gone += (size_t)n;
    if (outflow_kept(o) == 0) {
        buf_done(&o->kept);
        o->gone = 0;
        int r = os_watch_set_events(o->watch, 0);
        if (r < 0)
            (void)fail(o, r);
    }
    o->fn(o->arg);
}

int outflow_new(struct os_loop *loop, int fd, size_t max, outflow_fn fn, void *arg,
                own struct outflow **ret)
{
    struct outflow *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->fd = fd;
    o->fn = fn;
    o->arg = arg;
    buf_init(&o->kept, max);
    int r = os_loop_watch_fd(loop, fd, 0, on_room, o, &o->watch);
    if (r < 0) {
        outflow_free(o);
        return r;
    }
    *ret = o;
    return 0;
}

void outflow_free(own struct outflow *o)
{
    if (!o)
        return;
    os_watch_free(o->watch);
    buf_done(&o->kept);
    free(o);
}

int outflow_add(struct outflow *o, struct str bytes)
{
    if (o->fault < 0)
        return o->fault;
    ssize_t n = outflow_kept(o) > 0 ? 0 : push(o, bytes); /* never past what came before */
    if (n < 0)
        return fail(o, (int)n);
    bytes = (struct str){bytes.at + n, bytes.len - (size_t)n};
    if (bytes.len == 0)
        return 0;
    if (o->gone > 0) {
        buf_drop_front(&o->kept, o->gone);
        o->gone = 0;
    }
    int r = buf_add_str(&o->kept, bytes);
    if (r == 0)
        r = os_watch_set_events(o->watch, OS_WRITE);
    return r < 0 ? fail(o, r) : 0;
}
