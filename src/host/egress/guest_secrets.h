/* Secrets that the operator grants to hosts for guests. Egress adds one to the requests that go to its host and to no
 * other; the guest never has it, and whatever comes back is read for it. Values live in locked memory, as the model's key
 * does (secrets.h); they are never printed. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "os/secret.h"
#include "wire/json.h"
#include "wire/net_pattern.h"
#include "wire/url.h"

#define GUEST_SECRETS_MAX 32
#define GUEST_SECRETS_SIZE ((size_t)64 << 10)
#define GUEST_SECRET_LEAST 8 /* bytes: a shorter one would be found in ordinary words */
#define GUEST_SECRET_MOST 4096
#define GUEST_NEEDLES_MAX (3 * GUEST_SECRETS_MAX)

struct guest_secret {
    char name[64];
    struct net_pattern host;
    struct str header; /* its name */
    const char *line;  /* "header: prefix value", NUL-terminated */
};
struct guest_secrets {
    struct os_secret memory;
    size_t used, count, needle_count;
    struct guest_secret at[GUEST_SECRETS_MAX];
    struct str needles
        [GUEST_NEEDLES_MAX]; /* what must not come back: each value as it is, percent-encoded, as base64 */
    bool starts[256];        /* first bytes of needles */
};

must_use int guest_secrets_new(struct guest_secrets *s); /* before the lockdown */
void guest_secrets_done(struct guest_secrets *s);
/* EGRESS_SECRET {name, host, header, prefix} and its sealed memory file. host is a pattern that names one host, all below a
 * domain, or one address; never all. -FAULT_CONFIG with a sentence that has no part of the value. */
must_use int guest_secrets_add(struct guest_secrets *s, const json_t *body, int fd,
                               struct fault *reterr);

/* Reads a stream for secrets: what may be the beginning of one at the end of a piece is held back until it is known. */
struct redaction {
    const struct guest_secrets *secrets;
    struct buf held;
};
void redaction_init(struct redaction *r, const struct guest_secrets *s);
void redaction_done(struct redaction *r);
/* Appends to out what is safe; is_last: nothing follows. */
must_use int redaction_feed(struct redaction *r, struct str bytes, bool is_last, struct buf *out);
/* A whole text. */
must_use int guest_secrets_redact(const struct guest_secrets *s, struct str text, struct buf *out);
bool guest_secrets_is_in(const struct guest_secrets *s, struct str text);
