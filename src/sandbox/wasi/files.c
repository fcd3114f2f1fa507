/* Calls on open files and folders other than reading and writing: attributes, size, times, position,
 * syncing, advice. */
#include "sandbox/wasi/inside.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>
#include <unistd.h>

static uint64_t to_ns(struct timespec ts)
{
    return ts.tv_sec < 0 ? 0 : (uint64_t)ts.tv_sec * (uint64_t)OS_NS_PER_S + (uint64_t)ts.tv_nsec;
}

void stat_to_guest(uint8_t *at, const struct stat *st)
{
    memset(at, 0, 64);
    put_u64(at, (uint64_t)st->st_dev);
    put_u64(at + 8, (uint64_t)st->st_ino);
    put_u8(at + 16, filetype_of(st->st_mode));
    put_u64(at + 24, (uint64_t)st->st_nlink);
    put_u64(at + 32, (uint64_t)st->st_size);
    put_u64(at + 40, to_ns(st->st_atim));
    put_u64(at + 48, to_ns(st->st_mtim));
    put_u64(at + 56, to_ns(st->st_ctim));
}

int call_fd_filestat_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    struct stat st;
    uint8_t *out = guest_at(m, (uint32_t)a[1], 64);
    int r = fd_need(w, a[0], RIGHT_FD_FILESTAT_GET, &f);
    if (r < 0)
        return r;
    if (out == NULL)
        return -EFAULT;
    if (f->kind == FD_STDIN || f->kind == FD_OUTPUT) {
        memset(out, 0, 64); /* the guest learns nothing of the pipes it hangs on */
        put_u8(out + 16, f->filetype);
        return 0;
    }
    r = os_stat_fd(f->host, &st);
    if (r == 0)
        stat_to_guest(out, &st);
    return r;
}

/* What a write-like call needs of a file: a mount that may be written, and the image of its bytes. */
static int may_write(struct wasi *w, struct fd *f)
{
    if (f->kind != FD_FILE)
        return -EINVAL;
    return undo_before_write(w, f);
}

/* fill: holes below size are going to be filled, too (counted as if all of them were). */
static int grow_to(struct wasi *w, struct fd *f, int64_t size, bool fill, int64_t *ret_growth)
{
    struct stat st;
    int64_t fits;
    int r = os_stat_fd(f->host, &st);
    if (r < 0)
        return r;
    *ret_growth = size > st.st_size ? size - st.st_size : 0;
    int64_t on_disk = (int64_t)st.st_blocks * 512, old = size < st.st_size ? size : st.st_size;
    if (fill && st.st_size > on_disk)
        *ret_growth += old < st.st_size - on_disk ? old : st.st_size - on_disk;
    if (*ret_growth == 0)
        return 0;
    r = quota_write(w, *ret_growth, 0, &fits);
    return r;
}

int call_fd_filestat_set_size(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f;
    int64_t growth = 0;
    int r = fd_need_file(w, a[0], RIGHT_FD_FILESTAT_SET_SIZE, &f);
    if (r < 0)
        return r;
    if (a[1] > INT64_MAX)
        return f->kind == FD_FILE ? -EFBIG : -EINVAL;
    r = may_write(w, f);
    if (r == 0)
        r = grow_to(w, f, (int64_t)a[1], false, &growth);
    if (r == 0)
        r = os_fs_set_size(f->host, (int64_t)a[1]);
    if (r < 0)
        return r;
    w->use.written_bytes += growth;
    w->truncations++;
    return 0;
}

int call_fd_allocate(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f;
    int64_t end, growth = 0;
    int r = fd_need_file(w, a[0], RIGHT_FD_ALLOCATE, &f);
    if (r < 0)
        return r;
    if (f->kind != FD_FILE)
        return -ESPIPE;
    if (a[2] == 0 || a[2] > INT64_MAX || a[1] > INT64_MAX)
        return -EINVAL;
    if (!i64_add((int64_t)a[1], (int64_t)a[2], &end))
        return -EFBIG;
    r = may_write(w, f);
    if (r == 0)
        r = grow_to(w, f, end, true, &growth);
    if (r == 0)
        r = os_fs_allocate(f->host, (int64_t)a[1], (int64_t)a[2]);
    if (r == 0)
        w->use.written_bytes += growth;
    return r;
}

