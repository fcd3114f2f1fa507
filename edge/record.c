/* The writing half; recall.c reads. */
#include "edge/record.h"

#include "host/ask/protocol.h"
#include "host/talk.h"

#include <errno.h>

#define NUMBER_MAX (INT64_C(1) << 40)

struct record {
    struct talk *talk; /* own */
    uint64_t messages; /* number of the agent's last one */
    uint64_t turn;
    const struct planner *who; /* NULL = no turn is under way */
    int place;
    struct buf bytes;
    bool has_words; /* of planner or person, not in the store yet */
};

int record_open(struct state *state, const char *session, own struct record **ret,
                struct fault *reterr)
{
    struct record *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    buf_init(&r->bytes, TALK_BODY_MAX);
    int e = talk_open(state, session, &r->talk, reterr);
    if (e < 0) {
        record_free(r);
        return e;
    }
    *ret = r;
    return 0;
}

void record_free(own struct record *r)
{
    if (!r)
        return;
    talk_free(r->talk);
    buf_done(&r->bytes);
    free(r);
}

void record_set_messages(struct record *r, uint64_t messages)
{
    r->messages = messages;
}

static int add(struct record *r, const char *kind, uint64_t number, const char *call,
               const json_t *body, struct str bytes)
{
    auto_done(buf) struct buf text;
    buf_init(&text, TALK_BODY_MAX);
    int e = body ? json_print(body, &text) : -ENOMEM;
    return e < 0 ? e : talk_add(r->talk, kind, (int64_t)number, call, buf_str(&text), bytes);
}

/* The message is kept as text, unread: whoever reads it back treats it as what it is, the agent's word. */
int record_message(struct record *r, const struct message *m)
{
    bool is_summary = json_is_true(json_object_get(m->body, "summary"));
    r->has_words = true;
    if (m->raw.len == 0 || !utf8_valid(m->raw))
        return -FAULT_PROTOCOL;
    if (is_summary ? m->id > r->messages : m->id != r->messages + 1)
        return -FAULT_PROTOCOL;
    if (is_summary)
        return talk_add(r->talk, "summary", (int64_t)m->id, NULL, m->raw, STR(""));
    r->messages = m->id;
    int64_t first_call = 0;
    if (json_get_i64(m->body, "first_call", 0, NUMBER_MAX, &first_call, NULL) < 0)
        return -FAULT_PROTOCOL;
    auto_done(buf) struct buf text;
    buf_init(&text, TALK_BODY_MAX);
    (void)buf_addf(&text, "{\"first_call\":%lld,\"pinned\":%s,\"message\":", (long long)first_call,
                   json_is_true(json_object_get(m->body, "pinned")) ? "true" : "false");
    (void)buf_add_str(&text, m->raw);
    (void)buf_add_c(&text, '}');
    int e = buf_error(&text);
    return e < 0 ? e : talk_add(r->talk, "message", (int64_t)m->id, NULL, buf_str(&text), STR(""));
}

void record_turn_begin(struct record *r, uint64_t turn, const struct planner *who, int place)
{
    r->turn = turn;
    r->who = who;
    r->place = place;
    buf_reset(&r->bytes);
}

/* A stream past the cap is not kept; the turn's row says so by having no bytes. */
void record_turn_data(struct record *r, struct str bytes)
{
    (void)buf_add_str(&r->bytes, bytes);
}

int record_turn_end(struct record *r, const struct planner_end *e)
{
    const struct planner *who = take(r->who);
    if (!who)
        return 0;
    const struct usage *u = &e->usage;
    r->has_words = true;
    auto_json json_t *body = json_pack(
        "{s:s, s:s, s:i, s:s, s:s*, s:{s:I, s:I, s:I, s:I}}", "wire", who->wire, "model",
        who->label, "place", r->place, "outcome", e->outcome, "error", e->error, "usage",
        "input_tokens", (json_int_t)u->input_tokens, "output_tokens", (json_int_t)u->output_tokens,
        "cache_read_tokens", (json_int_t)u->cache_read_tokens, "cache_write_tokens",
        (json_int_t)u->cache_write_tokens);
    struct str bytes = buf_error(&r->bytes) == 0 ? buf_str(&r->bytes) : STR("");
    int result = add(r, "turn", r->turn, NULL, body, bytes);
    buf_done(&r->bytes);
    return result;
}

int record_call(struct record *r, uint64_t number, const char *call, struct str tool)
{
    auto_json json_t *body = json_pack("{s:o}", "tool", json_string_lossy(tool));
    return add(r, "call", number, call, body, STR(""));
}

int record_result(struct record *r, uint64_t number, const char *call, struct str result)
{
    return talk_add(r->talk, "result", (int64_t)number, call, result, STR(""));
}

int record_flush_before_call(struct record *r, bool may_have_effect)
{
    return may_have_effect || r->has_words ? record_flush(r, NULL) : 0;
}

int record_flush(struct record *r, struct fault *reterr)
{
    int e = talk_flush(r->talk, reterr);
    if (e == 0)
        r->has_words = false;
    return e;
}
