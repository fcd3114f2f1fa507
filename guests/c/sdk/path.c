/* See path.h. Pure. */
#include "path.h"

#include <string.h>

static void drop_last(struct buf *path, size_t start)
{
    while (path->len > start && path->at[path->len - 1] != '/')
        path->len--;
    if (path->len > start)
        path->len--;
}

enum path_outcome path_normalise(struct str path, struct buf *ret_path)
{
    size_t start = ret_path->len;

    if (path.len == 0)
        return PATH_EMPTY;
    if (path.len > PATH_MAX_BYTES)
        return PATH_TOO_LONG;
    if (str_has(path, '\0'))
        return PATH_HAS_NUL;
    for (size_t at = 0; at < path.len;) {
        const char *slash = memchr(path.at + at, '/', path.len - at);
        size_t end = slash != NULL ? (size_t)(slash - path.at) : path.len;
        struct str part = str_part(path, at, end);

        at = end + 1;
        if (part.len == 0 || str_equal(part, STR(".")))
            continue;
        if (str_equal(part, STR(".."))) {
            if (ret_path->len == start)
                return PATH_LEAVES_TOP;
            drop_last(ret_path, start);
            continue;
        }
        if ((ret_path->len > start && !buf_add_byte(ret_path, '/')) || !buf_add(ret_path, part))
            return PATH_TOO_LONG;
    }
    if (ret_path->len == start && !buf_add_byte(ret_path, '.'))
        return PATH_TOO_LONG;
    ret_path->at[ret_path->len] = '\0';
    return PATH_OK;
}

const char *path_outcome_text(enum path_outcome outcome)
{
    switch (outcome) {
    case PATH_EMPTY: return "is empty; the working folder itself is \"/\"";
    case PATH_TOO_LONG: return "is longer than 4096 bytes";
    case PATH_HAS_NUL: return "contains a NUL character";
    case PATH_LEAVES_TOP: return "leads above the working folder; use a path inside it";
    case PATH_OK: break;
    }
    return "is fine";
}

bool path_is_top(struct str plain)
{
    return str_equal(plain, STR("."));
}

struct str path_shown(struct str plain)
{
    return path_is_top(plain) ? STR("/") : plain;
}

static size_t last_slash(struct str plain)
{
    size_t at = plain.len;

    while (at > 0 && plain.at[at - 1] != '/')
        at--;
    return at;
}

struct str path_name(struct str plain)
{
    return str_part(plain, last_slash(plain), plain.len);
}

struct str path_parent(struct str plain)
{
    size_t at = last_slash(plain);

    return at == 0 ? STR(".") : str_part(plain, 0, at - 1);
}

bool path_join(struct buf *buf, struct str dir, struct str name)
{
    if (path_is_top(dir))
        return buf_add(buf, name);
    return buf_add(buf, dir) && buf_add_byte(buf, '/') && buf_add(buf, name);
}
