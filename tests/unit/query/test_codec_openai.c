/* The Chat Completions wire, as OpenAI speaks it and as others do. */
#include "wires.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define CHUNK(delta)                                                                                      \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":" delta \
    ",\"finish_reason\":null}],\"usage\":null}\n\n"
#define FINISH(reason)                                                                             \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n\n"
#define USAGE                                                                                                                                                \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":7,\"total_tokens\":127,\"prompt_tokens_details\":{\"cached_tokens\":100}," \
    "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n"
#define DONE "data: [DONE]\n\n"
#define CALL(index, id, name, arguments)                                                           \
    CHUNK("{\"tool_calls\":[{\"index\":" index ",\"id\":\"" id                                     \
          "\",\"type\":\"function\",\"function\":{\"name\":\"" name                                \
          "\",\"arguments\":\"" arguments "\"}}]}")
#define MORE(index, arguments)                                                                     \
    CHUNK("{\"tool_calls\":[{\"index\":" index ",\"function\":{\"arguments\":\"" arguments "\"}}]}")

static const char answer[] =
    ": OPENROUTER PROCESSING\n\n" CHUNK("{\"role\":\"assistant\",\"content\":\"\"}")
        CHUNK("{\"content\":\"Gr\"}") CHUNK("{\"content\":\"\xc3\xbc\\u00dfe \\ud83d\\ude00\"}")
            CALL("0", "call_a", "read", "") MORE("0", "{\\\"pa") CALL("1", "call_b", "list", "{}")
                MORE("0", "th\\\":1}") FINISH("tool_calls") USAGE DONE;
static const char meaning[] =
    "text Gr\ntext \xc3\xbc\xc3\x9f"
    "e \xf0\x9f\x98\x80\nusage 20 7 100 0\nend\ncall call_a read\ninput {\"path\":1}\nend\ncall call_b list\ninput {}\nend\nstop 2\n";

static void an_answer_means_the_same_cut_anywhere_and_with_any_line_end(void **state)
{
    (void)state;
    wires_assert_meaning(&codec_openai, answer, meaning);
    wires_assert_meaning(&codec_openai_compatible, answer, meaning);
}

static void without_its_last_word_an_answer_of_openai_is_none(void **state)
{
    (void)state;
    wires_assert_cut(&codec_openai, answer, sizeof(answer) - 2);
}

static void of_others_it_is_whole_when_it_said_why_it_ended(void **state)
{
    (void)state;
    size_t finished = (size_t)(strstr(answer, "\"finish_reason\":\"tool_calls\"") - answer);
    wires_assert_cut(&codec_openai_compatible, answer,
                     finished + 32); /* and the blank line behind it */
    auto_done(buf) struct buf out;
    assert_int_equal(
        wires_decode_z(&codec_openai_compatible, CHUNK("{\"content\":\"x\"}") FINISH("stop"), &out),
        0);
    assert_string_equal(buf_str(&out).at, "text x\nend\nstop 1\n");
}

struct row {
    const char *bytes, *meaning;
};

static void assert_rows(const struct codec_wire *wire, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(wires_decode_z(wire, rows[i].bytes, &out), 0);
        assert_string_equal(buf_str(&out).at, rows[i].meaning);
    }
}

