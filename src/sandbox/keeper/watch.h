/* The command under way: who counts, who ends it, and what is said about its end. */
#pragma once

#include "base/fault.h"
#include "sandbox/keeper/order.h"
#include "sandbox/run/ended.h"

#include <sys/types.h>

struct channel;
struct os_created;

struct watch_config {
    const struct order *order;
    struct channel *channel;
    pid_t command;
    int proc_fd;
    struct os_created *created; /* what the command has made in folders */
    int memory_fds[2];          /* /tmp and /dev/shm; own, closed at the end */
};
/* Returns when no process of the namespace is left but this one. 0 and *ret; -FAULT_PEER_GONE; -errno. */
must_use int watch_command(const struct watch_config *config, struct sandbox_ended *ret,
                           struct fault *reterr);
