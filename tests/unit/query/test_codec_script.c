/* The scripted planner's lines as events, and lines that are none. */
#include "base/fault.h"
#include "query/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int note(const struct query_event *e, void *arg)
{
    struct buf *b = arg;
    switch (e->kind) {
    case QUERY_TEXT: return buf_addf(b, "text %.*s;", STR_FMT(e->text));
    case QUERY_THINKING: return buf_addf(b, "think %.*s;", STR_FMT(e->text));
    case QUERY_CALL: return buf_addf(b, "call %.*s %.*s;", STR_FMT(e->id), STR_FMT(e->tool));
    case QUERY_INPUT: return buf_addf(b, "input %.*s;", STR_FMT(e->text));
    case QUERY_BLOCK_END: return buf_addf(b, "end;");
    case QUERY_USAGE:
        return buf_addf(b, "usage %lld %lld;", (long long)e->usage.input,
                        (long long)e->usage.output);
    case QUERY_STOP: return buf_addf(b, "stop %d;", (int)e->stop);
    case QUERY_EXPECT: return buf_addf(b, "expect;");
    default: return buf_addf(b, "? %d;", (int)e->kind);
    }
}

static int decode(const char *line, size_t step, struct buf *out)
{
    struct codec *c = NULL;
    int r = 0;
    buf_init(out, 1 << 16);
    assert_int_equal(codec_script.decoder_new(&c), 0);
    size_t len = strlen(line);
    for (size_t at = 0; r == 0 && at < len; at += step)
        r = codec_script.feed(c, (struct str){line + at, step < len - at ? step : len - at}, note,
                              out);
    if (r == 0)
        r = codec_script.end(c, note, out);
    codec_script.decoder_free(c);
    return r;
}

static void a_line_becomes_events_in_order_cut_anywhere(void **state)
{
    static const char line[] =
        "{\"stop\":\"tool_use\",\"usage\":{\"output_tokens\":2,\"input_tokens\":1},\"calls\":[{\"tool\":\"read\",\"input\":{\"p\":1}},{\"tool\":\"list\"},"
        "{\"tool\":\"bad\",\"input\":\"{raw\"}],\"thinking\":\"hm\",\"text\":\"hello\",\"expect\":{\"contains\":\"x\"},\"delay_ms\":1}";
    (void)state;
    for (size_t step = 1; step <= sizeof(line); step++) {
        auto_done(buf) struct buf out;
        assert_int_equal(decode(line, step, &out), 0);
        assert_string_equal(
            buf_str(&out).at,
            "expect;think hm;text hello;call s1 read;input {\"p\":1};end;call s2 list;end;call s3 bad;input {raw;end;usage 1 2;stop 2;");
    }
}

static void each_stop_has_its_name(void **state)
{
    static const char *const names[] = {"end_turn", "tool_use", "max_tokens", "refusal"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char line[64], want[16];
        auto_done(buf) struct buf out;
        snprintf(line, sizeof(line), "{\"stop\":\"%s\"}", names[i]);
        snprintf(want, sizeof(want), "stop %zu;", i + 1);
        assert_int_equal(decode(line, 64, &out), 0);
        assert_string_equal(buf_str(&out).at, want);
    }
}

static void lines_that_are_none_are_faults(void **state)
{
    static const char *const lines[] = {"",
                                        "{",
                                        "[]",
                                        "1",
                                        "{\"text\":1}",
                                        "{\"calls\":{}}",
                                        "{\"calls\":[1]}",
                                        "{\"calls\":[{}]}",
                                        "{\"calls\":[{\"tool\":1}]}",
                                        "{\"usage\":1}",
                                        "{\"usage\":{\"input_tokens\":-1}}",
                                        "{\"stop\":\"now\"}",
                                        "{\"stop\":1}",
                                        "{\"expect\":1}",
                                        "{\"thinking\":[]}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        auto_done(buf) struct buf out;
        if (decode(lines[i], 64, &out) != -FAULT_INPUT)
            fail_msg("%s was taken", lines[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_becomes_events_in_order_cut_anywhere),
        cmocka_unit_test(each_stop_has_its_name),
        cmocka_unit_test(lines_that_are_none_are_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
