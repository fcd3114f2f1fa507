/* IP addresses and networks as values: text in its one strict form, which address a text or a socket address means, and
 * which addresses are no public host. Pure: nothing is resolved or connected to here. */
#pragma once

#include "base/base.h"
#include "base/str.h"

struct ip {
    bool is_v6;
    uint8_t at[16]; /* network order; IPv4 in the first four bytes, the rest 0 */
};
#define IP_TEXT_SIZE 40

/* "192.0.2.1": four decimal numbers without leading zeros, nothing shorter; or "2001:db8::1" without brackets and zone.
 * An IPv4-mapped address (::ffff:192.0.2.1) is that IPv4 address. -EINVAL */
must_use int ip_parse(struct str text, struct ip *ret);
void ip_print(const struct ip *a, char ret[IP_TEXT_SIZE]); /* RFC 5952; without brackets */
bool ip_equal(const struct ip *a, const struct ip *b);
/* The IPv4 address behind an IPv4-mapped one; others stay. What comes from a socket goes through this. */
void ip_unmap(struct ip *a);

struct ip_network {
    struct ip base;
    unsigned bits; /* of base that count */
};
/* "10.0.0.0/8", "fd00::/8", or one address. -EINVAL no address | -ERANGE its length | -EDOM bits set behind its length */
must_use int ip_network_parse(struct str text, struct ip_network *ret);
bool ip_network_has(const struct ip_network *n, const struct ip *a);
/* The same, or an IPv4 address that stands inside of an IPv6 one (NAT64, 6to4, Teredo, ISATAP, SIIT, compatible) is in it:
 * a gateway would carry the connection there. For networks that are closed, never for what is open. */
bool ip_network_reaches(const struct ip_network *n, const struct ip *a);

/* IPv4 addresses inside of an IPv6 address, by every scheme that puts one there. */
#define IP_EMBEDDED_MAX 8
size_t ip_embedded(const struct ip *a, struct ip ret[IP_EMBEDDED_MAX]);
/* NULL: an ordinary public address. Else why it is none ("loopback", "link-local", "private use", "cloud metadata", ...), by the
 * IANA special-purpose registries, read strictly; embedded IPv4 addresses count. This is what `private` means. */
const char *ip_special(const struct ip *a);
/* Nowhere: unspecified, multicast, broadcast. No connection goes there, whatever is granted. */
bool ip_is_no_host(const struct ip *a);
