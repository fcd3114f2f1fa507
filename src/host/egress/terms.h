/* What one grant allows, as a value: the body of EGRESS_GRANT parsed once, and the two decisions over it: may this URL be
 * asked for, may this address be connected to. Pure. Whatever is missing, unknown or does not parse is a fault of the whole
 * grant, never a part of it left out: a grant that means something else than was written is worse than none. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "wire/json.h"
#include "wire/net_pattern.h"
#include "wire/url.h"

#define TERMS_LIST_MAX 16384
#define TERMS_NARROW_MAX 16

struct terms_list {
    struct net_pattern *at; /* own */
    size_t count;
};

struct terms {
    struct terms_list hosts; /* allowed_outbound_hosts */
    /* Further lists that a URL must be in: the call's tool and agent may narrow. */
    struct {
        struct terms_list hosts;
        char by[16]; /* "tool", "agent" */
    } narrow[TERMS_NARROW_MAX];
    size_t narrow_count;
    struct net_block *blocks; /* own; block_networks */
    size_t block_count;
    struct url_prefix *prefixes; /* own; block_url */
    size_t prefix_count;
    /* The policy, compiled down: denied; what was decided for this call; what would be asked; allowed; else `otherwise`. */
    struct terms_list deny, targets, ask, allow;
    bool otherwise;
    int64_t requests_max, bytes_max, deadline_ns; /* deadline: monotonic */
    char **secrets;                               /* own; names of those that this call may use */
    size_t secret_count;
};
/* {hosts, narrow: [{by, hosts}...], block_networks, block_url, net: {deny, targets, ask, allow, otherwise}, max_requests, max_bytes, deadline_ns, secrets}.
 * -FAULT_PROTOCOL with a sentence. */
must_use int terms_parse(const json_t *body, struct terms *ret, struct fault *reterr);
void terms_done(struct terms *t);

enum { TERMS_DENIED = 1 };
/* 0 | TERMS_DENIED with why | -ENOMEM */
must_use int terms_judge_url(const struct terms *t, const struct url *u,
                             char ret_why[URL_WHY_SIZE]);
/* A tunnel to the host of this URL, of which nobody sees what is asked for inside: as the URL, and it is refused where block_url
 * closes any part of that host and port. */
must_use int terms_judge_tunnel(const struct terms *t, const struct url *u,
                                char ret_why[URL_WHY_SIZE]);
/* The address that is about to be connected to; the same. */
must_use int terms_judge_address(const struct terms *t, const struct ip *a,
                                 char ret_why[URL_WHY_SIZE]);
