/* Loaded into the programs under test by the injector (LD_PRELOAD), never linked into anything: makes the Nth allocation
 * fail. BX_FAULT_ALLOC=N fails the Nth, =N+ fails it and all after it, =count fails none. What happened is told to the tracer
 * by a system call that every filter lets through and that does nothing: close() of a number that no file has. */
#define _GNU_SOURCE
#include "injector.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

static long nth = -1; /* -1: not read yet; 0: none */
static long seen;
static int lasts, counts;

static void read_plan(void)
{
    const char *text = getenv("BX_FAULT_ALLOC");
    nth = 0;
    if (text == NULL)
        return;
    counts = strcmp(text, "count") == 0;
    for (; *text >= '0' && *text <= '9'; text++)
        nth = nth * 10 + (*text - '0');
    lasts = *text == '+';
}

/* The programs that allocate in several threads (egress) are not the target of this suite's allocation faults. */
static int fails(void)
{
    if (nth < 0)
        read_plan();
    if (counts)
        (void)syscall(SYS_close, INJECTOR_COUNTS);
    if (nth == 0)
        return 0;
    seen++;
    if (seen != nth && !(lasts && seen > nth))
        return 0;
    if (seen == nth)
        (void)syscall(SYS_close, INJECTOR_FIRED);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
    return size != 0 && fails() ? NULL : __libc_realloc(at, size);
}

void *memalign(size_t align, size_t size)
{
    return fails() ? NULL : __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **ret, size_t align, size_t size)
{
    void *at = memalign(align, size);
    if (at == NULL)
        return ENOMEM;
    *ret = at;
    return 0;
}
