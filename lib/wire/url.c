/* Taking URLs apart and putting them together. See url.h for what is refused and why. */
#include "wire/url.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

static int refuse(char ret_why[URL_WHY_SIZE], const char *why)
{
    snprintf(ret_why, URL_WHY_SIZE, "%s", why);
    return -EINVAL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct str rest_of(struct str s, size_t from)
{
    return (struct str){s.at + from, s.len - from};
}

/* --- hosts --- */

/* "10", "0x7f", "017": what some readers take for an IPv4 address. */
static bool looks_like_number(struct str label)
{
    bool digits = label.len > 0;
    for (size_t i = 0; i < label.len; i++)
        digits &= label.at[i] >= '0' && label.at[i] <= '9';
    return digits || (label.len > 1 && label.at[0] == '0' && lower(label.at[1]) == 'x');
}

static int parse_name(struct str s, char ret[HOST_NAME_SIZE], char ret_why[URL_WHY_SIZE])
{
    if (s.len > 0 && s.at[s.len - 1] == '.')
        s.len--;
    if (s.len == 0)
        return refuse(ret_why, "has no host");
    if (s.len >= HOST_NAME_SIZE)
        return refuse(ret_why, "has a host name longer than 253 bytes");
    size_t label = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = lower(s.at[i]);
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
    if (label == s.len)
        return refuse(ret_why, "has a host name with a character that host names do not have");
    ret[s.len] = 0;
    if (looks_like_number((struct str){s.at + label, s.len - label}))
        return refuse(ret_why, "has a host of digits that is not a dotted IPv4 address");
    return 0;
}

int host_parse(struct str text, struct host *ret, char ret_why[URL_WHY_SIZE])
{
    struct host h = {.is_ip = ip_parse(text, &h.ip) == 0};
    if (h.is_ip)
        ip_print(&h.ip, h.name);
    else if (text.len > 0 && memchr(text.at, ':', text.len))
        return refuse(ret_why, "has an IPv6 address that is none");
    else if (parse_name(text, h.name, ret_why) != 0)
        return -EINVAL;
    *ret = h;
    return 0;
}

bool host_equal(const struct host *a, const struct host *b)
{
    return a->is_ip == b->is_ip && strcmp(a->name, b->name) == 0;
}

/* --- percent-encoding and paths --- */

static int hex_value(char c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool escape_at(struct str s, size_t i, unsigned char *ret)
{
    if (s.at[i] != '%' || s.len - i < 3 || hex_value(s.at[i + 1]) < 0 || hex_value(s.at[i + 2]) < 0)
        return false;
    *ret = (unsigned char)(hex_value(s.at[i + 1]) * 16 + hex_value(s.at[i + 2]));
    return true;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-._~", c));
}

/* RFC 3986 pchar and "/", "?" in queries. */
static bool may_stand(unsigned char c)
{
    return is_unreserved(c) || (c != 0 && strchr("!$&'()*+,;=:@/?", c));
}

/* What a path or query may have, in its one form. -EINVAL: a percent-sign without its digits. */
static int add_normal(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == '%') {
            if (!escape_at(s, i, &c))
                return -EINVAL;
            i += 2;
            if (is_unreserved(c))
                buf_add_c(out, (char)c);
            else
                buf_addf(out, "%%%02X", c);
        } else if (may_stand(c)) {
            buf_add_c(out, (char)c);
        } else {
            buf_addf(out, "%%%02X", c);
        }
    }
    return buf_error(out);
}

/* Removes "." and ".." segments of a path that begins with "/", in place (RFC 3986, 5.2.4). */
static void remove_dots(char *path)
{
    char *out = path;
    for (const char *in = path; *in;) {
        size_t len = 1 + strcspn(in + 1, "/"); /* "/segment" */
        bool is_last = in[len] == '\0';
        bool is_dot = len == 2 && in[1] == '.', is_dots = len == 3 && in[1] == '.' && in[2] == '.';
        if (is_dots)
            while (out > path && *--out != '/')
                ;
        if (!is_dot && !is_dots) {
            memmove(out, in, len);
            out += len;
        } else if (is_last) {
            *out++ = '/';
        }
        in += len;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

static int set_path(struct url *u, struct str path, struct str query, bool has_query,
                    char ret_why[URL_WHY_SIZE])
{
    auto_done(buf) struct buf p, q;
    buf_init(&p, 3 * URL_MAX);
    buf_init(&q, 3 * URL_MAX);
    if (path.len == 0 || path.at[0] != '/')
        buf_add_c(&p, '/');
    int r = add_normal(&p, path);
    if (r == 0)
        r = add_normal(&q, query);
    if (r == -EINVAL)
        return refuse(ret_why, "has a % without two hex digits behind it");
    if (r == 0 && p.len + q.len > 3 * URL_MAX)
        r = -FAULT_CAP;
    if (r == -FAULT_CAP)
        return refuse(ret_why, "is too long");
    if (r < 0)
        return r;
    u->path = buf_take(&p);
    if (has_query)
        u->query = q.len ? buf_take(&q) : str_dup(STR(""));
    if (!u->path || (has_query && !u->query))
        return -ENOMEM;
    remove_dots(u->path);
    return 0;
}

/* --- the whole --- */

static int check_characters(struct str text, char ret_why[URL_WHY_SIZE])
{
    if (text.len > URL_MAX)
        return refuse(ret_why, "is too long");
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] <= 0x20 || text.at[i] == 0x7f || text.at[i] == '\\')
            return refuse(ret_why, "has white space, control characters or backslashes in it");
    return 0;
}

