/* One connection of a native command to the proxy: one request head, then a tunnel (CONNECT) or one plain request and its answer, and
 * the end of the connection. One request for one connection: what is behind a request belongs to nobody, so nothing can be
 * smuggled there. What it may reach is asked of the command's allowance; nothing is decided here. */
#pragma once

#include "base/base.h"
#include "host/egress/allowance.h"
#include "host/egress/guest_secrets.h"
#include "net/http.h"
#include "os/loop.h"

struct visit; /* opaque */

struct visit_host {
    struct os_loop *loop;
    struct net *net;
    struct allowance *allowance;
    const struct guest_secrets *no_secrets; /* empty: a command gets none, and none is looked for */
    int64_t idle_ms;
    void (*over)(struct visit *v, void *arg); /* once, from the loop: free it */
    void *arg;
};
/* fd own, also when this fails; without blocking. */
must_use int visit_new(const struct visit_host *host, own int fd, own struct visit **ret);
void visit_free(own struct visit *v); /* no byte goes out or in after it */
DEFINE_FREEP(visit, struct visit);
