/* Anthropic Messages, streaming (API version 2023-06-01). Blocks of the conversation become content
 * blocks and back; thinking goes back unchanged with its signature. An `error` event inside a 200 stream
 * is a failure of the stream. A stream without message_stop is not an answer. */
#include "query/codec_parts.h"
#include "wire/sse.h"

#include <errno.h>

struct codec {
    struct sse sse;
    bool stopped; /* message_stop came */
    struct query_usage usage;
    query_sink sink; /* for the call under way */
    void *arg;
};

/* --- the request --- */

static own json_t *image_out(const json_t *image)
{
    return json_pack("{s:s, s:{s:s, s:O, s:O}}", "type", "image", "source", "type", "base64",
                     "media_type", json_object_get(image, "media_type"), "data",
                     json_object_get(image, "data"));
}

static own json_t *block_out(const json_t *block)
{
    const char *type = json_string_value(json_object_get(block, "type"));
    if (!type)
        return NULL;
    if (strcmp(type, "text") == 0)
        return json_pack("{s:s, s:O}", "type", "text", "text", json_object_get(block, "text"));
    if (strcmp(type, "thinking") == 0) {
        json_t *signature = json_object_get(block, "signature");
        return json_pack("{s:s, s:O, s:O*}", "type", "thinking", "thinking",
                         json_object_get(block, "text"), "signature", signature);
    }
    if (strcmp(type, "redacted") == 0)
        return json_pack("{s:s, s:O}", "type", "redacted_thinking", "data",
                         json_object_get(block, "data"));
    if (strcmp(type, "call") == 0)
        return json_pack("{s:s, s:O, s:O, s:O}", "type", "tool_use", "id",
                         json_object_get(block, "id"), "name", json_object_get(block, "tool"),
                         "input", json_object_get(block, "input"));
    return codec_is_image(block) ? image_out(block) : NULL;
}

static own json_t *result_piece_out(const json_t *piece)
{
    if (codec_is_image(piece))
        return image_out(piece);
    json_t *text = json_object_get(piece, "text");
    return json_pack("{s:s, s:O}", "type", "text", "text", text);
}

/* The service refuses a text of nothing; a result may be one. */
static bool is_empty_piece(const json_t *piece)
{
    return !codec_is_image(piece) && json_string_length(json_object_get(piece, "text")) == 0;
}

static own json_t *result_out(const json_t *block)
{
    json_t *pieces = json_array();
    size_t i;
    json_t *piece;
    json_array_foreach(json_object_get(block, "content"), i, piece)
    {
        if (!is_empty_piece(piece) && json_array_append_new(pieces, result_piece_out(piece))) {
            json_decref(pieces);
            return NULL;
        }
    }
    return json_pack("{s:s, s:O, s:o, s:b}", "type", "tool_result", "tool_use_id",
                     json_object_get(block, "id"), "content", pieces, "is_error",
                     json_is_true(json_object_get(block, "is_error")));
}

static own json_t *message_out(const json_t *message)
{
    json_t *content = json_array();
    size_t i;
    json_t *block;
    json_array_foreach(json_object_get(message, "content"), i, block)
    {
        if (json_array_append_new(content, codec_is_block(block, "result") ? result_out(block)
                                                                           : block_out(block))) {
            json_decref(content);
            return NULL;
        }
    }
    return json_pack("{s:O, s:o}", "role", json_object_get(message, "role"), "content", content);
}

static own json_t *messages_out(const json_t *conversation)
{
    json_t *messages = json_array();
    size_t i;
    json_t *message;
    json_array_foreach((json_t *)(uintptr_t)conversation, i, message)
    {
        if (json_array_append_new(messages, message_out(message))) {
            json_decref(messages);
            return NULL;
        }
    }
    return messages;
}

static int anthropic_request(const struct codec_request *r, struct buf *out)
{
    auto_json json_t *body = json_pack("{s:s, s:I, s:b, s:o}", "model", r->model, "max_tokens",
                                       (json_int_t)r->max_tokens, "stream", 1, "messages",
                                       messages_out(r->conversation));
    if (!body)
        return -ENOMEM;
    if (*r->system && json_object_set_new(body, "system", json_string(r->system)))
        return -ENOMEM;
    if (json_array_size(r->tools) && json_object_set(body, "tools", (json_t *)(uintptr_t)r->tools))
        return -ENOMEM;
    return json_print(body, out);
}

/* --- the answer --- */

static int emit(struct codec *c, struct query_event e)
{
    return c->sink(&e, c->arg);
}

static int take_usage(struct codec *c, const json_t *usage)
{
    static const struct {
        const char *key;
        size_t offset;
    } rows[] = {
        {"input_tokens", offsetof(struct query_usage, input)},
        {"output_tokens", offsetof(struct query_usage, output)},
        {"cache_read_input_tokens", offsetof(struct query_usage, cache_read)},
        {"cache_creation_input_tokens", offsetof(struct query_usage, cache_write)},
    };
    if (!usage)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t *slot = (int64_t *)(void *)((char *)&c->usage + rows[i].offset);
        if (json_get_i64(usage, rows[i].key, 0, INT64_MAX / 4, slot, NULL) < 0)
            return -FAULT_INPUT;
    }
    return emit(c, (struct query_event){.kind = QUERY_USAGE, .usage = c->usage});
}

