/* See proxy.h. */
#include "host/egress/proxy.h"

#include "host/egress/allowance.h"
#include "host/egress/visit.h"
#include "os/accept.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>

#define RETRY_NS (100 * OS_NS_PER_MS) /* no descriptor or no memory for one more now */

/* Of commands: none, so that no request of theirs gets a secret. */
static const struct guest_secrets no_secrets;

struct proxy {
    struct grant_config config;
    uint64_t id;
    struct allowance allowance;
    int listener; /* own; -1 = it has ended */
    struct os_watch *watch, *retry, *deadline;
    struct visit *visits[PROXY_VISITS_MAX]; /* own */
    size_t count;
};

uint64_t proxy_id(const struct proxy *p)
{
    return p->id;
}

static void stop_listening(struct proxy *p)
{
    os_watch_free(take(p->watch));
    os_close(take_fd(&p->listener));
}

static void listen_on(struct proxy *p, bool now)
{
    bool listens = now && p->count < PROXY_VISITS_MAX;
    if (p->watch && os_watch_set_events(p->watch, listens ? OS_READ : 0) < 0)
        stop_listening(p);
}

static void on_over(struct visit *v, void *arg)
{
    struct proxy *p = arg;
    for (size_t i = 0; i < PROXY_VISITS_MAX; i++) {
        if (p->visits[i] != v)
            continue;
        p->visits[i] = NULL;
        p->count--;
    }
    visit_free(v);
    listen_on(p, true);
}

static int receive(struct proxy *p, own int fd)
{
    const struct visit_host host = {
        .loop = p->config.loop,
        .net = p->config.net,
        .allowance = &p->allowance,
        .no_secrets = &no_secrets,
        .idle_ms = p->config.idle_ms,
        .over = on_over,
        .arg = p,
    };
    size_t i = 0;
    while (p->visits[i])
        i++;
    int r = visit_new(&host, fd, &p->visits[i]);
    if (r == 0)
        p->count++;
    return r;
}

static void on_listener(int listener, unsigned events, void *arg)
{
    struct proxy *p = arg;
    int fd, r = 0;
    (void)events;
    while (r == 0 && p->count < PROXY_VISITS_MAX) {
        r = os_accept(listener, &fd);
        if (r == 0)
            r = receive(p, fd);
        else if (r == -ECONNABORTED)
            r = 0;
    }
    if (r == -EINVAL || r == -ENOTSOCK || r == -EOPNOTSUPP) {
        stop_listening(p); /* it is no listener */
    } else if (r < 0 && r != -EAGAIN) {
        listen_on(p, false);
        os_watch_set_timer(p->retry, os_now_mono_ns() + RETRY_NS);
    } else {
        listen_on(p, true);
    }
}

static void on_retry(void *arg)
{
    listen_on(arg, true);
}

static void hang_up(struct proxy *p)
{
    stop_listening(p);
    for (size_t i = 0; i < PROXY_VISITS_MAX; i++)
        visit_free(take(p->visits[i]));
    p->count = 0;
}

static void on_deadline(void *arg)
{
    hang_up(arg);
}

static int attach(struct proxy *p)
{
    struct os_loop *loop = p->config.loop;
    int r = os_set_nonblock(p->listener, true);
    if (r == 0)
        r = os_loop_watch_timer(loop, p->allowance.terms.deadline_ns, on_deadline, p, &p->deadline);
    if (r == 0)
        r = os_loop_watch_timer(loop, INT64_MAX, on_retry, p, &p->retry);
    if (r == 0)
        r = os_loop_watch_fd(loop, p->listener, OS_READ, on_listener, p, &p->watch);
    return r;
}

int proxy_new(const struct grant_config *config, uint64_t id, const json_t *terms, own int listener,
              own struct proxy **ret, struct fault *reterr)
{
    auto_close int held = listener;
    auto_(proxy) struct proxy *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->config = *config;
    p->id = id;
    p->listener = take_fd(&held);
    int r = allowance_init(&p->allowance, terms, reterr);
    if (r == 0)
        r = attach(p);
    if (r < 0)
        return r;
    *ret = take(p);
    return 0;
}

own json_t *proxy_end(struct proxy *p)
{
    hang_up(p);
    return allowance_end(&p->allowance);
}

void proxy_free(own struct proxy *p)
{
    if (!p)
        return;
    hang_up(p);
    os_watch_free(p->retry);
    os_watch_free(p->deadline);
    allowance_done(&p->allowance);
    free(p);
}
