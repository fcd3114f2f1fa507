/* File descriptors: ownership, whole reads and writes, memory files. Every fd made here is O_CLOEXEC.
 * Faults are -errno. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <sys/types.h>

static inline void os_close_freep(int *fd);
#define auto_close __attribute__((cleanup(os_close_freep)))

void os_close(int fd); /* -1 is fine; keeps errno */
static inline void os_close_freep(int *fd)
{
    os_close(*fd);
    *fd = -1;
}
static inline int take_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

must_use int os_dup(int fd, int lowest, int *ret_fd);
must_use int os_set_nonblock(int fd, bool on);
must_use int os_set_cloexec(int fd, bool on);
/* Closes every fd that is not in keep[], 0 to 2 included. keep[] needs no order; -1 in it is fine. */
must_use int os_close_all_but(const int *keep, size_t count);
must_use int os_pipe(int *ret_read, int *ret_write);

/* Reads until the end of file into out (its max is the cap: -FAULT_CAP when there is more). */
must_use int os_read_all(int fd, struct buf *out);
must_use int os_write_all(int fd, struct str bytes); /* blocking fd; EINTR handled */
ssize_t os_read(int fd, void *at, size_t len);       /* >= 0, or -errno; EINTR handled */
ssize_t os_write(int fd, const void *at, size_t len);
ssize_t os_pread(int fd, void *at, size_t len, int64_t offset);

/* A memory file that holds `bytes` and can no longer change (all seals). `name` shows in /proc only. */
must_use int os_memfd_sealed(const char *name, struct str bytes, int *ret_fd);
must_use int os_memfd(const char *name, int *ret_fd); /* writable; seal it with os_memfd_seal() */
must_use int os_memfd_seal(int fd);
must_use int os_memfd_is_sealed(int fd); /* 0 yes, 1 no, -errno */
must_use int os_file_size(int fd, uint64_t *ret);
/* Maps a whole file read-only; -FAULT_CAP when it is larger than max, len 0 when it is empty. The view
 * is given back by os_unmap(). A file that can shrink while mapped kills the reader: map only sealed
 * memory files and files that nobody else writes. */
must_use int os_map(int fd, size_t max, struct str *ret);
void os_unmap(struct str mapping);
/* Memory that two processes share: a memory file of zeros whose size nobody can change any more, so that neither can
 * take the pages away under the other; and the mapping of it, writable. */
must_use int os_shared_new(const char *name, size_t size, int *ret_fd);
must_use int os_shared_map(int fd, size_t size,
                           void **ret);      /* -EINVAL: not such a file, or of another size */
void os_shared_unmap(void *at, size_t size); /* NULL is fine */
