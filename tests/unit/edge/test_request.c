/* Requests that an owned agent may write, on each wire: what is its to say gets through, what is not is left out or refuses. */
#include "edge/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TASK_ANTHROPIC "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}]}"
#define LONG                                                                                       \
    "                                                                                                                                        "

static int build(const char *wire, const char *model, const char *given, json_t **ret)
{
    auto_json json_t *tools = json_loads(
        "[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]", 0,
        NULL);
    const struct request r = {request_wire_find(wire), model, 777, tools, 0};
    auto_done(buf) struct buf out, padded;
    struct fault why = {0};
    buf_init(&out, 1 << 20);
    buf_init(&padded, 1 << 20); /* as long as one with tools in it */
    (void)buf_addf(&padded, "%s" LONG LONG LONG LONG, given);
    int e = request_build(&r, buf_str(&padded), &out, &why);
    if (e < 0)
        assert_true(why.text[0] != '\0');
    else if (ret)
        assert_int_equal(json_parse(buf_str(&out), 1 << 20, ret, NULL), 0);
    return e;
}

static void assert_built(const char *wire, const char *model, const char *given, const char *want)
{
    auto_json json_t *body = NULL, *expected = json_loads(want, 0, NULL);
    assert_non_null(expected);
    assert_int_equal(build(wire, model, given, &body), 0);
    if (!json_equal(body, expected)) {
        char *dump = json_dumps(body, 0);
        fail_msg("is %s", dump);
    }
}

#define CHAT_TOOLS                                                                                 \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"read\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}}]"
#define FUNCTION_TOOL                                                                              \
    "{\"type\":\"function\",\"name\":\"read\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":false}"
/* What an agent may add; nothing of it is in any request. */
#define EXTRAS                                                                                                                                            \
    "\"model\":\"dear\",\"max_tokens\":9999999,\"max_completion_tokens\":9999999,\"max_output_tokens\":9999999,\"n\":50,\"stream\":false,"                \
    "\"tools\":[{\"type\":\"web_search\"}],\"store\":true,\"previous_response_id\":\"r\",\"conversation\":\"c\",\"include\":[\"x\"],\"background\":true," \
    "\"service_tier\":\"priority\",\"generationConfig\":{\"candidateCount\":8},\"cachedContent\":\"cachedContents/x\",\"container\":\"c\","               \
    "\"mcp_servers\":[{\"url\":\"http://x\"}],\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"},"

static void model_tools_and_limits_are_the_monitors(void **state)
{
    (void)state;
    assert_built(
        "anthropic", "m", "{" EXTRAS "\"system\":\"s\",\"messages\":[" TASK_ANTHROPIC "]}",
        "{\"model\":\"m\",\"max_tokens\":777,\"stream\":true,\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\"}}]}],"
        "\"tools\":[{\"name\":\"read\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]}");
    assert_built(
        "openai", "m",
        "{" EXTRAS "\"messages\":[{\"role\":\"user\",\"content\":\"t\",\"name\":\"x\"}]}",
        "{\"model\":\"m\",\"max_completion_tokens\":777,\"stream\":true,\"stream_options\":{\"include_usage\":true},"
        "\"messages\":[{\"role\":\"user\",\"content\":\"t\"}]," CHAT_TOOLS "}");
    assert_built(
        "openai-compatible", "m",
        "{" EXTRAS "\"messages\":[{\"role\":\"user\",\"content\":\"t\"}]}",
        "{\"model\":\"m\",\"max_tokens\":777,\"stream\":true,\"stream_options\":{\"include_usage\":true},"
        "\"messages\":[{\"role\":\"user\",\"content\":\"t\"}]," CHAT_TOOLS "}");
    assert_built(
        "openai-responses", "gpt-4.1",
        "{" EXTRAS
        "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"t\"}]}]}",
        "{\"model\":\"gpt-4.1\",\"max_output_tokens\":777,\"stream\":true,\"store\":false,"
        "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"t\"}]}],\"tools\":[" FUNCTION_TOOL
        "]}");
    assert_built(
        "gemini", "m",
        "{" EXTRAS
        "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"t\",\"videoMetadata\":{}}]}]}",
        "{\"generationConfig\":{\"maxOutputTokens\":777},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"t\"}]}],"
        "\"tools\":[{\"functionDeclarations\":[{\"name\":\"read\",\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}]}");
}

