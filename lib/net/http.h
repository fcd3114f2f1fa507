/* Outbound HTTP/1.1 and TLS over libcurl's multi interface, driven by os_loop; one thread of our own (the
 * library makes one more for the time of a name lookup). What it never does: follow a redirect, send
 * credentials that it was not given, read the environment or a configuration file, speak anything but HTTP,
 * use a connection twice (the library would then send a request again by itself when the old connection
 * turns out to be dead; a model request costs money each time).
 *
 * A call lives from net_call_new() to net_call_free(); its end is told once, and not at all when it is freed
 * before. Callbacks may free the call only from on_end. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "os/address.h"
#include "os/loop.h"

struct net;      /* opaque */
struct net_call; /* opaque */

#define NET_HEAD_MAX ((size_t)64 << 10)
#define NET_BODY_MAX ((int64_t)64 << 20)
#define NET_CONNECT_MS 15000
#define NET_IDLE_MS 120000

/* Once per process, before its lockdown: what the library does at its start. */
must_use int net_start(void);

struct net_config {
    const char *ca_file;          /* NULL = the system's */
    const char *proxy;            /* NULL = none; never from the environment */
    const char *proxy_exceptions; /* as in no_proxy; NULL = none */
};
must_use int net_new(struct os_loop *loop, const struct net_config *config, own struct net **ret);
void net_free(own struct net *n); /* after its calls */
DEFINE_FREEP(net, struct net);

struct net_head {
    int status;
    struct str content_type, retry_after, retry_after_ms; /* empty = not there */
    bool is_redirect;
};

enum net_outcome {
    NET_DONE,       /* the answer came to its end */
    NET_NO_NAME,    /* the host's name has no address */
    NET_NO_CONNECT, /* no connection */
    NET_NO_TLS,     /* a connection, but no TLS that we trust */
    NET_CUT,        /* the connection broke after the request had begun to go out */
    NET_IDLE,       /* nothing came for too long */
    NET_GARBLED,    /* not HTTP, or a head that is too large */
    NET_TOO_LONG,   /* more body than body_max */
    NET_STOPPED,    /* on_head or on_body said so */
    NET_FAULT,      /* our own: no memory, a bad URL */
};

struct net_end {
    enum net_outcome outcome;
    const char *text; /* a sentence of the library's; "" = none */
    bool was_sent;    /* a byte of the request may have left */
    int64_t bytes_in, bytes_out;
};

enum { NET_TAKEN = 0, NET_WAIT = 1 /* not taken: ask again after net_call_go_on() */ };
#define NET_SEND_WAIT ((ssize_t) - 1) /* nothing to send now: asked again after net_call_go_on() */
#define NET_SEND_STOP ((ssize_t) - 2)

struct net_events {
    /* 0 go on; negative: stop, the end is NET_STOPPED. */
    int (*on_head)(const struct net_head *head, void *arg);
    int (*on_body)(struct str bytes, void *arg); /* NET_TAKEN, NET_WAIT, or negative as above */
    void (*on_end)(const struct net_end *end, void *arg);
    /* Asked before each connection with the address that is really meant; false = not there. */
    bool (*may_connect)(const struct os_address *to, void *arg);
    /* NULL, or every line of a head as it came, interim answers and trailers too. Negative: stop. */
    int (*on_line)(struct str line, void *arg);
    /* With is_streamed: fills at most size bytes. > 0 so many | 0 the body is whole | NET_SEND_* */
    ssize_t (*on_send)(char *at, size_t size, void *arg);
    void *arg;
};

struct net_ask {
    const char *url;
    const char *const
        *headers;       /* "Name: value", NULL-terminated; borrowed until the call is freed */
    const char *method; /* NULL = POST with `body`, which is borrowed likewise */
    struct str body;
    bool
        is_connection; /* only the connection to the url's host: on_end says NET_DONE when it stands, and it stays until the
                         * call is freed; nothing is sent. method is not looked at */
    bool is_streamed;  /* the body of `method` comes from on_send */
    int64_t stream_size;                   /* its length, -1 = not known: chunked */
    int64_t connect_ms, idle_ms, body_max; /* 0 = the above */
    struct net_events events;
};
must_use int net_call_new(struct net *n, const struct net_ask *ask, own struct net_call **ret);
/* Of a connection that stands: a descriptor of its own for it, without blocking. The call must live as long as it is used: the library
 * may still read at its end. -errno */
must_use int net_call_socket(const struct net_call *c, int *ret_fd);
void net_call_go_on(struct net_call *c);
void net_call_free(own struct net_call *c); /* no byte goes out or in after it */

/* "Wed, 21 Oct 2015 07:28:00 GMT" -> seconds since 1970. */
must_use int net_parse_date(struct str text, int64_t *ret_s);
