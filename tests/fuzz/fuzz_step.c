/* rooms: query wire base */
/* Events as bytes: whatever comes, no cap is passed, nothing happens after the end, and each call in the conversation has its
 * result whenever the model is asked. The first two bytes are the limits; then an event is one byte of kind, one of choice,
 * and a text up to the next 0xff. */
#include "base/fault.h"
#include "query/recovery.h"
#include "query/step.h"

enum { FALLBACKS = 2 };

struct world {
    struct query *query;
    int64_t turns, calls, tries, max_turns, max_calls;
    uint64_t turn;
    unsigned model;
    bool is_done, asked;
};

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
            if (strcmp(json_string_value(json_object_get(block, "type")), "call") == 0)
                must(json_equal(json_object_get(json_array_get(answers, answered++), "id"),
                                json_object_get(block, "id")));
        }
    }
}

static int act(const struct query_action *a, void *arg)
{
    struct world *w = arg;
    must(!w->is_done);
    if (a->kind == QUERY_ACT_MODEL) {
        must(a->model >= w->model && a->model <= FALLBACKS);
        w->tries = a->number == w->turn && a->model == w->model ? w->tries + 1 : 1;
        w->model = a->model;
        w->turns += a->number != w->turn;
        w->turn = a->number;
        w->asked = true;
        must(w->turns <= w->max_turns && w->tries <= 1 + RECOVERY_TRIES_MAX);
        check_conversation(w->query);
    }
    if (a->kind == QUERY_ACT_CALL)
        must(++w->calls <= w->max_calls);
    if (a->kind == QUERY_ACT_DONE) {
        w->is_done = true;
        check_conversation(w->query);
    }
    return 0;
}

static struct query_event event_of(uint8_t kind, uint8_t choice, struct str text)
{
    return (struct query_event){
        .kind = (enum query_event_kind)(kind % (QUERY_CANCEL + 1)),
        .text = text,
        .id = text,
        .tool = text,
        .number = choice,
        .is_error = choice & 1,
        .stop = (enum query_stop)(choice % (QUERY_REFUSAL + 1)),
        .error = (enum query_error)(choice % QUERY_ERROR_COUNT),
        .retry_after_ms = choice,
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct world w = {.max_turns = data[0] % 16 + 1, .max_calls = data[1] % 16};
    const struct query_limits limits = {.max_turns = w.max_turns,
                                        .max_tool_calls = w.max_calls,
                                        .model = {"", data[1] / 16 * 100},
                                        .fallbacks = {{"next", 0}, {"last", 200}},
                                        .fallback_count = FALLBACKS};
    must(query_new(&limits, 7, &w.query) == 0);
    must(query_start(w.query, STR("task"), NULL, act, &w) == 0);
    for (size_t at = 2; at + 2 <= size;) {
        size_t end = at + 2;
        while (end < size && data[end] != 0xff)
            end++;
        struct query_event e = event_of(data[at], data[at + 1],
                                        (struct str){(const char *)data + at + 2, end - at - 2});
        auto_json json_t *body = NULL;
        if (e.kind == QUERY_RESULT || e.kind == QUERY_EXPECT)
            (void)!json_parse(e.text, 1 << 20, &body, NULL);
        e.body = body;
        if (e.kind != QUERY_EXPECT || body != NULL) {
            int r = query_step(w.query, &e, act, &w);
            must(r == 0 || r == -FAULT_INPUT || r == -FAULT_CAP);
        }
        at = end + 1;
    }
    if (!w.is_done)
        must(query_step(w.query, &(struct query_event){.kind = QUERY_CANCEL}, act, &w) == 0);
    must(w.is_done && query_is_done(w.query));
    query_free(w.query);
    return 0;
}
