/* See net_pattern.h. What could be read in two ways (hosts of digits only, user names in URLs, other alphabets) is refused: a
 * pattern that means another host to the one who wrote it than to the one who connects is worse than none. */
#include "tools/net_pattern.h"

#include "base/fault.h"

#include <stdio.h>

static int refuse(char ret_why[160], const char *why)
{
    snprintf(ret_why, 160, "%s", why);
    return -FAULT_CONFIG;
}

/* --- addresses --- */

static bool parse_v4(struct str s, uint8_t ret[4])
{
    for (size_t i = 0; i < 4; i++) {
        struct str part = s, rest = {s.at + s.len, 0};
        if (i < 3 && !str_split(s, '.', &part, &rest))
            return false;
        int64_t value;
        bool octal_looking = part.len > 1 && part.at[0] == '0';
        if (octal_looking || part.len > 3 || base_parse_i64(part, 0, 255, &value) != 0)
            return false;
        ret[i] = (uint8_t)value;
        s = rest;
    }
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One group of one to four hex digits at s->at; moves past it. */
static bool parse_group(struct str *s, uint8_t ret[2])
{
    unsigned value = 0;
    size_t n = 0;
    for (; n < s->len && n < 4 && hex_digit(s->at[n]) >= 0; n++)
        value = value * 16 + (unsigned)hex_digit(s->at[n]);
    ret[0] = (uint8_t)(value >> 8);
    ret[1] = (uint8_t)(value & 0xff);
    *s = (struct str){s->at + n, s->len - n};
    return n > 0;
}

static bool parse_v6(struct str s, uint8_t ret[16])
{
    uint8_t bytes[16] = {0};
    size_t n = 0, gap = SIZE_MAX;
    if (str_starts(s, STR("::"))) {
        gap = 0;
        s = (struct str){s.at + 2, s.len - 2};
    }
    while (s.len > 0) {
        bool last_as_v4 = memchr(s.at, '.', s.len) && !memchr(s.at, ':', s.len);
        if (last_as_v4) {
            if (n > 12 || !parse_v4(s, bytes + n))
                return false;
            n += 4;
            break;
        }
        if (n > 14 || !parse_group(&s, bytes + n))
            return false;
        n += 2;
        if (s.len == 0)
            break;
        if (str_starts(s, STR("::"))) {
            if (gap != SIZE_MAX)
                return false;
            gap = n;
            s = (struct str){s.at + 2, s.len - 2};
        } else if (s.at[0] == ':' && s.len > 1) {
            s = (struct str){s.at + 1, s.len - 1};
        } else {
            return false;
        }
    }
    if (gap == SIZE_MAX ? n != 16 : n > 14)
        return false;
    memset(ret, 0, 16);
    size_t front = gap == SIZE_MAX ? n : gap;
    memcpy(ret, bytes, front);
    memcpy(ret + 16 - (n - front), bytes + front, n - front);
    return true;
}

static bool has_bits_below(const struct net_pattern *p)
{
    for (unsigned i = p->bits; i < (p->is_v6 ? 128u : 32u); i++)
        if (p->address[i / 8] & (0x80 >> (i % 8)))
            return true;
    return false;
}

/* "10.0.0.0/8", "fd00::/8", "192.0.2.1"; brackets are off already. 1: this is no address at all. */
static int parse_addresses(struct str s, struct net_pattern *ret, char ret_why[160])
{
    struct str address = s, bits = {0};
    bool has_bits = str_split(s, '/', &address, &bits);
    ret->is_v6 = memchr(address.at, ':', address.len) != NULL;
    if (ret->is_v6 ? !parse_v6(address, ret->address) : !parse_v4(address, ret->address))
        return has_bits || ret->is_v6
                   ? refuse(ret_why, "has an address that is neither IPv4 nor IPv6")
                   : 1;
    int64_t most = ret->is_v6 ? 128 : 32, value = most;
    if (has_bits && base_parse_i64(bits, 0, most, &value) != 0)
        return refuse(ret_why, ret->is_v6 ? "must have 0 to 128 bits behind the /"
                                          : "must have 0 to 32 bits behind the /");
    ret->bits = (unsigned)value;
    ret->kind = NET_HOST_ADDRESSES;
    return has_bits_below(ret)
               ? refuse(ret_why,
                        "has bits set behind its prefix: write the network's first address")
               : 0;
}

/* --- names --- */

static bool looks_like_number(struct str label)
{
    bool digits = label.len > 0;
    for (size_t i = 0; i < label.len; i++)
        digits &= label.at[i] >= '0' && label.at[i] <= '9';
    return digits ||
           (label.len > 1 && label.at[0] == '0' && (label.at[1] == 'x' || label.at[1] == 'X'));
}

static int parse_name(struct str s, char ret[254], char ret_why[160])
{
    if (s.len > 0 && s.at[s.len - 1] == '.')
        s.len--;
    if (s.len == 0)
        return refuse(ret_why, "has no host");
    if (s.len > 253)
        return refuse(ret_why, "has a host name longer than 253 bytes");
    size_t label = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i] >= 'A' && s.at[i] <= 'Z' ? (char)(s.at[i] - 'A' + 'a') : s.at[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if ((unsigned char)c >= 0x80)
            return refuse(ret_why,
                          "has a host name that is not ASCII: write it as punycode (xn--...)");
        if (c == '.' ? i == label : !fine)
            return refuse(
                ret_why,
                c == '*' ? "may have * only as the whole host or as the first label (*.example.org)"
                         : "has a host name with a character that host names do not have");
        if (c == '.')
            label = i + 1;
        else if (i - label >= 63)
            return refuse(ret_why, "has a host name with a part longer than 63 bytes");
        ret[i] = c;
    }
    ret[s.len] = 0;
    if (looks_like_number((struct str){s.at + label, s.len - label}))
        return refuse(ret_why, "has a host of digits that is not a dotted IPv4 address");
    return 0;
}

