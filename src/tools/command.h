/* The tool `command`: one native program in the process jail. Its manifest is built in, its arguments are read here; what runs
 * it is sandbox/ask/command.h. The call names a program and its words, never a text for a shell: what a shell would make of a
 * text nobody can decide on. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "tools/policy.h"
#include "tools/registry.h"

#define COMMAND_WORDS_MAX 1000
#define COMMAND_ENV_MAX 100

/* own; is_native is set. */
must_use int command_tool_new(own struct tool **ret, struct fault *reterr);

struct command_call {
    const char *argv[COMMAND_WORDS_MAX]; /* borrowed from the input */
    size_t argc;
    char *env[COMMAND_ENV_MAX]; /* own */
    size_t env_count;
    const char *cwd; /* borrowed; as tools see it */
    struct str stdin_text;
    int64_t timeout_ns; /* INT64_MAX = not said */
    bool read_only, loopback;
};
/* input: validated against the manifest's schema, its paths mapped. */
must_use int command_call_read(const json_t *input, struct command_call *ret, struct fault *reterr);
void command_call_done(struct command_call *c);

/* What the manifest's rows cannot say. Adds to the effects of the call:
 *   Exec of the words with the environment in front, when the call sets one: a rule about `git *` is not about
 *     `LD_PRELOAD=x git *`, while what denies the first still does;
 *   Write(/) and all beneath, when a folder is writable, the call wants to write, and policy allows it or a person can be
 *     asked. When not, *ret_is_narrowed: the call runs with its folders read-only. */
must_use int command_effects(const struct policy *policy, const struct tool *tool,
                             const json_t *input, bool has_writable, bool can_ask,
                             struct effect *effects, size_t max, size_t *count,
                             bool *ret_is_narrowed, struct fault *reterr);
