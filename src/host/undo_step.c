/* One line of a log, taken back for real. Every step looks first and is taken only where the effect of
 * its line is seen, so that a step can be taken twice: that is what makes an interrupted undo (or an
 * effect that never happened) harmless. Names are changed beneath a folder that was opened without
 * following a link; the last name is never followed either. */
#include "host/undo_private.h"

#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* A fixed name: what a killed undo left is overwritten by the one that goes on. */
#define TEMPORARY OS_TEMPORARY_PREFIX "undo"

struct place {
    int dir_fd; /* own */
    const char *name;
    int stat_result;
    struct stat st;
};

static int failed(const char **ret_why, const char *why)
{
    *ret_why = why;
    return UNDO_STEP_FAILED;
}

/* Faults that no other step can do better at end the whole undo; others are this path's own. */
static int judge(int r, const char **ret_why)
{
    if (r >= 0)
        return UNDO_STEP_DONE;
    switch (-r) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EROFS:
    case ENOMEM:
    case ENFILE:
    case EMFILE: return r;
    case ENOENT:
    case ENOTDIR: return failed(ret_why, "its folder is gone");
    case ENOTEMPTY:
    case EEXIST: return failed(ret_why, "there are files in it that the call did not make");
    case ELOOP: return failed(ret_why, "a link stands in its path");
    case EXDEV: return failed(ret_why, "it is not in a mount the call could write to");
    case EACCES:
    case EPERM: return failed(ret_why, "this user may not change it");
    default: return failed(ret_why, "the file system refused");
    }
}

static int find(const struct undo_call *c, const char *path, struct place *ret)
{
    ret->dir_fd = -1;
    int r = undo_tree_parent(&c->tree, path, &ret->dir_fd, &ret->name);
    if (r < 0)
        return r;
    ret->stat_result = os_stat_at(ret->dir_fd, ret->name, &ret->st);
    return 0;
}

/* --- putting an image back --- */

static int fill(const struct undo_call *c, const struct undo_line *line, int image_fd, int fd,
                const char **ret_why)
{
    char wanted[65], got[65];
    uint64_t copied = 0;
    int r = os_copy_range(image_fd, fd, UINT64_MAX, &copied);
    if (r < 0)
        return judge(r, ret_why);
    undo_call_image_hash(c, line, wanted);
    if (wanted[0] != '\0') {
        r = undo_hash_fd(fd, INT64_MAX, got);
        if (r < 0)
            return judge(r, ret_why);
        if (strcmp(wanted, got) != 0)
            return failed(ret_why, "its before-image was changed after it was sealed");
    }
    r = os_fs_chmod(fd, line->mode);
    if (r == 0)
        r = os_fs_sync(fd, false);
    return judge(r, ret_why);
}

static int open_image(const struct undo_call *c, const struct undo_line *line)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "%lld", (long long)line->n);
    return undo_open_regular(c->dir_fd, name);
}

/* The whole file under a private name first, then the name in one step: a reader sees what was there
 * or what is restored, never half. */
static int put_file(const struct undo_call *c, const struct undo_line *line, const struct place *p,
                    const char **ret_why)
{
    auto_close int image_fd = open_image(c, line);
    if (image_fd < 0)
        return failed(ret_why, "its before-image is missing");
    int r = os_unlink_at(p->dir_fd, TEMPORARY, 0);
    if (r < 0 && r != -ENOENT)
        return judge(r, ret_why);
    auto_close int fd =
        os_open_at(p->dir_fd, TEMPORARY, O_RDWR | O_CREAT | O_EXCL, 0600, OS_NO_LINKS);
    if (fd < 0)
        return judge(fd, ret_why);
    r = fill(c, line, image_fd, fd, ret_why);
    if (r == UNDO_STEP_DONE)
        r = judge(os_rename_at(p->dir_fd, TEMPORARY, p->dir_fd, p->name), ret_why);
    if (r != UNDO_STEP_DONE && os_unlink_at(p->dir_fd, TEMPORARY, 0) < 0)
        return r;
    return r;
}

/* --- one function per kind of line --- */

static int back_write(const struct undo_call *c, const struct undo_line *line, struct place *p,
                      const char **ret_why)
{
    if (p->stat_result == 0 && S_ISDIR(p->st.st_mode))
        return failed(ret_why, "a folder stands there now");
    return put_file(c, line, p, ret_why);
}

