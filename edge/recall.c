/* A conversation put together again. Messages are the agent's words of an earlier run, so their form is checked here: what is
 * no message is left out. Results are the monitor's own. Where a call of the last answer has none, the journal says what is
 * known, in fixed words; nothing is run here, and nothing is run again by itself later. */
#include "edge/record.h"

#include "host/journal.h"
#include "host/talk.h"

#include <errno.h>
#include <stdio.h>

/* What is known of a call without a result, worst first. */
enum known { KNOWN_NOT, KNOWN_RAN, KNOWN_UNKNOWN };
static const char *const known_texts[] = {
    [KNOWN_NOT] = "Not run: the session was interrupted before this call began.",
    [KNOWN_RAN] =
        "The session was interrupted: this call has ended, but the text of its result was not kept. Look at what it did before you go on.",
    [KNOWN_UNKNOWN] =
        "UNKNOWN OUTCOME: the session was interrupted while this call ran. It may or may not have had its effect. Look before you repeat it.",
};
static const char *const known_names[] = {"not-run", "ran", "unknown"};

struct reader {
    struct state *state;
    const char *session;
    struct recalled *to;
    json_t *messages;        /* own; [{number, first_call, pinned, message}] */
    json_t *summary;         /* own; the last one */
    int64_t summary_until;   /* number of the first message that it does not cover */
    json_t *results, *calls; /* own; by number as text: {call, body}, {call, tool} */
    json_t *intents, *ended; /* own; by the journal's name: true */
};

static bool is_message(const json_t *m)
{
    const char *role = json_string_value(json_object_get(m, "role"));
    const json_t *content = json_object_get(m, "content");
    size_t i;
    json_t *block;
    if (!role || (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0) ||
        json_array_size(content) == 0)
        return false;
    json_array_foreach((json_t *)(uintptr_t)content, i, block)
    {
        const char *type = json_string_value(json_object_get(block, "type"));
        if (!type)
            return false;
        if (strcmp(type, "call") == 0 &&
            (!json_is_string(json_object_get(block, "id")) ||
             !json_is_string(json_object_get(block, "tool")) ||
             !json_is_object(json_object_get(block, "input")) || strcmp(role, "assistant") != 0))
            return false;
        if (strcmp(type, "text") == 0 && !json_is_string(json_object_get(block, "text")))
            return false;
        if (strcmp(type, "result") == 0) /* those are never taken from the agent */
            return false;
    }
    return true;
}

static void key_of(int64_t number, char ret[24])
{
    snprintf(ret, 24, "%lld", (long long)number);
}

static void at_least(uint64_t *most, int64_t number)
{
    if (number > 0 && (uint64_t)number > *most)
        *most = (uint64_t)number;
}

static int put(json_t *in, int64_t number, own json_t *value)
{
    char key[24];
    key_of(number, key);
    return value && json_object_set_new(in, key, value) == 0 ? 0 : -ENOMEM;
}

static int on_row(const struct talk_row *row, void *arg)
{
    struct reader *r = arg;
    auto_json json_t *body = NULL;
    if (json_parse(row->body, TALK_BODY_MAX, &body, NULL) < 0)
        return 0;
    if (str_is(row->kind, "turn")) {
        const char *outcome = json_string_value(json_object_get(body, "outcome"));
        at_least(&r->to->turns, row->number);
        r->to->answers += outcome && strcmp(outcome, "ok") == 0;
    } else if (str_is(row->kind, "message")) {
        at_least(&r->to->messages, row->number);
        if (is_message(json_object_get(body, "message")) &&
            (json_object_set_new(body, "number", json_integer(row->number)) ||
             json_array_append(r->messages, body)))
            return -ENOMEM;
    } else if (str_is(row->kind, "summary") && is_message(body)) {
        json_decref(r->summary);
        r->summary = json_incref(body);
        r->summary_until = row->number;
    } else if (str_is(row->kind, "call")) {
        at_least(&r->to->calls, row->number);
        int64_t made = 0;
        if (row->call.len > 1 && base_parse_i64((struct str){row->call.at + 1, row->call.len - 1},
                                                1, INT64_MAX, &made) == 0)
            at_least(&r->to->calls_made, made);
        return put(r->calls, row->number,
                   json_pack("{s:o, s:O*}", "call", json_string_lossy(row->call), "tool",
                             json_object_get(body, "tool")));
    } else if (str_is(row->kind, "result")) {
        return put(r->results, row->number,
                   json_pack("{s:o, s:O}", "call", json_string_lossy(row->call), "body", body));
    }
    return 0;
}

