/* See http_request.h. A head is taken apart line by line; every byte of it is looked at once before that. */
#include "wire/http_request.h"

#include "base/fault.h"
#include "wire/http_head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int bad(char ret_why[URL_WHY_SIZE], const char *why)
{
    snprintf(ret_why, URL_WHY_SIZE, "the request %s", why);
    return -EINVAL;
}

size_t http_request_head_len(struct str bytes)
{
    const char *end = bytes.len >= 4 ? memmem(bytes.at, bytes.len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - bytes.at) + 4 : 0;
}

/* Lines end in CR LF and in nothing else; a reader that takes a bare one of the two for an end sees other lines. */
static int check_bytes(struct str head, char ret_why[URL_WHY_SIZE])
{
    for (size_t i = 0; i < head.len; i++) {
        unsigned char c = (unsigned char)head.at[i];
        if (c == '\r' && i + 1 < head.len && head.at[i + 1] == '\n')
            i++;
        else if ((c < 0x20 && c != '\t') || c >= 0x7f)
            return bad(ret_why, "has a character in its head that none may have");
    }
    return 0;
}

static struct str take_line(struct str *rest)
{
    const char *end = memmem(rest->at, rest->len, "\r\n", 2);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct str line = {rest->at, len};
    size_t past = end ? len + 2 : len;
    *rest = (struct str){rest->at + past, rest->len - past};
    return line;
}

/* --- the first line --- */

/* "host:443", "[::1]:443"; nothing else that a URL could have. */
static int take_authority(struct http_request *a, struct str target, char ret_why[URL_WHY_SIZE])
{
    char text[320], why[URL_WHY_SIZE] = "";
    const char *colon = memrchr(target.at, ':', target.len);
    size_t digits = colon ? (size_t)(target.at + target.len - colon - 1) : 0;
    bool is_fine = target.len <= 300 && digits > 0 && digits <= 5;
    for (size_t i = 0; i < target.len; i++)
        is_fine = is_fine && !strchr("/?#@\\%", target.at[i]);
    for (size_t i = 0; i < digits; i++)
        is_fine = is_fine && colon[1 + i] >= '0' && colon[1 + i] <= '9';
    if (!is_fine)
        return bad(ret_why, "asks for a tunnel to something that is no host:port");
    int n = snprintf(text, sizeof text, "https://%.*s/", STR_FMT(target));
    int r = url_parse((struct str){text, (size_t)n}, &a->url, why);
    if (r == -EINVAL)
        snprintf(ret_why, URL_WHY_SIZE, "the tunnel's target %.130s", why);
    return r;
}

static int take_target(struct http_request *a, struct str target, char ret_why[URL_WHY_SIZE])
{
    char why[URL_WHY_SIZE] = "";
    if (a->is_connect)
        return take_authority(a, target, ret_why);
    if (target.len > 0 && target.at[0] == '/')
        return bad(ret_why, "names no host: this is a proxy, not a server");
    if (target.len < 7 || strncasecmp(target.at, "http://", 7) != 0)
        return bad(ret_why, "is not for an http:// URL; https goes through CONNECT");
    int r = url_parse(target, &a->url, why);
    if (r == -EINVAL)
        snprintf(ret_why, URL_WHY_SIZE, "the URL %.140s", why);
    return r;
}

static int take_first(struct http_request *a, struct str line, char ret_why[URL_WHY_SIZE])
{
    struct str method, target, version;
    if (!str_split(line, ' ', &method, &target) || !str_split(target, ' ', &target, &version) ||
        memchr(version.at, ' ', version.len) || memchr(line.at, '\t', line.len))
        return bad(ret_why, "has a first line that is none");
    a->is_connect = str_is(method, "CONNECT");
    a->is_old = str_is(version, "HTTP/1.0");
    if (!a->is_old && !str_is(version, "HTTP/1.1"))
        return bad(ret_why, "is not of HTTP/1.1");
    if (!a->is_connect && !http_method_is_fine(method))
        return bad(ret_why, "has a method that is not for a proxy");
    memcpy(a->method, method.at, method.len);
    a->method[method.len] = '\0';
    return take_target(a, target, ret_why);
}

/* --- the other lines --- */

struct lines {
    struct str connection; /* what the Connection header names; one such line is taken */
    bool has_host, has_connection, has_length, has_coding;
};

static int take_length(struct http_request *a, struct str value, char ret_why[URL_WHY_SIZE])
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return bad(ret_why, "has a content-length that is no number");
    if (base_parse_i64(value, 0, INT64_MAX, &a->content_length) != 0)
        return bad(ret_why, "has a content-length that is no number");
    return 0;
}

