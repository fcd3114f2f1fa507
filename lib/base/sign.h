/* Ed25519 signatures (RFC 8032) over OpenSSL EVP. Deterministic: the same key and bytes give the same
 * signature. Like the digests: when the library cannot sign at all, the process ends (must()), because
 * a record that claims to be signed and is not is worse than none. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#define SIGN_SEED_SIZE 32 /* the private key as RFC 8032 has it; any 32 random bytes are one */
#define SIGN_PUBLIC_SIZE 32
#define SIGN_SIZE 64

void sign_public_key(const uint8_t seed[SIGN_SEED_SIZE], uint8_t ret[SIGN_PUBLIC_SIZE]);
void sign_make(const uint8_t seed[SIGN_SEED_SIZE], struct str text, uint8_t ret[SIGN_SIZE]);
/* False for anything that is not this key's signature of this text, whatever the bytes are. */
must_use bool sign_is_of(const uint8_t public_key[SIGN_PUBLIC_SIZE], struct str text,
                         const uint8_t signature[SIGN_SIZE]);
