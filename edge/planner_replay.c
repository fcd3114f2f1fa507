/* The recorded planner: the model events of an earlier session (host/talk.h), played against today's code, policy and files.
 * Everything that they lead to is decided and run anew; what comes of each call is held against the record, and the first
 * difference ends the run with its name. Costs nothing, and reaches no service. */
#include "edge/planner.h"

#include "edge/app.h"
#include "edge/desk.h"
#include "host/journal.h"
#include "host/talk.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REPLAY_PLACES_MAX 64

struct replay {
    struct planner planner;
    struct os_watch *timer;
    json_t *turns;     /* own; [{wire, outcome, error?, usage}] */
    struct buf *bytes; /* own; the stream of each */
    size_t turn_count, turn_cap, next;
    json_t *receipts; /* own; in order */
    json_t *results;  /* own; call -> text of its result */
    size_t calls;     /* that came to an end in this run */
    size_t prompts;   /* of the person, seen while loading */
    json_t *wires;    /* own; of each turn, in order */
    char *wire;       /* own; of the first */
    bool over;        /* a second prompt: what follows was another run */
};

/* --- loading --- */

static int take_turn(struct replay *p, const struct talk_row *row, const json_t *body)
{
    const char *wire = json_string_value(json_object_get(body, "wire"));
    int64_t place = 0;
    if (!wire || json_get_i64(body, "place", -1, REPLAY_PLACES_MAX, &place, NULL) < 0) {
        p->over = true; /* what is no turn of ours ends it */
        return 0;
    }
    if (place < 0)
        p->planner.recorded_summariser = true;
    else if ((size_t)place > p->planner.recorded_fallbacks)
        p->planner.recorded_fallbacks = (size_t)place;
    if (json_array_append_new(p->wires, json_string(wire)))
        return -ENOMEM;
    if (!p->wire && !(p->wire = str_dup(str_of(wire))))
        return -ENOMEM;
    if (p->turn_count == p->turn_cap) {
        size_t cap = p->turn_cap ? p->turn_cap * 2 : 16;
        struct buf *more = realloc(p->bytes, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        p->bytes = more;
        p->turn_cap = cap;
    }
    struct buf *b = &p->bytes[p->turn_count++];
    buf_init(b, TALK_BODY_MAX);
    if (json_array_append(p->turns, (json_t *)(uintptr_t)body))
        return -ENOMEM;
    return buf_add_str(b, row->bytes.at ? row->bytes : STR(""));
}

static int on_row(const struct talk_row *row, void *arg)
{
    struct replay *p = arg;
    auto_json json_t *body = NULL;
    if (p->over || json_parse(row->body, TALK_BODY_MAX, &body, NULL) < 0)
        return 0;
    if (str_is(row->kind, "message") && json_is_true(json_object_get(body, "pinned")))
        p->over = p->prompts++ > 0;
    else if (str_is(row->kind, "turn"))
        return take_turn(p, row, body);
    else if (str_is(row->kind, "result")) {
        auto_json json_t *key = json_string_lossy(row->call);
        return key && json_object_set(p->results, json_string_value(key), body) == 0 ? 0 : -ENOMEM;
    }
    return 0;
}

static int on_journal(const struct journal_row *row, void *arg)
{
    struct replay *p = arg;
    auto_json json_t *body = NULL;
    if (strcmp(row->kind, "receipt") != 0 || json_parse(row->json, JSON_SIZE_MAX, &body, NULL) < 0)
        return 0;
    return json_array_append(p->receipts, body) ? -ENOMEM : 0;
}

/* --- playing --- */

static int64_t count_of(const json_t *usage, const char *key)
{
    int64_t n = 0;
    return json_get_i64(usage, key, 0, INT64_C(1) << 48, &n, NULL) == 0 ? n : 0;
}

static void play(void *arg)
{
    struct replay *p = arg;
    struct planner_end e = {.outcome = "planner_end", .usage_known = true, .sent = true};
    if (p->next < p->turn_count) {
        const json_t *turn = json_array_get(p->turns, p->next);
        const json_t *usage = json_object_get(turn, "usage");
        const char *outcome = json_string_value(json_object_get(turn, "outcome"));
        const char *error = json_string_value(json_object_get(turn, "error"));
        e.outcome = outcome && strcmp(outcome, "ok") == 0      ? "ok"
                    : outcome && strcmp(outcome, "error") == 0 ? "error"
                                                               : "planner_end";
        e.error = error ? error : "server";
        e.text = "as recorded";
        e.usage = (struct usage){count_of(usage, "input_tokens"), count_of(usage, "output_tokens"),
                                 count_of(usage, "cache_read_tokens"),
                                 count_of(usage, "cache_write_tokens")};
        struct str bytes = buf_str(&p->bytes[p->next++]);
        if (bytes.len > 0)
            p->planner.events.data(bytes, p->planner.events.arg);
    }
    p->planner.events.end(&e, p->planner.events.arg);
}

static int64_t input_bound(struct planner *p, struct str body, const struct planner_tools *tools)
{
    (void)p;
    (void)body;
    (void)tools;
    return 0; /* it costs nothing */
}

static int ask(struct planner *p, uint64_t turn, struct str body, int64_t max_tokens,
               const struct planner_tools *tools, struct fault *reterr)
{
    (void)turn;
    (void)body;
    (void)max_tokens;
    (void)tools;
    (void)reterr;
    os_watch_set_timer(((struct replay *)p)->timer, os_now_mono_ns());
    return 0;
}

static void cancel(struct planner *p)
{
    os_watch_set_timer(((struct replay *)p)->timer, INT64_MAX);
}

/* --- the comparison --- */

static const char *text_of(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z ? z : "";
}

/* What a person would call another outcome; times and use of resources are not. */
static int check(struct planner *planner, const struct desk_outcome *o, char *why, size_t size)
{
    static const char *const members[] = {"tool", "input_sha256", "stopped_by"};
    struct replay *p = (struct replay *)planner;
    const json_t *was = json_array_get(p->receipts, p->calls++);
    if (!was) {
        snprintf(why, size, "call %s (%.60s) is not in the record", o->call, o->tool);
        return PLANNER_DIVERGES;
    }
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *then = text_of(was, members[i]), *now = text_of(o->receipt, members[i]);
        if (strcmp(then, now) != 0) {
            snprintf(why, size, "call %s (%.60s): %s was %.80s, is %.80s", o->call, o->tool,
                     members[i], then, now);
            return PLANNER_DIVERGES;
        }
    }
    const char *then = text_of(json_object_get(was, "decision"), "verdict"),
               *now = text_of(json_object_get(o->receipt, "decision"), "verdict");
    if (strcmp(then, now) != 0) {
        snprintf(why, size, "call %s (%.60s): the verdict was %.20s, is %.20s", o->call, o->tool,
                 then, now);
        return PLANNER_DIVERGES;
    }
    const json_t *result = json_object_get(p->results, text_of(was, "call"));
    if (result &&
        !json_equal(json_object_get(result, "content"), json_object_get(o->result, "content"))) {
        snprintf(why, size, "call %s (%.60s): its result is another one", o->call, o->tool);
        return PLANNER_DIVERGES;
    }
    return 0;
}

