/* The options of a run, for every command that runs a tree. */
#pragma once

#include "edge/options.h"
#include "edge/tree.h"

extern const struct option_row options_run[];
/* Fills all of the config but app, prompt and resume. -FAULT_USAGE names the option. */
must_use int run_options_take(const struct parsed *p, struct tree_config *ret,
                              struct fault *reterr);
