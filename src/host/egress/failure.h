/* Why a model request has no answer: from what the service or the network said to a class of the taxonomy
 * (query/event.h has the names) and a sentence for a person. Pure. The sentence is made of hostile text:
 * control characters, length and keys are taken out of it here. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "host/egress/secrets.h"
#include "net/http.h"
#include "wire/json.h"

#define FAILURE_TEXT_MAX 300

struct failure {
    const char *class_name; /* static */
    char text[FAILURE_TEXT_MAX + 1];
    int64_t retry_after_ms; /* 0 = not said */
};

struct failure_answer {
    int status;
    struct str retry_after, retry_after_ms, body;
    int64_t now_s; /* since 1970, for a retry-after that is a date */
};

/* A whole answer whose status is not 2xx. */
void failure_of_answer(const struct failure_answer *a, const struct secrets *secrets,
                       struct failure *ret);
/* An error event inside a stream that began with 200; error may be NULL. */
void failure_of_event(const json_t *error, const struct secrets *secrets, struct failure *ret);
/* A transfer that did not come to its end. */
void failure_of_end(const struct net_end *end, const char *host, const struct secrets *secrets,
                    struct failure *ret);
/* A class and a sentence of our own. */
void failure_set(struct failure *f, const char *class_name, const char *text,
                 const struct secrets *secrets);
/* "1.5" or a date -> ms from now, within [0, INT32_MAX]; 0 when it says nothing. */
int64_t failure_retry_ms(struct str retry_after, struct str retry_after_ms, int64_t now_s);
