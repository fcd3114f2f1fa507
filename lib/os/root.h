/* A root made of nothing but what a list names: for a process that is alone in a new mount namespace.
 * The list is a plan that is carried out in order, so that what is seen can be read off it. */
#pragma once

#include "base/base.h"

enum os_root_kind {
    OS_ROOT_SYSTEM, /* a folder, file or link of the old root under its old name, read-only, may be executed; a
                     * link is made again as it is. Left out when it is not there. */
    OS_ROOT_PLAIN, /* the same, but nothing in it can be executed */
    OS_ROOT_COPY, /* a file of the old root by its contents, at most 128 KiB; cheaper than a mount */
    OS_ROOT_DEVICE, /* the same for a device file */
    OS_ROOT_MOUNT, /* the folder behind `fd`, read-only unless `writable`; may be executed; -EPERM when a file system of
                     * the kernel (proc, sysfs, ...) is mounted in it */
    OS_ROOT_FOLDER, /* an empty folder */
    OS_ROOT_LINK,   /* a link to `text` */
    OS_ROOT_FILE,   /* a file that holds `text` */
    OS_ROOT_MEMORY, /* an empty folder in memory of at most `size` bytes and size / 4 KiB names, or `names`, for everybody;
                     * `fd`, when not NULL, gets it to ask for its use (os_memory_used) */
    OS_ROOT_PROC,   /* /proc of the own pid namespace; writable until os_root_close_proc() */
    OS_ROOT_HIDE,   /* nothing is to be read there any more; left out when it is not there */
};

struct os_root_item {
    enum os_root_kind kind;
    const char *path; /* where it is seen: absolute, no ".", "..", no slash at the end */
    const char *text;
    uint64_t size;
    uint64_t names; /* OS_ROOT_MEMORY: at most so many besides itself, when that is fewer */
    int fd;         /* OS_ROOT_MOUNT: borrowed */
    int *ret_fd;    /* OS_ROOT_MEMORY: own; may be NULL */
    bool writable;
    bool may_execute; /* OS_ROOT_MEMORY */
};

/* Must be called in a mount namespace of one's own. Folders on the way to a place are made only in memory of ours,
 * never in a mounted folder, and no link on the way is followed. 0; -errno and *ret_at = the item that could not be
 * made (count = the root itself). */
must_use int os_root_make(const struct os_root_item *items, size_t count, size_t *ret_at);
/* Whether the root cannot be written and shows no name but the first parts of the items' paths. */
bool os_root_is_made_of(const struct os_root_item *items, size_t count);

must_use int os_root_close_proc(void); /* nothing under /proc can be written from here on */

/* Bytes in use of the file system that fd is in; -errno. */
must_use int os_memory_used(int fd, uint64_t *ret);
/* Most processes at once that the own pid namespace will ever have numbers for. Where the kernel keeps that number per
 * namespace (6.14) and takes it: not below 301. 0 or -errno: then only other limits hold. */
must_use int os_pids_bound(uint64_t max);
/* Makes 127.0.0.1 work in the own network namespace. */
must_use int os_loopback_up(void);
