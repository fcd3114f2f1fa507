/* One row per wire: where it goes, what the agent may say in it, and what the monitor says. */
#include "edge/request.h"

#include "edge/request_forms.h"
#include "host/ask/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SERVICE_TOKENS 1024

struct request_wire {
    const char *name;
    const char *path; /* behind the base; "%s" = the model */
    const char *auth;
    const struct allow_member *conversation; /* what is the agent's to say */
    /* The most that any of its models counts for one image, and the words that begin one in a body of our codec. */
    int64_t image_tokens;
    const char *image_mark;
    int (*finish)(const struct request *r, json_t *body); /* what is the monitor's */
};

static int refuse(struct fault *reterr, const char *what)
{
    return fault_set(reterr, FAULT_INPUT, "the agent's request has %s", what);
}

static int set(json_t *body, const char *key, own json_t *value)
{
    return json_object_set_new(body, key, value) ? -ENOMEM : 0;
}

/* Each tool in the form of a wire, put together from the registry's. NULL on no memory. */
static own json_t *tools_as(const json_t *tools, json_t *(*form)(const json_t *tool))
{
    json_t *list = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool)
    {
        if (json_array_append_new(list, form(tool))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- Anthropic Messages --- */

static int mark(json_t *block)
{
    return set(block, "cache_control", json_pack("{s:s}", "type", "ephemeral"));
}

/* Marks the last block of a message of the person's, counted from the end. Those are never thinking, which may
 * not be marked. */
static int mark_message(json_t *messages, size_t from_end)
{
    for (size_t i = json_array_size(messages), seen = 0; i > 0; i--) {
        json_t *message = json_array_get(messages, i - 1);
        json_t *content = json_object_get(message, "content");
        const char *role = json_string_value(json_object_get(message, "role"));
        if (strcmp(role, "user") != 0 || seen++ != from_end)
            continue;
        json_t *last = json_array_get(content, json_array_size(content) - 1);
        return last ? mark(last) : 0;
    }
    return 0;
}

/* What stays the same from turn to turn is read from the cache: tools and system (their mark covers both), and the
 * conversation up to its last two messages of ours. Four marks are allowed. */
static int mark_cache(json_t *body)
{
    json_t *system = json_object_get(body, "system"), *messages = json_object_get(body, "messages");
    int r = 0;
    if (system) {
        json_t *list = json_pack("[{s:s, s:O}]", "type", "text", "text", system);
        r = list ? mark(json_array_get(list, 0)) : -ENOMEM;
        if (r == 0)
            r = set(body, "system", list);
        else
            json_decref(list);
    }
    for (size_t from_end = 0; r == 0 && from_end < 2; from_end++)
        r = mark_message(messages, from_end);
    return r;
}

static int finish_anthropic(const struct request *r, json_t *body)
{
    int e = set(body, "model", json_string(r->model));
    if (e == 0)
        e = set(body, "max_tokens", json_integer(r->max_tokens));
    if (e == 0)
        e = set(body, "stream", json_true());
    if (e == 0 && json_array_size(r->tools))
        e = set(body, "tools", json_incref((json_t *)(uintptr_t)r->tools));
    return e == 0 ? mark_cache(body) : e;
}

/* --- OpenAI Chat Completions --- */

static own json_t *openai_tool(const json_t *tool)
{
    return json_pack("{s:s, s:{s:O, s:O*, s:O}}", "type", "function", "function", "name",
                     json_object_get(tool, "name"), "description",
                     json_object_get(tool, "description"), "parameters",
                     json_object_get(tool, "input_schema"));
}

static int finish_chat(const struct request *r, json_t *body, const char *max_tokens_key)
{
    int e = set(body, "model", json_string(r->model));
    if (e == 0)
        e = set(body, max_tokens_key, json_integer(r->max_tokens));
    if (e == 0)
        e = set(body, "stream", json_true());
    if (e == 0)
        e = set(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
    if (e == 0 && json_array_size(r->tools))
        e = set(body, "tools", tools_as(r->tools, openai_tool));
    return e;
}

static int finish_openai(const struct request *r, json_t *body)
{
    return finish_chat(r, body, "max_completion_tokens");
}

/* The older word: what a server does not know it ignores, and then nothing is capped. */
static int finish_compatible(const struct request *r, json_t *body)
{
    return finish_chat(r, body, "max_tokens");
}

/* --- OpenAI Responses --- */

static own json_t *responses_tool(const json_t *tool)
{
    return json_pack("{s:s, s:O, s:O*, s:O, s:b}", "type", "function", "name",
                     json_object_get(tool, "name"), "description",
                     json_object_get(tool, "description"), "parameters",
                     json_object_get(tool, "input_schema"), "strict", 0);
}

/* Models that think. Others refuse a request that asks for their encrypted thoughts. */
static bool does_think(const char *model)
{
    const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model;
    bool is_o = name[0] == 'o' && name[1] >= '1' && name[1] <= '9';
    bool is_gpt = strncmp(name, "gpt-", 4) == 0 && name[4] >= '5' && name[4] <= '9';
    return is_o || (is_gpt && !strstr(name, "-chat")) || strncmp(name, "codex", 5) == 0;
}

/* Nothing is stored there: what is needed again is in the conversation. */
static int finish_responses(const struct request *r, json_t *body)
{
    int e = set(body, "model", json_string(r->model));
    if (e == 0)
        e = set(body, "max_output_tokens", json_integer(r->max_tokens));
    if (e == 0)
        e = set(body, "stream", json_true());
    if (e == 0)
        e = set(body, "store", json_false());
    if (e == 0 && does_think(r->model))
        e = set(body, "include", json_pack("[s]", "reasoning.encrypted_content"));
    if (e == 0 && json_array_size(r->tools))
        e = set(body, "tools", tools_as(r->tools, responses_tool));
    return e;
}

/* --- Gemini --- */

static own json_t *gemini_tool(const json_t *tool)
{
    return json_pack("{s:O, s:O*, s:O}", "name", json_object_get(tool, "name"), "description",
                     json_object_get(tool, "description"), "parametersJsonSchema",
                     json_object_get(tool, "input_schema"));
}

static int finish_gemini(const struct request *r, json_t *body)
{
    int e = set(body, "generationConfig",
                json_pack("{s:I}", "maxOutputTokens", (json_int_t)r->max_tokens));
    if (e == 0 && json_array_size(r->tools))
        e = set(body, "tools",
                json_pack("[{s:o}]", "functionDeclarations", tools_as(r->tools, gemini_tool)));
    return e;
}

/* --- all wires --- */

static const struct request_wire wires[] = {
    {"anthropic", "/v1/messages", "x-api-key", request_anthropic, 5000, "\"type\":\"image\"",
     finish_anthropic},
    /* gpt-4o-mini counts 2833 and 5667 for each of up to eight tiles */
    {"openai", "/chat/completions", "bearer", request_openai, 50000, "\"image_url\":{",
     finish_openai},
    {"openai-compatible", "/chat/completions", "bearer", request_openai, 50000, "\"image_url\":{",
     finish_compatible},
    {"openai-responses", "/responses", "bearer", request_responses, 50000,
     "\"type\":\"input_image\"", finish_responses},
    {"gemini", "/v1beta/%s:streamGenerateContent?alt=sse", "x-goog-api-key", request_gemini, 6000,
     "\"inlineData\":{", finish_gemini},
};

const struct request_wire *request_wire_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(wires); i++)
        if (strcmp(wires[i].name, name) == 0)
            return &wires[i];
    return NULL;
}

const char *request_wire_name(const struct request_wire *w)
{
    return w->name;
}

const char *request_wire_auth(const struct request_wire *w)
{
    return w->auth;
}

const char *request_wire_names(void)
{
    return "anthropic, openai, openai-responses, gemini";
}

/* A model's name as a part of a path: "NAME" is "models/NAME". It is the operator's word, but it may not become
 * another path or a query. */
static int gemini_path(const char *format, const char *model, own char **ret, struct fault *reterr)
{
    bool is_fine = *model && !strstr(model, "..");
    for (const char *c = model; is_fine && *c; c++)
        is_fine = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                  (*c >= '0' && *c <= '9') || strchr("-._/@", *c) != NULL;
    if (!is_fine || strlen(model) > 256)
        return fault_set(reterr, FAULT_CONFIG, "\"%.80s\" is no name of a Gemini model", model);
    char *name = NULL;
    if (asprintf(&name, "%s%s", strchr(model, '/') ? "" : "models/", model) < 0)
        return -ENOMEM;
    const char *at = strstr(format, "%s");
    int r = asprintf(ret, "%.*s%s%s", (int)(at - format), format, name, at + 2);
    free(name);
    return r < 0 ? -ENOMEM : 0;
}

int request_path(const struct request_wire *w, const char *model, own char **ret,
                 struct fault *reterr)
{
    if (strstr(w->path, "%s"))
        return gemini_path(w->path, model, ret, reterr);
    return (*ret = str_dup(str_of(w->path))) ? 0 : -ENOMEM;
}

/* As our codec writes it: a body that writes its images otherwise shows fewer than there are, and is refused. */
static int64_t count_images(const struct request_wire *w, struct str body)
{
    int64_t count = 0;
    size_t len = strlen(w->image_mark);
    const char *at = body.at, *end = body.at + body.len;
    while (at < end && (at = memmem(at, (size_t)(end - at), w->image_mark, len)) != NULL) {
        count++;
        at += len;
    }
    return count;
}

/* What a wire writes round a tool is shorter than this; the longest is OpenAI's. */
#define TOOL_FRAME_BYTES 160

int64_t request_tools_bytes(const json_t *tools)
{
    size_t bytes = json_dumpb(tools, NULL, 0, JSON_COMPACT);
    return (int64_t)bytes + (int64_t)json_array_size(tools) * TOOL_FRAME_BYTES;
}

int64_t request_bound(const struct request_wire *w, struct str body, int64_t tools_bytes)
{
    return (int64_t)body.len + tools_bytes + SERVICE_TOKENS +
           w->image_tokens * count_images(w, body);
}

int request_build(const struct request *r, struct str given, struct buf *out, struct fault *reterr)
{
    auto_json json_t *theirs = NULL;
    int64_t images = 0;
    int e = json_parse(given, PROTOCOL_MODEL_BODY_MAX, &theirs, reterr);
    if (e < 0)
        return e;
    if (!json_is_object(theirs))
        return refuse(reterr, "no object");
    auto_json json_t *ours = json_object();
    if (!ours)
        return -ENOMEM;
    if ((e = allow_take_members(r->wire->conversation, theirs, ours, &images, reterr)) < 0)
        return e;
    if (json_object_size(ours) == 0)
        return refuse(reterr, "no conversation");
    if ((e = r->wire->finish(r, ours)) < 0 || (e = json_print(ours, out)) < 0)
        return e;
    /* What was reserved was for what the agent showed; it may not hide a part of what will be counted. */
    if ((int64_t)out->len + r->wire->image_tokens * images >
        request_bound(r->wire, given, r->tools_bytes) - SERVICE_TOKENS / 2)
        return refuse(reterr, "less in it than would be sent");
    return 0;
}
