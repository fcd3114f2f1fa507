/* The scripted planner's wire: an answer is one JSON object (a line of `script:FILE`, interfaces.md). The
 * file itself is read and walked by the monitor, which has already checked the line's form with the person's
 * file at hand; this decoder checks again, because a layer checks for itself. */
#include "query/codec.h"

#include <errno.h>
#include <stdio.h>

#define LINE_MAX_BYTES ((size_t)16 << 20)

struct codec {
    struct buf line;
};

static int script_request(const struct codec_request *r, struct buf *out)
{
    (void)r;
    (void)buf_add_z(out, "{}"); /* a script needs nothing of the conversation */
    return buf_error(out);
}

static int script_new(own struct codec **ret)
{
    struct codec *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    buf_init(&c->line, LINE_MAX_BYTES);
    *ret = c;
    return 0;
}

static void script_free(own struct codec *c)
{
    if (!c)
        return;
    buf_done(&c->line);
    free(c);
}

static int script_feed(struct codec *c, struct str bytes, query_sink sink, void *arg)
{
    (void)sink;
    (void)arg;
    return buf_add_str(&c->line, bytes);
}

static int emit_call(const json_t *call, size_t index, query_sink sink, void *arg)
{
    struct str tool;
    const json_t *input = json_object_get(call, "input");
    int r = json_get_str(call, "tool", &tool, NULL);
    if (r != 0)
        return r < 0 ? r : -FAULT_INPUT;
    char id[32];
    int n = snprintf(id, sizeof(id), "s%zu", index + 1);
    if ((r = sink(&(struct query_event){.kind = QUERY_CALL, .id = {id, (size_t)n}, .tool = tool},
                  arg)) < 0)
        return r;
    /* input may also be a string: text that is to be taken as the model's raw words (malformed calls) */
    if (json_is_string(input)) {
        struct str raw = {json_string_value(input), json_string_length(input)};
        r = sink(&(struct query_event){.kind = QUERY_INPUT, .text = raw}, arg);
    } else if (input) {
        auto_done(buf) struct buf text;
        buf_init(&text, LINE_MAX_BYTES);
        if ((r = json_print(input, &text)) < 0)
            return r;
        r = sink(&(struct query_event){.kind = QUERY_INPUT, .text = buf_str(&text)}, arg);
    }
    return r < 0 ? r : sink(&(struct query_event){.kind = QUERY_BLOCK_END}, arg);
}

static const struct {
    const char *name;
    enum query_stop stop;
} stops[] = {{"end_turn", QUERY_END_TURN},
             {"tool_use", QUERY_TOOL_USE},
             {"max_tokens", QUERY_MAX_TOKENS},
             {"refusal", QUERY_REFUSAL}};

static int emit_tail(const json_t *line, query_sink sink, void *arg)
{
    const json_t *usage = NULL;
    int r = json_get_object(line, "usage", &usage, NULL);
    if (r < 0)
        return r;
    if (usage) {
        struct query_event e = {.kind = QUERY_USAGE};
        if (json_get_i64(usage, "input_tokens", 0, INT64_MAX, &e.usage.input, NULL) < 0 ||
            json_get_i64(usage, "output_tokens", 0, INT64_MAX, &e.usage.output, NULL) < 0)
            return -FAULT_INPUT;
        if ((r = sink(&e, arg)) < 0)
            return r;
    }
    struct str stop;
    r = json_get_str(line, "stop", &stop, NULL);
    if (r < 0)
        return r;
    if (r == 0)
        for (size_t i = 0; i < ARRAY_LEN(stops); i++)
            if (str_is(stop, stops[i].name))
                return sink(&(struct query_event){.kind = QUERY_STOP, .stop = stops[i].stop}, arg);
    return r == 0 ? -FAULT_INPUT : 0;
}

static int script_end(struct codec *c, query_sink sink, void *arg)
{
    auto_json json_t *line = NULL;
    int r = json_parse(buf_str(&c->line), LINE_MAX_BYTES, &line, NULL);
    if (r < 0)
        return r;
    if (!json_is_object(line))
        return -FAULT_INPUT;
    const json_t *expect = NULL, *calls = NULL;
    struct str text;
    if ((r = json_get_object(line, "expect", &expect, NULL)) < 0)
        return r;
    if (r == 0 && (r = sink(&(struct query_event){.kind = QUERY_EXPECT, .body = expect}, arg)) < 0)
        return r;
    if ((r = json_get_str(line, "thinking", &text, NULL)) < 0)
        return r;
    if (r == 0 && (r = sink(&(struct query_event){.kind = QUERY_THINKING, .text = text}, arg)) < 0)
        return r;
    if ((r = json_get_str(line, "text", &text, NULL)) < 0)
        return r;
    if (r == 0 && text.len &&
        (r = sink(&(struct query_event){.kind = QUERY_TEXT, .text = text}, arg)) < 0)
        return r;
    if ((r = json_get_array(line, "calls", &calls, NULL)) < 0)
        return r;
    size_t i;
    json_t *call;
    json_array_foreach((json_t *)(uintptr_t)calls, i,
                       call) if ((r = emit_call(call, i, sink, arg)) < 0) return r;
    return emit_tail(line, sink, arg);
}

const struct codec_wire codec_script = {
    .name = "script",
    .request = script_request,
    .decoder_new = script_new,
    .feed = script_feed,
    .end = script_end,
    .decoder_free = script_free,
};
