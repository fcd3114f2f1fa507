/* Unit tests of a policy: a file beside it says what must come out for which effect or call. Pure.
 *
 *     {"tests":[{"name":"no keys", "effect":"Read(/.ssh/id_rsa)", "verdict":"deny", "rule":"Read(.ssh/)"},
 *               {"tool":"edit", "input":{"path":"a.c", ...}, "verdict":"ask"}]}
 */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "tools/policy.h"

#define POLICY_TESTS_MAX 10000

struct policy_test_place {
    const struct policy *policy;
    const struct registry *registry;
    const struct effect_mount *mounts;
    size_t mount_count;
};
struct policy_test_result {
    size_t number;    /* from 1 */
    const char *name; /* or "" */
    bool holds;
    struct policy_decision got;
    char why[900]; /* when it does not hold: expected and found */
};
/* file: for sentences. Each test in order; views live for the callback. A file that is not as above is -FAULT_CONFIG with file and
 * test number, before any test is told. */
must_use int policy_test(const struct policy_test_place *place, const char *file, struct str text,
                         void (*each)(const struct policy_test_result *r, void *arg), void *arg,
                         struct fault *reterr);
