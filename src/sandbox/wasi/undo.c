/* Before-images and the log of changes, in the private undo folder. The order is the promise: image whole,
 * then the line, then the effect. Where that cannot be done, the change is refused. The folder belongs to
 * the host: nothing in it is ever shown to the guest. Without a folder only touches are recorded. */
#include "sandbox/wasi/inside.h"

#include "os/fd.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>

/* SPARE_LINES: a call has at most two lines, and each may have to be taken back. */
enum { LINE_MAX_BYTES = 256 << 10, COPY_PART = 4 << 20, NAME_SIZE = 16, SPARE_LINES = 4 };

static void image_name(uint32_t n, char ret[NAME_SIZE])
{
    (void)snprintf(ret, NAME_SIZE, "%u", n);
}

static int refuse_image(struct wasi *w, const char *real, int r, const char *why)
{
    wasi_note_refusal(w, "write", "", real[0] != '\0' ? real : "/", why);
    return r;
}

/* --- the log --- */

/* A folder that was used by an earlier run goes on counting behind its lines. */
static int count_lines(int fd, uint32_t *ret, int64_t *ret_bytes)
{
    char bytes[4096];
    int64_t at = 0;
    for (;;) {
        ssize_t n = os_pread(fd, bytes, sizeof(bytes), at);
        *ret_bytes = at;
        if (n <= 0)
            return (int)n;
        for (ssize_t i = 0; i < n; i++)
            *ret += bytes[i] == '\n';
        at += n;
    }
}

static int log_open(struct wasi *w)
{
    if (w->is_undo_broken)
        return -EIO;
    if (w->undo_log_fd >= 0)
        return 0;
    int fd = os_open_at(w->config.undo_fd, "log", O_CREAT | O_RDWR | O_APPEND, 0600, OS_NO_LINKS);
    if (fd < 0)
        return fd;
    w->undo_log_fd = fd;
    int r = count_lines(fd, &w->undo_next, &w->undo_bytes);
    w->undo_lines = w->undo_next;
    if (r == 0) { /* an image whose run was killed before its line */
        char name[NAME_SIZE];
        image_name(w->undo_next, name);
        (void)!os_fs_unlink(w->config.undo_fd, name);
    }
    return r;
}

static int log_line(struct wasi *w, struct buf *line)
{
    int r = buf_error(line);
    if (r < 0)
        return r;
    ssize_t n = os_write(w->undo_log_fd, line->at, line->len);
    if (n == (ssize_t)line->len) {
        w->undo_lines++;
        w->undo_bytes += n;
        return 0;
    }
    w->is_undo_broken = n > 0;
    return n < 0 ? (int)n : -EIO;
}

static void add_text(struct buf *b, const char *key, const char *text)
{
    buf_addf(b, ",\"%s\":", key);
    if (text == NULL) {
        buf_add_z(b, "null");
        return;
    }
    buf_add_c(b, '"');
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            buf_addf(b, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_addf(b, "\\u%04x", c);
        else
            buf_add_c(b, *p);
    }
    buf_add_c(b, '"');
}

static const char *kind_of(mode_t mode)
{
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "dir" : S_ISLNK(mode) ? "link" : "other";
}

static int log_change(struct wasi *w, const struct undo *u, const struct stat *before,
                      const char *target)
{
    static const char *const ops[] = {
        [WASI_TOUCH_WRITE] = "write",   [WASI_TOUCH_CREATE] = "create",
        [WASI_TOUCH_DELETE] = "delete", [WASI_TOUCH_RENAME] = "rename",
        [WASI_TOUCH_MKDIR] = "mkdir",   [WASI_TOUCH_RMDIR] = "rmdir",
        [WASI_TOUCH_LINK] = "link",
    };
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(&line, "{\"n\":%d,\"op\":\"%s\"", u->n, ops[u->op]);
    add_text(&line, "path", u->real[0] != '\0' ? u->real : "/");
    add_text(&line, "to", u->real_to);
    if (before != NULL)
        buf_addf(&line, ",\"mode\":%u", (unsigned)(before->st_mode & 07777));
    else
        buf_add_z(&line, ",\"mode\":null");
    add_text(&line, "kind", before != NULL ? kind_of(before->st_mode) : NULL);
    add_text(&line, "target", target);
    buf_add_z(&line, "}\n");
    int r = log_line(w, &line);
    buf_done(&line);
    return r;
}

