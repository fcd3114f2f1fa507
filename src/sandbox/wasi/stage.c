/* Staged writes: a file that is written whole lands whole. The bytes go to a file that the workspace does not see; when the guest
 * closes it, it takes the target's mode and then its name in one step, so that other readers see the old or the new, also
 * after kill -9, which leaves no name behind in the workspace:
 *     a new name        a nameless file in the folder of the target, linkat()
 *     an old name       a file in the undo folder (outside the workspace), rename() over the target
 * In a worker with mounts of its own the undo folder and the target are two mounts, between which no name goes: then
 * config.land has it done by somebody for whom they are one. Kernels that give no name to a nameless file: its bytes are copied
 * to a file in the undo folder, and that lands. When nothing is left (no undo folder, another file system, several hard
 * links or an owner to keep) the file is written in place after its before-image was saved: 1 from stage_begin(), or
 * rewrite() at the landing. Such a file can be seen half-written (docs/undo.md). */
#include "sandbox/wasi/inside.h"

#include "os/fd.h"
#include "os/file.h"
#include "os/random.h"

#include <fcntl.h>
#include <stdio.h>

enum { STAGE_NAME = 32, COPY_PART = 4 << 20, TRIES = 4 };

struct stage {
    int dir_fd;      /* own */
    uint64_t number; /* random: earlier runs may have left others there */
    bool is_named;   /* it has the name stage-<number> in the undo folder */
    bool had_before;
    int spoiled; /* 0, or -errno of the write that the host failed: never lands */
    mode_t mode; /* of what stood there at the opening */
    char name[256];
};

static void stage_name(const struct stage *s, char ret[STAGE_NAME])
{
    (void)snprintf(ret, STAGE_NAME, "stage-%016llx", (unsigned long long)s->number);
}

/* Is the undo folder a private place on the file system of the target? */
static bool has_private_place(struct wasi *w, uint64_t dev)
{
    struct stat st;
    if (w->config.undo_fd < 0)
        return false;
    if (!w->is_undo_dev_known) {
        if (os_stat_fd(w->config.undo_fd, &st) < 0)
            return false;
        w->undo_dev = (uint64_t)st.st_dev;
        w->is_undo_dev_known = true;
    }
    return w->undo_dev == dev;
}

/* In the undo folder, under a name. */
static int open_named(const struct wasi *w, struct stage *s)
{
    char name[STAGE_NAME];
    stage_name(s, name);
    int fd = os_open_at(w->config.undo_fd, name, O_CREAT | O_EXCL | O_RDWR, 0666, OS_NO_LINKS);
    s->is_named = fd >= 0;
    return fd;
}

static int open_stage(struct wasi *w, struct stage *s, const struct place *p, bool is_new,
                      uint64_t dev)
{
    int fd = -1;
    if (is_new && !w->cannot_link)
        fd = os_open_at(p->dir_fd, ".", O_TMPFILE | O_RDWR, 0666, OS_NO_LINKS);
    return fd >= 0 || !has_private_place(w, dev) ? fd : open_named(w, s);
}

int stage_begin(struct wasi *w, struct fd *f, const struct place *p, const struct stat *before)
{
    struct stat dir;
    if (w->cannot_stage || os_stat_fd(p->dir_fd, &dir) < 0)
        return 1;
    if (before != NULL && !has_private_place(w, (uint64_t)before->st_dev))
        return 1;
    auto_free struct stage *s = calloc(1, sizeof(*s));
    auto_free char *real = strdup(p->real);
    if (s == NULL || real == NULL)
        return -ENOMEM;
    os_random(&s->number, sizeof(s->number));
    auto_close int fd = open_stage(w, s, p, before == NULL, (uint64_t)dir.st_dev);
    if (fd < 0)
        return 1;
    /* The jail changes no owners: a file of someone else stays theirs by being written in place. */
    struct stat st;
    bool is_alike = before == NULL || (os_stat_fd(fd, &st) == 0 && st.st_uid == before->st_uid &&
                                       st.st_gid == before->st_gid);
    if (!is_alike) {
        char named[STAGE_NAME];
        stage_name(s, named);
        if (s->is_named)
            (void)!os_fs_unlink(w->config.undo_fd, named);
        return 1;
    }
    s->dir_fd = os_open_at(p->dir_fd, ".", O_PATH | O_DIRECTORY, 0, OS_NO_LINKS);
    if (s->dir_fd < 0)
        return 1;
    memcpy(s->name, p->name, strlen(p->name) + 1);
    if (before != NULL) {
        s->had_before = true;
        s->mode = before->st_mode & 0777;
    }
    f->host = take_fd(&fd);
    f->stage = take(s);
    f->real = take(real);
    w->stages_open++;
    return 0;
}

