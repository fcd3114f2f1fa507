/* What the files of the loop share. Not a face. */
#pragma once

#include "base/buf.h"
#include "query/history.h"
#include "query/recovery.h"
#include "query/repeat.h"
#include "query/step.h"
#include "query/turn.h"

enum query_state { IDLE, MODEL, PAUSE, CALLS, DONE };

struct pending {
    json_t *result; /* own; NULL while the call runs */
    char *name;     /* own; the runtime's name for the call, or NULL */
    bool is_error, ran;
};

struct query {
    struct query_limits limits;
    enum query_state state;
    struct history history;
    uint64_t kept; /* number of the last message that was handed out to be kept */
    struct turn turn;
    uint64_t turn_number, call_number,
        first_call; /* first_call: number of the present turn's first */
    int64_t turns, calls;
    struct pending pending[TURN_CALLS_MAX];
    size_t pending_count, pending_left;
    bool calls_over, any_bad_call;
    /* attempts of the incidents that are open */
    unsigned service_tries, answer_tries, loop_tries;
    int64_t waited_ms;
    unsigned model; /* that is asked: 0 = the first, n = the n-th fallback; only ever grows */
    bool summariser_is_out;
    struct repeat repeat;
    struct buf final; /* text of the answer, parts of a cut one joined */
    bool continues;   /* the next text continues the one before (after a cut) */
    json_t
        *last_results; /* own; [{text, is_error}] of the calls before, for scripts' expectations */
    uint64_t seed;
    /* the context (context.c) */
    int64_t context_limit, ratio, asked_bytes;
    json_t *
        summary_ask; /* own; the conversation that is asked with while a summary is under way, else NULL */
    size_t summary_from, summary_to;
    bool only_compacts; /* with the summary it is over */
    unsigned summary_tries, context_tries;
};

/* --- step.c --- */
int query_act_done(struct query *q, const char *status, const char *stopped_by, const char *detail,
                   query_act act, void *arg);
int query_say(const char *what, struct str text, query_act act, void *arg);
int query_ask_model(struct query *q, query_act act, void *arg);
/* As it is: in a new turn, within the limit of turns, or once more in the same. */
int query_ask_turn(struct query *q, query_act act, void *arg);
int query_ask_again(struct query *q, query_act act, void *arg);
/* The planner's answer, into the conversation. content: own, also on failure. */
int query_add_answer(struct query *q, own json_t *content);
/* What has come into the conversation since the last time, results aside: the runtime keeps those itself. */
int query_keep(struct query *q, query_act act, void *arg);
int query_add_user_text(struct query *q, struct str text);

/* --- service.c --- */
int query_on_service_failure(struct query *q, const struct query_event *e, query_act act,
                             void *arg);
const struct query_model *query_model_asked(const struct query *q); /* for all but summaries */
bool query_asks_summariser(const struct query *q);

/* --- results.c --- */
int query_begin_calls(struct query *q, query_act act, void *arg);
int query_on_result(struct query *q, const struct query_event *e, query_act act, void *arg);
/* Answers every call of the turn in the conversation; those without a result get `missing`. */
int query_close_calls(struct query *q, const char *missing);
void query_drop_pending(struct query *q);
/* For the expectations of scripts. */
int query_remember_result(struct query *q, const json_t *result, bool is_error);
