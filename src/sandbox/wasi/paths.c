/* Calls that act on a name: make, remove, rename, link, read a link, look. Each resolves the folder first
 * and then touches one name in it without following; each change is refused, counted and logged before
 * its effect. */
#include "sandbox/wasi/inside.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>

/* The folder's number and the path of most calls. */
static int find(struct wasi *w, struct wasi_memory m, uint64_t number, uint64_t right, uint64_t at,
                uint64_t len, enum place_follow follow, const char *op, struct place *ret)
{
    char path[WASI_PATH_MAX + 1] not_cleared;
    struct fd *dir;
    int r = fd_need_dir(w, number, right, &dir);
    if (r == 0)
        r = guest_path(m, (uint32_t)at, (uint32_t)len, path);
    return r < 0 ? r : place_find(w, dir, path, follow, op, ret);
}

/* The quota, the line, the effect: shared by all that make a name. */
static int may_make(struct wasi *w, const struct place *p, const char *op)
{
    int r = p->is_self ? -EEXIST : place_may_change(w, p, op);
    if (r == -EEXIST && !w->mounts[p->mount].writable)
        r = place_may_change(w, p, op);
    if (r == 0 && quota_create(w) < 0)
        r = quota_note(w, HIT_CREATED, -EDQUOT);
    return r;
}

int call_path_create_directory(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place p not_cleared;
    int r = find(w, m, a[0], RIGHT_PATH_CREATE_DIRECTORY, a[1], a[2], PLACE_NAME, "mkdir", &p);
    if (r < 0)
        return r;
    r = may_make(w, &p, "mkdir");
    if (r == 0 && (place_look(&p) == 0 || stage_is_open(w, p.real)))
        r = -EEXIST;
    if (r == 0) {
        struct undo u;
        struct undo_what nothing = {.host_fd = -1};
        r = wasi_undo_begin(w, &u, WASI_TOUCH_MKDIR, p.real, NULL, &nothing);
        if (r == 0)
            r = os_fs_mkdir(p.dir_fd, p.name, 0777);
        r = undo_end(w, &u, r);
        w->use.created_files += r == 0;
    }
    place_done(&p);
    return r;
}

/* What a place that names a folder itself answers to a call that wants to take its name away. */
static int self_errno(const struct place *p, int plain)
{
    return p->is_mount ? -EBUSY : plain;
}

/* The object at the place is about to lose its name. */
static int remove_name(struct wasi *w, struct place *p, enum wasi_touch_op op)
{
    struct undo u;
    struct undo_what what = {.before = &p->st,
                             .dir_fd = p->dir_fd,
                             .name = p->name,
                             .host_fd = -1,
                             .may_move = op == WASI_TOUCH_DELETE};
    int r = wasi_undo_begin(w, &u, op, p->real, NULL, &what);
    if (r == 0 && u.is_moved)
        r = undo_move_away(w, &u, &what);
    else if (r == 0)
        r = op == WASI_TOUCH_RMDIR ? os_fs_rmdir(p->dir_fd, p->name)
                                   : os_fs_unlink(p->dir_fd, p->name);
    r = undo_end(w, &u, r);
    if (r == 0 && p->st.st_nlink <= 1)
        id_set_remove(&w->settled, file_id(&p->st)); /* the number may be given to another file */
    return r;
}

int call_path_unlink_file(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place p not_cleared;
    int r = find(w, m, a[0], RIGHT_PATH_UNLINK_FILE, a[1], a[2], PLACE_NAME, "unlink", &p);
    if (r < 0)
        return r;
    r = place_may_change(w, &p, "unlink");
    if (r == 0)
        r = p.is_self ? self_errno(&p, -EISDIR) : stage_settle(w, p.real);
    if (r == 0)
        r = place_look(&p);
    if (r == 0 && S_ISDIR(p.st.st_mode))
        r = -EISDIR;
    else if (r == 0 && p.want_dir)
        r = -ENOTDIR;
    if (r == 0)
        r = remove_name(w, &p, WASI_TOUCH_DELETE);
    place_done(&p);
    return r;
}

int call_path_remove_directory(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place p not_cleared;
    int r = find(w, m, a[0], RIGHT_PATH_REMOVE_DIRECTORY, a[1], a[2], PLACE_NAME, "rmdir", &p);
    if (r < 0)
        return r;
    r = place_may_change(w, &p, "rmdir");
    if (r == 0 && p.is_self)
        r = self_errno(&p, -EINVAL);
    if (r == 0)
        r = real_holds_mount(w, p.real) ? -EBUSY : stage_settle(w, p.real);
    if (r == 0)
        r = place_look(&p);
    if (r == 0 && !S_ISDIR(p.st.st_mode))
        r = -ENOTDIR;
    if (r == 0)
        r = remove_name(w, &p, WASI_TOUCH_RMDIR);
    place_done(&p);
    return r;
}