static int back_create(struct place *p, const char **ret_why)
{
    if (p->stat_result == -ENOENT)
        return UNDO_STEP_NOT_NEEDED;
    if (p->stat_result == 0 && S_ISDIR(p->st.st_mode))
        return failed(ret_why, "a folder stands there now");
    return judge(os_fs_unlink(p->dir_fd, p->name), ret_why);
}

static int back_delete(const struct undo_call *c, const struct undo_line *line, struct place *p,
                       bool force, const char **ret_why)
{
    if (line->kind == UNDO_NONE)
        return UNDO_STEP_NOT_NEEDED;
    if (line->kind == UNDO_OTHER || line->kind == UNDO_DIR)
        return failed(ret_why, "it was neither a file nor a link, and cannot be made again");
    if (p->stat_result == 0) {
        if (line->kind == UNDO_FILE && S_ISREG(p->st.st_mode) && force)
            return put_file(c, line, p, ret_why);
        return UNDO_STEP_NOT_NEEDED; /* the name was never removed, or is back */
    }
    if (line->kind == UNDO_SYMLINK)
        return judge(os_fs_symlink(line->target, p->dir_fd, p->name), ret_why);
    return put_file(c, line, p, ret_why);
}

static int back_rename(const struct undo_call *c, const struct undo_line *line, struct place *p,
                       const char **ret_why)
{
    struct place to = {.dir_fd = -1};
    int r = find(c, line->to, &to);
    if (r < 0)
        r = r == -ENOENT || r == -ENOTDIR ? UNDO_STEP_NOT_NEEDED : judge(r, ret_why);
    else if (p->stat_result != -ENOENT || to.stat_result != 0)
        r = UNDO_STEP_NOT_NEEDED;
    else
        r = judge(os_fs_rename(to.dir_fd, to.name, p->dir_fd, p->name, false), ret_why);
    os_close(to.dir_fd);
    return r;
}

static int back_mkdir(struct place *p, const char **ret_why)
{
    if (p->stat_result == -ENOENT)
        return UNDO_STEP_NOT_NEEDED;
    if (p->stat_result == 0 && !S_ISDIR(p->st.st_mode))
        return failed(ret_why, "it is no folder now");
    return judge(os_fs_rmdir(p->dir_fd, p->name), ret_why);
}

static int back_rmdir(const struct undo_line *line, struct place *p, const char **ret_why)
{
    if (p->stat_result == 0)
        return UNDO_STEP_NOT_NEEDED;
    int r = os_fs_mkdir(p->dir_fd, p->name, 0700);
    if (r < 0)
        return judge(r, ret_why);
    auto_close int fd = os_open_at(p->dir_fd, p->name, O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    return judge(fd < 0 ? fd : os_fs_chmod(fd, line->mode),
                 ret_why); /* exact, whatever the umask is */
}

static int take_back(const struct undo_call *c, const struct undo_line *line, struct place *p,
                     bool force, const char **ret_why)
{
    switch (line->op) {
    case UNDO_WRITE: return back_write(c, line, p, ret_why);
    case UNDO_CREATE:
    case UNDO_LINK: return back_create(p, ret_why);
    case UNDO_DELETE: return back_delete(c, line, p, force, ret_why);
    case UNDO_RENAME: return back_rename(c, line, p, ret_why);
    case UNDO_MKDIR: return back_mkdir(p, ret_why);
    case UNDO_RMDIR: return back_rmdir(line, p, ret_why);
    }
    return UNDO_STEP_NOT_NEEDED;
}

int undo_step(const struct undo_call *c, const struct undo_line *line, bool force,
              const char **ret_why)
{
    struct place p = {.dir_fd = -1};
    bool makes_nothing = line->op == UNDO_CREATE || line->op == UNDO_LINK || line->op == UNDO_MKDIR;
    int r = find(c, line->op == UNDO_LINK ? line->to : line->path, &p);
    if (r == 0)
        r = take_back(c, line, &p, force, ret_why);
    else if (makes_nothing && (r == -ENOENT || r == -ENOTDIR))
        r = UNDO_STEP_NOT_NEEDED; /* gone together with its folder */
    else
        r = judge(r, ret_why);
    os_close(p.dir_fd);
    return r;
}
