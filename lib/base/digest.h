/* SHA-256, HMAC-SHA-256 over OpenSSL EVP. A program that does not call these does not link
 * libcrypto. Failure of the library to give us a digest at all is a must_library() (nothing can be trusted
 * without it), so these return nothing. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE 65 /* with NUL */

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* Optional: does what a first use would do (library start, its configuration file) now, so that a
 * program can lock itself down afterwards. */
void digest_start(void);
void digest_sha256(const void *data, size_t len, struct digest *ret);
void digest_hmac(const void *key, size_t key_len, const void *data, size_t len, struct digest *ret);
void digest_hex(const struct digest *d, char ret_hex[DIGEST_HEX_SIZE]);
bool digest_from_hex(struct str hex, struct digest *ret); /* 64 digits, lower case */

/* Incremental form. */
struct digest_stream;                              /* opaque */
own struct digest_stream *digest_stream_new(void); /* NULL on no memory */
void digest_stream_add(struct digest_stream *s, const void *data, size_t len);
void digest_stream_end(struct digest_stream *s, struct digest *ret); /* once */
void digest_stream_free(own struct digest_stream *s);
DEFINE_FREEP(digest_stream, struct digest_stream);
