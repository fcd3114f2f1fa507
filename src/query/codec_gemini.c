/* Gemini streamGenerateContent as server-sent events (v1beta). There is no end event: an answer is whole when
 * the stream ends and the last candidate had a finishReason. Signatures of thoughts stand at parts (of text or
 * calls); each goes back at the part it came with, so such a part is a block of its own. Calls have no id, or one. */
#include "query/codec_parts.h"
#include "wire/sse.h"

#include <errno.h>
#include <stdio.h>

struct codec {
    struct sse sse;
    bool is_over, is_finished, has_calls;
    enum query_stop stop;
    enum query_error error; /* of the finishReason; QUERY_OK = none */
    struct query_usage usage;
    query_sink sink; /* for the call under way */
    void *arg;
};

/* --- the request --- */

static own json_t *signed_part(const json_t *block, own json_t *part)
{
    json_t *signature = json_object_get(block, "signature");
    if (part && signature && json_object_set(part, "thoughtSignature", signature)) {
        json_decref(part);
        return NULL;
    }
    return part;
}

static own json_t *image_part(const json_t *image)
{
    return json_pack("{s:{s:O, s:O}}", "inlineData", "mimeType",
                     json_object_get(image, "media_type"), "data", json_object_get(image, "data"));
}

/* Thoughts without a signature mean nothing to the service. An empty one carried only the signature. */
static int add_thinking(const json_t *block, json_t *parts)
{
    json_t *text = json_object_get(block, "text");
    if (!json_object_get(block, "signature"))
        return 0;
    json_t *part = json_string_length(text) > 0
                       ? json_pack("{s:O, s:b}", "text", text, "thought", 1)
                       : json_pack("{s:O}", "text", text);
    return codec_append(parts, signed_part(block, part));
}

static own json_t *call_part(const json_t *block)
{
    json_t *id = json_object_get(block, "id");
    json_t *part =
        json_pack("{s:{s:O, s:O}}", "functionCall", "name", json_object_get(block, "tool"), "args",
                  json_object_get(block, "input"));
    if (part && json_string_length(id) > 0 &&
        json_object_set(json_object_get(part, "functionCall"), "id", id)) {
        json_decref(part);
        return NULL;
    }
    return signed_part(block, part);
}

static own json_t *result_part(const json_t *result)
{
    json_t *id = json_object_get(result, "id");
    bool is_error = json_is_true(json_object_get(result, "is_error"));
    json_t *part =
        json_pack("{s:{s:O, s:{s:o}}}", "functionResponse", "name", json_object_get(result, "tool"),
                  "response", is_error ? "error" : "output", codec_result_text(result, false));
    if (part && json_string_length(id) > 0 &&
        json_object_set(json_object_get(part, "functionResponse"), "id", id)) {
        json_decref(part);
        return NULL;
    }
    return part;
}

static int add_images(const json_t *result, json_t *images)
{
    size_t i;
    json_t *piece;
    int r = 0;
    json_array_foreach(json_object_get(result, "content"), i,
                       piece) if (r == 0 && codec_is_image(piece)) r =
        codec_append(images, image_part(piece));
    return r;
}

/* Images of results stand behind all results: a result itself has only text. */
static int block_out(const json_t *block, json_t *parts, json_t *images)
{
    if (codec_is_block(block, "text"))
        return codec_append(
            parts, signed_part(block, json_pack("{s:O}", "text", json_object_get(block, "text"))));
    if (codec_is_image(block))
        return codec_append(parts, image_part(block));
    if (codec_is_block(block, "thinking"))
        return add_thinking(block, parts);
    if (codec_is_block(block, "call"))
        return codec_append(parts, call_part(block));
    if (!codec_is_block(block, "result"))
        return 0; /* a redacted block is another wire's */
    int r = codec_append(parts, result_part(block));
    return r == 0 ? add_images(block, images) : r;
}

static int message_out(const json_t *message, json_t *contents)
{
    auto_json json_t *parts = json_array(), *images = json_array();
    bool is_theirs = str_is(codec_str(message, "role"), "assistant");
    size_t i;
    json_t *block;
    int r = parts && images ? 0 : -ENOMEM;
    json_array_foreach(json_object_get(message, "content"), i, block) if (r == 0) r =
        block_out(block, parts, images);
    if (r == 0 && json_array_extend(parts, images))
        r = -ENOMEM;
    if (r < 0 || json_array_size(parts) == 0)
        return r;
    return codec_append(
        contents, json_pack("{s:s, s:O}", "role", is_theirs ? "model" : "user", "parts", parts));
}

