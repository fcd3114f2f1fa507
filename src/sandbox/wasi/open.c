/* path_open: from a path, flags and rights to an open file or folder of the guest. Only regular files and
 * folders are handed out, whatever the mounts hold; what may change something is looked at before it is
 * opened, so that refusal, quota, log and staging come before the effect. */
#include "sandbox/wasi/inside.h"

#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>

enum { TRIES = 8 };

struct opening {
    const char *path;
    struct fd *dir;
    enum place_follow follow;
    uint32_t oflags;
    uint16_t fdflags;
    uint64_t rights, inheriting;
    bool read, write; /* of bytes, by the rights asked for */
    int host_flags;   /* without access mode */
};

static int access_mode(bool read, bool write)
{
    return write ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
}

static int refuse_kind(struct wasi *w, const struct opening *o)
{
    wasi_note_refusal(w, "open", o->dir->real, o->path, "not a regular file or folder");
    return -WASI_NOTCAPABLE;
}

/* A file of proc, sys and the like is no data: /proc/self/mem is this program's own memory, and who writes it has left
 * the sandbox. They are refused wherever they are seen, also when they were mapped. Asked once per file system. */
static bool is_kernels(struct wasi *w, uint16_t in, const struct stat *st, int fd)
{
    struct mount *mount = &w->mounts[in];
    if (mount->is_plain_known && mount->plain_dev == (uint64_t)st->st_dev)
        return false;
    if (os_fs_is_kernels(fd))
        return true;
    mount->is_plain_known = true;
    mount->plain_dev = (uint64_t)st->st_dev;
    return false;
}

/* made becomes the open object: what the guest sees of it follows from what it is. */
static int take_object(struct wasi *w, const struct opening *o, int fd, const char *real,
                       uint16_t mount, struct fd *made)
{
    struct stat st;
    int r = os_stat_fd(fd, &st);
    if (r < 0)
        return r;
    bool is_dir = S_ISDIR(st.st_mode);
    if (!is_dir && !S_ISREG(st.st_mode))
        return refuse_kind(w, o);
    if (is_kernels(w, mount, &st, fd)) {
        wasi_note_refusal(w, "open", o->dir->real, o->path, "a file of the kernel");
        return -WASI_NOTCAPABLE;
    }
    if (made->real == NULL && (is_dir || o->write)) {
        made->real = strdup(real);
        if (made->real == NULL)
            return -ENOMEM;
    }
    made->kind = is_dir ? FD_DIR : FD_FILE;
    made->filetype = is_dir ? FT_DIR : FT_FILE;
    made->mount = mount;
    made->flags = o->fdflags;
    made->rights = o->rights & (is_dir ? RIGHTS_DIR : RIGHTS_FILE);
    made->inheriting = is_dir ? o->inheriting : 0;
    made->is_host_readable = is_dir;
    made->host = fd;
    made->end = -1;
    if (!is_dir && w->config.record_reads && o->read)
        wasi_note_touch(w, WASI_TOUCH_READ, real, NULL, -1);
    return 0;
}

static int take_or_close(struct wasi *w, const struct opening *o, int fd, const struct place *p,
                         struct fd *made)
{
    if (fd < 0)
        return fd == -ENXIO || fd == -ENODEV ? refuse_kind(w, o)
                                             : fd; /* a socket; a device without driver */
    int r = take_object(w, o, fd, p->real, p->mount, made);
    if (r < 0)
        os_close(fd);
    return r;
}

/* Nothing is written or made: one openat2 and one fstat when no link is on the path. */
static int open_to_read(struct wasi *w, const struct opening *o, struct fd *made)
{
    char real[WASI_REAL_MAX] not_cleared;
    int flags = o->host_flags | ((o->oflags & OFLAG_DIRECTORY) != 0 ? O_DIRECTORY : 0);
    int fd = path_open_plain(w, o->dir, o->path, flags, real);
    if (fd >= 0) {
        int r = take_object(w, o, fd, real, o->dir->mount, made);
        if (r < 0)
            os_close(fd);
        return r;
    }
    if (fd == -ENXIO || fd == -ENODEV)
        return refuse_kind(w, o);
    if (fd != -ELOOP && fd != -EXDEV && fd != -EAGAIN)
        return fd;
    struct place p not_cleared;
    int r = place_find(w, o->dir, o->path, o->follow, "open", &p);
    if (r < 0)
        return r;
    if (!p.is_self && place_look(&p) == 0 && S_ISLNK(p.st.st_mode))
        r = -ELOOP;
    else
        r = take_or_close(w, o, os_open_at(p.dir_fd, place_slashed(&p), flags, 0, OS_NO_LINKS), &p,
                          made);
    place_done(&p);
    return r;
}

/* --- with effects --- */

static int open_writable(struct wasi *w, const struct opening *o, const struct place *p)
{
    /* Its image is read through the same open file. */
    bool read = o->read || w->config.undo_fd >= 0;
    int fd =
        os_open_at(p->dir_fd, p->name, access_mode(read, true) | o->host_flags, 0, OS_NO_LINKS);
    if (fd == -EACCES && read && !o->read)
        fd = os_open_at(p->dir_fd, p->name, O_WRONLY | o->host_flags, 0, OS_NO_LINKS);
    return fd;
}

