/* The way out of guests, seen from the monitor: one boxagnts-egress of their own, started at the first call that may reach
 * something, and one grant at a time, because calls run one at a time. The monitor makes the call's socket pair and never reads
 * it: what is asked and answered there passes between worker and egress alone. What the receipt says of it is egress' own
 * count, taken when the grant is revoked. */
#pragma once

#include "edge/app.h"
#include "os/loop.h"
#include "tools/receipt.h"

struct outward; /* opaque */

must_use int outward_new(const struct app *app, struct os_loop *loop, own struct outward **ret);
void outward_free(own struct outward *o); /* ends egress */
DEFINE_FREEP(outward, struct outward);

/* Who narrows the network of a call of this agent with this tool (NULL = none): what the limits of both say. */
void outward_doors(const struct settings *s, const char *agent, const struct tool *tool,
                   struct net_door ret[NET_LIMITS_DOORS]);
/* May a call with this effect ("host:port") reach it by allowed_outbound_hosts at all? doors: of outward_doors(). */
bool outward_is_allowed(const struct settings *s, const struct net_door *doors, const char *target);

/* What was in force for a call's network, and by whom, goes into its receipt, when anybody said something. */
void outward_say_limits(const struct settings *s, const char *agent, const struct tool *tool,
                        json_t *receipt);

struct outward_ask {
    const struct sandbox_limits *limits;
    const char *agent;
    /* tool NULL: no policy stands above (exec); else what was decided for this call */
    const struct tool *tool;
    const struct effect *effects;
    size_t effect_count;
    bool is_command; /* a native command: its time, a proxy, and no secrets */
};
/* ret_fd own: the worker's end. 1: nothing may be reached (no hosts are allowed, or a tool without a Net effect), and there is no
 * grant. -FAULT_SANDBOX: egress cannot be started. */
must_use int outward_grant(struct outward *o, const struct outward_ask *ask, int *ret_fd,
                           struct fault *reterr);
/* The same for a native command, in two steps round its start: that egress stands before the command does, and the listener that
 * its keeper made (own, also when this fails). 1 as above. */
must_use int outward_prepare(struct outward *o, const struct outward_ask *ask,
                             struct fault *reterr);
must_use int outward_grant_proxy(struct outward *o, const struct outward_ask *ask, own int listener,
                                 struct fault *reterr);
/* Ends the grant, if there is one: no byte goes out after it. Waits for egress' count, a second at most; an egress that does not
 * answer is ended, and the receipt says that nobody knows. NULL = there was no grant. Lives until the next grant. */
const struct receipt_http *outward_revoke(struct outward *o);
