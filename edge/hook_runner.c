/* Started by edge/hooks.c in new user and pid namespaces. Nobody's input is read here: the words are the operator's. The hook keeps the
 * operator's own rights over files and network; what it does not get is the monitor's environment and descriptors. */
#include "edge/hook_runner.h"

#include "base/base.h"
#include "base/str.h"
#include "os/env.h"
#include "os/keeper.h"
#include "os/namespace.h"
#include "os/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOT_RUNNABLE 126
#define NOT_FOUND 127

static int give_up(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(error));
    fflush(stderr);
    return error == ENOENT ? NOT_FOUND : NOT_RUNNABLE;
}

static int map(const char *uid_text, const char *gid_text)
{
    uint64_t uid, gid;
    if (base_parse_u64(str_of(uid_text), UINT32_MAX, &uid) < 0 ||
        base_parse_u64(str_of(gid_text), UINT32_MAX, &gid) < 0)
        return -EINVAL;
    int r = os_namespace_map_self((uid_t)uid, (gid_t)gid);
    return r == -EEXIST ? 0 : r;
}

int hook_runner_main(int argc, char **argv)
{
    pid_t hook;
    if (argc < 5 || !os_is_first_process())
        return NOT_RUNNABLE; /* nobody starts it but edge/hooks.c */
    int r = map(argv[1], argv[2]);
    if (r < 0)
        return give_up("the hook's user", -r);
    if ((r = os_enter_dir(argv[3])) < 0)
        return give_up("the work folder", -r);
    if ((r = os_fork(&hook)) < 0)
        return give_up("the hook's process", -r);
    if (hook == 0) {
        r = os_execute(argv + 4, environ);
        os_exit(give_up(argv[4], -r));
    }
    /* or nobody would see that the hook has said all it has to say */
    r = os_leave_stdio();
    for (struct os_ended ended; r == 0 && (r = os_reap_wait(&ended)) == 0;)
        if (ended.pid == hook)
            return os_exit_code(ended.status);
    return NOT_RUNNABLE;
}
