/* See bytes.h. One body for both machines: a block is 16 bytes, and a mask has one bit for each of them. */
#include "bytes.h"

#include <stdint.h>
#include <string.h>

enum { BLOCK = 16 };

#ifdef __wasm_simd128__
#include <wasm_simd128.h>

typedef v128_t block;

static block load(const char *at)
{
    return wasm_v128_load(at);
}

static block fill(char byte)
{
    return wasm_i8x16_splat((int8_t)byte);
}

static unsigned same(block a, block b)
{
    return wasm_i8x16_bitmask(wasm_i8x16_eq(a, b));
}

static bool any_same(block a, block b)
{
    return wasm_v128_any_true(wasm_i8x16_eq(a, b));
}

static bool has_high(block a)
{
    return wasm_i8x16_bitmask(a) != 0;
}
#else
typedef struct {
    char at[BLOCK];
} block;

static block load(const char *at)
{
    block b;

    memcpy(b.at, at, BLOCK);
    return b;
}

static block fill(char byte)
{
    block b;

    memset(b.at, byte, BLOCK);
    return b;
}

static unsigned same(block a, block b)
{
    unsigned mask = 0;

    for (unsigned i = 0; i < BLOCK; i++)
        mask |= (unsigned)(a.at[i] == b.at[i]) << i;
    return mask;
}

static bool any_same(block a, block b)
{
    return same(a, b) != 0;
}

static bool has_high(block a)
{
    bool is_high = false;

    for (unsigned i = 0; i < BLOCK; i++)
        is_high = is_high || ((unsigned char)a.at[i] & 0x80) != 0;
    return is_high;
}
#endif

size_t bytes_find(const char *at, size_t len, char byte)
{
    const block wanted = fill(byte);
    size_t i = 0;

    for (; len - i >= BLOCK; i += BLOCK) {
        block here = load(at + i);

        if (any_same(here, wanted))
            return i + (size_t)__builtin_ctz(same(here, wanted));
    }
    for (; i < len; i++)
        if (at[i] == byte)
            return i;
    return SIZE_MAX;
}

size_t bytes_count(const char *at, size_t len, char byte)
{
    const block wanted = fill(byte);
    size_t count = 0;
    size_t i = 0;

    for (; len - i >= BLOCK; i += BLOCK)
        count += (size_t)__builtin_popcount(same(load(at + i), wanted));
    for (; i < len; i++)
        count += at[i] == byte;
    return count;
}

/* Places where the first and the last byte of the needle stand at the right distance are looked at whole; in text there are
 * few others. */
size_t bytes_find_text(const char *at, size_t len, const char *needle, size_t needle_len)
{
    const block first = fill(needle_len > 0 ? needle[0] : 0);
    const block last = fill(needle_len > 0 ? needle[needle_len - 1] : 0);
    size_t i = 0;
    size_t places;

    if (needle_len == 0 || needle_len > len)
        return SIZE_MAX;
    places = len - needle_len + 1;
    for (; places - i >= BLOCK; i += BLOCK) {
        block here = load(at + i);
        unsigned mask;

        if (!any_same(here, first))
            continue;
        mask = same(here, first) & same(load(at + i + needle_len - 1), last);
        for (; mask != 0; mask &= mask - 1) {
            size_t place = i + (size_t)__builtin_ctz(mask);

            if (memcmp(at + place, needle, needle_len) == 0)
                return place;
        }
    }
    for (; i < places; i++)
        if (at[i] == needle[0] && memcmp(at + i, needle, needle_len) == 0)
            return i;
    return SIZE_MAX;
}

size_t bytes_ascii(const char *at, size_t len)
{
    size_t i = 0;

    while (len - i >= BLOCK && !has_high(load(at + i)))
        i += BLOCK;
    return i;
}
