/* A diff says what changes: applying it to the first text gives the second, whatever the two are. */
#include "base/fault.h"
#include "edge/text_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_diff(const char *before, const char *after, const char *expected)
{
    struct text_diff_count count;
    auto_done(buf) struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(text_diff(str_of(before), str_of(after), &out, &count), 0);
    assert_string_equal(out.at ? out.at : "", expected);
}

static void hunks_are_those_of_a_unified_diff(void **state)
{
    (void)state;
    expect_diff("a\nb\nc\n", "a\nb\nc\n", "");
    expect_diff("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n");
    expect_diff("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n");
    expect_diff("a\nb\nc\n", "a\nX\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+X\n c\n");
    expect_diff("a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
    expect_diff(
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", "1\nX\n3\n4\n5\n6\n7\n8\n9\n10\nY\n12\n",
        "@@ -1,5 +1,5 @@\n 1\n-2\n+X\n 3\n 4\n 5\n@@ -8,5 +8,5 @@\n 8\n 9\n 10\n-11\n+Y\n 12\n");
}

/* Applies hunks that cover all of the text (small ones do, with enough changes; else what is between is copied). */
static void apply(const char *before, const char *diff, struct buf *out)
{
    const char *at = before;
    size_t line = 1;
    while (*diff) {
        size_t from, a_count, to, b_count;
        assert_int_equal(sscanf(diff, "@@ -%zu,%zu +%zu,%zu @@", &from, &a_count, &to, &b_count),
                         4);
        size_t first = a_count ? from : from + 1;
        for (; line < first; line++) {
            size_t n = strcspn(at, "\n") + 1;
            (void)buf_add(out, at, n);
            at += n;
        }
        diff = strchr(diff, '\n') + 1;
        while (*diff && *diff != '@') {
            size_t n = strcspn(diff, "\n") + 1;
            if (*diff != '+') {
                assert_memory_equal(at, diff + 1, n - 1);
                at += n - 1;
                line++;
            }
            if (*diff != '-')
                (void)buf_add(out, diff + 1, n - 1);
            diff += n;
        }
    }
    (void)buf_add_z(out, at);
}

static void applied_to_the_first_text_it_gives_the_second(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 3000; round++) {
        char a[256] = "", b[256] = "";
        size_t lines_a = (size_t)rand() % 40, lines_b = (size_t)rand() % 40;
        for (size_t i = 0; i < lines_a; i++)
            snprintf(a + 2 * i, 3, "%c\n", 'a' + rand() % 4);
        memcpy(b, a, sizeof(b));
        if (round % 3 == 0)
            b[0] = '\0';
        for (size_t i = 0; round % 3 == 0 && i < lines_b; i++)
            snprintf(b + 2 * i, 3, "%c\n", 'a' + rand() % 4);
        for (int i = 0; round % 3 && i < 4 && lines_a; i++)
            b[2 * ((size_t)rand() % lines_a)] = (char)('a' + rand() % 8);
        auto_done(buf) struct buf diff, applied;
        struct text_diff_count count;
        buf_init(&diff, 65536);
        buf_init(&applied, 65536);
        assert_int_equal(text_diff(str_of(a), str_of(b), &diff, &count), 0);
        apply(a, buf_str(&diff).at, &applied);
        assert_string_equal(buf_str(&applied).at, b);
        assert_int_equal(count.added + strlen(a) / 2 - count.removed, strlen(b) / 2);
    }
}

static void texts_without_anything_in_common_are_bounded(void **state)
{
    (void)state;
    auto_done(buf) struct buf a, b, out;
    struct text_diff_count count;
    buf_init(&a, TEXT_DIFF_BYTES_MAX * 2);
    buf_init(&b, TEXT_DIFF_BYTES_MAX * 2);
    buf_init(&out, 1000);
    for (int i = 0; i < 15000; i++) {
        assert_int_equal(buf_addf(&a, "a%d\n", i), 0);
        assert_int_equal(buf_addf(&b, "b%d\n", i), 0);
    }
    assert_int_equal(text_diff(buf_str(&a), buf_str(&b), &out, &count), 0);
    assert_true(count.is_cut && count.added == 15000 && count.removed == 15000);
    assert_true(out.len <= 1000 && out.at[out.len - 1] == '\n');
    while (a.len <= TEXT_DIFF_BYTES_MAX)
        assert_int_equal(buf_add_z(&a, "12345678901234567890123456789012345678901234567890"), 0);
    buf_reset(&out);
    assert_int_equal(text_diff(buf_str(&a), buf_str(&b), &out, &count), -FAULT_CAP);
    assert_int_equal(out.len, 0);
}

static void a_line_without_end_is_shown_by_its_head(void **state)
{
    (void)state;
    auto_done(buf) struct buf a, out;
    struct text_diff_count count;
    buf_init(&a, 65536);
    buf_init(&out, 65536);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(buf_add_c(&a, 'x'), 0);
    assert_int_equal(text_diff(STR(""), buf_str(&a), &out, &count), 0);
    assert_true(out.len < 1200 && strstr(out.at, "[4000 bytes more in this line]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hunks_are_those_of_a_unified_diff),
        cmocka_unit_test(applied_to_the_first_text_it_gives_the_second),
        cmocka_unit_test(texts_without_anything_in_common_are_bounded),
        cmocka_unit_test(a_line_without_end_is_shown_by_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
