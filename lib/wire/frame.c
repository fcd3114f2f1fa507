/* Frame headers: twenty bytes <-> values, and the check of a header against what its receiver permits.
 * Must never accept a length before its type was found legal in the receiver's state. */
#include "wire/frame.h"

#include "base/fault.h"

static uint64_t get_le(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--)
        value = value << 8 | at[i - 1];
    return value;
}

static void put_le(uint8_t *at, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i) & 255);
}

const struct frame_permit *frame_permit_find(const struct frame_permit *permits, size_t count,
                                             uint16_t type)
{
    for (size_t i = 0; i < count; i++) {
        if (permits[i].type == type)
            return &permits[i];
    }
    return NULL;
}

static int check_header(const struct frame_header *h, const struct frame_permit *permit,
                        uint32_t state, struct fault *reterr)
{
    uint32_t max;
    if (permit == NULL)
        return fault_set(reterr, FAULT_PROTOCOL, "a frame of the unknown type %u", h->type);
    if ((permit->states & state) == 0)
        return fault_set(reterr, FAULT_PROTOCOL, "a frame %s is not legal now", permit->name);
    max = permit->length_max < FRAME_LENGTH_MAX ? permit->length_max : FRAME_LENGTH_MAX;
    if (h->length > max)
        return fault_set(reterr, FAULT_PROTOCOL, "a frame %s of %u bytes, at most %u are legal",
                         permit->name, h->length, max);
    if (h->fd_count > permit->fds_max || h->fd_count > FRAME_FDS_MAX)
        return fault_set(reterr, FAULT_PROTOCOL,
                         "a frame %s with %u file descriptors, at most %u are legal", permit->name,
                         h->fd_count, permit->fds_max);
    if (h->json_length > h->length)
        return fault_set(reterr, FAULT_PROTOCOL, "a frame %s with more JSON than it is long",
                         permit->name);
    return 0;
}

int frame_header_parse(const uint8_t bytes[FRAME_HEADER_SIZE], const struct frame_permit *permits,
                       size_t permit_count, uint32_t state, struct frame_header *ret,
                       struct fault *reterr)
{
    struct frame_header h = {
        .length = (uint32_t)get_le(bytes, 4),
        .type = (uint16_t)get_le(bytes + 4, 2),
        .fd_count = (uint16_t)get_le(bytes + 6, 2),
        .json_length = (uint32_t)get_le(bytes + 8, 4),
        .id = get_le(bytes + 12, 8),
    };
    int r = check_header(&h, frame_permit_find(permits, permit_count, h.type), state, reterr);
    if (r == 0)
        *ret = h;
    return r;
}

void frame_header_print(const struct frame_header *h, uint8_t ret[FRAME_HEADER_SIZE])
{
    put_le(ret, 4, h->length);
    put_le(ret + 4, 2, h->type);
    put_le(ret + 6, 2, h->fd_count);
    put_le(ret + 8, 4, h->json_length);
    put_le(ret + 12, 8, h->id);
}
