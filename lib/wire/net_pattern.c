/* See net_pattern.h. What could be read in two ways (hosts of digits only, user names in URLs, other alphabets) is refused: a
 * pattern that means another host to the one who wrote it than to the one who connects is worse than none. */
#include "wire/net_pattern.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

static int refuse(char ret_why[URL_WHY_SIZE], const char *why)
{
    snprintf(ret_why, URL_WHY_SIZE, "%s", why);
    return -FAULT_CONFIG;
}

/* "10.0.0.0/8", "fd00::/8", "192.0.2.1"; brackets are off already. 1: this is no address at all. */
static int parse_network(struct str s, struct ip_network *ret, char ret_why[URL_WHY_SIZE])
{
    bool is_v6 = memchr(s.at, ':', s.len) != NULL, has_bits = memchr(s.at, '/', s.len) != NULL;
    int r = ip_network_parse(s, ret);
    if (r == -ERANGE)
        return refuse(ret_why, is_v6 ? "must have 0 to 128 bits behind the /"
                                     : "must have 0 to 32 bits behind the /");
    if (r == -EDOM)
        return refuse(ret_why, "has bits set behind its prefix: write the network's first address");
    if (r < 0)
        return has_bits || is_v6 ? refuse(ret_why, "has an address that is neither IPv4 nor IPv6")
                                 : 1;
    return 0;
}

static int parse_host(struct str host, struct net_pattern *ret, char ret_why[URL_WHY_SIZE])
{
    struct host h;
    bool is_below = str_starts(host, STR("*."));
    if (str_is(host, "*")) {
        ret->kind = NET_HOST_ANY;
        return 0;
    }
    int r = is_below ? 1 : parse_network(host, &ret->network, ret_why);
    ret->kind = r == 0 ? NET_HOST_ADDRESSES : is_below ? NET_HOST_BELOW : NET_HOST_NAME;
    if (r <= 0)
        return r;
    if (is_below)
        host = (struct str){host.at + 2, host.len - 2};
    if (host_parse(host, &h, ret_why) != 0)
        return -FAULT_CONFIG;
    if (h.is_ip)
        return refuse(ret_why, "may have *. only before a name");
    memcpy(ret->name, h.name, sizeof ret->name);
    return 0;
}

/* --- the whole --- */

static int parse_port(struct str s, struct net_pattern *ret, char ret_why[URL_WHY_SIZE])
{
    static const char why[] = "must have a port of 1 to 65535, a range N..M (M not included) or *";
    struct str first = s, rest = {0};
    int64_t from, end;
    if (str_is(s, "*")) {
        ret->port_any = true;
        return 0;
    }
    bool is_range = str_split(s, '.', &first, &rest);
    if (is_range && (rest.len == 0 || rest.at[0] != '.'))
        return refuse(ret_why, why);
    if (base_parse_i64(first, 1, 65535, &from) != 0)
        return refuse(ret_why, why);
    end = from + 1;
    if (is_range && (base_parse_i64((struct str){rest.at + 1, rest.len - 1}, 1, 65536, &end) != 0 ||
                     end <= from))
        return refuse(ret_why, why);
    ret->port_from = (uint32_t)from;
    ret->port_end = (uint32_t)end;
    return 0;
}

static int parse_scheme(struct str s, struct net_pattern *ret, char ret_why[URL_WHY_SIZE])
{
    if (str_is(s, "*"))
        return 0;
    if (s.len == 0 || s.len >= sizeof ret->scheme)
        return refuse(ret_why, "must have a scheme of letters, or *");
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i] >= 'A' && s.at[i] <= 'Z' ? (char)(s.at[i] - 'A' + 'a') : s.at[i];
        if (c < 'a' || c > 'z')
            return refuse(ret_why, "must have a scheme of letters, or *");
        ret->scheme[i] = c;
    }
    return 0;
}

static bool find_scheme(struct str s, struct str *ret_scheme, struct str *ret_rest)
{
    for (size_t i = 0; i + 2 < s.len; i++) {
        if (memcmp(s.at + i, "://", 3) == 0) {
            *ret_scheme = (struct str){s.at, i};
            *ret_rest = (struct str){s.at + i + 3, s.len - i - 3};
            return true;
        }
    }
    return false;
}

