/* See tunnel.h. Two lanes, each with a buffer of a fixed size: a side is read while its lane has room, so that a slow reader holds
 * the other side up and never fills our memory. An end of one lane is passed on when its last byte is; the other goes on. */
#include "host/egress/tunnel.h"

#include "os/accept.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>

enum { LANE_SIZE = (int)TUNNEL_FIRST_MAX };

struct lane {
    char *at; /* own; LANE_SIZE bytes */
    size_t from, len;
    bool has_ended, is_closed; /* its reader heard the end; its writer's side was told */
};

struct tunnel {
    struct tunnel_config config;
    int fds[2]; /* client, server */
    struct os_watch *watches[2], *idle;
    struct lane lanes[2]; /* by the side that they come from */
    bool is_over;
};

static void end(struct tunnel *t)
{
    if (t->is_over)
        return;
    t->is_over = true;
    t->config.over(t->config.arg); /* t may be gone */
}

static void stir(struct tunnel *t)
{
    os_watch_set_timer(t->idle, os_now_mono_ns() + t->config.idle_ms * OS_NS_PER_MS);
}

/* false: the tunnel is of no use any more. */
static bool fill(struct tunnel *t, int side)
{
    struct lane *lane = &t->lanes[side];
    if (lane->has_ended)
        return true;
    if (lane->from > 0 && lane->len > 0)
        memmove(lane->at, lane->at + lane->from, lane->len);
    lane->from = 0;
    size_t room = LANE_SIZE - lane->len;
    if (room == 0)
        return true;
    /* With nothing left one byte more is asked for: it may be the end, which costs nothing. */
    int64_t left = allowance_left(t->config.allowance), most = left > 0 ? left : 1;
    ssize_t n =
        os_read(t->fds[side], lane->at + lane->len, most < (int64_t)room ? (size_t)most : room);
    if (n == -EAGAIN)
        return true;
    if (n < 0 || !allowance_spend(t->config.allowance, n))
        return false;
    lane->has_ended = n == 0;
    lane->len += (size_t)n;
    stir(t);
    return true;
}

static bool flush(struct tunnel *t, int side)
{
    struct lane *lane = &t->lanes[side];
    int to = t->fds[!side];
    while (lane->len > 0) {
        const struct iovec piece = {lane->at + lane->from, lane->len};
        ssize_t n = os_socket_send(to, &piece, 1, NULL, 0);
        if (n == -EAGAIN)
            return true;
        if (n <= 0)
            return false;
        lane->from += (size_t)n;
        lane->len -= (size_t)n;
        stir(t);
    }
    if (lane->has_ended && !lane->is_closed) {
        lane->is_closed = true;
        return os_end_sending(to) == 0;
    }
    return true;
}

static bool listen_on(struct tunnel *t)
{
    for (int side = 0; side < 2; side++) {
        const struct lane *in = &t->lanes[side], *out = &t->lanes[!side];
        unsigned events =
            (!in->has_ended && in->len < LANE_SIZE ? OS_READ : 0u) | (out->len > 0 ? OS_WRITE : 0u);
        if (os_watch_set_events(t->watches[side], events) < 0)
            return false;
    }
    return !(t->lanes[0].is_closed && t->lanes[1].is_closed);
}

static void on_side(int fd, unsigned events, void *arg)
{
    struct tunnel *t = arg;
    int side = fd == t->fds[1];
    bool goes_on = true;
    if ((events & (OS_READ | OS_HUP)) != 0)
        goes_on = fill(t, side);
    /* What has been read goes out even when nothing more may be read. */
    bool is_clear = flush(t, side) && flush(t, !side);
    if (!goes_on || !is_clear || !listen_on(t))
        end(t);
}

static void on_idle(void *arg)
{
    end(arg);
}

static int attach(struct tunnel *t)
{
    int r = os_loop_watch_timer(t->config.loop, INT64_MAX, on_idle, t, &t->idle);
    for (int side = 0; r == 0 && side < 2; side++)
        r = os_loop_watch_fd(t->config.loop, t->fds[side], OS_READ | OS_WRITE, on_side, t,
                             &t->watches[side]);
    if (r == 0)
        stir(t);
    return r;
}

int tunnel_new(const struct tunnel_config *config, own struct tunnel **ret)
{
    const struct str first[2] = {config->to_server, config->to_client};
    auto_(tunnel) struct tunnel *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->config = *config;
    t->fds[0] = config->client;
    t->fds[1] = config->server;
    for (int side = 0; side < 2; side++) {
        must(first[side].len <= TUNNEL_FIRST_MAX);
        if (!(t->lanes[side].at = malloc(LANE_SIZE)))
            return -ENOMEM;
        memcpy(t->lanes[side].at, first[side].at, first[side].len);
        t->lanes[side].len = first[side].len;
    }
    int r = attach(t);
    if (r < 0)
        return r;
    *ret = take(t);
    return 0;
}

void tunnel_free(own struct tunnel *t)
{
    if (!t)
        return;
    for (int side = 0; side < 2; side++) {
        os_watch_free(t->watches[side]);
        free(t->lanes[side].at);
    }
    os_watch_free(t->idle);
    free(t);
}
