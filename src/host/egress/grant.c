/* See grant.h. States of the socket: IDLE no fetch, BUSY one. Back-pressure: towards the worker the channel's queue (past
 * CHANNEL_FULL nothing is taken from the network), from the worker the fetch's own buffer (while it is full the socket is not
 * read). Calls from below come in the midst of the library's work, so that whatever frees a fetch or reads the socket there is
 * left to the timer `soon`. */
#include "host/egress/grant.h"

#include "host/ask/http_client.h"
#include "host/ask/protocol.h"
#include "host/egress/allowance.h"
#include "host/egress/fetch.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>

#define QUEUE_MAX ((size_t)4 << 20)
#define CHANNEL_FULL ((size_t)256 << 10)
enum { PAUSE = 1 };

struct grant {
    struct grant_config config;
    uint64_t id;
    struct allowance allowance;
    struct channel *channel; /* own; NULL = it has ended */
    struct os_watch *watch, *soon, *deadline;
    struct fetch *fetch; /* own */
    struct fetch *old;   /* own; over, to be freed from the loop */
    uint64_t request;    /* number of the fetch, or of the last one */
    bool is_paused, is_starting;
};

uint64_t grant_id(const struct grant *g)
{
    return g->id;
}

/* --- what a fetch asks --- */

static int may_ask(const struct url *u, struct str method, char ret_why[URL_WHY_SIZE], void *arg)
{
    struct grant *g = arg;
    (void)method;
    return allowance_may_ask(&g->allowance, u, false, ret_why);
}

static int may_connect(const struct url *u, const struct os_address *to, char ret_why[URL_WHY_SIZE],
                       void *arg)
{
    struct grant *g = arg;
    return allowance_may_connect(&g->allowance, u, to, ret_why);
}

static bool may_use(const char *name, void *arg)
{
    const struct grant *g = arg;
    const struct terms *terms = &g->allowance.terms;
    for (size_t i = 0; i < terms->secret_count; i++)
        if (strcmp(terms->secrets[i], name) == 0)
            return true;
    return false;
}

static bool spend(int64_t bytes, void *arg)
{
    struct grant *g = arg;
    return allowance_spend(&g->allowance, bytes);
}

static bool is_full(void *arg)
{
    const struct grant *g = arg;
    return g->channel && channel_queued(g->channel) > CHANNEL_FULL;
}

/* --- to the worker --- */

static void later(struct grant *g)
{
    os_watch_set_timer(g->soon, os_now_mono_ns());
}

static void watch_channel(struct grant *g)
{
    unsigned events =
        (g->is_paused ? 0u : OS_READ) | (channel_queued(g->channel) > 0 ? OS_WRITE : 0u);
    if (g->watch && os_watch_set_events(g->watch, events) < 0)
        later(g);
}

static int say(struct grant *g, uint16_t type, const json_t *body, struct str raw)
{
    if (!g->channel)
        return -FAULT_PEER_GONE;
    int r = channel_send(g->channel, type, g->request, body, raw, NULL, 0);
    watch_channel(g);
    return r;
}

static int tell_head(int status, struct str url, own json_t *fields, void *arg)
{
    auto_json json_t *body = json_pack("{s:i, s:o, s:o}", "status", status, "url",
                                       json_string_lossy(url), "headers", fields);
    return body ? say(arg, WORKER_HTTP_HEAD, body, STR("")) : -ENOMEM;
}

static int tell_body(struct str bytes, void *arg)
{
    return say(arg, WORKER_HTTP_BODY, NULL, bytes);
}

static void tell_over(int result, const char *why, void *arg)
{
    struct grant *g = arg;
    if (result == HTTP_BAD)
        allowance_bad_request(&g->allowance, why);
    auto_json json_t *body = json_pack("{s:s, s:o}", "outcome", http_result_name(result), "text",
                                       json_string_lossy(str_of(why)));
    if (body)
        (void)!say(g, WORKER_HTTP_END, body, STR(""));
    if (g->channel)
        channel_set_state(g->channel, STATE_IDLE);
    g->old = take(g->fetch);
    g->is_paused = false;
    later(g);
}

static void has_room(void *arg)
{
    struct grant *g = arg;
    if (g->is_paused && !fetch_is_full(g->fetch)) {
        g->is_paused = false;
        later(g);
    }
}

/* --- from the worker --- */

