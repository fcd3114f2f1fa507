/* Which folders tools come from, and in which order: what is built in, the build's folder, the person's own, those of the settings.
 * Nothing in the workspace is among them. */
#pragma once

#include "edge/app.h"

must_use int app_open_tools(struct app *a, struct fault *reterr);
/* A tool that is left out, said on stderr. arg: not used. A registry_broken_fn. */
void app_broken_tool(const char *path, const struct fault *why, void *arg);
