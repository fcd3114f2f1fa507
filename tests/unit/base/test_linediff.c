#include "base/linediff.h"

#include "base/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Carries the hunks out on old, as patch(1) would, and gives what comes out. */
static char *patched(const char *old, struct str hunks)
{
    struct buf out;
    buf_init(&out, 1 << 24);
    struct str rest = str_of(old), line;
    size_t at = 0; /* line of old that is next */
    while (str_split(hunks, '\n', &line, &hunks)) {
        if (line.at[0] == '@') {
            size_t from = 0, count = 1;
            int n = sscanf(line.at, "@@ -%zu,%zu", &from, &count);
            assert_true(n >= 1);
            if (n == 1)
                count = 1;
            size_t first = count == 0 ? from : from - 1;
            for (; at < first; at++) {
                struct str one;
                assert_true(str_split(rest, '\n', &one, &rest));
                buf_add_str(&out, one);
                buf_add_c(&out, '\n');
            }
            continue;
        }
        if (line.at[0] == '\\')
            continue;
        struct str text = {line.at + 1, line.len - 1};
        if (line.at[0] != '+') { /* must be what old has */
            struct str one = rest, tail = {"", 0};
            if (!str_split(rest, '\n', &one, &tail))
                tail = (struct str){"", 0};
            rest = tail;
            assert_true(str_eq(one, text));
            at++;
        }
        if (line.at[0] != '-') {
            buf_add_str(&out, text);
            bool ends = str_starts(hunks, STR("\\"));
            if (!ends)
                buf_add_c(&out, '\n');
        }
    }
    buf_add_str(&out, rest);
    char *text = buf_take(&out);
    return text ? text : strdup("");
}

static struct linediff_count check(const char *old, const char *new, size_t context)
{
    struct buf hunks;
    struct linediff_count count;
    buf_init(&hunks, 1 << 24);
    assert_int_equal(linediff_unified(str_of(old), str_of(new), context, &hunks, &count), 0);
    char *made = patched(old, buf_str(&hunks));
    if (strcmp(made, new) != 0)
        fail_msg("--- old\n%s\n--- new\n%s\n--- hunks\n%s\n--- made\n%s", old, new,
                 buf_str(&hunks).at, made);
    free(made);
    buf_done(&hunks);
    return count;
}

static void says(const char *old, const char *new, const char *wanted)
{
    struct buf hunks;
    struct linediff_count count;
    buf_init(&hunks, 1 << 20);
    assert_int_equal(linediff_unified(str_of(old), str_of(new), 1, &hunks, &count), 0);
    assert_string_equal(buf_str(&hunks).at, wanted);
    buf_done(&hunks);
}

static void the_form_is_that_of_patch(void **unused)
{
    (void)unused;
    says("a\n", "a\n", "");
    says("", "", "");
    says("", "a\n", "@@ -0,0 +1 @@\n+a\n");
    says("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n");
    says("a\nb\nc\nd\n", "a\nB\nc\nd\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    says("a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
    says("1\n2\n3\n4\n5\n6\n7\n", "x\n2\n3\n4\n5\n6\ny\n",
         "@@ -1,2 +1,2 @@\n-1\n+x\n 2\n@@ -6,2 +6,2 @@\n 6\n-7\n+y\n");
}

static void the_smallest_difference_is_found(void **unused)
{
    (void)unused;
    struct linediff_count c = check("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", 3);
    assert_int_equal(c.added + c.removed, 5); /* the known distance of Myers' own example */
    assert_false(c.is_coarse);
    c = check("a\nb\nc\n", "a\nx\ny\nb\nc\n", 3);
    assert_int_equal(c.added, 2);
    assert_int_equal(c.removed, 0);
}

static void any_two_texts_patch_into_each_other(void **unused)
{
    (void)unused;
    uint32_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[2][200];
        for (int i = 0; i < 2; i++) {
            seed = seed * 1103515245u + 12345u;
            size_t len = (seed >> 16) % 60;
            for (size_t k = 0; k < len; k++) {
                seed = seed * 1103515245u + 12345u;
                text[i][k] = "ab\n\nc"[(seed >> 16) % 5];
            }
            text[i][len] = '\0';
        }
        (void)check(text[0], text[1], (size_t)round % 4);
    }
}

static void what_differs_too_much_is_shown_as_replaced(void **unused)
{
    (void)unused;
    enum { LINES = 6000, ROOM = LINES * 10 };
    char *old = calloc(1, ROOM), *new = calloc(1, ROOM);
    for (size_t i = 0, a = 0, b = 0; i < LINES; i++) {
        a += (size_t)snprintf(old + a, ROOM - a, "o%zu\n", i);
        b += (size_t)snprintf(new + b, ROOM - b, "n%zu\n", i);
    }
    struct linediff_count c = check(old, new, 3);
    assert_true(c.is_coarse);
    assert_int_equal(c.added, LINES);
    free(old);
    free(new);
}

static void a_full_buffer_holds_whole_hunks(void **unused)
{
    (void)unused;
    struct buf hunks;
    struct linediff_count count;
    buf_init(&hunks, 40);
    assert_int_equal(linediff_unified(STR("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
                                      STR("x\n2\n3\n4\n5\n6\n7\n8\ny\n"), 1, &hunks, &count),
                     -FAULT_CAP);
    assert_true(hunks.len > 0 && str_starts(buf_str(&hunks), STR("@@ -1,2 +1,2 @@\n-1\n+x\n 2\n")));
    assert_int_equal(hunks.len, strlen("@@ -1,2 +1,2 @@\n-1\n+x\n 2\n"));
    buf_done(&hunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_that_of_patch),
        cmocka_unit_test(the_smallest_difference_is_found),
        cmocka_unit_test(any_two_texts_patch_into_each_other),
        cmocka_unit_test(what_differs_too_much_is_shown_as_replaced),
        cmocka_unit_test(a_full_buffer_holds_whole_hunks),
    };
    return cmocka_run_group_tests_name("linediff", tests, NULL, NULL);
}
