/* Another program of ours under the monitor: started in its namespaces, its READY waited for, its frames
 * taken from the loop. A peer that breaks the protocol or dies is ended and reported once; it harms nobody
 * else. (Workers have a handle of their own: sandbox/ask/worker.h.) */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/ask/channel.h"
#include "os/loop.h"
#include "os/process.h"
#include "sandbox/jail/jail.h"

struct peer {
    struct os_child child;
    struct channel *channel; /* own */
    struct os_watch *watch;
    json_t *confinement; /* own; as it measured */
    const char *name;
    int (*on_frame)(struct message *m, void *arg);
    void (*on_gone)(const struct fault *why, void *arg);
    void *arg;
    bool running, gone;
};

struct peer_config {
    const char *program, *name;
    enum jail_program kind;
    const char *const *extra_argv; /* NULL-ended, or NULL */
    struct channel_permits permits;
    uint32_t required_facets; /* beyond the default */
};

void peer_init(struct peer *p);
/* Starts the program and waits for its READY (10 s). -FAULT_SANDBOX: its jail cannot be built as required. */
must_use int peer_start(struct peer *p, const struct peer_config *config, struct fault *reterr);
/* In two steps, so that several programs come up side by side. */
must_use int peer_launch(struct peer *p, const struct peer_config *config, struct fault *reterr);
must_use int peer_await_ready(struct peer *p, struct fault *reterr);
/* From now on frames come from the loop. on_gone comes once, when the peer died or broke the protocol. */
must_use int peer_attach(struct peer *p, struct os_loop *loop,
                         int (*on_frame)(struct message *m, void *arg),
                         void (*on_gone)(const struct fault *why, void *arg), void *arg);
must_use int peer_send(struct peer *p, uint16_t type, uint64_t id, const json_t *body,
                       struct str raw, const int *fds, size_t fd_count);
/* Takes frames of this peer alone until *is_done, or it is gone, or the deadline: for an answer that is due at once and that
 * nothing may overtake. Between peer_attach() and peer_done(). */
void peer_wait(struct peer *p, const bool *is_done, int64_t deadline_ns);
void peer_done(struct peer *p); /* kills, reaps, closes */
