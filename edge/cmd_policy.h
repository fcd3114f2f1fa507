/* The verbs of `boxagnts policy` that have files of their own. */
#pragma once

#include "edge/options.h"

must_use int policy_lint_verb(const struct parsed *p, struct fault *reterr);
must_use int policy_test_verb(const struct parsed *p, struct fault *reterr);
must_use int policy_replay_verb(const struct parsed *p, struct fault *reterr);
must_use int policy_grants_verb(const struct parsed *p, struct fault *reterr);