static int parse_host(struct str host, struct net_pattern *ret, char ret_why[160])
{
    if (str_is(host, "*")) {
        ret->kind = NET_HOST_ANY;
        return 0;
    }
    if (str_starts(host, STR("*."))) {
        ret->kind = NET_HOST_BELOW;
        return parse_name((struct str){host.at + 2, host.len - 2}, ret->name, ret_why);
    }
    int r = parse_addresses(host, ret, ret_why);
    if (r <= 0)
        return r;
    ret->kind = NET_HOST_NAME;
    return parse_name(host, ret->name, ret_why);
}

/* --- the whole --- */

static int parse_port(struct str s, struct net_pattern *ret, char ret_why[160])
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

static int parse_scheme(struct str s, struct net_pattern *ret, char ret_why[160])
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
                           char ret_why[160])
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
                      char ret_why[160])
{
    struct str scheme = {0}, rest = text, host, port;
    char host_text[300];
    struct net_pattern p = {0};
    bool has_scheme = find_scheme(text, &scheme, &rest);
    if (!has_scheme && needs_scheme)
        return refuse(ret_why,
                      "needs its scheme: scheme://host[:port], like https://api.example.org");
    if (memchr(rest.at, '@', rest.len))
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

static bool address_matches(const struct net_pattern *p, struct str host)
{
    uint8_t address[16] = {0};
    bool v6 = memchr(host.at, ':', host.len) != NULL;
    if (v6 != p->is_v6 || !(v6 ? parse_v6(host, address) : parse_v4(host, address)))
        return false;
    for (unsigned i = 0; i < p->bits; i++)
        if ((address[i / 8] ^ p->address[i / 8]) & (0x80 >> (i % 8)))
            return false;
    return true;
}

static bool same_name(struct str host, const char *lower_name, size_t len)
{
    if (host.len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c =
            host.at[i] >= 'A' && host.at[i] <= 'Z' ? (char)(host.at[i] - 'A' + 'a') : host.at[i];
        if (c != lower_name[i])
            return false;
    }
    return true;
}

static bool host_matches(const struct net_pattern *p, struct str host)
{
    size_t len = strlen(p->name);
    if (host.len > 0 && host.at[host.len - 1] == '.')
        host.len--;
    switch (p->kind) {
    case NET_HOST_ANY: return true;
    case NET_HOST_ADDRESSES: return address_matches(p, host);
    case NET_HOST_NAME: return same_name(host, p->name, len);
    case NET_HOST_BELOW:
        return host.len > len + 1 && host.at[host.len - len - 1] == '.' &&
               same_name((struct str){host.at + host.len - len, len}, p->name, len);
    }
    return false;
}

bool net_pattern_matches(const struct net_pattern *p, struct str scheme, struct str target)
{
    char host_text[300], why[160];
    struct str host, port;
    int64_t number = 0;
    if (split_host_port(target, host_text, &host, &port, why) != 0 || !host_matches(p, host))
        return false;
    if (scheme.len && p->scheme[0] && !str_is(scheme, p->scheme))
        return false;
    if (port.at && base_parse_i64(port, 1, 65535, &number) != 0)
        return false;
    if (p->port_default) {
        struct str s = p->scheme[0] ? str_of(p->scheme) : scheme;
        int64_t wanted = str_is(s, "http") ? 80 : str_is(s, "https") ? 443 : 0;
        if (number != wanted)
            return false;
    } else if (!p->port_any && (number < p->port_from || number >= p->port_end)) {
        return false;
    }
    return true;
}

int net_network_check(struct str text, char ret_why[160])
{
    struct net_pattern p = {0};
    if (str_is(text, "private"))
        return 0;
    if (text.len == 0)
        return refuse(ret_why, "is empty");
    if (text.len > 2 && text.at[0] == '[')
        return refuse(ret_why, "must not have brackets here");
    int r = parse_addresses(text, &p, ret_why);
    return r == 1 ? refuse(ret_why, "must be \"private\" or a network like 10.0.0.0/8 or fd00::/8")
                  : r;
}

/* --- URLs --- */

struct url_parts {
    struct str scheme, host_port, rest;
};

static int split_url(struct str url, struct url_parts *ret, char ret_why[160])
{
    struct str rest;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= 0x20 || url.at[i] == 0x7f || url.at[i] == '\\')
            return refuse(ret_why, "has white space, control characters or backslashes in it");
    if (!find_scheme(url, &ret->scheme, &rest))
        return refuse(ret_why, "must be a whole URL, like https://example.org/path");
    size_t end = 0;
    while (end < rest.len && !strchr("/?#", rest.at[end]))
        end++;
    ret->host_port = (struct str){rest.at, end};
    ret->rest = (struct str){rest.at + end, rest.len - end};
    return memchr(rest.at, '@', end) ? refuse(ret_why, "must not have a user name") : 0;
}

