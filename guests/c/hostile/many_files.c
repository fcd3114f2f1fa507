/* Hostile guest: makes files until it is refused, then keeps them open until it is refused. argv[1]: files at most
 * (default 100000). Prints how far it came and why it stopped. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make(long number)
{
    char name[32];

    snprintf(name, sizeof(name), "many-%ld", number);
    return open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
}

int main(int argc, char **argv)
{
    long most = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    long made = 0;
    long held = 0;
    int fd;

    while (made < most && (fd = make(made)) >= 0) {
        close(fd);
        made++;
    }
    printf("made %ld: %s\n", made, made < most ? strerror(errno) : "no limit met");
    while (held < made && open("many-0", O_RDONLY) >= 0)
        held++;
    printf("held %ld: %s\n", held, held < made ? strerror(errno) : "no limit met");
    return 0;
}
