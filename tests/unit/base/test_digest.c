/* SHA-256 and HMAC against the vectors of their standards (FIPS 180-4, RFC 4231). */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct digest *d, const char *hex)
{
    char text[DIGEST_HEX_SIZE];
    digest_hex(d, text);
    assert_string_equal(text, hex);
}

static void sha256_matches_the_standard(void **state)
{
    struct digest d;
    (void)state;
    digest_start();
    digest_sha256("", 0, &d);
    expect(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256(NULL, 0, &d);
    expect(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256("abc", 3, &d);
    expect(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, &d);
    expect(&d, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_stream_cut_anywhere_gives_the_same(void **state)
{
    struct digest whole, parts;
    char bytes[150];
    (void)state;
    memset(bytes, 'q', sizeof(bytes));
    digest_sha256(bytes, sizeof(bytes), &whole);
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        auto_(digest_stream) struct digest_stream *s = digest_stream_new();
        assert_non_null(s);
        digest_stream_add(s, bytes, cut);
        digest_sha256("between", 7, &parts); /* the one-shot form does not disturb a stream */
        digest_stream_add(s, bytes + cut, sizeof(bytes) - cut);
        digest_stream_end(s, &parts);
        assert_memory_equal(&whole, &parts, sizeof(whole));
    }
    digest_stream_free(NULL);
}

static void hmac_matches_the_standard(void **state)
{
    struct digest d;
    unsigned char key[131], data[152];
    (void)state;
    memset(key, 0x0b, 20);
    digest_hmac(key, 20, "Hi There", 8, &d);
    expect(&d, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac("Jefe", 4, "what do ya want for nothing?", 28, &d);
    expect(&d, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 20);
    memset(data, 0xdd, 50);
    digest_hmac(key, 20, data, 50, &d);
    expect(&d, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    memset(key, 0xaa, 131);
    digest_hmac(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54, &d);
    expect(&d, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_hmac(NULL, 0, NULL, 0, &d);
    expect(&d, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_the_standard),
        cmocka_unit_test(a_stream_cut_anywhere_gives_the_same),
        cmocka_unit_test(hmac_matches_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
