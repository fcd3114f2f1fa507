/* A guest's memory, and the numbers that its calls answer with: what every host function of ours needs, WASI's or not. A
 * pointer of a guest is a number until guest_at() has held it against the memory; the memory does not move or change
 * during a host call (no threads, no shared memory), so checking once is enough. */
#pragma once

#include "base/base.h"

#include <assert.h>
#include <string.h>

struct wasi_memory {
    uint8_t *base;
    uint64_t size; /* bytes */
};

static inline must_use uint8_t *guest_at(struct wasi_memory m, uint32_t at, uint64_t len)
{
    if (m.base == NULL || at > m.size || len > m.size - at)
        return NULL;
    return m.base + at;
}
static inline must_use uint8_t *guest_array(struct wasi_memory m, uint32_t at, uint32_t count,
                                            uint32_t item)
{
    return guest_at(m, at, (uint64_t)count * item);
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is little endian");
static inline void put_u8(uint8_t *at, uint8_t v)
{
    *at = v;
}
static inline void put_u16(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, sizeof(v));
}
static inline void put_u32(uint8_t *at, uint32_t v)
{
    memcpy(at, &v, sizeof(v));
}
static inline void put_u64(uint8_t *at, uint64_t v)
{
    memcpy(at, &v, sizeof(v));
}
static inline uint16_t get_u16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}
static inline uint32_t get_u32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}
static inline uint64_t get_u64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

/* A refusal that no errno of the host means: becomes ENOTCAPABLE. */
enum { WASI_NOTCAPABLE = 3001 };
/* r <= 0: -errno or -WASI_NOTCAPABLE -> number of preview 1. What the standard has no number for becomes EIO. */
uint32_t wasi_errno(int r);
