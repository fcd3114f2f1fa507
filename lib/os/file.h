/* Files by path, beneath a directory that is held open. Resolve once, hold the fd. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

#include <sys/stat.h>
#include <sys/types.h>

enum os_resolve {
    OS_BENEATH,  /* RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS: links may lead only below dir_fd */
    OS_IN_ROOT,  /* RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: "/" and ".." stop at dir_fd */
    OS_NO_LINKS, /* OS_BENEATH | RESOLVE_NO_SYMLINKS */
};

/* openat2(). flags are O_*; O_CLOEXEC is added. Returns the fd or -errno (-EXDEV: would leave dir_fd). */
must_use int os_open_at(int dir_fd, const char *path, int flags, mode_t mode, enum os_resolve how);
/* A path the operator gave, resolved as the operator would (follows links, may be absolute). */
must_use int os_open_trusted(const char *path, int flags, mode_t mode);
must_use int os_open_dir_trusted(const char *path); /* O_PATH | O_DIRECTORY */

/* OS_BENEATH; regular files only. */
must_use int os_read_file_at(int dir_fd, const char *path, struct buf *out);
must_use int os_read_file_trusted(const char *path, struct buf *out);
/* Replaces the file whole: a private name, fsync when durable, then rename; a reader sees old or new,
 * never half. name is one component; mode is exact (no umask). Keeps no temporary name behind on
 * failure; only a kill in between can, and os_sweep_temporary() removes such names. */
must_use int os_write_file_at(int dir_fd, const char *name, struct str bytes, mode_t mode,
                              bool durable);

#define OS_TEMPORARY_PREFIX ".bx-tmp-"
/* Removes what a killed os_write_file_at() left in this directory. Only while nobody else writes there. */
must_use int os_sweep_temporary(int dir_fd);

/* The paths of mkdir, unlink, rename and stat may have several components; their folders are resolved OS_BENEATH. */
/* 0 made, 1 was there, -errno. */
must_use int os_mkdir_at(int dir_fd, const char *name, mode_t mode);
must_use int os_mkdir_parents(const char *path, mode_t mode); /* like mkdir -p; trusted path */
must_use int os_unlink_at(int dir_fd, const char *name, int flags);
must_use int os_rename_at(int from_dir, const char *from, int to_dir, const char *to);
must_use int os_stat_fd(int fd, struct stat *ret);
/* Does not follow a last link. */
must_use int os_stat_at(int dir_fd, const char *path, struct stat *ret);
must_use int os_fsync(int fd);
must_use int os_lock_exclusive(int fd); /* 0 held, 1 another has it, -errno; never waits */
must_use int os_real_path(const char *path, own char **ret); /* absolute, no links */
/* At most max bytes from the read position on: FICLONE, else copy_file_range, else read and write. */
must_use int os_copy_range(int from_fd, int to_fd, uint64_t max, uint64_t *ret_copied);

/* Calls each(name, d_type, arg) for the entries of an open directory except "." and ".."; any order.
 * A non-zero return stops and is forwarded. At most `max` entries, then -FAULT_CAP. */
must_use int os_list_dir(int dir_fd, size_t max,
                         int (*each)(const char *name, unsigned char type, void *arg), void *arg);
/* Removes the file or tree dir_fd/name (one component) without following links or crossing mounts;
 * any depth; folders without permissions are opened up first. */
must_use int os_remove_tree(int dir_fd, const char *name);