static int check_end(struct planner *planner, char *why, size_t size)
{
    const struct replay *p = (const struct replay *)planner;
    size_t left = p->turn_count - p->next;
    if (left == 0)
        return 0;
    snprintf(why, size, "the record has %zu more model turn%s than this run asked for", left,
             left == 1 ? "" : "s");
    return PLANNER_DIVERGES;
}

static void free_replay(own struct planner *planner)
{
    struct replay *p = (struct replay *)planner;
    os_watch_free(p->timer);
    for (size_t i = 0; i < p->turn_count; i++)
        buf_done(&p->bytes[i]);
    free(p->bytes);
    json_decref(p->turns);
    json_decref(p->wires);
    json_decref(p->receipts);
    json_decref(p->results);
    free(p->wire);
    free(planner->model);
    free(planner->label);
    free(p);
}

static int load(struct replay *p, struct state *state, const char *session, struct fault *reterr)
{
    int r = talk_each(state, session, on_row, p, reterr);
    if (r == 0)
        r = journal_each(state, session, 0, on_journal, p);
    if (r == 0 && !p->wire) {
        r = fault_set(reterr, FAULT_CONFIG, "no model turn of session %s was recorded", session);
        fault_next(reterr, "boxagnts session list");
    }
    return r;
}

/* As long as the context of the model that answered then: what gave way gives way again. */
static void set_limits(struct planner *p, const char *label, const struct settings *settings)
{
    struct str provider, model;
    if (strchr(label, ':') || !str_split(str_of(label), '/', &provider, &model))
        return;
    char name[80];
    snprintf(name, sizeof(name), "%.*s", STR_FMT(provider));
    planner_set_limits(p, name, model.at, settings);
}

int planner_replay_new(const char *name, const struct app *app, struct os_loop *loop,
                       own struct planner **ret, struct fault *reterr)
{
    struct session_row row = {0};
    int r = session_find(app->state, str_of(name), &row, reterr);
    if (r < 0)
        return r;
    struct replay *p = calloc(1, sizeof(*p));
    if (!p) {
        session_row_done(&row);
        return -ENOMEM;
    }
    p->planner = (struct planner){.price = {.known = true},
                                  .max_tokens = 32000,
                                  .input_bound = input_bound,
                                  .ask = ask,
                                  .cancel = cancel,
                                  .check = check,
                                  .check_end = check_end,
                                  .free = free_replay};
    set_limits(&p->planner, row.model, app->settings);
    p->turns = json_array();
    p->wires = json_array();
    p->receipts = json_array();
    p->results = json_object();
    p->planner.model = str_dup(STR("replay"));
    if (asprintf(&p->planner.label, "replay:%s", row.id) < 0)
        p->planner.label = NULL;
    r = p->turns && p->wires && p->receipts && p->results && p->planner.model && p->planner.label
            ? 0
            : -ENOMEM;
    if (r == 0)
        r = load(p, app->state, row.id, reterr);
    p->planner.wire = p->wire;
    p->planner.recorded = p->wires;
    if (r == 0)
        r = os_loop_watch_timer(loop, INT64_MAX, play, p, &p->timer);
    session_row_done(&row);
    if (r < 0) {
        free_replay(&p->planner);
        return r;
    }
    *ret = &p->planner;
    return 0;
}
