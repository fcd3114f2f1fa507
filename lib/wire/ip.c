/* See ip.h. Text that could be read in two ways (octal, hex, short forms) is none: programs disagree about it, and a check
 * that reads it otherwise than the one who connects is no check. */
#include "wire/ip.h"

#include <errno.h>
#include <stdio.h>

/* --- text --- */

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

static bool parse_as_written(struct str text, struct ip *ret)
{
    *ret = (struct ip){.is_v6 = text.len > 0 && memchr(text.at, ':', text.len) != NULL};
    return ret->is_v6 ? parse_v6(text, ret->at) : parse_v4(text, ret->at);
}

int ip_parse(struct str text, struct ip *ret)
{
    struct ip a;
    if (!parse_as_written(text, &a))
        return -EINVAL;
    ip_unmap(&a);
    *ret = a;
    return 0;
}

/* The longest run of two or more zero groups, the first of equals. */
static void longest_gap(const uint8_t at[16], size_t *ret_from, size_t *ret_len)
{
    *ret_from = *ret_len = 0;
    for (size_t i = 0; i < 8; i++) {
        size_t n = 0;
        while (i + n < 8 && at[2 * (i + n)] == 0 && at[2 * (i + n) + 1] == 0)
            n++;
        if (n > *ret_len && n > 1) {
            *ret_from = i;
            *ret_len = n;
        }
    }
}

void ip_print(const struct ip *a, char ret[IP_TEXT_SIZE])
{
    if (!a->is_v6) {
        snprintf(ret, IP_TEXT_SIZE, "%u.%u.%u.%u", a->at[0], a->at[1], a->at[2], a->at[3]);
        return;
    }
    size_t gap, gap_len;
    longest_gap(a->at, &gap, &gap_len);
    char *out = ret;
    for (size_t i = 0; i < 8; i++) {
        if (gap_len > 0 && i == gap) {
            *out++ = ':';
            if (i + gap_len == 8)
                *out++ = ':';
            i += gap_len - 1;
            continue;
        }
        if (i > 0)
            *out++ = ':';
        out += snprintf(out, (size_t)(ret + IP_TEXT_SIZE - out), "%x",
                        a->at[2 * i] << 8 | a->at[2 * i + 1]);
    }
    *out = '\0';
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->at, b->at, 16) == 0;
}

/* --- networks --- */

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff00u >> (bits % 8)) & 0xff) == 0;
}

static const uint8_t mapped_prefix[16] = {[10] = 0xff, [11] = 0xff};

void ip_unmap(struct ip *a)
{
    if (!a->is_v6 || !same_bits(a->at, mapped_prefix, 96))
        return;
    struct ip v4 = {.is_v6 = false};
    memcpy(v4.at, a->at + 12, 4);
    *a = v4;
}

int ip_network_parse(struct str text, struct ip_network *ret)
{
    struct str address = text, bits = {0};
    struct ip_network n = {0};
    bool has_bits = str_split(text, '/', &address, &bits);
    if (!parse_as_written(address, &n.base))
        return -EINVAL;
    unsigned most = n.base.is_v6 ? 128 : 32;
    int64_t said = most;
    if (has_bits && base_parse_i64(bits, 0, most, &said) != 0)
        return -ERANGE;
    n.bits = (unsigned)said;
    for (unsigned i = n.bits; i < most; i++)
        if (n.base.at[i / 8] & (0x80 >> (i % 8)))
            return -EDOM;
    if (n.bits >= 96 && n.base.is_v6 && same_bits(n.base.at, mapped_prefix, 96)) {
        ip_unmap(&n.base);
        n.bits -= 96;
    }
    *ret = n;
    return 0;
}

bool ip_network_has(const struct ip_network *n, const struct ip *a)
{
    return n->base.is_v6 == a->is_v6 && same_bits(n->base.at, a->at, n->bits);
}

bool ip_network_reaches(const struct ip_network *n, const struct ip *a)
{
    struct ip inside[IP_EMBEDDED_MAX];
    if (ip_network_has(n, a))
        return true;
    size_t count = ip_embedded(a, inside);
    for (size_t i = 0; i < count; i++)
        if (ip_network_has(n, &inside[i]))
            return true;
    return false;
}

/* --- IPv4 inside of IPv6 --- */

static void add_embedded(struct ip *ret, size_t *count, const uint8_t *at, uint8_t mask)
{
    struct ip v4 = {.is_v6 = false};
    for (size_t i = 0; i < 4; i++)
        v4.at[i] = at[i] ^ mask;
    if (*count < IP_EMBEDDED_MAX)
        ret[(*count)++] = v4;
}

