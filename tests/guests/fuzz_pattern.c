/* Patterns and ignore rules on any bytes: pattern, a NUL, path. What matches must also be reachable: no folder above a
 * match may be left out by pattern_may_match_below(). */
#include "ignore.h"
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reachable(const struct pattern *pattern, struct str path)
{
    for (size_t at = 0; at < path.len; at++)
        if (path.at[at] == '/' && !pattern_may_match_below(pattern, str_part(path, 0, at)))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size};
    const char *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t len = end != NULL ? (size_t)(end - all.at) : size;
    struct str text = str_part(all, 0, len);
    struct str path = str_part(all, end != NULL ? len + 1 : len, size);
    struct pattern_set set;
    struct ignore_file *file;
    size_t dropped;

    if (size > 1024)
        return 0;
    if (pattern_set_init(&set, text) == PATTERN_OK) {
        for (size_t i = 0; i < set.count; i++)
            if (pattern_match(&set.patterns[i], path))
                check_reachable(&set.patterns[i], path);
        pattern_set_done(&set);
    }
    file = ignore_new(text, &dropped);
    ignore_check(file, path, true);
    ignore_check(file, path, false);
    ignore_free(file);
    return 0;
}
