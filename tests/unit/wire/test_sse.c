/* Server-sent events: the standard's examples, every split of them, and the limits. */
#include "base/fault.h"
#include "wire/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Events as one text: [type|data] each. */
static int collect(struct str event, struct str data, void *arg)
{
    struct buf *out = arg;
    buf_add_c(out, '[');
    buf_add_str(out, event);
    buf_add_c(out, '|');
    buf_add_str(out, data);
    return buf_add_c(out, ']');
}

/* All ways to cut the text in two, and byte by byte, give the wanted events. */
static void gives(struct str text, const char *wanted, bool wanted_rest)
{
    for (size_t cut = 0; cut <= text.len + 1; cut++) {
        struct sse s;
        struct buf out;
        sse_init(&s, 1000);
        buf_init(&out, 10000);
        if (cut <= text.len) {
            assert_int_equal(sse_feed(&s, (struct str){text.at, cut}, collect, &out), 0);
            assert_int_equal(
                sse_feed(&s, (struct str){text.at + cut, text.len - cut}, collect, &out), 0);
        } else {
            for (size_t i = 0; i < text.len; i++)
                assert_int_equal(sse_feed(&s, (struct str){text.at + i, 1}, collect, &out), 0);
        }
        assert_string_equal(buf_str(&out).at, wanted);
        assert_int_equal(sse_end(&s), wanted_rest);
        assert_false(sse_end(&s));
        sse_done(&s);
        buf_done(&out);
    }
}

