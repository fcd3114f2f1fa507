/* Random planners and random runtimes: whatever comes, in whatever order, no cap is passed, each call has its
 * result, and it ends. The environment answers what it is asked for sooner or later; in between it says anything. */
#include "query/recovery.h"
#include "query/step.h"
#include "query/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define SEQUENCES 20000u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEQUENCES 20000u
#endif
#endif
#ifndef SEQUENCES
#define SEQUENCES 200000u
#endif

enum { EVENTS_MAX = 2000, OUT_MAX = 256 };

struct world {
    struct query *query;
    struct query_limits limits;
    bool has_failed; /* the last answer, in a way that may be tried again */
    uint64_t random;
    int64_t max_turns, max_calls;
    unsigned turns, calls, tries, dones, model;
    bool by_summariser;
    uint64_t kept, turn, out[OUT_MAX]; /* numbers of calls that are out */
    size_t out_count;
    bool asked, waits;
};

static uint64_t draw(struct world *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % below;
}

static void check_conversation(const struct query *q)
{
    const json_t *all = query_conversation(q);
    for (size_t m = 0; m < json_array_size(all); m++) {
        const json_t *content = json_object_get(json_array_get(all, m), "content");
        const json_t *answers = json_object_get(json_array_get(all, m + 1), "content");
        size_t answered = 0;
        must(json_array_size(content) > 0);
        for (size_t i = 0; i < json_array_size(content); i++) {
            const json_t *block = json_array_get(content, i);
            if (strcmp(json_string_value(json_object_get(block, "type")), "call") != 0)
                continue;
            const json_t *answer = json_array_get(answers, answered++);
            must(json_equal(json_object_get(answer, "id"), json_object_get(block, "id")));
            must(strcmp(json_string_value(json_object_get(answer, "type")), "result") == 0);
        }
        must(answered == 0 || json_array_size(answers) == answered);
    }
}

/* The person's own words are never taken out. */
static void check_task(const struct query *q)
{
    const json_t *first = json_array_get(query_conversation(q), 0);
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(first, "content"), 0), "text"));
    must(text && strcmp(text, "task") == 0);
}

static int act(const struct query_action *a, void *arg)
{
    struct world *w = arg;
    must(w->dones == 0);
    switch (a->kind) {
    case QUERY_ACT_MODEL:
        must(!w->asked && !w->waits && w->out_count == 0);
        w->asked = true;
        must(a->model >= w->model && a->model <= w->limits.fallback_count);
        must(!a->by_summariser || (w->limits.has_summariser && a->is_summary));
        if (a->number == w->turn && a->model == w->model && a->by_summariser == w->by_summariser) {
            must(++w->tries <= 1 + RECOVERY_TRIES_MAX);
        } else if (a->number == w->turn) { /* the next one, from the first try on */
            must(a->model == w->model + 1 || (w->by_summariser && a->model == w->model));
            must(w->has_failed);
            w->tries = 1;
        } else {
            must(a->number == w->turn + 1);
            w->turn = a->number;
            w->tries = 1;
            must(++w->turns <= w->max_turns);
            must(a->model == w->model);
        }
        w->model = a->model;
        w->by_summariser = a->by_summariser;
        w->has_failed = false;
        check_conversation(w->query);
        check_task(w->query);
        break;
    case QUERY_ACT_CALL:
        must(++w->calls <= w->max_calls);
        must(w->out_count < OUT_MAX);
        w->out[w->out_count++] = a->number;
        break;
    case QUERY_ACT_WAIT:
        must(!w->waits && !w->asked && a->wait_ms >= 0);
        w->waits = true;
        break;
    case QUERY_ACT_DONE:
        w->dones++;
        check_conversation(w->query);
        break;
    case QUERY_ACT_KEEP:
        must(a->is_summary ? a->number <= w->kept + 1 : a->number == ++w->kept);
        break; /* each once, in order */
    case QUERY_ACT_SAY: break;
    }
    return 0;
}

/* Long enough that a context of a few hundred tokens is full after two of them. */
static const char long_result[] =
#define SENTENCE                                                                                   \
    "All work and no play makes a long result, and a long result makes a short conversation. "
    SENTENCE SENTENCE SENTENCE SENTENCE SENTENCE SENTENCE SENTENCE SENTENCE;

static const char *pick_word(struct world *w)
{
    static const char *const words[] = {"",     "a", "{}",     "{",    "{\"p\":1}",
                                        "\xff", " ", "[[[]]]", "read", "time"};
    return words[draw(w, ARRAY_LEN(words))];
}

static struct query_event any_event(struct world *w)
{
    struct query_event e = {.kind = (enum query_event_kind)draw(w, QUERY_CANCEL + 1),
                            .text = str_of(pick_word(w)),
                            .id = str_of(pick_word(w)),
                            .tool = str_of(pick_word(w))};
    if (e.kind == QUERY_CANCEL && draw(w, 20) != 0) /* rarely: it ends everything */
        e.kind = QUERY_TEXT;
    if (e.kind == QUERY_PLANNER_END && draw(w, 10) != 0)
        e.kind = QUERY_BLOCK_END;
    e.stop = (enum query_stop)draw(w, QUERY_REFUSAL + 1);
    if (e.stop == QUERY_REFUSAL && draw(w, 10) != 0)
        e.stop = QUERY_MAX_TOKENS;
    e.error = draw(w, 2) ? QUERY_OK : (enum query_error)draw(w, QUERY_ERROR_COUNT);
    e.number = w->out_count && draw(w, 2) ? w->out[draw(w, w->out_count)] : draw(w, 40);
    e.is_error = draw(w, 2);
    e.retry_after_ms = (int64_t)draw(w, 1000);
    return e;
}

