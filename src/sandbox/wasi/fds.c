/* The table of the guest's file numbers: finding, taking, dropping, rights, and the calls about a number
 * itself. A number is the guest's word and means nothing outside this table. */
#include "sandbox/wasi/inside.h"

#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>

struct fd *fd_get(struct wasi *w, uint64_t number)
{
    uint32_t n = (uint32_t)number;
    return n < w->fd_cap && w->fds[n].kind != FD_FREE ? &w->fds[n] : NULL;
}

int fd_need(struct wasi *w, uint64_t number, uint64_t right, struct fd **ret)
{
    struct fd *f = fd_get(w, number);
    if (f == NULL)
        return -EBADF;
    if ((f->rights & right) != right)
        return -WASI_NOTCAPABLE;
    *ret = f;
    return 0;
}

int fd_need_file(struct wasi *w, uint64_t number, uint64_t right, struct fd **ret)
{
    struct fd *f = fd_get(w, number);
    if (f == NULL)
        return -EBADF;
    if (f->kind == FD_DIR)
        return -EISDIR;
    return fd_need(w, number, right, ret);
}

int fd_need_dir(struct wasi *w, uint64_t number, uint64_t right, struct fd **ret)
{
    struct fd *f = fd_get(w, number);
    if (f == NULL)
        return -EBADF;
    if (f->kind != FD_DIR)
        return -ENOTDIR;
    return fd_need(w, number, right, ret);
}

int fd_reserve(struct wasi *w, uint32_t *ret)
{
    if (w->files_open >= w->config.quota.open_files)
        return quota_note(w, HIT_OPEN, -EMFILE);
    while (w->fd_lowest < w->fd_cap && w->fds[w->fd_lowest].kind != FD_FREE)
        w->fd_lowest++;
    if (w->fd_lowest == w->fd_cap) {
        uint32_t cap =
            w->fd_cap * 2; /* bounded by the quota: only numbers that were taken are counted */
        struct fd *old = w->fds == w->inline_fds ? NULL : w->fds;
        struct fd *more = realloc(old, cap * sizeof(*more));
        if (more == NULL)
            return -ENOMEM;
        if (old == NULL)
            memcpy(more, w->inline_fds, w->fd_cap * sizeof(*more));
        memset(more + w->fd_cap, 0, (cap - w->fd_cap) * sizeof(*more));
        w->fds = more;
        w->fd_cap = cap;
    }
    *ret = w->fd_lowest;
    return 0;
}

struct fd *fd_put(struct wasi *w, uint32_t number)
{
    struct fd *f = &w->fds[number];
    must(number < w->fd_cap && f->kind == FD_FREE);
    *f = (struct fd){.host = -1};
    if (++w->files_open > w->use.open_peak)
        w->use.open_peak = w->files_open;
    return f;
}

static bool is_counted(const struct fd *f)
{
    return (f->kind == FD_DIR || f->kind == FD_FILE) && !f->is_preopen;
}

int fd_drop(struct wasi *w, struct fd *f, bool commit)
{
    int r = 0;
    if (f->stage != NULL) {
        if (commit)
            r = stage_land(w, f);
        else
            stage_drop(w, f);
    }
    if (is_counted(f)) {
        w->files_open--;
        os_close(f->host);
    }
    dir_stream_free(f->stream);
    free(f->real);
    *f = (struct fd){.kind = FD_FREE, .host = -1};
    uint32_t number = (uint32_t)(f - w->fds);
    if (number < w->fd_lowest)
        w->fd_lowest = number;
    return r;
}

int call_fd_close(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f = fd_get(w, a[0]);
    return f == NULL ? -EBADF : fd_drop(w, f, true);
}

int call_fd_renumber(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *from = fd_get(w, a[0]), *to = fd_get(w, a[1]);
    if (from == NULL || to == NULL)
        return -EBADF;
    if (from == to)
        return 0;
    int r = fd_drop(w, to, true);
    *to = *from;
    *from = (struct fd){.kind = FD_FREE, .host = -1};
    w->fd_lowest = 0; /* looked for again at the next open */
    return r;
}

int call_fd_fdstat_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f = fd_get(w, a[0]);
    uint8_t *out = guest_at(m, (uint32_t)a[1], 24);
    if (f == NULL)
        return -EBADF;
    if (out == NULL)
        return -EFAULT;
    memset(out, 0, 24);
    put_u8(out, f->filetype);
    put_u16(out + 2, f->flags);
    put_u64(out + 8, f->rights);
    put_u64(out + 16, f->inheriting);
    return 0;
}

/* APPEND and NONBLOCK are ours to keep; the synchronous flags belong to the open file of the host and
 * Linux cannot change them after the opening. */
int call_fd_fdstat_set_flags(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f;
    uint16_t flags = (uint16_t)a[1];
    int r = fd_need(w, a[0], RIGHT_FD_FDSTAT_SET_FLAGS, &f);
    if (r < 0)
        return r;
    if (((uint32_t)a[1] & ~(uint32_t)FDFLAGS_ALL) != 0)
        return -EINVAL;
    if (((flags ^ f->flags) & (FDFLAG_DSYNC | FDFLAG_RSYNC | FDFLAG_SYNC)) != 0)
        return -EOPNOTSUPP;
    f->flags = flags;
    return 0;
}

int call_fd_fdstat_set_rights(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f = fd_get(w, a[0]);
    if (f == NULL)
        return -EBADF;
    if ((a[1] & ~f->rights) != 0 || (a[2] & ~f->inheriting) != 0)
        return -WASI_NOTCAPABLE;
    f->rights = a[1];
    f->inheriting = a[2];
    return 0;
}

static int need_preopen(struct wasi *w, uint64_t number, const struct mount **ret)
{
    struct fd *f = fd_get(w, number);
    if (f == NULL || !f->is_preopen)
        return -EBADF;
    *ret = &w->mounts[f->mount];
    return 0;
}

static struct str preopen_name(const struct mount *mount)
{
    return mount->real_len == 0 ? STR("/") : (struct str){mount->real, mount->real_len};
}

int call_fd_prestat_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    const struct mount *mount;
    uint8_t *out = guest_at(m, (uint32_t)a[1], 8);
    int r = need_preopen(w, a[0], &mount);
    if (r < 0)
        return r;
    if (out == NULL)
        return -EFAULT;
    memset(out, 0, 8); /* tag 0: a directory */
    put_u32(out + 4, (uint32_t)preopen_name(mount).len);
    return 0;
}

int call_fd_prestat_dir_name(struct wasi *w, struct wasi_memory m, wasi_args)
{
    const struct mount *mount;
    uint32_t len = (uint32_t)a[2];
    uint8_t *out = guest_at(m, (uint32_t)a[1], len);
    int r = need_preopen(w, a[0], &mount);
    if (r < 0)
        return r;
    if (out == NULL)
        return -EFAULT;
    struct str name = preopen_name(mount);
    if (len < name.len)
        return -ENAMETOOLONG;
    memcpy(out, name.at, name.len);
    return 0;
}

uint8_t filetype_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFBLK: return FT_BLOCK;
    case S_IFCHR: return FT_CHAR;
    case S_IFDIR: return FT_DIR;
    case S_IFREG: return FT_FILE;
    case S_IFSOCK: return FT_STREAM;
    case S_IFLNK: return FT_LINK;
    default: return FT_UNKNOWN;
    }
}
