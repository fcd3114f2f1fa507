/* Hostile guest: takes rights away and wants them back; asks for more than its folder hands on. argv[1] = "keep": it
 * takes nothing away first, and everything is reached. */
#include "hostile.h"

static const long long all = (1LL << 30) - 1;

int main(int argc, char **argv)
{
    int is_kept = argc > 1 && strcmp(argv[1], "keep") == 0, fd = -1, dir = -1, other;
    __wasi_filesize_t at;
    __wasi_filestat_t st;
    size_t n;
    char byte;

    (void)!open_path(ROOT_FD, "a.txt", 0, is_kept ? RIGHTS_WRITE : __WASI_RIGHTS_FD_READ, &fd);
    tell("write_without", write_raw(fd, "x", 1));
    tell("seek_without", __wasi_fd_seek((__wasi_fd_t)fd, 0, 0, &at));
    tell("stat_without", __wasi_fd_filestat_get((__wasi_fd_t)fd, &st));
    tell("resize_without", __wasi_fd_filestat_set_size((__wasi_fd_t)fd, 1));
    tell("allocate_without", __wasi_fd_allocate((__wasi_fd_t)fd, 0, 10));
    tell("widen", __wasi_fd_fdstat_set_rights(
                      (__wasi_fd_t)fd, is_kept ? __WASI_RIGHTS_FD_READ : (1ULL << 30) - 1, 0));
    tell("widen_inheriting", is_kept ? 0 : __wasi_fd_fdstat_set_rights((__wasi_fd_t)fd, 0, 2));
    tell("widen_unknown_bit",
         is_kept ? 0 : __wasi_fd_fdstat_set_rights((__wasi_fd_t)fd, 1ULL << 63, 0));
    if (!is_kept)
        (void)!__wasi_fd_fdstat_set_rights((__wasi_fd_t)fd, 0, 0);
    tell("read_given_up", read_raw(fd, &byte, 1, &n));

    /* A folder that only looks: nothing beneath it may be written. */
    const long long look = RIGHTS_READ | (long long)(__WASI_RIGHTS_PATH_OPEN);
    const long long own =
        all & ~(long long)(__WASI_RIGHTS_SOCK_SHUTDOWN | __WASI_RIGHTS_SOCK_ACCEPT);
    (void)!raw_path_open(ROOT_FD, 1, "a", 1, __WASI_OFLAGS_DIRECTORY,
                         is_kept ? own & ~(long long)__WASI_RIGHTS_FD_WRITE : look,
                         is_kept ? own : look, 0, &dir);
    tell("inherit_write", open_path(dir, "c.txt", 0, RIGHTS_WRITE, &other));
    tell("inherit_create",
         open_path(dir, "n.txt", __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_READ, &other));
    tell("inherit_trunc",
         open_path(dir, "c.txt", __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_READ, &other));
    tell("mkdir_without", __wasi_path_create_directory((__wasi_fd_t)dir, "nd"));
    tell("symlink_without", __wasi_path_symlink("c.txt", (__wasi_fd_t)dir, "nl"));
    tell("rename_without",
         __wasi_path_rename((__wasi_fd_t)dir, "c.txt", (__wasi_fd_t)dir, "d.txt"));
    tell("link_without", __wasi_path_link((__wasi_fd_t)dir, 0, "d.txt", (__wasi_fd_t)dir, "e.txt"));
    tell("unlink_without", __wasi_path_unlink_file((__wasi_fd_t)dir, "d.txt"));
    tell("rmdir_without", __wasi_path_remove_directory((__wasi_fd_t)dir, "nd"));
    tell("times_without", __wasi_path_filestat_set_times((__wasi_fd_t)dir, 0, "e.txt", 1, 1, 4));
    tell("deeper_folder",
         open_path(dir, ".", __WASI_OFLAGS_DIRECTORY,
                   is_kept ? look : look | __WASI_RIGHTS_PATH_CREATE_FILE, &other));
    return hostile_end();
}
