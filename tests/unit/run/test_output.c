/* Output kept head and tail, against a plain model: everything written, cut afterwards. */
#include "base/str.h"
#include "sandbox/run/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char text[4096];

static void collect(int64_t cap, size_t out_len, size_t err_len, size_t piece, struct buf *out,
                    struct buf *err, bool *cut)
{
    struct output o;
    output_init(&o, cap, NULL, NULL);
    const size_t lens[] = {out_len, err_len};
    for (int s = 0; s < 2; s++)
        for (size_t at = 0; at < lens[s]; at += piece) {
            size_t n = lens[s] - at < piece ? lens[s] - at : piece;
            assert_int_equal(output_add(&o, s + 1, (struct str){text + at, n}), 0);
        }
    assert_int_equal(output_total(&o), out_len + err_len);
    assert_int_equal(output_finish(&o, out, err), 0);
    *cut = o.is_cut;
    output_done(&o);
}

static void assert_kept(struct str kept, size_t written)
{
    if (kept.len == written && memcmp(kept.at, text, written) == 0)
        return;
    /* head, mark, tail; or a head alone where no mark has room */
    const char *mark = memmem(kept.at, kept.len, "\n[... ", 6);
    size_t head = mark ? (size_t)(mark - kept.at) : kept.len;
    assert_memory_equal(kept.at, text, head);
    if (!mark)
        return;
    const char *end = memmem(mark, kept.len - head, " ...]\n", 6);
    assert_non_null(end);
    size_t tail = kept.len - (size_t)(end + 6 - kept.at);
    assert_memory_equal(end + 6, text + written - tail, tail);
    assert_true(tail >= head && tail <= head + 1);
}

static void any_length_in_any_pieces_keeps_head_and_tail(void **state)
{
    (void)state;
    static const int64_t caps[] = {0, 1, 2, 7, 100, 101, 300, 1000, 5000};
    static const size_t pieces[] = {1, 3, 64, 1000, 4096};
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * 7 % 26);
    for (size_t c = 0; c < ARRAY_LEN(caps); c++)
        for (size_t p = 0; p < ARRAY_LEN(pieces); p++)
            for (size_t out_len = 0; out_len < 2100; out_len += 1 + out_len / 3)
                for (size_t err_len = 0; err_len < 700; err_len += 1 + err_len) {
                    auto_done(buf) struct buf out, err;
                    bool cut;
                    buf_init(&out, 8192);
                    buf_init(&err, 8192);
                    collect(caps[c], out_len, err_len, pieces[p], &out, &err, &cut);
                    assert_true(out.len + err.len <= (size_t)caps[c]);
                    assert_int_equal(cut, out_len + err_len > (size_t)caps[c]);
                    assert_kept(buf_str(&out), out_len);
                    assert_kept(buf_str(&err), err_len);
                }
}

static void a_cut_never_goes_through_a_character(void **state)
{
    (void)state;
    for (size_t i = 0; i + 4 <= sizeof text; i += 4)
        memcpy(text + i, "\xf0\x9f\x8c\x8d", 4);
    for (int64_t cap = 100; cap < 200; cap++) {
        auto_done(buf) struct buf out, err;
        bool cut;
        buf_init(&out, 8192);
        buf_init(&err, 8192);
        collect(cap, 4096, 0, 4096, &out, &err, &cut);
        assert_true(cut && out.len > 60);
        assert_true(utf8_valid(buf_str(&out)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_in_any_pieces_keeps_head_and_tail),
        cmocka_unit_test(a_cut_never_goes_through_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