/* --- images --- */

static int copy_image(struct wasi *w, int from, int to, int64_t size)
{
    int64_t at = 0;
    if (os_fs_clone(from, to) == 0)
        return 0;
    for (;;) {
        int64_t left = WASI_IMAGES_MAX - w->image_bytes - at;
        ssize_t n = os_fs_copy_part(from, to, &at, left < COPY_PART ? (size_t)left + 1 : COPY_PART);
        if (n < 0)
            return (int)n;
        if (n == 0 || at > WASI_IMAGES_MAX - w->image_bytes) {
            w->image_bytes += at;
            return n == 0 ? 0 : -EDQUOT; /* it grew while it was copied */
        }
        int r = at < size ? wasi_stop_check(w) : 0;
        if (r < 0)
            return r;
    }
}

/* The object was saved when it was first written: what stood there before the run is that image. */
static int image_again(struct wasi *w, int image, const char *name)
{
    char saved[NAME_SIZE];
    image_name((uint32_t)image, saved);
    return os_fs_link(w->config.undo_fd, saved, w->config.undo_fd, name);
}

static int image_by_copy(struct wasi *w, const struct undo *u, const struct undo_what *what,
                         const char *name)
{
    if (what->before->st_size > WASI_IMAGES_MAX - w->image_bytes)
        return refuse_image(w, u->real, -EDQUOT,
                            "its before-image would pass the cap of all images");
    auto_close int opened = -1;
    int from = what->host_fd;
    if (from < 0) {
        struct stat st;
        from = opened =
            os_open_at(what->dir_fd, what->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, OS_NO_LINKS);
        if (opened < 0 || os_stat_fd(opened, &st) < 0 ||
            !file_id_eq(file_id(&st), file_id(what->before)))
            return refuse_image(w, u->real, opened < 0 ? opened : -EAGAIN,
                                "its before-image cannot be read");
    }
    auto_close int to =
        os_open_at(w->config.undo_fd, name, O_CREAT | O_EXCL | O_RDWR, 0600, OS_NO_LINKS);
    int r = to < 0 ? to : copy_image(w, from, to, what->before->st_size);
    if (r < 0 && to >= 0)
        (void)!os_fs_unlink(w->config.undo_fd, name);
    if (r == -EBADF) /* opened for writing only, because it may not be read */
        r = refuse_image(w, u->real, -EACCES, "its before-image cannot be read");
    return r;
}

/* A file that loses its last name moves into the folder as its own image, instead of being copied and
 * removed. The line is written before: a line of a delete without its image is one whose effect has not
 * happened. (A second name for a while, by link, would be simpler. But a run killed between link and
 * effect would leave the live file with two names, and writing it in place would then change the image.) */
int undo_move_away(struct wasi *w, struct undo *u, const struct undo_what *what)
{
    char name[NAME_SIZE];
    struct stat st;
    image_name((uint32_t)u->n, name);
    int r = os_fs_rename(what->dir_fd, what->name, w->config.undo_fd, name, false);
    if (r < 0) { /* another mount of the same file system, or a rule against it: copy after all */
        r = image_by_copy(w, u, what, name);
        return r < 0 ? r : os_fs_unlink(what->dir_fd, what->name);
    }
    r = os_stat_at(w->config.undo_fd, name, &st);
    if (r == 0 && file_id_eq(file_id(&st), file_id(what->before)))
        return 0;
    if (os_fs_rename(w->config.undo_fd, name, what->dir_fd, what->name, false) < 0)
        u->image = -1; /* cannot go back: keep it rather than clear it away as an unused image */
    return r < 0 ? r : -EAGAIN; /* something else had taken the name */
}