static int parse_authority(struct str s, struct url *ret, char ret_why[URL_WHY_SIZE])
{
    struct str host = s, port = {0};
    int64_t number = ret->is_tls ? 443 : 80;
    if (s.len > 0 && memchr(s.at, '@', s.len))
        return refuse(ret_why, "must not have a user name");
    if (s.len > 0 && s.at[0] == '[') {
        const char *close = memchr(s.at, ']', s.len);
        if (!close)
            return refuse(ret_why, "has a [ without its ]");
        host = (struct str){s.at + 1, (size_t)(close - s.at) - 1};
        struct str behind = rest_of(s, host.len + 2);
        if (memchr(host.at, '%', host.len))
            return refuse(ret_why, "must not have an IPv6 zone");
        if (!memchr(host.at, ':', host.len) || (behind.len > 0 && behind.at[0] != ':'))
            return refuse(ret_why, "must have an IPv6 address between [ and ]");
        if (behind.len > 0)
            port = rest_of(behind, 1);
    } else if (str_split(s, ':', &host, &port) && memchr(port.at, ':', port.len)) {
        return refuse(ret_why, "must have an IPv6 address in brackets");
    }
    if (port.at && base_parse_i64(port, 1, 65535, &number) != 0)
        return refuse(ret_why, "must have a port of 1 to 65535");
    ret->port = (uint16_t)number;
    return host_parse(host, &ret->host, ret_why);
}

/* Everything behind the scheme's colon and two slashes. */
static int parse_rest(struct str s, struct url *u, char ret_why[URL_WHY_SIZE])
{
    size_t end = 0, path_end;
    while (end < s.len && !strchr("/?#", s.at[end]))
        end++;
    int r = parse_authority((struct str){s.at, end}, u, ret_why);
    if (r < 0)
        return r;
    for (path_end = end; path_end < s.len && !strchr("?#", s.at[path_end]);)
        path_end++;
    struct str path = {s.at + end, path_end - end}, query = rest_of(s, path_end), fragment;
    bool has_query = query.len > 0 && query.at[0] == '?';
    (void)str_split(query, '#', &query, &fragment);
    return set_path(u, path, has_query ? rest_of(query, 1) : STR(""), has_query, ret_why);
}

/* "http:" -> true. A scheme is letters, digits, +, -, . and begins with a letter. */
static bool split_scheme(struct str text, struct str *ret_scheme, struct str *ret_rest)
{
    size_t n = 0;
    for (; n < text.len && text.at[n] != ':'; n++) {
        char c = lower(text.at[n]);
        if (!(c >= 'a' && c <= 'z') &&
            (n == 0 || !(c == '+' || c == '-' || c == '.' || (c >= '0' && c <= '9'))))
            return false;
    }
    if (n == 0 || n == text.len)
        return false;
    *ret_scheme = (struct str){text.at, n};
    *ret_rest = rest_of(text, n + 1);
    return true;
}

int url_parse(struct str text, struct url *ret, char ret_why[URL_WHY_SIZE])
{
    struct str scheme, rest;
    struct url u = {0};
    int r = check_characters(text, ret_why);
    if (r < 0)
        return r;
    if (!split_scheme(text, &scheme, &rest) || !str_starts(rest, STR("//")))
        return refuse(ret_why, "must be a whole URL, like https://example.org/path");
    u.is_tls = scheme.len == 5;
    if ((scheme.len != 4 && scheme.len != 5) || strncasecmp(scheme.at, "https", scheme.len) != 0)
        return refuse(ret_why, "must be http or https");
    r = parse_rest(rest_of(rest, 2), &u, ret_why);
    if (r < 0)
        url_done(&u);
    else
        *ret = u;
    return r;
}

void url_done(struct url *u)
{
    free(u->path);
    free(u->query);
    *u = (struct url){0};
}

