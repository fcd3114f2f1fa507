/* Joins the pure loop (src/query) to the channel: frames become events, actions become frames. Stands on
 * the hostile side of the monitor's border: everything it sends is taken as data there, so nothing here
 * is a guard; the guards are in the monitor. Blocking, one thread, no clock but the wait it is told. */
#include "edge/agent/agent.h"

#include "base/fault.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/random.h"
#include "query/codec.h"
#include "query/foreign.h"
#include "query/history.h"
#include "query/step.h"
#include "sandbox/jail/jail.h"

#include <errno.h>

#define CHANNEL_FD 3
_Static_assert(PROTOCOL_FALLBACKS_MAX <= QUERY_FALLBACKS_MAX, "the loop takes as many");
#define QUEUE_MAX ((size_t)64 << 20)

/* A model that may be asked, as the monitor said. */
struct model {
    const struct codec_wire *wire; /* NULL = there is none */
    const char *name, *label;      /* the service's name for it; ours. Of g->start */
    int64_t max_tokens;
};

struct agent {
    struct channel *channel;
    struct query *query;
    struct model models[1 + QUERY_FALLBACKS_MAX], summariser;
    const json_t *recorded; /* of g->start: wires of the answers to come, in a replay; else NULL */
    size_t requests;
    const struct codec_wire *turn_wire; /* of the turn under way */
    struct codec *decoder;              /* of the model turn under way, else NULL */
    uint64_t turn;                      /* its id */
    json_t *start;                      /* own; AGENT_START's body */
    int64_t wake_ns;                    /* INT64_MAX = no wait */
    enum query_error
        stream_error; /* of the stream itself, QUERY_OK = none; told when the monitor says that the turn is over */
    bool is_broken_off; /* the monitor was told that this turn's stream makes no sense */
    int fault;
};

static int act(const struct query_action *a, void *arg);

static void close_decoder(struct agent *g)
{
    if (g->decoder)
        g->turn_wire->decoder_free(g->decoder);
    g->decoder = NULL;
}

static const char *member(const struct agent *g, const char *key)
{
    const char *z = json_string_value(json_object_get(g->start, key));
    return z ? z : "";
}

/* --- actions --- */

/* Answers of a replay are in the form of whichever service gave them. */
static const struct codec_wire *wire_of(const struct agent *g, const struct model *m)
{
    const char *name = json_string_value(json_array_get(g->recorded, g->requests));
    const struct codec_wire *wire = name ? codec_find(str_of(name)) : NULL;
    return wire ? wire : m->wire;
}

static int write_request(const struct agent *g, const struct model *m, struct buf *body)
{
    auto_json json_t *view = foreign_view(query_conversation(g->query), m->label);
    if (!view)
        return -ENOMEM;
    const struct codec_request request = {
        .model = m->name,
        .system = member(g, "system"),
        .conversation = view,
        .max_tokens = m->max_tokens,
    };
    return g->turn_wire->request(&request, body);
}

static int send_model(struct agent *g, const struct query_action *a)
{
    const struct model *m = a->by_summariser ? &g->summariser : &g->models[a->model];
    close_decoder(g);
    g->turn_wire = wire_of(g, m);
    g->requests++;
    int r = g->turn_wire->decoder_new(&g->decoder);
    if (r < 0)
        return r;
    g->turn = a->number;
    g->stream_error = QUERY_OK;
    g->is_broken_off = false;
    auto_done(buf) struct buf body;
    buf_init(&body, PROTOCOL_MODEL_BODY_MAX - 4096);
    if ((r = write_request(g, m, &body)) < 0)
        return r;
    auto_json json_t *head =
        json_pack("{s:s, s:I, s:i, s:b}", "wire", g->turn_wire->name, "max_tokens",
                  (json_int_t)m->max_tokens, "model", (int)a->model, "summary", a->by_summariser);
    if (!head)
        return -ENOMEM;
    return channel_send(g->channel, MONITOR_MODEL, a->number, head, buf_str(&body), NULL, 0);
}