static int take_host(const struct http_request *a, struct str value, char ret_why[URL_WHY_SIZE])
{
    char text[320], why[URL_WHY_SIZE];
    struct url said;
    bool is_fine = value.len > 0 && value.len <= 300;
    for (size_t i = 0; i < value.len; i++)
        is_fine = is_fine && !strchr("/?#@\\%", value.at[i]);
    if (!is_fine)
        return bad(ret_why, "has a Host that is none");
    /* Of a tunnel the port may be left out by some clients, and is then not the scheme's. */
    bool has_port = value.at[value.len - 1] != ']' && memrchr(value.at, ':', value.len) != NULL &&
                    (value.at[0] != '[' || memmem(value.at, value.len, "]:", 2) != NULL);
    int n = a->is_connect && !has_port
                ? snprintf(text, sizeof text, "https://%.*s:%u/", STR_FMT(value), a->url.port)
                : snprintf(text, sizeof text, "%s://%.*s/", url_scheme(&a->url), STR_FMT(value));
    int r = url_parse((struct str){text, (size_t)n}, &said, why);
    if (r == -ENOMEM)
        return r;
    bool is_same = r == 0 && url_same_origin(&said, &a->url);
    if (r == 0)
        url_done(&said);
    return is_same ? 0 : bad(ret_why, "says one host in its target and another in Host");
}

/* What says where the body ends is said once, and in one way. */
static int take_meaning(struct http_request *a, struct lines *l, struct str name, struct str value,
                        char ret_why[URL_WHY_SIZE])
{
    const struct {
        const char *name;
        bool *seen;
    } once[] = {{"host", &l->has_host},
                {"content-length", &l->has_length},
                {"transfer-encoding", &l->has_coding},
                {"connection", &l->has_connection}};
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        if (!http_name_is(name, once[i].name))
            continue;
        if (*once[i].seen)
            return bad(ret_why, "has a header twice that stands once");
        *once[i].seen = true;
    }
    if (http_name_is(name, "host"))
        return take_host(a, value, ret_why);
    if (http_name_is(name, "content-length"))
        return take_length(a, value, ret_why);
    if (http_name_is(name, "connection"))
        l->connection = value;
    if (http_name_is(name, "expect")) {
        if (!http_name_is(value, "100-continue"))
            return bad(ret_why, "expects something that is not known here");
        a->wants_continue = true;
    }
    if (http_name_is(name, "transfer-encoding")) {
        if (!http_name_is(value, "chunked"))
            return bad(ret_why, "has a transfer-encoding that is not just chunked");
        a->is_chunked = true;
    }
    return 0;
}

/* name and value of a line; -EINVAL. */
static int read_line(struct str line, struct str *ret_name, struct str *ret_value,
                     char ret_why[URL_WHY_SIZE])
{
    if (line.len == 0 || line.at[0] == ' ' || line.at[0] == '\t')
        return bad(ret_why, "has folded lines");
    if (!str_split(line, ':', ret_name, ret_value))
        return bad(ret_why, "has a line that is no header");
    *ret_value = str_trim(*ret_value);
    if (!http_is_token(*ret_name) || ret_name->len > 256)
        return bad(ret_why, "has a header with a name that none may have");
    return 0;
}

/* Does "close, x-mine" name it? */
static bool is_named_in(struct str list, struct str name)
{
    for (struct str word, rest = list; rest.len > 0;) {
        if (!str_split(rest, ',', &word, &rest)) {
            word = rest;
            rest = STR("");
        }
        word = str_trim(word);
        if (word.len == name.len && strncasecmp(word.at, name.at, name.len) == 0)
            return true;
    }
    return false;
}

static bool goes_on(const struct lines *l, struct str name)
{
    static const char *const stay[] = {"host",
                                       "content-length",
                                       "transfer-encoding",
                                       "connection",
                                       "keep-alive",
                                       "te",
                                       "trailer",
                                       "upgrade",
                                       "expect",
                                       "http2-settings",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "via",
                                       "proxy-connection",
                                       "alt-used",
                                       "accept-encoding",
                                       "max-forwards",
                                       NULL};
    return !http_name_is_one_of(name, stay) && !is_named_in(l->connection, name);
}

