/* The program: one channel to the monitor, turns by their number. States: STARTING until EGRESS_START has
 * said which service and handed over the key, then IDLE for good; it serves several turns at once and stays
 * until the monitor hangs up. A frame that breaks the protocol ends it. */
#include "host/egress/egress.h"

#include "host/ask/protocol.h"
#include "host/egress/bodies.h"
#include "host/egress/guests.h"
#include "host/egress/secrets.h"
#include "host/egress/turn.h"
#include "net/http.h"
#include "os/loop.h"
#include "os/random.h"

#include <errno.h>

#define QUEUE_MAX ((size_t)64 << 20)
enum { TURNS_MAX = 64 };

struct egress {
    struct channel *channel;
    struct os_loop *loop;
    struct os_watch *watch;
    struct net *net;
    struct secrets secrets;
    struct egress_start start;
    struct egress_service service;
    struct egress_turn *turns[TURNS_MAX];
    struct guests *guests;
    struct fault *reterr;
};

int egress_new(int channel_fd, own struct egress **ret)
{
    uint32_t seed;
    auto_(egress) struct egress *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return -ENOMEM;
    os_random(&seed, sizeof(seed));
    json_start(seed);
    int r = net_start();
    if (r == 0)
        r = secrets_new(&e->secrets);
    if (r == 0)
        r = guests_new(&e->guests);
    if (r == 0)
        r = channel_new(channel_fd, permits_egress, QUEUE_MAX, &e->channel);
    if (r < 0)
        return r;
    *ret = take(e);
    return 0;
}

void egress_free(own struct egress *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < TURNS_MAX; i++)
        egress_turn_free(e->turns[i]);
    guests_free(e->guests);
    net_free(e->net);
    os_watch_free(e->watch);
    os_loop_free(e->loop);
    channel_free(e->channel);
    egress_start_done(&e->start);
    secrets_done(&e->secrets);
    free(e);
}

struct channel *egress_channel(struct egress *e)
{
    return e->channel;
}

/* --- turns --- */

static void watch_channel(void *arg)
{
    struct egress *e = arg;
    unsigned events = OS_READ | (channel_queued(e->channel) > 0 ? OS_WRITE : 0u);
    if (e->watch != NULL && os_watch_set_events(e->watch, events) < 0)
        os_loop_stop(e->loop, -EIO);
}

static struct egress_turn **find_turn(struct egress *e, uint64_t id)
{
    for (size_t i = 0; i < TURNS_MAX; i++)
        if (e->turns[i] != NULL && egress_turn_id(e->turns[i]) == id)
            return &e->turns[i];
    return NULL;
}

static void on_over(struct egress_turn *t, void *arg)
{
    struct egress *e = arg;
    struct egress_turn **slot = find_turn(e, egress_turn_id(t));
    if (slot != NULL)
        *slot = NULL;
    egress_turn_free(t);
}

static void on_broken(int r, void *arg)
{
    struct egress *e = arg;
    os_loop_stop(e->loop, r == -FAULT_PEER_GONE ? 0 : r);
}

static int on_model(struct egress *e, const struct message *m)
{
    struct egress_ask ask;
    if (guests_are_served(e->guests))
        return fault_set(e->reterr, FAULT_PROTOCOL, "this egress serves guests and no model");
    if (m->id == 0 || find_turn(e, m->id) != NULL)
        return fault_set(e->reterr, FAULT_PROTOCOL, "a turn's number is used twice");
    int r = egress_ask_parse(m->body, &ask, e->reterr);
    if (r < 0)
        return r;
    for (size_t i = 0; i < TURNS_MAX; i++)
        if (e->turns[i] == NULL)
            return egress_turn_new(&e->service, m->id, &ask, m->raw, &e->turns[i]);
    return fault_set(e->reterr, FAULT_PROTOCOL, "more than %d turns at once", TURNS_MAX);
}

/* --- the start --- */

