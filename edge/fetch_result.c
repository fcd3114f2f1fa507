#include "edge/fetch_result.h"

#include "host/talk.h"
#include "tools/receipt.h"

#include <errno.h>
#include <string.h>

#define PIECE_DEFAULT 16384
#define PIECE_MAX 65536

own json_t *fetch_result_tool(void)
{
    return json_pack(
        "{s:s, s:s, s:{s:s, s:{s:{s:s, s:s}, s:{s:s, s:i}, s:{s:s, s:i, s:i}}, s:[s], s:b}}",
        "name", FETCH_RESULT_NAME, "description",
        "Shows again what an earlier call of this session returned, when it was taken out of the conversation to save room. "
        "offset and limit are bytes of its text.",
        "input_schema", "type", "object", "properties", "call", "type", "string", "description",
        "name of the call, like c5", "offset", "type", "integer", "minimum", 0, "limit", "type",
        "integer", "minimum", 1, "maximum", PIECE_MAX, "required", "call", "additionalProperties",
        0);
}

static int take_arguments(const json_t *input, struct str *call, int64_t *offset, int64_t *limit,
                          struct buf *sentence)
{
    const char *key;
    json_t *value;
    struct fault why = {0};
    *offset = 0;
    *limit = PIECE_DEFAULT;
    json_object_foreach((json_t *)(uintptr_t)input, key, value)
    {
        if (strcmp(key, "call") == 0 || strcmp(key, "offset") == 0 || strcmp(key, "limit") == 0)
            continue;
        (void)buf_addf(sentence, "there is no argument \"%.60s\"; they are call, offset, limit",
                       key);
        return FETCH_RESULT_BAD;
    }
    int r = json_is_object(input) ? json_get_str(input, "call", call, &why) : JSON_ABSENT;
    if (r == JSON_ABSENT) {
        (void)buf_addf(sentence, "\"call\" is missing: the name of an earlier call, like c5");
        return FETCH_RESULT_BAD;
    }
    if (r < 0 || json_get_i64(input, "offset", 0, INT32_MAX, offset, &why) < 0 ||
        json_get_i64(input, "limit", 1, PIECE_MAX, limit, &why) < 0) {
        (void)buf_addf(sentence, "%s", why.text);
        return FETCH_RESULT_BAD;
    }
    return 0;
}

static int text_of(const json_t *result, struct buf *out)
{
    size_t i;
    json_t *piece;
    json_array_foreach(json_object_get(result, "content"), i, piece)
    {
        const json_t *text = json_object_get(piece, "text");
        (void)buf_add_str(out, (struct str){json_string_value(text), json_string_length(text)});
    }
    return buf_error(out);
}

/* A piece that is whole characters: its end moves forward to the next one's beginning. */
static own json_t *piece_of(struct str all, int64_t offset, int64_t limit, bool is_error)
{
    size_t from = (size_t)offset < all.len ? (size_t)offset : all.len;
    while (from < all.len && ((unsigned char)all.at[from] & 0xc0) == 0x80)
        from++;
    size_t to = all.len - from < (size_t)limit ? all.len : from + (size_t)limit;
    while (to < all.len && ((unsigned char)all.at[to] & 0xc0) == 0x80)
        to++;
    return json_pack("{s:[{s:s, s:o}], s:{s:I, s:I, s:I, s:b}, s:b}", "content", "type", "text",
                     "text", json_string_lossy((struct str){all.at + from, to - from}),
                     "structured", "offset", (json_int_t)from, "bytes", (json_int_t)(to - from),
                     "of", (json_int_t)all.len, "was_error", is_error, "is_error", 0);
}

int fetch_result(struct state *state, const char *session, const json_t *input, own json_t **ret,
                 struct buf *sentence)
{
    struct str call;
    int64_t offset, limit;
    int r = take_arguments(input, &call, &offset, &limit, sentence);
    if (r != 0)
        return r;
    auto_done(buf) struct buf body, text;
    buf_init(&body, TALK_BODY_MAX);
    buf_init(&text, TALK_BODY_MAX);
    r = talk_result(state, session, call, &body, NULL);
    if (r == TALK_ABSENT) {
        *ret = result_error("no call of this session has this name, or it has no result yet");
        return *ret ? 0 : -ENOMEM;
    }
    auto_json json_t *result = NULL;
    if (r == 0)
        r = json_parse(buf_str(&body), TALK_BODY_MAX, &result, NULL);
    if (r == 0)
        r = text_of(result, &text);
    if (r < 0)
        return r;
    *ret =
        piece_of(buf_str(&text), offset, limit, json_is_true(json_object_get(result, "is_error")));
    return *ret ? 0 : -ENOMEM;
}
