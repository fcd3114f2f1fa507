/* The Responses wire. */
#include "wires.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define EVENT(type, members)                                                                       \
    "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":1," members "}\n\n"
#define ADDED(index, item)                                                                         \
    EVENT("response.output_item.added", "\"output_index\":" index ",\"item\":" item)
#define ITEM_DONE(index, item)                                                                     \
    EVENT("response.output_item.done", "\"output_index\":" index ",\"item\":" item)
#define TEXT(delta)                                                                                \
    EVENT("response.output_text.delta",                                                            \
          "\"output_index\":1,\"content_index\":0,\"delta\":\"" delta "\"")
#define ARGUMENTS(index, delta)                                                                    \
    EVENT("response.function_call_arguments.delta",                                                \
          "\"output_index\":" index ",\"delta\":\"" delta "\"")
#define FUNCTION(id, name, arguments)                                                              \
    "{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"" id "\",\"name\":\"" name            \
    "\",\"arguments\":\"" arguments "\"}"
#define USAGE                                                                                      \
    "\"usage\":{\"input_tokens\":120,\"input_tokens_details\":{\"cached_tokens\":100},\"output_tokens\":7,\"output_tokens_details\":{\"reasoning_tokens\":3},\"total_tokens\":127}"
#define COMPLETED EVENT("response.completed", "\"response\":{\"status\":\"completed\"," USAGE "}")
#define MESSAGE                                                                                                         \
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Gr\xc3\xbc\xc3\x9f" \
    "e\"}]}"

static const char answer[] = EVENT(
    "response.created",
    "\"response\":{\"status\":\"in_progress\"}") ADDED("0",
                                                       "{\"type\":\"reasoning\",\"summary\":[]}")
    EVENT("response.reasoning_summary_part.added", "\"summary_index\":0") EVENT(
        "response.reasoning_summary_text.delta",
        "\"delta\":\"hm\"") EVENT("response.reasoning_summary_part.added", "\"summary_index\":1")
        EVENT("response.reasoning_summary_text.delta", "\"delta\":\"so\"") ITEM_DONE(
            "0",
            "{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"encrypted_content\":\"Z0Fu+/==\"}")
            ADDED("1", "{\"type\":\"message\",\"content\":[]}") TEXT("Gr") TEXT("\xc3\xbc\\u00dfe")
                EVENT("response.output_text.done", "\"text\":\"x\"") ITEM_DONE("1", MESSAGE)
                    ADDED("2", FUNCTION("call_a", "read", "")) ARGUMENTS("2", "{\\\"pa")
                        ADDED("3", FUNCTION("call_b", "list", "")) ARGUMENTS("3", "{}")
                            ARGUMENTS("2", "th\\\":1}") EVENT(
                                "response.function_call_arguments.done", "\"arguments\":\"{}\"")
                                ITEM_DONE("2", FUNCTION("call_a", "read", "{\\\"path\\\":1}"))
                                    ITEM_DONE("3", FUNCTION("call_b", "list", "{}")) COMPLETED;
static const char meaning[] =
    "end\nthink hm\nthink \n\n\nthink so\nsignature Z0Fu+/==\nend\nend\ntext Gr\ntext \xc3\xbc\xc3\x9f"
    "e\nend\nend\nend\ncall call_a read\ninput {\"path\":1}\nend\ncall call_b list\ninput {}\nend\nusage 20 7 100 0\nend\nstop 2\n";

static void an_answer_means_the_same_cut_anywhere_and_with_any_line_end(void **state)
{
    (void)state;
    wires_assert_meaning(&codec_responses, answer, meaning);
}

static void without_its_end_event_there_is_no_answer(void **state)
{
    (void)state;
    wires_assert_cut(&codec_responses, answer, sizeof(answer) - 2);
}

