/* Lexical normalisation of guest paths. Climbing above "/" is a fault here, not a silent stop at the root: a planner that asks for
 * ../../etc shall hear that there is nothing there. */
#include "tools/guest_path.h"

const char *guest_path_why(int fault)
{
    switch (fault) {
    case GUEST_PATH_EMPTY: return "is empty";
    case GUEST_PATH_TOO_LONG: return "is longer than 1023 bytes";
    case GUEST_PATH_CONTROL: return "has control characters or bytes that are not UTF-8 in it";
    case GUEST_PATH_CLIMBS:
        return "goes above \"/\", which is the working folder; there is nothing above it";
    default: return "is no path";
    }
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return true;
    return false;
}

int guest_path_normalise(struct str text, char ret[GUEST_PATH_MAX], bool *ret_changed)
{
    size_t used = 0;
    *ret_changed = false;
    if (text.len == 0)
        return GUEST_PATH_EMPTY;
    if (has_control(text) || !utf8_valid(text))
        return GUEST_PATH_CONTROL;
    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        while (end < text.len && text.at[end] != '/')
            end++;
        struct str part = {text.at + at, end - at};
        if (part.len == 0) {
            *ret_changed |= at > 0; /* the first is the root itself */
        } else if (str_is(part, ".")) {
            *ret_changed |= text.len > 1; /* "." alone is the root, whatever links there are */
        } else if (str_is(part, "..")) {
            *ret_changed = true;
            if (used == 0)
                return GUEST_PATH_CLIMBS;
            while (ret[--used] != '/')
                ;
        } else {
            if (used + 1 + part.len >= GUEST_PATH_MAX)
                return GUEST_PATH_TOO_LONG;
            ret[used++] = '/';
            memcpy(ret + used, part.at, part.len);
            used += part.len;
        }
        at = end + 1;
    }
    if (used == 0)
        ret[used++] = '/';
    ret[used] = 0;
    return 0;
}

bool guest_path_is_below(struct str path, struct str dir)
{
    if (dir.len == 1)
        return path.len > 0 && path.at[0] == '/';
    return str_starts(path, dir) && (path.len == dir.len || path.at[dir.len] == '/');
}
