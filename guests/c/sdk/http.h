/* HTTP for guests, over the import boxagnts_http (docs/sandbox.md). One request is open at a time. Nothing is allowed by
 * default: the operator's settings and the policy say which hosts answer, and a refusal is an errno with a sentence.
 * Only in WASM: there is no such import elsewhere. */
#pragma once

#include "base.h"

enum {
    HTTP_HEADERS_MAX = 256 << 10, /* of an answer */
    HTTP_NO_BODY = 0,
    HTTP_BODY_UNKNOWN = -1, /* its length is told by its end */
};

struct http {
    uint32_t handle;
    int status;
    struct buf headers; /* own; lines "name: value\n", names in lower case */
};

/* All return 0 or an errno: ENOTCAPABLE no network for this call, EACCES this host is not granted, EDQUOT the call's share
 * is used up, EINVAL the request itself, EHOSTUNREACH and ECONNRESET the network, ETIMEDOUT silence. After an errno
 * http_close() is the one thing left to do.
 *
 * headers: lines "Name: value\n". body_size: HTTP_NO_BODY, HTTP_BODY_UNKNOWN, or exact. redirects: how many are followed for
 * you, 0 to 10. */
must_use int http_open(struct str method, struct str url, struct str headers, int64_t body_size,
                       int redirects, struct http *ret);
must_use int http_write(struct http *http, struct str bytes);
must_use int http_finish(struct http *http); /* the body is whole */
/* Waits for the answer's head: http->status and http->headers. */
must_use int http_wait(struct http *http);
/* Up to `size` bytes of the answer's body; 0 bytes: its end. */
must_use int http_read(struct http *http, char *ret_bytes, size_t size, size_t *ret_len);
void http_close(struct http *http);

/* The value of the first header of this name (lower case); empty: none. Lives until close. */
struct str http_header(const struct http *http, const char *name);
/* The sentence to the last errno; own copy, never freed. */
struct str http_why(void);
