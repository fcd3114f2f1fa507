/* Files beneath a directory that is held open. Every path that may come from outside is resolved by
 * the kernel in one step (openat2), so there is no moment between check and use. A path is never
 * joined, cleaned or compared as text here, and a link never leads out of the directory.
 * Only the *_trusted functions resolve a path as the operator's shell would. */
#include "os/file.h"

#include "base/fault.h"
#include "os/fd.h"
#include "os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

int os_open_at(int dir_fd, const char *path, int flags, mode_t mode, enum os_resolve how)
{
    enum { TRIES = 64 };
    struct open_how open_how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                                .resolve = RESOLVE_NO_MAGICLINKS};
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
        open_how.mode = mode & 07777;
    open_how.resolve |= how == OS_IN_ROOT ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
    if (how == OS_NO_LINKS)
        open_how.resolve |= RESOLVE_NO_SYMLINKS;
    /* EAGAIN: something was renamed while ".." was resolved; the kernel could not prove that the walk
     * stayed inside. A hostile guest can cause that for ever, so the tries are counted. */
    for (int i = 0; i < TRIES; i++) {
        long fd = syscall(SYS_openat2, dir_fd, path, &open_how, sizeof(open_how));
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

int os_open_trusted(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = openat(AT_FDCWD, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int os_open_dir_trusted(const char *path)
{
    return os_open_trusted(path, O_PATH | O_DIRECTORY, 0);
}

int os_read_file_at(int dir_fd, const char *path, struct buf *out)
{
    struct stat st;
    /* O_NONBLOCK: a named pipe in place of a file must not hold us up before we look at its kind. */
    auto_close int fd = os_open_at(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, OS_BENEATH);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    return os_read_all(fd, out);
}

int os_read_file_trusted(const char *path, struct buf *out)
{
    auto_close int fd = os_open_trusted(path, O_RDONLY, 0);
    return fd < 0 ? fd : os_read_all(fd, out);
}

/* The directory that holds the last component of path, and that component. *ret_dir is dir_fd itself
 * when the path has one component; *own_dir then stays -1. */
static int open_parent(int dir_fd, const char *path, int *ret_dir, int *own_dir,
                       const char **ret_last)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        *ret_dir = dir_fd;
        *ret_last = path;
        return path[0] == '\0' ? -ENOENT : 0;
    }
    if (slash[1] == '\0' || slash == path)
        return -EINVAL;
    auto_free char *parent = str_dup((struct str){path, (size_t)(slash - path)});
    if (parent == NULL)
        return -ENOMEM;
    *own_dir = os_open_at(dir_fd, parent, O_PATH | O_DIRECTORY, 0, OS_BENEATH);
    *ret_dir = *own_dir;
    *ret_last = slash + 1;
    return *own_dir < 0 ? *own_dir : 0;
}

static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* fsync of a directory that may be held with O_PATH only. */
static int sync_dir(int dir_fd)
{
    auto_close int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : os_fsync(fd);
}

static int fill_new_file(int fd, struct str bytes, mode_t mode, bool durable)
{
    int r = os_write_all(fd, bytes);
    if (r == 0 && fchmod(fd, mode & 07777) < 0)
        r = -errno;
    if (r == 0 && durable)
        r = os_fsync(fd);
    return r;
}

/* Always a private name and a rename. O_TMPFILE would need a private name as well to replace a file
 * (linkat never replaces) and a second way for file systems without it, and would leave the same
 * kind of rest behind after a kill, only less often. */
int os_write_file_at(int dir_fd, const char *name, struct str bytes, mode_t mode, bool durable)
{
    uint8_t noise[12];
    char hex[sizeof(noise) * 2 + 1], temporary[sizeof(OS_TEMPORARY_PREFIX) + sizeof(hex)];
    if (!is_plain_name(name))
        return -EINVAL;
    os_random(noise, sizeof(noise));
    hex_encode(noise, sizeof(noise), hex);
    (void)snprintf(temporary, sizeof(temporary), "%s%s", OS_TEMPORARY_PREFIX, hex);
    auto_close int fd =
        openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = fill_new_file(fd, bytes, mode, durable);
    if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(dir_fd, temporary, 0);
        return r;
    }
    return durable ? sync_dir(dir_fd) : 0;
}

int os_mkdir_at(int dir_fd, const char *name, mode_t mode)
{
    int at = -1;
    auto_close int parent = -1;
    const char *last;
    struct stat st;
    int r = open_parent(dir_fd, name, &at, &parent, &last);
    if (r < 0)
        return r;
    if (mkdirat(at, last, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(at, last, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 1 : -EEXIST;
}

static int mkdir_trusted(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdirat(AT_FDCWD, path, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (fstatat(AT_FDCWD, path, &st, 0) < 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int os_mkdir_parents(const char *path, mode_t mode)
{
    auto_free char *prefix = str_dup(str_of(path));
    if (prefix == NULL)
        return -ENOMEM;
    for (char *p = prefix + (prefix[0] == '/'); *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int r = mkdir_trusted(prefix, mode);
        *p = '/';
        /* A read-only or forbidden parent that exists says EROFS or EACCES in place of EEXIST; the
         * last component tells whether that matters. */
        if (r < 0 && r != -EROFS && r != -EACCES)
            return r;
    }
    return mkdir_trusted(path, mode);
}

int os_unlink_at(int dir_fd, const char *name, int flags)
{
    int at = -1;
    auto_close int parent = -1;
    const char *last;
    int r = open_parent(dir_fd, name, &at, &parent, &last);
    if (r < 0)
        return r;
    return unlinkat(at, last, flags) < 0 ? -errno : 0;
}

int os_rename_at(int from_dir, const char *from, int to_dir, const char *to)
{
    int from_at = -1, to_at = -1;
    auto_close int from_parent = -1;
    auto_close int to_parent = -1;
    const char *from_last, *to_last;
    int r = open_parent(from_dir, from, &from_at, &from_parent, &from_last);
    if (r == 0)
        r = open_parent(to_dir, to, &to_at, &to_parent, &to_last);
    if (r < 0)
        return r;
    return renameat(from_at, from_last, to_at, to_last) < 0 ? -errno : 0;
}

int os_stat_fd(int fd, struct stat *ret)
{
    return fstat(fd, ret) < 0 ? -errno : 0;
}

int os_stat_at(int dir_fd, const char *path, struct stat *ret)
{
    auto_close int fd = os_open_at(dir_fd, path, O_PATH | O_NOFOLLOW, 0, OS_BENEATH);
    return fd < 0 ? fd : os_stat_fd(fd, ret);
}

int os_fsync(int fd)
{
    int r;
    do
        r = fsync(fd);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int os_lock_exclusive(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? 1 : -errno;
}

int os_real_path(const char *path, char **ret)
{
    char *real = realpath(path, NULL);
    if (real == NULL)
        return -errno;
    *ret = real;
    return 0;
}