/* Image of a regular file, or the decision to move it. */
static int save_file(struct wasi *w, struct undo *u, const struct undo_what *what, int saved,
                     const char *name)
{
    struct stat undo_dir;
    if (saved >= 0 && image_again(w, saved, name) == 0)
        return 0;
    u->is_moved = what->may_move && what->before->st_nlink == 1 &&
                  os_stat_fd(w->config.undo_fd, &undo_dir) == 0 &&
                  undo_dir.st_dev == what->before->st_dev;
    return u->is_moved ? 0 : image_by_copy(w, u, what, name);
}

int wasi_undo_begin(struct wasi *w, struct undo *u, enum wasi_touch_op op, const char *real,
                    const char *real_to, const struct undo_what *what)
{
    char name[NAME_SIZE], target[WASI_PATH_MAX + 1];
    const struct stat *before = what->before;
    *u = (struct undo){.n = -1, .image = -1, .op = op, .real = real, .real_to = real_to};
    int saved = -1; /* image of the first write */
    if (before != NULL && S_ISREG(before->st_mode) &&
        id_set_has(&w->settled, file_id(before), &saved))
        u->is_quiet =
            op == WASI_TOUCH_WRITE; /* made in this run, or saved: nothing of before is lost */
    if (w->config.undo_fd < 0 || u->is_quiet)
        return 0;
    int r = log_open(w);
    if (r < 0)
        return r;
    if (w->undo_lines + SPARE_LINES > WASI_LOG_LINES_MAX || w->undo_bytes > WASI_LOG_BYTES_MAX)
        return refuse_image(w, real, -EDQUOT, "the log of changes is full");
    uint32_t n = w->undo_next;
    image_name(n, name);
    if (before != NULL && S_ISREG(before->st_mode))
        r = save_file(w, u, what, saved, name);
    target[0] = '\0';
    if (before != NULL && S_ISLNK(before->st_mode)) {
        ssize_t len = os_fs_readlink(what->dir_fd, what->name, target, WASI_PATH_MAX);
        r = len < 0 ? (int)len : 0;
        target[len > 0 ? len : 0] = '\0';
        if (r == 0 && !utf8_valid(str_of(target)))
            r = -EILSEQ; /* a line could not say it */
    }
    if (r < 0)
        return r;
    u->n = (int)n;
    u->image = before != NULL ? (int)n : -1;
    w->undo_next++;
    return log_change(w, u, before, before != NULL && S_ISLNK(before->st_mode) ? target : NULL);
}

int undo_end(struct wasi *w, const struct undo *u, int result)
{
    if (result >= 0) {
        if (!u->is_quiet)
            wasi_note_touch(w, u->op, u->real, u->real_to, u->image);
        return result;
    }
    if (u->n >= 0) {
        struct buf line;
        char name[NAME_SIZE];
        buf_init(&line, 64);
        buf_addf(&line, "{\"n\":%d,\"op\":\"void\"}\n", u->n);
        if (log_line(w, &line) < 0)
            w->is_undo_broken = true;
        buf_done(&line);
        image_name((uint32_t)u->n, name);
        if (u->image >= 0 && !w->is_undo_broken)
            (void)!os_fs_unlink(w->config.undo_fd, name);
    }
    return result;
}

int undo_before_write(struct wasi *w, struct fd *f)
{
    struct undo u;
    struct stat st;
    if (!f->needs_image)
        return 0;
    int r = os_stat_fd(f->host, &st);
    if (r < 0)
        return r;
    struct undo_what what = {.before = &st, .dir_fd = -1, .name = "", .host_fd = f->host};
    r = wasi_undo_begin(w, &u, WASI_TOUCH_WRITE, f->real, NULL, &what);
    if (r < 0)
        return undo_end(w, &u, r);
    r = id_set_add(&w->settled, file_id(&st), u.n);
    if (r < 0)
        return undo_end(w, &u, r);
    f->needs_image = false;
    return undo_end(w, &u, 0);
}
