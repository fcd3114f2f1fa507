/* The Anthropic wire: requests as the service wants them, and answers that mean the same however they are cut. */
#include "query/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char answer[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":12,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n"
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"h\xc3\xa4m\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"b3Bh\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    ": a comment\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"Gr\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"\xc3\xbc\\u00dfe \\ud83d\\ude00\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"citations_delta\",\"citation\":{}}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"read\",\"input\":{}}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"pa\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"th\\\":1}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n"
    "event: something_new\ndata: {\"type\":\"something_new\"}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":77}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static const char meaning[] =
    "usage 12 1 3 0\nthink h\xc3\xa4m\nsignature c2ln\nend\nredacted b3Bh\nend\ntext Gr\ntext \xc3\xbc\xc3\x9f"
    "e \xf0\x9f\x98\x80\nend\ncall toolu_1 read\ninput \ninput {\"pa\ninput th\":1}\nend\nusage 12 77 3 0\nstop 2\n";

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

/* Feeds in pieces cut at `cuts`; returns what end() says, or the first fault. */
static int decode(struct str bytes, size_t first, size_t step, struct buf *out)
{
    struct codec *c = NULL;
    assert_int_equal(codec_anthropic.decoder_new(&c), 0);
    int r = 0;
    for (size_t at = 0, n = first; r == 0 && at < bytes.len; at += n, n = step) {
        if (n > bytes.len - at)
            n = bytes.len - at;
        r = codec_anthropic.feed(c, (struct str){bytes.at + at, n}, note, out);
    }
    if (r == 0)
        r = codec_anthropic.end(c, note, out);
    codec_anthropic.decoder_free(c);
    return r;
}

static int decode_z(const char *bytes, struct buf *out)
{
    buf_init(out, 1 << 20);
    return decode(str_of(bytes), strlen(bytes), strlen(bytes), out);
}

static void an_answer_means_the_same_cut_anywhere(void **state)
{
    struct str bytes = STR(answer);
    (void)state;
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        auto_done(buf) struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(decode(bytes, cut, bytes.len, &out), 0);
        assert_string_equal(buf_str(&out).at, meaning);
    }
    for (size_t step = 1; step < 70; step++) {
        auto_done(buf) struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(decode(bytes, step, step, &out), 0);
        assert_string_equal(buf_str(&out).at, meaning);
    }
}

static void line_ends_may_be_of_any_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        auto_done(buf) struct buf text, out;
        buf_init(&text, 1 << 20);
        buf_init(&out, 1 << 20);
        for (const char *c = answer; *c; c++)
            (void)buf_add_z(&text, *c != '\n' ? (char[]){*c, 0} : kind ? "\r\n" : "\r");
        assert_int_equal(decode(buf_str(&text), 5, 3, &out), 0);
        assert_string_equal(buf_str(&out).at, meaning);
    }
}

static void a_stream_that_is_cut_before_its_end_is_no_answer(void **state)
{
    (void)state;
    const char *end = strstr(answer, "event: message_stop");
    for (size_t len = 0; len < sizeof(answer) - 2; len += 13) {
        auto_done(buf) struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(decode((struct str){answer, len}, len, len, &out), -FAULT_INPUT);
    }
    auto_done(buf) struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(decode((struct str){answer, (size_t)(end - answer)}, 100, 100, &out),
                     -FAULT_INPUT);
}

static void what_comes_after_the_end_is_not_looked_at(void **state)
{
    auto_done(buf) struct buf out;
    (void)state;
    assert_int_equal(
        decode_z(
            "data: {\"type\":\"message_stop\"}\n\ndata: broken\n\ndata: {\"type\":\"content_block_stop\"}\n\n",
            &out),
        0);
    assert_int_equal(out.len, 0);
}

static void an_error_event_is_a_failure_of_its_class(void **state)
{
    static const char *const rows[][2] = {{"overloaded_error", "failed overloaded\n"},
                                          {"rate_limit_error", "failed rate_limit\n"},
                                          {"api_error", "failed server\n"},
                                          {"", "failed server\n"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[200];
        auto_done(buf) struct buf out;
        snprintf(
            text, sizeof(text),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"m\"}}\n\n",
            rows[i][0]);
        assert_int_equal(decode_z(text, &out), 0);
        assert_string_equal(buf_str(&out).at, rows[i][1]);
    }
}

static void events_that_are_no_objects_are_faults(void **state)
{
    static const char *const rows[] = {
        "data: {\n\n",
        "data: [1]\n\n",
        "data: 1\n\n",
        "data:\n\n",
        "data: {\"a\":1,\"a\":2}\n\n",
        "data: \xff\n\n",
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":-1}}}\n\n",
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":\"x\"}}}\n\n",
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9223372036854775807}}}\n\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(decode_z(rows[i], &out), -FAULT_INPUT);
    }
}

