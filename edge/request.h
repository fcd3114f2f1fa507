/* The body of a request to a model service, made by the monitor: of the agent's own body only the parts of a
 * conversation are taken, block by block, each with the members it is known to have. What is not in the table
 * (files by URL, cache marks, tools of the service, containers) could spend money or reach places that nobody
 * granted; it refuses the request. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "wire/json.h"

struct request_wire {
    const char *name;
    const char *path, *auth;
    const char *max_tokens_key;
    /* Appends the conversation's members of theirs to ours, counting images. */
    int (*conversation)(const json_t *theirs, json_t *ours, int64_t *ret_images,
                        struct fault *reterr);
};
const struct request_wire *
request_wire_find(const char *name);  /* NULL = this build does not speak it */
const char *request_wire_names(void); /* for a sentence */

/* An upper bound of the tokens that a body can be counted as: a token is at least a byte, an image has a price
 * of its own, and the service adds a prompt for the tools. */
int64_t request_bound(struct str body);

struct request {
    const struct request_wire *wire;
    const char *model;
    int64_t max_tokens;
    const json_t *tools; /* [{name, description, input_schema}]; replaces the agent's */
};
/* -FAULT_INPUT: a body that is none, or one that would be counted as more than request_bound() said of it. */
must_use int request_build(const struct request *r, struct str given, struct buf *out,
                           struct fault *reterr);
