/* See http.h. */
#include "http.h"

#include "utf8.h"

#include <errno.h>
#include <string.h>

#define IMPORT(name) __attribute__((import_module("boxagnts_http"), import_name(#name)))

IMPORT(request)
int32_t import_request(const char *method, size_t method_len, const char *url, size_t url_len,
                       const char *headers, size_t headers_len, int64_t body_size,
                       int32_t redirects, uint32_t *ret_handle);
IMPORT(write) int32_t import_write(uint32_t handle, const char *at, size_t len);
IMPORT(finish) int32_t import_finish(uint32_t handle);
IMPORT(response)
int32_t import_response(uint32_t handle, uint32_t *ret_status, char *headers, size_t headers_cap,
                        size_t *ret_headers_len);
IMPORT(read) int32_t import_read(uint32_t handle, char *at, size_t len, size_t *ret_len);
IMPORT(error) int32_t import_error(char *at, size_t cap, size_t *ret_len);
IMPORT(close) int32_t import_close(uint32_t handle);

int http_open(struct str method, struct str url, struct str headers, int64_t body_size,
              int redirects, struct http *ret)
{
    *ret = (struct http){.handle = 0};
    buf_init(&ret->headers, HTTP_HEADERS_MAX);
    return import_request(method.at, method.len, url.at, url.len, headers.at, headers.len,
                          body_size, redirects, &ret->handle);
}

int http_write(struct http *http, struct str bytes)
{
    return import_write(http->handle, bytes.at, bytes.len);
}

int http_finish(struct http *http)
{
    return import_finish(http->handle);
}

int http_wait(struct http *http)
{
    uint32_t status = 0;
    size_t len = 0;
    int error;

    /* Asked twice when the first room was too small. */
    http->headers.len = 0;
    if (!buf_reserve(&http->headers, 4096))
        return ENOMEM;
    error = import_response(http->handle, &status, http->headers.at, http->headers.cap - 1, &len);
    if (error == 0 && len > http->headers.cap - 1) {
        if (!buf_reserve(&http->headers, len))
            return ENOMEM;
        error =
            import_response(http->handle, &status, http->headers.at, http->headers.cap - 1, &len);
    }
    if (error != 0)
        return error;
    http->headers.len = len;
    http->headers.at[len] = '\0';
    http->status = (int)status;
    return 0;
}

int http_read(struct http *http, char *ret_bytes, size_t size, size_t *ret_len)
{
    return import_read(http->handle, ret_bytes, size, ret_len);
}

void http_close(struct http *http)
{
    if (http->handle != 0)
        (void)import_close(http->handle);
    http->handle = 0;
    buf_done(&http->headers);
}

struct str http_header(const struct http *http, const char *name)
{
    struct str lines = buf_str(&http->headers);
    size_t name_len = strlen(name);

    for (size_t at = 0; at < lines.len; at = str_line_end(lines, at)) {
        struct str line = str_part(lines, at, str_line_end(lines, at));

        if (line.len > name_len + 2 && memcmp(line.at, name, name_len) == 0 &&
            line.at[name_len] == ':')
            return str_part(line, name_len + 2, line.len - 1);
    }
    return STR("");
}

struct str http_why(void)
{
    char why[600];
    size_t len = 0;
    struct buf shown;

    buf_init(&shown, sizeof(why) * 4);
    if (import_error(why, sizeof(why), &len) == 0)
        (void)utf8_add_shown(&shown, (struct str){why, len < sizeof(why) ? len : sizeof(why)},
                             UTF8_SHOW_LINE);
    return buf_str(&shown);
}
