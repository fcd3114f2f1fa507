/* The end of the road for a broken invariant: say which claim failed, then abort so that a core and
 * a signal tell the parent. Must never allocate, and must never return. */
#include "base/base.h"

#include <stdio.h>

void base_must_failed(const char *claim, const char *file, int line)
{
    fprintf(stderr, "boxagnts: broken invariant at %s:%d: %s\n", file, line, claim);
    abort();
}
