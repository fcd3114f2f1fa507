/* The buffer's promises: its maximum, its sticky error, its NUL, what survives a failed append. */
#include "base/buf.h"
#include "base/fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_new_buffer_has_no_memory_and_reads_as_empty(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 10);
    assert_null(b.at);
    assert_string_equal(buf_str(&b).at, "");
    assert_int_equal(buf_str(&b).len, 0);
    buf_done(&b);
}

static void it_takes_max_bytes_and_not_one_more(void **state)
{
    (void)state;
    for (size_t max = 0; max < 200; max++) {
        struct buf b;
        char bytes[201];
        memset(bytes, 'x', sizeof(bytes));
        buf_init(&b, max);
        if (max > 0) {
            assert_int_equal(buf_add(&b, bytes, max - 1), 0);
            assert_int_equal(buf_add_c(&b, 'y'), 0);
        }
        assert_int_equal(b.len, max);
        assert_int_equal(buf_add_c(&b, 'z'), -FAULT_CAP);
        assert_int_equal(b.len, max);
        if (b.at != NULL)
            assert_int_equal(b.at[b.len], '\0');
        buf_reset(&b);
        assert_int_equal(buf_add(&b, bytes, max), 0);
        buf_reset(&b);
        assert_int_equal(buf_add(&b, bytes, max + 1), -FAULT_CAP);
        assert_int_equal(b.len, 0);
        buf_done(&b);
    }
}

static void an_error_sticks_until_it_is_reset(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 4);
    buf_add_z(&b, "abc");
    assert_int_equal(buf_add_z(&b, "de"), -FAULT_CAP);
    assert_int_equal(buf_add_c(&b, 'd'), -FAULT_CAP);
    assert_int_equal(buf_addf(&b, "%d", 1), -FAULT_CAP);
    assert_int_equal(buf_reserve(&b, 0), -FAULT_CAP);
    assert_int_equal(buf_error(&b), -FAULT_CAP);
    assert_string_equal(b.at, "abc");
    assert_null(buf_take(&b));
    buf_reset(&b);
    assert_int_equal(buf_add_c(&b, 'd'), 0);
    assert_string_equal(b.at, "d");
    buf_done(&b);
}

static void a_size_that_wraps_is_refused(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, SIZE_MAX);
    assert_int_equal(buf_add_c(&b, 'x'), 0);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -FAULT_CAP);
    buf_reset(&b);
    assert_int_equal(buf_reserve(&b, SIZE_MAX / 2 + 1), -FAULT_CAP);
    buf_done(&b);
}

static void printed_text_is_whole_at_every_length(void **state)
{
    struct buf b;
    char text[600];
    (void)state;
    buf_init(&b, 1000);
    for (size_t len = 0; len < sizeof(text); len++) {
        memset(text, 'a', len);
        text[len] = '\0';
        buf_reset(&b);
        assert_int_equal(buf_addf(&b, "<%s>", text), 0);
        assert_int_equal(b.len, len + 2);
        assert_int_equal(strlen(b.at), len + 2);
        assert_int_equal(b.at[len + 1], '>');
    }
    buf_done(&b);
}

static void dropping_the_front_keeps_the_rest(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    buf_drop_front(&b, 0);
    buf_add_z(&b, "hello world");
    buf_drop_front(&b, 6);
    assert_string_equal(b.at, "world");
    buf_drop_front(&b, 5);
    assert_string_equal(b.at, "");
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void inserting_moves_what_stands_behind(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 12);
    assert_int_equal(buf_insert(&b, 0, STR("world")), 0);
    assert_int_equal(buf_insert(&b, 0, STR("hello")), 0);
    assert_int_equal(buf_insert(&b, 5, STR(" ")), 0);
    assert_int_equal(buf_insert(&b, 11, STR("!")), 0);
    assert_string_equal(b.at, "hello world!");
    assert_int_equal(buf_insert(&b, 3, STR("")), 0);
    assert_int_equal(buf_insert(&b, 3, STR("x")), -FAULT_CAP);
    assert_string_equal(b.at, "hello world!");
    buf_done(&b);
}

static void taking_hands_over_the_text_and_leaves_it_usable(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    buf_add_z(&b, "text");
    char *text = buf_take(&b);
    assert_string_equal(text, "text");
    assert_null(b.at);
    assert_int_equal(b.max, 100);
    assert_int_equal(buf_add_z(&b, "more"), 0);
    buf_done(&b);
    assert_int_equal(b.max, 100);
    free(text);
    free(empty);
}

static void taking_moves_a_pointer_out_of_its_place(void **state)
{
    (void)state;
    auto_free char *text = str_dup(STR("abc"));
    char *taken = take(text);
    assert_null(text);
    assert_string_equal(taken, "abc");
    free(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_has_no_memory_and_reads_as_empty),
        cmocka_unit_test(it_takes_max_bytes_and_not_one_more),
        cmocka_unit_test(an_error_sticks_until_it_is_reset),
        cmocka_unit_test(a_size_that_wraps_is_refused),
        cmocka_unit_test(printed_text_is_whole_at_every_length),
        cmocka_unit_test(dropping_the_front_keeps_the_rest),
        cmocka_unit_test(inserting_moves_what_stands_behind),
        cmocka_unit_test(taking_hands_over_the_text_and_leaves_it_usable),
        cmocka_unit_test(taking_moves_a_pointer_out_of_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
