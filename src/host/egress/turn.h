/* One model request from its frame to its one MONITOR_MODEL_END. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/ask/channel.h"
#include "host/egress/bodies.h"
#include "host/egress/secrets.h"
#include "net/http.h"

struct egress_turn;

/* What all turns of an egress share; borrowed. */
struct egress_service {
    struct channel *channel;
    struct net *net;
    const struct egress_start *start;
    const struct secrets *secrets;
    void (*on_queued)(void *arg);                      /* something may wait in the channel */
    void (*on_over)(struct egress_turn *t, void *arg); /* its END is sent; free it */
    void (*on_broken)(int r, void *arg);               /* the channel takes no more */
    void *arg;
};

/* raw is copied. Failures of the request itself end in a MONITOR_MODEL_END, later; a fault is ours. */
must_use int egress_turn_new(const struct egress_service *service, uint64_t id,
                             const struct egress_ask *ask, struct str raw,
                             own struct egress_turn **ret);
uint64_t egress_turn_id(const struct egress_turn *t);
/* Stops at once, no byte goes out after it, and says END. Calls on_over. */
void egress_turn_cancel(struct egress_turn *t);
/* There is room in the channel again. */
void egress_turn_go_on(struct egress_turn *t);
void egress_turn_free(own struct egress_turn *t);
DEFINE_FREEP(egress_turn, struct egress_turn);
