/* Hostile guest: uses the same names again and again while someone on the host swaps what stands behind them.
 * argv[1]: read, write or folder; argv[2]: rounds. REACHED when it once read SECRET; what it wrote, the host looks for. */
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

int main(int argc, char **argv)
{
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1000;
    const char *what = argc > 1 ? argv[1] : "read";
    int dir = -1, secrets = 0;

    (void)!open_path(ROOT_FD, "other/deep", __WASI_OFLAGS_DIRECTORY, RIGHTS_READ | __WASI_RIGHTS_PATH_OPEN, &dir);
    for (long i = 0; i < rounds; i++) {
        if (strcmp(what, "write") == 0)
            write_once(i);
        else if (strcmp(what, "folder") == 0)
            secrets += is_secret(dir, "../../f") + is_secret(dir, "../f") + is_secret(ROOT_FD, "other/deep/../../f");
        else
            secrets += is_secret(ROOT_FD, "dir/f") + is_secret(ROOT_FD, "dir/../dir/f") + is_secret(ROOT_FD, "link/f");
    }
    printf("%d secrets in %ld rounds\n", secrets, rounds);
    tell(what, secrets > 0 ? 0 : 76);
    return hostile_end();
}