static int send_say(struct agent *g, const struct query_action *a)
{
    auto_json json_t *body = json_pack("{s:s}", "type", a->say);
    if (!body)
        return -ENOMEM;
    struct str rest = a->text;
    do { /* one frame holds so much */
        struct str piece = {rest.at,
                            rest.len < PROTOCOL_DATA_MAX / 2 ? rest.len : PROTOCOL_DATA_MAX / 2};
        int r = channel_send(g->channel, MONITOR_SAY, g->turn, body, piece, NULL, 0);
        if (r < 0)
            return r;
        rest = (struct str){rest.at + piece.len, rest.len - piece.len};
    } while (rest.len);
    return 0;
}

static int send_call(struct agent *g, const struct query_action *a)
{
    auto_json json_t *body =
        json_pack("{s:o, s:I}", "tool", json_string_lossy(a->tool), "turn", (json_int_t)g->turn);
    if (!body)
        return -ENOMEM;
    return channel_send(g->channel, MONITOR_CALL, a->number, body, a->text, NULL, 0);
}

static int send_keep(struct agent *g, const struct query_action *a)
{
    auto_json json_t *body = json_pack("{s:b, s:b, s:I}", "summary", a->is_summary, "pinned",
                                       a->is_pinned, "first_call", (json_int_t)a->first_call);
    auto_done(buf) struct buf text;
    buf_init(&text, PROTOCOL_MODEL_BODY_MAX - 4096);
    int r = body ? json_print(a->message, &text) : -ENOMEM;
    if (r < 0)
        return r;
    return channel_send(g->channel, MONITOR_KEEP, a->number, body, buf_str(&text), NULL, 0);
}

static int send_done(struct agent *g, const struct query_action *a)
{
    auto_json json_t *body = json_pack("{s:s, s:s, s:s}", "status", a->status, "stopped_by",
                                       a->stopped_by, "detail", a->detail);
    if (!body)
        return -ENOMEM;
    struct str text = a->text.len < PROTOCOL_ARGUMENTS_MAX - 4096
                          ? a->text
                          : (struct str){a->text.at, PROTOCOL_ARGUMENTS_MAX - 4096};
    return channel_send(g->channel, MONITOR_DONE, 0, body, text, NULL, 0);
}

static int act(const struct query_action *a, void *arg)
{
    struct agent *g = arg;
    switch (a->kind) {
    case QUERY_ACT_MODEL: return send_model(g, a);
    case QUERY_ACT_CALL: return send_call(g, a);
    case QUERY_ACT_SAY: return send_say(g, a);
    case QUERY_ACT_KEEP: return send_keep(g, a);
    case QUERY_ACT_WAIT: g->wake_ns = os_now_mono_ns() + a->wait_ms * OS_NS_PER_MS; return 0;
    case QUERY_ACT_DONE: return send_done(g, a);
    }
    return 0;
}

/* --- frames --- */

/* A stream that has failed is not listened to any more, but the turn is over only when the monitor says so: it
 * takes no new request before. */
static int on_codec_event(const struct query_event *e, void *arg)
{
    struct agent *g = arg;
    if (g->stream_error != QUERY_OK)
        return 0;
    if (e->kind != QUERY_MODEL_END)
        return query_step(g->query, e, act, g);
    g->stream_error = e->error != QUERY_OK ? e->error : QUERY_SERVER;
    return 0;
}

/* Faults that are the stream's own; anything else is ours and ends the program. */
static bool is_stream_fault(int r)
{
    return r == -FAULT_INPUT || r == -FAULT_CAP;
}

static int on_model_data(struct agent *g, const struct message *m)
{
    if (!g->decoder || m->id != g->turn || g->stream_error != QUERY_OK)
        return 0;
    int r = g->turn_wire->feed(g->decoder, m->raw, on_codec_event, g);
    if (!is_stream_fault(r))
        return r;
    g->stream_error = QUERY_MALFORMED;
    g->is_broken_off = true;
    return channel_send(g->channel, MONITOR_MODEL_STOP, g->turn, NULL, STR(""), NULL, 0);
}

static int end_turn(struct agent *g, struct query_event e)
{
    e.kind = QUERY_MODEL_END;
    if (g->stream_error != QUERY_OK)
        e.error = g->stream_error;
    close_decoder(g);
    return query_step(g->query, &e, act, g);
}

