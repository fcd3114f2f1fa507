/* Gives a finished write its name: the one step of a file's replacement that the worker cannot take, because its undo folder and
 * its mounts are mounts of their own, between which the kernel moves no name.
 *
 * Why the monitor may do it for a process that is not believed: it adds nothing to what the worker can do by itself. The source is
 * a plain file in the call's own undo folder, which only that worker writes to. The target is found beneath the mounts that
 * this run may write to, no link followed, the innermost mount deciding, and a name is replaced as rename() does: a link that
 * stands there goes, what it leads to stays. What would break it: mounts wider than the run's, or a source folder that holds
 * anything that the worker may not read. */
#include "host/undo_private.h"

#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"

#include <errno.h>
#include <string.h>

static int check_source(int call_dir_fd, const char *stage)
{
    struct stat st;
    int r = os_stat_at(call_dir_fd, stage, &st);
    if (r < 0)
        return r;
    return S_ISREG(st.st_mode) && (st.st_mode & 07000) == 0 ? 0 : -EPERM;
}

/* The worker wrote the before-image of what stands in the folder that it has open; another one of the same name would lose a
 * file without image. */
static int check_folder(int fd, const struct undo_landing *what)
{
    struct stat st;
    int r = os_stat_fd(fd, &st);
    if (r < 0)
        return r;
    return (uint64_t)st.st_dev == what->folder_device && (uint64_t)st.st_ino == what->folder_inode
               ? 0
               : -ESTALE;
}

int undo_land(const struct undo_mount *mounts, size_t mount_count, int call_dir_fd,
              const struct undo_landing *what)
{
    struct undo_tree tree = {.count = mount_count};
    const char *name;
    auto_close int dir_fd = -1;
    if (mount_count > UNDO_MOUNTS_MAX || strchr(what->stage, '/') != NULL)
        return -EINVAL;
    memcpy(tree.mounts, mounts, mount_count * sizeof(mounts[0]));
    int r = check_source(call_dir_fd, what->stage);
    if (r == 0)
        r = undo_tree_parent(&tree, what->path, &dir_fd, &name);
    if (r == 0)
        r = check_folder(dir_fd, what);
    return r < 0 ? r : os_fs_rename(call_dir_fd, what->stage, dir_fd, name, !what->is_new);
}