static void what_others_do_otherwise_is_understood(void **state)
{
    static const struct row rows[] = {
        /* arguments that are an object */
        {CHUNK(
             "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"read\",\"arguments\":{\"path\":\"x\"}}}]}")
             FINISH("tool_calls") DONE,
         "end\ncall a read\ninput {\"path\":\"x\"}\nend\nstop 2\n"},
        /* no ids, no indexes, stop as the reason */
        {CHUNK(
             "{\"tool_calls\":[{\"function\":{\"name\":\"read\",\"arguments\":\"{}\"}},{\"function\":{\"name\":\"list\",\"arguments\":\"{}\"}}]}")
             FINISH("stop") DONE,
         "end\ncall call_0 read\ninput {}\nend\ncall call_1 list\ninput {}\nend\nstop 2\n"},
        /* one index for all of them */
        {CALL("0", "a", "read", "{}") CALL("0", "b", "read", "{}") FINISH("stop") DONE,
         "end\ncall a read\ninput {}\nend\ncall b read\ninput {}\nend\nstop 2\n"},
        {CALL("0", "", "read", "{}") CALL("0", "", "read", "{}") FINISH("stop") DONE,
         "end\ncall call_0 read\ninput {}\nend\ncall call_1 read\ninput {}\nend\nstop 2\n"},
        /* id and name in every piece */
        {CALL("0", "a", "read", "{\\\"p\\\"") CALL("0", "a", "read", ":1}") FINISH("tool_calls")
             DONE,
         "end\ncall a read\ninput {\"p\":1}\nend\nstop 2\n"},
        /* one id for two calls */
        {CALL("0", "a", "read", "{}") CALL("1", "a", "list", "{}") FINISH("tool_calls") DONE,
         "end\ncall a read\ninput {}\nend\ncall call_1 list\ninput {}\nend\nstop 2\n"},
        /* no arguments at all */
        {CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"list\"}}]}")
             FINISH("tool_calls") DONE,
         "end\ncall a list\nend\nstop 2\n"},
        {CHUNK(
             "{\"tool_calls\":[{\"index\":0,\"id\":null,\"function\":{\"name\":\"list\",\"arguments\":null}}]}")
             FINISH("") FINISH("stop") DONE,
         "end\ncall call_0 list\nend\nstop 2\n"},
        /* no usage, empty choices, no reason before the last word */
        {"data: {\"choices\":[]}\n\n" CHUNK("{\"content\":\"x\"}") DONE, "text x\nend\nstop 1\n"},
        {"data: {}\n\n" CHUNK("null") FINISH("stop") DONE, "end\nstop 1\n"},
        /* content in parts */
        {CHUNK(
             "{\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}]}")
             FINISH("stop") DONE,
         "text x\ntext y\nend\nstop 1\n"},
        /* a second choice that nobody asked for */
        {CHUNK("{\"content\":\"x\"}") "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"y\"},\"finish_reason\":\"length\"}]}\n\n" FINISH(
             "stop") DONE,
         "text x\nend\nstop 1\n"},
        /* thinking, in the member that it goes back in; both members at once say it once */
        {CHUNK("{\"reasoning_content\":\"h\"}") CHUNK("{\"reasoning_content\":\"m\"}")
             CHUNK("{\"content\":\"x\"}") FINISH("stop") DONE,
         "think h\nthink m\nsignature reasoning_content\nend\ntext x\nend\nstop 1\n"},
        {CHUNK("{\"reasoning\":\"h\"}") CALL("0", "a", "read", "{}") FINISH("tool_calls") DONE,
         "think h\nsignature reasoning\nend\nend\ncall a read\ninput {}\nend\nstop 2\n"},
        {CHUNK("{\"reasoning\":\"h\",\"reasoning_content\":\"h\"}") FINISH("stop") DONE,
         "think h\nsignature reasoning_content\nend\nend\nstop 1\n"},
        /* thinking counted beside the output */
        {FINISH(
             "stop") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":20}}\n\n" DONE,
         "usage 10 10 0 0\nend\nstop 1\n"},
    };
    (void)state;
    assert_rows(&codec_openai_compatible, rows, ARRAY_LEN(rows));
    assert_rows(&codec_openai, rows, ARRAY_LEN(rows));
}

static void reasons_to_stop(void **state)
{
    static const struct row rows[] = {
        {FINISH("stop") DONE, "end\nstop 1\n"},
        {FINISH("length") DONE, "end\nstop 3\n"},
        {CALL("0", "a", "read", "{") FINISH("length") DONE,
         "end\ncall a read\ninput {\nend\nstop 3\n"},
        {FINISH("content_filter") DONE, "end\nstop 4\n"},
        {FINISH("something_new") DONE, "end\nstop 1\n"},
        {CHUNK("{\"refusal\":\"I will \"}") CHUNK("{\"refusal\":\"not\"}") FINISH("stop") DONE,
         "text I will \ntext not\nend\nstop 4\n"},
    };
    (void)state;
    assert_rows(&codec_openai, rows, ARRAY_LEN(rows));
}

