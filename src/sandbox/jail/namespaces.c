/* Facet namespaces: what the spawner's clone has begun is finished here, inside.
 *
 * 1. Which namespaces are new: their identities differ from the outside's. Nothing is changed
 * before
 *    this is known; mounting in a namespace that is not ours would change the host.
 * 2. The own user is mapped to itself: files keep their owner, and nobody else exists. 3. Each
 * mount of the profile becomes a private mount, so that not even ".." leads out of it. 4. The
 * root becomes an empty, read-only one. A namespace counts only when what it is for can be seen:
 * an empty root, a network without a route, a first process. */
#include "os/env.h"
#include "os/process.h"
#include "sandbox/jail/facets.h"

#include <errno.h>
#include <string.h>

static uint32_t find_new(const struct jail_outside *outside)
{
    struct os_namespace_ids own_ids;
    uint32_t new = 0;
    os_namespace_read_ids(&own_ids);
    for (size_t i = 0; i < OS_NAMESPACE_COUNT; i++) {
        if (outside->namespaces[i] != 0 && own_ids.id[i] != 0 &&
            own_ids.id[i] != outside->namespaces[i])
            new |= UINT32_C(1) << i;
    }
    return new;
}

static int make_root(struct jail_work *w)
{
    const struct jail_profile *p = w->profile;
    const char *paths[JAIL_PATHS_MAX + 1];
    if (w->plan->makes_root) {
        const char *what = "the root";
        int failed = p->root != NULL ? p->root->make(p, &what) : -EINVAL;
        return failed < 0 ? jail_because(w, failed, "namespaces: %s cannot be shown", what) : 0;
    }
    int r = jail_read_paths(w, paths);
    for (size_t i = 0; r == 0 && i < p->mount_count; i++)
        r = os_mount_alone(p->mounts[i].dir_fd, p->mounts[i].writable);
    if (r < 0)
        return jail_because(w, r, "namespaces: a mapped folder cannot be mounted on its own");
    r = os_mount_empty_root(paths);
    return r < 0 ? jail_because(
                       w, r, "namespaces: the kernel refuses to mount in the new mount namespace")
                 : 0;
}

bool jail_is_in_own_root(const struct jail_work *w)
{
    return w->profile->has_own_namespaces ||
           (w->plan->makes_root && (w->new_namespaces & OS_NS_MOUNT) != 0);
}

int jail_namespaces_enter(struct jail_work *w)
{
    const struct jail_outside *outside = w->profile->outside;
    if (w->plan->namespaces == 0)
        return 0;
    if (outside == NULL)
        return jail_because(w, -EINVAL, "namespaces: not started by a program of ours");
    w->new_namespaces = find_new(outside);
    if ((w->new_namespaces & OS_NS_USER) != 0) {
        int r = os_namespace_map_self(outside->uid, outside->gid);
        if (r < 0 && r != -EEXIST) {
            w->is_fatal = true; /* files would belong to nobody */
            return jail_because(w, r, "namespaces: the user cannot be mapped (is /proc mounted?)");
        }
    }
    if (os_uid() != outside->uid) {
        w->is_fatal = true;
        return jail_because(w, -EPERM, "namespaces: this user is nobody here (is /proc mounted?)");
    }
    if ((w->new_namespaces & OS_NS_MOUNT) == 0)
        return jail_because(
            w, -EPERM,
            "namespaces: the kernel, its administrator or this container does not let this "
            "user make them");
    return make_root(w);
}

/* What of `new_namespaces` does what it is for. */
static uint32_t find_effective(const struct jail_work *w)
{
    const char *paths[JAIL_PATHS_MAX + 1];
    uint32_t is = w->new_namespaces;
    if (w->plan->makes_root) {
        if ((is & OS_NS_MOUNT) != 0 &&
            (w->profile->root == NULL || !w->profile->root->holds(w->profile)))
            is &= ~(uint32_t)OS_NS_MOUNT;
    } else if ((is & OS_NS_MOUNT) != 0 &&
               (jail_read_paths(w, paths) < 0 || !os_root_is_empty(paths)))
        is &= ~(uint32_t)OS_NS_MOUNT;
    if ((is & OS_NS_NET) != 0 && !os_network_is_unreachable())
        is &= ~(uint32_t)OS_NS_NET;
    if ((is & OS_NS_PID) != 0 && os_pid() != 1)
        is &= ~(uint32_t)OS_NS_PID;
    return is;
}

/* After it was seen that nothing can be reached; within the namespace it stays so. */
static bool bring_network_up(struct jail_work *w)
{
    const struct jail_profile *p = w->profile;
    if (p->root == NULL || p->command == NULL || !(p->command->loopback || p->command->proxy))
        return true;
    int r = p->root->network(p);
    if (r < 0)
        (void)jail_because(w, r, "namespaces: 127.0.0.1 cannot be made to work");
    return r == 0;
}

bool jail_namespaces_hold(struct jail_work *w)
{
    uint32_t wanted = w->plan->namespaces;
    uint32_t is = find_effective(w);
    size_t count = 0;
    for (size_t i = 0; i < OS_NAMESPACE_COUNT; i++) {
        if ((is >> i & 1) != 0)
            w->report->namespaces[count++] = os_namespace_name(i);
    }
    w->report->namespaces[count] = NULL;
    if ((wanted & ~is) == 0 && bring_network_up(w))
        return wanted != 0;
    for (size_t i = 0; i < OS_NAMESPACE_COUNT; i++) {
        if ((wanted & ~is) >> i & 1)
            (void)jail_because(w, 0, "namespaces: %s does not separate", os_namespace_name(i));
    }
    return false;
}
