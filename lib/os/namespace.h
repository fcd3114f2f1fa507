/* Namespaces as the process inside sees them: who made them is process.h; this finishes and
 * measures them. Mounting here reaches only the own mount namespace; every function that changes
 * mounts must be called in one. */
#pragma once

#include "base/base.h"

#include <sys/types.h>

/* Identities (inode numbers) of the seven namespaces, in the order of the OS_NS_* bits; 0 =
 * unknown. */
#define OS_NAMESPACE_COUNT 7
struct os_namespace_ids {
    uint64_t id[OS_NAMESPACE_COUNT];
};
const char *os_namespace_name(size_t i); /* "user", "mnt", "net", "pid", "ipc", "uts", "cgroup" */
void os_namespace_read_ids(struct os_namespace_ids *ret);

/* Maps exactly this user and group of the parent namespace to the same numbers in this new one, and
 * gives up setgroups(). -errno; -EEXIST when they are mapped already. */
must_use int os_namespace_map_self(uid_t uid, gid_t gid);

/* Replaces the directory (or file) behind fd, under the same number, by a private mount of it
 * alone: nothing above it is reachable from it, devices and set-id bits count for nothing,
 * nothing in it can be executed, and without `writable` the kernel refuses every change. -ESTALE
 * when its path leads elsewhere by now. */
must_use int os_mount_alone(int fd, bool writable);

/* Makes an empty, read-only root for this process; the old tree is gone except through
 * descriptors. paths[] (absolute, NULL-terminated, may be NULL): files and folders of the old
 * root that appear under their old names, read-only, without devices, set-id or execution; those
 * not there are left out. */
must_use int os_mount_empty_root(const char *const *paths);
/* Whether the root shows nothing but what `paths` asked for, and cannot be written. */
bool os_root_is_empty(const char *const *paths);

/* Whether not even this machine itself can be reached over IP. Sends nothing. */
bool os_network_is_unreachable(void);

/* Whether an ordinary process may make a user and mount namespace here and mount in it. Tries it
 * in a short-lived child. 0 or -errno. */
must_use int os_namespace_probe(void);