/* "host:port", "[v6]:port", "[v6]/bits:port", "[v6/bits]". ret_port.at == NULL: none. */
static int split_host_port(struct str s, char host[300], struct str *ret_host, struct str *ret_port,
                           char ret_why[URL_WHY_SIZE])
{
    *ret_port = (struct str){0};
    if (s.len == 0 || s.len >= 300)
        return refuse(ret_why, s.len ? "is too long" : "has no host");
    if (s.at[0] == '[') {
        const char *close = memchr(s.at, ']', s.len);
        if (!close)
            return refuse(ret_why, "has a [ without its ]");
        struct str inside = {s.at + 1, (size_t)(close - s.at) - 1},
                   rest = {close + 1, s.len - (size_t)(close - s.at) - 1}, bits = rest, port = {0};
        bool has_port = str_split(rest, ':', &bits, &port);
        if ((bits.len && bits.at[0] != '/') || !memchr(inside.at, ':', inside.len))
            return refuse(ret_why, "must have an IPv6 address between [ and ]");
        *ret_host = (struct str){
            host, (size_t)snprintf(host, 300, "%.*s%.*s", STR_FMT(inside), STR_FMT(bits))};
        if (has_port)
            *ret_port = port;
        return 0;
    }
    struct str head = s, port = {0};
    if (str_split(s, ':', &head, &port)) {
        if (memchr(port.at, ':', port.len))
            return refuse(ret_why, "must have an IPv6 address in brackets");
        *ret_port = port;
    }
    *ret_host = head;
    return 0;
}

int net_pattern_parse(struct str text, bool needs_scheme, struct net_pattern *ret,
                      char ret_why[URL_WHY_SIZE])
{
    struct str scheme = {0}, rest = text, host, port;
    char host_text[300];
    struct net_pattern p = {0};
    bool has_scheme = find_scheme(text, &scheme, &rest);
    if (!has_scheme && needs_scheme)
        return refuse(ret_why,
                      "needs its scheme: scheme://host[:port], like https://api.example.org");
    if (rest.len > 0 && memchr(rest.at, '@', rest.len))
        return refuse(ret_why, "must not have a user name");
    int r = has_scheme ? parse_scheme(scheme, &p, ret_why) : 0;
    if (r == 0)
        r = split_host_port(rest, host_text, &host, &port, ret_why);
    if (r)
        return r;
    struct str before_slash, bits;
    bool has_path = str_split(host, '/', &before_slash, &bits);
    for (size_t i = 0; has_path && i < bits.len; i++)
        if (bits.at[i] < '0' || bits.at[i] > '9')
            return refuse(ret_why, "is scheme://host[:port] and nothing behind it");
    if (has_path && bits.len == 0)
        return refuse(ret_why, "is scheme://host[:port] and nothing behind it");
    r = parse_host(host, &p, ret_why);
    if (r == 0 && port.at)
        r = parse_port(port, &p, ret_why);
    p.port_default = !port.at && needs_scheme;
    p.port_any |= !port.at && !needs_scheme;
    if (r == 0)
        *ret = p;
    return r;
}

static void print_host(const struct net_pattern *p, struct buf *out)
{
    char ip[IP_TEXT_SIZE];
    const struct ip_network *n = &p->network;
    switch (p->kind) {
    case NET_HOST_ANY: buf_add_c(out, '*'); return;
    case NET_HOST_NAME: buf_add_z(out, p->name); return;
    case NET_HOST_BELOW: buf_addf(out, "*.%s", p->name); return;
    case NET_HOST_ADDRESSES:
        ip_print(&n->base, ip);
        buf_addf(out, n->base.is_v6 ? "[%s]/%u" : "%s/%u", ip, n->bits);
    }
}

int net_pattern_print(const struct net_pattern *p, struct buf *out)
{
    if (p->scheme[0])
        buf_addf(out, "%s://", p->scheme);
    print_host(p, out);
    if (p->port_default)
        buf_add_z(out, strcmp(p->scheme, "http") == 0 ? ":80" : ":443");
    else if (p->port_end == p->port_from + 1)
        buf_addf(out, ":%u", p->port_from);
    else if (!p->port_any)
        buf_addf(out, ":%u..%u", p->port_from, p->port_end);
    return buf_error(out);
}

