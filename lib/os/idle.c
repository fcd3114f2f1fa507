/* See idle.h. Only what is mapped from files without PROT_WRITE is let go: relocated data lies in segments that were writable once, and
 * would not come back as it was. */
#include "os/idle.h"

#include "base/base.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

static int drop_segments(struct dl_phdr_info *info, size_t size unused_, void *arg unused_)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
            continue;
        uintptr_t from = (info->dlpi_addr + p->p_vaddr) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);
        (void)madvise((void *)from, end - from, MADV_DONTNEED); // NOLINT(performance-no-int-to-ptr)
    }
    return 0;
}

void os_give_back_memory(void)
{
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(drop_segments, NULL);
}
