#include "loop.h"

#include <stdio.h>
#include <string.h>

static int act(const struct query_action *a, void *arg)
{
    struct loop *l = arg;
    assert_int_equal(l->dones, 0); /* nothing after the end */
    switch (a->kind) {
    case QUERY_ACT_MODEL:
        l->models++;
        l->last_model = a->number;
        assert_conversation_is_whole(l);
        return buf_addf(&l->log, "model %llu\n", (unsigned long long)a->number);
    case QUERY_ACT_CALL:
        l->calls++;
        l->last_call = a->number;
        return buf_addf(&l->log, "call %llu %.*s %.*s\n", (unsigned long long)a->number,
                        STR_FMT(a->tool), STR_FMT(a->text));
    case QUERY_ACT_SAY: return buf_addf(&l->log, "say %s %.*s\n", a->say, STR_FMT(a->text));
    case QUERY_ACT_KEEP: return 0;
    case QUERY_ACT_WAIT:
        l->waits++;
        l->wait_ms = a->wait_ms;
        return buf_addf(&l->log, "wait\n");
    case QUERY_ACT_DONE:
        l->dones++;
        snprintf(l->status, sizeof(l->status), "%s", a->status);
        snprintf(l->stopped_by, sizeof(l->stopped_by), "%s", a->stopped_by);
        snprintf(l->detail, sizeof(l->detail), "%s", a->detail);
        snprintf(l->text, sizeof(l->text), "%.*s", STR_FMT(a->text));
        return buf_addf(&l->log, "done %s %s\n", a->status, a->stopped_by);
    }
    return 0;
}

void loop_begin(struct loop *l, int64_t max_turns, int64_t max_calls)
{
    const struct query_limits limits = {.max_turns = max_turns, .max_tool_calls = max_calls};
    *l = (struct loop){0};
    buf_init(&l->log, (size_t)1 << 20);
    assert_int_equal(query_new(&limits, 42, &l->query), 0);
    assert_int_equal(query_start(l->query, STR("the task"), NULL, act, l), 0);
}

void loop_end(struct loop *l)
{
    assert_conversation_is_whole(l);
    query_free(l->query);
    buf_done(&l->log);
}

void loop_event(struct loop *l, const struct query_event *e)
{
    assert_int_equal(query_step(l->query, e, act, l), 0);
}

void say_text(struct loop *l, const char *text)
{
    loop_event(l, &(struct query_event){.kind = QUERY_TEXT, .text = str_of(text)});
    loop_event(l, &(struct query_event){.kind = QUERY_BLOCK_END});
}

void say_thinking(struct loop *l, const char *text)
{
    loop_event(l, &(struct query_event){.kind = QUERY_THINKING, .text = str_of(text)});
    loop_event(l, &(struct query_event){.kind = QUERY_SIGNATURE, .text = STR("sig")});
    loop_event(l, &(struct query_event){.kind = QUERY_BLOCK_END});
}

void say_call(struct loop *l, const char *id, const char *tool, const char *input)
{
    loop_event(l,
               &(struct query_event){.kind = QUERY_CALL, .id = str_of(id), .tool = str_of(tool)});
    if (*input)
        loop_event(l, &(struct query_event){.kind = QUERY_INPUT, .text = str_of(input)});
    loop_event(l, &(struct query_event){.kind = QUERY_BLOCK_END});
}

void say_stop(struct loop *l, enum query_stop stop)
{
    loop_event(l, &(struct query_event){.kind = QUERY_STOP, .stop = stop});
}

void end_answer(struct loop *l)
{
    loop_event(l, &(struct query_event){.kind = QUERY_MODEL_END});
}

void fail_answer(struct loop *l, enum query_error error, int64_t retry_after_ms)
{
    loop_event(l, &(struct query_event){
                      .kind = QUERY_MODEL_END, .error = error, .retry_after_ms = retry_after_ms});
}

void give_result(struct loop *l, uint64_t number, const char *text, bool is_error)
{
    auto_json json_t *body = json_pack("{s:[{s:s, s:s}], s:n, s:b}", "content", "type", "text",
                                       "text", text, "structured", "is_error", is_error);
    assert_non_null(body);
    loop_event(l, &(struct query_event){
                      .kind = QUERY_RESULT, .number = number, .body = body, .is_error = is_error});
}

void pass_time(struct loop *l)
{
    loop_event(l, &(struct query_event){.kind = QUERY_TIMER});
}

void cancel(struct loop *l, const char *reason)
{
    loop_event(l, &(struct query_event){.kind = QUERY_CANCEL, .text = str_of(reason)});
}

static const char *member(const json_t *object, const char *key)
{
    const char *z = json_string_value(json_object_get(object, key));
    return z ? z : "";
}

void assert_conversation_is_whole(const struct loop *l)
{
    const json_t *all = query_conversation(l->query);
    for (size_t m = 0; m < json_array_size(all); m++) {
        const json_t *message = json_array_get(all, m),
                     *content = json_object_get(message, "content");
        const json_t *answers = json_object_get(json_array_get(all, m + 1), "content");
        size_t answered = 0;
        assert_true(json_array_size(content) > 0);
        for (size_t i = 0; i < json_array_size(content); i++) {
            const json_t *block = json_array_get(content, i);
            if (strcmp(member(block, "type"), "call") != 0)
                continue;
            const json_t *answer = json_array_get(answers, answered++);
            assert_string_equal(member(answer, "type"), "result");
            assert_string_equal(member(answer, "id"), member(block, "id"));
            assert_true(json_is_boolean(json_object_get(answer, "is_error")));
        }
        if (answered)
            assert_int_equal(json_array_size(answers), answered);
    }
}

void assert_done(const struct loop *l, const char *status, const char *stopped_by)
{
    assert_int_equal(l->dones, 1);
    assert_true(query_is_done(l->query));
    assert_string_equal(l->status, status);
    assert_string_equal(l->stopped_by, stopped_by);
}

void assert_going_on(const struct loop *l)
{
    assert_int_equal(l->dones, 0);
    assert_false(query_is_done(l->query));
}

const char *conversation(const struct loop *l)
{
    static char text[1 << 16];
    char *dump = json_dumps(query_conversation(l->query), JSON_COMPACT);
    assert_non_null(dump);
    snprintf(text, sizeof(text), "%s", dump);
    free(dump);
    return text;
}
