/* The host import `boxagnts_http`: HTTP for core modules, one request at a time, bodies streamed both ways. It has the shape
 * of WASI's calls: raw arguments and the guest's memory in, an errno of preview 1 out, and it knows no engine, so that every
 * function is fuzzed as it is. docs/sandbox.md is the guest's manual.
 *
 * Nothing is decided here: which hosts, addresses, sizes and counts are allowed is egress' to say, over the call's own
 * channel. What this file answers for is the guest's memory, the clock, and that a call without that channel reaches
 * nothing. A guest that breaks out of the engine gains only what the channel itself gives: what it was granted anyway. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "host/ask/http_client.h"
#include "sandbox/wasi/wasi.h"

enum { GUEST_HTTP_REFUSALS_MAX = 8, GUEST_HTTP_TARGET_MAX = 300 };

struct guest_http {
    /* set by the caller */
    int fd;              /* borrowed: this call's channel to egress; -1 = no network was granted */
    int64_t deadline_ns; /* monotonic; every wait ends there */
    int cancel_fd;       /* borrowed; readable = cancelled; -1 = none */
    bool (*is_cancelled)(void *arg); /* tells a cancel of the call from a grant that was revoked */
    void *arg;
    /* the rest starts as zero */
    struct http_client *client; /* own; made at the first request */
    uint32_t handle; /* of the request that is open; 0 = none. Never used twice in a run */
    uint32_t last_handle;
    char why[512]; /* of the last refusal; what `error` gives */
    char refused[GUEST_HTTP_REFUSALS_MAX]
                [GUEST_HTTP_TARGET_MAX]; /* where it wanted to go without a grant */
    size_t refused_count;
};
void guest_http_done(struct guest_http *h);

struct guest_http_function {
    const char *name, *params, *results;
    /* 0 with *ret_errno set, or enum wasi_stop (deadline, cancel). */
    int (*call)(struct guest_http *h, struct wasi_memory memory, const uint64_t *args,
                uint32_t *ret_errno);
};
extern const struct guest_http_function guest_http_functions[];
extern const size_t guest_http_function_count;
