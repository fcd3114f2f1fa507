/* Hostile guest: takes more of the disk than it was given, by holes, sizes, allocation into a hole that was there,
 * cutting and growing again, and after its quota is used up. argv[1]: which; argv[2]: bytes it must not get. */
#include "hostile.h"

#include <stdlib.h>

static char block[1 << 16];

static int make(const char *name)
{
    int fd;

    return open_path(ROOT_FD, name, __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    unsigned long long most = argc > 2 ? strtoull(argv[2], NULL, 10) : 1 << 30, done = 0;
    __wasi_filesize_t at;
    __wasi_size_t n;
    int fd = make("f"), error = 0;
    __wasi_fd_t f = (__wasi_fd_t)fd;

    if (strcmp(what, "seek") == 0) {
        error = __wasi_fd_seek(f, (long long)most, 0, &at);
        tell("write_behind_hole", error != 0 ? error : write_raw(fd, "x", 1));
        __wasi_ciovec_t part = {(const uint8_t *)"x", 1};
        tell("pwrite_behind_hole", __wasi_fd_pwrite(f, &part, 1, most, &n));
        tell("pwrite_at_end_of_numbers", __wasi_fd_pwrite(f, &part, 1, INT64_MAX, &n));
        error = __wasi_fd_seek(f, INT64_MAX, 0, &at);
        tell("write_at_end_of_numbers", error != 0 ? error : write_raw(fd, "x", 1));
        tell("seek_past_numbers", __wasi_fd_seek(f, INT64_MAX, 1, &at));
    } else if (strcmp(what, "size") == 0) {
        tell("set_size", __wasi_fd_filestat_set_size(f, most));
        tell("set_size_max", __wasi_fd_filestat_set_size(f, UINT64_MAX));
        tell("set_size_top", __wasi_fd_filestat_set_size(f, INT64_MAX));
        tell("allocate", __wasi_fd_allocate(f, 0, most));
        tell("allocate_max", __wasi_fd_allocate(f, UINT64_MAX, UINT64_MAX));
        tell("allocate_wraps", __wasi_fd_allocate(f, INT64_MAX, 1));
    } else if (strcmp(what, "hole") ==
               0) { /* hole.img was there: long, and hardly any of it on the disk */
        error = open_path(ROOT_FD, "hole.img", 0, RIGHTS_WRITE, &fd);
        tell("allocate_in_hole", error != 0 ? error : __wasi_fd_allocate((__wasi_fd_t)fd, 0, most));
    } else if (strcmp(what, "cycle") == 0) {
        while (error == 0 && done < most) {
            error = __wasi_fd_filestat_set_size(f, 1 << 20);
            if (error == 0)
                error = __wasi_fd_filestat_set_size(f, 0);
            done += 1 << 20;
        }
        tell("grow_and_cut", error);
    } else if (strcmp(what, "rewrite") == 0) {
        __wasi_ciovec_t part = {(const uint8_t *)block, sizeof(block)};
        while (error == 0 && done < most) {
            error = __wasi_fd_pwrite(f, &part, 1, 0, &n);
            done += sizeof(block);
        }
        tell("rewrite_in_place", error);
    } else { /* after: the quota is used up; every other way to write is tried */
        while (write_raw(fd, block, sizeof(block)) == 0)
            ;
        tell("write_after", write_raw(fd, "x", 1));
        __wasi_ciovec_t part = {(const uint8_t *)"x", 1};
        tell("pwrite_after", __wasi_fd_pwrite(f, &part, 1, 0, &n));
        tell("grow_after", __wasi_fd_filestat_set_size(f, 1ULL << 32));
        tell("allocate_after", __wasi_fd_allocate(f, 0, 1ULL << 32));
        int second = make("g");
        tell("second_file_after", write_raw(second, "x", 1));
        (void)!__wasi_path_unlink_file(ROOT_FD, "f");
        tell("unlinked_after", write_raw(fd, "x", 1));
        (void)!__wasi_fd_close(f);
        int third = make("h");
        tell("not_given_back", write_raw(third, "x", 1));
    }
    return hostile_end();
}
