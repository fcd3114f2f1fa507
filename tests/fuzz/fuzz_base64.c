/* rooms: wire base */
/* What decodes has exactly one text; what is encoded decodes to itself. */
#include "base/fault.h"
#include "wire/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct buf one, two;
    buf_init(&one, SIZE_MAX);
    buf_init(&two, SIZE_MAX);
    int r = base64_decode(s, &one);
    must(r == 0 || (r == -FAULT_INPUT && one.len == 0));
    if (r == 0) {
        must(base64_encode(buf_str(&one), &two) == 0);
        must(str_eq(buf_str(&two), s));
    }
    buf_reset(&one);
    buf_reset(&two);
    must(base64_encode(s, &one) == 0 && one.len == (size + 2) / 3 * 4);
    must(base64_decode(buf_str(&one), &two) == 0);
    must(str_eq(buf_str(&two), s));
    buf_done(&one);
    buf_done(&two);
    return 0;
}