/* Does the text, read from the folder of the link, climb above its mount? Only programs of the host would
 * be led out by it (we resolve beneath the mount), and only by text: other links on the way are not
 * looked at, nor those in a folder that is moved. */
static bool climbs_out(const struct wasi *w, const struct place *p, const char *text)
{
    int depth = -1; /* the link's own name is no folder */
    for (const char *at = p->real + w->mounts[p->mount].real_len; *at != '\0'; at++)
        depth += *at == '/';
    while (*text != '\0') {
        size_t len = strcspn(text, "/");
        if (len == 2 && text[0] == '.' && text[1] == '.')
            depth--;
        else if (len > 0 && !(len == 1 && text[0] == '.'))
            depth++;
        if (depth < 0)
            return true;
        text += len;
        text += strspn(text, "/");
    }
    return false;
}

/* A link that stays inside where it is may lead out from its new place. One that leads out already, by someone of the
 * host, may be moved. */
static int link_may_move(struct wasi *w, const struct place *from, const struct place *to,
                         const char *op)
{
    char text[WASI_PATH_MAX + 1] not_cleared;
    if (!S_ISLNK(from->st.st_mode))
        return 0;
    ssize_t n = os_fs_readlink(from->dir_fd, from->name, text, WASI_PATH_MAX);
    if (n < 0)
        return (int)n;
    text[n] = '\0';
    if (text[0] == '/' || climbs_out(w, from, text) || !climbs_out(w, to, text))
        return 0;
    wasi_note_refusal(w, op, "", to->real, "its target would lie outside the mount");
    return -WASI_NOTCAPABLE;
}

/* --- rename --- */

/* What stands at the new name goes first in the log, with a line of its own. */
static int begin_replace(struct wasi *w, struct undo *u, struct place *to, const struct stat *from)
{
    *u = (struct undo){.n = -1, .image = -1, .is_quiet = true};
    int r = place_look(to);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    bool is_dir = S_ISDIR(to->st.st_mode);
    if (is_dir && !S_ISDIR(from->st_mode))
        return -EISDIR;
    if (!is_dir && S_ISDIR(from->st_mode))
        return -ENOTDIR;
    struct undo_what what = {
        .before = &to->st, .dir_fd = to->dir_fd, .name = to->name, .host_fd = -1};
    return wasi_undo_begin(w, u, is_dir ? WASI_TOUCH_RMDIR : WASI_TOUCH_DELETE, to->real, NULL,
                           &what);
}

static int rename_now(struct wasi *w, struct place *from, struct place *to)
{
    struct undo gone, moved = {.n = -1};
    int r = begin_replace(w, &gone, to, &from->st);
    if (r == 0) {
        struct undo_what nothing = {.host_fd = -1};
        r = wasi_undo_begin(w, &moved, WASI_TOUCH_RENAME, from->real, to->real, &nothing);
        if (r == 0) {
            char name_to[sizeof(to->name)];
            memcpy(name_to, place_slashed(to), sizeof(name_to));
            r = os_fs_rename(from->dir_fd, place_slashed(from), to->dir_fd, name_to, true);
        }
        r = undo_end(w, &moved, r);
    }
    r = undo_end(w, &gone, r);
    if (r == 0 && to->look == 0 && to->st.st_nlink <= 1)
        id_set_remove(&w->settled, file_id(&to->st));
    if (r == 0)
        fds_moved(w, from->real, to->real);
    return r;
}

static int rename_places(struct wasi *w, struct place *from, struct place *to)
{
    int r = place_may_change(w, from, "rename");
    if (r == 0)
        r = place_may_change(w, to, "rename");
    if (r < 0)
        return r;
    if (from->is_self || to->is_self || real_holds_mount(w, from->real) ||
        real_holds_mount(w, to->real))
        return -EBUSY;
    if (from->mount != to->mount)
        return -EXDEV;
    r = stage_settle(w, from->real);
    if (r == 0)
        r = stage_settle(w, to->real);
    if (r == 0)
        r = place_look(from);
    if (r < 0)
        return r;
    if (!S_ISDIR(from->st.st_mode) && (from->want_dir || to->want_dir))
        return -ENOTDIR;
    if (place_look(to) == 0 && file_id_eq(file_id(&from->st), file_id(&to->st)))
        return 0; /* two names of one object: both stay, as POSIX says */
    r = link_may_move(w, from, to, "rename");
    return r < 0 ? r : rename_now(w, from, to);
}

