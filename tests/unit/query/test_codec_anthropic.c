/* The Anthropic wire: requests as the service wants them, and answers that mean the same however they are cut. */
#include "wires.h"

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

static int decode_z(const char *bytes, struct buf *out)
{
    return wires_decode_z(&codec_anthropic, bytes, out);
}

static void an_answer_means_the_same_cut_anywhere_and_with_any_line_end(void **state)
{
    (void)state;
    wires_assert_meaning(&codec_anthropic, answer, meaning);
}

static void a_stream_that_is_cut_before_its_end_is_no_answer(void **state)
{
    (void)state;
    wires_assert_cut(&codec_anthropic, answer, sizeof(answer) - 2);
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

static void blocks_of_the_conversation_become_those_of_the_service(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_anthropic,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"text\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted\",\"data\":\"d\"},"
        "{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"call\",\"id\":\"i\",\"tool\":\"read\",\"input\":{\"p\":1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"i\",\"tool\":\"read\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]}]}]",
        "sys", "[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{}}]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
        "{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"read\",\"input\":{\"p\":1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}}]}]}]");
    wires_assert_json(json_object_get(body, "system"), "\"sys\"");
    wires_assert_json(json_object_get(body, "max_tokens"), "99");
    wires_assert_json(json_object_get(body, "stream"), "true");
    assert_int_equal(json_array_size(json_object_get(body, "tools")), 1);
}

static void a_result_of_nothing_has_no_text_block(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_anthropic,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"i\",\"tool\":\"read\",\"is_error\":false,"
        "\"content\":[{\"type\":\"text\",\"text\":\"\"}]}]}]",
        "", "[]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"is_error\":false,\"content\":[]}]}]");
}

static void an_image_of_the_person_is_sent_in_the_request(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_anthropic,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]}]",
        "", "[]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}}]}]");
}

static void what_is_not_there_is_not_sent(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_anthropic,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]}]", "", "[]");
    (void)state;
    assert_null(json_object_get(body, "system"));
    assert_null(json_object_get(body, "tools"));
}

static void a_wire_is_found_by_its_name(void **state)
{
    (void)state;
    assert_ptr_equal(codec_find(STR("openai")), &codec_openai);
    assert_ptr_equal(codec_find(STR("openai-compatible")), &codec_openai_compatible);
    assert_ptr_equal(codec_find(STR("openai-responses")), &codec_responses);
    assert_ptr_equal(codec_find(STR("gemini")), &codec_gemini);
    assert_ptr_equal(codec_find(STR("anthropic")), &codec_anthropic);
    assert_ptr_equal(codec_find(STR("script")), &codec_script);
    assert_null(codec_find(STR("anthropi")));
    assert_null(codec_find(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_the_same_cut_anywhere_and_with_any_line_end),
        cmocka_unit_test(a_stream_that_is_cut_before_its_end_is_no_answer),
        cmocka_unit_test(what_comes_after_the_end_is_not_looked_at),
        cmocka_unit_test(an_error_event_is_a_failure_of_its_class),
        cmocka_unit_test(events_that_are_no_objects_are_faults),
        cmocka_unit_test(members_that_are_missing_or_of_another_type_mean_nothing),
        cmocka_unit_test(blocks_of_the_conversation_become_those_of_the_service),
        cmocka_unit_test(a_result_of_nothing_has_no_text_block),
        cmocka_unit_test(an_image_of_the_person_is_sent_in_the_request),
        cmocka_unit_test(what_is_not_there_is_not_sent),
        cmocka_unit_test(a_wire_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