static int begin(struct grant *g, const struct message *m)
{
    const struct fetch_host host = {
        .net = g->config.net,
        .secrets = g->config.secrets,
        .idle_ms = g->config.idle_ms,
        .may_ask = may_ask,
        .may_connect = may_connect,
        .may_use = may_use,
        .spend = spend,
        .is_full = is_full,
        .head = tell_head,
        .body = tell_body,
        .room = has_room,
        .over = tell_over,
        .arg = g,
    };
    if (m->id != g->request + 1)
        return -FAULT_PROTOCOL;
    fetch_free(take(g->old));
    int r = fetch_new(&host, m->body, &g->fetch);
    if (r < 0)
        return r;
    g->request = m->id;
    g->is_starting = true;
    channel_set_state(g->channel, STATE_BUSY);
    later(g);
    return 0;
}

static int on_message(struct message *m, void *arg)
{
    struct grant *g = arg;
    if (m->type == EGRESS_HTTP_BEGIN)
        return begin(g, m);
    if (m->id > g->request || m->id == 0)
        return -FAULT_PROTOCOL;
    if (m->id != g->request || !g->fetch) /* it has crossed our END */
        return 0;
    if (m->type == EGRESS_HTTP_CLOSE) {
        fetch_free(take(g->fetch));
        g->is_starting = false;
        channel_set_state(g->channel, STATE_IDLE);
        return 0;
    }
    int r = m->type == EGRESS_HTTP_BODY ? fetch_send(g->fetch, m->raw) : fetch_sent(g->fetch);
    if (r < 0)
        return r;
    fetch_go_on(g->fetch); /* may end it */
    g->is_paused = g->fetch && fetch_is_full(g->fetch);
    return g->is_paused ? PAUSE : 0;
}

/* The worker is gone, or broke the protocol. What was used stays to be told. */
static void hang_up(struct grant *g)
{
    fetch_free(take(g->fetch));
    g->is_starting = false;
    os_watch_free(take(g->watch));
    channel_free(take(g->channel));
}

static void pump(struct grant *g, bool for_write, bool for_read)
{
    int r = for_write ? channel_pump_out(g->channel) : 0;
    if (r == 0 && for_write && g->fetch)
        fetch_go_on(g->fetch);
    if (r >= 0 && for_read && !g->is_paused)
        r = channel_pump_in(g->channel, on_message, g, NULL);
    if (r < 0)
        hang_up(g);
    else
        watch_channel(g);
}

static void on_channel(int fd, unsigned events, void *arg)
{
    (void)fd;
    struct grant *g = arg;
    if (g->is_paused && (events & OS_HUP) != 0)
        hang_up(g); /* paused for good: nobody is there to go on for */
    else
        pump(g, (events & OS_WRITE) != 0, (events & (OS_READ | OS_HUP)) != 0);
}

static void on_soon(void *arg)
{
    struct grant *g = arg;
    fetch_free(take(g->old));
    if (g->is_starting) {
        g->is_starting = false;
        fetch_start(g->fetch);
    }
    if (g->channel)
        pump(
            g, true,
            true); /* what came while it was paused waits inside the channel: no event tells of it */
}

static void on_deadline(void *arg)
{
    struct grant *g = arg;
    if (!g->fetch)
        return;
    fetch_free(take(g->fetch));
    g->is_starting = false;
    tell_over(HTTP_TIMEOUT, "the time for this call is over", g);
}

/* --- life --- */

static int attach(struct grant *g, own int fd)
{
    int r = channel_new(fd, permits_egress_http, QUEUE_MAX, &g->channel);
    if (r == 0)
        r = channel_set_nonblock(g->channel);
    if (r < 0)
        return r;
    channel_set_state(g->channel, STATE_IDLE);
    r = os_loop_watch_timer(g->config.loop, INT64_MAX, on_soon, g, &g->soon);
    if (r == 0)
        r = os_loop_watch_timer(g->config.loop, g->allowance.terms.deadline_ns, on_deadline, g,
                                &g->deadline);
    if (r == 0)
        r = os_loop_watch_fd(g->config.loop, channel_fd(g->channel), OS_READ, on_channel, g,
                             &g->watch);
    return r;
}

int grant_new(const struct grant_config *config, uint64_t id, const json_t *terms, own int fd,
              own struct grant **ret, struct fault *reterr)
{
    auto_close int held = fd;
    auto_(grant) struct grant *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    g->config = *config;
    g->id = id;
    int r = allowance_init(&g->allowance, terms, reterr);
    if (r == 0)
        r = attach(g, take_fd(&held));
    if (r < 0)
        return r;
    *ret = take(g);
    return 0;
}

own json_t *grant_end(struct grant *g)
{
    hang_up(g);
    return allowance_end(&g->allowance);
}

void grant_free(own struct grant *g)
{
    if (!g)
        return;
    hang_up(g);
    fetch_free(g->old);
    os_watch_free(g->soon);
    os_watch_free(g->deadline);
    allowance_done(&g->allowance);
    free(g);
}
