/* "Did you mean": the nearest of the names that are offered, by edit distance (a swap of neighbours counts
 * one). Pure; a plain value on the caller's stack. */
#pragma once

#include "base/base.h"
#include "base/str.h"

struct nearest {
    struct str wanted, best; /* best.at == NULL: nothing near enough yet */
    size_t distance;
};
void nearest_init(struct nearest *n, struct str wanted);
void nearest_offer(struct nearest *n, struct str candidate);
static inline bool nearest_found(const struct nearest *n)
{
    return n->best.at != NULL;
}
