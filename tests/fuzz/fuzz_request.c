/* rooms: edge query wire base */
/* An agent's request body, as an owned agent may write it: refused, or made into one that has nothing but what the table of the
 * wire knows and is not larger than what was reserved for. */
#include "base/fault.h"
#include "edge/request.h"

static void check_known(const json_t *value, const char *const *words)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        bool is_known = false;
        for (size_t i = 0; words[i] != NULL; i++)
            is_known = is_known || strcmp(words[i], key) == 0;
        must(is_known);
    }
}

static void check_blocks(const json_t *blocks, unsigned depth)
{
    static const char *const members[] = {"type", "text", "thinking", "signature", "data", "id", "name", "input", "tool_use_id", "content", "is_error", "source", NULL};
    size_t i;
    json_t *block;
    must(depth < 4);
    json_array_foreach((json_t *)(uintptr_t)blocks, i, block)
    {
        check_known(block, members);
        must(json_string_value(json_object_get(block, "type")) != NULL);
        const json_t *source = json_object_get(block, "source");
        must(source == NULL || strcmp(json_string_value(json_object_get(source, "type")), "base64") == 0);
        check_blocks(json_object_get(block, "content"), depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const members[] = {"model", "max_tokens", "stream", "messages", "system", NULL};
    static const char *const of_message[] = {"role", "content", NULL};
    struct str given = {(const char *)data, size};
    const struct request request = {request_wire_find("anthropic"), "m", 256, NULL};
    auto_done(buf) struct buf out;
    auto_json json_t *body = NULL;
    buf_init(&out, (size_t)1 << 28);
    if (request_build(&request, given, &out, NULL) < 0)
        return 0;
    must((int64_t)out.len <= request_bound(given));
    must(json_parse(buf_str(&out), JSON_SIZE_MAX, &body, NULL) == 0);
    check_known(body, members);
    must(strcmp(json_string_value(json_object_get(body, "model")), "m") == 0 && json_integer_value(json_object_get(body, "max_tokens")) == 256);
    size_t i;
    json_t *message;
    json_array_foreach(json_object_get(body, "messages"), i, message)
    {
        check_known(message, of_message);
        check_blocks(json_object_get(message, "content"), 0);
    }
    return 0;
}