static void an_error_inside_of_a_stream_is_a_failure(void **state)
{
    static const struct row rows[] = {
        {CHUNK(
             "{\"content\":\"x\"}") "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n" DONE,
         "text x\nfailed server\n"},
        {"event: error\ndata: {\"error\":\"m\"}\n\n", "failed server\n"},
        {"data: {\"object\":\"error\",\"message\":\"m\",\"code\":400}\n\n", "failed server\n"},
        {FINISH("error") DONE, "failed server\n"},
    };
    (void)state;
    assert_rows(&codec_openai, rows, ARRAY_LEN(rows));
    assert_rows(&codec_openai_compatible, rows, ARRAY_LEN(rows));
}

static void what_is_no_event_is_a_fault(void **state)
{
    static const char *const rows[] = {
        "data: {\n\n",
        "data: [1]\n\n",
        "data: [DONE\n\n",
        "data:\n\n",
        "data: {\"choices\":[],\"choices\":[]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-1}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"completion_tokens\":\"1\"}}\n\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(wires_decode_z(&codec_openai_compatible, rows[i], &out), -FAULT_INPUT);
    }
}

static void calls_have_a_maximum(void **state)
{
    (void)state;
    for (int count = 128; count <= 129; count++) {
        auto_done(buf) struct buf bytes, out;
        buf_init(&bytes, 1 << 20);
        buf_init(&out, 1 << 20);
        for (int i = 0; i < count; i++)
            (void)buf_addf(
                &bytes,
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"i%d\",\"function\":{\"name\":\"n\",\"arguments\":\"{}\"}}]}}]}\n\n",
                i, i);
        (void)buf_add_z(&bytes, DONE);
        assert_int_equal(wires_decode(&codec_openai, buf_str(&bytes), 1000, 1000, &out),
                         count <= 128 ? 0 : -FAULT_CAP);
    }
}

static void arguments_have_a_maximum_together(void **state)
{
    auto_done(buf) struct buf piece, out;
    struct str first = STR(
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"n\",\"arguments\":\"");
    (void)state;
    buf_init(&piece, 2 << 20);
    buf_init(&out, 1 << 20);
    (void)buf_add_str(&piece, first);
    for (int i = 0; i < 1 << 20; i++)
        (void)buf_add_c(&piece, 'x');
    (void)buf_add_z(&piece, "\"}}]}}]}\n\n");
    struct codec *c = NULL;
    int r = codec_openai.decoder_new(&c);
    for (int i = 0; i < 8; i++)
        assert_int_equal(r = codec_openai.feed(c, buf_str(&piece), NULL, NULL), 0);
    assert_int_equal(codec_openai.feed(c, buf_str(&piece), NULL, NULL), -FAULT_CAP);
    codec_openai.decoder_free(c);
}

/* --- requests --- */

#define TASK "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"}]}"
#define THOUGHT "{\"type\":\"thinking\",\"text\":\"hm\",\"signature\":\"reasoning_content\"}"
#define CALLS                                                                                      \
    "{\"type\":\"call\",\"id\":\"i\",\"tool\":\"read\",\"input\":{\"p\":1}},{\"type\":\"call\",\"id\":\"k\",\"tool\":\"list\",\"input\":{}}"
#define RESULTS                                                                                                                                               \
    "{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"i\",\"tool\":\"read\",\"is_error\":false,\"content\":[{\"type\":\"text\",\"text\":\"r\"}," \
    "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]},{\"type\":\"result\",\"id\":\"k\",\"tool\":\"list\",\"is_error\":true,"            \
    "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}"
