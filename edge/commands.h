/* The commands there are. One file per verb (cmd_<verb>.c), each with its const descriptor on top. */
#pragma once

#include "edge/options.h"

extern const struct command command_run, command_chat, command_exec, command_tool, command_policy,
    command_session, command_undo, command_diff, command_journal, command_budget, command_doctor,
    command_completion, command_jail, command_replay;

/* The whole program. */
int edge_main(int argc, char **argv);
extern const struct command *const commands[]; /* NULL-ended, in the order of help */

/* Commands with verbs of their own (`journal verify`): the first positional picks the row. */
struct verb {
    const char *name, *usage, *summary;
    int (*run)(const struct parsed *p,
               struct fault *reterr); /* positionals after the verb start at [1] */
    size_t least, most;               /* how many positionals it takes after itself */
};
must_use int verbs_run(const struct verb *verbs, size_t count, const struct parsed *p,
                       struct fault *reterr);

#ifndef BOXAGNTS_VERSION
#define BOXAGNTS_VERSION "0.1.0"
#endif