static int on_model_end(struct agent *g, const struct message *m)
{
    if (!g->decoder || m->id != g->turn)
        return 0;
    struct str outcome = str_of(json_string_value(json_object_get(m->body, "outcome")));
    if (str_is(outcome, "planner_end")) {
        close_decoder(g);
        return query_step(g->query, &(struct query_event){.kind = QUERY_PLANNER_END}, act, g);
    }
    if (!str_is(outcome, "ok")) {
        const json_t *error = json_object_get(m->body, "error");
        struct query_event e = {
            .error = query_error_parse(str_of(json_string_value(json_object_get(error, "class"))))};
        if (json_get_i64(error, "retry_after_ms", 0, INT32_MAX, &e.retry_after_ms, NULL) < 0)
            e.retry_after_ms = 0;
        if (!g->is_broken_off)
            g->stream_error = QUERY_OK; /* the monitor's word says more */
        return end_turn(g, e);
    }
    int r = g->stream_error == QUERY_OK ? g->turn_wire->end(g->decoder, on_codec_event, g) : 0;
    if (is_stream_fault(r)) {
        g->stream_error = QUERY_DISCONNECT;
        r = 0;
    }
    return r < 0 ? r : end_turn(g, (struct query_event){0});
}

/* What a request has beside the conversation. The tools are the monitor's to put in; here only their length is known. */
static int overhead_of(const struct agent *g, const json_t *body, int64_t *ret)
{
    int64_t tools = 0;
    if (json_get_i64(body, "tools_bytes", 0, INT64_C(1) << 40, &tools, NULL) < 0)
        return -FAULT_INPUT;
    *ret = tools + (int64_t)strlen(member(g, "system"));
    return 0;
}

static int on_result(struct agent *g, const struct message *m)
{
    auto_json json_t *result = NULL;
    int64_t overhead;
    int r = json_parse(m->raw, PROTOCOL_RESULT_MAX, &result, NULL);
    if (r == -ENOMEM || !g->query)
        return r == -ENOMEM ? r : -FAULT_PROTOCOL;
    if (json_object_get(m->body, "tools_bytes")) { /* the tools changed */
        if ((r = overhead_of(g, m->body, &overhead)) < 0)
            return r;
        query_set_overhead(g->query, overhead);
    }
    const struct query_event e = {.kind = QUERY_RESULT,
                                  .number = m->id,
                                  .id = str_of(json_string_value(json_object_get(m->body, "call"))),
                                  .body = result,
                                  .is_error =
                                      !result || json_is_true(json_object_get(result, "is_error"))};
    return query_step(g->query, &e, act, g);
}

static uint64_t number_at(const json_t *numbers, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(numbers, key));
}

/* What AGENT_START says of one model: {wire, model, label, max_tokens, context_tokens}. */
static int read_model(const json_t *said, struct model *ret, struct query_model *ret_limits,
                      struct fault *reterr)
{
    struct str wire;
    int r = json_get_str(said, "wire", &wire, reterr);
    if (r == 0)
        r = json_get_i64(said, "max_tokens", 1, INT32_MAX, &ret->max_tokens, reterr);
    if (r != 0)
        return r < 0 ? r : fault_set(reterr, FAULT_PROTOCOL, "start frame lacks a member");
    if (!(ret->wire = codec_find(wire)))
        return fault_set(reterr, FAULT_CONFIG, "no wire is called \"%.*s\"", STR_FMT(wire));
    ret->name = json_string_value(json_object_get(said, "model"));
    ret->label = json_string_value(json_object_get(said, "label"));
    if (!ret->label)
        ret->label = "";
    *ret_limits = (struct query_model){.name = ret->label};
    r = json_get_i64(said, "context_tokens", 0, INT64_C(1) << 40, &ret_limits->context_tokens,
                     reterr);
    return r < 0 ? -FAULT_INPUT : 0;
}

static int read_models(struct agent *g, struct query_limits *limits, struct fault *reterr)
{
    struct query_model ignored;
    size_t i;
    json_t *one;
    const json_t *other = json_object_get(g->start, "summariser");
    int r = read_model(g->start, &g->models[0], &limits->model, reterr);
    json_array_foreach(json_object_get(g->start, "fallbacks"), i, one)
    {
        if (r == 0 && i == QUERY_FALLBACKS_MAX)
            r = fault_set(reterr, FAULT_PROTOCOL, "more fallbacks than %d", QUERY_FALLBACKS_MAX);
        if (r == 0)
            r = read_model(one, &g->models[1 + i], &limits->fallbacks[i], reterr);
        if (r == 0)
            limits->fallback_count = 1 + i;
    }
    limits->has_summariser = other != NULL;
    return r == 0 && other ? read_model(other, &g->summariser, &ignored, reterr) : r;
}

