/* Base64: the vectors of RFC 4648, every byte both ways, and one text only for one value. */
#include "base/fault.h"
#include "wire/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_vectors_of_the_standard(void **state)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\xFB\xFF\xFE", "+//+"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text, back;
        buf_init(&text, 100);
        buf_init(&back, 100);
        assert_int_equal(base64_encode(str_of(rows[i][0]), &text), 0);
        assert_string_equal(buf_str(&text).at, rows[i][1]);
        assert_int_equal(base64_decode(buf_str(&text), &back), 0);
        assert_string_equal(buf_str(&back).at, rows[i][0]);
        buf_done(&text);
        buf_done(&back);
    }
}

static void all_lengths_and_bytes_come_back(void **state)
{
    unsigned char bytes[300];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct buf text, back;
        struct str in = {(const char *)bytes, len};
        buf_init(&text, (len + 2) / 3 * 4);
        buf_init(&back, (len + 2) / 3 * 3);
        assert_int_equal(base64_encode(in, &text), 0);
        assert_int_equal(base64_decode(buf_str(&text), &back), 0);
        assert_true(str_eq(buf_str(&back), in));
        buf_done(&text);
        buf_done(&back);
    }
}

static void a_second_way_to_write_a_value_is_refused(void **state)
{
    static const char *const wrong[] = {
        "Z",        "Zg",     "Zg=",   "Zg===", "=",    "====", "Z===", "Zh==", "Zm9=",    "Zm8",
        "Zg==Zg==", "Zm9v\n", " Zg==", "Zm 9v", "Zm9-", "Zm9_", "Zg=a", "=g==", "Zm9vZ=9v"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct buf out;
        buf_init(&out, 100);
        buf_add_z(&out, "kept");
        if (base64_decode(str_of(wrong[i]), &out) != -FAULT_INPUT)
            fail_msg("accepted: %s", wrong[i]);
        assert_string_equal(out.at, "kept");
        assert_int_equal(out.len, 4);
        buf_done(&out);
    }
    /* Exactly one of the 64 * 64 groups of two digits decodes to each byte. */
    int count = 0;
    for (int a = 33; a < 127; a++) {
        for (int b = 33; b < 127; b++) {
            char text[5] = {(char)a, (char)b, '=', '=', '\0'};
            struct buf out;
            buf_init(&out, 100);
            count += base64_decode(str_of(text), &out) == 0 && out.len == 1;
            buf_done(&out);
        }
    }
    assert_int_equal(count, 256);
}

static void the_buffer_limit_holds(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 3);
    assert_int_equal(base64_encode(STR("f"), &out), -FAULT_CAP);
    buf_reset(&out);
    assert_int_equal(base64_decode(STR("Zm9v"), &out), 0);
    assert_int_equal(base64_decode(STR("Zm9v"), &out), -FAULT_CAP);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_standard),
        cmocka_unit_test(all_lengths_and_bytes_come_back),
        cmocka_unit_test(a_second_way_to_write_a_value_is_refused),
        cmocka_unit_test(the_buffer_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
