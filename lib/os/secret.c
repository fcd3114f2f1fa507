/* Pages for keys. What cannot be had (locking past the limit, an old kernel's advice) is done without: the
 * process is not dumpable and lives shortly; the pages are one more wall, not the only one. */
#include "os/secret.h"

#include "base/str.h"

#include <errno.h>
#include <sys/mman.h>

int os_secret_new(size_t size, struct os_secret *ret)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -errno;
    (void)madvise(at, size, MADV_DONTDUMP);
    (void)madvise(at, size, MADV_WIPEONFORK);
    *ret = (struct os_secret){.at = at, .size = size, .is_locked = mlock(at, size) == 0};
    return 0;
}

void os_secret_done(struct os_secret *s)
{
    if (s->at == NULL)
        return;
    base_wipe(s->at, s->size);
    (void)munmap(s->at, s->size);
    *s = (struct os_secret){0};
}
