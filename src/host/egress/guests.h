/* Egress as the way out of guests: secrets and grants, by their numbers. An egress that serves guests serves no model and
 * holds no key of one: what parses frames of hostile workers and answers of hostile servers has nothing else to lose. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/ask/channel.h"
#include "os/loop.h"

struct guests; /* opaque */

must_use int guests_new(own struct guests **ret); /* before the lockdown */
void guests_free(own struct guests *g);           /* wipes the secrets */
DEFINE_FREEP(guests, struct guests);
/* EGRESS_GUESTS. */
must_use int guests_start(struct guests *g, const struct message *m, struct os_loop *loop,
                          struct fault *reterr);
bool guests_are_served(const struct guests *g);
/* EGRESS_SECRET, EGRESS_GRANT, EGRESS_REVOKE; answers go to `monitor`. A frame that is none is a fault. */
must_use int guests_take(struct guests *g, struct message *m, struct channel *monitor,
                         struct fault *reterr);
