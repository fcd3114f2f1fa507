/* Thin calls on names and open files. Nothing is decided here: no retry but for EINTR where nothing
 * was done yet, no policy, no following of links. */
#include "os/fs.h"

#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int result(int r)
{
    return r < 0 ? -errno : 0;
}

static ssize_t count_or_errno(ssize_t n)
{
    return n < 0 ? -errno : n;
}

int os_fs_mkdir(int dir_fd, const char *name, mode_t mode)
{
    return result(mkdirat(dir_fd, name, mode));
}

int os_fs_unlink(int dir_fd, const char *name)
{
    return result(unlinkat(dir_fd, name, 0));
}

int os_fs_rmdir(int dir_fd, const char *name)
{
    return result(unlinkat(dir_fd, name, AT_REMOVEDIR));
}

int os_fs_rename(int from_dir, const char *from, int to_dir, const char *to, bool may_replace)
{
    return result(renameat2(from_dir, from, to_dir, to, may_replace ? 0 : RENAME_NOREPLACE));
}

int os_fs_link(int from_dir, const char *from, int to_dir, const char *to)
{
    return result(linkat(from_dir, from, to_dir, to, 0));
}

int os_fs_link_fd(int fd, int to_dir, const char *to)
{
    return result(linkat(fd, "", to_dir, to, AT_EMPTY_PATH));
}

int os_fs_symlink(const char *target, int dir_fd, const char *name)
{
    return result(symlinkat(target, dir_fd, name));
}

ssize_t os_fs_readlink(int dir_fd, const char *name, char *at, size_t len)
{
    return count_or_errno(readlinkat(dir_fd, name, at, len));
}

int os_fs_set_times(int fd, const char *name, const struct timespec times[2])
{
    return result(utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW));
}

int os_fs_set_times_fd(int fd, const struct timespec times[2])
{
    return result(futimens(fd, times));
}

ssize_t os_fs_preadv(int fd, const struct iovec *parts, int count, int64_t offset)
{
    ssize_t n;
    do
        n = preadv(fd, parts, count, offset);
    while (n < 0 && errno == EINTR);
    return count_or_errno(n);
}

ssize_t os_fs_pwritev(int fd, const struct iovec *parts, int count, int64_t offset)
{
    ssize_t n;
    do
        n = pwritev(fd, parts, count, offset);
    while (n < 0 && errno == EINTR);
    return count_or_errno(n);
}

int os_fs_set_append(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    return result(fcntl(fd, F_SETFL, on ? flags | O_APPEND : flags & ~O_APPEND));
}

ssize_t os_fs_writev(int fd, const struct iovec *parts, int count)
{
    ssize_t n;
    do
        n = writev(fd, parts, count);
    while (n < 0 && errno == EINTR);
    return count_or_errno(n);
}

ssize_t os_fs_readv_now(int fd, const struct iovec *parts, int count)
{
    ssize_t n = preadv2(fd, parts, count, -1, RWF_NOWAIT);
    /* Terminals, folders and the like know no such flag (EBADF and ESPIPE by some drivers). */
    if (n < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ESPIPE || errno == ENOSYS))
        n = readv(fd, parts, count);
    return count_or_errno(n);
}

int os_fs_seek(int fd, int64_t offset, int whence, int64_t *ret)
{
    off_t at = lseek(fd, offset, whence);
    if (at < 0)
        return -errno;
    *ret = at;
    return 0;
}

int os_fs_set_size(int fd, int64_t size)
{
    int r;
    do
        r = ftruncate(fd, size);
    while (r < 0 && errno == EINTR);
    return result(r);
}

