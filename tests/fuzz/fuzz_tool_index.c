/* rooms: tools base */
/* The index of tools behind its MAC: with a right MAC, whatever the records are, they lie within the bytes or the whole is refused. */
#include "base/base.h"
#include "base/buf.h"
#include "base/digest.h"
#include "tools/tool_index.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[32] = {7};
    struct {
        char magic[8];
        uint32_t count, reserved;
        uint64_t length;
        struct digest mac;
    } head = {.magic = {'B', 'X', 'T', 'O', 'O', 'L', 'S', '1'}};
    auto_(tool_index) struct tool_index *x = NULL;
    auto_done(buf) struct buf bytes;
    if (size < 2 || tool_index_open("/nonexistent", key, &x) < 0)
        return 0;
    buf_init(&bytes, (size_t)1 << 24);
    head.count = data[0];
    head.length = size - 1;
    digest_hmac(key, sizeof key, data + 1, size - 1, &head.mac);
    if (buf_add(&bytes, &head, sizeof head) < 0 || buf_add(&bytes, data + 1, size - 1) < 0)
        return 0;
    if (tool_index_read(x, buf_str(&bytes)) != 0)
        return 0;
    struct tool_known known;
    const struct file_mark mark = {0};
    if (tool_index_find(x, "", &mark, &known))
        must(known.manifest.at >= bytes.at &&
             known.manifest.at + known.manifest.len <= bytes.at + bytes.len);
    return 0;
}