static int truncate_now(struct wasi *w, struct fd *made)
{
    struct stat st;
    int r = os_stat_fd(made->host, &st);
    if (r < 0 || st.st_size == 0)
        return r;
    r = undo_before_write(w, made);
    if (r == 0)
        r = os_fs_set_size(made->host, 0);
    w->truncations++;
    return r;
}

/* Staged instead of truncated. 0, 1 = not possible here, -errno. The file's own permission is asked for
 * by opening it: a rename over it would not ask. */
static int open_staged(struct wasi *w, const struct opening *o, const struct place *p,
                       struct fd *made)
{
    if (!w->config.atomic_writes || (o->oflags & OFLAG_TRUNC) == 0 || !o->write ||
        p->st.st_nlink != 1)
        return 1;
    auto_close int fd = os_open_at(p->dir_fd, p->name, O_WRONLY | o->host_flags, 0, OS_NO_LINKS);
    struct stat st;
    int r = fd < 0 ? fd : os_stat_fd(fd, &st);
    if (r < 0)
        return r;
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return 1;
    r = stage_begin(w, made, p, &st);
    return r == 0 ? take_object(w, o, made->host, p->real, p->mount, made) : r;
}

#define SIZE_RIGHTS (RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE)

/* Go's library asks for the right to set the size of every file that it opens to read: where nothing may change it gets the reading. */
static bool is_reader(const struct opening *o)
{
    return (o->rights & RIGHT_FD_READ) != 0 && (o->rights & RIGHT_FD_WRITE) == 0 &&
           (o->oflags & (OFLAG_CREAT | OFLAG_TRUNC)) == 0;
}

static int open_existing(struct wasi *w, const struct opening *o, const struct place *p,
                         struct fd *made)
{
    bool changes = o->write || (o->oflags & OFLAG_TRUNC) != 0;
    if ((o->oflags & OFLAG_CREAT) != 0 && (o->oflags & OFLAG_EXCL) != 0)
        return -EEXIST;
    if (p->is_self || S_ISDIR(p->st.st_mode))
        return -EISDIR;
    if (S_ISLNK(p->st.st_mode))
        return -ELOOP;
    if ((o->oflags & OFLAG_DIRECTORY) != 0 || p->want_dir)
        return -ENOTDIR;
    if (!S_ISREG(p->st.st_mode))
        return refuse_kind(w, o);
    if (changes && is_reader(o) && !w->mounts[p->mount].writable) {
        struct opening reading = *o;
        reading.rights &= ~SIZE_RIGHTS;
        reading.write = false;
        return take_or_close(
            w, &reading, os_open_at(p->dir_fd, p->name, o->host_flags, 0, OS_NO_LINKS), p, made);
    }
    if (!changes)
        return take_or_close(w, o, os_open_at(p->dir_fd, p->name, o->host_flags, 0, OS_NO_LINKS), p,
                             made);
    int r = place_may_change(w, p, "open");
    if (r == 0)
        r = open_staged(w, o, p, made);
    if (r != 1)
        return r;
    made->real = strdup(p->real);
    if (made->real == NULL)
        return -ENOMEM;
    r = take_or_close(w, o, open_writable(w, o, p), p, made);
    if (r < 0)
        return r;
    if (made->kind != FD_FILE)
        return -EISDIR;
    made->needs_image = true;
    return (o->oflags & OFLAG_TRUNC) != 0 ? truncate_now(w, made) : 0;
}

static int create_now(struct wasi *w, const struct opening *o, const struct place *p,
                      struct fd *made)
{
    struct undo u;
    struct stat st;
    struct undo_what nothing = {.host_fd = -1};
    int r = wasi_undo_begin(w, &u, WASI_TOUCH_CREATE, p->real, NULL, &nothing);
    int flags = access_mode(o->read, o->write) | o->host_flags | O_CREAT | O_EXCL;
    int fd = r < 0 ? r : os_open_at(p->dir_fd, p->name, flags, 0666, OS_NO_LINKS);
    r = undo_end(w, &u, fd < 0 ? fd : 0);
    if (r < 0)
        return r;
    w->use.created_files++;
    if (os_stat_fd(fd, &st) == 0)
        r = id_set_add(&w->settled, file_id(&st), -1);
    if (r < 0) {
        os_close(fd);
        return r;
    }
    return take_or_close(w, o, fd, p, made);
}

static int open_new(struct wasi *w, const struct opening *o, const struct place *p, struct fd *made)
{
    if ((o->oflags & OFLAG_CREAT) == 0)
        return p->look;
    if (p->want_dir)
        return -EISDIR;
    int r = place_may_change(w, p, "open");
    if (r < 0)
        return r;
    if ((o->oflags & OFLAG_EXCL) != 0 && stage_is_open(w, p->real))
        return -EEXIST;
    if (quota_create(w) < 0)
        return quota_note(w, HIT_CREATED, -EDQUOT);
    if (w->config.atomic_writes && o->write && !o->read && (o->fdflags & FDFLAG_APPEND) == 0) {
        r = stage_begin(w, made, p, NULL);
        if (r == 0)
            w->use.created_files++;
        if (r != 1)
            return r < 0 ? r : take_object(w, o, made->host, p->real, p->mount, made);
    }
    return create_now(w, o, p, made);
}

