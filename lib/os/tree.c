/* Whole directories: listing, removing, and copying the contents of files. Trees here were written
 * by guests, so names, depth, links and permissions are hostile; nothing outside the tree may be
 * touched, and no amount of depth may use up our stack or our descriptors. */
#include "os/file.h"

#include "base/fault.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Most entries that one removal deals with: far above every quota, yet an end. */
enum { REMOVE_MAX = 50 * 1000 * 1000 };

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int each_entry(DIR *dir, size_t max,
                      int (*each)(const char *name, unsigned char type, void *arg), void *arg)
{
    for (size_t count = 0;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return -errno;
        if (is_dot(entry->d_name))
            continue;
        if (count++ == max)
            return -FAULT_CAP;
        int r = each(entry->d_name, entry->d_type, arg);
        if (r != 0)
            return r;
    }
}

int os_list_dir(int dir_fd, size_t max,
                int (*each)(const char *name, unsigned char type, void *arg), void *arg)
{
    /* Opened anew: dir_fd may be O_PATH, and its read position is not ours to move. */
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int r = -errno;
        os_close(fd);
        return r;
    }
    int r = each_entry(dir, max, each, arg);
    (void)closedir(dir);
    return r;
}

/* A real directory directly in dir_fd, not a link and not a mount, readable and writable for us. */
static int open_own_dir(int dir_fd, const char *name)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    struct stat st;
    auto_close int fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & 0700) != 0700) {
        /* chmod through /proc reaches the very directory that is held open. Without /proc the
         * removal may fail later with EACCES, which is reported. */
        char path[32];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        (void)!fchmodat(AT_FDCWD, path, 0700, 0);
    }
    int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return readable < 0 ? -errno : readable;
}

/* Removing without recursion: a subdirectory of a subdirectory is first moved up into the root of the
 * tree under a number of ours. So at most two directories are open, however deep the tree is, and
 * each directory is listed once. */
struct removal {
    int root_fd;  /* the tree's root */
    int from_fd;  /* the directory being emptied: the root or a direct child of it */
    size_t moved; /* directories moved up so far; makes their names */
    size_t left;  /* entries that may still be met */
};

static int move_up(struct removal *m, const char *name)
{
    char moved[48];
    for (;;) {
        (void)snprintf(moved, sizeof(moved), "%smoved-%zu", OS_TEMPORARY_PREFIX, m->moved++);
        if (renameat2(m->from_fd, name, m->root_fd, moved, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno ==
            EACCES) { /* ".." of a moved directory is written: it must be writable itself */
            auto_close int fd = open_own_dir(m->from_fd, name);
            if (fd < 0)
                return fd;
            return renameat2(m->from_fd, name, m->root_fd, moved, RENAME_NOREPLACE) < 0 ? -errno
                                                                                        : 0;
        }
        if (errno != EEXIST || m->moved > REMOVE_MAX)
            return -errno;
    }
}

static int empty_child(const char *name, unsigned char type, void *arg)
{
    struct removal *m = arg;
    if (m->left-- == 0)
        return -FAULT_CAP;
    if (type != DT_DIR) {
        if (unlinkat(m->from_fd, name, 0) == 0 || errno == ENOENT)
            return 0;
        if (errno != EISDIR)
            return -errno;
    }
    return move_up(m, name);
}

static int empty_root(const char *name, unsigned char type, void *arg)
{
    struct removal *m = arg;
    if (m->left-- == 0)
        return -FAULT_CAP;
    if (type != DT_DIR) {
        if (unlinkat(m->root_fd, name, 0) == 0 || errno == ENOENT)
            return 0;
        if (errno != EISDIR)
            return -errno;
    }
    auto_close int fd = open_own_dir(m->root_fd, name);
    if (fd < 0)
        return fd;
    m->from_fd = fd;
    int r = os_list_dir(fd, SIZE_MAX, empty_child, m);
    if (r < 0)
        return r;
    return unlinkat(m->root_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int os_remove_tree(int dir_fd, const char *name)
{
    if (name[0] == '\0' || is_dot(name) || strchr(name, '/') != NULL)
        return -EINVAL;
    if (unlinkat(dir_fd, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM) /* EPERM: what POSIX says for a directory */
        return -errno;
    auto_close int root = open_own_dir(dir_fd, name);
    if (root < 0)
        return root;
    struct removal m = {.root_fd = root, .from_fd = -1, .left = REMOVE_MAX};
    /* What is moved up during a listing may or may not show up in it: repeat until nothing is left. */
    for (;;) {
        size_t before = m.left;
        int r = os_list_dir(root, SIZE_MAX, empty_root, &m);
        if (r < 0)
            return r;
        if (m.left == before)
            return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
    }
}

static int sweep_one(const char *name, unsigned char type, void *arg)
{
    const int *dir_fd = arg;
    (void)type;
    if (!str_starts(str_of(name), STR(OS_TEMPORARY_PREFIX)))
        return 0;
    return unlinkat(*dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int os_sweep_temporary(int dir_fd)
{
    return os_list_dir(dir_fd, SIZE_MAX, sweep_one, &dir_fd);
}

static int copy_plain(int from_fd, int to_fd, uint64_t max, uint64_t *copied)
{
    enum { STEP = 65536 };
    auto_free char *step = malloc(STEP);
    if (step == NULL)
        return -ENOMEM;
    while (*copied < max) {
        uint64_t left = max - *copied;
        ssize_t n = os_read(from_fd, step, left < STEP ? (size_t)left : STEP);
        if (n <= 0)
            return (int)n;
        int r = os_write_all(to_fd, (struct str){step, (size_t)n});
        if (r < 0)
            return r;
        *copied += (uint64_t)n;
    }
    return 0;
}

/* The whole file shared instead of copied; only when it is within max and the target is empty. */
static bool clone_whole(int from_fd, int to_fd, uint64_t max, uint64_t *ret_copied)
{
    uint64_t from_size = 0, to_size = 0;
    if (os_file_size(from_fd, &from_size) < 0 || os_file_size(to_fd, &to_size) < 0)
        return false;
    if (from_size > max || to_size != 0 || lseek(from_fd, 0, SEEK_CUR) != 0)
        return false;
    if (ioctl(to_fd, FICLONE, from_fd) < 0)
        return false;
    *ret_copied = from_size;
    return true;
}

int os_copy_range(int from_fd, int to_fd, uint64_t max, uint64_t *ret_copied)
{
    enum { STEP = 1 << 30 };
    uint64_t copied = 0;
    if (clone_whole(from_fd, to_fd, max, ret_copied))
        return 0;
    while (copied < max) {
        uint64_t left = max - copied;
        ssize_t n =
            copy_file_range(from_fd, NULL, to_fd, NULL, left < STEP ? (size_t)left : STEP, 0);
        if (n > 0) {
            copied += (uint64_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
            return -errno;
        /* Refused between these two files, or 0 at once: some files (in /proc) claim to be empty to
         * copy_file_range() while they can be read. Reading tells the end for certain. */
        int r = copy_plain(from_fd, to_fd, max, &copied);
        if (r < 0)
            return r;
        break;
    }
    *ret_copied = copied;
    return 0;
}
