/* Which hosts: patterns `scheme://host[:port]` of allowed_outbound_hosts and `host[:port]` of Net rules, entries of
 * block_networks. Grammar and meaning are those of interfaces.md. Pure: the tools layer decides with them before a call,
 * egress decides with them again before it connects, and the address that it connects to is checked besides (wire/ip.h). */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "wire/url.h"

#define NET_TARGET_MAX 300

enum net_host_kind {
    NET_HOST_ANY,
    NET_HOST_NAME,
    NET_HOST_BELOW /* *.domain */,
    NET_HOST_ADDRESSES
};
struct net_pattern {
    char scheme[16]; /* "" = any */
    enum net_host_kind kind;
    char name[HOST_NAME_SIZE]; /* lower case, no trailing dot */
    struct ip_network
        network; /* NET_HOST_ADDRESSES: of hosts written as addresses; names are not looked up for it */
    bool port_any, port_default;  /* port_default: the scheme's own */
    uint32_t port_from, port_end; /* end not included */
};
/* needs_scheme: allowed_outbound_hosts. 0 | -FAULT_CONFIG with what is wrong. */
must_use int net_pattern_parse(struct str text, bool needs_scheme, struct net_pattern *ret,
                               char ret_why[URL_WHY_SIZE]);
/* As net_pattern_parse(needs_scheme false) reads it again. */
must_use int net_pattern_print(const struct net_pattern *p, struct buf *out);
/* target: "host:port" as net_target_of_url() makes it; scheme may be empty (then the scheme of the pattern does not count). */
bool net_pattern_matches(const struct net_pattern *p, struct str scheme, struct str target);
/* Names one host (or all below a domain) and its scheme: what a secret can be granted to. */
bool net_pattern_is_particular(const struct net_pattern *p);
bool net_pattern_takes(const struct net_pattern *p, const struct url *u);

/* One entry of block_networks: "private", a CIDR or an address. */
struct net_block {
    bool is_private; /* every special-purpose range: ip_special() */
    struct ip_network network;
};
must_use int net_block_parse(struct str text, struct net_block *ret, char ret_why[URL_WHY_SIZE]);
/* NULL = open; else why this address is closed. An IPv4 address inside of an IPv6 one counts. */
const char *net_block_covers(const struct net_block *b, const struct ip *a);

/* http(s) URL -> "host:port", lower case, IPv6 in brackets. 0 | -FAULT_POLICY with what is wrong | -ENOMEM */
must_use int net_target_of_url(struct str url, char ret[NET_TARGET_MAX],
                               char ret_why[URL_WHY_SIZE]);
void net_target_print(const struct url *u, char ret[NET_TARGET_MAX]);
