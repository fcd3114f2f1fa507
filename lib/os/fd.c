/* File descriptors and memory files. Must never hand out an fd that survives an exec, and must never
 * report EINTR: every call here goes on after a signal. */
#include "os/fd.h"

#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void os_close(int fd)
{
    int saved = errno;
    if (fd < 0)
        return;
    /* Linux has freed the number even when close() reports an error, so it is never repeated. A bad
     * number means that somebody closed twice, which could hit an innocent file next time. */
    int r unused_ = close(fd);
    assert(r == 0 || errno != EBADF);
    errno = saved;
}

int os_dup(int fd, int lowest, int *ret_fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    if (copy < 0)
        return -errno;
    *ret_fd = copy;
    return 0;
}

int os_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int os_set_cloexec(int fd, bool on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int os_close_all_but(const int *keep, size_t count)
{
    /* The gaps between kept numbers, lowest first; keep[] needs no order and no copy. */
    for (unsigned from = 0;;) {
        unsigned next = UINT32_MAX;
        for (size_t i = 0; i < count; i++) {
            if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        }
        if (next > from && close_range(from, next == UINT32_MAX ? next : next - 1, 0) < 0)
            return -errno;
        if (next == UINT32_MAX)
            return 0;
        from = next + 1;
    }
}

int os_pipe(int *ret_read, int *ret_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

ssize_t os_read(int fd, void *at, size_t len)
{
    ssize_t n;
    do
        n = read(fd, at, len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t os_write(int fd, const void *at, size_t len)
{
    ssize_t n;
    do
        n = write(fd, at, len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t os_pread(int fd, void *at, size_t len, int64_t offset)
{
    ssize_t n;
    do
        n = pread(fd, at, len, offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* How much to ask for next: what is left of a regular file plus one byte that finds its end, else a
 * page-sized guess; never past the buffer's maximum. */
static size_t next_read_size(int fd, const struct buf *out)
{
    enum { READ_STEP = 16384 };
    struct stat st;
    size_t want = READ_STEP, room = out->max - out->len;
    if (out->len == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uint64_t)st.st_size < SIZE_MAX / 2)
        want = (size_t)st.st_size + 1;
    return want < room ? want : room;
}

int os_read_all(int fd, struct buf *out)
{
    for (;;) {
        char beyond;
        size_t want = next_read_size(fd, out);
        int r = buf_reserve(out, want);
        if (r < 0)
            return r;
        ssize_t n = want > 0 ? os_read(fd, out->at + out->len, want) : os_read(fd, &beyond, 1);
        if (n <= 0)
            return (int)n;
        if (want == 0)
            return -FAULT_CAP;
        out->len += (size_t)n;
        out->at[out->len] = '\0';
    }
}

int os_write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = os_write(fd, bytes.at, bytes.len);
        if (n < 0)
            return (int)n;
        bytes.at += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

int os_memfd(const char *name, int *ret_fd)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

int os_memfd_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int os_memfd_is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return errno == EINVAL ? 1 : -errno; /* EINVAL: not a memory file at all */
    return (seals & SEALS) == SEALS ? 0 : 1;
}

int os_memfd_sealed(const char *name, struct str bytes, int *ret_fd)
{
    auto_close int fd = -1;
    int r = os_memfd(name, &fd);
    if (r == 0)
        r = os_write_all(fd, bytes);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r == 0)
        r = os_memfd_seal(fd);
    if (r == 0)
        *ret_fd = take_fd(&fd);
    return r;
}

int os_file_size(int fd, uint64_t *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret = (uint64_t)st.st_size;
    return 0;
}

int os_map(int fd, size_t max, struct str *ret)
{
    uint64_t size = 0;
    int r = os_file_size(fd, &size);
    if (r < 0)
        return r;
    if (size > max)
        return -FAULT_CAP;
    if (size == 0) {
        *ret = STR("");
        return 0;
    }
    void *at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    *ret = (struct str){at, (size_t)size};
    return 0;
}

void os_unmap(struct str mapping)
{
    if (mapping.len > 0)
        must(munmap((void *)(uintptr_t)mapping.at, mapping.len) == 0);
}

#define SIZE_SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int os_shared_new(const char *name, size_t size, int *ret_fd)
{
    auto_close int fd = -1;
    int r = os_memfd(name, &fd);
    if (r == 0 && (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, SIZE_SEALS) < 0))
        r = -errno;
    if (r == 0)
        *ret_fd = take_fd(&fd);
    return r;
}

int os_shared_map(int fd, size_t size, void **ret)
{
    uint64_t real = 0;
    int seals = fcntl(fd, F_GET_SEALS), r = os_file_size(fd, &real);
    if (r < 0)
        return r;
    if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS || real != size)
        return -EINVAL;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    *ret = at;
    return 0;
}

void os_shared_unmap(void *at, size_t size)
{
    if (at != NULL)
        (void)munmap(at, size);
}
