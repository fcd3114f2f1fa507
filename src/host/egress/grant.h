/* The way out of one call's guest: its socket pair, its terms, and what it has used. From EGRESS_GRANT to EGRESS_REVOKE. The
 * worker behind the socket is taken for owned: a breach of its ends its own grant and nothing else, and nothing it says widens
 * anything. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/egress/guest_secrets.h"
#include "net/http.h"
#include "os/loop.h"
#include "wire/json.h"

struct grant; /* opaque */

struct grant_config {
    struct os_loop *loop;
    struct net *net;
    const struct guest_secrets *secrets;
    int64_t idle_ms;
};
/* fd own, also when this fails. -FAULT_PROTOCOL with a sentence: the terms are none. */
must_use int grant_new(const struct grant_config *config, uint64_t id, const json_t *terms,
                       own int fd, own struct grant **ret, struct fault *reterr);
uint64_t grant_id(const struct grant *g);
/* Ends what is open, at once, and says what was used: the body of MONITOR_GRANT_END. NULL on no memory. */
own json_t *grant_end(struct grant *g);
void grant_free(own struct grant *g);
DEFINE_FREEP(grant, struct grant);
