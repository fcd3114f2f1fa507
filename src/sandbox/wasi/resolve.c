/* From a guest's path to the place it names: an open directory and one component in it. Nothing outside
 * the mounts is ever reached, also while someone renames and relinks the same folders.
 *
 * The quick way: no link on the path. The kernel resolves the folder part in one openat2 with BENEATH,
 * NO_MAGICLINKS and NO_SYMLINKS, and the real name is the path, cleaned as text.
 * The long way, when it meets a link or when the path may enter another mount: component by component.
 * Each step opens one name, without following, in a directory that is held open; the text of a link is
 * put in front of what is still to do; ".." is taken back on the real name and that is opened again from
 * the start, never as the kernel's "..". So a step can only go down, or to a folder that was passed.
 *
 * Nested mounts. A mount at /lib hides what the mount around it has there. The real name decides: a step
 * whose real name is a mount point goes to that mount. A hidden folder could have a second name (a file
 * system that folds case): so each folder passed is also compared with the hidden ones by device and
 * inode. The quick way is taken only when the path cannot enter a mount, even with case folded. A mount
 * point and the folders above it cannot be renamed or removed by the guest (EBUSY), so that a real name
 * kept with an open folder stays true. What the host's own people rename meanwhile changes names, but
 * never what a held directory contains. Hard links are the host's business: a file that has a name in two
 * mounts is the same file in both. */
#include "sandbox/wasi/inside.h"

#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>

enum { LINKS_MAX = 40, STEPS_MAX = 8192, TODO_MAX = 2 * WASI_PATH_MAX };

static const char OUTSIDE[] = "outside the mounts";

int guest_path(struct wasi_memory m, uint32_t at, uint32_t len, char *ret_path)
{
    if (len > WASI_PATH_MAX)
        return -ENAMETOOLONG;
    const uint8_t *from = guest_at(m, at, len);
    if (from == NULL)
        return -EFAULT;
    if (len == 0)
        return -ENOENT;
    memcpy(ret_path, from, len);
    ret_path[len] = '\0';
    if (memchr(ret_path, '\0', len) != NULL)
        return -EINVAL;
    return utf8_valid((struct str){ret_path, len}) ? 0 : -EILSEQ;
}

/* --- real names as text --- */

bool real_is_beneath(const char *real, const char *top)
{
    size_t len = strlen(top);
    return strncmp(real, top, len) == 0 && (real[len] == '\0' || real[len] == '/');
}

bool real_holds_mount(const struct wasi *w, const char *real)
{
    for (size_t i = 0; i < w->mount_count; i++)
        if (real_is_beneath(w->mounts[i].real, real))
            return true;
    return false;
}

void fds_moved(struct wasi *w, const char *from, const char *to)
{
    size_t from_len = strlen(from), to_len = strlen(to);
    for (uint32_t i = 0; i < w->fd_cap; i++) {
        struct fd *f = &w->fds[i];
        if (f->kind == FD_FREE || f->real == NULL || f->is_preopen ||
            !real_is_beneath(f->real, from))
            continue;
        size_t rest = strlen(f->real) - from_len;
        char *moved = to_len + rest < WASI_REAL_MAX ? malloc(to_len + rest + 1) : NULL;
        if (moved == NULL)
            continue; /* keeps its old name: names in the log may be stale, reach is not changed */
        memcpy(moved, to, to_len);
        memcpy(moved + to_len, f->real + from_len, rest + 1);
        free(f->real);
        f->real = moved;
    }
}

/* real + "/" + name, in place. */
static int real_push(char *real, const char *name, size_t name_len)
{
    size_t len = strlen(real);
    if (len + 1 + name_len >= WASI_REAL_MAX)
        return -ENAMETOOLONG;
    real[len] = '/';
    memcpy(real + len + 1, name, name_len);
    real[len + 1 + name_len] = '\0';
    return 0;
}

