/* Starting, watching and ending other programs. The one place that forks.
 * A child is known by its pidfd; "kill" reaches the whole tree when the child has its own pid
 * namespace (it is then that namespace's init, and the kernel ends everything in it). */
#pragma once

#include "base/base.h"
#include "base/fault.h"

#include <sys/types.h>

struct os_child {
    pid_t pid;
    int pidfd;           /* own; readable when the child has ended */
    uint32_t namespaces; /* OS_NS_* really made */
};

enum {
    OS_NS_USER = 1,
    OS_NS_MOUNT = 2,
    OS_NS_NET = 4,
    OS_NS_PID = 8,
    OS_NS_IPC = 16,
    OS_NS_UTS = 32,
    OS_NS_CGROUP = 64,
};

struct os_spawn {
    const char *program;      /* absolute path, or NULL when program_fd is used */
    int program_fd;           /* O_PATH fd for execveat, or -1 */
    const char *const *argv;  /* NULL-terminated */
    const char *const *env;   /* NULL-terminated; NULL = empty */
    const int *fds;           /* child fd i = fds[i], -1 = /dev/null; all others are closed */
    size_t fd_count;          /* the child has 0 to 2 in any case: /dev/null when not given */
    uint32_t namespaces;      /* OS_NS_*; asked for together with the clone() */
    uint32_t namespaces_must; /* those that may not be left out: else -EPERM etc. */
    bool die_with_parent;     /* PR_SET_PDEATHSIG SIGKILL, race closed */
};

/* Starts the program. When the kernel refuses the namespaces that are only wished for, starts
 * without all of them and says so in ret->namespaces. An exec that fails is reported here. The child
 * is in a session of its own, with default signal handling and nothing blocked; in a new user
 * namespace it keeps all capabilities there across the exec, so that it can write its uid_map.
 * The caller must not have other threads. */
must_use int os_spawn(const struct os_spawn *how, struct os_child *ret, struct fault *reterr);
void os_child_kill(const struct os_child *c); /* SIGKILL through the pidfd */
/* Reaps. 0 and *ret_status (wait status) when it has ended, 1 when not by the deadline, -errno. */
must_use int os_child_wait(struct os_child *c, int64_t deadline_ns, int *ret_status);
/* Of a wait status: the exit code, or 128 and the signal, as a shell says it. */
int os_exit_code(int status);
/* Processor time of a child that is not reaped, all its threads; ended or not. -1: cannot be told. */
int64_t os_child_cpu_ns(const struct os_child *c);
/* What a child holds of memory that is its own (resident, no file behind it), in bytes. -1: cannot be told. */
int64_t os_child_memory(const struct os_child *c);
void os_child_done(struct os_child *c); /* kills if needed, reaps, closes; zeroed or done is fine */
/* Ends this process at once: nothing is run, nothing is flushed. Safe in a signal handler on whatever stack it is; the C
 * library's own way is not, under a sanitizer that looks at the stack first. Does not come back. */
void os_exit_now(int code);
/* In the child: again, after its credentials changed. -EPIPE when the peer is gone already. */
must_use int os_die_with_parent(int channel_fd);
