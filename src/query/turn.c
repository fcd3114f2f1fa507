/* Streams become blocks here. A block that never got its end is closed by the next one, or by
 * turn_close() when the whole answer is known to have arrived; an answer that broke off is dropped by
 * the loop (turn_done), so a half call is never run. */
#include "query/turn.h"

#include "base/fault.h"

#include <errno.h>

void turn_init(struct turn *t)
{
    *t = (struct turn){.open = TURN_OUTSIDE};
    buf_init(&t->piece, TURN_TEXT_MAX);
    buf_init(&t->all_text, TURN_TEXT_MAX);
}

void turn_done(struct turn *t)
{
    json_decref(t->blocks);
    json_decref(t->expect);
    buf_done(&t->piece);
    buf_done(&t->all_text);
    free(t->signature);
    for (size_t i = 0; i < t->call_count; i++) {
        free(t->calls[i].id);
        free(t->calls[i].tool);
        free(t->calls[i].input);
        json_decref(t->calls[i].value);
    }
    turn_init(t);
}

static int add_block(struct turn *t, own json_t *block)
{
    if (!block)
        return -ENOMEM;
    if (!t->blocks && !(t->blocks = json_array())) {
        json_decref(block);
        return -ENOMEM;
    }
    return json_array_append_new(t->blocks, block) ? -ENOMEM : 0;
}

/* The open block's signature, if it has one, into the block; it goes back with it. */
static own json_t *with_signature(struct turn *t, own json_t *block)
{
    if (block && t->signature &&
        json_object_set_new(block, "signature", json_string_lossy(str_of(t->signature)))) {
        json_decref(block);
        block = NULL;
    }
    free(t->signature);
    t->signature = NULL;
    return block;
}

static own json_t *thinking_block(struct turn *t, struct str text)
{
    return with_signature(
        t, json_pack("{s:s, s:o}", "type", "thinking", "text", json_string_lossy(text)));
}

static int close_text(struct turn *t)
{
    int r = buf_add_str(&t->all_text, buf_str(&t->piece));
    if (r < 0)
        return r;
    if (str_trim(buf_str(&t->piece)).len ==
        0) /* services refuse a history with a block of white space */
        return t->signature ? add_block(t, thinking_block(t, STR(""))) : 0;
    return add_block(t, with_signature(t, json_pack("{s:s, s:o}", "type", "text", "text",
                                                    json_string_lossy(buf_str(&t->piece)))));
}

static int close_thinking(struct turn *t)
{
    t->has_thinking = true;
    return add_block(t, thinking_block(t, buf_str(&t->piece)));
}

/* An input lies this much deeper in the conversation than in its own text. */
#define INPUT_DEPTH_MAX (JSON_DEPTH_MAX - 16)

static bool is_within(const json_t *value, unsigned left)
{
    const char *key;
    size_t i;
    json_t *member;
    if (json_is_array(value))
        json_array_foreach((json_t *)(uintptr_t)value, i,
                           member) if (left == 0 || !is_within(member, left - 1)) return false;
    if (json_is_object(value))
        json_object_foreach((json_t *)(uintptr_t)value, key,
                            member) if (left == 0 || !is_within(member, left - 1)) return false;
    return true;
}

/* The input is kept as an object for the conversation; what does not parse is replaced by {} there (services
 * refuse a history with a broken call) and answered by an error result instead of a run. */
static int close_call(struct turn *t)
{
    struct turn_call *call = &t->calls[t->call_count - 1];
    struct str text = t->piece.len ? buf_str(&t->piece) : STR("{}");
    auto_json json_t *input = NULL;
    int r = json_parse(text, TURN_TEXT_MAX, &input, NULL);
    if (r == -ENOMEM)
        return r;
    call->why_bad = r < 0                                ? "it does not parse"
                    : !json_is_object(input)             ? "it is not an object"
                    : !is_within(input, INPUT_DEPTH_MAX) ? "it is nested too deeply"
                                                         : NULL;
    if (call->why_bad) {
        json_decref(input);
        input = json_object();
    }
    call->input = str_dup(text);
    if (!input || !call->input)
        return -ENOMEM;
    call->value = json_incref(input);
    return add_block(t, with_signature(t, json_pack("{s:s, s:s, s:s, s:O}", "type", "call", "id",
                                                    call->id, "tool", call->tool, "input", input)));
}

int turn_close(struct turn *t)
{
    int r = 0;
    switch (t->open) {
    case TURN_OUTSIDE: return 0;
    case TURN_IN_TEXT: r = close_text(t); break;
    case TURN_IN_THINKING: r = close_thinking(t); break;
    case TURN_IN_CALL: r = close_call(t); break;
    }
    t->open = TURN_OUTSIDE;
    buf_reset(&t->piece);
    return r;
}

static int begin_call(struct turn *t, const struct query_event *e)
{
    int r = turn_close(t);
    if (r < 0)
        return r;
    if (t->call_count == TURN_CALLS_MAX)
        return -FAULT_CAP;
    struct turn_call *call = &t->calls[t->call_count];
    auto_json json_t *tool = json_string_lossy(e->tool);
    auto_json json_t *id = json_string_lossy(e->id);
    if (!tool || !id)
        return -ENOMEM;
    *call = (struct turn_call){.id = str_dup(str_of(json_string_value(id))),
                               .tool = str_dup(str_of(json_string_value(tool)))};
    t->call_count++; /* turn_done frees a half-built one */
    if (!call->id || !call->tool)
        return -ENOMEM;
    t->open = TURN_IN_CALL;
    return 0;
}

static int add_piece(struct turn *t, enum turn_place kind, struct str text)
{
    if (t->open != kind) {
        int r = turn_close(t);
        if (r < 0)
            return r;
        t->open = kind;
    }
    return buf_add_str(&t->piece, text);
}

int turn_add(struct turn *t, const struct query_event *e)
{
    int r;
    switch (e->kind) {
    case QUERY_TEXT: return add_piece(t, TURN_IN_TEXT, e->text);
    case QUERY_THINKING: return add_piece(t, TURN_IN_THINKING, e->text);
    case QUERY_SIGNATURE:
        if (t->open == TURN_OUTSIDE && (r = add_piece(t, TURN_IN_THINKING, STR(""))) < 0)
            return r;
        free(t->signature);
        return (t->signature = str_dup(e->text)) ? 0 : -ENOMEM;
    case QUERY_REDACTED:
        if ((r = turn_close(t)) < 0)
            return r;
        t->has_thinking = true;
        return add_block(
            t, json_pack("{s:s, s:o}", "type", "redacted", "data", json_string_lossy(e->text)));
    case QUERY_CALL: return begin_call(t, e);
    case QUERY_INPUT:
        return t->open == TURN_IN_CALL ? buf_add_str(&t->piece, e->text) : -FAULT_INPUT;
    case QUERY_BLOCK_END: return turn_close(t);
    case QUERY_USAGE: t->usage = e->usage; return 0;
    case QUERY_STOP: t->stop = e->stop; return 0;
    case QUERY_EXPECT:
        json_decref(t->expect);
        t->expect = json_deep_copy(e->body);
        return t->expect ? 0 : -ENOMEM;
    case QUERY_MODEL_END:
    case QUERY_PLANNER_END:
    case QUERY_RESULT:
    case QUERY_TIMER:
    case QUERY_CANCEL: break;
    }
    return 0;
}
