/* OpenAI Responses, streaming, without state on the service's side: what it thought comes as an encrypted
 * item and goes back as that. An answer ends with response.completed, response.incomplete or response.failed.
 * Text and thinking are handed on as they come; a call when its item is done. */
#include "query/codec_parts.h"
#include "wire/sse.h"

#include <errno.h>

struct codec {
    struct sse sse;
    struct calls calls;
    bool is_over, is_refusal, has_calls;
    bool item_has_text; /* a piece of the present item came already */
    struct query_usage usage;
    query_sink sink; /* for the call under way */
    void *arg;
};

/* --- the request --- */

static own json_t *text_item(const char *role, const char *type, const json_t *text)
{
    return json_pack("{s:s, s:s, s:[{s:s, s:O}]}", "type", "message", "role", role, "content",
                     "type", type, "text", text);
}

static own json_t *image_part(const json_t *image)
{
    return json_pack("{s:s, s:o}", "type", "input_image", "image_url", codec_data_url(image));
}

/* Without the encrypted part the service knows nothing of it: it is left out. */
static int add_thinking(const json_t *block, json_t *input)
{
    json_t *signature = json_object_get(block, "signature"), *summary = json_array();
    if (!signature) {
        json_decref(summary);
        return 0;
    }
    struct str text = codec_str(block, "text");
    if (text.len > 0 &&
        codec_append(summary, json_pack("{s:s, s:O}", "type", "summary_text", "text",
                                        json_object_get(block, "text"))) < 0) {
        json_decref(summary);
        return -ENOMEM;
    }
    return codec_append(input, json_pack("{s:s, s:o, s:O}", "type", "reasoning", "summary", summary,
                                         "encrypted_content", signature));
}

static own json_t *call_item(const json_t *block)
{
    auto_done(buf) struct buf arguments;
    buf_init(&arguments, TURN_TEXT_MAX * 2);
    if (json_print(json_object_get(block, "input"), &arguments) < 0)
        return NULL;
    return json_pack("{s:s, s:O, s:O, s:s%}", "type", "function_call", "call_id",
                     json_object_get(block, "id"), "name", json_object_get(block, "tool"),
                     "arguments", buf_str(&arguments).at, arguments.len);
}

/* A text, or a list when there are images. */
static own json_t *output_of(const json_t *result)
{
    auto_json json_t *list = json_array(), *text = codec_result_text(result, false);
    size_t i;
    json_t *piece;
    int r = list && text ? 0 : -ENOMEM;
    if (r == 0 && json_string_length(text) > 0)
        r = codec_append(list, json_pack("{s:s, s:O}", "type", "input_text", "text", text));
    size_t texts = json_array_size(list);
    json_array_foreach(json_object_get(result, "content"), i,
                       piece) if (r == 0 && codec_is_image(piece)) r =
        codec_append(list, image_part(piece));
    return r < 0 ? NULL : json_incref(json_array_size(list) > texts ? list : text);
}

static int block_out(const char *role, const json_t *block, json_t *input)
{
    bool is_theirs = strcmp(role, "assistant") == 0;
    if (codec_is_block(block, "text"))
        return codec_append(input, text_item(role, is_theirs ? "output_text" : "input_text",
                                             json_object_get(block, "text")));
    if (codec_is_image(block))
        return codec_append(input, json_pack("{s:s, s:s, s:[o]}", "type", "message", "role", role,
                                             "content", image_part(block)));
    if (codec_is_block(block, "thinking"))
        return add_thinking(block, input);
    if (codec_is_block(block, "call"))
        return codec_append(input, call_item(block));
    if (codec_is_block(block, "result"))
        return codec_append(input,
                            json_pack("{s:s, s:O, s:o}", "type", "function_call_output", "call_id",
                                      json_object_get(block, "id"), "output", output_of(block)));
    return 0; /* a redacted block is another wire's */
}

