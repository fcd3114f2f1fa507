/* rooms: wire */
/* What a command says to its proxy: a head, and behind it a body in chunks, which is read once whole and once byte by byte: what comes out must
 * not depend on it. */
#include "wire/http_request.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(struct str head)
{
    struct http_request a;
    struct str name, value;
    char why[URL_WHY_SIZE] = "";
    size_t at = 0, count = 0;
    int r = http_request_parse(head, &a, why);
    must(r == 0 || r == -ENOMEM || (r == -EINVAL && why[0]));
    if (r != 0)
        return;
    must(a.url.path[0] == '/' && a.url.port > 0 && a.is_connect == a.url.is_tls);
    must(!(a.is_chunked && (a.content_length >= 0 || a.is_old || a.is_connect)));
    while (http_request_next(&a, &at, &name, &value)) {
        must(name.len > 0 && !strpbrk(name.at, " \r\n:") && !strpbrk(value.at, "\r\n"));
        must(strcasecmp(name.at, "host") != 0 && strcasecmp(name.at, "connection") != 0 &&
             strcasecmp(name.at, "content-length") != 0 &&
             strcasecmp(name.at, "transfer-encoding") != 0);
        count++;
    }
    must(count == a.field_count && count <= HTTP_REQUEST_FIELDS_MAX);
    http_request_done(&a);
}

/* false: no body in chunks. *ret_rest: what is behind it. */
static bool read_chunks(struct str all, size_t step, struct buf *out, size_t *ret_rest)
{
    struct http_chunks c = {0};
    struct str data;
    size_t used = 0;
    while (used < all.len && c.state != HTTP_CHUNKS_WHOLE) {
        size_t len = all.len - used < step ? all.len - used : step;
        struct str piece = {all.at + used, len};
        while (piece.len > 0 && c.state != HTTP_CHUNKS_WHOLE) {
            if (http_chunks_take(&c, &piece, &data) < 0)
                return false;
            must(buf_add_str(out, data) == 0);
        }
        used += len - piece.len;
    }
    *ret_rest = all.len - used;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size};
    auto_done(buf) struct buf whole, pieces;
    size_t len = http_request_head_len(all), rest = 0, rest_of_pieces = 0;
    must(len <= size);
    if (len > 0)
        check_head((struct str){all.at, len});
    else
        check_head(all);
    struct str body = {all.at + len, all.len - len};
    buf_init(&whole, size + 1);
    buf_init(&pieces, size + 1);
    bool is_fine = read_chunks(body, SIZE_MAX, &whole, &rest);
    must(is_fine == read_chunks(body, 1, &pieces, &rest_of_pieces));
    must(!is_fine || (rest == rest_of_pieces && str_eq(buf_str(&whole), buf_str(&pieces))));
    return 0;
}
