/* One end of the socket between two of our programs: frames in, frames out, file descriptors beside
 * them. Every program links this; the permit table it is opened with is the receiver's whole idea of
 * what may arrive. A frame that is unknown, out of state, too long or malformed ends the peer: recv
 * returns -FAULT_PROTOCOL, and from then on the channel only fails. Nothing of a bad frame is handed
 * out, and fds that came with it are closed.
 *
 * Works in two manners on the same struct: blocking with a deadline (worker, agent, compile), and
 * non-blocking under an os_loop (monitor, egress), where sends queue up to a maximum. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/json.h"

struct channel; /* opaque; owns the fd */

/* A received frame. Views borrow from the channel and live until the next receive on it.
 * fds are owned by the receiver of the message: take_fd() what you keep, message_done() closes the rest. */
struct message {
    uint16_t type;
    uint64_t id;
    json_t *body;           /* own; parsed JSON object, NULL when the frame had none */
    struct str raw;         /* borrowed */
    int fds[FRAME_FDS_MAX]; /* own; -1 = none or taken */
    size_t fd_count;
};
void message_done(struct message *m);

struct channel_permits {
    const struct frame_permit *rows;
    size_t count;
};

/* fd own: also closed when this fails. queue_max bounds unsent bytes in the non-blocking manner. */
must_use int channel_new(own int fd, struct channel_permits permits, size_t queue_max,
                         own struct channel **ret);
void channel_free(own struct channel *c);
DEFINE_FREEP(channel, struct channel);
int channel_fd(const struct channel *c);

/* The receiver's state: one bit of the permit rows' `states`. Starts as 1. */
void channel_set_state(struct channel *c, uint32_t state_bit);

/* Blocking manner. deadline_ns monotonic, INT64_MAX = none.
 * returns 0 | 1 deadline passed (may be called again) | -FAULT_PEER_GONE | -FAULT_PROTOCOL | -errno */
must_use int channel_recv(struct channel *c, int64_t deadline_ns, struct message *ret,
                          struct fault *reterr);
/* body: borrowed, may be NULL; raw may be empty; fds borrowed (duplicated by the kernel). */
must_use int channel_send(struct channel *c, uint16_t type, uint64_t id, const json_t *body,
                          struct str raw, const int *fds, size_t fd_count);
/* The same with the JSON already printed (hot paths). */
must_use int channel_send_text(struct channel *c, uint16_t type, uint64_t id, struct str json,
                               struct str raw, const int *fds, size_t fd_count);

/* Non-blocking manner: call from the loop. channel_pump_in calls on_message for each whole frame that
 * is there now; channel_send* queues when the socket is full (-FAULT_CAP past queue_max);
 * channel_pump_out sends what is queued, returns 1 while more is left. */
must_use int channel_set_nonblock(struct channel *c);
must_use int channel_pump_in(struct channel *c, int (*on_message)(struct message *m, void *arg),
                             void *arg, struct fault *reterr);
must_use int channel_pump_out(struct channel *c);
size_t channel_queued(const struct channel *c);
/* Bytes received and not handed out yet. After a change from the blocking manner to the loop, the loop hears nothing of
 * them: pump in once by hand, or take them for a breach where the peer has no right to speak. */
size_t channel_unread(const struct channel *c);
