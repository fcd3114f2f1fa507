/* Hostile guest: fills the disk, by bytes, by a hole (seek and write one byte) and by setting a size. argv[1]: MiB to
 * try (default 4096). Prints what each way came to; exits 0 when each was refused, 42 when one was not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tell(const char *how, int is_refused)
{
    printf("%s %s: %s\n", is_refused ? "refused " : "DONE    ", how,
           is_refused ? strerror(errno) : "no limit met");
    return !is_refused;
}

int main(int argc, char **argv)
{
    static char block[1 << 20];
    long most = argc > 1 ? strtol(argv[1], NULL, 10) : 4096;
    long long bytes = (long long)most << 20;
    int fd = open("huge-hole", O_RDWR | O_CREAT | O_TRUNC, 0666);
    int done = 0;
    long i = 0;

    if (fd < 0)
        return 1;
    done += tell("set size", ftruncate(fd, bytes) != 0);
    done += tell("write behind a hole", lseek(fd, bytes, SEEK_SET) < 0 || write(fd, "x", 1) != 1);
    close(fd);
    fd = open("huge-bytes", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    while (fd >= 0 && i < most && write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
        i++;
    done += tell("write bytes", i < most);
    printf("wrote %ld MiB\n", i);
    return done > 0 ? 42 : 0;
}
