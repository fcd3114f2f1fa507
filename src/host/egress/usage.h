/* What a model turn used, read by egress from the stream itself: the monitor settles money by this, never by
 * what the agent says. Each wire is one row: the headers it needs and how its events are read. The reader
 * also sees where an answer ends and when the stream is none, so that nothing is waited for after that. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/sse.h"

struct usage_reader;

struct usage_wire {
    const char *name;
    const char *const *headers; /* "name: value", NULL-terminated */
    const char *end_word;       /* data that is no JSON and ends an answer; NULL = none */
    bool ends_with_stream; /* an answer that said it is finished is whole when the stream ends */
    void (*on_event)(struct usage_reader *u, const json_t *data);
};
const struct usage_wire *usage_wire_find(struct str name); /* NULL = no such wire */

/* Neutral: no token is counted twice. What services put together is taken apart here (docs/wires.md). */
struct usage_count {
    int64_t input, output, cache_read, cache_write;
};

enum usage_state {
    USAGE_GOING,
    USAGE_WHOLE,  /* the answer's proper end came */
    USAGE_FAILED, /* the service broke it off with an error event */
};

struct usage_reader {
    const struct usage_wire *wire;
    struct sse sse;
    enum usage_state state;
    struct usage_count count;
    bool has_input, has_output, is_bad; /* is_bad: a count was no count */
    bool is_finished;                   /* the model said why it ended; more may come */
    json_t *error;                      /* own; USAGE_FAILED: what the service said; may be NULL */
};

void usage_init(struct usage_reader *u, const struct usage_wire *wire);
void usage_done(struct usage_reader *u);
/* Bytes after the end are not looked at. -FAULT_INPUT: an event that is not JSON; -FAULT_CAP: a longer one
 * than any is; -ENOMEM. */
must_use int usage_feed(struct usage_reader *u, struct str bytes);
/* The connection came to its proper end. */
void usage_end(struct usage_reader *u);
/* Only a whole answer that said all its counts has a usage. */
bool usage_is_known(const struct usage_reader *u);
