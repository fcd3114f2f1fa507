/* Being told that something in a folder changed. What changed is found out by looking: an event is a reason to look, never a fact. */
#pragma once

#include "base/base.h"

/* Readable when something changed; non-blocking. Returns the fd or -errno. */
must_use int os_notify_new(void);
enum os_notify_of {
    OS_NOTIFY_ALL, /* files in the folder that were closed after writing, moved in or out, linked, removed, or whose permissions changed;
                    * the folder itself moved or removed */
    OS_NOTIFY_NEW_NAMES, /* names that come */
};
/* Again for the same folder is fine. 0 or -errno (-ENOSPC: the kernel's count of watches is used up). */
must_use int os_notify_add(int fd, const char *folder, enum os_notify_of what);
/* Takes all that is there. 1 = something changed since the last time, 0 = nothing, -errno. */
must_use int os_notify_drain(int fd);

/* Whether somebody has this file open for writing: 1 yes, 0 no, or it cannot be told (a file of another user, a file system without
 * leases). fd is open for reading only. */
must_use int os_is_being_written(int fd);
