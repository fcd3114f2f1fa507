/* A loop under test: events in by short names, actions kept as lines. */
#pragma once

#include "query/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct loop {
    struct query *query;
    struct buf
        log; /* one line per action: "model 1", "call 2 read {..}", "say text hello", "wait", "done STATUS BY" */
    int64_t wait_ms;
    char status[32], stopped_by[32], detail[160], text[4096];
    unsigned models, calls, waits, dones;
    uint64_t last_model, last_call;
};

void loop_begin(struct loop *l, int64_t max_turns, int64_t max_calls);
void loop_end(struct loop *l);
void loop_event(struct loop *l, const struct query_event *e);

void say_text(struct loop *l, const char *text);
void say_thinking(struct loop *l, const char *text);
void say_call(struct loop *l, const char *id, const char *tool,
              const char *input); /* with its block's end */
void say_stop(struct loop *l, enum query_stop stop);
void end_answer(struct loop *l); /* MODEL_END, whole */
void fail_answer(struct loop *l, enum query_error error, int64_t retry_after_ms);
void give_result(struct loop *l, uint64_t number, const char *text, bool is_error);
void pass_time(struct loop *l);
void cancel(struct loop *l, const char *reason);

/* Each assistant message with calls is followed by one with exactly their results, in order; no empty message. */
void assert_conversation_is_whole(const struct loop *l);
void assert_done(const struct loop *l, const char *status, const char *stopped_by);
void assert_going_on(const struct loop *l);
/* The conversation as text, for looking into it. Valid until the next call. */
const char *conversation(const struct loop *l);
