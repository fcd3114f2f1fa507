/* Test guest: copies stdin to stdout. */
#include <unistd.h>

int main(void)
{
    static char block[65536];
    ssize_t got;

    while ((got = read(STDIN_FILENO, block, sizeof(block))) > 0) {
        for (ssize_t at = 0; at < got;) {
            ssize_t wrote = write(STDOUT_FILENO, block + at, (size_t)(got - at));

            if (wrote <= 0)
                return 1;
            at += wrote;
        }
    }
    return got < 0;
}
