/* rooms: wire base */
/* A header that is accepted is within its permit and prints to the bytes it was read from. */
#include "base/fault.h"
#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct frame_permit permits[] = {{1, "HELLO", 64, 0, 1},
                                                  {2, "CALL", 1 << 20, 2, 2 | 4},
                                                  {0x0102, "DATA", UINT32_MAX, 99, 4}};
    uint8_t again[FRAME_HEADER_SIZE];
    if (size < FRAME_HEADER_SIZE)
        return 0;
    for (uint32_t state = 1; state <= 4; state <<= 1) {
        struct frame_header h;
        struct fault f = {0};
        int r = frame_header_parse(data, permits, ARRAY_LEN(permits), state, &h, &f);
        must(r == 0 || (r == -FAULT_PROTOCOL && f.text[0] != '\0'));
        if (r != 0)
            continue;
        const struct frame_permit *p = frame_permit_find(permits, ARRAY_LEN(permits), h.type);
        must(p != NULL && (p->states & state) != 0);
        must(h.length <= p->length_max && h.length <= FRAME_LENGTH_MAX);
        must(h.json_length <= h.length);
        must(h.fd_count <= p->fds_max && h.fd_count <= FRAME_FDS_MAX);
        frame_header_print(&h, again);
        must(memcmp(data, again, sizeof(again)) == 0);
    }
    return 0;
}