bool os_fs_is_kernels(int fd)
{
    /* Without a name in linux/magic.h: configfs, mqueue, fusectl, resctrl (rdtgroup), nfsd, rpc_pipefs. */
    static const uint32_t kinds[] = {
        PROC_SUPER_MAGIC,  SYSFS_MAGIC,        DEBUGFS_MAGIC,       TRACEFS_MAGIC,
        SECURITYFS_MAGIC,  CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, SELINUX_MAGIC,
        SMACK_MAGIC,       PSTOREFS_MAGIC,     EFIVARFS_MAGIC,      BPF_FS_MAGIC,
        BINFMTFS_MAGIC,    DEVPTS_SUPER_MAGIC, NSFS_MAGIC,          USBDEVICE_SUPER_MAGIC,
        XENFS_SUPER_MAGIC, 0x62656570,         0x19800202,          0x65735543,
        0x07655821,        0x6e667364,         0x67596969,
    };
    struct statfs st;
    if (fstatfs(fd, &st) < 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((uint32_t)st.f_type == kinds[i])
            return true;
    return false;
}

int os_fs_allocate(int fd, int64_t offset, int64_t len)
{
    return result(fallocate(fd, 0, offset, len));
}

int os_fs_advise(int fd, int64_t offset, int64_t len, int advice)
{
    return -posix_fadvise(fd, offset, len, advice);
}

int os_fs_sync(int fd, bool data_only)
{
    return result(data_only ? fdatasync(fd) : fsync(fd));
}

int os_fs_chmod(int fd, mode_t mode)
{
    return result(fchmod(fd, mode));
}

int os_fs_clone(int from_fd, int to_fd)
{
    return result(ioctl(to_fd, FICLONE, from_fd));
}

static ssize_t copy_by_hand(int from_fd, int to_fd, int64_t *offset, size_t len)
{
    char bytes[16384];
    size_t done = 0;
    while (done < len) {
        size_t want = len - done < sizeof(bytes) ? len - done : sizeof(bytes);
        ssize_t n = pread(from_fd, bytes, want, *offset);
        if (n <= 0)
            return n < 0 ? -errno : (ssize_t)done;
        ssize_t put = pwrite(to_fd, bytes, (size_t)n, *offset);
        if (put <= 0)
            return put < 0 ? -errno : -EIO;
        *offset += put;
        done += (size_t)put;
    }
    return (ssize_t)done;
}

ssize_t os_fs_copy_part(int from_fd, int to_fd, int64_t *offset, size_t len)
{
    off_t in = *offset, out = *offset;
    ssize_t n = copy_file_range(from_fd, &in, to_fd, &out, len, 0);
    if (n > 0) {
        *offset = in;
        return n;
    }
    /* 0 may also be a file of /proc or /sys that has bytes but no size: reading decides. */
    if (n == 0 || errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS ||
        errno == EPERM)
        return copy_by_hand(from_fd, to_fd, offset, len);
    return -errno;
}

ssize_t os_fs_read_dir(int fd, void *at, size_t len)
{
    return count_or_errno(syscall(SYS_getdents64, fd, at, len));
}

struct packed_entry { /* struct linux_dirent64, which no header offers */
    uint64_t ino;
    int64_t next;
    uint16_t len;
    unsigned char type;
    char name[];
};

bool os_fs_next_entry(const char **at, const char *end, struct os_fs_entry *ret)
{
    struct packed_entry head;
    size_t left = (size_t)(end - *at), fixed = offsetof(struct packed_entry, name);
    if (left <= fixed)
        return false;
    memcpy(&head, *at, fixed);
    if (head.len <= fixed || head.len > left)
        return false;
    ret->ino = head.ino;
    ret->next = (uint64_t)head.next;
    ret->type = head.type;
    ret->name = *at + fixed;
    ret->name_len = strnlen(ret->name, head.len - fixed);
    *at += head.len;
    return true;
}

static struct timespec time_left(int64_t deadline_ns)
{
    int64_t left = deadline_ns - os_now_mono_ns();
    if (left < 0)
        left = 0;
    return (struct timespec){.tv_sec = left / OS_NS_PER_S, .tv_nsec = left % OS_NS_PER_S};
}

int os_fs_wait(struct os_fs_wait *items, size_t count, int64_t deadline_ns)
{
    struct pollfd fds[OS_FS_WAIT_MAX];
    must(count <= OS_FS_WAIT_MAX);
    for (size_t i = 0; i < count; i++) {
        fds[i] =
            (struct pollfd){.fd = items[i].fd, .events = items[i].for_write ? POLLOUT : POLLIN};
        items[i].is_ready = items[i].is_hung_up = false;
        items[i].readable = 0;
    }
    struct timespec left = {0};
    if (deadline_ns != INT64_MAX)
        left = time_left(deadline_ns);
    int n = ppoll(fds, count, deadline_ns == INT64_MAX ? NULL : &left, NULL);
    if (n < 0 && errno != EINTR)
        return -errno;
    if (n <= 0)
        return 1;
    for (size_t i = 0; i < count; i++) {
        int bytes = 0;
        items[i].is_ready = fds[i].revents != 0;
        items[i].is_hung_up = (fds[i].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
        if (items[i].is_ready && !items[i].for_write && ioctl(items[i].fd, FIONREAD, &bytes) == 0)
            items[i].readable = bytes;
    }
    return 0;
}
