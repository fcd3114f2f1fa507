/* Hostile guest: waits for an hour in one host call (poll_oneoff). Ended by the deadline; fuel does not run here. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    struct timespec hour = {.tv_sec = 3600};
    int result = nanosleep(&hour, NULL);

    printf("woke: %d\n", result);
    return 0;
}
