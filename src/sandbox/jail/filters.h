/* The system call tables of the five programs: lists of rules, to be read in this order. */
#pragma once

#include "os/seccomp.h"

#define FILTER_LISTS 3 /* what all need, what this one needs, how its filter answers */
extern const struct os_seccomp_rules filter_monitor[FILTER_LISTS];
extern const struct os_seccomp_rules filter_agent[FILTER_LISTS];
extern const struct os_seccomp_rules filter_worker[FILTER_LISTS];
extern const struct os_seccomp_rules filter_egress[FILTER_LISTS];
extern const struct os_seccomp_rules filter_compile[FILTER_LISTS];