int call_fd_advise(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    static const int advices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                  POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    struct fd *f;
    uint32_t advice = (uint32_t)a[3];
    int r = fd_need(w, a[0], RIGHT_FD_ADVISE, &f);
    if (r < 0)
        return r;
    if (advice >= ARRAY_LEN(advices) || a[1] > INT64_MAX || a[2] > INT64_MAX)
        return -EINVAL;
    if (f->kind == FD_DIR)
        return -EBADF;
    return os_fs_advise(f->host, (int64_t)a[1], (int64_t)a[2], advices[advice]);
}

static int sync_it(struct wasi *w, uint64_t number, uint64_t right, bool data_only)
{
    struct fd *f;
    int r = fd_need(w, number, right, &f);
    if (r < 0)
        return r;
    if (f->kind == FD_STDIN || f->kind == FD_OUTPUT)
        return -EINVAL;
    if (f->kind == FD_FILE || f->is_host_readable)
        return os_fs_sync(f->host, data_only);
    auto_close int fd = os_open_at(f->host, ".", O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    return fd < 0 ? fd : os_fs_sync(fd, data_only);
}

int call_fd_sync(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    return sync_it(w, a[0], RIGHT_FD_SYNC, false);
}

int call_fd_datasync(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    return sync_it(w, a[0], RIGHT_FD_DATASYNC, true);
}

static int seek(struct fd *f, int64_t offset, uint8_t whence, int64_t *ret)
{
    int64_t from = 0;
    struct stat st;
    int r = 0;
    if (f->kind != FD_FILE)
        return -ESPIPE;
    switch (whence) {
    case 0: break;
    case 1: from = f->pos; break;
    case 2:
        r = os_stat_fd(f->host, &st);
        from = r == 0 ? st.st_size : 0;
        break;
    default: return -EINVAL;
    }
    if (r < 0)
        return r;
    int64_t to;
    if (!i64_add(from, offset, &to))
        return offset > 0 ? -EOVERFLOW : -EINVAL;
    if (to < 0)
        return -EINVAL;
    f->pos = *ret = to;
    return 0;
}

int call_fd_seek(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    uint32_t whence = (uint32_t)a[2];
    uint8_t *out = guest_at(m, (uint32_t)a[3], 8);
    /* Asking where one is needs the smaller right. */
    uint64_t right = (int64_t)a[1] == 0 && whence == 1 ? RIGHT_FD_TELL : RIGHT_FD_SEEK;
    int r = fd_need_file(w, a[0], 0, &f);
    if (r < 0)
        return r;
    if ((f->rights & (right | RIGHT_FD_SEEK)) == 0)
        return f->kind == FD_FILE ? -WASI_NOTCAPABLE : -ESPIPE;
    if (out == NULL)
        return -EFAULT;
    int64_t at;
    r = seek(f, (int64_t)a[1], whence > 2 ? 3 : (uint8_t)whence, &at);
    if (r == 0)
        put_u64(out, (uint64_t)at);
    return r;
}

int call_fd_tell(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    uint8_t *out = guest_at(m, (uint32_t)a[1], 8);
    int r = fd_need_file(w, a[0], 0, &f);
    if (r < 0)
        return r;
    if ((f->rights & (RIGHT_FD_TELL | RIGHT_FD_SEEK)) == 0)
        return f->kind == FD_FILE ? -WASI_NOTCAPABLE : -ESPIPE;
    if (f->kind != FD_FILE)
        return -ESPIPE;
    if (out == NULL)
        return -EFAULT;
    put_u64(out, (uint64_t)f->pos);
    return 0;
}
