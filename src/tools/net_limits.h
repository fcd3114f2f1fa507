/* What a tool's manifest or agent_limits say about the network of a call, beside what the settings say for all: hosts (a request must be
 * in every list that there is), networks and URLs (blocked by any). So they can only narrow. Entries are checked when they are read: a
 * mistake in one is an error that names it, never a list without it. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "sandbox/run/limits.h"
#include "wire/json.h"

#define NET_LIMITS_LIST_MAX 1024 /* entries of one list */
#define NET_LIMITS_HOSTS_MAX                                                                       \
    8                      /* lists of hosts of one door: each layer of settings may have its own */
#define NET_LIMITS_DOORS 2 /* that narrow one call: its tool, its agent */

enum net_limit { NET_HOSTS, NET_NETWORKS, NET_URLS, NET_LIMITS };
const char *net_limit_key(enum net_limit kind); /* "allowed_outbound_hosts", ... */
bool net_limit_find(struct str key, enum net_limit *ret);
/* One entry of such a list: 0 | -FAULT_CONFIG with what is wrong | -ENOMEM */
must_use int net_limit_check(enum net_limit kind, struct str entry, char ret_why[160]);

struct net_limits {
    json_t *hosts[NET_LIMITS_HOSTS_MAX]; /* own; lists of texts */
    size_t host_count;
    json_t *blocked[NET_LIMITS]; /* own; NET_NETWORKS and NET_URLS; NULL = nothing said */
};
void net_limits_done(struct net_limits *l);
/* Takes one list in. -FAULT_CONFIG names the entry (its number and text), not the key. */
must_use int net_limits_add(struct net_limits *l, enum net_limit kind, const json_t *list,
                            struct fault *reterr);
/* Takes in what another layer says of the same door. -FAULT_CONFIG: there are more than NET_LIMITS_HOSTS_MAX lists of hosts. */
must_use int net_limits_merge(struct net_limits *l, const struct net_limits *more,
                              struct fault *reterr);
bool net_limits_is_said(const struct net_limits *l, enum net_limit kind);
/* Is "host:port", by http or https, in each of its lists of hosts? true when it has none. */
bool net_limits_takes(const struct net_limits *l, const char *target);

/* Who narrows one call. */
struct net_door {
    enum limit_door by;
    const struct net_limits *limits; /* NULL = it says nothing */
};
/* What the settings say for all. doors: bits (1 << enum limit_door) of the layers that said something of it. */
struct net_base {
    char *const *at;
    size_t count;
    unsigned doors;
};
/* Adds to `limits` of a receipt what was in force: KEY -> {"value", "by", "also": [{"value", "by"}...]}, the door that narrows most first; only when
 * somebody said something. Of a list, the first entries and "more", how many there are besides. 0 | -ENOMEM */
must_use int net_limits_receipt(json_t *limits, const struct net_base base[NET_LIMITS],
                                const struct net_door *doors, size_t count);