static void the_examples_of_the_standard(void **state)
{
    (void)state;
    gives(STR("data: YHOO\ndata: +2\ndata: 10\n\n"), "[|YHOO\n+2\n10]", false);
    gives(
        STR(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"),
        "[|first event][|second event]", true);
    gives(STR("data\n\ndata\ndata\n\ndata:"), "[|][|\n]", true);
    gives(STR("data:test\n\ndata: test\n\n"), "[|test][|test]", false);
    gives(STR("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n"),
          "[add|73857293][remove|2153]", false);
}

static void every_line_end_counts_once(void **state)
{
    (void)state;
    gives(STR("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), "[|a][|b][|c]", false);
    gives(STR("data: a\r\ndata: b\rdata: c\ndata: d\r\n\r\n"), "[|a\nb\nc\nd]", false);
    gives(STR("data: a\n\r\ndata: b\n\r"), "[|a][|b]", false);
    gives(STR("\r\n\r\n\n\n\r\r"), "", false);
}

static void a_mark_at_the_start_is_skipped_once(void **state)
{
    (void)state;
    gives(STR("\xEF\xBB\xBF"
              "data: a\n\n"),
          "[|a]", false);
    gives(STR("\xEF\xBB\xBF\xEF\xBB\xBF"
              "data: a\n\n"),
          "", false);
    gives(STR("data: a\n\n\xEF\xBB\xBF"
              "data: b\n\n"),
          "[|a]", false);
    gives(STR("\xEF\xBB\xBF\ndata: a\n\n"), "[|a]", false);
}

static void fields_are_taken_by_exact_name(void **state)
{
    (void)state;
    gives(STR("Data: a\ndata : b\n data: c\ndatax: d\n\n"), "", false);
    gives(STR("data: a\nid: 7\nretry: 10\nunknown: x\nunknown\n: c\n\n"), "[|a]", false);
    gives(STR("event: one\nevent: two\ndata: a\n\ndata: b\n\n"), "[two|a][|b]", false);
    gives(STR("event: lost\n\ndata: b\n\n"), "[|b]", false);
    gives(STR("data:a:b: c\n\ndata:\tx\n\n"), "[|a:b: c][|\tx]", false);
    gives(STR("event: x"), "", true);
    gives(STR("data: x\n"), "", true);
}

static void bytes_are_handed_on_as_they_came(void **state)
{
    (void)state;
    gives((struct str){"data: \xFF\x80\x01\n\n", 11}, "[|\xFF\x80\x01]", false);
}

static int count_only(struct str event, struct str data, void *arg)
{
    (void)event;
    (void)data;
    ++*(int *)arg;
    return 0;
}

static void an_event_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
    char line[40];
    (void)state;
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        for (size_t len = 15; len <= 17; len++) { /* a line of len bytes, against 16 */
            struct sse s;
            int count = 0, r = 0;
            memset(line, 'x', sizeof(line));
            memcpy(line, "data:", 5);
            line[len] = line[len + 1] = '\n';
            sse_init(&s, 16);
            if (is_whole)
                r = sse_feed(&s, (struct str){line, len + 2}, count_only, &count);
            for (size_t i = 0; !is_whole && r == 0 && i < len + 2; i++)
                r = sse_feed(&s, (struct str){line + i, 1}, count_only, &count);
            assert_int_equal(r, len <= 16 ? 0 : -FAULT_CAP);
            assert_int_equal(count, len <= 16 ? 1 : 0);
            if (r < 0)
                assert_int_equal(sse_feed(&s, STR("\n\n"), count_only, &count), -FAULT_CAP);
            sse_done(&s);
        }
    }
}

static void many_lines_of_one_event_add_up(void **state)
{
    struct sse s;
    int count = 0;
    (void)state;
    sse_init(&s, 12);
    assert_int_equal(sse_feed(&s, STR("data:aaaaa\ndata:aaaaaa\n\n"), count_only, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(sse_feed(&s, STR("data:aaaaaa\ndata:aaaaaa\n\n"), count_only, &count),
                     -FAULT_CAP);
    assert_int_equal(sse_feed(&s, STR("data:a\n\n"), count_only, &count), -FAULT_CAP);
    assert_int_equal(count, 1);
    sse_done(&s);
    sse_init(&s, 8);
    for (int i = 0; i < 1000; i++) /* comments for ever are no event */
        assert_int_equal(sse_feed(&s, STR(": ping\n\n"), count_only, &count), 0);
    sse_done(&s);
}

static int stop_at_once(struct str event, struct str data, void *arg)
{
    (void)event;
    (void)data;
    ++*(int *)arg;
    return 42;
}

static void the_callback_can_stop(void **state)
{
    struct sse s;
    int count = 0;
    (void)state;
    sse_init(&s, 100);
    assert_int_equal(sse_feed(&s, STR("data:a\n\ndata:b\n\n"), stop_at_once, &count), 42);
    assert_int_equal(count, 1);
    assert_int_equal(sse_feed(&s, STR("data:c\n\n"), count_only, &count), 0);
    assert_int_equal(count, 2);
    sse_done(&s);
}

static uint64_t seed = 7;
static size_t noise(size_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % below;
}

static void random_streams_give_the_same_events_for_random_splits(void **state)
{
    static const char *const pieces[] = {"data",         "event",   ":", " ",    "\n",
                                         "\r",           "\r\n",    "x", "\n\n", "data: y\n",
                                         "\xEF\xBB\xBF", "id: 1\n", ""};
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct buf text, one, other;
        struct sse s;
        buf_init(&text, 10000);
        buf_init(&one, 10000);
        buf_init(&other, 10000);
        for (size_t n = noise(30); n > 0; n--)
            buf_add_z(&text, pieces[noise(ARRAY_LEN(pieces))]);
        sse_init(&s, 100000);
        assert_int_equal(sse_feed(&s, buf_str(&text), collect, &one), 0);
        bool one_rest = sse_end(&s);
        for (size_t at = 0; at < text.len;) {
            size_t n = 1 + noise(4);
            n = n < text.len - at ? n : text.len - at;
            assert_int_equal(sse_feed(&s, (struct str){text.at + at, n}, collect, &other), 0);
            at += n;
        }
        assert_int_equal(sse_end(&s), one_rest);
        assert_string_equal(buf_str(&one).at, buf_str(&other).at);
        sse_done(&s);
        buf_done(&text);
        buf_done(&one);
        buf_done(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard),
        cmocka_unit_test(every_line_end_counts_once),
        cmocka_unit_test(a_mark_at_the_start_is_skipped_once),
        cmocka_unit_test(fields_are_taken_by_exact_name),
        cmocka_unit_test(bytes_are_handed_on_as_they_came),
        cmocka_unit_test(an_event_may_be_as_large_as_the_limit_and_no_larger),
        cmocka_unit_test(many_lines_of_one_event_add_up),
        cmocka_unit_test(the_callback_can_stop),
        cmocka_unit_test(random_streams_give_the_same_events_for_random_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
