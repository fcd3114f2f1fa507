/* See guests.h. */
#include "host/egress/guests.h"

#include "host/ask/protocol.h"
#include "host/egress/grant.h"
#include "host/egress/guest_secrets.h"
#include "host/egress/proxy.h"
#include "net/http.h"
#include "os/fd.h"

#include <errno.h>

#define IDLE_MS 30000
enum { GRANTS_MAX = 64, IDLE_MS_MOST = 3600000 };

struct guests {
    struct guest_secrets secrets;
    struct net *net; /* own; NULL = guests are not served */
    char *ca_file;   /* own */
    struct grant_config config;
    struct way {
        struct grant *grant; /* own; of a guest */
        struct proxy *proxy; /* own; or of a native command */
    } ways[GRANTS_MAX];
};

int guests_new(own struct guests **ret)
{
    auto_(guests) struct guests *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    int r = guest_secrets_new(&g->secrets);
    if (r < 0)
        return r;
    *ret = take(g);
    return 0;
}

static void way_free(struct way *w)
{
    grant_free(take(w->grant));
    proxy_free(take(w->proxy));
}

void guests_free(own struct guests *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < GRANTS_MAX; i++)
        way_free(&g->ways[i]);
    net_free(g->net);
    guest_secrets_done(&g->secrets);
    free(g->ca_file);
    free(g);
}

int guests_start(struct guests *g, const struct message *m, struct os_loop *loop,
                 struct fault *reterr)
{
    struct str ca = {0};
    int64_t idle_ms = IDLE_MS;
    int r = m->body ? json_get_str(m->body, "ca_file", &ca, reterr) : JSON_ABSENT;
    if (r == 0 && !(g->ca_file = str_dup(ca)))
        r = -ENOMEM;
    if (r >= 0 && m->body)
        r = json_get_i64(m->body, "idle_ms", 1, IDLE_MS_MOST, &idle_ms, reterr);
    /* No proxy: it would look the name up by itself, and no address could be checked. */
    const struct net_config config = {.ca_file = g->ca_file};
    if (r >= 0)
        r = net_new(loop, &config, &g->net);
    if (r < 0)
        return r;
    g->config = (struct grant_config){loop, g->net, &g->secrets, idle_ms};
    return 0;
}

bool guests_are_served(const struct guests *g)
{
    return g->net != NULL;
}

static struct way *find(struct guests *g, uint64_t id)
{
    for (size_t i = 0; i < GRANTS_MAX; i++) {
        struct way *w = &g->ways[i];
        if ((w->grant && grant_id(w->grant) == id) || (w->proxy && proxy_id(w->proxy) == id))
            return w;
    }
    return NULL;
}

static int on_grant(struct guests *g, struct message *m, struct fault *reterr)
{
    bool is_proxy = false;
    if (m->id == 0 || m->fd_count != 1 || find(g, m->id))
        return fault_set(reterr, FAULT_PROTOCOL,
                         "a grant without its socket, or with a number that is used");
    if (m->body && json_get_bool(m->body, "proxy", &is_proxy, reterr) < 0)
        return -FAULT_PROTOCOL;
    for (size_t i = 0; i < GRANTS_MAX; i++) {
        struct way *w = &g->ways[i];
        if (w->grant || w->proxy)
            continue;
        int fd = take_fd(&m->fds[0]);
        return is_proxy ? proxy_new(&g->config, m->id, m->body, fd, &w->proxy, reterr)
                        : grant_new(&g->config, m->id, m->body, fd, &w->grant, reterr);
    }
    return fault_set(reterr, FAULT_PROTOCOL, "more than %d grants at once", GRANTS_MAX);
}

static int on_revoke(struct guests *g, const struct message *m, struct channel *monitor,
                     struct fault *reterr)
{
    struct way *w = find(g, m->id);
    if (!w)
        return fault_set(reterr, FAULT_PROTOCOL, "a grant is revoked that is not there");
    auto_json json_t *body = w->grant ? grant_end(w->grant) : proxy_end(w->proxy);
    way_free(w);
    return body ? channel_send(monitor, MONITOR_GRANT_END, m->id, body, STR(""), NULL, 0) : -ENOMEM;
}

int guests_take(struct guests *g, struct message *m, struct channel *monitor, struct fault *reterr)
{
    if (!g->net)
        return fault_set(reterr, FAULT_PROTOCOL, "this egress serves a model and no guests");
    switch (m->type) {
    case EGRESS_SECRET:
        if (m->fd_count != 1 || !m->body)
            return fault_set(reterr, FAULT_PROTOCOL, "a secret came without its memory file");
        return guest_secrets_add(&g->secrets, m->body, m->fds[0], reterr);
    case EGRESS_GRANT: return on_grant(g, m, reterr);
    case EGRESS_REVOKE: return on_revoke(g, m, monitor, reterr);
    default: return fault_set(reterr, FAULT_PROTOCOL, "a frame that egress does not know");
    }
}
