/* OpenAI Chat Completions, streaming; two wires in one file, since all but the edges is the same:
 *
 *   openai             OpenAI itself. An answer ends with "[DONE]"; without it there is none.
 *   openai-compatible  what others serve under that name (ollama, llamacpp, vllm, settings' own). An answer whose
 *                      finish_reason came is whole when the stream ends; thinking goes back in the member it came in;
 *                      results have no images.
 *
 * Calls are collected until the end (codec_calls.c): only there it is certain which piece belonged to which. */
#include "query/codec_openai.h"
#include "query/codec_parts.h"
#include "wire/sse.h"

#include <errno.h>

struct codec {
    struct sse sse;
    struct calls calls;
    bool is_compatible;
    bool is_over;     /* whole, or failed: nothing more is looked at */
    bool is_finished; /* a finish_reason came */
    bool is_refusal;
    enum query_stop stop;
    const char *thinking_key; /* member of the thinking under way; NULL = none */
    struct query_usage usage;
    query_sink sink; /* for the call under way */
    void *arg;
};

const char *const codec_openai_thinking_keys[OPENAI_THINKING_KEYS] = {"reasoning_content",
                                                                      "reasoning"};

static int emit(struct codec *c, struct query_event e)
{
    return c->sink(&e, c->arg);
}

static int end_thinking(struct codec *c)
{
    if (!c->thinking_key)
        return 0;
    struct str key = str_of(c->thinking_key);
    c->thinking_key = NULL;
    int r = emit(c, (struct query_event){.kind = QUERY_SIGNATURE, .text = key});
    return r == 0 ? emit(c, (struct query_event){.kind = QUERY_BLOCK_END}) : r;
}

static int on_text(struct codec *c, struct str text)
{
    if (text.len == 0)
        return 0;
    int r = end_thinking(c);
    return r == 0 ? emit(c, (struct query_event){.kind = QUERY_TEXT, .text = text}) : r;
}

/* A string, or (rarely) a list of parts with text. */
static int on_content(struct codec *c, const json_t *content)
{
    size_t i;
    json_t *part;
    int r = 0;
    if (json_is_string(content))
        return on_text(c, (struct str){json_string_value(content), json_string_length(content)});
    if (json_is_array(content))
        json_array_foreach((json_t *)(uintptr_t)content, i, part) if (r == 0) r =
            on_text(c, codec_str(part, "text"));
    return r;
}

static int on_thinking(struct codec *c, const json_t *delta)
{
    for (size_t i = 0; i < OPENAI_THINKING_KEYS; i++) {
        struct str text = codec_str(delta, codec_openai_thinking_keys[i]);
        if (text.len == 0)
            continue;
        c->thinking_key = codec_openai_thinking_keys[i];
        return emit(c, (struct query_event){.kind = QUERY_THINKING, .text = text});
    }
    return 0;
}

/* Arguments are JSON in a string; some servers send the value itself. */
static int on_call(struct codec *c, const json_t *call)
{
    const json_t *function = json_object_get(call, "function");
    const json_t *arguments = json_object_get(function, "arguments");
    auto_done(buf) struct buf printed;
    struct calls_piece piece = {-1, codec_str(call, "id"), codec_str(function, "name"),
                                codec_str(function, "arguments"), false};
    buf_init(&printed, SSE_EVENT_MAX * 2);
    if (json_get_i64(call, "index", 0, INT32_MAX, &piece.index, NULL) != 0)
        piece.index = -1;
    if (json_is_object(arguments) || json_is_array(arguments)) {
        int r = json_print(arguments, &printed);
        if (r < 0)
            return r;
        piece.input = buf_str(&printed);
    }
    return calls_add(&c->calls, &piece);
}

static const struct {
    const char *name;
    enum query_stop stop;
} reasons[] = {{"length", QUERY_MAX_TOKENS}, {"content_filter", QUERY_REFUSAL}};

static int fail(struct codec *c, enum query_error e)
{
    c->is_over = true;
    return emit(c, (struct query_event){.kind = QUERY_MODEL_END, .error = e});
}

static int on_finish(struct codec *c, struct str reason)
{
    if (reason.len == 0)
        return 0;
    if (str_is(reason, "error"))
        return fail(c, QUERY_SERVER);
    c->is_finished = true;
    c->stop = QUERY_END_TURN;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (str_is(reason, reasons[i].name))
            c->stop = reasons[i].stop;
    return 0;
}

static int on_delta(struct codec *c, const json_t *delta)
{
    size_t i;
    json_t *call;
    struct str refusal = codec_str(delta, "refusal");
    int r = on_thinking(c, delta);
    if (r == 0)
        r = on_content(c, json_object_get(delta, "content"));
    if (r == 0 && refusal.len > 0) {
        c->is_refusal = true;
        r = on_text(c, refusal);
    }
    json_array_foreach(json_object_get(delta, "tool_calls"), i, call) if (r == 0) r =
        on_call(c, call);
    return r;
}

