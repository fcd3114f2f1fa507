/* The only file that knows which library signs. Stands in lib/base beside the digests because it does
 * no system call of its own; the keys' files are src/host/state_key.c's. A key object lives for one
 * call: signatures are rare (once in hundreds of rows), and so no private key lies about in the
 * library's memory (it wipes what it frees). */
#include "base/sign.h"

#include <openssl/evp.h>

static void no_key(EVP_PKEY **slot)
{
    EVP_PKEY_free(*slot);
}
static void no_context(EVP_MD_CTX **slot)
{
    EVP_MD_CTX_free(*slot);
}
#define auto_key __attribute__((cleanup(no_key)))
#define auto_context __attribute__((cleanup(no_context)))

static EVP_PKEY *private_key(const uint8_t seed[SIGN_SEED_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED_SIZE);
    must_library(key != NULL);
    return key;
}

void sign_public_key(const uint8_t seed[SIGN_SEED_SIZE], uint8_t ret[SIGN_PUBLIC_SIZE])
{
    auto_key EVP_PKEY *key = private_key(seed);
    size_t size = SIGN_PUBLIC_SIZE;
    must_library(EVP_PKEY_get_raw_public_key(key, ret, &size) == 1 && size == SIGN_PUBLIC_SIZE);
}

void sign_make(const uint8_t seed[SIGN_SEED_SIZE], struct str text, uint8_t ret[SIGN_SIZE])
{
    auto_key EVP_PKEY *key = private_key(seed);
    auto_context EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = SIGN_SIZE;
    must_library(context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
    must_library(EVP_DigestSign(context, ret, &size, (const uint8_t *)text.at, text.len) == 1 &&
                 size == SIGN_SIZE);
}

bool sign_is_of(const uint8_t public_key[SIGN_PUBLIC_SIZE], struct str text,
                const uint8_t signature[SIGN_SIZE])
{
    auto_key EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SIGN_PUBLIC_SIZE);
    auto_context EVP_MD_CTX *context = EVP_MD_CTX_new();
    return key != NULL && context != NULL &&
           EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature, SIGN_SIZE, (const uint8_t *)text.at, text.len) == 1;
}