/* Keeps the books of what the runtime owes, as the real one would. */
static void settle(struct world *w, const struct query_event *e)
{
    if (e->kind == QUERY_MODEL_END || e->kind == QUERY_PLANNER_END)
        w->asked = false;
    if (e->kind == QUERY_TIMER)
        w->waits = false;
    for (size_t i = 0; e->kind == QUERY_RESULT && i < w->out_count; i++) {
        if (w->out[i] == e->number) {
            w->out[i] = w->out[--w->out_count];
            break;
        }
    }
}

static void step(struct world *w, struct query_event e)
{
    auto_json json_t *body = NULL;
    if (e.kind == QUERY_RESULT || e.kind == QUERY_EXPECT)
        body = json_pack("{s:[{s:s, s:s}], s:b, s:s}", "content", "type", "text", "text",
                         draw(w, 3) ? draw(w, 2) ? "r" : "s" : long_result, "is_error", e.is_error,
                         "contains", draw(w, 2) ? "r" : "");
    e.body = draw(w, 10) ? body : NULL;
    if (e.kind == QUERY_EXPECT)
        e.body = body;
    /* What would end a turn early is the runtime's to say, and it says it only of a turn that it has begun. */
    if ((e.kind == QUERY_MODEL_END || e.kind == QUERY_PLANNER_END) && !w->asked)
        return;
    if (e.kind == QUERY_TIMER && !w->waits)
        return;
    settle(w, &e);
    if (e.kind == QUERY_MODEL_END)
        w->has_failed = recovery_incident(e.error) != INCIDENT_NONE;
    int r = query_step(w->query, &e, act, w);
    if (r == -FAULT_INPUT || r == -FAULT_CAP) { /* the agent's answer to a stream that is none */
        must(w->asked);
        w->asked = false;
        w->has_failed = true;
        r = query_step(w->query,
                       &(struct query_event){.kind = QUERY_MODEL_END, .error = QUERY_MALFORMED},
                       act, w);
    }
    if (r != 0)
        print_error("step: %d\n", r);
    must(r == 0);
}

/* The event that is owed. */
static void go_on(struct world *w)
{
    if (w->asked)
        step(w, (struct query_event){.kind = QUERY_MODEL_END,
                                     .error = draw(w, 4) ? QUERY_OK : QUERY_SERVER});
    else if (w->waits)
        step(w, (struct query_event){.kind = QUERY_TIMER});
    else if (w->out_count)
        step(w, (struct query_event){
                    .kind = QUERY_RESULT, .number = w->out[0], .is_error = draw(w, 2)});
}

static void run_one(uint64_t seed)
{
    struct world w = {.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1};
    w.max_turns = (int64_t)draw(&w, 8) + 1;
    w.max_calls = (int64_t)draw(&w, 8);
    w.limits = (struct query_limits){.max_turns = w.max_turns,
                                     .max_tool_calls = w.max_calls,
                                     .model = {"", draw(&w, 2) ? 0 : (int64_t)draw(&w, 400)}};
    w.limits.has_summariser = draw(&w, 2);
    w.limits.fallback_count = draw(&w, 3);
    for (size_t i = 0; i < w.limits.fallback_count; i++)
        w.limits.fallbacks[i] =
            (struct query_model){"next", draw(&w, 2) ? 0 : (int64_t)draw(&w, 400)};
    must(query_new(&w.limits, seed, &w.query) == 0);
    must(query_start(w.query, STR("task"), NULL, act, &w) == 0);
    uint64_t noise = draw(&w, 6);
    unsigned events = 0;
    for (; w.dones == 0; events++) {
        must(events < EVENTS_MAX); /* it ends */
        if (draw(&w, 8) < noise)
            step(&w, any_event(&w));
        else
            go_on(&w);
        must(w.dones || w.asked || w.waits ||
             w.out_count); /* somebody owes it something, or it stands still for ever */
    }
    must(query_is_done(w.query) && w.dones == 1);
    for (int i = 0; i < 3; i++) {
        struct query_event late = any_event(&w);
        must(query_step(w.query, &late, act, &w) == 0);
    }
    query_free(w.query);
}

static void random_sequences_pass_no_cap_lose_no_result_and_end(void **state)
{
    (void)state;
    const char *said = getenv("BX_SEQUENCES"); /* a million by hand, fewer on each build */
    unsigned long count = said ? strtoul(said, NULL, 10) : SEQUENCES;
    for (unsigned long i = 0; i < count; i++)
        run_one(i + 1);
    print_message("%lu/%lu sequences\n", count, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences_pass_no_cap_lose_no_result_and_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