static void ends_and_items_of_all_kinds(void **state)
{
    static const char *const rows[][2] = {
        {EVENT("response.incomplete",
               "\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"}," USAGE
               "}"),
         "usage 20 7 100 0\nend\nstop 3\n"},
        {EVENT("response.incomplete",
               "\"response\":{\"incomplete_details\":{\"reason\":\"content_filter\"}}"),
         "end\nstop 4\n"},
        {EVENT("response.failed",
               "\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}"),
         "failed server\n"},
        {EVENT("error", "\"code\":\"x\",\"message\":\"m\""), "failed server\n"},
        {EVENT("response.refusal.delta", "\"delta\":\"no\"") COMPLETED,
         "text no\nusage 20 7 100 0\nend\nstop 4\n"},
        /* servers that send no pieces */
        {ITEM_DONE("0",
                   "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\"}]}")
             COMPLETED,
         "text x\nend\nusage 20 7 100 0\nend\nstop 1\n"},
        {ITEM_DONE("0",
                   "{\"type\":\"message\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}")
             COMPLETED,
         "text no\nend\nusage 20 7 100 0\nend\nstop 4\n"},
        {ITEM_DONE(
             "0",
             "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"h\"}]}")
             COMPLETED,
         "think h\nend\nusage 20 7 100 0\nend\nstop 1\n"},
        {ITEM_DONE("0", FUNCTION("a", "read", "{}")) COMPLETED,
         "call a read\ninput {}\nend\nusage 20 7 100 0\nend\nstop 2\n"},
        /* servers that do not end their items, or do not number them */
        {ADDED("0", FUNCTION("a", "read", "")) ARGUMENTS("0", "{}") COMPLETED,
         "end\nusage 20 7 100 0\nend\ncall a read\ninput {}\nend\nstop 2\n"},
        {EVENT("response.output_item.done", "\"item\":" FUNCTION("a", "read", "{}"))
             EVENT("response.output_item.done", "\"item\":" FUNCTION("", "list", "{}")) COMPLETED,
         "call a read\ninput {}\nend\ncall call_1 list\ninput {}\nend\nusage 20 7 100 0\nend\nstop 2\n"},
        /* thinking in clear, thinking that is only encrypted, and items of the service that mean nothing here */
        {EVENT("response.reasoning_text.delta", "\"delta\":\"h\"") COMPLETED,
         "think h\nusage 20 7 100 0\nend\nstop 1\n"},
        {ADDED("0", "{\"type\":\"reasoning\"}") ITEM_DONE(
             "0", "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"e\"}") COMPLETED,
         "end\nsignature e\nend\nusage 20 7 100 0\nend\nstop 1\n"},
        {ITEM_DONE("0", "{\"type\":\"web_search_call\"}") COMPLETED "data: [DONE]\n\n",
         "end\nusage 20 7 100 0\nend\nstop 1\n"},
        {EVENT("response.completed", "\"response\":{}"), "end\nstop 1\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(wires_decode_z(&codec_responses, rows[i][0], &out), 0);
        assert_string_equal(buf_str(&out).at, rows[i][1]);
    }
}

static void what_is_no_event_is_a_fault(void **state)
{
    static const char *const rows[] = {
        "data: {\n\n", "data: [DONE]\n\n", "data: 1\n\n",
        EVENT("response.completed", "\"response\":{\"usage\":{\"input_tokens\":-1}}"),
        EVENT(
            "response.completed",
            "\"response\":{\"usage\":{\"input_tokens\":1,\"input_tokens_details\":{\"cached_tokens\":\"x\"}}}")};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        assert_int_equal(wires_decode_z(&codec_responses, rows[i], &out), -FAULT_INPUT);
    }
}

static void a_conversation_becomes_items(void **state)
{
    auto_json json_t *body = wires_request(
        &codec_responses,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"task\"},{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"text\":\"hm\",\"signature\":\"enc\"},{\"type\":\"thinking\",\"text\":\"\",\"signature\":\"enc2\"},"
        "{\"type\":\"thinking\",\"text\":\"in clear\"},{\"type\":\"redacted\",\"data\":\"d\"},{\"type\":\"text\",\"text\":\"t\"},"
        "{\"type\":\"call\",\"id\":\"i\",\"tool\":\"read\",\"input\":{\"p\":1}},{\"type\":\"call\",\"id\":\"k\",\"tool\":\"list\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"result\",\"id\":\"i\",\"tool\":\"read\",\"is_error\":false,\"content\":[{\"type\":\"text\",\"text\":\"r\"},"
        "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}]},{\"type\":\"result\",\"id\":\"k\",\"tool\":\"list\",\"is_error\":true,\"content\":[]}]}]",
        "sys",
        "[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]");
    (void)state;
    wires_assert_json(
        json_object_get(body, "input"),
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"task\"}]},"
        "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,aGk=\"}]},"
        "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":\"enc\"},"
        "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"enc2\"},"
        "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"t\"}]},"
        "{\"type\":\"function_call\",\"call_id\":\"i\",\"name\":\"read\",\"arguments\":\"{\\\"p\\\":1}\"},"
        "{\"type\":\"function_call\",\"call_id\":\"k\",\"name\":\"list\",\"arguments\":\"{}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"i\",\"output\":[{\"type\":\"input_text\",\"text\":\"r\"},"
        "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,aGk=\"}]},"
        "{\"type\":\"function_call_output\",\"call_id\":\"k\",\"output\":\"Error: \"}]");
    wires_assert_json(json_object_get(body, "instructions"), "\"sys\"");
    wires_assert_json(json_object_get(body, "store"), "false");
    wires_assert_json(json_object_get(body, "max_output_tokens"), "99");
    wires_assert_json(
        json_object_get(body, "tools"),
        "[{\"type\":\"function\",\"name\":\"read\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":false}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_the_same_cut_anywhere_and_with_any_line_end),
        cmocka_unit_test(without_its_end_event_there_is_no_answer),
        cmocka_unit_test(ends_and_items_of_all_kinds),
        cmocka_unit_test(what_is_no_event_is_a_fault),
        cmocka_unit_test(a_conversation_becomes_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