static int on_choice(struct codec *c, const json_t *choice)
{
    int64_t index = 0;
    if (json_get_i64(choice, "index", 0, INT32_MAX, &index, NULL) == 0 && index != 0)
        return 0; /* we asked for one answer */
    int r = on_delta(c, json_object_get(choice, "delta"));
    return r == 0 ? on_finish(c, codec_str(choice, "finish_reason")) : r;
}

/* Their input has what was read from the cache in it, ours does not. */
static int on_usage(struct codec *c, const json_t *usage)
{
    int64_t prompt = 0, output = 0, cached = 0, total = 0;
    if (!json_is_object(usage))
        return 0;
    int r = codec_count(usage, "prompt_tokens", &prompt);
    if (r == 0)
        r = codec_count(usage, "completion_tokens", &output);
    if (r == 0)
        r = codec_count(usage, "total_tokens", &total);
    if (r == 0)
        r = codec_count(json_object_get(usage, "prompt_tokens_details"), "cached_tokens", &cached);
    if (r < 0)
        return r;
    if (cached > prompt)
        cached = prompt;
    if (total - prompt > output) /* thinking that some count apart */
        output = total - prompt;
    c->usage = (struct query_usage){prompt - cached, output, cached, 0};
    return emit(c, (struct query_event){.kind = QUERY_USAGE, .usage = c->usage});
}

/* The answer's end: what was collected is handed on. */
static int finish(struct codec *c)
{
    c->is_over = true;
    bool has_calls = c->calls.count > 0;
    enum query_stop stop = c->is_refusal                                             ? QUERY_REFUSAL
                           : c->stop == QUERY_MAX_TOKENS || c->stop == QUERY_REFUSAL ? c->stop
                           : has_calls ? QUERY_TOOL_USE
                                       : QUERY_END_TURN;
    int r = end_thinking(c);
    if (r == 0)
        r = emit(c, (struct query_event){.kind = QUERY_BLOCK_END});
    if (r == 0)
        r = calls_emit(&c->calls, c->sink, c->arg);
    return r == 0 ? emit(c, (struct query_event){.kind = QUERY_STOP, .stop = stop}) : r;
}

/* What class a failure is, egress knows better; this is for when nobody says. */
static bool is_error(const json_t *body)
{
    const json_t *error = json_object_get(body, "error");
    return (error && !json_is_null(error)) || str_is(codec_str(body, "object"), "error");
}

static int on_sse(struct str event, struct str data, void *arg)
{
    struct codec *c = arg;
    auto_json json_t *body = NULL;
    (void)event;
    if (c->is_over)
        return 0;
    if (str_is(str_trim(data), "[DONE]"))
        return finish(c);
    int r = json_parse(data, SSE_EVENT_MAX, &body, NULL);
    if (r == 0 && !json_is_object(body))
        r = -FAULT_INPUT;
    if (r < 0)
        return r;
    if (is_error(body))
        return fail(c, QUERY_SERVER);
    size_t i;
    json_t *choice;
    r = on_usage(c, json_object_get(body, "usage"));
    json_array_foreach(json_object_get(body, "choices"), i, choice) if (r == 0 && !c->is_over) r =
        on_choice(c, choice);
    return r;
}

static int openai_request(const struct codec_request *r, struct buf *out)
{
    return codec_openai_request(r, false, out);
}

static int compatible_request(const struct codec_request *r, struct buf *out)
{
    return codec_openai_request(r, true, out);
}

static int new_codec(bool is_compatible, own struct codec **ret)
{
    struct codec *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    sse_init(&c->sse, SSE_EVENT_MAX);
    calls_init(&c->calls);
    c->is_compatible = is_compatible;
    *ret = c;
    return 0;
}

static int openai_new(own struct codec **ret)
{
    return new_codec(false, ret);
}

static int compatible_new(own struct codec **ret)
{
    return new_codec(true, ret);
}

static void openai_free(own struct codec *c)
{
    if (!c)
        return;
    sse_done(&c->sse);
    calls_done(&c->calls);
    free(c);
}

static int openai_feed(struct codec *c, struct str bytes, query_sink sink, void *arg)
{
    c->sink = sink;
    c->arg = arg;
    return sse_feed(&c->sse, bytes, on_sse, c);
}

static int openai_end(struct codec *c, query_sink sink, void *arg)
{
    c->sink = sink;
    c->arg = arg;
    (void)sse_end(&c->sse);
    if (!c->is_over && c->is_compatible && c->is_finished)
        return finish(c);
    return c->is_over ? 0 : -FAULT_INPUT;
}

const struct codec_wire codec_openai = {
    .name = "openai",
    .request = openai_request,
    .decoder_new = openai_new,
    .feed = openai_feed,
    .end = openai_end,
    .decoder_free = openai_free,
};

const struct codec_wire codec_openai_compatible = {
    .name = "openai-compatible",
    .request = compatible_request,
    .decoder_new = compatible_new,
    .feed = openai_feed,
    .end = openai_end,
    .decoder_free = openai_free,
};
