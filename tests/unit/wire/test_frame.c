/* Frame headers: the bytes of the format page, and each reason for which a header is refused. */
#include "base/fault.h"
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct frame_permit permits[] = {
    {1, "HELLO", 100, 0, 1},
    {2, "CALL", 1000, 2, 2 | 4},
    {3, "DATA", UINT32_MAX, UINT16_MAX, 4},
};

static int parse(struct frame_header h, uint32_t state, struct frame_header *ret, struct fault *f)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    frame_header_print(&h, bytes);
    return frame_header_parse(bytes, permits, ARRAY_LEN(permits), state, ret, f);
}

static void the_bytes_are_little_endian_at_their_offsets(void **state)
{
    static const uint8_t wanted[FRAME_HEADER_SIZE] = {0x04, 0x03, 0x02, 0x01, 0x06, 0x05, 0x08,
                                                      0x07, 0x0c, 0x0b, 0x0a, 0x09, 0x14, 0x13,
                                                      0x12, 0x11, 0x10, 0x0f, 0x0e, 0x0d};
    struct frame_header h = {.length = 0x01020304,
                             .type = 0x0506,
                             .fd_count = 0x0708,
                             .json_length = 0x090a0b0c,
                             .id = 0x0d0e0f1011121314};
    uint8_t bytes[FRAME_HEADER_SIZE];
    (void)state;
    frame_header_print(&h, bytes);
    assert_memory_equal(bytes, wanted, sizeof(bytes));
}

static void a_permitted_header_comes_back_as_it_was(void **state)
{
    struct frame_header h = {
        .length = 1000, .type = 2, .fd_count = 2, .json_length = 1000, .id = UINT64_MAX};
    struct frame_header back;
    struct fault f = {0};
    (void)state;
    assert_int_equal(parse(h, 2, &back, &f), 0);
    assert_true(h.length == back.length && h.json_length == back.json_length && h.id == back.id);
    assert_true(h.type == back.type && h.fd_count == back.fd_count);
    assert_int_equal(parse(h, 4, &back, &f), 0);
    h = (struct frame_header){.type = 1};
    assert_int_equal(parse(h, 1, &back, NULL), 0);
}

static void refused(struct frame_header h, uint32_t state, const char *reason)
{
    struct frame_header back = {.id = 77};
    struct fault f = {0};
    assert_int_equal(parse(h, state, &back, &f), -FAULT_PROTOCOL);
    assert_string_equal(f.text, reason);
    assert_int_equal(back.id, 77);
}

static void each_reason_for_a_refusal_is_named(void **state)
{
    (void)state;
    refused((struct frame_header){.type = 9}, 1, "a frame of the unknown type 9");
    refused((struct frame_header){.type = 0}, UINT32_MAX, "a frame of the unknown type 0");
    refused((struct frame_header){.type = 1}, 2, "a frame HELLO is not legal now");
    refused((struct frame_header){.type = 1}, 0, "a frame HELLO is not legal now");
    refused((struct frame_header){.type = 1, .length = 101}, 1,
            "a frame HELLO of 101 bytes, at most 100 are legal");
    refused((struct frame_header){.type = 2, .fd_count = 3}, 2,
            "a frame CALL with 3 file descriptors, at most 2 are legal");
    refused((struct frame_header){.type = 2, .length = 10, .json_length = 11}, 2,
            "a frame CALL with more JSON than it is long");
}

static void no_permit_goes_above_the_format_s_own_limits(void **state)
{
    struct frame_header back;
    (void)state;
    assert_int_equal(
        parse((struct frame_header){.type = 3, .length = FRAME_LENGTH_MAX}, 4, &back, NULL), 0);
    assert_int_equal(
        parse((struct frame_header){.type = 3, .length = FRAME_LENGTH_MAX + 1}, 4, &back, NULL),
        -FAULT_PROTOCOL);
    assert_int_equal(
        parse((struct frame_header){.type = 3, .fd_count = FRAME_FDS_MAX}, 4, &back, NULL), 0);
    assert_int_equal(
        parse((struct frame_header){.type = 3, .fd_count = FRAME_FDS_MAX + 1}, 4, &back, NULL),
        -FAULT_PROTOCOL);
    assert_null(frame_permit_find(permits, 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_little_endian_at_their_offsets),
        cmocka_unit_test(a_permitted_header_comes_back_as_it_was),
        cmocka_unit_test(each_reason_for_a_refusal_is_named),
        cmocka_unit_test(no_permit_goes_above_the_format_s_own_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
