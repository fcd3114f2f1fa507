/* Hostile guest: every changing call on the mount, and every opening: all oflags, fdflags, lookups and sets of rights, on
 * a file, a folder, a link and a new name. On a read-only mount nothing may change. */
#include "hostile.h"

int main(void)
{
    static const char *const names[] = {"kept.txt", "dir", "to-kept", "new.txt", "dir/new.txt"};
    const __wasi_fd_t root = ROOT_FD;
    int fd, opened = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (int oflags = 0; oflags < 16; oflags++)
            for (int fdflags = 0; fdflags < 8; fdflags += fdflags == 0 ? 1 : 3)
                for (int bits = 0; bits < 16; bits++) {
                    long long rights = 0;

                    rights |= bits & 1 ? (long long)__WASI_RIGHTS_FD_READ : 0;
                    rights |= bits & 2 ? (long long)__WASI_RIGHTS_FD_WRITE : 0;
                    rights |= bits & 4 ? (long long)__WASI_RIGHTS_FD_ALLOCATE : 0;
                    rights |= bits & 8 ? (long long)(__WASI_RIGHTS_FD_FILESTAT_SET_SIZE |
                                                     __WASI_RIGHTS_FD_FILESTAT_SET_TIMES)
                                       : 0;
                    if (open_raw(ROOT_FD, names[i], strlen(names[i]), oflags, rights, fdflags,
                                 &fd) != 0)
                        continue;
                    opened++;
                    if (write_raw(fd, "BROKEN", 6) == 0)
                        tell("open_write", 0);
                    if (__wasi_fd_filestat_set_size((__wasi_fd_t)fd, 0) == 0)
                        tell("open_set_size", 0);
                    if (__wasi_fd_allocate((__wasi_fd_t)fd, 0, 1 << 20) == 0)
                        tell("open_allocate", 0);
                    if (__wasi_fd_filestat_set_times((__wasi_fd_t)fd, 1, 1, 5) == 0)
                        tell("open_set_times", 0);
                    (void)!__wasi_fd_close((__wasi_fd_t)fd);
                }
    printf("%d opened\n", opened);
    tell("unlink", __wasi_path_unlink_file(root, "kept.txt"));
    tell("unlink_link", __wasi_path_unlink_file(root, "to-kept"));
    tell("rmdir", __wasi_path_remove_directory(root, "empty"));
    tell("mkdir", __wasi_path_create_directory(root, "new-dir"));
    tell("symlink", __wasi_path_symlink("kept.txt", root, "new-link"));
    tell("rename", __wasi_path_rename(root, "other.txt", root, "renamed.txt"));
    tell("link", __wasi_path_link(root, 0, "renamed.txt", root, "second.txt"));
    tell("link_old", __wasi_path_link(root, 0, "other.txt", root, "second2.txt"));
    tell("set_times", __wasi_path_filestat_set_times(root, 1, "dir", 1, 1, 5));
    tell("set_times_root", __wasi_path_filestat_set_times(root, 1, ".", 1, 1, 5));
    tell("set_times_now", __wasi_path_filestat_set_times(root, 0, "dir", 0, 0, 10));
    return hostile_end();
}