static void encrypted_thoughts_are_asked_for_of_models_that_think(void **state)
{
    static const struct {
        const char *model;
        bool thinks;
    } rows[] = {{"gpt-5.1", true},  {"gpt-5-mini", true},     {"o3", true},
                {"o4-mini", true},  {"openai/gpt-5.2", true}, {"codex-mini", true},
                {"gpt-4.1", false}, {"gpt-4o-mini", false},   {"gpt-5-chat", false},
                {"omni", false},    {"openai/gpt-4o", false}, {"gpt-", false},
                {"o", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *body = NULL;
        assert_int_equal(build("openai-responses", rows[i].model, "{\"input\":[]}", &body), 0);
        if ((json_object_get(body, "include") != NULL) != rows[i].thinks)
            fail_msg("%s", rows[i].model);
    }
}

static void the_last_two_messages_of_the_person_are_marked_for_the_cache(void **state)
{
    auto_json json_t *body = NULL;
    (void)state;
    assert_int_equal(
        build(
            "anthropic", "m",
            "{\"messages\":[" TASK_ANTHROPIC
            ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"read\",\"input\":{}}]},"
            "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"content\":\"a\"},{\"type\":\"tool_result\",\"tool_use_id\":\"k\",\"content\":\"b\"}]},"
            "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"s\"}]}," TASK_ANTHROPIC
            "]}",
            &body),
        0);
    static const int marked[5][2] = {{0, 0}, {0, 0}, {0, 1}, {0, 0}, {1, 0}};
    size_t i, k;
    json_t *message, *block;
    json_array_foreach(json_object_get(body, "messages"), i, message)
        json_array_foreach(json_object_get(message, "content"), k, block)
            assert_int_equal(json_object_get(block, "cache_control") != NULL, marked[i][k]);
}

static void kinds_that_no_conversation_of_ours_has_refuse_the_request(void **state)
{
    static const char *const rows[][2] = {
        {"anthropic",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"http://x\"}}]}]}"},
        {"anthropic",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://x\"}}]}]}"},
        {"anthropic",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"aGk=\"}}]}]}"},
        {"anthropic", "{\"messages\":[{\"role\":\"system\",\"content\":[]}]}"},
        {"anthropic", "{\"messages\":[{\"role\":\"user\",\"content\":\"t\"}]}"},
        {"anthropic", "{\"messages\":{}}"},
        {"anthropic", "{\"messages\":[7]}"},
        {"anthropic",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"content\":[{\"type\":\"tool_result\"}]}]}]}"},
        {"anthropic", "{\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[]}"},
        {"anthropic", "{}"},
        {"anthropic", "[]"},
        {"anthropic", "{\"messages\":["},
        {"openai", "{\"messages\":[{\"role\":\"developer\",\"content\":\"x\"}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:text/html;base64,aGk=\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,https://x\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https:image/png;base64,aGk=\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,a b\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,aGk=\"}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"i\",\"type\":\"custom\"}]}]}"},
        {"openai", "{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":[]}]}"},
        {"openai-responses", "{\"input\":\"t\"}"},
        {"openai-responses", "{\"input\":[{\"type\":\"item_reference\",\"id\":\"rs_1\"}]}"},
        {"openai-responses",
         "{\"input\":[{\"type\":\"message\",\"role\":\"developer\",\"content\":[]}]}"},
        {"openai-responses",
         "{\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_url\":\"http://x\"}]}]}"},
        {"openai-responses",
         "{\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"http://x\"}]}]}"},
        {"openai-responses", "{\"input\":[{\"type\":\"computer_call\"}]}"},
        {"openai-responses", "{\"input\":[{\"type\":\"mcp_approval_response\",\"approve\":true}]}"},
        {"gemini",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"aGk=\"}}]}]}"},
        {"gemini",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"aGk=\"}}]}]}"},
        {"gemini", "{\"contents\":[{\"role\":\"system\",\"parts\":[]}]}"},
        {"gemini",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"functionCall\":{\"args\":[]}}]}]}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (build(rows[i][0], "m", rows[i][1], NULL) != -FAULT_INPUT)
            fail_msg("row %zu is taken: %s", i, rows[i][1]);
}

/* By its id or URL a file is nobody's who wrote it here. */
static void members_that_are_not_named_are_left_out(void **state)
{
    (void)state;
    assert_built(
        "openai-responses", "m",
        "{\"input\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\",\"detail\":\"high\"}]},"
        "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"e\"}]}",
        "{\"model\":\"m\",\"max_output_tokens\":777,\"stream\":true,\"store\":false,\"tools\":[" FUNCTION_TOOL
        "],"
        "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]},{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"e\"}]}");
    assert_built(
        "gemini", "m",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"fileData\":{\"fileUri\":\"gs://x\"}},{\"executableCode\":{}}]}]}",
        "{\"generationConfig\":{\"maxOutputTokens\":777},\"contents\":[{\"role\":\"user\",\"parts\":[{},{}]}],"
        "\"tools\":[{\"functionDeclarations\":[{\"name\":\"read\",\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}]}");
}

/* An image costs more than its bytes; one that is written so that it is not seen refuses the request. */
static void images_are_reserved_for_or_refused(void **state)
{
    static const char *const rows[][2] = {
        {"anthropic",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\"%:\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"aGk=\"}}]}]}"},
        {"openai",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\"%:{\"url\":\"data:image/png;base64,aGk=\"}}]}]}"},
        {"openai-compatible",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\"%:{\"url\":\"data:image/png;base64,aGk=\"}}]}]}"},
        {"openai-responses",
         "{\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\"%:\"input_image\",\"image_url\":\"data:image/png;base64,aGk=\"}]}]}"},
        {"gemini",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\"%:{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}}]}]}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char plain[512], hidden[512];
        struct str before, after; /* where a space changes the look, and not the meaning */
        assert_true(str_split(str_of(rows[i][1]), '%', &before, &after));
        snprintf(plain, sizeof(plain), "%.*s%.*s", STR_FMT(before), STR_FMT(after));
        snprintf(hidden, sizeof(hidden), "%.*s %.*s", STR_FMT(before), STR_FMT(after));
        const struct request_wire *wire = request_wire_find(rows[i][0]);
        assert_true(request_bound(wire, str_of(plain), 0) >=
                    request_bound(wire, str_of(hidden), 0) + 4000);
        assert_int_equal(build(rows[i][0], "m", plain, NULL), 0);
        assert_int_equal(build(rows[i][0], "m", hidden, NULL), -FAULT_INPUT);
    }
}

/* Names and texts of all kinds, so that what a writer escapes is among them. */
static own json_t *many_tools(void)
{
    json_t *list = json_array();
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof(name), "t%d", i);
        json_t *one = json_pack("{s:s, s:s, s:{s:s, s:{s:{s:s}}}}", "name", name, "description",
                                i % 2 ? "\"\\/\n\t\x01\x7f \u20ac \U0001f600" : "", "input_schema",
                                "type", "object", "properties", "a/b", "pattern", "^\\d\"$");
        assert_int_equal(json_array_append_new(list, one), 0);
    }
    return list;
}

static void what_was_reserved_for_the_tools_covers_them_in_every_wire(void **state)
{
    static const char *const rows[][2] = {
        {"anthropic", "{\"messages\":[" TASK_ANTHROPIC "]}"},
        {"openai", "{\"messages\":[{\"role\":\"user\",\"content\":\"t\"}]}"},
        {"openai-compatible", "{\"messages\":[{\"role\":\"user\",\"content\":\"t\"}]}"},
        {"openai-responses",
         "{\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"t\"}]}]}"},
        {"gemini", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"t\"}]}]}"},
    };
    auto_json json_t *tools = many_tools();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct request r = {request_wire_find(rows[i][0]), "m", 777, tools,
                            request_tools_bytes(tools)};
        auto_done(buf) struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(request_build(&r, str_of(rows[i][1]), &out, NULL), 0);
        buf_reset(&out);
        r.tools_bytes = 0;
        assert_int_equal(request_build(&r, str_of(rows[i][1]), &out, NULL), -FAULT_INPUT);
    }
}

static void a_model_has_its_place_in_the_path_and_no_other(void **state)
{
    static const struct {
        const char *wire, *model, *path;
    } rows[] = {
        {"anthropic", "a/b?c", "/v1/messages"},
        {"openai", "a/b?c", "/chat/completions"},
        {"openai-compatible", "llama3.2:3b", "/chat/completions"},
        {"openai-responses", "gpt-5.1", "/responses"},
        {"gemini", "gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
        {"gemini", "models/gemini-2.5-pro",
         "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
        {"gemini", "tunedModels/x-1", "/v1beta/tunedModels/x-1:streamGenerateContent?alt=sse"},
        {"gemini", "x?key=1", NULL},
        {"gemini", "x:batchGenerateContent", NULL},
        {"gemini", "../x", NULL},
        {"gemini", "a b", NULL},
        {"gemini", "x%2e", NULL},
        {"gemini", "x#", NULL},
        {"gemini", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *path = NULL;
        struct fault why = {0};
        int r = request_path(request_wire_find(rows[i].wire), rows[i].model, &path, &why);
        assert_int_equal(r, rows[i].path ? 0 : -FAULT_CONFIG);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_tools_and_limits_are_the_monitors),
        cmocka_unit_test(encrypted_thoughts_are_asked_for_of_models_that_think),
        cmocka_unit_test(the_last_two_messages_of_the_person_are_marked_for_the_cache),
        cmocka_unit_test(kinds_that_no_conversation_of_ours_has_refuse_the_request),
        cmocka_unit_test(members_that_are_not_named_are_left_out),
        cmocka_unit_test(images_are_reserved_for_or_refused),
        cmocka_unit_test(what_was_reserved_for_the_tools_covers_them_in_every_wire),
        cmocka_unit_test(a_model_has_its_place_in_the_path_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
