#include "scratch.h"

#include "host/public_key.h"

#define HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
/* what `openssl pkey -pubout` prints for the same key */
#define PEM                                                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                               \
    "-----END PUBLIC KEY-----\n"

static void a_key_is_read_in_both_forms(void **given)
{
    static const char *const texts[] = {HEX, "  " HEX "\n", PEM, "\n" PEM "\n\n"};
    uint8_t wanted[SIGN_PUBLIC_SIZE], key[SIGN_PUBLIC_SIZE];
    (void)given;
    assert_int_equal(hex_decode(STR(HEX), wanted, sizeof(wanted)), 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        memset(key, 0, sizeof(key));
        assert_ok(public_key_parse(str_of(texts[i]), key, &scratch_fault));
        assert_memory_equal(key, wanted, sizeof(key));
    }
    struct buf pem;
    buf_init(&pem, 512);
    assert_int_equal(public_key_print_pem(wanted, &pem), 0);
    assert_string_equal(pem.at, PEM);
    buf_done(&pem);
}

static void what_is_no_key_is_refused_with_a_sentence(void **given)
{
    static const char *const texts[] = {
        "",
        "x",
        HEX "0",
        "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
        /* one byte less; X25519; a private key */
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ==\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----",
    };
    uint8_t key[SIGN_PUBLIC_SIZE];
    (void)given;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct fault fault = {0};
        if (public_key_parse(str_of(texts[i]), key, &fault) != -FAULT_INPUT || !*fault.text ||
            !*fault.next)
            fail_msg("taken: %s", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_in_both_forms),
        cmocka_unit_test(what_is_no_key_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