static void real_pop(char *real)
{
    char *slash = strrchr(real, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Cuts the next component off *at; false when there is none. *ret_more: a further component follows. */
static bool next_component(const char **at, struct str *ret, bool *ret_slash, bool *ret_more)
{
    const char *p = *at + strspn(*at, "/");
    ret->at = p;
    ret->len = strcspn(p, "/");
    p += ret->len;
    *ret_slash = *p == '/';
    p += strspn(p, "/");
    *ret_more = *p != '\0';
    *at = p;
    return ret->len > 0;
}

/* The cleaned path behind base, as if no link were on it. 0, 1 = climbs above base, -errno. */
static int real_clean(const char *base, const char *path, char *ret_real)
{
    size_t base_len = strlen(base);
    struct str c;
    bool slash, more;
    memcpy(ret_real, base, base_len + 1);
    while (next_component(&path, &c, &slash, &more)) {
        if (str_eq(c, STR(".")))
            continue;
        if (str_eq(c, STR(".."))) {
            if (strlen(ret_real) == base_len)
                return 1;
            real_pop(ret_real);
            continue;
        }
        int r = real_push(ret_real, c.at, c.len);
        if (r < 0)
            return r;
    }
    return 0;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Could the path, taken from this folder, enter a mount beneath it? A "yes" costs time only. */
static bool may_enter_mount(const struct wasi *w, const struct fd *dir, const char *path,
                            const char *real)
{
    if (!w->mounts[dir->mount].has_inner)
        return false;
    if (strstr(path, "..") != NULL)
        return true;
    for (const char *p = path; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            return true;
    for (size_t i = 0; i < w->mount_count; i++) {
        const struct mount *mount = &w->mounts[i];
        size_t k = 0;
        if (mount->real_len <= w->mounts[dir->mount].real_len)
            continue;
        while (k < mount->real_len && fold(mount->real[k]) == fold(real[k]))
            k++;
        if (k == mount->real_len && (real[k] == '\0' || real[k] == '/'))
            return true;
    }
    return false;
}

/* --- the quick way --- */

int path_open_plain(struct wasi *w, const struct fd *dir, const char *path, int flags,
                    char *ret_real)
{
    if (path[0] == '/' || real_clean(dir->real, path, ret_real) != 0 ||
        may_enter_mount(w, dir, path, ret_real))
        return -EXDEV;
    return os_open_at(dir->host, path, flags, 0, OS_NO_LINKS);
}

int place_look(struct place *p)
{
    if (!p->is_looked) {
        p->look =
            p->is_self ? os_stat_fd(p->dir_fd, &p->st) : os_stat_at(p->dir_fd, p->name, &p->st);
        p->is_looked = true;
    }
    return p->look;
}

void place_done(struct place *p)
{
    os_close(p->own_fd);
    p->own_fd = -1;
}

const char *place_slashed(struct place *p)
{
    size_t len = strlen(p->name);
    if (p->want_dir && !p->is_self && p->name[len - 1] != '/') {
        p->name[len] = '/';
        p->name[len + 1] = '\0';
    }
    return p->name;
}

static void place_own(struct place *p, int fd)
{
    os_close(p->own_fd);
    p->dir_fd = p->own_fd = fd;
}

static void place_borrow(struct place *p, int fd)
{
    os_close(p->own_fd);
    p->own_fd = -1;
    p->dir_fd = fd;
}

static void place_self(struct wasi *w, struct place *p)
{
    p->is_self = true;
    p->name[0] = '.';
    p->name[1] = '\0';
    p->is_mount = strcmp(p->real, w->mounts[p->mount].real) == 0;
}

static int place_name(struct place *p, struct str name)
{
    if (name.len > 255)
        return -ENAMETOOLONG;
    memcpy(p->name, name.at, name.len);
    p->name[name.len] = '\0';
    return real_push(p->real, name.at, name.len);
}

enum { TAKE_LONG_WAY = 1 };

/* 0, TAKE_LONG_WAY, -errno. */
static int find_plain(struct wasi *w, const struct fd *dir, const char *path,
                      enum place_follow follow, struct place *p)
{
    char folder[WASI_PATH_MAX + 1] not_cleared;
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    struct str last = {path + start, end - start};
    bool is_dots = str_eq(last, STR(".")) || str_eq(last, STR(".."));
    p->want_dir = path[end] == '/';
    memcpy(folder, path, is_dots ? end : start);
    folder[is_dots ? end : start] = '\0';
    int r = real_clean(dir->real, folder, p->real);
    if (r != 0)
        return r < 0 ? r : TAKE_LONG_WAY;
    if (folder[0] != '\0') {
        int fd = os_open_at(dir->host, folder, O_PATH | O_DIRECTORY, 0, OS_NO_LINKS);
        if (fd < 0)
            return fd == -ELOOP || fd == -EXDEV || fd == -EAGAIN ? TAKE_LONG_WAY : fd;
        place_own(p, fd);
    }
    if (is_dots) {
        place_self(w, p);
        return 0;
    }
    r = place_name(p, last);
    if (r < 0 || follow == PLACE_NAME)
        return r;
    r = place_look(p);
    if (r == 0 && S_ISLNK(p->st.st_mode))
        return follow == PLACE_FOLLOW || p->want_dir ? TAKE_LONG_WAY : 0;
    return r == 0 && p->want_dir && !S_ISDIR(p->st.st_mode) ? -ENOTDIR : 0;
}

/* --- the long way --- */

static uint16_t mount_of(const struct wasi *w, const char *real)
{
    size_t best = w->mount_count;
    for (size_t i = 0; i < w->mount_count; i++)
        if (real_is_beneath(real, w->mounts[i].real) &&
            (best == w->mount_count || w->mounts[i].real_len > w->mounts[best].real_len))
            best = i;
    must(best < w->mount_count);
    return (uint16_t)best;
}

static bool mount_at(const struct wasi *w, const char *real, uint16_t *ret)
{
    for (size_t i = 0; i < w->mount_count; i++)
        if (strcmp(w->mounts[i].real, real) == 0) {
            *ret = (uint16_t)i;
            return true;
        }
    return false;
}

/* The folder that a mount hides in the mount around it, found once. */
static void find_shadow(struct wasi *w, struct mount *mount)
{
    char above[WASI_REAL_MAX];
    struct stat st;
    mount->is_shadow_known = true;
    memcpy(above, mount->real, mount->real_len + 1);
    real_pop(above);
    bool has_outer = false;
    for (size_t i = 0; i < w->mount_count; i++)
        has_outer |= real_is_beneath(above, w->mounts[i].real);
    if (!has_outer)
        return;
    const struct mount *outer = &w->mounts[mount_of(w, above)];
    auto_close int fd = os_open_at(outer->dir_fd, mount->real + outer->real_len + 1,
                                   O_PATH | O_DIRECTORY, 0, OS_NO_LINKS);
    if (fd < 0 || os_stat_fd(fd, &st) < 0)
        return;
    mount->has_shadow = true;
    mount->shadow = file_id(&st);
}

static bool is_hidden(struct wasi *w, uint16_t in, const struct stat *st, uint16_t *ret_mount)
{
    if (!w->mounts[in].has_inner)
        return false;
    for (size_t i = 0; i < w->mount_count; i++) {
        struct mount *mount = &w->mounts[i];
        if (i == in || mount->real_len <= w->mounts[in].real_len ||
            !real_is_beneath(mount->real, w->mounts[in].real))
            continue;
        if (!mount->is_shadow_known)
            find_shadow(w, mount);
        if (mount->has_shadow && file_id_eq(mount->shadow, file_id(st))) {
            *ret_mount = (uint16_t)i;
            return true;
        }
    }
    return false;
}

struct walk {
    struct wasi *w;
    const struct fd *start;
    const char *path, *op;
    struct place *p; /* p->dir_fd, p->real and p->mount: where the walk stands */
    int links;
    char todo[TODO_MAX + 1];
};

static int outside(struct walk *k)
{
    wasi_note_refusal(k->w, k->op, k->start->real, k->path, OUTSIDE);
    return -WASI_NOTCAPABLE;
}

static void enter_mount(struct walk *k, uint16_t mount)
{
    const struct mount *to = &k->w->mounts[mount];
    k->p->mount = mount;
    memcpy(k->p->real, to->real, to->real_len + 1);
    place_borrow(k->p, to->dir_fd);
}

/* "..": the real name loses its last part and is opened again from above. */
static int step_up(struct walk *k)
{
    struct place *p = k->p;
    if (strcmp(p->real, k->start->real) == 0)
        return outside(k);
    real_pop(p->real);
    if (!real_is_beneath(p->real, k->start->real)) /* came here by a hidden folder's second name */
        return outside(k);
    p->mount = mount_of(k->w, p->real);
    const struct mount *mount = &k->w->mounts[p->mount];
    int base = mount->dir_fd;
    size_t skip = mount->real_len;
    if (p->mount == k->start->mount) {
        base = k->start->host;
        skip = strlen(k->start->real);
    }
    if (p->real[skip] == '\0') {
        place_borrow(p, base);
        return 0;
    }
    int fd = os_open_at(base, p->real + skip + 1, O_PATH | O_DIRECTORY, 0, OS_NO_LINKS);
    if (fd < 0)
        return fd;
    place_own(p, fd);
    return 0;
}

/* The text of the link takes its place before the rest. */
static int step_link(struct walk *k, int link_fd, const char *rest, bool slash)
{
    char text[WASI_PATH_MAX + 1] not_cleared;
    ssize_t n = os_fs_readlink(link_fd, "", text, WASI_PATH_MAX);
    if (n <= 0)
        return n < 0 ? (int)n : -ENOENT;
    text[n] = '\0';
    if (++k->links > LINKS_MAX)
        return -ELOOP;
    if (text[0] == '/')
        return outside(k);
    if (!utf8_valid((struct str){text, (size_t)n}))
        return -EILSEQ;
    size_t rest_len = strlen(rest), middle = slash ? 1 : 0;
    if ((size_t)n + middle + rest_len > TODO_MAX)
        return -ENAMETOOLONG;
    memmove(k->todo + (size_t)n + middle, rest, rest_len + 1);
    memcpy(k->todo, text, (size_t)n);
    if (slash)
        k->todo[n] = '/';
    return 0;
}

enum { STEP_ON, STEP_LINKED, STEP_END };

/* One component that is neither "." nor "..". */
static int step_down(struct walk *k, struct str c, const char *rest, bool slash, bool more,
                     enum place_follow follow)
{
    struct place *p = k->p;
    char name[256];
    uint16_t mount;
    if (c.len > 255)
        return -ENAMETOOLONG;
    memcpy(name, c.at, c.len);
    name[c.len] = '\0';
    size_t real_len = strlen(p->real);
    int r = real_push(p->real, name, c.len);
    if (r < 0)
        return r;
    if (mount_at(k->w, p->real, &mount)) {
        enter_mount(k, mount);
        return STEP_ON;
    }
    p->real[real_len] = '\0';
    bool is_last = !more;
    p->want_dir = is_last && slash;
    bool is_followed = follow == PLACE_FOLLOW || (follow == PLACE_STAT && p->want_dir);
    auto_close int fd = os_open_at(p->dir_fd, name, O_PATH | O_NOFOLLOW, 0, OS_NO_LINKS);
    if (fd == -ENOENT && is_last) {
        p->is_looked = true;
        p->look = -ENOENT;
        r = place_name(p, (struct str){name, c.len});
        return r < 0 ? r : STEP_END;
    }
    if (fd < 0)
        return fd;
    r = os_stat_fd(fd, &p->st);
    if (r < 0)
        return r;
    if (S_ISLNK(p->st.st_mode) && (!is_last || is_followed)) {
        r = step_link(k, fd, rest, slash);
        return r < 0 ? r : STEP_LINKED;
    }
    bool is_dir = S_ISDIR(p->st.st_mode);
    if (is_dir && is_hidden(k->w, p->mount, &p->st, &mount)) {
        enter_mount(k, mount);
        return STEP_ON;
    }
    if (is_last) {
        p->is_looked = true;
        p->look = 0;
        if (p->want_dir && !is_dir && follow != PLACE_NAME)
            return -ENOTDIR;
        r = place_name(p, (struct str){name, c.len});
        return r < 0 ? r : STEP_END;
    }
    if (!is_dir)
        return -ENOTDIR;
    r = real_push(p->real, name, c.len);
    if (r < 0)
        return r;
    place_own(p, take_fd(&fd));
    return STEP_ON;
}

static int find_by_steps(struct walk *k, enum place_follow follow)
{
    struct place *p = k->p;
    const char *at = k->todo;
    struct str c;
    bool slash = false, more = false;
    for (int steps = 0; next_component(&at, &c, &slash, &more); steps++) {
        int r = STEP_ON;
        if (steps == STEPS_MAX)
            return -ELOOP;
        if (str_eq(c, STR("..")))
            r = step_up(k);
        else if (!str_eq(c, STR(".")))
            r = step_down(k, c, at, slash, more, follow);
        if (r < 0 || r == STEP_END)
            return r < 0 ? r : 0;
        if (r == STEP_LINKED)
            at = k->todo;
    }
    p->want_dir = true;
    place_self(k->w, p);
    return 0;
}

static void place_start(const struct fd *dir, struct place *p)
{
    p->dir_fd = dir->host;
    p->own_fd = -1;
    p->mount = dir->mount;
    p->is_self = p->is_mount = p->want_dir = p->is_looked = false;
    p->look = -ENOENT;
    memcpy(p->real, dir->real, strlen(dir->real) + 1);
}

int place_find(struct wasi *w, const struct fd *dir, const char *path, enum place_follow follow,
               const char *op, struct place *p)
{
    char real[WASI_REAL_MAX] not_cleared;
    place_start(dir, p);
    if (path[0] == '/') {
        wasi_note_refusal(w, op, "", path, OUTSIDE);
        return -WASI_NOTCAPABLE;
    }
    int r = real_clean(dir->real, path, real);
    if (r < 0)
        return r;
    r = r == 0 && !may_enter_mount(w, dir, path, real) ? find_plain(w, dir, path, follow, p)
                                                       : TAKE_LONG_WAY;
    if (r == TAKE_LONG_WAY) {
        struct walk k not_cleared;
        place_done(p);
        place_start(dir, p);
        k.w = w;
        k.start = dir;
        k.path = path;
        k.op = op;
        k.p = p;
        k.links = 0;
        memcpy(k.todo, path, strlen(path) + 1);
        r = find_by_steps(&k, follow);
    }
    if (r < 0)
        place_done(p);
    return r;
}

int place_may_change(struct wasi *w, const struct place *p, const char *op)
{
    const char *real = p->real[0] != '\0' ? p->real : "/";
    if (!w->mounts[p->mount].writable) {
        wasi_note_refusal(w, op, "", real, "read-only mount");
        return -EROFS;
    }
    if (!os_fs_is_kernels(p->dir_fd))
        return 0;
    wasi_note_refusal(w, op, "", real, "a file of the kernel");
    return -WASI_NOTCAPABLE;
}
