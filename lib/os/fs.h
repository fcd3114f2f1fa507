/* Calls on names and open files that file.h does not have: thin, one system call each, no policy.
 * A name here is one component (no slash, except a trailing one where said) and a last link is never
 * followed: whoever has a path resolves its directory first (os_open_at). Faults are -errno. */
#pragma once

#include "base/base.h"
#include "base/str.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Names. A trailing slash on `name` is passed to the kernel, which then insists on a directory. */
must_use int os_fs_mkdir(int dir_fd, const char *name, mode_t mode);
must_use int os_fs_unlink(int dir_fd, const char *name);
must_use int os_fs_rmdir(int dir_fd, const char *name);
must_use int os_fs_rename(int from_dir, const char *from, int to_dir, const char *to,
                          bool may_replace);
must_use int os_fs_link(int from_dir, const char *from, int to_dir, const char *to);
must_use int os_fs_link_fd(int fd, int to_dir,
                           const char *to); /* gives an O_TMPFILE a name; no /proc needed */
must_use int os_fs_symlink(const char *target, int dir_fd, const char *name);
ssize_t os_fs_readlink(int dir_fd, const char *name, char *at,
                       size_t len); /* name "": dir_fd is the link (O_PATH) */
/* One access and one modification time; UTIME_NOW and UTIME_OMIT as in utimensat.
 * Works beneath O_PATH directory fds (name "."). */
must_use int os_fs_set_times(int fd, const char *name, const struct timespec times[2]);
must_use int os_fs_set_times_fd(int fd, const struct timespec times[2]); /* not for O_PATH */

/* Open files. The positional calls leave the file position alone. */
ssize_t os_fs_preadv(int fd, const struct iovec *parts, int count, int64_t offset);
ssize_t os_fs_pwritev(int fd, const struct iovec *parts, int count, int64_t offset);
must_use int os_fs_set_append(int fd, bool on);
ssize_t os_fs_writev(int fd, const struct iovec *parts,
                     int count); /* at the position, or the end; moves it */
ssize_t os_fs_readv_now(int fd, const struct iovec *parts,
                        int count); /* never waits where the kernel can promise it; -EAGAIN */
must_use int os_fs_seek(int fd, int64_t offset, int whence, int64_t *ret);
must_use int os_fs_set_size(int fd, int64_t size);
must_use int os_fs_allocate(int fd, int64_t offset, int64_t len);
/* Is it on a file system whose files are the kernel's words (proc, sys, cgroup, ...)? When that cannot be told: yes. */
bool os_fs_is_kernels(int fd);
must_use int os_fs_advise(int fd, int64_t offset, int64_t len, int advice);
must_use int os_fs_sync(int fd, bool data_only);
must_use int os_fs_chmod(int fd, mode_t mode);
must_use int os_fs_clone(int from_fd, int to_fd); /* FICLONE: shares blocks, whole file */
/* Copies [*offset, *offset + len) to the same place of to_fd; moves *offset. 0 = end of file. */
ssize_t os_fs_copy_part(int from_fd, int to_fd, int64_t *offset, size_t len);

/* Directory entries as the kernel packs them. */
struct os_fs_entry {
    uint64_t ino, next; /* next: position behind this entry, for os_fs_seek */
    unsigned char type; /* DT_* */
    const char *name;
    size_t name_len;
};
ssize_t os_fs_read_dir(int fd, void *at, size_t len); /* getdents64; 0 = end */
/* Steps over one entry in [*at, end); false at the end or on a damaged record. */
bool os_fs_next_entry(const char **at, const char *end, struct os_fs_entry *ret);

/* Waits on up to OS_FS_WAIT_MAX fds; an fd of -1 is skipped. */
#define OS_FS_WAIT_MAX 8
struct os_fs_wait {
    int fd;
    bool for_write;
    bool is_ready, is_hung_up; /* answers */
    int64_t readable;          /* bytes that can be read, 0 when not known */
};
/* 0 = at least one is ready, 1 = deadline (monotonic ns, INT64_MAX = none) or a signal, -errno. */
must_use int os_fs_wait(struct os_fs_wait *items, size_t count, int64_t deadline_ns);
