/* Hostile guest: makes links that lead out and reads and writes through them. argv[1..] name links that are already
 * there. Exits 0 when nothing was reached, 42 otherwise. Making a link that leads out may be allowed or refused;
 * following it may not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int reached;

static void try_open(const char *path, int flags, const char *what)
{
    char byte;
    int fd = open(path, flags, 0666);

    if (fd < 0) {
        printf("refused  %s %s: %s\n", what, path, strerror(errno));
        return;
    }
    printf("REACHED  %s %s: %zd\n", what, path, read(fd, &byte, 1));
    close(fd);
    reached++;
}

static void try_all(const char *link_path)
{
    char below[4096];

    try_open(link_path, O_RDONLY, "read");
    try_open(link_path, O_WRONLY | O_CREAT, "write");
    snprintf(below, sizeof(below), "%s/passwd", link_path);
    try_open(below, O_RDONLY, "read");
}

int main(int argc, char **argv)
{
    static const char *const targets[] = {"/etc/passwd", "../../../../etc/passwd", "/etc", "..",
                                          "/proc/self/root/etc"};

    for (int i = 1; i < argc; i++)
        try_all(argv[i]);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        char name[32];

        snprintf(name, sizeof(name), "out-%zu", i);
        if (symlink(targets[i], name) != 0) {
            printf("refused  link %s -> %s: %s\n", name, targets[i], strerror(errno));
            continue;
        }
        if (strcmp(targets[i], "/etc") == 0 || strcmp(targets[i], "..") == 0) {
            char below[64];

            snprintf(below, sizeof(below), "%s/passwd", name);
            try_open(below, O_RDONLY, "read");
            snprintf(below, sizeof(below), "%s/etc/passwd", name);
            try_open(below, O_RDONLY, "read");
        } else {
            try_all(name);
        }
        unlink(name);
    }
    printf("%d reached\n", reached);
    return reached > 0 ? 42 : 0;
}
