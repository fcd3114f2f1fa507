/* `policy replay`: recorded calls with their results, one JSON line each, through the decision about provenance. The format is
 * interfaces.md's; docs/provenance.md explains it. Text in, text out; runs nothing. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "tools/policy.h"
#include "tools/provenance.h"

#define REPLAY_LINE_MAX ((size_t)16 << 20)

struct replay; /* opaque */
/* policy (borrowed, may be NULL): rules about tools by name hold here too; the mode does not count, because what a
 * recorded tool does to files is not known here. */
must_use int replay_new(const struct policy *policy, enum provenance_mode mode,
                        own struct replay **ret);
void replay_free(own struct replay *r);
DEFINE_FREEP(replay, struct replay);
/* One line. A call appends its verdict and a newline to out; the other lines answer nothing. -FAULT_INPUT with a sentence:
 * the line is not what it should be, and nothing of it was taken. */
must_use int replay_line(struct replay *r, struct str line, struct buf *out, struct fault *reterr);
