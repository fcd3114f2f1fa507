/* Requests of the Chat Completions wire: the conversation as its messages. */
#include "query/codec_openai.h"

#include "query/codec_parts.h"

#include <errno.h>

static own json_t *function_out(const json_t *block)
{
    auto_done(buf) struct buf input;
    buf_init(&input, TURN_TEXT_MAX * 2);
    if (json_print(json_object_get(block, "input"), &input) < 0)
        return NULL;
    return json_pack("{s:O, s:s, s:{s:O, s:s%}}", "id", json_object_get(block, "id"), "type",
                     "function", "function", "name", json_object_get(block, "tool"), "arguments",
                     buf_str(&input).at, input.len);
}

/* Thinking goes back under the key that its signature names, within the calls that it belongs to. */
static int add_thinking(json_t *message, const json_t *block)
{
    struct str key = codec_str(block, "signature");
    for (size_t i = 0; i < OPENAI_THINKING_KEYS; i++)
        if (str_is(key, codec_openai_thinking_keys[i]) &&
            !json_object_get(message, codec_openai_thinking_keys[i]))
            return json_object_set(message, codec_openai_thinking_keys[i],
                                   json_object_get(block, "text"))
                       ? -ENOMEM
                       : 0;
    return 0;
}

static int assistant_out(const json_t *content, bool with_thinking, json_t *messages)
{
    auto_json json_t *calls = json_array();
    auto_done(buf) struct buf text;
    size_t i;
    json_t *block, *message = json_pack("{s:s}", "role", "assistant");
    int r = calls ? codec_append(messages, message) : -ENOMEM;
    buf_init(&text, (size_t)64 << 20);
    if (r < 0)
        return r;
    json_array_foreach((json_t *)(uintptr_t)content, i, block)
    {
        if (codec_is_block(block, "text"))
            (void)buf_add_str(&text, codec_str(block, "text"));
        else if (codec_is_block(block, "call"))
            r = codec_append(calls, function_out(block));
        else if (codec_is_block(block, "thinking") && with_thinking)
            r = add_thinking(message, block);
        if (r < 0)
            return r;
    }
    if ((r = buf_error(&text)) < 0)
        return r;
    json_t *said = text.len ? json_string_lossy(buf_str(&text)) : json_null();
    if (json_object_set_new(message, "content", said))
        return -ENOMEM;
    if (json_array_size(calls) && json_object_set(message, "tool_calls", calls))
        return -ENOMEM;
    return 0;
}

static own json_t *image_part(const json_t *image)
{
    return json_pack("{s:s, s:{s:o}}", "type", "image_url", "image_url", "url",
                     codec_data_url(image));
}

static own json_t *text_part(struct str text)
{
    return json_pack("{s:s, s:s%}", "type", "text", "text", text.at, text.len);
}

/* Images of a result, in a message of the person's: a result has only text on this wire. */
static int add_result_images(const json_t *result, json_t *parts)
{
    size_t i;
    json_t *piece;
    bool is_first = true;
    int r = 0;
    json_array_foreach(json_object_get(result, "content"), i, piece)
    {
        if (!codec_is_image(piece))
            continue;
        if (is_first)
            r = codec_append(
                parts, json_pack("{s:s, s:o}", "type", "text", "text",
                                 json_sprintf("Image that %s returned:",
                                              json_string_value(json_object_get(result, "tool")))));
        is_first = false;
        if (r == 0)
            r = codec_append(parts, image_part(piece));
        if (r < 0)
            return r;
    }
    return 0;
}

static int result_out(const json_t *result, bool is_compatible, json_t *messages, json_t *images)
{
    int r = codec_append(messages, json_pack("{s:s, s:O, s:o}", "role", "tool", "tool_call_id",
                                             json_object_get(result, "id"), "content",
                                             codec_result_text(result, is_compatible)));
    return r == 0 && !is_compatible ? add_result_images(result, images) : r;
}

/* One text is a string: that is what every server understands. */
static own json_t *parts_out(json_t *parts)
{
    json_t *only = json_array_size(parts) == 1 ? json_array_get(parts, 0) : NULL;
    return json_incref(codec_is_block(only, "text") ? json_object_get(only, "text") : parts);
}

static int user_out(const json_t *content, bool is_compatible, json_t *messages)
{
    auto_json json_t *parts = json_array();
    size_t i;
    json_t *block;
    int r = parts ? 0 : -ENOMEM;
    json_array_foreach((json_t *)(uintptr_t)content, i, block)
    {
        if (r == 0 && codec_is_block(block, "result"))
            r = result_out(block, is_compatible, messages, parts);
        else if (r == 0 && codec_is_block(block, "text"))
            r = codec_append(parts, text_part(codec_str(block, "text")));
        else if (r == 0 && codec_is_image(block))
            r = codec_append(parts, image_part(block));
    }
    if (r < 0 || json_array_size(parts) == 0)
        return r;
    return codec_append(messages,
                        json_pack("{s:s, s:o}", "role", "user", "content", parts_out(parts)));
}

/* The calls under way begin behind the last message of the person's. */
static size_t last_words(const json_t *conversation)
{
    size_t i, last = 0;
    json_t *message;
    json_array_foreach((json_t *)(uintptr_t)conversation, i, message)
    {
        const json_t *first = json_array_get(json_object_get(message, "content"), 0);
        if (str_is(codec_str(message, "role"), "user") && !codec_is_block(first, "result"))
            last = i;
    }
    return last;
}

static int messages_out(const struct codec_request *r, bool is_compatible, json_t *messages)
{
    size_t i, last = last_words(r->conversation);
    json_t *message;
    int e = 0;
    if (*r->system)
        e = codec_append(messages, json_pack("{s:s, s:s}", "role", "system", "content", r->system));
    json_array_foreach((json_t *)(uintptr_t)r->conversation, i, message)
    {
        const json_t *content = json_object_get(message, "content");
        if (e < 0)
            return e;
        e = str_is(codec_str(message, "role"), "assistant")
                ? assistant_out(content, is_compatible && i > last, messages)
                : user_out(content, is_compatible, messages);
    }
    return e;
}

static own json_t *tools_out(const json_t *tools)
{
    json_t *list = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool)
    {
        if (codec_append(list, json_pack("{s:s, s:{s:O, s:O*, s:O}}", "type", "function",
                                         "function", "name", json_object_get(tool, "name"),
                                         "description", json_object_get(tool, "description"),
                                         "parameters", json_object_get(tool, "input_schema"))) <
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int codec_openai_request(const struct codec_request *r, bool is_compatible, struct buf *out)
{
    auto_json json_t *messages = json_array();
    int e = messages ? messages_out(r, is_compatible, messages) : -ENOMEM;
    if (e < 0)
        return e;
    auto_json json_t *body =
        json_pack("{s:s, s:I, s:b, s:{s:b}, s:O}", "model", r->model,
                  is_compatible ? "max_tokens" : "max_completion_tokens", (json_int_t)r->max_tokens,
                  "stream", 1, "stream_options", "include_usage", 1, "messages", messages);
    if (!body)
        return -ENOMEM;
    if (json_array_size(r->tools) && json_object_set_new(body, "tools", tools_out(r->tools)))
        return -ENOMEM;
    return json_print(body, out);
}
