/* The counts of each wire's events. Hostile bytes: whatever they are, counts stay within [0, COUNT_MAX], and
 * one count that is none makes the whole usage unknown (the worst case is settled then, never less). */
#include "host/egress/usage.h"

#include <errno.h>
#include <string.h>

#define COUNT_MAX (INT64_C(1) << 48)

static struct str member(const json_t *object, const char *key)
{
    struct str s = {"", 0};
    (void)!json_get_str(object, key, &s, NULL);
    return s;
}

static void take_count(struct usage_reader *u, const json_t *usage, const char *key, int64_t *count,
                       bool *ret_has)
{
    int64_t n = 0;
    int r = json_get_i64(usage, key, 0, COUNT_MAX, &n, NULL);
    if (r < 0)
        u->is_bad = true;
    if (r != 0)
        return;
    *count = n;
    if (ret_has != NULL)
        *ret_has = true;
}

/* --- Anthropic Messages: message_start has the input, message_delta the output so far; both may repeat --- */

static void anthropic_counts(struct usage_reader *u, const json_t *usage, bool *ret_has_output)
{
    if (!json_is_object(usage))
        return;
    take_count(u, usage, "input_tokens", &u->count.input, &u->has_input);
    take_count(u, usage, "output_tokens", &u->count.output, ret_has_output);
    take_count(u, usage, "cache_read_input_tokens", &u->count.cache_read, NULL);
    take_count(u, usage, "cache_creation_input_tokens", &u->count.cache_write, NULL);
}

static void fail(struct usage_reader *u, json_t *error)
{
    u->state = USAGE_FAILED;
    u->error = json_incref(error);
}

static void anthropic_event(struct usage_reader *u, const json_t *data)
{
    struct str type = member(data, "type");
    if (str_is(type, "message_start")) /* its output count is only the beginning of one */
        anthropic_counts(u, json_object_get(json_object_get(data, "message"), "usage"), NULL);
    else if (str_is(type, "message_delta"))
        anthropic_counts(u, json_object_get(data, "usage"), &u->has_output);
    else if (str_is(type, "message_stop"))
        u->state = USAGE_WHOLE;
    else if (str_is(type, "error"))
        fail(u, json_object_get(data, "error"));
}

/* --- the others: one object with all counts, the prompt with what was read from the cache --- */

struct counts {
    int64_t prompt, cached, output, total;
    bool has_prompt, has_output;
};

/* What is owed may not be less than the service's own total: some count thinking beside the output. */
static void set_counts(struct usage_reader *u, const struct counts *c)
{
    if (c->cached > c->prompt)
        u->is_bad = true;
    int64_t cached = c->cached > c->prompt ? c->prompt : c->cached;
    int64_t rest = c->total - c->prompt;
    u->count = (struct usage_count){
        .input = c->prompt - cached,
        .output = rest > c->output ? rest : c->output,
        .cache_read = cached,
    };
    u->has_input = c->has_prompt;
    u->has_output = c->has_output;
}

/* Counts that were said before a piece of the answer do not hold for it. */
static void forget_counts(struct usage_reader *u)
{
    u->has_input = u->has_output = false;
}

/* --- OpenAI Chat Completions --- */

static void openai_counts(struct usage_reader *u, const json_t *usage)
{
    const json_t *details = json_object_get(usage, "prompt_tokens_details");
    struct counts c = {0};
    if (!json_is_object(usage))
        return;
    take_count(u, usage, "prompt_tokens", &c.prompt, &c.has_prompt);
    take_count(u, usage, "completion_tokens", &c.output, &c.has_output);
    take_count(u, usage, "total_tokens", &c.total, NULL);
    take_count(u, details, "cached_tokens", &c.cached, NULL);
    set_counts(u, &c);
}

static bool is_there(const json_t *value)
{
    return value && !json_is_null(value);
}

static void openai_event(struct usage_reader *u, const json_t *data)
{
    json_t *error = json_object_get(data, "error"), *choice;
    size_t i;
    if (json_array_size(json_object_get(data, "choices")) > 0)
        forget_counts(u);
    openai_counts(u, json_object_get(data, "usage"));
    if (is_there(error)) {
        fail(u, error);
        return;
    }
    if (str_is(member(data, "object"), "error")) {
        fail(u, (json_t *)(uintptr_t)data);
        return;
    }
    json_array_foreach(json_object_get(data, "choices"), i, choice)
    {
        struct str reason = member(choice, "finish_reason");
        int64_t index = 0;
        if (json_get_i64(choice, "index", 0, COUNT_MAX, &index, NULL) == 0 && index != 0)
            continue;
        u->is_finished = u->is_finished || reason.len > 0;
        if (str_is(reason, "error") && u->state == USAGE_GOING)
            fail(u, NULL);
    }
}

/* --- OpenAI Responses --- */

