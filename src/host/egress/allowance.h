/* What one call may still reach and how much, and what it has reached: its terms, its counters, and what the receipt will say.
 * Every way out of the call asks here: a guest's requests (grant.h), a native command's tunnels and requests (proxy.h). */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/egress/terms.h"
#include "os/address.h"
#include "wire/json.h"

struct allowance {
    struct terms terms;
    int64_t requests, bytes;
    bool hit_requests, hit_bytes;
    json_t *contacted, *refused; /* own */
};
/* body: of EGRESS_GRANT. -FAULT_PROTOCOL with a sentence | -ENOMEM */
must_use int allowance_init(struct allowance *a, const json_t *body, struct fault *reterr);
void allowance_done(struct allowance *a);

/* Counts a request, or a tunnel as one. 0 | enum http_result with why. */
int allowance_may_ask(struct allowance *a, const struct url *u, bool is_tunnel,
                      char ret_why[URL_WHY_SIZE]);
/* The address that the next system call connects to: names may say one thing when they are asked for and another when they are
 * asked again, an address cannot. 0 | TERMS_DENIED with why. */
int allowance_may_connect(struct allowance *a, const struct url *u, const struct os_address *to,
                          char ret_why[URL_WHY_SIZE]);
bool allowance_spend(struct allowance *a, int64_t bytes); /* false = max_http_bytes is used up */
int64_t allowance_left(const struct allowance *a);        /* bytes that may still be spent */
void allowance_refused(struct allowance *a, const struct url *u, const char *why);
/* What could not be read as a request: there is no URL to name, and the text itself may hold what belongs into no receipt. */
void allowance_bad_request(struct allowance *a, const char *why);
/* The body of MONITOR_GRANT_END; NULL on no memory. */
own json_t *allowance_end(const struct allowance *a);
