/* inotify, and the one question that it does not answer: whether a file is whole. A file is whole when nobody has it open for
 * writing, and the kernel says that to who asks for a read lease. */
#include "os/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FOLDER_EVENTS                                                                              \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define NEW_NAME_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)

int os_notify_new(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int os_notify_add(int fd, const char *folder, enum os_notify_of what)
{
    /* added to what is watched there already: a folder may be one for itself and on the way to another */
    uint32_t events = IN_MASK_ADD | (what == OS_NOTIFY_ALL ? FOLDER_EVENTS : NEW_NAME_EVENTS);
    return inotify_add_watch(fd, folder, events) < 0 ? -errno : 0;
}

int os_notify_drain(int fd)
{
    char events[4096];
    int some = 0;
    for (;;) {
        ssize_t n = read(fd, events, sizeof events);
        if (n > 0)
            some = 1;
        else if (n == 0 || errno == EAGAIN)
            return some;
        else if (errno != EINTR)
            return -errno;
    }
}

int os_is_being_written(int fd)
{
    /* Somebody who opens it while the lease is held has the holder sent a signal, and waits until the lease is given back, which is
     * the next line. The signal of leases would end this process; this one means nothing to it. */
    if (fcntl(fd, F_SETSIG, SIGURG) < 0)
        return 0;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return errno == EAGAIN;
    (void)!fcntl(fd, F_SETLEASE, F_UNLCK);
    return 0;
}