static int input_out(const json_t *conversation, json_t *input)
{
    size_t i, k;
    json_t *message, *block;
    json_array_foreach((json_t *)(uintptr_t)conversation, i, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        json_array_foreach(json_object_get(message, "content"), k, block)
        {
            int r = block_out(role, block, input);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static own json_t *tools_out(const json_t *tools)
{
    json_t *list = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool)
    {
        if (codec_append(list, json_pack("{s:s, s:O, s:O*, s:O, s:b}", "type", "function", "name",
                                         json_object_get(tool, "name"), "description",
                                         json_object_get(tool, "description"), "parameters",
                                         json_object_get(tool, "input_schema"), "strict", 0)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int responses_request(const struct codec_request *r, struct buf *out)
{
    auto_json json_t *input = json_array();
    int e = input ? input_out(r->conversation, input) : -ENOMEM;
    if (e < 0)
        return e;
    auto_json json_t *body =
        json_pack("{s:s, s:I, s:b, s:b, s:O}", "model", r->model, "max_output_tokens",
                  (json_int_t)r->max_tokens, "stream", 1, "store", 0, "input", input);
    if (!body)
        return -ENOMEM;
    if (*r->system && json_object_set_new(body, "instructions", json_string(r->system)))
        return -ENOMEM;
    if (json_array_size(r->tools) && json_object_set_new(body, "tools", tools_out(r->tools)))
        return -ENOMEM;
    return json_print(body, out);
}

/* --- the answer --- */

static int emit(struct codec *c, struct query_event e)
{
    return c->sink(&e, c->arg);
}

static int end_block(struct codec *c)
{
    return emit(c, (struct query_event){.kind = QUERY_BLOCK_END});
}

static int64_t index_of(const json_t *data)
{
    int64_t index = -1;
    return json_get_i64(data, "output_index", 0, INT32_MAX, &index, NULL) == 0 ? index : -1;
}

static int on_item_added(struct codec *c, const json_t *data)
{
    const json_t *item = json_object_get(data, "item");
    c->item_has_text = false;
    int r = end_block(c);
    if (r < 0 || !codec_is_block(item, "function_call"))
        return r;
    const struct calls_piece piece = {index_of(data), codec_str(item, "call_id"),
                                      codec_str(item, "name"), codec_str(item, "arguments"), true};
    return calls_add(&c->calls, &piece);
}

static int on_piece(struct codec *c, const json_t *data, enum query_event_kind kind)
{
    struct str text = codec_str(data, "delta");
    if (text.len == 0)
        return 0;
    c->item_has_text = true;
    return emit(c, (struct query_event){.kind = kind, .text = text});
}

static int on_text(struct codec *c, const json_t *data)
{
    return on_piece(c, data, QUERY_TEXT);
}

static int on_refusal(struct codec *c, const json_t *data)
{
    c->is_refusal = true;
    return on_piece(c, data, QUERY_TEXT);
}

static int on_thinking(struct codec *c, const json_t *data)
{
    return on_piece(c, data, QUERY_THINKING);
}

static int on_thinking_part(struct codec *c, const json_t *data)
{
    (void)data;
    if (!c->item_has_text)
        return 0;
    return emit(c, (struct query_event){.kind = QUERY_THINKING, .text = STR("\n\n")});
}

static int on_arguments(struct codec *c, const json_t *data)
{
    const struct calls_piece piece = {.index = index_of(data), .input = codec_str(data, "delta")};
    return calls_add(&c->calls, &piece);
}

/* A server that sends no pieces has it all in the item. */
static int texts_of(struct codec *c, const json_t *list, const char *key,
                    enum query_event_kind kind)
{
    size_t i;
    json_t *part;
    int r = 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, part)
    {
        struct str text = codec_str(part, key);
        if (r == 0 && text.len > 0)
            r = emit(c, (struct query_event){.kind = kind, .text = text});
    }
    return r;
}

static int on_message_done(struct codec *c, const json_t *item)
{
    const json_t *content = json_object_get(item, "content");
    size_t i;
    json_t *part;
    int r = 0;
    json_array_foreach((json_t *)(uintptr_t)content, i, part) if (codec_is_block(part, "refusal"))
        c->is_refusal = true;
    if (!c->item_has_text)
        r = texts_of(c, content, "text", QUERY_TEXT);
    if (r == 0 && !c->item_has_text)
        r = texts_of(c, content, "refusal", QUERY_TEXT);
    return r;
}

static int on_reasoning_done(struct codec *c, const json_t *item)
{
    struct str encrypted = codec_str(item, "encrypted_content");
    int r = 0;
    if (!c->item_has_text)
        r = texts_of(c, json_object_get(item, "summary"), "text", QUERY_THINKING);
    if (r == 0 && encrypted.len > 0)
        r = emit(c, (struct query_event){.kind = QUERY_SIGNATURE, .text = encrypted});
    return r;
}

static int on_call_done(struct codec *c, int64_t index, const json_t *item)
{
    const json_t *arguments = json_object_get(item, "arguments");
    const struct calls_piece piece = {index, codec_str(item, "call_id"), codec_str(item, "name"),
                                      codec_str(item, "arguments"), json_is_string(arguments)};
    int r = calls_add(&c->calls, &piece);
    c->has_calls = true;
    return r == 0 ? calls_emit_at(&c->calls, index, c->sink, c->arg) : r;
}

static int on_item_done(struct codec *c, const json_t *data)
{
    const json_t *item = json_object_get(data, "item");
    int r = 0;
    if (codec_is_block(item, "function_call"))
        return on_call_done(c, index_of(data), item);
    if (codec_is_block(item, "message"))
        r = on_message_done(c, item);
    else if (codec_is_block(item, "reasoning"))
        r = on_reasoning_done(c, item);
    c->item_has_text = false;
    return r == 0 ? end_block(c) : r;
}

/* Their input has what was read from the cache in it, ours does not. */
static int take_usage(struct codec *c, const json_t *usage)
{
    int64_t input = 0, output = 0, cached = 0;
    if (!json_is_object(usage))
        return 0;
    int r = codec_count(usage, "input_tokens", &input);
    if (r == 0)
        r = codec_count(usage, "output_tokens", &output);
    if (r == 0)
        r = codec_count(json_object_get(usage, "input_tokens_details"), "cached_tokens", &cached);
    if (r < 0)
        return r;
    if (cached > input)
        cached = input;
    c->usage = (struct query_usage){input - cached, output, cached, 0};
    return emit(c, (struct query_event){.kind = QUERY_USAGE, .usage = c->usage});
}

static int finish(struct codec *c, const json_t *data, enum query_stop stop)
{
    c->is_over = true;
    bool has_calls = c->has_calls || c->calls.count > 0;
    if (c->is_refusal)
        stop = QUERY_REFUSAL;
    else if (stop == QUERY_END_TURN && has_calls)
        stop = QUERY_TOOL_USE;
    int r = take_usage(c, json_object_get(json_object_get(data, "response"), "usage"));
    if (r == 0)
        r = end_block(c);
    if (r == 0)
        r = calls_emit(&c->calls, c->sink, c->arg);
    return r == 0 ? emit(c, (struct query_event){.kind = QUERY_STOP, .stop = stop}) : r;
}

static int on_completed(struct codec *c, const json_t *data)
{
    return finish(c, data, QUERY_END_TURN);
}

static int on_incomplete(struct codec *c, const json_t *data)
{
    const json_t *response = json_object_get(data, "response");
    struct str reason = codec_str(json_object_get(response, "incomplete_details"), "reason");
    return finish(c, data, str_is(reason, "content_filter") ? QUERY_REFUSAL : QUERY_MAX_TOKENS);
}

/* What class it is, egress says; this is for when nobody does. */
static int on_failed(struct codec *c, const json_t *data)
{
    (void)data;
    c->is_over = true;
    return emit(c, (struct query_event){.kind = QUERY_MODEL_END, .error = QUERY_SERVER});
}

static int on_sse(struct str event, struct str data, void *arg)
{
    static const struct {
        const char *name;
        int (*on)(struct codec *c, const json_t *data);
    } rows[] = {
        {"response.output_item.added", on_item_added},
        {"response.output_text.delta", on_text},
        {"response.refusal.delta", on_refusal},
        {"response.reasoning_summary_text.delta", on_thinking},
        {"response.reasoning_text.delta", on_thinking},
        {"response.reasoning_summary_part.added", on_thinking_part},
        {"response.function_call_arguments.delta", on_arguments},
        {"response.output_item.done", on_item_done},
        {"response.completed", on_completed},
        {"response.incomplete", on_incomplete},
        {"response.failed", on_failed},
        {"response.cancelled", on_failed},
        {"error", on_failed},
    };
    struct codec *c = arg;
    auto_json json_t *body = NULL;
    (void)event; /* the data says its own type */
    if (c->is_over)
        return 0;
    int r = json_parse(data, SSE_EVENT_MAX, &body, NULL);
    if (r == 0 && !json_is_object(body))
        r = -FAULT_INPUT;
    if (r < 0)
        return r;
    struct str type = codec_str(body, "type");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(type, rows[i].name))
            return rows[i].on(c, body);
    return 0; /* new event types are allowed by the service's rules */
}

static int responses_new(own struct codec **ret)
{
    struct codec *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    sse_init(&c->sse, SSE_EVENT_MAX);
    calls_init(&c->calls);
    *ret = c;
    return 0;
}

static void responses_free(own struct codec *c)
{
    if (!c)
        return;
    sse_done(&c->sse);
    calls_done(&c->calls);
    free(c);
}

static int responses_feed(struct codec *c, struct str bytes, query_sink sink, void *arg)
{
    c->sink = sink;
    c->arg = arg;
    return sse_feed(&c->sse, bytes, on_sse, c);
}

static int responses_end(struct codec *c, query_sink sink, void *arg)
{
    (void)sink;
    (void)arg;
    (void)sse_end(&c->sse);
    return c->is_over ? 0 : -FAULT_INPUT;
}

const struct codec_wire codec_responses = {
    .name = "openai-responses",
    .request = responses_request,
    .decoder_new = responses_new,
    .feed = responses_feed,
    .end = responses_end,
    .decoder_free = responses_free,
};
