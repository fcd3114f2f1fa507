/* Edit distance for suggestions in error sentences. Names longer than NAME_MAX_ are never near. */
#include "tools/nearest.h"

#define NAME_MAX_ 64

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Optimal string alignment over three rows; letter case does not count. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][NAME_MAX_ + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = j;
    memset(before, 0, sizeof rows[0]);
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t differ = lower(a.at[i - 1]) != lower(b.at[j - 1]);
            now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + differ);
            bool swapped =
                i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1];
            if (swapped && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.len];
}

void nearest_init(struct nearest *n, struct str wanted)
{
    size_t near_enough = wanted.len <= 3 ? 1 : wanted.len <= 7 ? 2 : 3;
    *n = (struct nearest){.wanted = wanted, .distance = near_enough + 1};
}

void nearest_offer(struct nearest *n, struct str candidate)
{
    if (n->wanted.len > NAME_MAX_ || candidate.len > NAME_MAX_ || n->wanted.len == 0)
        return;
    size_t d = distance(n->wanted, candidate);
    if (d < n->distance && d < candidate.len) {
        n->distance = d;
        n->best = candidate;
    }
}
