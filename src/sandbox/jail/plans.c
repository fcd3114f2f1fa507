/* What each program gets, as data: facets, namespaces, limits, and the files egress may read. The
 * system call tables are filters.c. */
#include "os/caps.h"
#include "os/env.h"
#include "os/process.h"
#include "sandbox/jail/facets.h"
#include "sandbox/jail/filters.h"

#include <errno.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define NS_ALL                                                                                     \
    (OS_NS_USER | OS_NS_MOUNT | OS_NS_NET | OS_NS_PID | OS_NS_IPC | OS_NS_UTS | OS_NS_CGROUP)

/* Certificates and name service. Folders and not single names where links lead from one to the
 * other. No libraries: name service modules beyond the C library's own files and dns are left out
 * on purpose. */
static const char *const egress_paths[] = {
    "/etc/ssl",
    "/etc/pki/tls",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    NULL,
};

/* What nobody of ours needs. A file size of zero would end a program whose error output is a
 * file. */
#define LIMITS_OF_ALL                                                                              \
    [OS_RLIMIT_CORE] = 0, [OS_RLIMIT_LOCKED_MEMORY] = 0, [OS_RLIMIT_MESSAGE_QUEUES] = 0,           \
    [OS_RLIMIT_NICE] = 0, [OS_RLIMIT_REALTIME] = 0, [OS_RLIMIT_DATA] = JAIL_NO_LIMIT

#define FILTER(program) .filter = filter_##program, .filter_count = ARRAY_LEN(filter_##program)

const struct jail_plan jail_plans[JAIL_PROGRAM_COUNT] = {
    [JAIL_MONITOR] =
        {
            .name = "monitor",
            /* Its parent is the operator's shell and may end; it makes namespaces for others;
             * landlock.c says why not that one. */
            .facets = JAIL_ALL & ~(uint32_t)(JAIL_NAMESPACES | JAIL_PARENT_DEATH | JAIL_LANDLOCK),
            FILTER(monitor),
            .filter_answer = 3901,
            .keeps_environment = true,
            .refuses_new_code = true,
            .limits =
                {
                    [OS_RLIMIT_ADDRESS_SPACE] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_CPU_SECONDS] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_FILE_SIZE] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_CORE] = 0,
                    [OS_RLIMIT_FDS] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_PROCESSES] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_LOCKED_MEMORY] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_MESSAGE_QUEUES] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_NICE] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_REALTIME] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_DATA] = JAIL_NO_LIMIT,
                },
        },
    [JAIL_AGENT] =
        {
            .name = "agent",
            .facets = JAIL_ALL,
            .namespaces = NS_ALL,
            FILTER(agent),
            .filter_answer = 3902,
            .limits =
                {
                    LIMITS_OF_ALL,
                    [OS_RLIMIT_CPU_SECONDS] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_ADDRESS_SPACE] = 2 * GIB,
                    [OS_RLIMIT_FILE_SIZE] = 64 * MIB,
                    [OS_RLIMIT_FDS] = 64,
                    [OS_RLIMIT_PROCESSES] = 0,
                },
        },
    [JAIL_WORKER] =
        {
            .name = "worker",
            .facets = JAIL_ALL,
            .namespaces = NS_ALL,
            FILTER(worker),
            .filter_answer = 3903,
            .limits =
                {
                    LIMITS_OF_ALL,
                    [OS_RLIMIT_CPU_SECONDS] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_ADDRESS_SPACE] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_FILE_SIZE] = 4 * GIB,
                    [OS_RLIMIT_FDS] = 1024,
                    [OS_RLIMIT_PROCESSES] = 0,
                },
        },
    [JAIL_EGRESS] =
        {
            .name = "egress",
            .facets = JAIL_ALL,
            .namespaces = NS_ALL & ~(uint32_t)OS_NS_NET,
            FILTER(egress),
            .filter_answer = 3904,
            .read_paths = egress_paths,
            .limits =
                {
                    LIMITS_OF_ALL, [OS_RLIMIT_CPU_SECONDS] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_ADDRESS_SPACE] = 4 * GIB, [OS_RLIMIT_FILE_SIZE] = 64 * MIB,
                    [OS_RLIMIT_FDS] = 1024, [OS_RLIMIT_PROCESSES] = 64, /* the resolver's threads */
                },
        },
    [JAIL_COMPILE] =
        {
            .name = "compile",
            .facets = JAIL_ALL,
            .namespaces = NS_ALL,
            FILTER(compile),
            .filter_answer = 3905,
            .limits =
                {
                    LIMITS_OF_ALL,
                    /* one thread, and ended after 60 s; a module of 64 MiB of ordinary functions takes 100 MiB */
                    [OS_RLIMIT_CPU_SECONDS] = 65,
                    [OS_RLIMIT_ADDRESS_SPACE] = 2 * GIB,
                    [OS_RLIMIT_FILE_SIZE] = 512 * MIB,
                    [OS_RLIMIT_FDS] = 64,
                    [OS_RLIMIT_PROCESSES] = 0,
                },
        },
    [JAIL_KEEPER] =
        {
            .name = "keeper",
            .facets = JAIL_ALL,
            .namespaces = NS_ALL,
            FILTER(keeper),
            .filter_answer = 3906,
            .makes_root = true,
            .is_granted_by_root = true,
            .limits =
                {
                    LIMITS_OF_ALL,
                    [OS_RLIMIT_CPU_SECONDS] = JAIL_NO_LIMIT,
                    [OS_RLIMIT_ADDRESS_SPACE] = 256 * MIB,
                    [OS_RLIMIT_FILE_SIZE] = 64 * MIB,
                    [OS_RLIMIT_FDS] = 256, /* folders on its way down, when it counts files */
                    [OS_RLIMIT_PROCESSES] = 0,
                },
        },
    [JAIL_COMMAND] =
        {
            .name = "command",
            /* Its namespaces are the keeper's, whose end is its own. */
            .facets = JAIL_ALL & ~(uint32_t)(JAIL_NAMESPACES | JAIL_PARENT_DEATH),
            FILTER(command),
            .filter_answer = 3907,
            .is_granted_by_root = true,
            .limits =
                {
                    [OS_RLIMIT_CORE] = 0,
                    [OS_RLIMIT_LOCKED_MEMORY] = 0,
                    [OS_RLIMIT_MESSAGE_QUEUES] = 0,
                    [OS_RLIMIT_NICE] = 0,
                    [OS_RLIMIT_REALTIME] = 0,
                    /* what a profile says replaces these */
                    [OS_RLIMIT_CPU_SECONDS] = 600,
                    [OS_RLIMIT_ADDRESS_SPACE] =
                        JAIL_NO_LIMIT, /* what is reserved costs nothing; DATA counts */
                    [OS_RLIMIT_FILE_SIZE] = 256 * MIB,
                    [OS_RLIMIT_FDS] = 256,
                    [OS_RLIMIT_PROCESSES] = 256,
                    [OS_RLIMIT_DATA] = 2 * GIB,
                },
        },
};

