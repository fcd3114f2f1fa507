/* Hostile guest: keeps writing to files that have no name any more, one after the other. argv[1]: MiB it must not get. */
#include "hostile.h"

#include <stdlib.h>

static char block[1 << 20];

int main(int argc, char **argv)
{
    long most = argc > 1 ? strtol(argv[1], NULL, 10) : 64, done = 0;
    int error = 0;

    for (; error == 0 && done < most; done++) {
        int fd;

        error = open_path(ROOT_FD, "gone", __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd);
        if (error == 0)
            error = __wasi_path_unlink_file(ROOT_FD, "gone");
        if (error == 0)
            error = write_raw(fd, block, sizeof(block));
    }
    printf("%ld MiB\n", done);
    tell("write_unlinked", error);
    return hostile_end();
}
