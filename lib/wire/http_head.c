/* See http_head.h. Tables of names, and checks of bytes. */
#include "wire/http_head.h"

#include "base/fault.h"

#include <errno.h>
#include <stdio.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = lower(s.at[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

bool http_name_is(struct str s, const char *name)
{
    return s.len == strlen(name) && strncasecmp(s.at, name, s.len) == 0;
}

bool http_name_is_one_of(struct str s, const char *const *names)
{
    for (; *names; names++)
        if (http_name_is(s, *names))
            return true;
    return false;
}

/* --- requests --- */

bool http_method_is_fine(struct str method)
{
    static const char *const never[] = {"CONNECT", "TRACE", "TRACK", NULL};
    return method.len <= 16 && http_is_token(method) && !http_name_is_one_of(method, never);
}

int http_field_check(struct str name, struct str value, char ret_why[HTTP_WHY_SIZE])
{
    static const char *const connections[] = {"host",
                                              "content-length",
                                              "transfer-encoding",
                                              "connection",
                                              "keep-alive",
                                              "te",
                                              "trailer",
                                              "upgrade",
                                              "expect",
                                              "http2-settings",
                                              "proxy-authorization",
                                              "proxy-authenticate",
                                              "proxy-connection",
                                              "alt-used",
                                              "via",
                                              NULL};
    if (!http_is_token(name) || name.len > 256) {
        snprintf(ret_why, HTTP_WHY_SIZE,
                 "a header's name is empty, too long, or has a character that no name has");
        return -EINVAL;
    }
    int len = (int)(name.len < 64 ? name.len : 64);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c >= 0x7f) {
            snprintf(ret_why, HTTP_WHY_SIZE,
                     "the header %.*s has a character that no header may have", len, name.at);
            return -EINVAL;
        }
    }
    if (http_name_is_one_of(name, connections)) {
        snprintf(ret_why, HTTP_WHY_SIZE,
                 "the header %.*s is the connection's own, not the guest's to say", len, name.at);
        return -EINVAL;
    }
    if (http_name_is(name, "accept-encoding") && !http_name_is(str_trim(value), "identity")) {
        snprintf(ret_why, HTTP_WHY_SIZE,
                 "accept-encoding can only be identity: nothing is unpacked on the way");
        return -EINVAL;
    }
    return 0;
}

bool http_field_may_follow(struct str name)
{
    static const char *const harmless[] = {"accept",          "accept-language",
                                           "accept-encoding", "user-agent",
                                           "cache-control",   "pragma",
                                           "content-type",    "content-language",
                                           "if-none-match",   "if-modified-since",
                                           "range",           NULL};
    return http_name_is_one_of(name, harmless);
}

/* --- answers --- */

void http_answer_init(struct http_answer *a, size_t size_max)
{
    *a = (struct http_answer){.content_length = -1};
    buf_init(&a->names, size_max);
}

void http_answer_done(struct http_answer *a)
{
    buf_done(&a->names);
}

static int spoil(struct http_answer *a, const char *why)
{
    if (!a->fault)
        a->fault = why;
    return -EINVAL;
}

/* "HTTP/1.1 200 OK" */
static int take_status(struct http_answer *a, struct str line)
{
    int64_t status = 0;
    struct str digits = {line.at + 9, 3};
    bool is_fine = line.len >= 12 &&
                   (str_starts(line, STR("HTTP/1.1 ")) || str_starts(line, STR("HTTP/1.0 "))) &&
                   base_parse_i64(digits, 100, 599, &status) == 0 &&
                   (line.len == 12 || line.at[12] == ' ');
    if (!is_fine)
        return spoil(a, "its first line is not that of HTTP/1.1");
    a->status = (int)status;
    a->content_length = -1;
    a->is_chunked = a->is_encoded = false;
    a->location[0] = '\0';
    a->field_count = 0;
    buf_reset(&a->names);
    return HTTP_MORE;
}

static int take_length(struct http_answer *a, struct str value)
{
    int64_t n = 0;
    if (base_parse_i64(value, 0, INT64_MAX, &n) != 0)
        return spoil(a, "its content-length is no number");
    if (a->content_length >= 0)
        return spoil(a, "it has two content-lengths");
    a->content_length = n;
    return 0;
}

/* What says where the body ends must say it once and in one way. */
static int take_meaning(struct http_answer *a, struct str name, struct str value)
{
    int r = 0;
    if (http_name_is(name, "content-length")) {
        r = take_length(a, value);
    } else if (http_name_is(name, "transfer-encoding")) {
        if (a->is_chunked || !http_name_is(value, "chunked"))
            return spoil(a, "its transfer-encoding is not just chunked");
        a->is_chunked = true;
    } else if (http_name_is(name, "content-encoding")) {
        a->is_encoded |= value.len > 0 && !http_name_is(value, "identity");
    } else if (http_name_is(name, "location")) {
        if (a->location[0])
            return spoil(a, "it points to two places");
        if (value.len >= sizeof a->location)
            return spoil(a, "it points to a place with too long a name");
        memcpy(a->location, value.at, value.len);
        a->location[value.len] = '\0';
    }
    if (r == 0 && a->is_chunked && a->content_length >= 0)
        return spoil(a, "it has a content-length and a transfer-encoding");
    return r;
}

static int keep_field(struct http_answer *a, struct str name, struct str value)
{
    size_t before = a->names.len;
    buf_add_str(&a->names, name);
    buf_add_c(&a->names, '\0');
    buf_add_str(&a->names, value);
    buf_add_c(&a->names, '\0');
    int r = buf_error(&a->names);
    if (r == -FAULT_CAP)
        return spoil(a, "its head is too large");
    if (r < 0)
        return r;
    for (size_t i = before; i < before + name.len; i++)
        a->names.at[i] = lower(a->names.at[i]);
    a->field_count++;
    return HTTP_MORE;
}

int http_answer_line(struct http_answer *a, struct str line)
{
    struct str name, value;
    if (a->fault)
        return -EINVAL;
    if (line.len > 0 && line.at[line.len - 1] == '\n')
        line.len--;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return a->status ? HTTP_WHOLE : spoil(a, "it has no first line");
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.at[i] < 0x20 && line.at[i] != '\t') || line.at[i] == 0x7f)
            return spoil(a, "its head has control characters inside of a line");
    if (str_starts(line, STR("HTTP/")))
        return take_status(a, line);
    if (a->status == 0)
        return spoil(a, "it has no first line");
    if (line.at[0] == ' ' || line.at[0] == '\t')
        return spoil(a, "its head has folded lines");
    if (!str_split(line, ':', &name, &value) || !http_is_token(name))
        return spoil(a, "its head has a line that is no header");
    if (a->field_count == HTTP_HEAD_FIELDS_MAX)
        return spoil(a, "its head is too large");
    value = str_trim(value);
    int r = take_meaning(a, name, value);
    return r < 0 ? r : keep_field(a, name, value);
}

bool http_answer_next(const struct http_answer *a, size_t *at, struct str *ret_name,
                      struct str *ret_value)
{
    if (*at >= a->names.len)
        return false;
    *ret_name = str_of(a->names.at + *at);
    *ret_value = str_of(ret_name->at + ret_name->len + 1);
    *at += ret_name->len + ret_value->len + 2;
    return true;
}
