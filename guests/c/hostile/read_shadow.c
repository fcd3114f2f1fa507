/* Hostile guest: tries to read /etc/shadow by many spellings. Prints one line per try; exits 0 when every one was
 * refused, 42 when one was not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const spellings[] = {
    "/etc/shadow",
    "/etc/passwd",
    "etc/shadow",
    "../etc/shadow",
    "../../etc/shadow",
    "../../../../../../../../etc/shadow",
    "/../../etc/shadow",
    "/./../etc/shadow",
    "//etc//shadow",
    "/etc/../etc/shadow",
    "./x/../../etc/shadow",
    "/proc/self/root/etc/shadow",
    "/proc/1/root/etc/shadow",
    "/proc/self/cwd/../../etc/shadow",
    "/dev/fd/3/../etc/shadow",
    "..\\..\\etc\\shadow",
    "/etc/shadow/.",
    "/etc/shadow\n",
};

static int try_path(int dir_fd, const char *path)
{
    char bytes[64];
    int fd = openat(dir_fd, path, O_RDONLY);
    ssize_t got;

    if (fd < 0) {
        printf("refused  %s: %s\n", path, strerror(errno));
        return 0;
    }
    got = read(fd, bytes, sizeof(bytes));
    close(fd);
    printf("OPENED   %s: %zd bytes\n", path, got);
    return 1;
}

int main(void)
{
    int opened = 0;

    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        opened += try_path(AT_FDCWD, spellings[i]);
        /* the same beneath every descriptor that could be a folder */
        for (int fd = 3; fd < 8; fd++)
            if (spellings[i][0] == '.')
                opened += try_path(fd, spellings[i]);
    }
    printf("%d opened\n", opened);
    return opened > 0 ? 42 : 0;
}