static const char conversation[] = "[" TASK ",{\"role\":\"assistant\",\"content\":[" THOUGHT
                                   ",{\"type\":\"text\",\"text\":\"t\"}," CALLS "]}," RESULTS "]";
#define SENT_CALLS                                                                                                           \
    "\"tool_calls\":[{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"read\",\"arguments\":\"{\\\"p\\\":1}\"}}," \
    "{\"id\":\"k\",\"type\":\"function\",\"function\":{\"name\":\"list\",\"arguments\":\"{}\"}}]"

static void a_conversation_becomes_messages(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_openai, conversation, "sys",
        "[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"system\",\"content\":\"sys\"},{\"role\":\"user\",\"content\":\"task\"},{\"role\":\"assistant\",\"content\":\"t\"," SENT_CALLS
        "},"
        "{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":\"r\"},{\"role\":\"tool\",\"tool_call_id\":\"k\",\"content\":\"Error: a\\nb\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Image that read returned:\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,aGk=\"}}]}]");
    wires_assert_json(
        json_object_get(body, "tools"),
        "[{\"type\":\"function\",\"function\":{\"name\":\"read\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}}]");
    wires_assert_json(json_object_get(body, "stream_options"), "{\"include_usage\":true}");
    wires_assert_json(json_object_get(body, "max_completion_tokens"), "99");
    assert_null(json_object_get(body, "max_tokens"));
}

static void others_get_their_thinking_back_and_no_images_of_tools(void **state)
{
    auto_json json_t *body = wires_request(&codec_openai_compatible, conversation, "", "[]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "messages"),
        "[{\"role\":\"user\",\"content\":\"task\"},{\"role\":\"assistant\",\"reasoning_content\":\"hm\",\"content\":\"t\"," SENT_CALLS
        "},"
        "{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":\"r\\n[image/png of about 3 bytes: this service takes no images in results]\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"k\",\"content\":\"Error: a\\nb\"}]");
    wires_assert_json(json_object_get(body, "max_tokens"), "99");
    assert_null(json_object_get(body, "max_completion_tokens"));
    assert_null(json_object_get(body, "tools"));
}

static void thinking_of_calls_that_are_over_stays_here(void **state)
{
    auto_json json_t *body = wires_request(&codec_openai_compatible,
                                           "[" TASK ",{\"role\":\"assistant\",\"content\":[" THOUGHT
                                           "," CALLS "]}," RESULTS "," TASK "]",
                                           "", "[]");
    (void)state;
    const json_t *message = json_array_get(json_object_get(body, "messages"), 1);
    assert_null(json_object_get(message, "reasoning_content"));
    assert_true(json_is_null(json_object_get(message, "content")));
}

static void an_image_of_the_person_goes_to_all(void **state)
{
    static const char said[] =
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what?\"},{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]}]";
    const struct codec_wire *const wires[] = {&codec_openai, &codec_openai_compatible};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        auto_json json_t *body = wires_request(wires[i], said, "", "[]");
        wires_assert_json(
            json_object_get(body, "messages"),
            "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,aGk=\"}}]}]");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_the_same_cut_anywhere_and_with_any_line_end),
        cmocka_unit_test(without_its_last_word_an_answer_of_openai_is_none),
        cmocka_unit_test(of_others_it_is_whole_when_it_said_why_it_ended),
        cmocka_unit_test(what_others_do_otherwise_is_understood),
        cmocka_unit_test(reasons_to_stop),
        cmocka_unit_test(an_error_inside_of_a_stream_is_a_failure),
        cmocka_unit_test(what_is_no_event_is_a_fault),
        cmocka_unit_test(calls_have_a_maximum),
        cmocka_unit_test(arguments_have_a_maximum_together),
        cmocka_unit_test(a_conversation_becomes_messages),
        cmocka_unit_test(others_get_their_thinking_back_and_no_images_of_tools),
        cmocka_unit_test(thinking_of_calls_that_are_over_stays_here),
        cmocka_unit_test(an_image_of_the_person_goes_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