static int on_journal(const struct journal_row *row, void *arg)
{
    struct reader *r = arg;
    if (!row->call)
        return 0;
    json_t *to = strcmp(row->kind, "intent") == 0 || strcmp(row->kind, "decision") == 0 ? r->intents
                 : strcmp(row->kind, "receipt") == 0                                    ? r->ended
                                                                                        : NULL;
    return to && json_object_set_new(to, row->call, json_true()) ? -ENOMEM : 0;
}

/* --- results --- */

static own json_t *result_block(const json_t *call, const json_t *body, const char *name)
{
    json_t *content = json_object_get(body, "content");
    return json_pack("{s:s, s:O, s:O, s:o, s:b, s:s*}", "type", "result", "id",
                     json_object_get(call, "id"), "tool", json_object_get(call, "tool"), "content",
                     json_is_array(content) ? json_incref(content) : json_array(), "is_error",
                     json_is_true(json_object_get(body, "is_error")), "call", name);
}

static own json_t *missing_block(struct reader *r, int64_t number, const json_t *call,
                                 const json_t *asked)
{
    const char *name = json_string_value(json_object_get(asked, "call"));
    enum known known = !name                               ? KNOWN_NOT
                       : json_object_get(r->ended, name)   ? KNOWN_RAN
                       : json_object_get(r->intents, name) ? KNOWN_UNKNOWN
                                                           : KNOWN_NOT;
    auto_json json_t *body = json_pack("{s:[{s:s, s:s}], s:n, s:b}", "content", "type", "text",
                                       "text", known_texts[known], "structured", "is_error", 1);
    if (known != KNOWN_NOT) {
        json_t *open = json_pack("{s:s, s:O, s:s}", "call", name, "tool",
                                 json_object_get(call, "tool"), "known", known_names[known]);
        if (!open || json_array_append_new(r->to->open, open))
            return NULL;
    }
    json_t *filled = json_pack("{s:I, s:s, s:O}", "number", (json_int_t)number, "call",
                               name ? name : "", "body", body);
    if (!filled || json_array_append_new(r->to->filled, filled))
        return NULL;
    return result_block(call, body, name);
}

/* The results of an assistant message, in the order of its calls; NULL in *ret when it has none. */
static int results_of(struct reader *r, const json_t *row, own json_t **ret)
{
    const json_t *content = json_object_get(json_object_get(row, "message"), "content");
    int64_t number = 0;
    if (json_get_i64(row, "first_call", 0, INT64_C(1) << 40, &number, NULL) < 0)
        number = 0; /* nothing is kept under it: its calls count as not run */
    auto_json json_t *blocks = json_array();
    size_t i;
    json_t *block;
    json_array_foreach((json_t *)(uintptr_t)content, i, block)
    {
        if (strcmp(json_string_value(json_object_get(block, "type")), "call") != 0)
            continue;
        char key[24];
        key_of(number, key);
        const json_t *result = json_object_get(r->results, key);
        json_t *one = result ? result_block(block, json_object_get(result, "body"),
                                            json_string_value(json_object_get(result, "call")))
                             : missing_block(r, number, block, json_object_get(r->calls, key));
        number++;
        if (!blocks || !one || json_array_append_new(blocks, one))
            return -ENOMEM;
    }
    at_least(&r->to->calls, number - 1);
    *ret = json_array_size(blocks) ? take(blocks) : NULL;
    return 0;
}

/* --- the whole --- */

static int append(struct reader *r, const json_t *message, const json_t *number, bool is_pinned)
{
    json_t *one = json_pack("{s:O, s:O, s:O*, s:b, s:O*}", "role", json_object_get(message, "role"),
                            "content", json_object_get(message, "content"), "number", number,
                            "pinned", is_pinned, "by", json_object_get(message, "by"));
    return one && json_array_append_new(r->to->conversation, one) == 0 ? 0 : -ENOMEM;
}

static int append_row(struct reader *r, const json_t *row)
{
    const json_t *message = json_object_get(row, "message");
    json_t *results = NULL;
    int e = append(r, message, json_object_get(row, "number"),
                   json_is_true(json_object_get(row, "pinned")));
    if (e == 0)
        e = results_of(r, row, &results);
    if (e < 0)
        return e;
    r->to->ends_with_answer =
        !results && strcmp(json_string_value(json_object_get(message, "role")), "assistant") == 0;
    if (!results)
        return 0;
    json_t *one = json_pack("{s:s, s:o}", "role", "user", "content", results);
    return one && json_array_append_new(r->to->conversation, one) == 0 ? 0 : -ENOMEM;
}

