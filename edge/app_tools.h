/* Which folders tools come from, and in which order: what is built in, the build's folder, the person's own, those of the settings.
 * Nothing in the workspace is among them. */
#pragma once

#include "edge/app.h"

must_use int app_open_tools(struct app *a, struct fault *reterr);
/* From now on what changes in the folder is told, or what comes on the way to it when it is not there. */
void app_watch_folder(const struct app *a, const char *folder);
/* A tool that is left out, said on stderr. arg: not used. A registry_broken_fn. */
void app_broken_tool(const char *path, const struct fault *why, void *arg);
