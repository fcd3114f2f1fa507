/* The bodies that egress receives, as values. Egress checks for itself: what the monitor sends is read as if
 * it were wrong. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/egress/secrets.h"
#include "host/egress/usage.h"
#include "net/url.h"
#include "wire/json.h"

struct egress_start {
    char *provider;      /* own */
    struct net_url base; /* own */
    enum secrets_auth auth;
    struct net_url proxy;   /* own; text NULL = none */
    char *proxy_exceptions; /* own; NULL = none */
    char *ca_file;          /* own; NULL = the system's */
    int64_t idle_ms;        /* 0 = the default */
    const json_t *headers;  /* borrowed from the body; NULL = none */
};
/* {provider, base_url, auth, headers?, proxy?, no_proxy?, ca_file?, idle_ms?}. */
must_use int egress_start_parse(const json_t *body, struct egress_start *ret, struct fault *reterr);
void egress_start_done(struct egress_start *s);
/* The operator's headers into the secrets. */
must_use int egress_start_headers(const struct egress_start *s, struct secrets *secrets,
                                  struct fault *reterr);

struct egress_ask {
    struct str path; /* borrowed from the body */
    const struct usage_wire *wire;
};
/* {path, wire}. The path is put behind the base as it is: it begins with "/", has no "..", and only characters
 * that a URL has. */
must_use int egress_ask_parse(const json_t *body, struct egress_ask *ret, struct fault *reterr);
