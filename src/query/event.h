/* The neutral form of a conversation: what any model service says (events), and what the loop wants
 * done (actions). It is the only thing the loop knows of models; codecs translate (codec.h).
 * The page for it is docs/loop.md. All views are borrowed for the call that carries them. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "wire/json.h"

enum query_event_kind {
    /* from a codec, in the order of the stream */
    QUERY_TEXT,     /* text: a piece of the answer */
    QUERY_THINKING, /* text: a piece of its thinking */
    QUERY_SIGNATURE, /* text: signature of the open block, else of a thinking block without text; goes
                        back unchanged */
    QUERY_REDACTED,  /* text: an opaque thinking block; goes back unchanged */
    QUERY_CALL,      /* id, tool: a tool call begins; its input follows in pieces */
    QUERY_INPUT,     /* text: a piece of the call's input (JSON text) */
    QUERY_BLOCK_END, /* the text, thinking or call block is whole */
    QUERY_USAGE,     /* usage: so far in this turn; later ones replace earlier ones */
    QUERY_STOP,      /* stop */
    QUERY_EXPECT,    /* body: a script's expectation about the results before (codec_script.c) */
    /* from the runtime */
    QUERY_MODEL_END,   /* the stream ended; error is QUERY_OK or why there is no (whole) answer */
    QUERY_PLANNER_END, /* the planner has nothing more to say (end of a script) */
    QUERY_RESULT, /* number; id = the runtime's name for the call; body: {content, structured, is_error}; is_error */
    QUERY_TIMER,  /* the wait that an action asked for is over */
    QUERY_CANCEL, /* text: reason ("cancel", "time", ...) */
};

enum query_stop {
    QUERY_STOP_NONE,
    QUERY_END_TURN,
    QUERY_TOOL_USE,
    QUERY_MAX_TOKENS,
    QUERY_REFUSAL
};

/* Classes of failure of a model call. Which are tried again is recovery.c's table. */
enum query_error {
    QUERY_OK,
    QUERY_OVERLOADED,
    QUERY_RATE_LIMIT,
    QUERY_DISCONNECT,
    QUERY_MALFORMED,
    QUERY_SERVER,
    QUERY_AUTH,
    QUERY_QUOTA,
    QUERY_BAD_REQUEST,
    QUERY_CONTEXT_TOO_LONG,
    QUERY_UNREACHABLE,
    QUERY_BUDGET,
    QUERY_TIME,
    QUERY_ERROR_COUNT
};
const char *query_error_name(enum query_error e);
enum query_error query_error_parse(struct str name); /* unknown names are QUERY_SERVER */

struct query_usage {
    int64_t input, output, cache_read, cache_write;
};

struct query_event {
    enum query_event_kind kind;
    struct str text;
    struct str id, tool; /* QUERY_CALL */
    uint64_t number;     /* QUERY_RESULT: the call's number, from QUERY_ACT_CALL */
    const json_t *body;
    bool is_error;
    struct query_usage usage;
    enum query_stop stop;
    enum query_error error;
    int64_t retry_after_ms; /* QUERY_MODEL_END: a floor for the wait; 0 = not said */
};

enum query_action_kind {
    QUERY_ACT_MODEL, /* ask the model: the conversation is query_conversation(); number = turn */
    QUERY_ACT_CALL,  /* run a tool: number, tool, text = input JSON */
    QUERY_ACT_SAY,   /* show: say = "text" | "thinking" | "recovery" | "context", text */
    QUERY_ACT_KEEP, /* a message has come into the conversation: number, message, first_call, is_pinned */
    QUERY_ACT_WAIT, /* wake me with QUERY_TIMER in wait_ms */
    QUERY_ACT_DONE, /* the loop is over: status, stopped_by ("" = done), text = final answer */
};

struct query_action {
    enum query_action_kind kind;
    uint64_t number;
    struct str tool, text;
    const char *say;
    int64_t wait_ms;
    unsigned model;     /* MODEL: 0 = the first, n = the n-th fallback */
    bool by_summariser; /* MODEL: the summariser is asked instead */
    const char *status, *stopped_by, *detail;
    const json_t *message; /* {role, content} */
    uint64_t first_call;   /* number of its first call; 0 = it has none */
    bool is_pinned;
    bool
        is_summary; /* MODEL: the answer is to be a summary. KEEP: it is one, of all messages before `number` */
};
