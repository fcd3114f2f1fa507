/* Resource limits. They only ever go down here. */
#include "os/rlimit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
    int resource;
    const char *name;
} limits[OS_RLIMIT_COUNT] = {
    [OS_RLIMIT_ADDRESS_SPACE] = {RLIMIT_AS, "address space"},
    [OS_RLIMIT_CPU_SECONDS] = {RLIMIT_CPU, "cpu seconds"},
    [OS_RLIMIT_FILE_SIZE] = {RLIMIT_FSIZE, "file size"},
    [OS_RLIMIT_CORE] = {RLIMIT_CORE, "core file"},
    [OS_RLIMIT_FDS] = {RLIMIT_NOFILE, "file descriptors"},
    [OS_RLIMIT_PROCESSES] = {RLIMIT_NPROC, "processes"},
    [OS_RLIMIT_LOCKED_MEMORY] = {RLIMIT_MEMLOCK, "locked memory"},
    [OS_RLIMIT_MESSAGE_QUEUES] = {RLIMIT_MSGQUEUE, "message queues"},
    [OS_RLIMIT_NICE] = {RLIMIT_NICE, "nice"},
    [OS_RLIMIT_REALTIME] = {RLIMIT_RTPRIO, "realtime priority"},
    [OS_RLIMIT_DATA] = {RLIMIT_DATA, "data"},
};

const char *os_rlimit_name(enum os_rlimit which)
{
    return limits[which].name;
}

int os_rlimit_lower(enum os_rlimit which, uint64_t max)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)limits[which].resource, &limit) < 0)
        return -errno;
    if (limit.rlim_max > max)
        limit.rlim_max = max;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return setrlimit((__rlimit_resource_t)limits[which].resource, &limit) < 0 ? -errno : 0;
}

int os_rlimit_no_core(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) < 0)
        return -errno;
    limit.rlim_cur = limit.rlim_max = limit.rlim_max > 0 ? 1 : 0;
    return setrlimit(RLIMIT_CORE, &limit) < 0 ? -errno : 0;
}

int os_rlimit_read(enum os_rlimit which, uint64_t *ret)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)limits[which].resource, &limit) < 0)
        return -errno;
    *ret = limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max;
    return 0;
}

bool os_rlimit_refuses_fd(int number)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, number);
    if (fd >= 0)
        (void)close(fd);
    /* EINVAL is the answer to a number past the limit; without descriptor 0 there is nothing to
     * try. */
    return fd < 0 && errno == EINVAL;
}

int os_rlimit_stack_at_least(uint64_t size, uint64_t *ret_hard)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_STACK, &now) < 0)
        return -errno;
    *ret_hard = now.rlim_max == RLIM_INFINITY ? UINT64_MAX : now.rlim_max;
    if (now.rlim_cur == RLIM_INFINITY || now.rlim_cur >= size)
        return 0;
    if (*ret_hard < size)
        return -EPERM;
    /* The stack has 128 MiB of room to grow into whatever the limit was when the program was started. */
    now.rlim_cur = size;
    return setrlimit(RLIMIT_STACK, &now) < 0 ? -errno : 0;
}
