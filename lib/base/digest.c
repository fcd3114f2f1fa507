/* SHA-256 and HMAC-SHA-256. The only file that knows which library computes them; what the rest of
 * the tree sees is 32 bytes. Must never report a digest that was not computed: any failure of the
 * library ends the process with a sentence (exit 1). The first use reads the library's configuration and providers, so a
 * program that locks itself down calls digest_start() before. */
#include "base/digest.h"

#include <openssl/evp.h>

enum { HMAC_BLOCK = 64 };

struct digest_stream {
    EVP_MD_CTX *ctx;
};

/* Fetched once: a fetch by name at every use costs more than hashing a small input. It lives as
 * long as the process, like the library itself. */
static const EVP_MD *sha256(void)
{
    static EVP_MD *shared;
    EVP_MD *md = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
    if (md != NULL)
        return md;
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    must_library(md != NULL);
    EVP_MD *first = NULL;
    if (!__atomic_compare_exchange_n(&shared, &first, md, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        EVP_MD_free(md);
        md = first;
    }
    return md;
}

/* One context per thread for the one-shot forms, made at first use and kept. */
static EVP_MD_CTX *scratch(void)
{
    static _Thread_local EVP_MD_CTX *ctx;
    if (ctx == NULL)
        ctx = EVP_MD_CTX_new();
    must_library(ctx != NULL);
    return ctx;
}

static void begin(EVP_MD_CTX *ctx)
{
    must_library(EVP_DigestInit_ex2(ctx, sha256(), NULL) == 1);
}

static void add(EVP_MD_CTX *ctx, const void *data, size_t len)
{
    must_library(len == 0 || EVP_DigestUpdate(ctx, data, len) == 1);
}

static void end(EVP_MD_CTX *ctx, struct digest *ret)
{
    unsigned size = 0;
    must_library(EVP_DigestFinal_ex(ctx, ret->bytes, &size) == 1 && size == DIGEST_SIZE);
}

void digest_start(void)
{
    struct digest ignored;
    digest_sha256("", 0, &ignored);
}

void digest_sha256(const void *data, size_t len, struct digest *ret)
{
    EVP_MD_CTX *ctx = scratch();
    begin(ctx);
    add(ctx, data, len);
    end(ctx, ret);
}

/* RFC 2104 over the digest above: two short hashes, instead of the library's MAC objects that cost
 * several allocations and a fetch for every call. */
void digest_hmac(const void *key, size_t key_len, const void *data, size_t len, struct digest *ret)
{
    uint8_t block[HMAC_BLOCK] = {0}, pad[HMAC_BLOCK];
    struct digest inner;
    EVP_MD_CTX *ctx = scratch();
    if (key_len > HMAC_BLOCK) {
        struct digest short_key;
        digest_sha256(key, key_len, &short_key);
        memcpy(block, short_key.bytes, DIGEST_SIZE);
        base_wipe(&short_key, sizeof(short_key));
    } else if (key_len > 0) {
        memcpy(block, key, key_len);
    }
    for (size_t i = 0; i < HMAC_BLOCK; i++)
        pad[i] = block[i] ^ 0x36;
    begin(ctx);
    add(ctx, pad, sizeof(pad));
    add(ctx, data, len);
    end(ctx, &inner);
    for (size_t i = 0; i < HMAC_BLOCK; i++)
        pad[i] = block[i] ^ 0x5c;
    begin(ctx);
    add(ctx, pad, sizeof(pad));
    add(ctx, inner.bytes, sizeof(inner.bytes));
    end(ctx, ret);
    base_wipe(block, sizeof(block));
    base_wipe(pad, sizeof(pad));
    base_wipe(&inner, sizeof(inner));
}

void digest_hex(const struct digest *d, char ret_hex[DIGEST_HEX_SIZE])
{
    hex_encode(d->bytes, sizeof(d->bytes), ret_hex);
}

bool digest_from_hex(struct str hex, struct digest *ret)
{
    static const char digits[] = "0123456789abcdef";
    if (hex.len != DIGEST_HEX_SIZE - 1)
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        const char *high = memchr(digits, hex.at[2 * i], 16);
        const char *low = memchr(digits, hex.at[2 * i + 1], 16);
        if (!high || !low)
            return false;
        ret->bytes[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

struct digest_stream *digest_stream_new(void)
{
    struct digest_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->ctx = EVP_MD_CTX_new();
    if (s->ctx == NULL) {
        free(s);
        return NULL;
    }
    begin(s->ctx);
    return s;
}

void digest_stream_add(struct digest_stream *s, const void *data, size_t len)
{
    add(s->ctx, data, len);
}

void digest_stream_end(struct digest_stream *s, struct digest *ret)
{
    end(s->ctx, ret);
}

void digest_stream_free(struct digest_stream *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->ctx);
    free(s);
}
