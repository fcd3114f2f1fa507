/* The only place where keys are: one piece of locked memory that holds every header line sent to the
 * service, and with them the key. Has no printing path; what leaves this program as text goes through
 * secrets_redact() first. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "os/secret.h"

#define SECRETS_HEADERS_MAX 48
#define SECRETS_SIZE ((size_t)64 << 10)
#define SECRETS_KEY_MAX ((size_t)8 << 10)

struct secrets {
    struct os_secret memory;
    size_t used;
    const char *headers[SECRETS_HEADERS_MAX + 1]; /* "Name: value", NULL-terminated */
    size_t header_count;
    struct str values[SECRETS_HEADERS_MAX]; /* what must never be seen outside */
    size_t value_count;
};

must_use int secrets_new(struct secrets *s); /* before the lockdown */
void secrets_done(struct secrets *s);

enum secrets_auth { SECRETS_NO_AUTH, SECRETS_X_API_KEY, SECRETS_BEARER, SECRETS_X_GOOG_API_KEY };
/* "x-api-key" ... -> auth; -FAULT_CONFIG. */
must_use int secrets_auth_parse(struct str name, enum secrets_auth *ret);
/* Reads the key from a sealed memory file into the header it belongs in. An empty file is no key, and no header.
 * -FAULT_CONFIG: not sealed, too long, or a byte in it that no header may have; the sentence has no part of it. */
must_use int secrets_add_key(struct secrets *s, int fd, enum secrets_auth auth,
                             struct fault *reterr);
/* A header of the operator's; replaces one of the same name that is there. -FAULT_CONFIG names it (never its value). */
must_use int secrets_add_header(struct secrets *s, struct str name, struct str value,
                                bool is_secret, struct fault *reterr);
/* Is there a header with the name of this line ("name: ...")? */
bool secrets_has_header(const struct secrets *s, const char *line);
/* Every occurrence of a secret in the text becomes "[key]". */
must_use int secrets_redact(const struct secrets *s, struct str text, struct buf *out);
