/* rooms: edge query wire base */
/* An agent's request body, as an owned agent may write it, on each wire: refused, or made into one that has nothing but what the
 * tables know, what the monitor said, and that is not larger than what was reserved for. */
#include "base/fault.h"
#include "edge/request.h"

/* Every member that any request of ours has, apart from what lies in the arguments and results of tools. */
static const char *const known[] = {"model",
                                    "max_tokens",
                                    "max_completion_tokens",
                                    "max_output_tokens",
                                    "stream",
                                    "stream_options",
                                    "include_usage",
                                    "store",
                                    "include",
                                    "generationConfig",
                                    "maxOutputTokens",
                                    "messages",
                                    "system",
                                    "input",
                                    "instructions",
                                    "contents",
                                    "systemInstruction",
                                    "role",
                                    "content",
                                    "parts",
                                    "type",
                                    "text",
                                    "thinking",
                                    "signature",
                                    "data",
                                    "id",
                                    "name",
                                    "tool_use_id",
                                    "is_error",
                                    "source",
                                    "media_type",
                                    "cache_control",
                                    "tool_calls",
                                    "function",
                                    "arguments",
                                    "tool_call_id",
                                    "image_url",
                                    "url",
                                    "reasoning_content",
                                    "reasoning",
                                    "call_id",
                                    "output",
                                    "summary",
                                    "encrypted_content",
                                    "thought",
                                    "thoughtSignature",
                                    "inlineData",
                                    "mimeType",
                                    "functionCall",
                                    "functionResponse",
                                    NULL};

static bool is_in(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static void check_value(const char *key, const json_t *value, unsigned depth)
{
    static const char *const free_objects[] = {"input", "args", "response", NULL};
    const char *name;
    size_t i;
    json_t *member;
    must(depth < 16);
    if (json_is_object(value) && is_in(key, free_objects))
        return;
    if (json_is_string(value) && (strcmp(key, "url") == 0 || strcmp(key, "image_url") == 0))
        must(str_starts(str_of(json_string_value(value)), STR("data:image/")));
    json_array_foreach((json_t *)(uintptr_t)value, i, member) check_value(key, member, depth + 1);
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        must(is_in(name, known) || is_in(name, free_objects));
        if (strcmp(name, "cache_control") == 0)
            must(json_object_size(member) == 1 &&
                 strcmp(json_string_value(json_object_get(member, "type")), "ephemeral") == 0);
        check_value(name, member, depth + 1);
    }
}

static void check_said(const char *wire, const json_t *body)
{
    bool is_gemini = strcmp(wire, "gemini") == 0;
    const json_t *holder = is_gemini ? json_object_get(body, "generationConfig") : body;
    const char *key = is_gemini                               ? "maxOutputTokens"
                      : strcmp(wire, "openai") == 0           ? "max_completion_tokens"
                      : strcmp(wire, "openai-responses") == 0 ? "max_output_tokens"
                                                              : "max_tokens";
    must(json_integer_value(json_object_get(holder, key)) == 256);
    must(is_gemini || strcmp(json_string_value(json_object_get(body, "model")), "m") == 0);
    must(is_gemini || json_is_true(json_object_get(body, "stream")));
    must(!json_object_get(body, "tools"));
}

static void check_wire(const char *wire, struct str given)
{
    const struct request request = {request_wire_find(wire), "m", 256, NULL, 0};
    auto_done(buf) struct buf out;
    auto_json json_t *body = NULL;
    buf_init(&out, (size_t)1 << 28);
    if (request_build(&request, given, &out, NULL) < 0)
        return;
    must((int64_t)out.len <= request_bound(request.wire, given, 0));
    must(json_parse(buf_str(&out), JSON_SIZE_MAX, &body, NULL) == 0);
    check_value("", body, 0);
    check_said(wire, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const wires[] = {"anthropic", "openai", "openai-compatible",
                                        "openai-responses", "gemini"};
    for (size_t i = 0; i < ARRAY_LEN(wires); i++)
        check_wire(wires[i], (struct str){(const char *)data, size});
    return 0;
}