void stage_drop(struct wasi *w, struct fd *f)
{
    char name[STAGE_NAME];
    struct stage *s = f->stage;
    if (s == NULL)
        return;
    stage_name(s, name);
    if (s->is_named)
        (void)!os_fs_unlink(w->config.undo_fd, name);
    os_close(s->dir_fd);
    free(s);
    f->stage = NULL;
    w->stages_open--;
}

/* The mode of what is replaced; set-id bits are not carried over to new content. */
static int take_mode(int fd, mode_t mode)
{
    struct stat st;
    int r = os_stat_fd(fd, &st);
    if (r < 0)
        return r;
    return (st.st_mode & 0777) == (mode & 0777) ? 0 : os_fs_chmod(fd, mode & 0777);
}

/* All bytes of from into to, which then has their length. */
static int copy_all(int from, int to)
{
    int64_t at = 0;
    ssize_t n;
    struct stat st;
    int r = os_stat_fd(from, &st);
    if (r < 0)
        return r;
    do /* no look for more behind the end: until the size is set, the target is neither old nor new */
        n = os_fs_copy_part(from, to, &at, COPY_PART);
    while (n > 0 && at < st.st_size);
    return n < 0 ? (int)n : os_fs_set_size(to, at);
}

/* The last resort: not in one step, but the before-image is saved and the log says so. */
static int rewrite(struct fd *f, const struct stat *before)
{
    struct stage *s = f->stage;
    int how = before == NULL ? O_CREAT | O_EXCL : 0;
    auto_close int fd =
        os_open_at(s->dir_fd, s->name, O_RDWR | O_NONBLOCK | O_NOCTTY | how, 0666, OS_NO_LINKS);
    struct stat st;
    if (fd < 0)
        return fd;
    int r = os_stat_fd(fd, &st);
    if (r == 0 && before != NULL && !file_id_eq(file_id(&st), file_id(before)))
        r = -EAGAIN;
    if (r == 0)
        r = copy_all(f->host, fd);
    if (r < 0)
        return r;
    os_close(f->host);
    f->host = take_fd(&fd);
    return 0;
}

/* A nameless file gets its name in the undo folder, or becomes one that has it. */
static int get_named(struct wasi *w, struct fd *f)
{
    struct stage *s = f->stage;
    struct stat st, dir;
    char name[STAGE_NAME];
    if (s->is_named)
        return 0;
    int r = os_stat_fd(f->host, &st);
    if (r == 0)
        r = os_stat_fd(s->dir_fd, &dir);
    if (r < 0)
        return r;
    if (!has_private_place(w, (uint64_t)dir.st_dev))
        return -EXDEV;
    stage_name(s, name);
    s->is_named = os_fs_link_fd(f->host, w->config.undo_fd, name) == 0;
    if (s->is_named)
        return 0;
    auto_close int fd = open_named(w, s);
    if (fd < 0)
        return fd;
    r = copy_all(f->host, fd);
    if (r == 0)
        r = take_mode(fd, st.st_mode);
    if (r < 0)
        return r;
    os_close(f->host);
    f->host = take_fd(&fd);
    return 0;
}

