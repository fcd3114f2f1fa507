/* One table per wire of the blocks that may be sent. */
#include "edge/request.h"

#include "host/ask/protocol.h"

#include <errno.h>
#include <string.h>

#define IMAGE_TOKENS 5000 /* more than any service counts for one */
#define SERVICE_TOKENS 1024

static int refuse(struct fault *reterr, const char *what)
{
    return fault_set(reterr, FAULT_INPUT, "the agent's request has %s", what);
}

/* --- Anthropic Messages --- */

enum { BLOCKS_NESTED_MAX = 2 };

static const struct block_row {
    const char *type;
    const char *members[4]; /* NULL-terminated; strings unless said below */
} anthropic_blocks[] = {
    {"text", {"text"}},
    {"thinking", {"thinking", "signature"}},
    {"redacted_thinking", {"data"}},
    {"tool_use", {"id", "name", "input"}},
    {"tool_result", {"tool_use_id", "content", "is_error"}},
    {"image", {"source"}},
};

static int take_blocks(const json_t *theirs, unsigned depth, json_t **ret, int64_t *images,
                       struct fault *reterr);

static int take_image(const json_t *source, json_t **ret, int64_t *images, struct fault *reterr)
{
    const json_t *type = json_object_get(source, "type");
    json_t *media = json_object_get(source, "media_type"), *data = json_object_get(source, "data");
    if (!json_is_string(type) || strcmp(json_string_value(type), "base64") != 0 ||
        !json_is_string(media) || !json_is_string(data))
        return refuse(reterr, "an image that is not in it");
    ++*images;
    return (*ret =
                json_pack("{s:s, s:O, s:O}", "type", "base64", "media_type", media, "data", data))
               ? 0
               : -ENOMEM;
}

static int take_member(const char *key, json_t *value, unsigned depth, json_t **ret,
                       int64_t *images, struct fault *reterr)
{
    if (strcmp(key, "source") == 0)
        return take_image(value, ret, images, reterr);
    if (strcmp(key, "content") == 0 && json_is_array(value))
        return take_blocks(value, depth + 1, ret, images, reterr);
    bool fits = strcmp(key, "input") == 0      ? json_is_object(value)
                : strcmp(key, "is_error") == 0 ? json_is_boolean(value)
                                               : json_is_string(value);
    if (!fits)
        return refuse(reterr, "a block whose member has the wrong type");
    *ret = json_incref(value);
    return 0;
}

static int take_block(const json_t *theirs, unsigned depth, json_t **ret, int64_t *images,
                      struct fault *reterr)
{
    const char *type = json_string_value(json_object_get(theirs, "type"));
    const struct block_row *row = NULL;
    for (size_t i = 0; type && i < ARRAY_LEN(anthropic_blocks); i++)
        if (strcmp(type, anthropic_blocks[i].type) == 0)
            row = &anthropic_blocks[i];
    if (!row)
        return refuse(reterr, "a block that no conversation of ours has");
    auto_json json_t *ours = json_pack("{s:s}", "type", row->type);
    if (!ours)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_LEN(row->members) && row->members[i]; i++) {
        json_t *value = json_object_get(theirs, row->members[i]), *taken = NULL;
        if (!value)
            continue;
        int r = take_member(row->members[i], value, depth, &taken, images, reterr);
        if (r < 0)
            return r;
        if (json_object_set_new(ours, row->members[i], taken))
            return -ENOMEM;
    }
    *ret = take(ours);
    return 0;
}

static int take_blocks(const json_t *theirs, unsigned depth, json_t **ret, int64_t *images,
                       struct fault *reterr)
{
    size_t i;
    json_t *block;
    if (depth > BLOCKS_NESTED_MAX)
        return refuse(reterr, "results inside of results");
    auto_json json_t *ours = json_array();
    if (!ours)
        return -ENOMEM;
    json_array_foreach((json_t *)(uintptr_t)theirs, i, block)
    {
        json_t *taken = NULL;
        int r = take_block(block, depth, &taken, images, reterr);
        if (r < 0)
            return r;
        if (json_array_append_new(ours, taken))
            return -ENOMEM;
    }
    *ret = take(ours);
    return 0;
}