static void members_that_are_missing_or_of_another_type_mean_nothing(void **state)
{
    static const char *const rows[] = {
        "{\"type\":\"content_block_delta\"}",
        "{\"type\":\"content_block_delta\",\"delta\":7}",
        "{\"type\":\"message_delta\",\"delta\":null}",
        "{\"type\":\"message_start\"}",
        "{\"type\":\"message_start\",\"message\":[]}",
        "{}",
        "{\"type\":7}",
        "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"server_tool_use\",\"name\":\"x\"}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[200];
        auto_done(buf) struct buf out;
        snprintf(text, sizeof(text), "data: %s\n\ndata: {\"type\":\"message_stop\"}\n\n", rows[i]);
        assert_int_equal(decode_z(text, &out), 0);
        assert_string_equal(buf_str(&out).at, "");
    }
}

/* --- requests --- */

static own json_t *request(const char *conversation, const char *system, const char *tools)
{
    auto_json json_t *messages = json_loads(conversation, 0, NULL),
                     *list = json_loads(tools, 0, NULL);
    const struct codec_request r = {
        .model = "m", .system = system, .tools = list, .conversation = messages, .max_tokens = 99};
    auto_done(buf) struct buf out;
    json_t *body = NULL;
    buf_init(&out, 1 << 20);
    assert_int_equal(codec_anthropic.request(&r, &out), 0);
    assert_int_equal(json_parse(buf_str(&out), 1 << 20, &body, NULL), 0);
    return body;
}

static void assert_same_json(const json_t *is, const char *want)
{
    auto_json json_t *expected = json_loads(want, JSON_DECODE_ANY, NULL);
    assert_non_null(expected);
    if (!json_equal(is, expected)) {
        char *dump = json_dumps(is, JSON_ENCODE_ANY);
        fail_msg("is %s, not %s", dump, want);
    }
}

static void blocks_of_the_conversation_become_those_of_the_service(void **state)
{
    auto_json json_t *body = request(
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"text\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted\",\"data\":\"d\"},"
        "{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"call\",\"id\":\"i\",\"tool\":\"read\",\"input\":{\"p\":1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"i\",\"tool\":\"read\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]}]}]",
        "sys", "[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{}}]");
    (void)state;
    assert_same_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
        "{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"read\",\"input\":{\"p\":1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}}]}]}]");
    assert_same_json(json_object_get(body, "system"), "\"sys\"");
    assert_same_json(json_object_get(body, "max_tokens"), "99");
    assert_same_json(json_object_get(body, "stream"), "true");
    assert_int_equal(json_array_size(json_object_get(body, "tools")), 1);
}

static void a_result_of_nothing_has_no_text_block(void **state)
{
    auto_json json_t *body = request(
        "[{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"i\",\"tool\":\"read\",\"is_error\":false,"
        "\"content\":[{\"type\":\"text\",\"text\":\"\"}]}]}]",
        "", "[]");
    (void)state;
    assert_same_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"is_error\":false,\"content\":[]}]}]");
}

static void what_is_not_there_is_not_sent(void **state)
{
    auto_json json_t *body = request(
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]}]", "", "[]");
    (void)state;
    assert_null(json_object_get(body, "system"));
    assert_null(json_object_get(body, "tools"));
}

static void a_wire_is_found_by_its_name(void **state)
{
    (void)state;
    assert_ptr_equal(codec_find(STR("anthropic")), &codec_anthropic);
    assert_ptr_equal(codec_find(STR("script")), &codec_script);
    assert_null(codec_find(STR("anthropi")));
    assert_null(codec_find(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_the_same_cut_anywhere),
        cmocka_unit_test(line_ends_may_be_of_any_kind),
        cmocka_unit_test(a_stream_that_is_cut_before_its_end_is_no_answer),
        cmocka_unit_test(what_comes_after_the_end_is_not_looked_at),
        cmocka_unit_test(an_error_event_is_a_failure_of_its_class),
        cmocka_unit_test(events_that_are_no_objects_are_faults),
        cmocka_unit_test(members_that_are_missing_or_of_another_type_mean_nothing),
        cmocka_unit_test(blocks_of_the_conversation_become_those_of_the_service),
        cmocka_unit_test(a_result_of_nothing_has_no_text_block),
        cmocka_unit_test(what_is_not_there_is_not_sent),
        cmocka_unit_test(a_wire_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
