/* How a call's arguments reach the guest: one JSON object on stdin, or words of its command line (tool contract, version 1). */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "tools/registry.h"
#include "wire/json.h"

/* The guest's argv, [0] = the tool's name, NULL-terminated; *ret_count without the NULL. Of INVOKE_STDIN nothing more.
 * INVOKE_ARGV: each property as one word, so that a value may begin with a dash: `--name=value`, dashes for underscores; `--flag`
 * for true, nothing for false and null; JSON text for arrays, objects and numbers. INVOKE_WORDS: the texts of `args`.
 * -FAULT_SCHEMA with a sentence for the model: more words or bytes than a guest's argv takes. */
must_use int tool_argv(const struct tool *t, const json_t *input, own char ***ret,
                       size_t *ret_count, struct fault *reterr);
void tool_argv_free(own char **argv);