static int put_together(struct reader *r)
{
    size_t i;
    json_t *row;
    bool is_summed = !r->summary;
    json_array_foreach(r->messages, i, row)
    {
        int64_t number = json_integer_value(json_object_get(row, "number"));
        bool is_covered = r->summary && number < r->summary_until;
        if (is_covered && !json_is_true(json_object_get(row, "pinned")))
            continue;
        if (!is_covered && !is_summed) {
            auto_json json_t *until = json_integer(r->summary_until);
            int e = until ? append(r, r->summary, until, false) : -ENOMEM;
            if (e < 0)
                return e;
            is_summed = true;
        }
        int e = append_row(r, row);
        if (e < 0)
            return e;
    }
    return 0;
}

/* The journal is read from this session's first row to its end, so only when there is something to ask it. */
static bool has_open_call(const struct reader *r)
{
    const char *number;
    json_t *call;
    json_object_foreach(r->calls, number,
                        call) if (!json_object_get(r->results, number)) return true;
    return false;
}

static int read_all(struct reader *r, struct fault *reterr)
{
    r->messages = json_array();
    r->results = json_object();
    r->calls = json_object();
    r->intents = json_object();
    r->ended = json_object();
    r->to->conversation = json_array();
    r->to->open = json_array();
    r->to->filled = json_array();
    if (!r->messages || !r->results || !r->calls || !r->intents || !r->ended ||
        !r->to->conversation || !r->to->open || !r->to->filled)
        return -ENOMEM;
    int e = talk_each(r->state, r->session, on_row, r, reterr);
    if (e == 0 && has_open_call(r))
        e = journal_each(r->state, r->session, 0, on_journal, r);
    /* a call that only read may have a receipt and no row here: its name is used all the same */
    int64_t last = 0;
    if (e == 0)
        e = journal_last_call(r->state, r->session, &last);
    at_least(&r->to->calls_made, last);
    return e == 0 ? put_together(r) : e;
}

int recalled_answers_by(struct recalled *r, const char *model)
{
    size_t i;
    json_t *message;
    json_array_foreach(r->conversation, i, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        if (role && strcmp(role, "assistant") == 0 && !json_object_get(message, "by") &&
            json_object_set_new(message, "by", json_string_lossy(str_of(model))))
            return -ENOMEM;
    }
    return 0;
}

int record_recall(struct state *state, const char *session, struct recalled *ret,
                  struct fault *reterr)
{
    *ret = (struct recalled){0};
    struct reader r = {.state = state, .session = session, .to = ret};
    int e = read_all(&r, reterr);
    json_decref(r.messages);
    json_decref(r.summary);
    json_decref(r.results);
    json_decref(r.calls);
    json_decref(r.intents);
    json_decref(r.ended);
    if (e == 0 && json_array_size(ret->conversation) == 0) {
        e = fault_set(reterr, FAULT_USAGE, "nothing was said in session %s yet", session);
        fault_next(reterr, "begin anew: boxagnts run");
    }
    if (e < 0)
        recalled_done(ret);
    return e;
}

void recalled_done(struct recalled *r)
{
    json_decref(r->conversation);
    json_decref(r->open);
    json_decref(r->filled);
    *r = (struct recalled){0};
}

int record_fork(struct state *state, const char *from, const char *to, struct fault *reterr)
{
    struct recalled recalled;
    auto_(talk) struct talk *talk = NULL;
    int e = record_recall(state, from, &recalled, reterr);
    if (e < 0)
        return e;
    e = talk_copy(state, from, to, reterr);
    if (e == 0)
        e = talk_open(state, to, &talk, reterr);
    size_t i;
    json_t *one;
    json_array_foreach(recalled.filled, i, one)
    {
        auto_done(buf) struct buf text;
        buf_init(&text, TALK_BODY_MAX);
        if (e == 0)
            e = json_print(json_object_get(one, "body"), &text);
        if (e == 0)
            e = talk_add(talk, "result", json_integer_value(json_object_get(one, "number")),
                         json_string_value(json_object_get(one, "call")), buf_str(&text), STR(""));
    }
    recalled_done(&recalled);
    return e == 0 ? talk_flush(talk, reterr) : e;
}