int call_path_rename(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place from not_cleared, to not_cleared;
    int r = find(w, m, a[0], RIGHT_PATH_RENAME_SOURCE, a[1], a[2], PLACE_NAME, "rename", &from);
    if (r < 0)
        return r;
    r = find(w, m, a[3], RIGHT_PATH_RENAME_TARGET, a[4], a[5], PLACE_NAME, "rename", &to);
    if (r == 0) {
        r = rename_places(w, &from, &to);
        place_done(&to);
    }
    place_done(&from);
    return r;
}

/* --- links --- */

static int link_places(struct wasi *w, struct place *from, struct place *to)
{
    int r = may_make(w, to, "link");
    if (r < 0)
        return r;
    /* Also when both mounts lie on one file system: a second name in a writable mount would let a
     * read-only one be written through. And a link to what is staged needs it to be there. */
    if (from->mount != to->mount)
        return -EXDEV;
    r = place_may_change(w, from, "link");
    if (r == 0 && !from->is_self)
        r = stage_settle(w, from->real);
    from->is_looked = false;
    if (r == 0)
        r = place_look(from);
    if (r == 0 && (place_look(to) == 0 || stage_is_open(w, to->real)))
        r = -EEXIST;
    if (r == 0 && to->want_dir)
        r = -ENOENT;
    if (r == 0 && S_ISDIR(from->st.st_mode))
        r = -EPERM;
    if (r == 0 && !S_ISREG(from->st.st_mode) && !S_ISLNK(from->st.st_mode)) {
        wasi_note_refusal(w, "link", "", from->real, "not a regular file or folder");
        r = -WASI_NOTCAPABLE;
    }
    if (r == 0)
        r = link_may_move(w, from, to, "link");
    if (r < 0)
        return r;
    struct undo u;
    struct undo_what nothing = {.host_fd = -1};
    r = wasi_undo_begin(w, &u, WASI_TOUCH_LINK, from->real, to->real, &nothing);
    if (r == 0)
        r = os_fs_link(from->dir_fd, from->name, to->dir_fd, to->name);
    r = undo_end(w, &u, r);
    w->use.created_files += r == 0;
    return r;
}

int call_path_link(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place from not_cleared, to not_cleared;
    uint32_t lookup = (uint32_t)a[1];
    if ((lookup & ~(uint32_t)LOOKUP_FOLLOW) != 0)
        return fd_get(w, a[0]) == NULL ? -EBADF : -EINVAL;
    enum place_follow follow = lookup != 0 ? PLACE_FOLLOW : PLACE_STAT;
    int r = find(w, m, a[0], RIGHT_PATH_LINK_SOURCE, a[2], a[3], follow, "link", &from);
    if (r < 0)
        return r;
    r = find(w, m, a[4], RIGHT_PATH_LINK_TARGET, a[5], a[6], PLACE_NAME, "link", &to);
    if (r == 0) {
        r = link_places(w, &from, &to);
        place_done(&to);
    }
    place_done(&from);
    return r;
}

static int symlink_place(struct wasi *w, struct place *p, const char *text)
{
    int r = may_make(w, p, "symlink");
    if (r < 0)
        return r;
    if (place_look(p) == 0)
        return p->want_dir && !S_ISDIR(p->st.st_mode) ? -ENOTDIR : -EEXIST;
    if (stage_is_open(w, p->real))
        return -EEXIST;
    if (p->look != -ENOENT || p->want_dir)
        return p->look;
    if (text[0] == '/' || climbs_out(w, p, text)) {
        wasi_note_refusal(w, "symlink", "", p->real, "its target would lie outside the mount");
        return -WASI_NOTCAPABLE;
    }
    struct undo u;
    struct undo_what nothing = {.host_fd = -1};
    r = wasi_undo_begin(w, &u, WASI_TOUCH_CREATE, p->real, NULL, &nothing);
    if (r == 0)
        r = os_fs_symlink(text, p->dir_fd, p->name);
    r = undo_end(w, &u, r);
    w->use.created_files += r == 0;
    return r;
}

int call_path_symlink(struct wasi *w, struct wasi_memory m, wasi_args)
{
    char text[WASI_PATH_MAX + 1] not_cleared;
    struct place p not_cleared;
    struct fd *dir;
    int r = fd_need_dir(w, a[2], RIGHT_PATH_SYMLINK, &dir);
    if (r == 0)
        r = guest_path(m, (uint32_t)a[0], (uint32_t)a[1], text);
    if (r == 0)
        r = find(w, m, a[2], RIGHT_PATH_SYMLINK, a[3], a[4], PLACE_NAME, "symlink", &p);
    if (r < 0)
        return r;
    r = symlink_place(w, &p, text);
    place_done(&p);
    return r;
}