/* A place is made for each path; within a folder that is shown already none can be made, and none is needed. */
static bool is_below_one_of(const char *path, const char *const *folders)
{
    for (; folders != NULL && *folders != NULL; folders++) {
        size_t len = strlen(*folders);
        if (strncmp(path, *folders, len) == 0 && (path[len] == '/' || path[len] == '\0'))
            return true;
    }
    return false;
}

int jail_read_paths(const struct jail_work *w, const char *ret[JAIL_PATHS_MAX + 1])
{
    const char *const *lists[] = {w->plan->read_paths, w->profile->read_paths};
    size_t count = 0;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (size_t i = 0; lists[l] != NULL && lists[l][i] != NULL; i++) {
            if (l > 0 && is_below_one_of(lists[l][i], w->plan->read_paths))
                continue;
            if (count == JAIL_PATHS_MAX)
                return -E2BIG;
            ret[count++] = lists[l][i];
        }
    }
    ret[count] = NULL;
    return 0;
}

uint32_t jail_namespaces(enum jail_program program)
{
    /* A new namespace in which nobody can map the user is worse than none: a program there would be a
     * stranger to its own files. It takes a /proc that knows us, and for user 0 CAP_SETFCAP, which
     * some containers take away. */
    bool can_be_mapped =
        jail_spawner_ids()->id[0] != 0 && (os_uid() != 0 || os_caps_has(OS_CAP_SETFCAP));
    return can_be_mapped ? jail_plans[program].namespaces : 0;
}

uint32_t jail_facets(enum jail_program program)
{
    return jail_plans[program].facets;
}

const char *jail_program_name(enum jail_program program)
{
    return jail_plans[program].name;
}
