/* Every frame type that travels between our programs, and who may receive it when. The permit tables
 * are protocol.c; docs/protocol.md explains each body. Names: the receiver is the first word.
 *
 *   agent   <-> monitor      model turns and tool calls
 *   worker  <-> monitor      runs of modules
 *   egress  <-> monitor      model requests to services
 *   compile <-> monitor      wasm in, native code out
 *   keeper  <-> monitor      a native command under way
 *   worker  <-> egress       HTTP of one call's guest, over a socket pair that the monitor made for this call
 *
 * Even numbers ask (towards the monitor or from it), odd ones answer, as far as there is a pair. */
#pragma once

#include "host/ask/channel.h"

enum frame_type {
    /* from every program, once, when its lockdown stands: body = confinement as measured */
    MONITOR_READY = 2,
    /* from every program: something it gives up on; body {code, text, next}; the peer ends after it */
    MONITOR_FAULT = 4,

    /* agent -> monitor */
    MONITOR_MODEL =
        16, /* ask for a model turn; body {wire, max_tokens}, raw = request body bytes; id = turn */
    MONITOR_CALL =
        18, /* ask for a tool call; body {call, tool}, raw = arguments JSON text; id = call number */
    MONITOR_SAY =
        20, /* something to show: body {type: text|thinking|recovery|context}, raw = text */
    MONITOR_MODEL_STOP =
        24, /* this turn's stream makes no sense: break it off; id = turn. Its END still comes */
    MONITOR_DONE = 22, /* the loop ended: body {status, stopped_by, text} */
    MONITOR_KEEP =
        26, /* a message of the conversation, to be kept: body {summary, pinned, first_call}, raw = message JSON; id = its number */

    /* monitor -> agent */
    AGENT_START =
        32, /* body {wire, model, system, tools_bytes, limits, attached, conversation, numbers}, raw = prompt */
    AGENT_MODEL_DATA = 33, /* raw = bytes of the model's stream as they come; id = turn */
    AGENT_MODEL_END =
        35, /* body {outcome: "ok"|"error", error?: {class, text, retry_after_ms?}, max_tokens}; id = turn */
    AGENT_RESULT =
        37, /* body {call, is_error, stopped_by, tools_bytes?}, raw = result JSON {content, structured, is_error}; id = call number */
    AGENT_CANCEL = 38, /* body {reason}: end now, cleanly */

    /* monitor -> worker */
    WORKER_RUN =
        48, /* body sandbox run request (sandbox/ask/run.h); fds: module code, stdin, undo dir; id = run */
    WORKER_CANCEL = 50, /* id = run */
    WORKER_LANDED = 55, /* the answer to LAND: body {error: 0 or errno}; id = run */
    /* worker -> monitor */
    MONITOR_OUTPUT = 52, /* streamed output of a run: body {stream: 1|2}, raw = bytes; id = run */
    MONITOR_LAND =
        54, /* a finished write is to take its name: body of sandbox/run/landing.h, raw = its path; id = run */
    MONITOR_RAN =
        53, /* the run ended: body = measured use and stop, raw = stdout then stderr; id = run */

    /* monitor -> egress */
    EGRESS_START = 64, /* body {providers: [{name, base_url, auth, secret_fd index...}]}; once */
    EGRESS_MODEL =
        66, /* send this request: body {provider, path, headers, wire}, raw = body bytes; id = turn */
    EGRESS_CANCEL = 68, /* id = turn */
    /* egress -> monitor */
    MONITOR_MODEL_DATA = 67, /* raw = bytes of the answer's body; id = turn */
    MONITOR_MODEL_END =
        69, /* body {outcome, status?, error?, usage, bytes_in, bytes_out, contacted}; id = turn */

    /* monitor -> an egress that serves guests (docs/egress.md) */
    EGRESS_GUESTS = 70, /* instead of START; body {ca_file?, idle_ms?}; once */
    EGRESS_SECRET = 72, /* body {name, host, header, prefix}, fd: the value (sealed memory file) */
    EGRESS_GRANT =
        74, /* body: what one call may reach and how much, {proxy?}; fd: egress' end of its pair, or the proxy's listener; id = grant */
    EGRESS_REVOKE = 76, /* the call is over: nothing goes out after it; id = grant */
    /* egress -> monitor */
    MONITOR_GRANT_END =
        71, /* the answer to REVOKE: body {http_requests, http_bytes, contacted, refused, limits_hit}; id = grant */

    /* worker -> egress, over the call's own pair; id = request, counted up from 1 */
    EGRESS_HTTP_BEGIN = 96,  /* body {method, url, headers, body_size?, redirects} */
    EGRESS_HTTP_BODY = 98,   /* raw = bytes of the request's body */
    EGRESS_HTTP_SENT = 100,  /* the request's body is whole */
    EGRESS_HTTP_CLOSE = 102, /* the guest wants no more of this answer */
    /* egress -> worker */
    WORKER_HTTP_HEAD = 97, /* body {status, url, headers} */
    WORKER_HTTP_BODY = 99, /* raw = bytes of the answer's body */
    WORKER_HTTP_END = 101, /* body {outcome, text}; nothing of this request follows */

    /* monitor -> compile */
    COMPILE_MODULE = 80, /* body {engine config}, fds: wasm (sealed memfd), out (memfd); id = 1 */
    /* compile -> monitor */
    MONITOR_COMPILED = 81, /* body {ok, size, fault?}; the code is in the out memfd */

    /* monitor -> keeper */
    KEEPER_CANCEL = 112, /* end the command and all it started */
    /* keeper -> monitor */
    MONITOR_ENDED =
        113, /* the command ended: body of sandbox/run/ended.h; the keeper ends after it */
};

/* States of a receiver (bits for channel_set_state and the permit rows). */
enum {
    STATE_STARTING = 1, /* before READY / START */
    STATE_IDLE = 2,
    STATE_BUSY = 4, /* a run, a model turn or a call is under way */
    STATE_ENDING = 8,
};

/* Longest bodies, in bytes. */
#define PROTOCOL_MODEL_BODY_MAX ((uint32_t)32 << 20)
#define PROTOCOL_START_MAX ((uint32_t)48 << 20) /* a whole conversation, when a session goes on */
#define PROTOCOL_FALLBACKS_MAX 8                /* models of AGENT_START beside the first */
#define PROTOCOL_ARGUMENTS_MAX ((uint32_t)16 << 20)
#define PROTOCOL_RESULT_MAX ((uint32_t)48 << 20)
#define PROTOCOL_DATA_MAX ((uint32_t)1 << 20)
#define PROTOCOL_HTTP_HEAD_MAX ((uint32_t)256 << 10) /* both directions, as JSON */
#define PROTOCOL_HTTP_PIECE_MAX ((uint32_t)64 << 10)

/* One table per receiver. The monitor has one per kind of peer. */
extern const struct channel_permits permits_agent; /* what an agent accepts */
extern const struct channel_permits permits_worker;
extern const struct channel_permits permits_egress;
extern const struct channel_permits permits_compile;
extern const struct channel_permits permits_keeper;
extern const struct channel_permits permits_worker_http; /* of the pair between worker and egress */
extern const struct channel_permits permits_egress_http;
extern const struct channel_permits
    permits_monitor_agent; /* what the monitor accepts from an agent */
extern const struct channel_permits permits_monitor_worker;
extern const struct channel_permits permits_monitor_egress;
extern const struct channel_permits permits_monitor_compile;
extern const struct channel_permits permits_monitor_keeper;
