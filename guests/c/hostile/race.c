/* Hostile guest: uses the same names again and again while someone on the host swaps what stands behind them.
 * argv[1]: read, write, folder, file, remove or steal; argv[2]: rounds. REACHED when it once read SECRET; what it wrote or removed,
 * the host looks for. */
#include "hostile.h"

#include <stdlib.h>

static int is_secret(int dir, const char *path)
{
    char bytes[8] = {0};
    size_t n;
    int fd, yes = 0;

    if (open_path(dir, path, 0, RIGHTS_READ, &fd) != 0)
        return 0;
    if (read_raw(fd, bytes, sizeof(bytes), &n) == 0)
        yes = n >= 6 && memcmp(bytes, "SECRET", 6) == 0;
    (void)!__wasi_fd_close((__wasi_fd_t)fd);
    return yes;
}

static void write_once(long round)
{
    int fd;

    if (open_path(ROOT_FD, "dir/f", __WASI_OFLAGS_TRUNC, RIGHTS_WRITE, &fd) == 0) {
        (void)!write_raw(fd, "INJECTED", 8);
        (void)!__wasi_fd_close((__wasi_fd_t)fd);
    }
    if (open_path(ROOT_FD, "dir/new", __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd) == 0)
        (void)!__wasi_fd_close((__wasi_fd_t)fd);
    if (round % 2 == 0)
        (void)!__wasi_path_create_directory(ROOT_FD, "dir/folder");
    else
        (void)!__wasi_path_remove_directory(ROOT_FD, "dir/folder");
    (void)!__wasi_path_rename(ROOT_FD, "dir/new", ROOT_FD, "dir/newer");
    (void)!__wasi_path_unlink_file(ROOT_FD, "dir/newer");
}

/* The last part of the path is swapped: a file for a link that leads out. */
static int file_once(void)
{
    int fd, secrets = is_secret(ROOT_FD, "file");

    if (open_path(ROOT_FD, "file", __WASI_OFLAGS_TRUNC, RIGHTS_WRITE, &fd) == 0) {
        (void)!write_raw(fd, "INJECTED", 8);
        (void)!__wasi_fd_close((__wasi_fd_t)fd);
    }
    if (open_path(ROOT_FD, "file", 0, RIGHTS_WRITE, &fd) == 0) {
        (void)!__wasi_fd_filestat_set_size((__wasi_fd_t)fd, 0);
        (void)!__wasi_fd_filestat_set_times((__wasi_fd_t)fd, 0, 0, __WASI_FSTFLAGS_MTIM);
        (void)!__wasi_fd_close((__wasi_fd_t)fd);
    }
    (void)!__wasi_path_filestat_set_times(ROOT_FD, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "file", 0, 0,
                                          __WASI_FSTFLAGS_MTIM);
    return secrets;
}

static void remove_once(void)
{
    (void)!__wasi_path_unlink_file(ROOT_FD, "dir/f");
    (void)!__wasi_path_remove_directory(ROOT_FD, "dir/empty");
    (void)!__wasi_path_rename(ROOT_FD, "mine", ROOT_FD, "dir/f");
}

static int steal_once(void)
{
    int secrets;

    (void)!__wasi_path_rename(ROOT_FD, "dir/f", ROOT_FD, "loot");
    (void)!__wasi_path_link(ROOT_FD, 0, "dir/f", ROOT_FD, "loot");
    secrets = is_secret(ROOT_FD, "loot");
    (void)!__wasi_path_rename(ROOT_FD, "loot", ROOT_FD, "dir/f");
    return secrets;
}

int main(int argc, char **argv)
{
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1000;
    const char *what = argc > 1 ? argv[1] : "read";
    int dir = -1, secrets = 0;

    (void)!open_path(ROOT_FD, "other/deep", __WASI_OFLAGS_DIRECTORY,
                     RIGHTS_READ | __WASI_RIGHTS_PATH_OPEN, &dir);
    for (long i = 0; i < rounds; i++) {
        if (strcmp(what, "write") == 0)
            write_once(i);
        else if (strcmp(what, "folder") == 0)
            secrets += is_secret(dir, "../../f") + is_secret(dir, "../f") +
                       is_secret(ROOT_FD, "other/deep/../../f");
        else if (strcmp(what, "file") == 0)
            secrets += file_once();
        else if (strcmp(what, "remove") == 0)
            remove_once();
        else if (strcmp(what, "steal") == 0)
            secrets += steal_once();
        else
            secrets += is_secret(ROOT_FD, "dir/f") + is_secret(ROOT_FD, "dir/../dir/f") +
                       is_secret(ROOT_FD, "link/f");
    }
    printf("%d secrets in %ld rounds\n", secrets, rounds);
    tell(what, secrets > 0 ? 0 : 76);
    return hostile_end();
}
