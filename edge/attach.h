/* Files that go before a person's words: those that the prompt names as @PATH, and, at the beginning of a session, what the
 * workspace and the person keep for every task (AGENTS.md, CLAUDE.md, memory.md). All of it is data with its origin said, never
 * the person's own words; all of it is read by the monitor, within the mounts, as far as the policy allows Read. */
#pragma once

#include "edge/app.h"

#define ATTACH_FILE_MAX ((size_t)64 << 10) /* bytes of one file; more is cut, and marked */
#define ATTACH_ALL_MAX ((size_t)256 << 10)
#define ATTACH_FILES_MAX 16

struct attached {
    json_t *texts; /* own; [string], for AGENT_START */
    json_t *files; /* own; [{path, from, sha256, bytes, is_cut}], for the journal and the view */
    json_t *notes; /* own; [string]: what was named and is not there */
};
void attached_done(struct attached *a);
/* is_first: with what is kept for every task. */
must_use int attached_collect(const struct app *app, struct str prompt, bool is_first,
                              struct attached *ret);