/* --- what it takes --- */

static bool host_matches(const struct net_pattern *p, const struct host *host)
{
    size_t len = strlen(p->name), host_len = strlen(host->name);
    switch (p->kind) {
    case NET_HOST_ANY: return true;
    case NET_HOST_ADDRESSES: return host->is_ip && ip_network_has(&p->network, &host->ip);
    case NET_HOST_NAME: return !host->is_ip && strcmp(host->name, p->name) == 0;
    case NET_HOST_BELOW:
        return !host->is_ip && host_len > len + 1 && host->name[host_len - len - 1] == '.' &&
               strcmp(host->name + host_len - len, p->name) == 0;
    }
    return false;
}

/* port 0: none was said */
static bool port_matches(const struct net_pattern *p, struct str scheme, int64_t port)
{
    if (!p->port_default)
        return p->port_any || (port >= p->port_from && port < p->port_end);
    struct str s = p->scheme[0] ? str_of(p->scheme) : scheme;
    int64_t wanted = str_is(s, "http") ? 80 : str_is(s, "https") ? 443 : 0;
    return port == wanted;
}

bool net_pattern_matches(const struct net_pattern *p, struct str scheme, struct str target)
{
    char host_text[300], why[URL_WHY_SIZE];
    struct str host, port;
    struct host h;
    int64_t number = 0;
    if (split_host_port(target, host_text, &host, &port, why) != 0 ||
        host_parse(host, &h, why) != 0 || !host_matches(p, &h))
        return false;
    if (scheme.len && p->scheme[0] && !str_is(scheme, p->scheme))
        return false;
    if (port.at && base_parse_i64(port, 1, 65535, &number) != 0)
        return false;
    return port_matches(p, scheme, number);
}

bool net_pattern_takes(const struct net_pattern *p, const struct url *u)
{
    struct str scheme = str_of(url_scheme(u));
    return (!p->scheme[0] || str_is(scheme, p->scheme)) && host_matches(p, &u->host) &&
           port_matches(p, scheme, u->port);
}

bool net_pattern_is_particular(const struct net_pattern *p)
{
    unsigned all = p->network.base.is_v6 ? 128 : 32;
    return p->scheme[0] && p->kind != NET_HOST_ANY &&
           (p->kind != NET_HOST_ADDRESSES || p->network.bits == all);
}

/* --- closed networks --- */

int net_block_parse(struct str text, struct net_block *ret, char ret_why[URL_WHY_SIZE])
{
    struct net_block b = {.is_private = str_is(text, "private")};
    if (text.len == 0)
        return refuse(ret_why, "is empty");
    if (text.at[0] == '[')
        return refuse(ret_why, "must not have brackets here");
    int r = b.is_private ? 0 : parse_network(text, &b.network, ret_why);
    if (r == 1)
        return refuse(ret_why, "must be \"private\" or a network like 10.0.0.0/8 or fd00::/8");
    if (r == 0)
        *ret = b;
    return r;
}

const char *net_block_covers(const struct net_block *b, const struct ip *a)
{
    struct ip plain = *a;
    ip_unmap(&plain);
    if (b->is_private)
        return ip_special(&plain);
    return ip_network_reaches(&b->network, &plain) ? "a blocked network" : NULL;
}

/* --- URLs --- */

void net_target_print(const struct url *u, char ret[NET_TARGET_MAX])
{
    snprintf(ret, NET_TARGET_MAX, u->host.is_ip && u->host.ip.is_v6 ? "[%s]:%u" : "%s:%u",
             u->host.name, u->port);
}

int net_target_of_url(struct str text, char ret[NET_TARGET_MAX], char ret_why[URL_WHY_SIZE])
{
    struct url u = {0};
    int r = url_parse(text, &u, ret_why);
    if (r < 0)
        return r == -ENOMEM ? r : -FAULT_POLICY;
    net_target_print(&u, ret);
    url_done(&u);
    return 0;
}
