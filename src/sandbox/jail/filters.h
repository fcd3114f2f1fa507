/* The system call tables of our programs and of native commands: lists of rules, to be read in this order. */
#pragma once

#include "os/seccomp.h"

#define FILTER_LISTS 3          /* what this one needs, what all need, how its filter answers */
#define FILTER_LISTS_ORDINARY 4 /* and, before what all need, the calls of ordinary programs */
extern const struct os_seccomp_rules filter_monitor[FILTER_LISTS_ORDINARY];
extern const struct os_seccomp_rules filter_command[FILTER_LISTS_ORDINARY];
extern const struct os_seccomp_rules filter_keeper[FILTER_LISTS];
extern const struct os_seccomp_rules filter_agent[FILTER_LISTS];
extern const struct os_seccomp_rules filter_worker[FILTER_LISTS];
extern const struct os_seccomp_rules filter_egress[FILTER_LISTS];
extern const struct os_seccomp_rules filter_compile[FILTER_LISTS];
