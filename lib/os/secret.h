/* Memory for keys: pages of their own that are not swapped out (as far as the limits let us lock them), not
 * in a core dump, not in a child, and wiped before they are given back. Make it before the lockdown: after
 * that nothing may be locked any more. */
#pragma once

#include "base/base.h"

struct os_secret {
    char *at; /* zeroed at birth */
    size_t size;
    bool is_locked;
};

must_use int os_secret_new(size_t size, struct os_secret *ret);
void os_secret_done(struct os_secret *s); /* wipes; zeroed or done is fine */