static own json_t *tools_out(const json_t *tools)
{
    auto_json json_t *list = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool)
    {
        if (codec_append(list, json_pack("{s:O, s:O*, s:O}", "name", json_object_get(tool, "name"),
                                         "description", json_object_get(tool, "description"),
                                         "parametersJsonSchema",
                                         json_object_get(tool, "input_schema"))) < 0)
            return NULL;
    }
    return json_pack("[{s:O}]", "functionDeclarations", list);
}

static int gemini_request(const struct codec_request *r, struct buf *out)
{
    auto_json json_t *contents = json_array();
    size_t i;
    json_t *message;
    int e = contents ? 0 : -ENOMEM;
    json_array_foreach((json_t *)(uintptr_t)r->conversation, i, message) if (e == 0) e =
        message_out(message, contents);
    if (e < 0)
        return e;
    auto_json json_t *body = json_pack("{s:{s:I}, s:O}", "generationConfig", "maxOutputTokens",
                                       (json_int_t)r->max_tokens, "contents", contents);
    if (!body)
        return -ENOMEM;
    if (*r->system && json_object_set_new(body, "systemInstruction",
                                          json_pack("{s:[{s:s}]}", "parts", "text", r->system)))
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

static int sign(struct codec *c, struct str signature)
{
    return signature.len ? emit(c, (struct query_event){.kind = QUERY_SIGNATURE, .text = signature})
                         : 0;
}

static int on_call(struct codec *c, const json_t *call, struct str signature)
{
    const json_t *args = json_object_get(call, "args");
    auto_done(buf) struct buf input;
    buf_init(&input, SSE_EVENT_MAX * 2);
    c->has_calls = true;
    int r = emit(c, (struct query_event){.kind = QUERY_CALL,
                                         .id = codec_str(call, "id"),
                                         .tool = codec_str(call, "name")});
    if (r == 0 && args && !json_is_null(args)) {
        if ((r = json_print(args, &input)) == 0)
            r = emit(c, (struct query_event){.kind = QUERY_INPUT, .text = buf_str(&input)});
    }
    if (r == 0)
        r = sign(c, signature);
    return r == 0 ? end_block(c) : r;
}

/* What a model made that is no text cannot be kept in a conversation of ours; that it was there is told. */
static int on_data(struct codec *c, const json_t *data)
{
    char note[160];
    struct str type = codec_str(data, "mimeType");
    int n =
        snprintf(note, sizeof(note), "[the model sent %.*s of about %zu bytes; it is not kept]",
                 type.len > 60 ? 60 : (int)type.len, type.at, codec_str(data, "data").len / 4 * 3);
    return emit(c, (struct query_event){.kind = QUERY_TEXT, .text = {note, (size_t)n}});
}

static int on_part(struct codec *c, const json_t *part)
{
    struct str text = codec_str(part, "text"), signature = codec_str(part, "thoughtSignature");
    const json_t *call = json_object_get(part, "functionCall");
    const json_t *data = json_object_get(part, "inlineData");
    bool is_thought = json_is_true(json_object_get(part, "thought"));
    int r = signature.len > 0 || call ? end_block(c) : 0;
    if (r < 0)
        return r;
    if (json_is_object(call))
        return on_call(c, call, signature);
    if (json_is_object(data))
        r = on_data(c, data);
    else if (text.len > 0)
        r = emit(c, (struct query_event){.kind = is_thought ? QUERY_THINKING : QUERY_TEXT,
                                         .text = text});
    if (r < 0 || signature.len == 0)
        return r;
    r = sign(c, signature);
    return r == 0 ? end_block(c) : r;
}

/* finishReason; what no row names was an ordinary end. */
static const struct {
    const char *name;
    enum query_stop stop;
    enum query_error error;
} reasons[] = {
    {"MAX_TOKENS", QUERY_MAX_TOKENS, QUERY_OK},
    {"SAFETY", QUERY_REFUSAL, QUERY_OK},
    {"RECITATION", QUERY_REFUSAL, QUERY_OK},
    {"LANGUAGE", QUERY_REFUSAL, QUERY_OK},
    {"BLOCKLIST", QUERY_REFUSAL, QUERY_OK},
    {"PROHIBITED_CONTENT", QUERY_REFUSAL, QUERY_OK},
    {"SPII", QUERY_REFUSAL, QUERY_OK},
    {"IMAGE_SAFETY", QUERY_REFUSAL, QUERY_OK},
    {"MALFORMED_FUNCTION_CALL", QUERY_END_TURN, QUERY_MALFORMED},
    {"UNEXPECTED_TOOL_CALL", QUERY_END_TURN, QUERY_MALFORMED},
    {"MALFORMED_RESPONSE", QUERY_END_TURN, QUERY_MALFORMED},
    {"OTHER", QUERY_END_TURN, QUERY_SERVER},
};

static void on_finish(struct codec *c, struct str reason)
{
    c->is_finished = reason.len > 0; /* a candidate after it opens the answer again */
    c->stop = QUERY_END_TURN;
    c->error = QUERY_OK;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (str_is(reason, reasons[i].name)) {
            c->stop = reasons[i].stop;
            c->error = reasons[i].error;
        }
}

static int on_candidate(struct codec *c, const json_t *candidate)
{
    size_t i;
    json_t *part;
    int r = 0;
    json_array_foreach(json_object_get(json_object_get(candidate, "content"), "parts"), i,
                       part) if (r == 0) r = on_part(c, part);
    on_finish(c, codec_str(candidate, "finishReason"));
    return r;
}

/* Their prompt has what was read from the cache in it, ours does not; thoughts are output. */
static int on_usage(struct codec *c, const json_t *usage)
{
    int64_t prompt = 0, tools = 0, cached = 0, output = 0, thoughts = 0;
    const struct {
        const char *key;
        int64_t *count;
    } rows[] = {{"promptTokenCount", &prompt},
                {"toolUsePromptTokenCount", &tools},
                {"cachedContentTokenCount", &cached},
                {"candidatesTokenCount", &output},
                {"thoughtsTokenCount", &thoughts}};
    if (!json_is_object(usage))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (codec_count(usage, rows[i].key, rows[i].count) < 0)
            return -FAULT_INPUT;
    if (cached > prompt)
        cached = prompt;
    c->usage = (struct query_usage){prompt - cached + tools, output + thoughts, cached, 0};
    return emit(c, (struct query_event){.kind = QUERY_USAGE, .usage = c->usage});
}

static int on_sse(struct str event, struct str data, void *arg)
{
    struct codec *c = arg;
    auto_json json_t *body = NULL;
    (void)event;
    if (c->is_over)
        return 0;
    int r = json_parse(data, SSE_EVENT_MAX, &body, NULL);
    if (r == 0 && !json_is_object(body))
        r = -FAULT_INPUT;
    if (r < 0)
        return r;
    const json_t *error = json_object_get(body, "error");
    if (error && !json_is_null(error)) {
        c->is_over = true; /* its class: egress says it */
        return emit(c, (struct query_event){.kind = QUERY_MODEL_END, .error = QUERY_SERVER});
    }
    const json_t *candidate = json_array_get(json_object_get(body, "candidates"), 0);
    if (codec_str(json_object_get(body, "promptFeedback"), "blockReason").len > 0)
        on_finish(c, STR("SAFETY")); /* no candidate comes then */
    if (json_is_object(candidate))
        r = on_candidate(c, candidate);
    return r == 0 ? on_usage(c, json_object_get(body, "usageMetadata")) : r;
}

static int gemini_new(own struct codec **ret)
{
    struct codec *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    sse_init(&c->sse, SSE_EVENT_MAX);
    *ret = c;
    return 0;
}

static void gemini_free(own struct codec *c)
{
    if (!c)
        return;
    sse_done(&c->sse);
    free(c);
}

static int gemini_feed(struct codec *c, struct str bytes, query_sink sink, void *arg)
{
    c->sink = sink;
    c->arg = arg;
    return sse_feed(&c->sse, bytes, on_sse, c);
}

static int gemini_end(struct codec *c, query_sink sink, void *arg)
{
    c->sink = sink;
    c->arg = arg;
    (void)sse_end(&c->sse);
    if (c->is_over)
        return 0;
    if (!c->is_finished)
        return -FAULT_INPUT;
    c->is_over = true;
    if (c->error != QUERY_OK)
        return emit(c, (struct query_event){.kind = QUERY_MODEL_END, .error = c->error});
    enum query_stop stop = c->stop == QUERY_END_TURN && c->has_calls ? QUERY_TOOL_USE : c->stop;
    int r = end_block(c);
    return r == 0 ? emit(c, (struct query_event){.kind = QUERY_STOP, .stop = stop}) : r;
}

const struct codec_wire codec_gemini = {
    .name = "gemini",
    .request = gemini_request,
    .decoder_new = gemini_new,
    .feed = gemini_feed,
    .end = gemini_end,
    .decoder_free = gemini_free,
};