/* From the undo folder to its name, in one step. */
static int move_to_name(struct wasi *w, struct fd *f, bool is_new)
{
    struct stage *s = f->stage;
    struct stat dir;
    char name[STAGE_NAME];
    stage_name(s, name);
    int r = get_named(w, f);
    if (r == 0)
        r = os_fs_rename(w->config.undo_fd, name, s->dir_fd, s->name, !is_new);
    if (r == -EXDEV && s->is_named && w->config.land != NULL && os_stat_fd(s->dir_fd, &dir) == 0) {
        const struct wasi_landing what = {.stage = name,
                                          .path = f->real,
                                          .folder_device = (uint64_t)dir.st_dev,
                                          .folder_inode = (uint64_t)dir.st_ino,
                                          .is_new = is_new};
        r = w->config.land(&what, w->config.arg);
    }
    if (r == 0)
        s->is_named = false;
    return r;
}

/* A cancel is no reason to try in another way. */
static int replace(struct wasi *w, struct fd *f, const struct stat *before)
{
    int r = move_to_name(w, f, false);
    if (r == 0 || r == -ECANCELED)
        return r;
    w->cannot_stage = true;
    return rewrite(f, before);
}

static int give_new_name(struct wasi *w, struct fd *f)
{
    struct stage *s = f->stage;
    int r = -EXDEV;
    if (!s->is_named) {
        r = os_fs_link_fd(f->host, s->dir_fd, s->name);
        w->cannot_link |= r < 0 && r != -EEXIST;
    }
    if (r < 0 && r != -EEXIST)
        r = move_to_name(w, f, true);
    return r < 0 && r != -EEXIST && r != -ECANCELED ? rewrite(f, NULL) : r;
}

/* One try: the target is what it is now. -EAGAIN: it changed under our hands. */
static int land_once(struct wasi *w, struct fd *f)
{
    struct stage *s = f->stage;
    struct stat now;
    struct undo u;
    int r = os_stat_at(s->dir_fd, s->name, &now);
    if (r < 0 && r != -ENOENT)
        return r;
    bool is_new = r == -ENOENT;
    if (!is_new && !S_ISREG(now.st_mode))
        return S_ISDIR(now.st_mode) ? -EISDIR : -EEXIST;
    if (is_new)
        r = s->had_before ? take_mode(f->host, s->mode) : 0;
    else
        r = take_mode(f->host, now.st_mode);
    if (r < 0)
        return r;
    struct undo_what what = {
        .before = is_new ? NULL : &now, .dir_fd = s->dir_fd, .name = s->name, .host_fd = -1};
    r = wasi_undo_begin(w, &u, is_new ? WASI_TOUCH_CREATE : WASI_TOUCH_WRITE, f->real, NULL, &what);
    if (r == 0)
        r = is_new ? give_new_name(w, f) : replace(w, f, &now);
    r = undo_end(w, &u, r);
    return r == -EEXIST ? -EAGAIN : r;
}

void stage_spoil(struct fd *f, int error)
{
    if (f->stage != NULL && f->stage->spoiled == 0)
        f->stage->spoiled = error;
}

int stage_land(struct wasi *w, struct fd *f)
{
    struct stat st;
    int r = f->stage->spoiled != 0 ? f->stage->spoiled : -EAGAIN;
    for (int i = 0; i < TRIES && r == -EAGAIN; i++)
        r = land_once(w, f);
    if (r == 0 && os_stat_fd(f->host, &st) == 0)
        r = id_set_add(&w->settled, file_id(&st), -1);
    if (r < 0)
        wasi_note_refusal(w, "write", "", f->real, "the finished write could not take its name");
    stage_drop(w, f);
    return r;
}

int stage_settle(struct wasi *w, const char *real)
{
    for (uint32_t i = 0; w->stages_open > 0 && i < w->fd_cap; i++) {
        struct fd *f = &w->fds[i];
        if (f->kind == FD_FREE || f->stage == NULL || !real_is_beneath(f->real, real))
            continue;
        int r = stage_land(w, f);
        if (r < 0)
            return r;
    }
    return 0;
}

bool stage_is_open(const struct wasi *w, const char *real)
{
    for (uint32_t i = 0; w->stages_open > 0 && i < w->fd_cap; i++)
        if (w->fds[i].kind != FD_FREE && w->fds[i].stage != NULL &&
            strcmp(w->fds[i].real, real) == 0)
            return true;
    return false;
}
