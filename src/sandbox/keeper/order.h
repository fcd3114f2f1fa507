/* What the monitor asks for: the keeper's arguments and environment. Not a frame, because then a process that may still
 * mount would parse what a planner wrote; as arguments the command's words are never looked into.
 *   --outer=...              jail.h
 *   --required=FACET,...     likewise
 *   --mount=rw:PLACE, --mount=ro:PLACE   descriptor 4 and up, in this order
 *   --cwd=PLACE              where the command starts
 *   --LIMIT=N                the rows of order.c; times in nanoseconds
 *   --loopback, --proxy
 *   -- PROGRAM ARG...        the command
 * The command's environment is the keeper's own, each entry with a '+' before it: so that no variable means anything to
 * the keeper's own loader. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "sandbox/jail/jail.h"
#include "sandbox/run/run.h"

struct order {
    struct jail_outside outside;
    uint32_t required;
    struct jail_mount mounts[SANDBOX_MOUNTS_MAX];
    size_t mount_count;
    const char *cwd;
    uint64_t timeout_ns, cpu_ns, memory, processes, temporary, write_bytes, created, files;
    bool loopback, proxy;
    char **argv; /* of the command; NULL-terminated */
    char **env;  /* own; likewise */
};
/* Views borrow from argv and the environment. -FAULT_USAGE. */
must_use int order_from_argv(int argc, char **argv, char **environment, struct order *ret,
                             struct fault *reterr);
