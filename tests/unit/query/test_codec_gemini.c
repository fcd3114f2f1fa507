/* The Gemini wire. */
#include "wires.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define CANDIDATE(parts, rest)                                                                     \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"}" rest ",\"index\":0}]"
#define PARTS(parts)                                                                               \
    "data: " CANDIDATE(                                                                            \
        parts,                                                                                     \
        "") ",\"usageMetadata\":{\"promptTokenCount\":120,\"totalTokenCount\":120},\"modelVersion\":\"g\"}\n\n"
#define LAST(parts, reason)                                                                                              \
    "data: " CANDIDATE(                                                                                                  \
        parts,                                                                                                           \
        ",\"finishReason\":\"" reason                                                                                    \
        "\"") ",\"usageMetadata\":{\"promptTokenCount\":120,\"cachedContentTokenCount\":100,\"candidatesTokenCount\":4," \
              "\"thoughtsTokenCount\":3,\"toolUsePromptTokenCount\":5,\"totalTokenCount\":132}}\n\n"
#define USED "usage 25 7 100 0\n"
#define BEFORE "usage 120 0 0 0\n"

static const char answer[] = PARTS("{\"text\":\"hm\",\"thought\":true}") PARTS("{\"text\":\"Gr\"}")
    PARTS("{\"text\":\"\xc3\xbc\\u00dfe\"},{\"text\":\" signed\",\"thoughtSignature\":\"c2ln\"}") PARTS(
        "{\"functionCall\":{\"name\":\"read\",\"args\":{\"path\":\"x\"}},\"thoughtSignature\":\"c2lnMg==\"},{\"functionCall\":{\"id\":\"k\",\"name\":\"list\"}}")
        LAST("{\"text\":\"\",\"thoughtSignature\":\"c2lnMw==\"}", "STOP");
static const char meaning[] =
    "think hm\n" BEFORE "text Gr\n" BEFORE "text \xc3\xbc\xc3\x9f"
    "e\nend\ntext  signed\nsignature c2ln\nend\n" BEFORE
    "end\ncall  read\ninput {\"path\":\"x\"}\nsignature c2lnMg==\nend\nend\ncall k list\nend\n" BEFORE
    "end\nsignature c2lnMw==\nend\n" USED "end\nstop 2\n";

static void an_answer_means_the_same_cut_anywhere_and_with_any_line_end(void **state)
{
    (void)state;
    wires_assert_meaning(&codec_gemini, answer, meaning);
}

static void an_answer_that_did_not_say_why_it_ended_is_none(void **state)
{
    (void)state;
    wires_assert_cut(&codec_gemini, answer, sizeof(answer) - 2);
    /* a candidate behind one with a reason opens the answer again: old models gave each of them one */
    auto_done(buf) struct buf out;
    assert_int_equal(wires_decode_z(&codec_gemini,
                                    LAST("{\"text\":\"a\"}", "STOP") PARTS("{\"text\":\"b\"}"),
                                    &out),
                     -FAULT_INPUT);
    buf_done(&out);
    assert_int_equal(
        wires_decode_z(&codec_gemini,
                       LAST("{\"text\":\"a\"}", "STOP") LAST("{\"text\":\"b\"}", "STOP"), &out),
        0);
    assert_string_equal(buf_str(&out).at, "text a\n" USED "text b\n" USED "end\nstop 1\n");
}

