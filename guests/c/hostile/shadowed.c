/* Hostile guest: wants what a nested mount hides: data/hidden.txt of the outer folder. */
#include "hostile.h"

static void try_all(const char *const *paths, size_t count)
{
    int fd;

    for (size_t i = 0; i < count; i++)
        tell(paths[i], open_path(ROOT_FD, paths[i], 0, RIGHTS_READ, &fd));
}

int main(void)
{
    static const char *const paths[] = {"data/hidden.txt",
                                        "a/../data/hidden.txt",
                                        "to-data/hidden.txt",
                                        "./data//hidden.txt",
                                        "DATA/hidden.txt",
                                        "data/../data/hidden.txt",
                                        "a/../to-data/../data/hidden.txt",
                                        "data/x/../hidden.txt"};
    static const char *const moved[] = {"elsewhere/hidden.txt", "a/data/hidden.txt",
                                        "up2/data/hidden.txt", "got.txt"};
    int fd, dir;

    try_all(paths, sizeof(paths) / sizeof(paths[0]));
    tell("rename_mount", __wasi_path_rename(ROOT_FD, "data", ROOT_FD, "elsewhere"));
    tell("rename_mount_down", __wasi_path_rename(ROOT_FD, "data", ROOT_FD, "a/data"));
    tell("rename_over_mount", __wasi_path_rename(ROOT_FD, "empty", ROOT_FD, "data"));
    tell("rmdir_mount", __wasi_path_remove_directory(ROOT_FD, "data"));
    tell("rename_above_mount", __wasi_path_rename(ROOT_FD, "up", ROOT_FD, "up2"));
    tell("link_hidden", __wasi_path_link(ROOT_FD, 0, "data/hidden.txt", ROOT_FD, "got.txt"));
    try_all(moved, sizeof(moved) / sizeof(moved[0]));
    int error = open_path(ROOT_FD, "data", __WASI_OFLAGS_DIRECTORY,
                          RIGHTS_READ | __WASI_RIGHTS_PATH_OPEN, &dir);
    if (error == 0)
        error = open_path(dir, "hidden.txt", 0, RIGHTS_READ, &fd);
    tell("by_folder", error);
    return hostile_end();
}
