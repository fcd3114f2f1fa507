/* The receipt of a call: one JSON object as in interfaces.md, made here and nowhere else. Refusals,
 * time-outs and crashes get receipts too. prev and hash are added by the journal. */
#pragma once

#include "base/base.h"
#include "sandbox/run/run.h"
#include "tools/policy.h"
#include "wire/json.h"

/* What egress counted and saw of a call; never what a worker says. */
struct receipt_http {
    int64_t requests, bytes;
    const json_t *contacted, *refused, *limits_hit; /* borrowed arrays, or NULL */
    const json_t *confinement;                      /* borrowed; of egress, as it measured */
};

struct receipt_facts {
    const char *call, *agent, *tool;
    const char *input_sha256;
    enum policy_verdict verdict;
    const char *rule, *by;                 /* by: policy | person | hook */
    const struct sandbox_outcome *outcome; /* NULL when it never ran */
    enum sandbox_stop stop;
    int exit_code;
    bool is_error;
    const char
        *detail; /* used when outcome is NULL, else taken from it (is_error, detail may override) */
    const struct sandbox_limits *limits; /* in force, with their doors; NULL = it was not to run */
    const struct limit_doors *limit_doors;
    unsigned limits_of;              /* LIMITS_OF_*: of which kind of call */
    const json_t *touched;           /* borrowed array, or NULL */
    const json_t *confinement;       /* borrowed, or NULL = {} */
    const struct receipt_http *http; /* NULL = the call had no way out */
};
own json_t *receipt_new(const struct receipt_facts *f);

/* A tool's stdout -> {"content":[...],"structured":..,"is_error":bool}: the contract of interfaces.md. Plain text, JSON object, or
 * bytes (base64 with a note); sanitised (control characters other than \n \t, lone escapes), cut with a mark. Always gives a result. */
own json_t *result_from_output(const struct tool *tool, const struct sandbox_outcome *outcome);
/* Of the tool `command`: what it wrote to both streams, and how it ended. note: NULL, or what the planner should know besides. */
void result_add_note(json_t *result, const char *note); /* one more text; result may be NULL */
own json_t *result_from_command(const struct sandbox_outcome *outcome, const char *note);
own json_t *result_error(const char *sentence);