static int keep_fields(struct http_request *a, const struct lines *l, struct str rest,
                       char ret_why[URL_WHY_SIZE])
{
    struct str name, value;
    while (rest.len > 2) {
        int r = read_line(take_line(&rest), &name, &value, ret_why);
        if (r < 0)
            return r;
        if (!goes_on(l, name))
            continue;
        if (a->field_count == HTTP_REQUEST_FIELDS_MAX)
            return bad(ret_why, "has too many headers");
        buf_add_str(&a->fields, name);
        buf_add_c(&a->fields, '\0');
        buf_add_str(&a->fields, value);
        buf_add_c(&a->fields, '\0');
        if (buf_error(&a->fields) < 0)
            return buf_error(&a->fields);
        a->field_count++;
    }
    return 0;
}

static int take_head(struct http_request *a, struct str head, char ret_why[URL_WHY_SIZE])
{
    struct lines l = {.connection = STR("")};
    struct str rest = head, name, value;
    int r = check_bytes(head, ret_why);
    if (r == 0)
        r = take_first(a, take_line(&rest), ret_why);
    struct str fields = rest;
    while (r == 0 && rest.len > 2) {
        r = read_line(take_line(&rest), &name, &value, ret_why);
        if (r == 0)
            r = take_meaning(a, &l, name, value, ret_why);
    }
    if (r < 0)
        return r;
    if (a->is_chunked && (a->content_length >= 0 || a->is_old))
        return bad(ret_why, "says in two ways where its body ends");
    if (a->is_connect && (a->is_chunked || a->content_length > 0))
        return bad(ret_why, "asks for a tunnel and has a body");
    return keep_fields(a, &l, fields, ret_why);
}

int http_request_parse(struct str head, struct http_request *ret, char ret_why[URL_WHY_SIZE])
{
    struct http_request a = {.content_length = -1};
    buf_init(&a.fields, HTTP_REQUEST_HEAD_MAX + 2);
    int r = head.len > HTTP_REQUEST_HEAD_MAX          ? bad(ret_why, "has too large a head")
            : http_request_head_len(head) != head.len ? bad(ret_why, "has no whole head")
                                                      : take_head(&a, head, ret_why);
    if (r < 0)
        http_request_done(&a);
    else
        *ret = a;
    return r;
}

void http_request_done(struct http_request *a)
{
    url_done(&a->url);
    buf_done(&a->fields);
}

bool http_request_next(const struct http_request *a, size_t *at, struct str *ret_name,
                       struct str *ret_value)
{
    if (*at >= a->fields.len)
        return false;
    *ret_name = str_of(a->fields.at + *at);
    *ret_value = str_of(ret_name->at + ret_name->len + 1);
    *at += ret_name->len + ret_value->len + 2;
    return true;
}

/* --- chunks --- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One byte of "1a2b CR LF", of the CR LF behind the bytes, or of the one at the very end. */
static int take_byte(struct http_chunks *c, char byte)
{
    int digit = hex(byte);
    if (c->state == HTTP_CHUNK_SIZE && c->seen == 0 && digit >= 0) {
        if (c->digits++ == 15) /* far more than any body has */
            return -EINVAL;
        c->left = c->left << 4 | (unsigned)digit;
        return 0;
    }
    if (c->state == HTTP_CHUNK_SIZE && c->digits == 0)
        return -EINVAL;
    if (byte != "\r\n"[c->seen])
        return -EINVAL;
    if (++c->seen < 2)
        return 0;
    c->seen = c->digits = 0;
    c->state = c->state == HTTP_CHUNK_END    ? HTTP_CHUNK_SIZE
               : c->state == HTTP_CHUNK_LAST ? HTTP_CHUNKS_WHOLE
               : c->left == 0                ? HTTP_CHUNK_LAST
                                             : HTTP_CHUNK_BYTES;
    return 0;
}

int http_chunks_take(struct http_chunks *c, struct str *bytes, struct str *ret_data)
{
    *ret_data = STR("");
    while (bytes->len > 0 && c->state != HTTP_CHUNKS_WHOLE) {
        if (c->state == HTTP_CHUNK_BYTES) {
            size_t len = bytes->len < c->left ? bytes->len : (size_t)c->left;
            *ret_data = (struct str){bytes->at, len};
            c->left -= len;
            if (c->left == 0)
                c->state = HTTP_CHUNK_END;
            *bytes = (struct str){bytes->at + len, bytes->len - len};
            return 0;
        }
        int r = take_byte(c, bytes->at[0]);
        *bytes = (struct str){bytes->at + 1, bytes->len - 1};
        if (r < 0)
            return r;
    }
    return 0;
}
