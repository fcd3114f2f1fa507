/* URLs, read by the library that will also connect, so that what was checked and what is reached cannot be
 * two readings of one text. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"

struct net_url {
    char *text; /* own; normalised, without a slash at the end */
    char *host; /* own; lower case, IPv6 without brackets */
    uint16_t port;
    bool is_tls;
};

/* The base of a service: http or https, a host, no user, no query, no fragment.
 * -FAULT_CONFIG with a sentence. */
must_use int net_url_parse_base(struct str text, struct net_url *ret, struct fault *reterr);
void net_url_done(struct net_url *u);
/* A proxy: http or https; may have a user and a password, which are never in the sentence. */
must_use int net_url_parse_proxy(struct str text, struct net_url *ret, struct fault *reterr);
