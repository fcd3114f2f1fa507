/* Hostile guest: writes far more than any output cap. argv[1]: MiB to write (default 1024). Exits 0 at the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char block[1 << 20];
    long blocks = argc > 1 ? strtol(argv[1], NULL, 10) : 1024;

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (i + 1) % 64 == 0 ? '\n' : 'x';
    for (long i = 0; i < blocks; i++) {
        size_t at = 0;

        while (at < sizeof(block)) {
            ssize_t wrote = write(STDOUT_FILENO, block + at, sizeof(block) - at);

            if (wrote <= 0) {
                fprintf(stderr, "stopped after %ld MiB: %s\n", i, strerror(errno));
                return 1;
            }
            at += (size_t)wrote;
        }
    }
    return 0;
}
