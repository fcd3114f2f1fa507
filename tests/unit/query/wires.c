#include "wires.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int note(const struct query_event *e, void *arg)
{
    struct buf *b = arg;
    switch (e->kind) {
    case QUERY_TEXT: return buf_addf(b, "text %.*s\n", STR_FMT(e->text));
    case QUERY_THINKING: return buf_addf(b, "think %.*s\n", STR_FMT(e->text));
    case QUERY_SIGNATURE: return buf_addf(b, "signature %.*s\n", STR_FMT(e->text));
    case QUERY_REDACTED: return buf_addf(b, "redacted %.*s\n", STR_FMT(e->text));
    case QUERY_CALL: return buf_addf(b, "call %.*s %.*s\n", STR_FMT(e->id), STR_FMT(e->tool));
    case QUERY_INPUT: return buf_addf(b, "input %.*s\n", STR_FMT(e->text));
    case QUERY_BLOCK_END: return buf_addf(b, "end\n");
    case QUERY_USAGE:
        return buf_addf(b, "usage %lld %lld %lld %lld\n", (long long)e->usage.input,
                        (long long)e->usage.output, (long long)e->usage.cache_read,
                        (long long)e->usage.cache_write);
    case QUERY_STOP: return buf_addf(b, "stop %d\n", (int)e->stop);
    case QUERY_MODEL_END: return buf_addf(b, "failed %s\n", query_error_name(e->error));
    default: return buf_addf(b, "? %d\n", (int)e->kind);
    }
}

int wires_decode(const struct codec_wire *wire, struct str bytes, size_t first, size_t step,
                 struct buf *out)
{
    struct codec *c = NULL;
    assert_int_equal(wire->decoder_new(&c), 0);
    int r = 0;
    for (size_t at = 0, n = first; r == 0 && at < bytes.len; at += n, n = step) {
        if (n > bytes.len - at)
            n = bytes.len - at;
        r = wire->feed(c, (struct str){bytes.at + at, n}, note, out);
    }
    if (r == 0)
        r = wire->end(c, note, out);
    wire->decoder_free(c);
    return r;
}

int wires_decode_z(const struct codec_wire *wire, const char *bytes, struct buf *out)
{
    buf_init(out, 64 << 20);
    return wires_decode(wire, str_of(bytes), strlen(bytes) + 1, 1, out);
}

static void assert_pieces(const struct codec_wire *wire, struct str bytes, size_t first,
                          size_t step, const char *meaning)
{
    auto_done(buf) struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(wires_decode(wire, bytes, first, step, &out), 0);
    assert_string_equal(buf_str(&out).at, meaning);
}

void wires_assert_meaning(const struct codec_wire *wire, const char *answer, const char *meaning)
{
    struct str bytes = str_of(answer);
    for (size_t cut = 0; cut <= bytes.len; cut++)
        assert_pieces(wire, bytes, cut, bytes.len, meaning);
    for (size_t step = 1; step < 70; step++)
        assert_pieces(wire, bytes, step, step, meaning);
    for (int kind = 0; kind < 2; kind++) {
        auto_done(buf) struct buf text;
        buf_init(&text, 1 << 20);
        for (const char *c = answer; *c; c++)
            (void)buf_add_z(&text, *c != '\n' ? (char[]){*c, 0} : kind ? "\r\n" : "\r");
        assert_pieces(wire, buf_str(&text), 5, 3, meaning);
    }
}

void wires_assert_cut(const struct codec_wire *wire, const char *answer, size_t whole)
{
    for (size_t len = 0; len < whole; len++) {
        auto_done(buf) struct buf out;
        buf_init(&out, 1 << 20);
        if (wires_decode(wire, (struct str){answer, len}, len + 1, 1, &out) != -FAULT_INPUT)
            fail_msg("%zu bytes are taken for an answer: ...%.*s", len, 40,
                     answer + (len > 40 ? len - 40 : 0));
    }
}

own json_t *wires_request(const struct codec_wire *wire, const char *conversation,
                          const char *system, const char *tools)
{
    auto_json json_t *messages = json_loads(conversation, 0, NULL),
                     *list = json_loads(tools, 0, NULL);
    const struct codec_request r = {
        .model = "m", .system = system, .tools = list, .conversation = messages, .max_tokens = 99};
    auto_done(buf) struct buf out;
    json_t *body = NULL;
    assert_non_null(messages);
    assert_non_null(list);
    buf_init(&out, 1 << 20);
    assert_int_equal(wire->request(&r, &out), 0);
    assert_int_equal(json_parse(buf_str(&out), 1 << 20, &body, NULL), 0);
    return body;
}

void wires_assert_json(const json_t *is, const char *want)
{
    auto_json json_t *expected = json_loads(want, JSON_DECODE_ANY, NULL);
    assert_non_null(expected);
    if (!json_equal(is, expected)) {
        char *dump = json_dumps(is, JSON_ENCODE_ANY);
        fail_msg("is %s, not %s", dump ? dump : "absent", want);
    }
}
