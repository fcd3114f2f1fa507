/* Provenance at the desk: what a session has heard, and whether an effect that leaves this machine aims at something that
 * somebody we trust has named. Paths are not judged: they lie in mounts, and a mount is the operator naming them. */
#pragma once

#include "base/base.h"
#include "tools/policy.h"
#include "tools/settings.h"

struct origin; /* opaque; one per session */

/* prompt: what the person asked for; settings borrowed. The operator's words are the allow rules and the hosts of the settings. */
must_use int origin_new(const struct settings *settings, const char *prompt,
                        own struct origin **ret);
void origin_free(own struct origin *o);
DEFINE_FREEP(origin, struct origin);
/* What a session has had, once and for all. Together they are how data leaves: read, told to, sent. */
enum { ORIGIN_PRIVATE = 1, ORIGIN_UNTRUSTED = 2, ORIGIN_OUTWARD = 4 };
const char *
origin_bit_name(unsigned bit); /* "private data", "untrusted content", "outward channel" */
unsigned origin_bits(const struct origin *o);
/* A call ran with these effects. Gives the bits that are new. */
unsigned origin_ran(struct origin *o, const struct tool *tool, const struct effect *effects,
                    size_t count);
/* What a tool said, as the planner will see it: {content: [{type, text}], ...}. */
void origin_hear(struct origin *o, const struct tool *tool, const json_t *result);
/* Whether an effect that leads out aims at what only untrusted content has named, or nobody has: ret is a sentence that names the
 * source. Says so in every mode but `off`; it decides nothing. */
#define ORIGIN_WHY_SIZE 512
bool origin_suspects(const struct origin *o, const struct effect *e, char ret[ORIGIN_WHY_SIZE]);
/* When the effect's target comes from untrusted content: an allow of policy becomes an ask, and with `deny` both an allow and an ask
 * become a deny; never the other way. */
void origin_judge(const struct origin *o, struct policy_decision *decision);
