/* Asks for URLs over boxagnts_http and tells what came: asks_http [-X METHOD] [-H "Name: value"] [-d BYTES] [-n COUNT] URL...
 * Per request one line on stdout: "STATUS HEADERBYTES BODYBYTES BODY" or "errno N: why". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(name) __attribute__((import_module("boxagnts_http"), import_name(#name)))

IMPORT(request)
int32_t http_request(const char *method, size_t method_len, const char *url, size_t url_len,
                     const char *headers, size_t headers_len, int64_t body_size, int32_t redirects,
                     uint32_t *ret_handle);
IMPORT(write) int32_t http_write(uint32_t handle, const char *at, size_t len);
IMPORT(finish) int32_t http_finish(uint32_t handle);
IMPORT(response)
int32_t http_response(uint32_t handle, uint32_t *ret_status, char *headers, size_t headers_cap,
                      size_t *ret_headers_len);
IMPORT(read) int32_t http_read(uint32_t handle, char *at, size_t len, size_t *ret_len);
IMPORT(error) int32_t http_error(char *at, size_t cap, size_t *ret_len);
IMPORT(close) int32_t http_close(uint32_t handle);

static char head[256 << 10], body[1 << 20], headers[64 << 10];

static int tell(const char *step, int error)
{
    static char why[1024];
    size_t len = 0;
    if (http_error(why, sizeof why - 1, &len) != 0 || len > sizeof why - 1)
        len = 0;
    why[len] = '\0';
    printf("errno %d: %s: %s\n", error, step, why);
    return 1;
}

static int ask(const char *method, const char *url, size_t send)
{
    uint32_t handle = 0, status = 0;
    size_t head_len = 0, len = 0, total = 0, kept = 0;
    static char piece[65536];
    int e = http_request(method, strlen(method), url, strlen(url), headers, strlen(headers),
                         (int64_t)send, 5, &handle);
    if (e != 0)
        return tell("request", e);
    for (size_t left = send; left > 0 && e == 0;) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        memset(piece, 'x', n);
        e = http_write(handle, piece, n);
        left -= n;
    }
    if (e == 0 && send > 0)
        e = http_finish(handle);
    if (e == 0)
        e = http_response(handle, &status, head, sizeof head, &head_len);
    for (len = 1; e == 0 && len > 0;) {
        e = http_read(handle, piece, sizeof piece, &len);
        for (size_t i = 0; e == 0 && i < len && kept < sizeof body - 1; i++)
            body[kept++] = piece[i];
        total += e == 0 ? len : 0;
    }
    if (e != 0)
        tell("answer", e);
    else
        printf("%u %zu %zu %.*s\n", status, head_len, total, (int)(kept < 2000 ? kept : 2000),
               body);
    http_close(handle);
    return e != 0;
}

int main(int argc, char **argv)
{
    const char *method = "GET";
    size_t send = 0;
    int count = 1, failed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-X") == 0 && i + 1 < argc) {
            method = argv[++i];
        } else if (strcmp(argv[i], "-H") == 0 && i + 1 < argc) {
            strncat(headers, argv[++i], sizeof headers - strlen(headers) - 2);
            strcat(headers, "\n");
        } else if (strcmp(argv[i], "-d") == 0 && i + 1 < argc) {
            send = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
            count = atoi(argv[++i]);
        } else {
            for (int k = 0; k < count; k++)
                failed +=
                    ask(method, strncmp(argv[i], "--url=", 6) == 0 ? argv[i] + 6 : argv[i], send);
        }
    }
    return failed > 0;
}