static int on_message_start(struct codec *c, const json_t *data)
{
    return take_usage(c, json_object_get(json_object_get(data, "message"), "usage"));
}

static int on_block_start(struct codec *c, const json_t *data)
{
    const json_t *block = json_object_get(data, "content_block");
    struct str type = codec_str(block, "type");
    if (str_is(type, "tool_use"))
        return emit(c, (struct query_event){.kind = QUERY_CALL,
                                            .id = codec_str(block, "id"),
                                            .tool = codec_str(block, "name")});
    if (str_is(type, "redacted_thinking"))
        return emit(c,
                    (struct query_event){.kind = QUERY_REDACTED, .text = codec_str(block, "data")});
    struct str text = codec_str(block, str_is(type, "thinking") ? "thinking" : "text");
    if (text.len == 0)
        return 0;
    return emit(c,
                (struct query_event){.kind = str_is(type, "thinking") ? QUERY_THINKING : QUERY_TEXT,
                                     .text = text});
}

static int on_block_delta(struct codec *c, const json_t *data)
{
    static const struct {
        const char *type, *key;
        enum query_event_kind kind;
    } rows[] = {
        {"text_delta", "text", QUERY_TEXT},
        {"input_json_delta", "partial_json", QUERY_INPUT},
        {"thinking_delta", "thinking", QUERY_THINKING},
        {"signature_delta", "signature", QUERY_SIGNATURE},
    };
    const json_t *delta = json_object_get(data, "delta");
    struct str type = codec_str(delta, "type");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(type, rows[i].type))
            return emit(c, (struct query_event){.kind = rows[i].kind,
                                                .text = codec_str(delta, rows[i].key)});
    return 0; /* citations and what may come: not ours to act on */
}

static int on_block_stop(struct codec *c, const json_t *data)
{
    (void)data;
    return emit(c, (struct query_event){.kind = QUERY_BLOCK_END});
}

static int on_message_delta(struct codec *c, const json_t *data)
{
    static const struct {
        const char *name;
        enum query_stop stop;
    } rows[] = {
        {"end_turn", QUERY_END_TURN}, {"stop_sequence", QUERY_END_TURN},
        {"tool_use", QUERY_TOOL_USE}, {"max_tokens", QUERY_MAX_TOKENS},
        {"refusal", QUERY_REFUSAL},   {"model_context_window_exceeded", QUERY_MAX_TOKENS},
    };
    int r = take_usage(c, json_object_get(data, "usage"));
    if (r < 0)
        return r;
    struct str reason = codec_str(json_object_get(data, "delta"), "stop_reason");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(reason, rows[i].name))
            return emit(c, (struct query_event){.kind = QUERY_STOP, .stop = rows[i].stop});
    return 0;
}

static int on_message_stop(struct codec *c, const json_t *data)
{
    (void)data;
    c->stopped = true;
    return 0;
}

static int on_error(struct codec *c, const json_t *data)
{
    struct str type = codec_str(json_object_get(data, "error"), "type");
    enum query_error e = str_is(type, "overloaded_error")   ? QUERY_OVERLOADED
                         : str_is(type, "rate_limit_error") ? QUERY_RATE_LIMIT
                                                            : QUERY_SERVER;
    c->stopped = true;
    return emit(c, (struct query_event){.kind = QUERY_MODEL_END, .error = e});
}

static int on_sse(struct str event, struct str data, void *arg)
{
    static const struct {
        const char *name;
        int (*on)(struct codec *c, const json_t *data);
    } rows[] = {
        {"message_start", on_message_start},
        {"content_block_start", on_block_start},
        {"content_block_delta", on_block_delta},
        {"content_block_stop", on_block_stop},
        {"message_delta", on_message_delta},
        {"message_stop", on_message_stop},
        {"error", on_error},
    };
    struct codec *c = arg;
    if (c->stopped || str_is(event, "ping"))
        return 0;
    auto_json json_t *body = NULL;
    int r = json_parse(data, SSE_EVENT_MAX, &body, NULL);
    if (r < 0)
        return r;
    if (!json_is_object(body))
        return -FAULT_INPUT;
    struct str type = codec_str(body, "type");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(type, rows[i].name))
            return rows[i].on(c, body);
    return 0; /* new event types are allowed by the service's rules */
}

static int anthropic_new(own struct codec **ret)
{
    struct codec *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    sse_init(&c->sse, SSE_EVENT_MAX);
    *ret = c;
    return 0;
}

static void anthropic_free(own struct codec *c)
{
    if (!c)
        return;
    sse_done(&c->sse);
    free(c);
}

static int anthropic_feed(struct codec *c, struct str bytes, query_sink sink, void *arg)
{
    c->sink = sink;
    c->arg = arg;
    return sse_feed(&c->sse, bytes, on_sse, c);
}

static int anthropic_end(struct codec *c, query_sink sink, void *arg)
{
    (void)sink;
    (void)arg;
    (void)sse_end(&c->sse);
    return c->stopped ? 0 : -FAULT_INPUT;
}

const struct codec_wire codec_anthropic = {
    .name = "anthropic",
    .request = anthropic_request,
    .decoder_new = anthropic_new,
    .feed = anthropic_feed,
    .end = anthropic_end,
    .decoder_free = anthropic_free,
};
