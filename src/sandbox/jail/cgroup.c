/* Control groups, as far as they are seen from inside: whether this process is in a group that the
 * spawner made for it, and whether this place would let a spawner make one. */
#include "os/fd.h"
#include "os/file.h"
#include "sandbox/jail/facets.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define GROUP_PREFIX "boxagnts-" /* the first letters of every group that a spawner of ours makes */
enum { CGROUP_FILE_MAX = 16384 };

/* Each line: number ":" controllers ":" path; number 0 without controllers is version 2. */
static const char *read_cgroup(void)
{
    struct buf file;
    const char *found = "none";
    buf_init(&file, CGROUP_FILE_MAX);
    if (os_read_file_trusted("/proc/self/cgroup", &file) == 0) {
        struct str rest = buf_str(&file), line;
        while (rest.len > 0) {
            if (!str_split(rest, '\n', &line, &rest)) {
                line = rest;
                rest.len = 0;
            }
            if (memmem(line.at, line.len, "/" GROUP_PREFIX, sizeof(GROUP_PREFIX)) == NULL)
                continue;
            if (str_starts(line, STR("0::")))
                found = "v2";
            else if (found[0] == 'n')
                found = "v1";
        }
    }
    buf_done(&file);
    return found;
}

/* Nobody of ours is moved once it runs, so it is read once, for the children of this process too. */
const char *jail_cgroup(void)
{
    static const char *known;
    if (known == NULL)
        known = read_cgroup();
    return known;
}

bool jail_cgroup_v2_is_delegated(void)
{
    struct buf file;
    struct str path = STR(""), rest, line;
    char name[4096];
    bool is_ours = false;
    buf_init(&file, CGROUP_FILE_MAX);
    if (os_read_file_trusted("/proc/self/cgroup", &file) == 0) {
        rest = buf_str(&file);
        while (path.len == 0 && str_split(rest, '\n', &line, &rest)) {
            if (str_starts(line, STR("0::")))
                path = (struct str){line.at + 3, line.len - 3};
        }
    }
    /* Delegated = its groups may be made, and our process moved, by us; and there is something to
     * limit. */
    int n =
        snprintf(name, sizeof(name), "/sys/fs/cgroup%.*s/cgroup.subtree_control", STR_FMT(path));
    if (path.len > 0 && n > 0 && (size_t)n < sizeof(name)) {
        int fd = os_open_trusted(name, O_WRONLY, 0);
        is_ours = fd >= 0;
        if (fd >= 0)
            os_close(fd);
    }
    buf_done(&file);
    return is_ours;
}
