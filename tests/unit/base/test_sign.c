#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sign.h"

/* RFC 8032, section 7.1 */
static const struct {
    const char *seed, *public_key, *text, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
};

struct unpacked {
    uint8_t seed[SIGN_SEED_SIZE], public_key[SIGN_PUBLIC_SIZE], signature[SIGN_SIZE];
    char bytes[8];
    size_t len;
};

static struct unpacked unpack(size_t i)
{
    struct unpacked u;
    size_t len = strlen(vectors[i].text) / 2;
    assert_int_equal(hex_decode(str_of(vectors[i].seed), u.seed, sizeof(u.seed)), 0);
    assert_int_equal(hex_decode(str_of(vectors[i].public_key), u.public_key, 32), 0);
    assert_int_equal(hex_decode(str_of(vectors[i].signature), u.signature, 64), 0);
    assert_int_equal(hex_decode(str_of(vectors[i].text), u.bytes, len), 0);
    u.len = len;
    return u;
}

static void signatures_are_those_of_the_rfc(void **given)
{
    (void)given;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct unpacked u = unpack(i);
        struct str text = {u.bytes, u.len};
        uint8_t key[SIGN_PUBLIC_SIZE], signature[SIGN_SIZE];
        sign_public_key(u.seed, key);
        assert_memory_equal(key, u.public_key, sizeof(key));
        sign_make(u.seed, text, signature);
        assert_memory_equal(signature, u.signature, sizeof(signature));
        assert_true(sign_is_of(u.public_key, text, u.signature));
    }
}

static void no_bit_can_change(void **given)
{
    (void)given;
    struct unpacked u = unpack(1);
    struct str text = {u.bytes, u.len};
    for (size_t bit = 0; bit < 8 * SIGN_SIZE; bit++) {
        u.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sign_is_of(u.public_key, text, u.signature));
        u.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * SIGN_PUBLIC_SIZE; bit++) {
        u.public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sign_is_of(u.public_key, text, u.signature));
        u.public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_false(sign_is_of(u.public_key, STR("s"), u.signature));
    assert_false(sign_is_of(u.public_key, STR("r\n"), u.signature));
    assert_true(sign_is_of(u.public_key, STR("r"), u.signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_rfc),
        cmocka_unit_test(no_bit_can_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
