/* Starting, watching and ending other programs: the only file that forks. A child gets exactly the
 * descriptors, arguments and environment that are named, never one more, and nobody's terminal.
 *
 * The child borrows our memory until it has executed its program (CLONE_VM | CLONE_VFORK): nothing is
 * copied, so a start costs the same for a large monitor as for a small one, and a failed exec is told
 * through plain memory. That is safe because
 *   - we are suspended until the child has executed or ended, so nobody else runs in this memory;
 *   - it runs on a stack of its own, with a guard page, not on ours;
 *   - all signals are blocked before and our handlers are removed in the child before it unblocks
 *     them, so no handler of ours can run there (its handler table is a copy);
 *   - its descriptor table and credentials are copies; between the clone and the exec it makes only
 *     system calls, allocates nothing, takes no lock and writes only to its struct plan. */
#include "os/process.h"

#include "base/str.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sanitizer/asan_interface.h> /* a macro that is empty without the sanitizer */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SPAWN_FDS_MAX = 64, SPAWN_STACK = 64 * 1024 };

/* What the child reads, and where it says how it failed. */
struct plan {
    const struct os_spawn *how;
    int fds[SPAWN_FDS_MAX];
    unsigned fd_count;
    int program_fd;
    int parent_fd; /* pidfd of the parent, or -1 */
    bool has_user_ns;
    volatile int error; /* positive errno; 0 = executed */
    const char *volatile step;
};

__attribute__((noreturn)) static void give_up(struct plan *p, const char *step)
{
    p->error = errno != 0 ? errno : EIO;
    p->step = step;
    _exit(127);
}

static void reset_signals(struct plan *p)
{
    /* Zeros are "default action" in every kernel's form of the struct. The call itself rather than
     * sigaction(), behind which a sanitizer keeps a table in our shared memory. */
    static const uint64_t by_default[8];
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        (void)syscall(SYS_rt_sigaction, s, by_default, NULL, (NSIG - 1) / 8); /* not KILL, STOP */
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        give_up(p, "reset the signals");
}

static void bind_to_parent(struct plan *p)
{
    struct pollfd parent = {.fd = p->parent_fd, .events = POLLIN};
    if (p->parent_fd < 0)
        return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        give_up(p, "bind to the parent");
    /* A parent that died before the line above sends no signal any more. Its pidfd tells; getppid()
     * does not, it is 0 for the first process of a pid namespace. */
    if (poll(&parent, 1, 0) == 0)
        return;
    errno = ESRCH;
    give_up(p, "find the parent alive");
}

/* Moves fd out of the way of the numbers that the new program gets. */
static void move_up(struct plan *p, int *fd)
{
    if (*fd >= (int)p->fd_count)
        return;
    *fd = fcntl(*fd, F_DUPFD_CLOEXEC, (int)p->fd_count);
    if (*fd < 0)
        give_up(p, "move a file descriptor");
}

