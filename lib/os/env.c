/* Facts about the process and the machine that are read once, early. The only file that reads the
 * environment; must never write to it except to empty it or to wipe a value. */
#include "os/env.h"

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

const char *os_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

void os_env_wipe(const char *name)
{
    char *value = getenv(name);
    if (value != NULL)
        explicit_bzero(value, strlen(value));
}

void os_env_clear(void)
{
    must(clearenv() == 0);
}

uid_t os_uid(void)
{
    return geteuid();
}

gid_t os_gid(void)
{
    return getegid();
}

pid_t os_pid(void)
{
    return getpid();
}

int os_self_dir(char **ret)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    if (n < 0)
        return -errno;
    if (n == 0 || (size_t)n == sizeof(path))
        return -ENAMETOOLONG;
    while (n > 1 && path[n - 1] != '/')
        n--;
    size_t len = n > 1 ? (size_t)n - 1 : 1; /* without the last '/', but the root keeps its own */
    char *dir = str_dup((struct str){path, len});
    if (dir == NULL)
        return -ENOMEM;
    *ret = dir;
    return 0;
}

int os_cpu_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
    if (count < 1)
        count = (int)sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set has bits for */
    return count < 1 ? 1 : count;
}
