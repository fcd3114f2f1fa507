/* rooms: wire */
/* Heads of answers from strangers, line by line, and headers of requests from guests. */
#include "wire/http_head.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, name, value;
    struct http_answer a;
    char why[HTTP_WHY_SIZE];
    http_answer_init(&a, 4096);
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        struct str line = {rest.at, end ? (size_t)(end - rest.at) + 1 : rest.len};
        int r = http_answer_line(&a, line);
        must((r == -EINVAL) == (a.fault != NULL));
        must(r != HTTP_WHOLE ||
             (a.status >= 100 && a.status <= 599 && !(a.is_chunked && a.content_length >= 0)));
        rest = (struct str){rest.at + line.len, rest.len - line.len};
    }
    size_t at = 0, count = 0;
    while (http_answer_next(&a, &at, &name, &value)) {
        must(name.len > 0 && !memchr(value.at, '\r', value.len) &&
             !memchr(value.at, '\n', value.len));
        count++;
    }
    must(a.fault || count == a.field_count);
    http_answer_done(&a);
    struct str text = {(const char *)data, size};
    if (str_split(text, ':', &name, &value) && http_field_check(name, value, why) == 0)
        must(!memchr(value.at, '\n', value.len) && !memchr(value.at, '\r', value.len) &&
             !memchr(value.at, '\0', value.len));
    (void)http_method_is_fine(text);
    return 0;
}
