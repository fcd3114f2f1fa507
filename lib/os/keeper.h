/* What the first process of a pid namespace does for the others in it: start the one it is there for, count them all,
 * reap what is left to it, end them. It must have no other threads. */
#pragma once

#include "base/base.h"

#include <sys/types.h>

bool os_is_first_process(void); /* of its pid namespace */
/* A copy of this process: 0 in the child, which is in a session of its own; -errno. */
must_use int os_fork(pid_t *ret_pid);
/* Executes argv[0], found by PATH of `env` when it has no slash, with every signal as at the start of a program except
 * that a file past its largest size is an error and not an end. Comes back only with -errno. */
must_use int os_execute(char *const *argv, char *const *env);
must_use int os_enter_dir(const char *path); /* the current folder */

must_use int os_leave_stdio(void); /* 0 to 2 become /dev/null */
__attribute__((noreturn)) void
os_exit(int code); /* at once: nothing is flushed, nothing else is run */

struct os_ended {
    pid_t pid;
    int status; /* wait status */
};
/* One process that ended: 0; 1 none has by now; -ECHILD there are none. */
must_use int os_reap(struct os_ended *ret);
/* Waits for one. 0 or -ECHILD. */
must_use int os_reap_wait(struct os_ended *ret);
/* Every process of the namespace but this one. At once: none can start another in between. */
void os_kill_others(void);

/* What the processes in /proc hold and have used, this one excepted. */
struct os_tree_use {
    size_t processes; /* threads counted each: the kernel's own limit counts so */
    uint64_t memory;  /* bytes of memory of their own, shared memory once for each that uses it */
    uint64_t cpu_ns;  /* of those alive, and of what they have waited for */
    uint64_t read_bytes;    /* from storage, likewise; what was in memory already does not count */
    uint64_t written_bytes; /* to storage, likewise; what only memory holds does not count */
    size_t hidden; /* processes whose counters may not be read, though the kernel has them */
};
/* proc_fd: a folder with a pid's folder each; the processes beyond `max` are not looked at, only counted. */
must_use int os_tree_scan(int proc_fd, size_t max, struct os_tree_use *ret);
/* Memory shared between them counted once; slower. */
must_use int os_tree_memory(int proc_fd, size_t max, uint64_t *ret);
/* What was waited for by this process, and by those that it waited for. */
struct os_ended_use {
    uint64_t cpu_ns, peak_memory; /* peak_memory: of the largest one */
    uint64_t read_bytes, written_bytes;
};
void os_ended_use(struct os_ended_use *ret);
