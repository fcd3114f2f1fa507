/* How alike two short texts are: for "did you mean" and for the nearest line of a failed edit. Pure. */
#pragma once

#include "base.h"

enum { SIMILAR_MAX_BYTES = 128 };

/* Edit distance without regard to ASCII case, over the first SIMILAR_MAX_BYTES of each; two neighbours
 * swapped count as one change. */
size_t similar_distance(struct str a, struct str b);
/* Is `name` close enough to `wanted` to be worth a mention? ret_distance orders the answers. */
bool similar_name(struct str wanted, struct str name, size_t *ret_distance);

/* A line prepared for many comparisons by the pairs of bytes in it. */
struct similar_line {
    uint64_t pairs[16];
    size_t pair_count;
};

void similar_line_init(struct similar_line *ret_line, struct str line);
/* 0..1000, blanks at both ends not counted. */
unsigned similar_line_score(const struct similar_line *wanted, struct str line);
