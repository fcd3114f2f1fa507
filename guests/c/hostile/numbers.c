/* Hostile guest: guesses file numbers and bends the table of them. With argv[1] = "open" it opens files first, and the
 * guesses that name them succeed. */
#include "hostile.h"

static char bytes[64];

static int try_number(__wasi_fd_t fd)
{
    __wasi_iovec_t in = {(uint8_t *)bytes, sizeof(bytes)};
    __wasi_ciovec_t out = {(const uint8_t *)"x", 1};
    __wasi_fdstat_t stat;
    __wasi_filestat_t file;
    __wasi_prestat_t pre;
    __wasi_size_t n;
    __wasi_filesize_t at;
    int got = 0;

    got += __wasi_fd_read(fd, &in, 1, &n) == 0;
    got += __wasi_fd_pread(fd, &in, 1, 0, &n) == 0;
    got += __wasi_fd_write(fd, &out, 1, &n) == 0;
    got += __wasi_fd_fdstat_get(fd, &stat) == 0;
    got += __wasi_fd_filestat_get(fd, &file) == 0;
    got += __wasi_fd_seek(fd, 0, 1, &at) == 0;
    got += __wasi_fd_prestat_get(fd, &pre) == 0;
    got += __wasi_fd_sync(fd) == 0;
    got += __wasi_fd_readdir(fd, (uint8_t *)bytes, sizeof(bytes), 0, &n) == 0;
    got += __wasi_sock_shutdown(fd, 3) == 0;
    got += __wasi_fd_renumber(fd, 2) == 0;
    got += __wasi_fd_close(fd) == 0;
    return got;
}

static void bend_table(void)
{
    __wasi_fdstat_t stat;
    __wasi_prestat_t pre;
    int fd, dir;

    tell("renumber_to_1000", __wasi_fd_renumber(3, 1000));
    tell("renumber_to_max", __wasi_fd_renumber(3, -1));
    tell("renumber_from_max", __wasi_fd_renumber(-1, 3));
    tell("renumber_from_closed", __wasi_fd_renumber(40, 3));
    if (open_path(ROOT_FD, "a", __WASI_OFLAGS_DIRECTORY, RIGHTS_READ | __WASI_RIGHTS_PATH_OPEN,
                  &dir) == 0) {
        /* A folder takes the place of standard output; its old number and its folder's parent stay closed. */
        tell("renumber_onto_stderr", __wasi_fd_renumber((__wasi_fd_t)dir, 2) == 0 ? 76 : 0);
        tell("old_number", __wasi_fd_fdstat_get((__wasi_fd_t)dir, &stat));
        tell("stderr_is_no_preopen", __wasi_fd_prestat_get(2, &pre));
        tell("stderr_climbs", open_path(2, "../a.txt", 0, RIGHTS_READ, &fd));
        tell("stderr_writes", write_raw(2, "x", 1));
        tell("stderr_out", open_path(2, "../../secret.txt", 0, RIGHTS_READ, &fd));
    }
    tell("preopen_onto_stdin", __wasi_fd_renumber(3, 0) == 0 ? 76 : 0);
    tell("preopen_gone", open_path(3, "a.txt", 0, RIGHTS_READ, &fd));
    tell("preopen_climbs", open_path(0, "../secret.txt", 0, RIGHTS_READ, &fd));
    tell("preopen_closed", __wasi_fd_close(0) == 0 ? 76 : 0);
    tell("closed_twice", __wasi_fd_close(0));
    tell("nothing_left", open_path(0, "a.txt", 0, RIGHTS_READ, &fd));
}

int main(int argc, char **argv)
{
    int got = 0, fd;

    if (argc > 1 && strcmp(argv[1], "open") == 0)
        for (int i = 0; i < 3; i++)
            (void)!open_path(ROOT_FD, "a.txt", 0, RIGHTS_READ, &fd);
    for (__wasi_fd_t i = 4; i <= 1100; i++)
        got += try_number(i);
    static const __wasi_fd_t odd[] = {INT32_MAX, INT32_MIN, -2, -1, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        got += try_number(odd[i]);
    tell("guessed", got > 0 ? 0 : 8);
    if (argc <= 1)
        bend_table();
    return hostile_end();
}