static int open_to_change(struct wasi *w, const struct opening *o, struct fd *made)
{
    struct place p not_cleared;
    int r = -EAGAIN;
    /* Someone else may make or remove the name between look and open: look again, not for ever. */
    for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
        r = place_find(w, o->dir, o->path, o->follow, "open", &p);
        if (r < 0)
            return r;
        r = place_look(&p);
        if (r == 0) {
            r = open_existing(w, o, &p, made);
            if (r == -ENOENT && (o->oflags & OFLAG_CREAT) != 0)
                r = -EAGAIN;
        } else if (r == -ENOENT) {
            r = open_new(w, o, &p, made);
            if (r == -EEXIST && (o->oflags & OFLAG_EXCL) == 0)
                r = -EAGAIN;
        }
        place_done(&p);
    }
    return r;
}

/* --- the call --- */

static int host_flags_of(uint16_t fdflags)
{
    int flags =
        O_NONBLOCK | O_NOCTTY; /* a pipe or device must not hold us up before its kind is seen */
    if ((fdflags & FDFLAG_DSYNC) != 0)
        flags |= O_DSYNC;
    if ((fdflags & (FDFLAG_RSYNC | FDFLAG_SYNC)) != 0)
        flags |= O_SYNC;
    return flags;
}

static int check_opening(struct opening *o, uint32_t lookup, uint32_t fdflags)
{
    if ((lookup & ~(uint32_t)LOOKUP_FOLLOW) != 0 || (o->oflags & ~(uint32_t)OFLAGS_ALL) != 0 ||
        (fdflags & ~(uint32_t)FDFLAGS_ALL) != 0)
        return -EINVAL;
    if ((o->oflags & OFLAG_DIRECTORY) != 0 && (o->oflags & OFLAG_CREAT) != 0)
        return -EINVAL;
    uint64_t need = RIGHT_PATH_OPEN;
    if ((o->oflags & OFLAG_CREAT) != 0)
        need |= RIGHT_PATH_CREATE_FILE;
    if ((o->oflags & OFLAG_TRUNC) != 0)
        need |= RIGHT_PATH_FILESTAT_SET_SIZE;
    if ((o->dir->rights & need) != need)
        return -WASI_NOTCAPABLE;
    /* What is asked for must be allowed to be handed on, bit by bit. */
    if (((o->rights | o->inheriting) & RIGHTS_ALL & ~o->dir->inheriting) != 0)
        return -WASI_NOTCAPABLE;
    o->rights &= RIGHTS_ALL;
    o->inheriting &= RIGHTS_ALL;
    o->read = (o->rights & (RIGHT_FD_READ | RIGHT_FD_READDIR)) != 0;
    /* Whoever insists on a folder and asks for all rights but writing does not mean to write. */
    uint64_t writing = RIGHT_FD_WRITE;
    if ((o->oflags & OFLAG_DIRECTORY) == 0)
        writing |= RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE;
    o->write = (o->rights & writing) != 0;
    bool is_exclusive = (o->oflags & OFLAG_CREAT) != 0 && (o->oflags & OFLAG_EXCL) != 0;
    o->follow = is_exclusive                    ? PLACE_NAME
                : (lookup & LOOKUP_FOLLOW) != 0 ? PLACE_FOLLOW
                                                : PLACE_STAT;
    o->fdflags = (uint16_t)fdflags;
    o->host_flags = host_flags_of(o->fdflags);
    return 0;
}

int call_path_open(struct wasi *w, struct wasi_memory m, wasi_args)
{
    char path[WASI_PATH_MAX + 1] not_cleared;
    struct opening o = {.path = path, .oflags = (uint32_t)a[4], .rights = a[5], .inheriting = a[6]};
    struct fd made = {.host = -1};
    uint32_t number;
    uint8_t *answer = guest_at(m, (uint32_t)a[8], 4);
    int r = fd_need_dir(w, a[0], RIGHT_PATH_OPEN, &o.dir);
    if (r == 0)
        r = check_opening(&o, (uint32_t)a[1], (uint32_t)a[7]);
    if (r == 0)
        r = answer == NULL ? -EFAULT : guest_path(m, (uint32_t)a[2], (uint32_t)a[3], path);
    if (r == 0)
        r = fd_reserve(w, &number);
    if (r < 0)
        return r;
    o.dir = fd_get(w, a[0]); /* the table may have moved */
    must(o.dir != NULL);
    bool changes = o.write || (o.oflags & (OFLAG_CREAT | OFLAG_TRUNC)) != 0;
    r = changes ? open_to_change(w, &o, &made) : open_to_read(w, &o, &made);
    if (r < 0) {
        if (made.stage != NULL)
            stage_drop(w, &made);
        os_close(made.host);
        free(made.real);
        return r;
    }
    *fd_put(w, number) = made;
    put_u32(answer, number);
    return 0;
}
