/* The way out of one native command: a listener that its keeper made in the command's own network, taken over here, outside of it.
 * Whoever connects to it speaks the protocol of an HTTP proxy (visit.h). From EGRESS_GRANT with `proxy` to EGRESS_REVOKE; everything
 * behind the listener is hostile. At most PROXY_VISITS_MAX at once; more wait in the kernel's queue. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/egress/grant.h"
#include "wire/json.h"

struct proxy; /* opaque */
#define PROXY_VISITS_MAX 64

/* listener own, also when this fails. -FAULT_PROTOCOL with a sentence: the terms are none. */
must_use int proxy_new(const struct grant_config *config, uint64_t id, const json_t *terms,
                       own int listener, own struct proxy **ret, struct fault *reterr);
uint64_t proxy_id(const struct proxy *p);
/* Ends what is open, at once, and says what was used: the body of MONITOR_GRANT_END. NULL on no memory. */
own json_t *proxy_end(struct proxy *p);
void proxy_free(own struct proxy *p);
DEFINE_FREEP(proxy, struct proxy);
