/* A public key as people hand it over: 64 hex digits, or the PEM that `openssl pkey -pubout` writes. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/sign.h"
#include "base/str.h"

/* text is the content of a key file, or the digits themselves; white space round it is fine.
 * -FAULT_INPUT with a sentence. */
must_use int public_key_parse(struct str text, uint8_t ret[SIGN_PUBLIC_SIZE], struct fault *reterr);
must_use int public_key_print_pem(const uint8_t key[SIGN_PUBLIC_SIZE], struct buf *out);