static int on_start(struct agent *g, const struct message *m, struct fault *reterr)
{
    struct query_limits limits = {0};
    struct str prompt = m->raw;
    int r = json_get_i64(m->body, "max_turns", 1, INT32_MAX, &limits.max_turns, reterr);
    if (r == 0)
        r = json_get_i64(m->body, "max_tool_calls", 0, INT32_MAX, &limits.max_tool_calls, reterr);
    if (r != 0)
        return r < 0 ? r : fault_set(reterr, FAULT_PROTOCOL, "start frame lacks a member");
    g->start = json_incref(m->body);
    g->recorded = json_object_get(g->start, "recorded");
    if ((r = read_models(g, &limits, reterr)) < 0)
        return r;
    if ((r = overhead_of(g, m->body, &limits.overhead_bytes)) < 0)
        return r;
    uint64_t seed;
    os_random(&seed, sizeof(seed));
    if ((r = query_new(&limits, seed, &g->query)) < 0)
        return r;
    channel_set_state(g->channel, STATE_IDLE);
    const json_t *attached = json_object_get(m->body, "attached"),
                 *conversation = json_object_get(m->body, "conversation");
    if (!conversation)
        return query_start(g->query, prompt, attached, act, g);
    const json_t *at = json_object_get(m->body, "numbers");
    const struct query_numbers numbers = {number_at(at, "turns"), number_at(at, "calls"),
                                          number_at(at, "messages")};
    if (json_is_true(json_object_get(m->body, "compact")))
        return query_compact(g->query, conversation, &numbers, act, g);
    return query_resume(g->query, conversation, &numbers, prompt, attached, act, g);
}

static int on_message(struct agent *g, const struct message *m, struct fault *reterr)
{
    switch (m->type) {
    case AGENT_START: return on_start(g, m, reterr);
    case AGENT_MODEL_DATA: return on_model_data(g, m);
    case AGENT_MODEL_END: return on_model_end(g, m);
    case AGENT_RESULT: return on_result(g, m);
    case AGENT_CANCEL: {
        if (!g->query)
            return -FAULT_CANCELLED;
        struct str reason = str_of(json_string_value(json_object_get(m->body, "reason")));
        return query_step(g->query, &(struct query_event){.kind = QUERY_CANCEL, .text = reason},
                          act, g);
    }
    default: return -FAULT_PROTOCOL;
    }
}

/* Until the loop is done; after that only until the monitor hangs up. */
static int serve(struct agent *g, struct fault *reterr)
{
    for (;;) {
        struct message m;
        int r = channel_recv(g->channel, g->wake_ns, &m, reterr);
        if (r == 1) {
            g->wake_ns = INT64_MAX;
            r = query_step(g->query, &(struct query_event){.kind = QUERY_TIMER}, act, g);
        } else if (r == 0) {
            r = on_message(g, &m, reterr);
            message_done(&m);
        }
        if (r == -FAULT_PEER_GONE)
            return 0;
        if (r < 0)
            return r;
    }
}

static void give_up(struct agent *g, int r, struct fault *why)
{
    if (why->code == 0)
        (void)fault_set(why, -r, "%s", fault_sentence(r));
    auto_json json_t *body =
        json_pack("{s:i, s:s, s:s}", "code", why->code, "text", why->text, "next", why->next);
    if (body)
        (void)!channel_send(g->channel, MONITOR_FAULT, 0, body, STR(""), NULL, 0);
}

int agent_main(int argc, char **argv)
{
    struct agent g = {.wake_ns = INT64_MAX};
    struct fault why = {0};
    uint32_t seed;
    os_random(&seed, sizeof(seed));
    json_start(seed);
    int r = channel_new(CHANNEL_FD, permits_agent, QUEUE_MAX, &g.channel);
    if (r < 0)
        return 1;
    r = jail_enter_from_argv(JAIL_AGENT, argc, argv, CHANNEL_FD, g.channel, &why);
    if (r == 0)
        r = serve(&g, &why);
    if (r < 0)
        give_up(&g, r, &why);
    close_decoder(&g);
    query_free(g.query);
    json_decref(g.start);
    channel_free(g.channel);
    return r < 0 ? fault_exit_code(r) : 0;
}
