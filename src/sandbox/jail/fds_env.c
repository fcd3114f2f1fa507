/* Facet fds and environment: nothing inherited stays that the profile does not name, and the
 * memory of this process is nobody else's to look at.
 *
 * In two halves. Descriptors and environment go first of all, before anything of them could be
 * used. Dumpability goes late: a process that cannot be dumped no longer owns its files in /proc,
 * which the namespaces still need. */
#include "os/caps.h"
#include "os/env.h"
#include "os/fd.h"
#include "sandbox/jail/facets.h"

#include <errno.h>
#include <unistd.h>

enum { KEEP_MAX = 128 };

static int keep(int *list, size_t *count, int fd)
{
    if (fd < 0)
        return 0;
    if (*count == KEEP_MAX)
        return -E2BIG;
    list[(*count)++] = fd;
    return 0;
}

static int list_kept(const struct jail_work *w, int *list, size_t *count)
{
    const struct jail_profile *p = w->profile;
    int r = keep(list, count, p->channel_fd);
    for (int fd = 0; r == 0 && fd <= 2; fd++)
        r = keep(list, count, fd);
    for (size_t i = 0; r == 0 && i < p->keep_count; i++)
        r = keep(list, count, p->keep_fds[i]);
    for (size_t i = 0; r == 0 && i < p->mount_count; i++)
        r = keep(list, count, p->mounts[i].dir_fd);
    return r;
}

int jail_fds_env_enter(struct jail_work *w)
{
    int list[KEEP_MAX];
    size_t count = 0;
    /* Something to be seen closed; without a descriptor 0 to copy there is nothing to plant. */
    if (os_dup(0, 3, &w->planted_fd) < 0)
        w->planted_fd = -1;
    int r = list_kept(w, list, &count);
    if (r == 0)
        r = os_close_all_but(list, count);
    if (r < 0)
        return jail_because(w, r, "descriptors: cannot be closed");
    /* Looked at now: what is opened later may get its number. */
    if (w->planted_fd >= 0 && os_set_cloexec(w->planted_fd, true) == -EBADF)
        w->planted_fd = -1;
    if (!w->plan->keeps_environment)
        os_env_clear();
    return 0;
}

int jail_dumpable_enter(struct jail_work *w)
{
    int r = os_dumpable_off();
    return r < 0 ? jail_because(w, r, "dumpable: cannot be turned off") : 0;
}

bool jail_fds_env_holds(struct jail_work *w)
{
    const char *open_door = NULL;
    if (w->planted_fd >= 0)
        open_door = "an unwanted descriptor is still open";
    else if (!w->plan->keeps_environment && environ != NULL && environ[0] != NULL)
        open_door = "the environment is not empty";
    else if (os_is_dumpable())
        open_door = "the memory can still be dumped";
    if (open_door != NULL)
        (void)jail_because(w, 0, "fds_env: %s", open_door);
    return open_door == NULL;
}