int net_url_prefix_check(struct str text, char ret_why[160])
{
    struct url_parts u = {0};
    struct net_pattern p;
    char pattern[NET_TARGET_MAX];
    int r = split_url(text, &u, ret_why);
    if (r)
        return r;
    if (memchr(u.rest.at, '#', u.rest.len))
        return refuse(ret_why, "must not have a fragment (#...)");
    int n =
        snprintf(pattern, sizeof pattern, "%.*s://%.*s", STR_FMT(u.scheme), STR_FMT(u.host_port));
    if (n >= (int)sizeof pattern)
        return refuse(ret_why, "has too long a host");
    r = net_pattern_parse(str_of(pattern), true, &p, ret_why);
    if (r == 0 &&
        (p.kind == NET_HOST_ANY || p.kind == NET_HOST_BELOW || p.scheme[0] == 0 || p.port_any))
        r = refuse(ret_why, "is a URL prefix: it has no * in it");
    return r;
}

int net_target_of_url(struct str url, char ret[NET_TARGET_MAX], char ret_why[160])
{
    struct url_parts u = {0};
    struct net_pattern p = {0};
    struct str host, port;
    char host_text[300];
    int r = split_url(url, &u, ret_why);
    if (r == 0)
        r = parse_scheme(u.scheme, &p, ret_why);
    if (r == 0 && strcmp(p.scheme, "http") != 0 && strcmp(p.scheme, "https") != 0)
        r = refuse(ret_why, "must be http or https");
    if (r == 0)
        r = split_host_port(u.host_port, host_text, &host, &port, ret_why);
    if (r == 0)
        r = parse_host(host, &p, ret_why);
    if (r == 0 &&
        (p.kind == NET_HOST_ANY || p.kind == NET_HOST_BELOW || memchr(host.at, '/', host.len)))
        r = refuse(ret_why, "must name one host");
    if (r == 0 && port.at)
        r = parse_port(port, &p, ret_why);
    if (r == 0 && (p.port_any || p.port_end > p.port_from + 1))
        r = refuse(ret_why, "must have one port");
    if (r)
        return r == -FAULT_CONFIG ? -FAULT_POLICY : r;
    unsigned number = port.at ? p.port_from : strcmp(p.scheme, "http") == 0 ? 80 : 443;
    if (p.kind == NET_HOST_NAME)
        snprintf(ret, NET_TARGET_MAX, "%s:%u", p.name, number);
    else
        snprintf(ret, NET_TARGET_MAX, p.is_v6 ? "[%.*s]:%u" : "%.*s:%u", STR_FMT(host), number);
    for (char *c = ret; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return 0;
}