static void place_fds(struct plan *p)
{
    for (unsigned i = 0; i < p->fd_count; i++)
        move_up(p, &p->fds[i]);
    if (p->how->program == NULL)
        move_up(p, &p->program_fd);
    for (int i = 0; i < (int)p->fd_count; i++) {
        if (dup3(p->fds[i], i, 0) < 0)
            give_up(p, "place a file descriptor");
    }
    /* Marked rather than closed: program_fd is still needed, and the exec closes them all. */
    if (close_range(p->fd_count, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        give_up(p, "close the other file descriptors");
}

/* In a new user namespace the child holds every capability there, but its user is not mapped yet, so
 * the exec would drop them all and the program could not even write its own uid_map. Ambient
 * capabilities carry them across that one exec. They count only in the new namespace, where nothing
 * of the host's can be reached with them; the program drops them when its jail is built. */
static void keep_namespace_capabilities(struct plan *p)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (!p->has_user_ns)
        return;
    if (syscall(SYS_capget, &header, data) < 0)
        give_up(p, "read the capabilities");
    for (int i = 0; i < 2; i++)
        data[i].inheritable = data[i].permitted;
    if (syscall(SYS_capset, &header, data) < 0)
        give_up(p, "set the capabilities");
    for (unsigned cap = 0; cap < 64; cap++) {
        if ((data[cap / 32].permitted >> (cap % 32) & 1) != 0 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            give_up(p, "keep the capabilities");
    }
}

static int run_child(void *arg)
{
    struct plan *p = arg;
    static const char *const no_env[] = {NULL};
    const char *const *env = p->how->env != NULL ? p->how->env : no_env;
    char *const *argv = (char *const *)(uintptr_t)p->how->argv;
    char *const *envp = (char *const *)(uintptr_t)env;
    reset_signals(p);
    if (setsid() < 0)
        give_up(p, "leave the session");
    bind_to_parent(p);
    place_fds(p);
    keep_namespace_capabilities(p);
    if (p->how->program != NULL)
        (void)execve(p->how->program, argv, envp);
    else
        (void)execveat(p->program_fd, "", argv, envp, AT_EMPTY_PATH);
    give_up(p, "execute the program");
}

static int clone_flags(uint32_t namespaces)
{
    static const struct {
        uint32_t bit;
        int flag;
    } rows[] = {{OS_NS_USER, CLONE_NEWUSER},    {OS_NS_MOUNT, CLONE_NEWNS},
                {OS_NS_NET, CLONE_NEWNET},      {OS_NS_PID, CLONE_NEWPID},
                {OS_NS_IPC, CLONE_NEWIPC},      {OS_NS_UTS, CLONE_NEWUTS},
                {OS_NS_CGROUP, CLONE_NEWCGROUP}};
    int flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((namespaces & rows[i].bit) != 0)
            flags |= rows[i].flag;
    }
    return flags;
}

/* Returns the pid or -errno. Comes back when the child has executed or ended. */
static int clone_child(struct plan *p, uint32_t namespaces, int *ret_pidfd)
{
    sigset_t all, before;
    int pidfd = -1;
    char *stack = mmap(NULL, SPAWN_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    if (mprotect(stack, 4096, PROT_NONE) < 0) {
        int r = -errno;
        (void)munmap(stack, SPAWN_STACK);
        return r;
    }
    p->has_user_ns = (namespaces & OS_NS_USER) != 0;
    sigfillset(&all);
    must(sigprocmask(SIG_SETMASK, &all, &before) == 0);
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | clone_flags(namespaces);
    /* A child that executed never left its functions, so the sanitizer still holds marks on the stack
     * before; this one may have the same address. */
    ASAN_UNPOISON_MEMORY_REGION(stack, SPAWN_STACK);
    int pid = clone(run_child, stack + SPAWN_STACK, flags, p, &pidfd);
    if (pid < 0)
        pid = -errno;
    must(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
    (void)munmap(stack, SPAWN_STACK);
    *ret_pidfd = pidfd;
    return pid;
}

static bool is_refusal(int error)
{
    return error == -EPERM || error == -ENOSPC || error == -EINVAL || error == -EUSERS;
}

/* Starts as planned; reaps a child that could not execute. */
static int start(struct plan *p, uint32_t namespaces, struct os_child *ret, struct fault *reterr)
{
    struct os_child child = {.pidfd = -1, .namespaces = namespaces};
    int status;
    p->error = 0;
    child.pid = clone_child(p, namespaces, &child.pidfd);
    if (child.pid < 0)
        return fault_sys(reterr, -child.pid, "cannot start a process");
    if (p->error == 0) {
        *ret = child;
        return 0;
    }
    int r = os_child_wait(&child, INT64_MAX, &status);
    os_close(child.pidfd);
    must(r <= 0);
    return fault_sys(reterr, p->error, "cannot start %s: could not %s",
                     p->how->program != NULL ? p->how->program : p->how->argv[0], p->step);
}

/* Numbers 0 to 2 always exist in the child: a program without them would take the first file that it
 * opens for its error output. */
static void plan_fds(struct plan *p, int null_fd)
{
    const struct os_spawn *how = p->how;
    p->fd_count = how->fd_count > 3 ? (unsigned)how->fd_count : 3;
    for (size_t i = 0; i < p->fd_count; i++) {
        int fd = i < how->fd_count ? how->fds[i] : -1;
        p->fds[i] = fd >= 0 ? fd : null_fd;
    }
}

int os_spawn(const struct os_spawn *how, struct os_child *ret, struct fault *reterr)
{
    struct plan p = {.how = how, .program_fd = how->program_fd, .parent_fd = -1};
    auto_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    auto_close int parent_fd = -1;
    if (how->fd_count > SPAWN_FDS_MAX)
        return fault_set(reterr, EINVAL, "a child gets at most %d file descriptors", SPAWN_FDS_MAX);
    if (null_fd < 0)
        return fault_sys(reterr, errno, "cannot open /dev/null");
    if (how->die_with_parent) {
        parent_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
        if (parent_fd < 0)
            return fault_sys(reterr, errno, "cannot hold this process");
    }
    p.parent_fd = parent_fd;
    plan_fds(&p, null_fd);
    struct fault first = {0};
    int r = start(&p, how->namespaces | how->namespaces_must, ret, &first);
    if (r < 0 && p.error == 0 && is_refusal(r) && (how->namespaces & ~how->namespaces_must) != 0)
        return start(&p, how->namespaces_must, ret, reterr);
    if (r < 0 && reterr != NULL)
        *reterr = first;
    return r;
}

void os_child_kill(const struct os_child *c)
{
    if (c->pid <= 0)
        return;
    (void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
    /* Its process group as well, for a child without a pid namespace. The number cannot be somebody
     * else's: the child is not reaped yet. */
    (void)kill(-c->pid, SIGKILL);
}

int os_child_wait(struct os_child *c, int64_t deadline_ns, int *ret_status)
{
    int status;
    pid_t pid;
    if (c->pid <= 0)
        return -ECHILD;
    int r = os_wait_fd(c->pidfd, false, deadline_ns);
    if (r != 0)
        return r;
    do
        pid = waitpid(c->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        return -errno;
    c->pid = -1;
    *ret_status = status;
    return 0;
}

int os_exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int64_t os_child_cpu_ns(const struct os_child *c)
{
    clockid_t clock;
    struct timespec ts;
    /* The number cannot be somebody else's: the child is not reaped yet. */
    if (c->pid <= 0 || clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
        return -1;
    return (int64_t)ts.tv_sec * OS_NS_PER_S + ts.tv_nsec;
}

int64_t os_child_memory(const struct os_child *c)
{
    char path[40], text[200];
    if (c->pid <= 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)c->pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : os_read(fd, text, sizeof text - 1);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    /* pages: address space, resident, of them with a file behind */
    int64_t pages[3];
    struct str rest = {text, (size_t)n}, word;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (!str_split(rest, ' ', &word, &rest) ||
            base_parse_i64(word, 0, INT64_C(1) << 48, &pages[i]) < 0)
            return -1;
    return pages[2] > pages[1] ? -1 : (pages[1] - pages[2]) * sysconf(_SC_PAGESIZE);
}

void os_child_done(struct os_child *c)
{
    int status;
    if (c->pid > 0) {
        os_child_kill(c);
        int r = os_child_wait(c, INT64_MAX, &status);
        (void)r; /* -ECHILD: somebody reaped it for us */
        os_close(c->pidfd);
    } else if (c->pid < 0) {
        os_close(c->pidfd);
    }
    *c = (struct os_child){.pidfd = -1};
}
