/* A wire: one model service's way to write a conversation and to stream an answer. Pure: a conversation
 * in, bytes out; bytes in, events out. Adding a service is one file with one of these and a row in
 * codec_table.c. Answers come from hostile places: any bytes, any split; each codec has a fuzz target. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "query/event.h"

typedef int (*query_sink)(const struct query_event *e,
                          void *arg); /* 0, or a fault that is forwarded */

struct codec; /* decoder of one answer; each wire has its own */

struct codec_request {
    const char *model;
    const char *system;         /* "" = none */
    const json_t *tools;        /* [{name, description, input_schema}] */
    const json_t *conversation; /* [{role, content:[block]}], docs/loop.md */
    int64_t max_tokens;
};

struct codec_wire {
    const char *name; /* "anthropic" */
    int (*request)(const struct codec_request *r,
                   struct buf *out); /* body of the service's request */
    int (*decoder_new)(own struct codec **ret);
    int (*feed)(struct codec *c, struct str bytes, query_sink sink, void *arg);
    /* The stream is over. 0 when the answer was whole, -FAULT_INPUT when its end event never came. */
    int (*end)(struct codec *c, query_sink sink, void *arg);
    void (*decoder_free)(own struct codec *c);
};

const struct codec_wire *codec_find(struct str name); /* NULL = no such wire */
extern const struct codec_wire codec_script, codec_anthropic, codec_openai, codec_openai_compatible,
    codec_responses, codec_gemini;
