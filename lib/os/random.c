/* Random bytes of the kernel. Must never return without having filled everything: keys and ids are
 * made from these bytes, so a failure ends the process. */
#include "os/random.h"

#include <errno.h>
#include <sys/random.h>

void os_random(void *at, size_t len)
{
    unsigned char *p = at;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        must(n > 0);
        p += n;
        len -= (size_t)n;
    }
}
