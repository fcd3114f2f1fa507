/* The name under which a filter stands in receipts: SHA-256 of its bytes (FIPS 180-4). Written
 * out here because the digests of base come with libcrypto, whose loading costs a worker more
 * time and memory than all the rest of its start. It names a public thing and protects nothing;
 * the test holds it against base. */
#include "base/str.h"
#include "sandbox/jail/facets.h"

#include <string.h>

_Static_assert(sizeof(struct os_seccomp_insn) == 8, "no padding may enter the hash");

enum { BLOCK = 64 };

static uint32_t turn(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[BLOCK] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void digest_block(uint32_t state[8], const uint8_t block[BLOCK])
{
    uint32_t w[BLOCK], s[8];
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *b = block + 4 * (size_t)i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (unsigned i = 16; i < BLOCK; i++) {
        uint32_t low = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t high = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    memcpy(s, state, sizeof(s));
    /* Each round names what the last one called s[k] s[k + 1]: instead of moving them, the names turn. 64 is a multiple
     * of 8, so that at the end each has its own again. */
#define S(k) s[((k) + BLOCK - i) % 8]
    for (unsigned i = 0; i < BLOCK; i++) {
        uint32_t e = S(4), a = S(0);
        uint32_t choice = (e & S(5)) ^ (~e & S(6));
        uint32_t majority = (a & S(1)) ^ (a & S(2)) ^ (S(1) & S(2));
        uint32_t one =
            S(7) + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + round_constants[i] + w[i];
        uint32_t two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
        S(3) += one;
        S(7) = one + two;
    }
#undef S
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

/* The last one or two blocks: the rest of the message, a 1 bit, zeros, the length in bits. */
static void digest_end(uint32_t state[8], const uint8_t *rest, size_t rest_len, size_t len)
{
    uint8_t last[2 * BLOCK] = {0};
    size_t size = rest_len + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    memcpy(last, rest, rest_len);
    last[rest_len] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        last[size - 1 - i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
    for (size_t at = 0; at < size; at += BLOCK)
        digest_block(state, last + at);
}

void jail_fingerprint(const struct os_seccomp_program *program, char ret[80])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint8_t *bytes = (const uint8_t *)program->at;
    size_t len = program->count * sizeof(program->at[0]);
    size_t whole = len - len % BLOCK;
    for (size_t at = 0; at < whole; at += BLOCK)
        digest_block(state, bytes + at);
    digest_end(state, bytes + whole, len - whole, len);

    uint8_t digest[32];
    for (unsigned i = 0; i < 32; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    memcpy(ret, "sha256:", 7);
    hex_encode(digest, sizeof(digest), ret + 7);
}
