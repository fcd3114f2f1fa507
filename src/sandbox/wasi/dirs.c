/* fd_readdir: entries in the kernel's order, each with the position behind it as its cookie. A window of
 * packed entries is kept, because guests ask again from the last whole entry that fitted their buffer.
 * A mount point beneath this folder is listed as the folder that the guest will find there, whether the
 * host has a folder of that name or not: those are listed at the end, their cookies have the top bit set
 * (the kernel's never do).
 * Each entry that is given whole counts against the quota, asked for again or not: a folder that is read from its start
 * over and over is work, too. */
#include "sandbox/wasi/inside.h"

#include "os/fd.h"
#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

enum { WINDOW = 8192, HEAD = 24 };
#define COOKIE_MOUNTS (UINT64_C(1) << 63)

struct dir_stream {
    int fd, own_fd;
    size_t len;     /* bytes of entries in the window */
    uint64_t first; /* cookie of the window's first entry */
    bool is_filled;
    _Alignas(8) char window[WINDOW];
};

void dir_stream_free(struct dir_stream *s)
{
    if (s == NULL)
        return;
    os_close(s->own_fd);
    free(s);
}

static int stream_open(struct fd *f)
{
    if (f->stream != NULL)
        return 0;
    struct dir_stream *s = malloc(sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->own_fd = -1;
    s->is_filled = false;
    s->len = 0;
    s->fd = f->host;
    if (f->is_preopen || !f->is_host_readable) {
        /* A folder that is lent to us has one position for all its users: take an own one. */
        s->fd = s->own_fd = os_open_at(f->host, ".", O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
        if (s->fd < 0) {
            int r = s->fd;
            free(s);
            return r;
        }
    }
    f->stream = s;
    return 0;
}

static int stream_fill(struct dir_stream *s)
{
    ssize_t n = os_fs_read_dir(s->fd, s->window, WINDOW);
    s->len = n > 0 ? (size_t)n : 0;
    return n < 0 ? (int)n : 0;
}

/* Places *ret_at at the entry behind the cookie. */
static int stream_find(struct dir_stream *s, uint64_t cookie, const char **ret_at)
{
    struct os_fs_entry entry;
    const char *at = s->window, *end = s->window + s->len;
    *ret_at = at;
    if (s->is_filled && cookie != 0) { /* from the start means: look again */
        if (cookie == s->first)
            return 0;
        while (os_fs_next_entry(&at, end, &entry)) {
            *ret_at = at;
            if (entry.next == cookie)
                return 0;
        }
    }
    int64_t where;
    int r = os_fs_seek(s->fd, (int64_t)cookie, SEEK_SET, &where);
    if (r == 0)
        r = stream_fill(s);
    s->first = cookie;
    s->is_filled = r == 0;
    *ret_at = s->window;
    return r;
}

struct out {
    uint8_t *at;
    size_t len, used;
    int64_t entries, entries_max; /* given whole in this call; what the quota leaves */
    bool is_over;                 /* there is an entry that the quota does not leave */
};

/* false when the buffer or the quota is full: the last entry may be cut, which tells the guest that there is more. */
static bool emit(struct out *o, uint64_t next, uint64_t ino, uint8_t type, const char *name,
                 size_t name_len)
{
    uint8_t head[HEAD] = {0};
    bool is_whole = o->len - o->used >=
                    HEAD + name_len; /* else it only fills the buffer and is asked for again */
    if (is_whole && o->entries == o->entries_max) {
        o->is_over = true;
        return false;
    }
    o->entries += is_whole;
    put_u64(head, next);
    put_u64(head + 8, ino);
    put_u32(head + 16, (uint32_t)name_len);
    put_u8(head + 20, type);
    size_t n = o->len - o->used < HEAD ? o->len - o->used : HEAD;
    memcpy(o->at + o->used, head, n);
    o->used += n;
    n = o->len - o->used < name_len ? o->len - o->used : name_len;
    memcpy(o->at + o->used, name, n);
    o->used += n;
    return o->used < o->len;
}

static uint8_t type_of(unsigned char dt)
{
    switch (dt) {
    case DT_BLK: return FT_BLOCK;
    case DT_CHR: return FT_CHAR;
    case DT_DIR: return FT_DIR;
    case DT_REG: return FT_FILE;
    case DT_LNK: return FT_LINK;
    case DT_SOCK: return FT_STREAM;
    default: return FT_UNKNOWN;
    }
}

static const struct mount *mount_named(const struct wasi *w, const char *real_dir, const char *name,
                                       size_t len)
{
    size_t dir_len = strlen(real_dir);
    for (size_t i = 0; i < w->mount_count; i++) {
        const struct mount *mount = &w->mounts[i];
        if (mount->real_len == dir_len + 1 + len && mount->real[dir_len] == '/' &&
            memcmp(mount->real, real_dir, dir_len) == 0 &&
            memcmp(mount->real + dir_len + 1, name, len) == 0)
            return mount;
    }
    return NULL;
}

static bool emit_entry(struct wasi *w, const struct fd *f, const struct os_fs_entry *e,
                       struct out *o)
{
    if (w->mounts[f->mount].has_inner && mount_named(w, f->real, e->name, e->name_len) != NULL)
        return true; /* hidden; the mount's own entry comes at the end */
    uint64_t ino = e->ino;
    struct stat st;
    /* What lies above a mount is not the guest's: its root is its own parent. */
    if (e->name_len == 2 && memcmp(e->name, "..", 2) == 0 &&
        strcmp(f->real, w->mounts[f->mount].real) == 0 && os_stat_fd(f->host, &st) == 0)
        ino = st.st_ino;
    return emit(o, e->next, ino, type_of(e->type), e->name, e->name_len);
}

static void emit_mounts(const struct wasi *w, const struct fd *f, uint64_t cookie, struct out *o)
{
    size_t dir_len = strlen(f->real);
    uint64_t first = (cookie & COOKIE_MOUNTS) != 0 ? cookie & ~COOKIE_MOUNTS : 0;
    for (uint64_t i = first; i < w->mount_count; i++) {
        const struct mount *mount = &w->mounts[i];
        struct stat st;
        if (mount->real_len <= dir_len + 1 || !real_is_beneath(mount->real, f->real) ||
            strchr(mount->real + dir_len + 1, '/') != NULL)
            continue;
        uint64_t ino = os_stat_fd(mount->dir_fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
        if (!emit(o, COOKIE_MOUNTS | (i + 1), ino, FT_DIR, mount->real + dir_len + 1,
                  mount->real_len - dir_len - 1))
            return;
    }
}

static int fill(struct wasi *w, struct fd *f, uint64_t cookie, struct out *o)
{
    if ((cookie & COOKIE_MOUNTS) == 0) {
        const char *at;
        struct os_fs_entry entry;
        int r = stream_find(f->stream, cookie, &at);
        if (r < 0)
            return r;
        while (f->stream->len > 0) {
            while (os_fs_next_entry(&at, f->stream->window + f->stream->len, &entry)) {
                cookie = entry.next;
                if (!emit_entry(w, f, &entry, o))
                    return 0;
            }
            r = wasi_stop_check(w);
            if (r == 0)
                r = stream_fill(f->stream);
            if (r < 0)
                return r;
            f->stream->first = cookie;
            at = f->stream->window;
        }
    }
    if (w->mounts[f->mount].has_inner)
        emit_mounts(w, f, cookie, o);
    return 0;
}

int call_fd_readdir(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    struct out o = {.len = (uint32_t)a[2],
                    .entries_max = w->config.quota.dir_entries - w->use.dir_entries};
    uint8_t *answer = guest_at(m, (uint32_t)a[4], 4);
    int r = fd_need_dir(w, a[0], RIGHT_FD_READDIR, &f);
    if (r < 0)
        return r;
    o.at = guest_at(m, (uint32_t)a[1], o.len);
    if (o.at == NULL || answer == NULL)
        return -EFAULT;
    r = stream_open(f);
    if (r == 0 && o.len > 0)
        r = fill(w, f, a[3], &o);
    w->use.dir_entries += o.entries;
    if (r < 0)
        return r;
    if (o.is_over) /* a short answer would say that the folder ends here */
        return quota_note(w, HIT_ENTRIES, -EDQUOT);
    put_u32(answer, (uint32_t)o.used);
    return 0;
}
