/* The worker's side of HTTP for a guest: one request at a time over the call's own socket to egress. Blocking, with a
 * deadline and a way to be cancelled in every wait. Egress decides everything (hosts, addresses, limits, secrets); this
 * only carries, so a worker that was taken over gains nothing by leaving it out.
 *
 * A request walks one way: begin -> send... -> end_body -> head -> read... (0 bytes: its end) -> close. The body is sent
 * before the answer is read. close is fine at any time
 * and is what makes the next begin possible. */
#pragma once

#include "base/base.h"
#include "base/str.h"

struct http_client; /* opaque */

/* Positive: a named end of this request, with a sentence in http_client_why(). Negative faults (-FAULT_PEER_GONE,
 * -FAULT_PROTOCOL, -ENOMEM, -errno) mean that the channel is of no use any more; every later call repeats them. */
enum http_result {
    HTTP_OK = 0,
    HTTP_DENIED, /* denied:net: this host, address, port or URL is not granted */
    HTTP_QUOTA,  /* max_http_requests or max_http_bytes is used up */
    HTTP_BAD, /* the request itself: method, URL, header, order of calls, body not as long as said */
    HTTP_FAILED, /* no name, no connection, no TLS that we trust, cut, not HTTP, answer too large */
    HTTP_TIMEOUT,   /* the deadline, or egress' own for silence */
    HTTP_CANCELLED, /* cancel_fd became readable, or the grant was revoked */
};
const char *http_result_name(
    int result); /* "ok", "denied:net", "quota", "bad", "failed", "timeout", "cancelled" */

#define HTTP_URL_MAX ((size_t)8192)
#define HTTP_FIELDS_MAX ((size_t)64)            /* of a request */
#define HTTP_FIELDS_SIZE_MAX ((size_t)32 << 10) /* names and values of a request together */
#define HTTP_REDIRECTS_MAX 10

struct http_field {
    struct str name, value;
};

struct http_ask {
    struct str method, url;
    const struct http_field *fields; /* borrowed for the call of begin */
    size_t field_count;
    bool has_body;
    int64_t body_size;  /* when has_body: exact length, -1 = not known (goes out chunked) */
    unsigned redirects; /* followed by egress, each hop checked anew; 0 = the 3xx is the answer */
};

/* fd own, also when this fails. cancel_fd borrowed; -1 = none. */
must_use int http_client_new(own int fd, int cancel_fd, own struct http_client **ret);
void http_client_free(own struct http_client *c); /* egress ends what is open */
DEFINE_FREEP(http_client, struct http_client);

/* deadline_ns: monotonic, INT64_MAX = none. */
must_use int http_client_begin(struct http_client *c, const struct http_ask *ask,
                               int64_t deadline_ns);
/* Any length; waits while egress takes no more. When the request is over already (an error, or an answer before
 * its time), the rest is of no use: it is dropped here and HTTP_OK returned, and head or read say what came. A
 * server that sends much of its answer before it reads the body to its end makes both wait until the deadline. */
must_use int http_client_send(struct http_client *c, struct str bytes, int64_t deadline_ns);
must_use int http_client_end_body(struct http_client *c, int64_t deadline_ns);
/* Waits for the head of the answer; a second call returns the same one. Views live until close. */
struct http_head {
    int status;
    struct str url; /* of the last hop, normalised */
    size_t field_count;
};
must_use int http_client_head(struct http_client *c, int64_t deadline_ns, struct http_head *ret);
/* i < field_count; names lower case, values UTF-8 (other bytes replaced), each occurrence its own field. */
struct http_field http_client_field(const struct http_client *c, size_t i);
/* Waits for the next bytes of the body; *ret_len 0 = its end. Reads no further than what was asked for, so that egress
 * and the server feel it when the guest is slow. */
must_use int http_client_read(struct http_client *c, void *at, size_t size, int64_t deadline_ns,
                              size_t *ret_len);
void http_client_close(struct http_client *c);

const char *
http_client_why(const struct http_client *c); /* never NULL; "" when the last result was HTTP_OK */