int url_print(const struct url *u, struct buf *out)
{
    bool is_v6 = u->host.is_ip && u->host.ip.is_v6;
    buf_addf(out, is_v6 ? "%s://[%s]" : "%s://%s", url_scheme(u), u->host.name);
    if (u->port != (u->is_tls ? 443 : 80))
        buf_addf(out, ":%u", u->port);
    buf_add_z(out, u->path);
    if (u->query) {
        buf_add_c(out, '?');
        buf_add_z(out, u->query);
    }
    return buf_error(out);
}

int url_copy(const struct url *u, struct url *ret)
{
    struct url copy = *u;
    copy.path = str_dup(str_of(u->path));
    copy.query = u->query ? str_dup(str_of(u->query)) : NULL;
    if (!copy.path || (u->query && !copy.query)) {
        url_done(&copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->is_tls == b->is_tls && a->port == b->port && host_equal(&a->host, &b->host);
}

/* --- redirects --- */

int url_resolve(const struct url *base, struct str text, struct url *ret,
                char ret_why[URL_WHY_SIZE])
{
    struct str scheme, rest, fragment;
    int r = check_characters(text, ret_why);
    if (r < 0)
        return r;
    if (split_scheme(text, &scheme, &rest))
        return url_parse(text, ret, ret_why);
    auto_done(buf) struct buf whole;
    buf_init(&whole, 8 * URL_MAX);
    (void)str_split(text, '#', &text, &fragment);
    struct url bare = {
        .is_tls = base->is_tls, .host = base->host, .port = base->port, .path = (char[]){""}};
    if (str_starts(text, STR("//"))) {
        buf_addf(&whole, "%s:", url_scheme(base));
    } else {
        r = url_print(&bare, &whole);
        struct str path = str_of(base->path);
        if (text.len == 0 || text.at[0] == '?') {
            buf_add_str(&whole, path);
            if (text.len == 0 && base->query)
                buf_addf(&whole, "?%s", base->query);
        } else if (text.at[0] != '/') {
            while (path.len > 0 && path.at[path.len - 1] != '/')
                path.len--;
            buf_add_str(&whole, path);
        }
    }
    buf_add_str(&whole, text);
    r = buf_error(&whole);
    if (r == -FAULT_CAP)
        return refuse(ret_why, "is too long");
    return r < 0 ? r : url_parse(buf_str(&whole), ret, ret_why);
}

/* --- prefixes --- */

/* Undoes percent-encoding until there is none, in place. One pass: what a decoded byte completes is decoded at once.
 * %00 stays, so that nothing behind it is lost. */
static void decode_all(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        unsigned char c;
        *out++ = *in;
        while (out - text >= 3 && escape_at((struct str){out - 3, 3}, 0, &c) && c != 0) {
            out -= 2;
            out[-1] = (char)c;
        }
    }
    *out = '\0';
}

static void fold_path(char *path)
{
    decode_all(path);
    char *out = path;
    for (const char *in = path; *in; in++) {
        char c = *in == '\\' ? '/' : *in;
        if (c != '/' || out == path || out[-1] != '/')
            *out++ = c;
    }
    *out = '\0';
    remove_dots(path);
}

int url_prefix_parse(struct str text, struct url_prefix *ret, char ret_why[URL_WHY_SIZE])
{
    struct url_prefix p = {0};
    if (text.len > 0 && memchr(text.at, '#', text.len))
        return refuse(ret_why, "must not have a fragment (#...)");
    int r = url_parse(text, &p.url, ret_why);
    if (r == -EINVAL && text.len > 0 && memchr(text.at, '*', text.len))
        return refuse(ret_why, "is a URL prefix: it has no * in it");
    if (r < 0)
        return r;
    p.path = str_dup(str_of(p.url.path));
    p.query = p.url.query ? str_dup(str_of(p.url.query)) : NULL;
    if (!p.path || (p.url.query && !p.query)) {
        url_prefix_done(&p);
        return -ENOMEM;
    }
    fold_path(p.path);
    if (p.query)
        decode_all(p.query);
    *ret = p;
    return 0;
}

void url_prefix_done(struct url_prefix *p)
{
    url_done(&p->url);
    free(p->path);
    free(p->query);
    *p = (struct url_prefix){0};
}

int url_prefix_covers(const struct url_prefix *p, const struct url *u, bool *ret)
{
    *ret = false;
    if (!url_same_origin(&p->url, u))
        return 0;
    auto_free char *path = str_dup(str_of(u->path)),
                   *query = str_dup(str_of(u->query ? u->query : ""));
    if (!path || !query)
        return -ENOMEM;
    fold_path(path);
    decode_all(query);
    *ret = p->query ? strcmp(path, p->path) == 0 && u->query &&
                          str_starts(str_of(query), str_of(p->query))
                    : str_starts(str_of(path), str_of(p->path));
    return 0;
}