static int take_message(const json_t *theirs, json_t *messages, int64_t *images,
                        struct fault *reterr)
{
    const char *role = json_string_value(json_object_get(theirs, "role"));
    json_t *content = json_object_get(theirs, "content"), *taken = NULL;
    if (!role || (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0))
        return refuse(reterr, "a message of nobody's");
    int r = json_is_array(content) ? take_blocks(content, 1, &taken, images, reterr)
                                   : refuse(reterr, "a message without a list of blocks");
    if (r < 0)
        return r;
    json_t *ours = json_pack("{s:s, s:o}", "role", role, "content", taken);
    return ours && json_array_append_new(messages, ours) == 0 ? 0 : -ENOMEM;
}

static int take_anthropic(const json_t *theirs, json_t *ours, int64_t *ret_images,
                          struct fault *reterr)
{
    size_t i;
    json_t *message, *system = json_object_get(theirs, "system"),
                     *given = json_object_get(theirs, "messages");
    json_t *messages = json_array();
    if (!messages || json_object_set_new(ours, "messages", messages))
        return -ENOMEM;
    if (!json_is_array(given))
        return refuse(reterr, "no messages");
    json_array_foreach(given, i, message)
    {
        int r = take_message(message, messages, ret_images, reterr);
        if (r < 0)
            return r;
    }
    if (!system)
        return 0;
    if (!json_is_string(system))
        return refuse(reterr, "a system prompt that is no text");
    return json_object_set(ours, "system", system) ? -ENOMEM : 0;
}

/* --- all wires --- */

static const struct request_wire wires[] = {
    {"anthropic", "/v1/messages", "x-api-key", "max_tokens", take_anthropic},
};

const struct request_wire *request_wire_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(wires); i++)
        if (strcmp(wires[i].name, name) == 0)
            return &wires[i];
    return NULL;
}

const char *request_wire_names(void)
{
    return "anthropic";
}

/* Words that look like an image in the text: never fewer than there are, as request_build() makes sure. */
static int64_t count_images(struct str body)
{
    int64_t count = 0;
    const char *at = body.at, *end = body.at + body.len;
    while (at < end && (at = memmem(at, (size_t)(end - at), "\"image\"", 7)) != NULL) {
        count++;
        at += 7;
    }
    return count;
}

int64_t request_bound(struct str body)
{
    return (int64_t)body.len + SERVICE_TOKENS + IMAGE_TOKENS * count_images(body);
}

int request_build(const struct request *r, struct str given, struct buf *out, struct fault *reterr)
{
    auto_json json_t *theirs = NULL;
    int64_t images = 0;
    int e = json_parse(given, PROTOCOL_MODEL_BODY_MAX, &theirs, reterr);
    if (e < 0)
        return e;
    auto_json json_t *ours =
        json_pack("{s:s, s:I, s:b}", "model", r->model, r->wire->max_tokens_key,
                  (json_int_t)r->max_tokens, "stream", 1);
    if (!ours)
        return -ENOMEM;
    if ((e = r->wire->conversation(theirs, ours, &images, reterr)) < 0)
        return e;
    if (json_array_size(r->tools) && json_object_set(ours, "tools", (json_t *)(uintptr_t)r->tools))
        return -ENOMEM;
    if ((e = json_print(ours, out)) < 0)
        return e;
    /* What was reserved was for what the agent showed; it may not hide a part of what will be counted. */
    if ((int64_t)out->len + IMAGE_TOKENS * images > request_bound(given) - SERVICE_TOKENS / 2)
        return refuse(reterr, "less in it than would be sent");
    return 0;
}