static void responses_counts(struct usage_reader *u, const json_t *usage)
{
    const json_t *details = json_object_get(usage, "input_tokens_details");
    struct counts c = {0};
    if (!json_is_object(usage))
        return;
    take_count(u, usage, "input_tokens", &c.prompt, &c.has_prompt);
    take_count(u, usage, "output_tokens", &c.output, &c.has_output);
    take_count(u, usage, "total_tokens", &c.total, NULL);
    take_count(u, details, "cached_tokens", &c.cached, NULL);
    set_counts(u, &c);
}

static void responses_event(struct usage_reader *u, const json_t *data)
{
    struct str type = member(data, "type");
    const json_t *response = json_object_get(data, "response");
    if (str_is(type, "response.completed") || str_is(type, "response.incomplete")) {
        responses_counts(u, json_object_get(response, "usage"));
        u->state = USAGE_WHOLE;
    } else if (str_is(type, "response.failed") || str_is(type, "response.cancelled")) {
        fail(u, json_object_get(response, "error"));
    } else if (str_is(type, "error")) { /* its members lie in it, or in an object of it */
        json_t *error = json_object_get(data, "error");
        fail(u, json_is_object(error) ? error : (json_t *)(uintptr_t)data);
    }
}

/* --- Gemini: each event may have counts, the last ones hold; thoughts are output --- */

static void gemini_counts(struct usage_reader *u, const json_t *usage)
{
    struct counts c = {0};
    int64_t tools = 0, thoughts = 0, output = 0;
    bool has_candidates = false, has_thoughts = false;
    if (!json_is_object(usage))
        return;
    take_count(u, usage, "promptTokenCount", &c.prompt, &c.has_prompt);
    take_count(u, usage, "toolUsePromptTokenCount", &tools, NULL);
    take_count(u, usage, "cachedContentTokenCount", &c.cached, NULL);
    take_count(u, usage, "candidatesTokenCount", &output, &has_candidates);
    take_count(u, usage, "thoughtsTokenCount", &thoughts, &has_thoughts);
    take_count(u, usage, "totalTokenCount", &c.total, NULL);
    c.prompt += tools;
    c.output = output + thoughts;
    /* nothing said at all has no count of it, but then a total */
    c.has_output = has_candidates || has_thoughts || c.total > 0;
    set_counts(u, &c);
}

static void gemini_event(struct usage_reader *u, const json_t *data)
{
    json_t *error = json_object_get(data, "error");
    const json_t *candidate = json_array_get(json_object_get(data, "candidates"), 0);
    if (json_is_object(candidate))
        forget_counts(u);
    gemini_counts(u, json_object_get(data, "usageMetadata"));
    if (is_there(error)) {
        fail(u, error);
        return;
    }
    if (member(json_object_get(data, "promptFeedback"), "blockReason").len > 0)
        u->is_finished = true;     /* the prompt was refused: no candidate comes */
    if (json_is_object(candidate)) /* one without a reason opens the answer again */
        u->is_finished = member(candidate, "finishReason").len > 0;
}

/* --- the wires --- */

static const char *const anthropic_headers[] = {"anthropic-version: 2023-06-01", NULL};
static const char *const no_headers[] = {NULL};

static const struct usage_wire wires[] = {
    {"anthropic", anthropic_headers, NULL, false, anthropic_event},
    {"openai", no_headers, "[DONE]", false, openai_event},
    {"openai-compatible", no_headers, "[DONE]", true, openai_event},
    {"openai-responses", no_headers, NULL, false, responses_event},
    {"gemini", no_headers, NULL, true, gemini_event},
};

const struct usage_wire *usage_wire_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(wires); i++)
        if (str_is(name, wires[i].name))
            return &wires[i];
    return NULL;
}

/* --- the stream --- */

static int on_event(struct str event, struct str data, void *arg)
{
    struct usage_reader *u = arg;
    (void)event; /* the data says its own type */
    if (u->state != USAGE_GOING)
        return 0;
    if (u->wire->end_word && str_is(str_trim(data), u->wire->end_word)) {
        u->state = USAGE_WHOLE;
        return 0;
    }
    auto_json json_t *body = NULL;
    int r = json_parse(data, SSE_EVENT_MAX, &body, NULL);
    if (r == 0 && !json_is_object(body))
        r = -FAULT_INPUT;
    if (r == 0)
        u->wire->on_event(u, body);
    return r;
}

void usage_init(struct usage_reader *u, const struct usage_wire *wire)
{
    *u = (struct usage_reader){.wire = wire};
    sse_init(&u->sse, SSE_EVENT_MAX);
}

void usage_done(struct usage_reader *u)
{
    sse_done(&u->sse);
    json_decref(u->error);
    *u = (struct usage_reader){0};
}

int usage_feed(struct usage_reader *u, struct str bytes)
{
    return u->state == USAGE_GOING ? sse_feed(&u->sse, bytes, on_event, u) : 0;
}

void usage_end(struct usage_reader *u)
{
    if (u->state == USAGE_GOING && u->wire->ends_with_stream && u->is_finished)
        u->state = USAGE_WHOLE;
}

bool usage_is_known(const struct usage_reader *u)
{
    return u->state == USAGE_WHOLE && u->has_input && u->has_output && !u->is_bad;
}