static int add_headers(struct egress *e, int key_fd)
{
    static const char *const ours[] = {
        "content-type", "application/json",           "accept", "text/event-stream",
        "user-agent",   "boxagnts/" BOXAGNTS_VERSION, NULL};
    int r = 0;
    for (size_t i = 0; r == 0 && ours[i] != NULL; i += 2)
        r = secrets_add_header(&e->secrets, str_of(ours[i]), str_of(ours[i + 1]), false, e->reterr);
    if (r == 0)
        r = egress_start_headers(&e->start, &e->secrets, e->reterr);
    if (r == 0)
        r = secrets_add_key(&e->secrets, key_fd, e->start.auth, e->reterr);
    return r;
}

static int on_start(struct egress *e, const struct message *m)
{
    if (m->fd_count != 1)
        return fault_set(e->reterr, FAULT_PROTOCOL, "the start came without the key's memory file");
    int r = egress_start_parse(m->body, &e->start, e->reterr);
    if (r == 0)
        r = add_headers(e, m->fds[0]);
    e->start.headers = NULL; /* borrowed from the frame */
    const struct net_config config = {e->start.ca_file, e->start.proxy.text,
                                      e->start.proxy_exceptions};
    if (r == 0)
        r = net_new(e->loop, &config, &e->net);
    if (r < 0)
        return r;
    e->service = (struct egress_service){e->channel,    e->net,  &e->start, &e->secrets,
                                         watch_channel, on_over, on_broken, e};
    channel_set_state(e->channel, STATE_IDLE);
    return 0;
}

/* --- frames --- */

static int on_message(struct message *m, void *arg)
{
    struct egress *e = arg;
    switch (m->type) {
    case EGRESS_START: return on_start(e, m);
    case EGRESS_MODEL: return on_model(e, m);
    case EGRESS_CANCEL: {
        struct egress_turn **turn = find_turn(e, m->id);
        if (turn != NULL) /* else its END has crossed the cancel */
            egress_turn_cancel(*turn);
        return 0;
    }
    case EGRESS_GUESTS: {
        int r = guests_start(e->guests, m, e->loop, e->reterr);
        if (r == 0)
            channel_set_state(e->channel, STATE_IDLE);
        return r;
    }
    default: return guests_take(e->guests, m, e->channel, e->reterr);
    }
}

static void on_channel(int fd, unsigned events, void *arg)
{
    struct egress *e = arg;
    int r = 0;
    (void)fd;
    if ((events & OS_WRITE) != 0)
        r = channel_pump_out(e->channel);
    if (r == 0)
        for (size_t i = 0; i < TURNS_MAX; i++)
            if (e->turns[i] != NULL)
                egress_turn_go_on(e->turns[i]);
    if (r >= 0 && (events & (OS_READ | OS_HUP)) != 0)
        r = channel_pump_in(e->channel, on_message, e, e->reterr);
    if (r < 0)
        os_loop_stop(e->loop, r == -FAULT_PEER_GONE ? 0 : r);
    else
        watch_channel(e);
}

int egress_serve(struct egress *e, struct fault *reterr)
{
    e->reterr = reterr;
    int r = os_loop_new(&e->loop);
    if (r == 0)
        r = channel_set_nonblock(e->channel);
    if (r == 0)
        r = os_loop_watch_fd(e->loop, channel_fd(e->channel), OS_READ, on_channel, e, &e->watch);
    return r == 0 ? os_loop_run(e->loop) : r;
}

void egress_give_up(struct egress *e, int r, struct fault *why)
{
    if (why->code == 0)
        (void)fault_set(why, -r, "%s", fault_sentence(r));
    auto_json json_t *body =
        json_pack("{s:i, s:s, s:s}", "code", why->code, "text", why->text, "next", why->next);
    if (body != NULL)
        (void)!channel_send(e->channel, MONITOR_FAULT, 0, body, STR(""), NULL, 0);
}
