/* Hostile guest: a second name in the writable mount (3) for a file of the read-only one (4), and back, by link, rename
 * and by links through a folder. Then writes through what it got. argv[1], argv[2]: the numbers of both mounts. */
#include "hostile.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    __wasi_fd_t rw = argc > 2 ? (__wasi_fd_t)atoi(argv[1]) : 3,
                ro = argc > 2 ? (__wasi_fd_t)atoi(argv[2]) : 4;
    int fd;

    tell("link_out_of_ro", __wasi_path_link(ro, 0, "kept.txt", rw, "second.txt"));
    tell("rename_out_of_ro", __wasi_path_rename(ro, "kept.txt", rw, "taken.txt"));
    tell("link_into_ro", __wasi_path_link(rw, 0, "a.txt", ro, "third.txt"));
    tell("rename_into_ro", __wasi_path_rename(rw, "a.txt", ro, "given.txt"));
    tell("link_inside_ro", __wasi_path_link(ro, 0, "kept.txt", ro, "fourth.txt"));
    tell("write_second", open_path((int)rw, "second.txt", 0, RIGHTS_WRITE, &fd));
    tell("write_by_root", open_path((int)rw, "ro/kept.txt", 0, RIGHTS_WRITE, &fd));
    tell("write_dotdot",
         open_path((int)rw, "a/../ro/kept.txt", __WASI_OFLAGS_TRUNC, RIGHTS_WRITE, &fd));
    return hostile_end();
}