static void ends_and_parts_of_all_kinds(void **state)
{
    static const char *const rows[][2] = {
        {LAST("{\"text\":\"x\"}", "MAX_TOKENS"), "text x\n" USED "end\nstop 3\n"},
        {LAST("{\"text\":\"x\"}", "SAFETY"), "text x\n" USED "end\nstop 4\n"},
        {LAST("{\"text\":\"x\"}", "RECITATION"), "text x\n" USED "end\nstop 4\n"},
        {LAST("", "PROHIBITED_CONTENT"), USED "end\nstop 4\n"},
        {LAST("", "MALFORMED_FUNCTION_CALL"), USED "failed malformed\n"},
        {LAST("", "OTHER"), USED "failed server\n"},
        {LAST("{\"text\":\"x\"}", "SOMETHING_NEW"), "text x\n" USED "end\nstop 1\n"},
        {"data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":9,\"totalTokenCount\":9}}\n\n",
         "usage 9 0 0 0\nend\nstop 4\n"},
        {"data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n", "end\nstop 1\n"},
        {PARTS(
             "{\"text\":\"x\"}") "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\n\n",
         "text x\n" BEFORE "failed server\n"},
        {LAST("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGkhaGkh\"}}", "STOP"),
         "text [the model sent image/png of about 6 bytes; it is not kept]\n" USED "end\nstop 1\n"},
        {LAST("{\"executableCode\":{\"code\":\"x\"}},{},7,{\"text\":7}", "STOP"),
         USED "end\nstop 1\n"},
        {LAST("{\"functionCall\":{\"name\":\"read\",\"args\":null}}", "STOP"),
         "end\ncall  read\nend\n" USED "end\nstop 2\n"},
        {LAST("{\"functionCall\":{\"name\":\"read\",\"args\":[1]}}", "STOP"),
         "end\ncall  read\ninput [1]\nend\n" USED "end\nstop 2\n"},
        {"data: {\"candidates\":[],\"usageMetadata\":{}}\n\n" LAST("{\"text\":\"x\"}", "STOP"),
         "usage 0 0 0 0\ntext x\n" USED "end\nstop 1\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(wires_decode_z(&codec_gemini, rows[i][0], &out), 0);
        assert_string_equal(buf_str(&out).at, rows[i][1]);
    }
}

static void what_is_no_event_is_a_fault(void **state)
{
    static const char *const rows[] = {
        "data: {\n\n",
        "data: [{}]\n\n",
        "data: [DONE]\n\n",
        "data: {\"usageMetadata\":{\"promptTokenCount\":-1}}\n\n",
        "data: {\"usageMetadata\":{\"thoughtsTokenCount\":\"x\"}}\n\n",
        "",
        "data: {}\n\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(wires_decode_z(&codec_gemini, rows[i], &out), -FAULT_INPUT);
    }
}

static void a_conversation_becomes_contents(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_gemini,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"},{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"text\":\"hm\"},{\"type\":\"thinking\",\"text\":\"so\",\"signature\":\"s0\"},"
        "{\"type\":\"thinking\",\"text\":\"\",\"signature\":\"s1\"},{\"type\":\"redacted\",\"data\":\"d\"},{\"type\":\"text\",\"text\":\"t\"},"
        "{\"type\":\"text\",\"text\":\"u\",\"signature\":\"s2\"},{\"type\":\"call\",\"id\":\"\",\"tool\":\"read\",\"input\":{\"p\":1},\"signature\":\"s3\"},"
        "{\"type\":\"call\",\"id\":\"k\",\"tool\":\"list\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"\",\"tool\":\"read\",\"is_error\":false,\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]},{\"type\":\"result\",\"id\":\"k\",\"tool\":\"list\",\"is_error\":true,"
        "\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}]",
        "sys",
        "[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "contents"),
        "[{\"role\":\"user\",\"parts\":[{\"text\":\"task\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}}]},"
        "{\"role\":\"model\",\"parts\":[{\"text\":\"so\",\"thought\":true,\"thoughtSignature\":\"s0\"},{\"text\":\"\",\"thoughtSignature\":\"s1\"},{\"text\":\"t\"},"
        "{\"text\":\"u\",\"thoughtSignature\":\"s2\"},{\"functionCall\":{\"name\":\"read\",\"args\":{\"p\":1}},\"thoughtSignature\":\"s3\"},"
        "{\"functionCall\":{\"name\":\"list\",\"args\":{},\"id\":\"k\"}}]},"
        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"read\",\"response\":{\"output\":\"r\"}}},"
        "{\"functionResponse\":{\"name\":\"list\",\"response\":{\"error\":\"Error: a\"},\"id\":\"k\"}},"
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}}]}]");
    wires_assert_json(json_object_get(body, "systemInstruction"),
                      "{\"parts\":[{\"text\":\"sys\"}]}");
    wires_assert_json(json_object_get(body, "generationConfig"), "{\"maxOutputTokens\":99}");
    wires_assert_json(
        json_object_get(body, "tools"),
        "[{\"functionDeclarations\":[{\"name\":\"read\",\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_the_same_cut_anywhere_and_with_any_line_end),
        cmocka_unit_test(an_answer_that_did_not_say_why_it_ended_is_none),
        cmocka_unit_test(ends_and_parts_of_all_kinds),
        cmocka_unit_test(what_is_no_event_is_a_fault),
        cmocka_unit_test(a_conversation_becomes_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