int call_path_readlink(struct wasi *w, struct wasi_memory m, wasi_args)
{
    char text[WASI_PATH_MAX] not_cleared;
    struct place p not_cleared;
    uint32_t len = (uint32_t)a[4];
    uint8_t *out = guest_at(m, (uint32_t)a[3], len), *answer = guest_at(m, (uint32_t)a[5], 4);
    int r = find(w, m, a[0], RIGHT_PATH_READLINK, a[1], a[2], PLACE_STAT, "readlink", &p);
    if (r < 0)
        return r;
    ssize_t n = p.is_self ? -EINVAL : place_look(&p);
    if (n == 0 && !S_ISLNK(p.st.st_mode))
        n = -EINVAL;
    if (n == 0)
        n = out == NULL || answer == NULL ? -EFAULT
                                          : os_fs_readlink(p.dir_fd, p.name, text, sizeof(text));
    place_done(&p);
    if (n < 0 || out == NULL || answer == NULL)
        return (int)n;
    uint32_t used = (size_t)n < len ? (uint32_t)n : len;
    memcpy(out, text, used);
    put_u32(answer, used);
    return 0;
}

/* --- looking and times --- */

static enum place_follow follow_of(uint64_t lookup)
{
    return (lookup & LOOKUP_FOLLOW) != 0 ? PLACE_FOLLOW : PLACE_STAT;
}

int call_path_filestat_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place p not_cleared;
    uint8_t *out = guest_at(m, (uint32_t)a[4], 64);
    if (((uint32_t)a[1] & ~(uint32_t)LOOKUP_FOLLOW) != 0)
        return fd_get(w, a[0]) == NULL ? -EBADF : -EINVAL;
    int r = find(w, m, a[0], RIGHT_PATH_FILESTAT_GET, a[2], a[3], follow_of(a[1]), "stat", &p);
    if (r < 0)
        return r;
    r = place_look(&p);
    place_done(&p);
    if (r == 0 && out == NULL)
        r = -EFAULT;
    if (r == 0)
        stat_to_guest(out, &p.st);
    return r;
}

static int time_of(uint64_t ns, bool set, bool now, struct timespec *ret)
{
    if (set && now)
        return -EINVAL;
    *ret = (struct timespec){.tv_nsec = now ? UTIME_NOW : UTIME_OMIT};
    if (set)
        *ret = (struct timespec){.tv_sec = (time_t)(ns / (uint64_t)OS_NS_PER_S),
                                 .tv_nsec = (long)(ns % (uint64_t)OS_NS_PER_S)};
    return 0;
}

static int times_of(uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec ret[2])
{
    if ((flags & ~(uint32_t)FST_ALL) != 0)
        return -EINVAL;
    int r = time_of(atim, (flags & FST_ATIM) != 0, (flags & FST_ATIM_NOW) != 0, &ret[0]);
    return r < 0 ? r : time_of(mtim, (flags & FST_MTIM) != 0, (flags & FST_MTIM_NOW) != 0, &ret[1]);
}

int call_path_filestat_set_times(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct place p not_cleared;
    struct timespec times[2];
    if (((uint32_t)a[1] & ~(uint32_t)LOOKUP_FOLLOW) != 0)
        return fd_get(w, a[0]) == NULL ? -EBADF : -EINVAL;
    int r = find(w, m, a[0], RIGHT_PATH_FILESTAT_SET_TIMES, a[2], a[3], follow_of(a[1]),
                 "set_times", &p);
    if (r < 0)
        return r;
    r = place_look(&p);
    if (r == 0)
        r = place_may_change(w, &p, "set_times");
    if (r == 0)
        r = times_of(a[4], a[5], (uint32_t)a[6], times);
    if (r == 0)
        r = os_fs_set_times(p.dir_fd, p.name, times);
    place_done(&p);
    return r;
}

int call_fd_filestat_set_times(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f;
    struct timespec times[2];
    int r = fd_need(w, a[0], RIGHT_FD_FILESTAT_SET_TIMES, &f);
    if (r == 0)
        r = times_of(a[1], a[2], (uint32_t)a[3], times);
    if (r < 0)
        return r;
    if (f->kind != FD_DIR && f->kind != FD_FILE)
        return -EINVAL;
    if (!w->mounts[f->mount].writable) {
        const char *name = f->real == NULL ? "(an open file)" : f->real;
        wasi_note_refusal(w, "set_times", "", name[0] != '\0' ? name : "/", "read-only mount");
        return -EROFS;
    }
    return f->kind == FD_DIR ? os_fs_set_times(f->host, ".", times)
                             : os_fs_set_times_fd(f->host, times);
}
