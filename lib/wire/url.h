/* http and https URLs, read once into what they mean. Everybody who decides about a URL and the one who connects use this
 * one reading, and the text that goes on is printed from it, so that there are no two readings of one text.
 *
 * What is refused, because programs read it differently: user names, backslashes, white space and control characters,
 * host names that are not ASCII (write punycode), percent-encoding in hosts, IPv6 zones, IPv4 addresses in octal, hex, short or
 * single-number form, ports that are none, percent-signs without two hex digits.
 * What is made one: scheme and host in lower case, no dot behind a host, no default port, IPv4-mapped addresses as IPv4, dot
 * segments removed, needless percent-encoding undone, the needed one in upper case, no fragment. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "wire/ip.h"

#define URL_MAX ((size_t)8192)
#define URL_WHY_SIZE 160

/* A name in lower case without the dot behind it, or an address. */
#define HOST_NAME_SIZE 254
struct host {
    bool is_ip;
    struct ip ip;
    char name[HOST_NAME_SIZE]; /* of an address: its text, without brackets */
};
/* text: a name, an IPv4 address, or an IPv6 address (brackets are the caller's). -EINVAL with what is wrong ("has ..."). */
must_use int host_parse(struct str text, struct host *ret, char ret_why[URL_WHY_SIZE]);
bool host_equal(const struct host *a, const struct host *b);

struct url {
    bool is_tls; /* https */
    struct host host;
    uint16_t port;
    char *path;  /* own; begins with "/" */
    char *query; /* own; what is behind "?", NULL = there is none */
};
/* -EINVAL with what is wrong | -ENOMEM */
must_use int url_parse(struct str text, struct url *ret, char ret_why[URL_WHY_SIZE]);
/* A redirect's target: whole, or relative to base (RFC 3986). */
must_use int url_resolve(const struct url *base, struct str text, struct url *ret,
                         char ret_why[URL_WHY_SIZE]);
void url_done(struct url *u);
must_use int url_print(const struct url *u, struct buf *out); /* url_parse(url_print(u)) is u */
must_use int url_copy(const struct url *u, struct url *ret);
static inline const char *url_scheme(const struct url *u)
{
    return u->is_tls ? "https" : "http";
}
bool url_same_origin(const struct url *a, const struct url *b); /* scheme, host and port */

/* A prefix of block_url. Compared after more normalising than a URL needs: percent-encoding undone as often as there is
 * some, slashes in a row as one, so that what a server may read as the closed place is closed. */
struct url_prefix {
    struct url url;     /* own */
    char *path, *query; /* own; folded; query NULL = the path decides */
};
/* No fragment, no user, no `*`. */
must_use int url_prefix_parse(struct str text, struct url_prefix *ret, char ret_why[URL_WHY_SIZE]);
void url_prefix_done(struct url_prefix *p);
must_use int url_prefix_covers(const struct url_prefix *p, const struct url *u,
                               bool *ret); /* -ENOMEM */
