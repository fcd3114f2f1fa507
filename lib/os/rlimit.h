/* Resource limits of this process. */
#pragma once

#include "base/base.h"

enum os_rlimit {
    OS_RLIMIT_ADDRESS_SPACE,
    OS_RLIMIT_CPU_SECONDS,
    OS_RLIMIT_FILE_SIZE,
    OS_RLIMIT_CORE,
    OS_RLIMIT_FDS,
    OS_RLIMIT_PROCESSES,
    OS_RLIMIT_LOCKED_MEMORY,
    OS_RLIMIT_MESSAGE_QUEUES,
    OS_RLIMIT_NICE,
    OS_RLIMIT_REALTIME,
    OS_RLIMIT_DATA, /* memory of its own that a process may write, in bytes */
    OS_RLIMIT_COUNT
};
const char *os_rlimit_name(enum os_rlimit which);

/* Lowers soft and hard limit to `max`, or leaves what is lower already. 0 or -errno. */
must_use int os_rlimit_lower(enum os_rlimit which, uint64_t max);
/* No core: neither a file nor, what a limit of 0 does not stop, a pipe to the machine's own crash reporter (core(5): a
 * soft limit of 1 byte). 0 or -errno. */
must_use int os_rlimit_no_core(void);
/* The hard limit; UINT64_MAX = none. */
must_use int os_rlimit_read(enum os_rlimit which, uint64_t *ret);
/* Makes sure that the main stack may grow to `size` bytes, by raising the soft limit. -EPERM: the hard limit (ret_hard) is lower. */
must_use int os_rlimit_stack_at_least(uint64_t size, uint64_t *ret_hard);
/* Whether the kernel refuses a descriptor number of `number` or above; makes none. */
bool os_rlimit_refuses_fd(int number);
