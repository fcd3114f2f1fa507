/* The ends of the road: for a broken invariant say which claim failed, then abort so that a core and
 * a signal tell the parent; for a library without memory say so and leave. Must never allocate, and must
 * never return. */
#include "base/base.h"

#include <stdio.h>

void base_must_failed(const char *claim, const char *file, int line)
{
    fprintf(stderr, "boxagnts: broken invariant at %s:%d: %s\n", file, line, claim);
    abort();
}

/* Without the functions that wait for the end of the process: they may need memory, too. */
void base_library_failed(const char *claim)
{
    fprintf(stderr,
            "boxagnts: no memory for a library, and nothing can be trusted without it: %s\n",
            claim);
    _Exit(1);
}
