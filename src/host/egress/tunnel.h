/* Bytes both ways between a native command's connection and a host that it may reach, until both have ended, one breaks, nothing has
 * moved for too long, or max_http_bytes is used up. What the bytes are is nobody's business here: mostly TLS between the two. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "host/egress/allowance.h"
#include "os/loop.h"

struct tunnel; /* opaque */

struct tunnel_config {
    struct os_loop *loop;
    struct allowance *allowance;
    int64_t idle_ms;
    int client, server; /* borrowed; without blocking */
    struct str to_client,
        to_server;           /* what goes first, at most TUNNEL_FIRST_MAX each; not counted */
    void (*over)(void *arg); /* once, from the loop; the tunnel may be freed in it */
    void *arg;
};
#define TUNNEL_FIRST_MAX ((size_t)64 << 10)
must_use int tunnel_new(const struct tunnel_config *config, own struct tunnel **ret);
void tunnel_free(own struct tunnel *t); /* no byte moves after it */
DEFINE_FREEP(tunnel, struct tunnel);