size_t ip_embedded(const struct ip *a, struct ip ret[IP_EMBEDDED_MAX])
{
    static const struct {
        uint8_t prefix[16];
        unsigned bits, offset;
        uint8_t mask;
    } rows[] = {
        {{[10] = 0xff, [11] = 0xff}, 96, 12, 0},           /* mapped */
        {{0}, 96, 12, 0},                                  /* compatible (deprecated) */
        {{[8] = 0xff, [9] = 0xff}, 96, 12, 0},             /* SIIT, translated */
        {{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0},             /* NAT64, well-known prefix */
        {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, 12, 0}, /* NAT64, local prefix: at its end ... */
        {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01},
         48,
         6,
         0}, /* (RFC 6052 puts it in other places, too; all is special anyway) */
        {{0x20, 0x02}, 16, 2, 0},                 /* 6to4 */
        {{0x20, 0x01, 0x00, 0x00}, 32, 4, 0},     /* Teredo: its server ... */
        {{0x20, 0x01, 0x00, 0x00}, 32, 12, 0xff}, /* ... and its client, bits turned over */
    };
    size_t count = 0;
    if (!a->is_v6)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (same_bits(a->at, rows[i].prefix, rows[i].bits))
            add_embedded(ret, &count, a->at + rows[i].offset, rows[i].mask);
    bool is_isatap =
        (a->at[8] & 0xfc) == 0 && a->at[9] == 0 && a->at[10] == 0x5e && a->at[11] == 0xfe;
    if (is_isatap)
        add_embedded(ret, &count, a->at + 12, 0);
    return count;
}

/* --- addresses that are no public host --- */

/* IANA IPv4 and IPv6 Special-Purpose Address Registries and the multicast ranges, as of 2025; read strictly: a range that holds
 * something not globally reachable is closed whole. Metadata services of clouds stand first, for their name. */
static const struct {
    struct ip_network net;
    const char *name;
} special[] = {
#define V4(a, b, c, d, bits_, name_) {{{false, {a, b, c, d}}, bits_}, name_}
#define V6(bits_, name_, ...) {{{true, {__VA_ARGS__}}, bits_}, name_}
    V4(169, 254, 169, 254, 32, "cloud metadata"),
    V4(169, 254, 170, 2, 32, "cloud metadata"),
    V4(168, 63, 129, 16, 32,
       "cloud metadata"), /* a public number, but the platform's own host inside of it */
    V4(100, 100, 100, 200, 32, "cloud metadata"),
    V4(192, 0, 0, 192, 32, "cloud metadata"),
    V6(128, "cloud metadata", 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54),
    V6(128, "cloud metadata", 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54),
    V4(0, 0, 0, 0, 8, "this network"),
    V4(10, 0, 0, 0, 8, "private use"),
    V4(100, 64, 0, 0, 10, "shared address space"),
    V4(127, 0, 0, 0, 8, "loopback"),
    V4(169, 254, 0, 0, 16, "link-local"),
    V4(172, 16, 0, 0, 12, "private use"),
    V4(192, 0, 0, 0, 24, "protocol assignments"),
    V4(192, 0, 2, 0, 24, "documentation"),
    V4(192, 88, 99, 0, 24, "6to4 relays"),
    V4(192, 168, 0, 0, 16, "private use"),
    V4(198, 18, 0, 0, 15, "benchmarking"),
    V4(198, 51, 100, 0, 24, "documentation"),
    V4(203, 0, 113, 0, 24, "documentation"),
    V4(224, 0, 0, 0, 4, "multicast"),
    V4(240, 0, 0, 0, 4, "reserved"),
    V6(128, "unspecified", 0),
    V6(128, "loopback", [15] = 1),
    V6(96, "IPv4-compatible", 0),
    V6(48, "local NAT64", 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01),
    V6(64, "discard", 0x01, 0x00),
    V6(64, "dummy", 0x01, 0x00, 0, 0, 0, 0, 0, 0x01),
    V6(23, "protocol assignments", 0x20, 0x01), /* Teredo, ORCHID, benchmarking and others */
    V6(32, "documentation", 0x20, 0x01, 0x0d, 0xb8),
    V6(20, "documentation", 0x3f, 0xff),
    V6(16, "segment routing", 0x5f, 0x00),
    V6(7, "unique local", 0xfc),
    V6(10, "link-local", 0xfe, 0x80),
    V6(10, "site-local", 0xfe, 0xc0),
    V6(8, "multicast", 0xff),
#undef V4
#undef V6
};

static const char *special_name(const struct ip *a)
{
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (ip_network_has(&special[i].net, a))
            return special[i].name;
    return NULL;
}

const char *ip_special(const struct ip *a)
{
    static const struct ip_network global = {{true, {0x20}}, 3},
                                   nat64 = {{true, {0x00, 0x64, 0xff, 0x9b}}, 96},
                                   siit = {{true, {[8] = 0xff, [9] = 0xff}}, 96},
                                   mapped = {{true, {[10] = 0xff, [11] = 0xff}}, 96};
    struct ip inside[IP_EMBEDDED_MAX];
    const char *name = special_name(a);
    size_t count = name ? 0 : ip_embedded(a, inside);
    for (size_t i = 0; i < count && !name; i++)
        name = special_name(&inside[i]);
    if (name || !a->is_v6)
        return name;
    bool is_public = ip_network_has(&global, a) || ip_network_has(&nat64, a) ||
                     ip_network_has(&siit, a) || ip_network_has(&mapped, a);
    return is_public ? NULL : "not global unicast";
}

bool ip_is_no_host(const struct ip *a)
{
    static const struct ip_network nowhere[] = {{{false, {0}}, 8},
                                                {{false, {224}}, 4},
                                                {{false, {255, 255, 255, 255}}, 32},
                                                {{true, {0}}, 128},
                                                {{true, {0xff}}, 8}};
    struct ip plain = *a;
    ip_unmap(&plain);
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
        if (ip_network_has(&nowhere[i], &plain))
            return true;
    return false;
}
