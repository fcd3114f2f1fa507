/* The body of a request to a model service, made by the monitor: of the agent's own body only the parts of a
 * conversation are taken, each with the members it is known to have (request_forms.c). What is not in the tables
 * could spend money or reach places that nobody granted; it is left out, or refuses the request. Model, tools,
 * streaming, the cap of output tokens, what the service keeps and what it caches are the monitor's words. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "wire/json.h"

struct request_wire;
const struct request_wire *
request_wire_find(const char *name); /* NULL = this build does not speak it */
const char *request_wire_name(const struct request_wire *w); /* as codecs and egress know it */
const char *request_wire_auth(const struct request_wire *w); /* as egress knows it */
const char *request_wire_names(void);                        /* for a sentence */

/* What is put behind the base URL. -FAULT_CONFIG: a model's name that cannot stand in a path. */
must_use int request_path(const struct request_wire *w, const char *model, own char **ret,
                          struct fault *reterr);

/* An upper bound of the tokens that a body can be counted as: a token is at least a byte, an image has a price
 * of its own, and the service adds a prompt for the tools. */
int64_t request_bound(const struct request_wire *w, struct str body, int64_t tools_bytes);
/* How long a list of tools can be in any wire. */
int64_t request_tools_bytes(const json_t *tools);

struct request {
    const struct request_wire *wire;
    const char *model;
    int64_t max_tokens;
    const json_t *tools; /* [{name, description, input_schema}]; the agent has no word in it */
    int64_t tools_bytes; /* request_tools_bytes() of them */
};
/* -FAULT_INPUT: a body that is none, or one that would be counted as more than request_bound() said of it. */
must_use int request_build(const struct request *r, struct str given, struct buf *out,
                           struct fault *reterr);
