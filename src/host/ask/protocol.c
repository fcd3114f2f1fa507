/* The permit tables: for each receiver, every frame type it takes, in which of its states, how long and with
 * how many file descriptors. What has no row here does not exist for that receiver. The bodies are described in
 * docs/protocol.md; a body is checked by whoever handles it, never here.
 *
 * A frame that may have left the peer before it saw our last one (a cancel crossing an answer) is legal in the
 * state that we are in by then; its id tells the handler to drop it. Nothing else is legal "to be safe". */
#include "host/ask/protocol.h"

enum {
    KIB = 1 << 10,
    MIB = 1 << 20,
    STATE_SERVING = STATE_IDLE | STATE_BUSY,
    STATE_AFTER_START = STATE_IDLE | STATE_BUSY | STATE_ENDING,
    STATE_ANY = STATE_STARTING | STATE_IDLE | STATE_BUSY | STATE_ENDING,
};

#define PERMITS(name, rows) const struct channel_permits name = {rows, ARRAY_LEN(rows)}

static const struct frame_permit agent_rows[] = {
    {AGENT_START, "AGENT_START", PROTOCOL_START_MAX, 0, STATE_STARTING},
    {AGENT_MODEL_DATA, "AGENT_MODEL_DATA", PROTOCOL_DATA_MAX, 0, STATE_AFTER_START},
    {AGENT_MODEL_END, "AGENT_MODEL_END", 64 * KIB, 0, STATE_AFTER_START},
    {AGENT_RESULT, "AGENT_RESULT", PROTOCOL_RESULT_MAX, 0, STATE_AFTER_START},
    {AGENT_CANCEL, "AGENT_CANCEL", 4 * KIB, 0, STATE_ANY},
};
PERMITS(permits_agent, agent_rows);

static const struct frame_permit worker_rows[] = {
    {WORKER_RUN, "WORKER_RUN", PROTOCOL_ARGUMENTS_MAX + 8 * MIB, 4, STATE_IDLE},
    {WORKER_CANCEL, "WORKER_CANCEL", 4 * KIB, 0, STATE_SERVING},
    {WORKER_LANDED, "WORKER_LANDED", 4 * KIB, 0, STATE_BUSY},
};
PERMITS(permits_worker, worker_rows);

/* One egress serves every agent of a tree, so it is asked while it is busy. */
static const struct frame_permit egress_rows[] = {
    {EGRESS_START, "EGRESS_START", MIB, FRAME_FDS_MAX, STATE_STARTING},
    {EGRESS_MODEL, "EGRESS_MODEL", PROTOCOL_MODEL_BODY_MAX, 0, STATE_SERVING},
    {EGRESS_CANCEL, "EGRESS_CANCEL", 4 * KIB, 0, STATE_SERVING},
    {EGRESS_GUESTS, "EGRESS_GUESTS", 16 * KIB, 0, STATE_STARTING},
    {EGRESS_SECRET, "EGRESS_SECRET", 16 * KIB, 1, STATE_SERVING},
    {EGRESS_GRANT, "EGRESS_GRANT", 4 * MIB, 1, STATE_SERVING},
    {EGRESS_REVOKE, "EGRESS_REVOKE", 4 * KIB, 0, STATE_SERVING},
};
PERMITS(permits_egress, egress_rows);

/* IDLE: no request is open, BUSY: one is. Egress ends a request when it likes, so what the worker still says about
 * that one may come in IDLE; the number tells. The worker begins a new one only after it has closed the last. */
static const struct frame_permit egress_http_rows[] = {
    {EGRESS_HTTP_BEGIN, "EGRESS_HTTP_BEGIN", PROTOCOL_HTTP_HEAD_MAX, 0, STATE_IDLE},
    {EGRESS_HTTP_BODY, "EGRESS_HTTP_BODY", PROTOCOL_HTTP_PIECE_MAX, 0, STATE_SERVING},
    {EGRESS_HTTP_SENT, "EGRESS_HTTP_SENT", 4 * KIB, 0, STATE_SERVING},
    {EGRESS_HTTP_CLOSE, "EGRESS_HTTP_CLOSE", 4 * KIB, 0, STATE_SERVING},
};
PERMITS(permits_egress_http, egress_http_rows);

/* What was under way when the worker closed a request comes in IDLE, or in BUSY with the old number. */
static const struct frame_permit worker_http_rows[] = {
    {WORKER_HTTP_HEAD, "WORKER_HTTP_HEAD", PROTOCOL_HTTP_HEAD_MAX, 0, STATE_SERVING},
    {WORKER_HTTP_BODY, "WORKER_HTTP_BODY", PROTOCOL_HTTP_PIECE_MAX, 0, STATE_SERVING},
    {WORKER_HTTP_END, "WORKER_HTTP_END", 16 * KIB, 0, STATE_SERVING},
};
PERMITS(permits_worker_http, worker_http_rows);

