/* See url.h. Pure. */
#include "url.h"

#include <string.h>

struct parts {
    struct str scheme, authority, path, query, fragment; /* at is NULL where a part is missing */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct str url_scheme(struct str url)
{
    for (size_t i = 0; i < url.len; i++) {
        char c = url.at[i];

        if (c == ':' && i > 0)
            return str_part(url, 0, i);
        if (!is_letter(c) &&
            (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            break;
    }
    return STR("");
}

/* The part up to the first byte of `ends`; `rest` moves behind it. */
static struct str take_until(struct str *rest, const char *ends)
{
    size_t len = 0;
    struct str part;

    while (len < rest->len && strchr(ends, rest->at[len]) == NULL)
        len++;
    part = str_part(*rest, 0, len);
    *rest = str_part(*rest, len, rest->len);
    return part;
}

static struct parts split(struct str url)
{
    struct parts parts = {0};
    struct str rest = url;
    struct str scheme = url_scheme(url);

    if (scheme.len > 0) {
        parts.scheme = scheme;
        rest = str_part(rest, scheme.len + 1, rest.len);
    }
    if (rest.len >= 2 && rest.at[0] == '/' && rest.at[1] == '/') {
        rest = str_part(rest, 2, rest.len);
        parts.authority = take_until(&rest, "/?#");
    }
    parts.path = take_until(&rest, "?#");
    if (rest.len > 0 && rest.at[0] == '?') {
        rest = str_part(rest, 1, rest.len);
        parts.query = take_until(&rest, "#");
    }
    if (rest.len > 0)
        parts.fragment = str_part(rest, 1, rest.len);
    return parts;
}

struct str url_origin(struct str url)
{
    struct parts parts = split(url);

    if (parts.scheme.len == 0 || parts.authority.at == NULL || parts.authority.len == 0)
        return STR("");
    return str_part(url, 0, (size_t)(parts.authority.at + parts.authority.len - url.at));
}

struct str url_without_fragment(struct str url)
{
    struct str rest = url;

    return take_until(&rest, "#");
}

/* Adds `path` with "." and ".." resolved; what would pass the top is dropped (RFC 3986, 5.2.4). */
static bool add_plain_path(struct buf *out, struct str path)
{
    size_t start = out->len;

    for (size_t at = 0; at < path.len;) {
        const char *slash = memchr(path.at + at, '/', path.len - at);
        size_t end = slash != NULL ? (size_t)(slash - path.at) : path.len;
        struct str part = str_part(path, at, end);
        bool is_up = str_equal(part, STR(".."));

        if (is_up || str_equal(part, STR("."))) {
            /* out ends with the slash before this part: "/a/" for "/a/..", which becomes "/" */
            if (is_up && out->len > start + 1) {
                out->len--;
                while (out->len > start && out->at[out->len - 1] != '/')
                    out->len--;
            }
            at = end + 1;
            continue;
        }
        if (!buf_add(out, part) || (end < path.len && !buf_add_byte(out, '/')))
            return false;
        at = end + 1;
    }
    return true;
}

/* The path of a relative reference behind the folder of the base's path. */
static bool add_merged_path(struct buf *out, const struct parts *base, struct str path)
{
    struct buf merged;
    size_t folder = base->path.len;
    bool is_done;

    buf_init(&merged, (size_t)URL_MAX_BYTES * 2);
    while (folder > 0 && base->path.at[folder - 1] != '/')
        folder--;
    if (folder == 0 && base->authority.at != NULL)
        is_done = buf_add_byte(&merged, '/');
    else
        is_done = buf_add(&merged, str_part(base->path, 0, folder));
    is_done = is_done && buf_add(&merged, path) && add_plain_path(out, buf_str(&merged));
    buf_done(&merged);
    return is_done;
}

static bool add_with(struct buf *out, const char *before, struct str part)
{
    return part.at == NULL || (buf_add(out, str_of(before)) && buf_add(out, part));
}

static bool add_resolved(struct buf *out, struct str base_url, struct str reference)
{
    struct parts ref = split(reference);
    struct parts base = split(base_url);
    bool is_absolute = ref.scheme.at != NULL;
    bool has_authority = is_absolute || ref.authority.at != NULL;
    struct str scheme = is_absolute ? ref.scheme : base.scheme;
    struct str authority = has_authority ? ref.authority : base.authority;
    struct str query = ref.query;

    if (scheme.at != NULL && (!buf_add(out, scheme) || !buf_add_byte(out, ':')))
        return false;
    if (!add_with(out, "//", authority))
        return false;
    if (is_absolute && ref.authority.at == NULL) {
        if (!buf_add(out, ref.path)) /* mailto:x and the like: not a hierarchy */
            return false;
    } else if (has_authority || (ref.path.len > 0 && ref.path.at[0] == '/')) {
        if (!add_plain_path(out, ref.path))
            return false;
    } else if (ref.path.len > 0) {
        if (!add_merged_path(out, &base, ref.path))
            return false;
    } else {
        if (query.at == NULL)
            query = base.query;
        if (!buf_add(out, base.path))
            return false;
    }
    return add_with(out, "?", query) && add_with(out, "#", ref.fragment);
}

/* Blanks round it are no part of it, nor are tabs and newlines in it; the rest becomes plain. */
static bool add_plain(struct buf *out, struct str raw, bool is_web)
{
    bool is_path = true; /* a backslash is a slash before the query only */

    while (raw.len > 0 && (unsigned char)raw.at[0] <= ' ')
        raw = str_part(raw, 1, raw.len);
    while (raw.len > 0 && (unsigned char)raw.at[raw.len - 1] <= ' ')
        raw.len--;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char byte = (unsigned char)raw.at[i];
        bool is_done = true;

        is_path = is_path && byte != '?' && byte != '#';
        if (byte == '\t' || byte == '\n' || byte == '\r')
            continue;
        if (byte == '\\' && is_web && is_path)
            is_done = buf_add_byte(out, '/');
        else if (byte <= ' ' || byte >= 0x7F || strchr("\"<>()`{}\\^|", byte) != NULL)
            is_done = buf_addf(out, "%%%02X", byte);
        else
            is_done = buf_add_byte(out, (char)byte);
        if (!is_done)
            return false;
    }
    return true;
}

static bool is_web_scheme(struct str scheme)
{
    return (scheme.len == 4 && memcmp(scheme.at, "http", 4) == 0) ||
           (scheme.len == 5 && memcmp(scheme.at, "https", 5) == 0);
}

bool url_resolve(struct str base, struct str reference, struct buf *ret_url)
{
    struct buf plain;
    struct buf url;
    bool is_done = false;

    buf_init(&plain, URL_MAX_BYTES);
    buf_init(&url, URL_MAX_BYTES);
    if (add_plain(&plain, reference, is_web_scheme(url_scheme(base))) &&
        add_resolved(&url, base, buf_str(&plain)))
        is_done = buf_add(ret_url, buf_str(&url));
    buf_done(&plain);
    buf_done(&url);
    return is_done;
}
