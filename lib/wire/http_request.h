/* What a client says to an HTTP/1.1 proxy: one request head, and a body in chunks. The client is hostile; what two programs
 * could read differently is refused, never repaired, and what goes on is made anew from what was understood here, so that
 * nothing can be smuggled behind it. Pure. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "wire/url.h"

#define HTTP_REQUEST_HEAD_MAX ((size_t)64 << 10)
#define HTTP_REQUEST_FIELDS_MAX 64

struct http_request {
    bool is_connect; /* CONNECT host:port; url is then https://host:port/ */
    bool is_old;     /* HTTP/1.0: knows no chunks */
    bool is_chunked, wants_continue;
    int64_t content_length; /* -1 = not said */
    char method[17];
    struct url url;    /* own */
    struct buf fields; /* own; "name\0value\0" of what goes on: nothing of the connection itself */
    size_t field_count;
};

/* The head's length with the empty line behind it; 0 = it is not whole yet. */
size_t http_request_head_len(struct str bytes);
/* head: as long as http_request_head_len() said. -EINVAL with what is wrong ("the request ...") | -ENOMEM. Left out of the fields: what
 * belongs to this connection (connection and what it names, proxy-*, keep-alive, te, trailer, upgrade, via, ...), host (it must
 * say what the target says), and accept-encoding (nothing is unpacked on the way, so none is asked for). */
must_use int http_request_parse(struct str head, struct http_request *ret,
                                char ret_why[URL_WHY_SIZE]);
void http_request_done(struct http_request *a);
bool http_request_next(const struct http_request *a, size_t *at, struct str *ret_name,
                       struct str *ret_value);

/* A body in chunks, in whatever pieces it comes. Without extensions and without trailers: nobody needs them, and they are
 * where readers differ. */
struct http_chunks {
    enum {
        HTTP_CHUNK_SIZE,
        HTTP_CHUNK_BYTES,
        HTTP_CHUNK_END, /* CR LF behind the bytes */
        HTTP_CHUNK_LAST,
        HTTP_CHUNKS_WHOLE
    } state;
    uint64_t left;         /* of this chunk */
    unsigned digits, seen; /* of the size; of a line's end */
};
/* Takes from the front of *bytes; *ret_data: bytes of the body, a view into them (empty = none yet). Call until *bytes is empty or
 * the state is WHOLE. 0 | -EINVAL */
must_use int http_chunks_take(struct http_chunks *c, struct str *bytes, struct str *ret_data);