/* It serves one module and ends. */
static const struct frame_permit compile_rows[] = {
    {COMPILE_MODULE, "COMPILE_MODULE", 4 * KIB, 2, STATE_IDLE},
};
PERMITS(permits_compile, compile_rows);

/* BUSY here: a model turn is under way, so no second one may be asked for; calls may run side by side. */
static const struct frame_permit monitor_agent_rows[] = {
    {MONITOR_READY, "MONITOR_READY", 16 * KIB, 0, STATE_STARTING},
    {MONITOR_FAULT, "MONITOR_FAULT", 16 * KIB, 0, STATE_ANY},
    {MONITOR_MODEL, "MONITOR_MODEL", PROTOCOL_MODEL_BODY_MAX, 0, STATE_IDLE | STATE_ENDING},
    /* the END may have crossed it */
    {MONITOR_MODEL_STOP, "MONITOR_MODEL_STOP", 4 * KIB, 0, STATE_AFTER_START},
    {MONITOR_CALL, "MONITOR_CALL", PROTOCOL_ARGUMENTS_MAX, 0, STATE_AFTER_START},
    {MONITOR_SAY, "MONITOR_SAY", PROTOCOL_DATA_MAX, 0, STATE_AFTER_START},
    {MONITOR_DONE, "MONITOR_DONE", 16 * MIB, 0, STATE_AFTER_START},
    {MONITOR_KEEP, "MONITOR_KEEP", PROTOCOL_MODEL_BODY_MAX, 0, STATE_AFTER_START},
};
PERMITS(permits_monitor_agent, monitor_agent_rows);

static const struct frame_permit monitor_worker_rows[] = {
    {MONITOR_READY, "MONITOR_READY", 16 * KIB, 0, STATE_STARTING},
    {MONITOR_FAULT, "MONITOR_FAULT", 16 * KIB, 0, STATE_ANY},
    {MONITOR_OUTPUT, "MONITOR_OUTPUT", PROTOCOL_DATA_MAX, 0, STATE_BUSY},
    {MONITOR_LAND, "MONITOR_LAND", 16 * KIB, 0, STATE_BUSY},
    {MONITOR_RAN, "MONITOR_RAN", PROTOCOL_RESULT_MAX, 0, STATE_BUSY},
};
PERMITS(permits_monitor_worker, monitor_worker_rows);

static const struct frame_permit monitor_egress_rows[] = {
    {MONITOR_READY, "MONITOR_READY", 16 * KIB, 0, STATE_STARTING},
    {MONITOR_FAULT, "MONITOR_FAULT", 16 * KIB, 0, STATE_ANY},
    {MONITOR_MODEL_DATA, "MONITOR_MODEL_DATA", PROTOCOL_DATA_MAX, 0, STATE_AFTER_START},
    {MONITOR_MODEL_END, "MONITOR_MODEL_END", 64 * KIB, 0, STATE_AFTER_START},
    {MONITOR_GRANT_END, "MONITOR_GRANT_END", MIB, 0, STATE_AFTER_START},
};
PERMITS(permits_monitor_egress, monitor_egress_rows);

static const struct frame_permit monitor_compile_rows[] = {
    {MONITOR_READY, "MONITOR_READY", 16 * KIB, 0, STATE_STARTING},
    {MONITOR_FAULT, "MONITOR_FAULT", 16 * KIB, 0, STATE_ANY},
    {MONITOR_COMPILED, "MONITOR_COMPILED", 16 * KIB, 0, STATE_BUSY},
};
PERMITS(permits_monitor_compile, monitor_compile_rows);

/* It takes its order from its arguments, and no word but this. */
static const struct frame_permit keeper_rows[] = {
    {KEEPER_CANCEL, "KEEPER_CANCEL", 4 * KIB, 0, STATE_ANY},
};
PERMITS(permits_keeper, keeper_rows);

/* With READY the listener of the command's proxy, when it has one. */
static const struct frame_permit monitor_keeper_rows[] = {
    {MONITOR_READY, "MONITOR_READY", 16 * KIB, 1, STATE_STARTING},
    {MONITOR_FAULT, "MONITOR_FAULT", 16 * KIB, 0, STATE_ANY},
    {MONITOR_ENDED, "MONITOR_ENDED", 16 * KIB, 0, STATE_BUSY},
};
PERMITS(permits_monitor_keeper, monitor_keeper_rows);
