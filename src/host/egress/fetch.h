/* One request of a guest, with its redirects, from EGRESS_HTTP_BEGIN to its one WORKER_HTTP_END. What it may do is asked of
 * its grant at every hop; nothing is decided here. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "host/ask/http_client.h"
#include "host/egress/guest_secrets.h"
#include "net/http.h"
#include "os/address.h"
#include "wire/url.h"

struct fetch; /* opaque */

/* What a fetch asks of its grant and tells it. */
struct fetch_host {
    struct net *net;
    const struct guest_secrets *secrets;
    int64_t idle_ms; /* 0 = NET_IDLE_MS */
    /* Counts a request. 0 | enum http_result with why. */
    int (*may_ask)(const struct url *u, struct str method, char ret_why[URL_WHY_SIZE], void *arg);
    int (*may_connect)(const struct url *u, const struct os_address *to, char ret_why[URL_WHY_SIZE],
                       void *arg);
    bool (*may_use)(const char *secret_name, void *arg);
    bool (*spend)(int64_t bytes, void *arg); /* false = max_http_bytes is used up */
    bool (*is_full)(void *arg);              /* the worker is slow: take no more from the network */
    /* 0 | -errno: the worker's end is of no use any more */
    int (*head)(int status, struct str url, own json_t *fields, void *arg);
    int (*body)(struct str bytes, void *arg);
    void (*room)(void *arg); /* bytes of the request's body have gone out */
    void (*over)(int result, const char *why, void *arg); /* once; the fetch may be freed in it */
    void *arg;
};

/* Parses the body of BEGIN: what is no request ends in over(HTTP_BAD), as does everything else that goes wrong. Calls over only
 * later, never from within. -FAULT_PROTOCOL: no client of ours writes this. */
must_use int fetch_new(const struct fetch_host *host, const json_t *begin, own struct fetch **ret);
/* Nothing goes out after it, and over is not called any more. */
void fetch_free(own struct fetch *f);
DEFINE_FREEP(fetch, struct fetch);
/* The first step, from the loop. */
void fetch_start(struct fetch *f);
must_use int
fetch_send(struct fetch *f,
           struct str bytes); /* 0 | -FAULT_PROTOCOL: more than was said, or not asked for */
must_use int fetch_sent(struct fetch *f);
bool fetch_is_full(
    const struct fetch *f);        /* enough of the body waits: read no more from the worker */
void fetch_go_on(struct fetch *f); /* the worker has taken something, or given something */
