/* The --help of a module that says nothing else about itself: run with no capabilities at all. */
#pragma once

#include "edge/app.h"

#define TOOL_HELP_MAX ((size_t)16 << 10)

/* Runs the module with the one argument --help: no files, no environment, no input, two seconds, 64 MiB. What it wrote to
 * stdout, else to stderr, goes to out (max TOOL_HELP_MAX). -FAULT_MODULE with a sentence: it is no module, or says nothing. */
must_use int tool_help(const struct app *app, struct str wasm, struct buf *out,
                       struct fault *reterr);
