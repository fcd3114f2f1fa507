/* Which hosts: patterns `scheme://host[:port]` of allowed_outbound_hosts, `host[:port]` of Net rules, CIDRs of block_networks, URL
 * prefixes of block_url. Grammar and meaning are those of interfaces.md. Text only: nothing is resolved here; egress checks
 * the address that it connects to by itself. */
#pragma once

#include "base/base.h"
#include "base/str.h"

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
    char name[254];      /* lower case, no trailing dot */
    uint8_t address[16]; /* IPv4 in the first four bytes */
    unsigned bits;       /* of the address that count */
    bool is_v6;
    bool port_any, port_default;  /* port_default: the scheme's own */
    uint32_t port_from, port_end; /* end not included */
};
/* needs_scheme: allowed_outbound_hosts. 0 | -FAULT_CONFIG with what is wrong. */
must_use int net_pattern_parse(struct str text, bool needs_scheme, struct net_pattern *ret,
                               char ret_why[160]);
/* target: "host:port" as net_target_of_url() makes it; scheme may be empty (then the scheme of the pattern does not count). */
bool net_pattern_matches(const struct net_pattern *p, struct str scheme, struct str target);
/* One entry of block_networks: "private", a CIDR or an address. */
must_use int net_network_check(struct str text, char ret_why[160]);
/* One entry of block_url. */
must_use int net_url_prefix_check(struct str text, char ret_why[160]);
/* http(s) URL -> "host:port", lower case, IPv6 in brackets. 0 | -FAULT_POLICY with what is wrong. */
must_use int net_target_of_url(struct str url, char ret[NET_TARGET_MAX], char ret_why[160]);
