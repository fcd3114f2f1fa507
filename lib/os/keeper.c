/* The first process of a pid namespace. The processes that it counts are hostile: they come and go while they are looked
 * at, and their names are theirs to choose; a file of theirs that is not there any more, or is not as expected, counts
 * for nothing and stops nothing. */
#include "os/keeper.h"

#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

enum { FILE_MAX = 4096, ENTRY_MAX = 32 };

bool os_is_first_process(void)
{
    return getpid() == 1;
}

int os_fork(pid_t *ret_pid)
{
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        (void)setsid(); /* fails only for the leader of a group, which a new process is not */
    *ret_pid = pid;
    return 0;
}

int os_execute(char *const *argv, char *const *env)
{
    sigset_t none;
    (void)signal(
        SIGXFSZ,
        SIG_IGN); /* the others are as the spawner of this process left them: at their default */
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    environ = (char **)(uintptr_t)env;
    (void)execvp(argv[0], argv);
    return -errno;
}

int os_enter_dir(const char *path)
{
    return chdir(path) < 0 ? -errno : 0;
}

int os_leave_stdio(void)
{
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -errno;
    for (int fd = 0; fd <= 2; fd++) {
        if (dup3(null, fd, 0) < 0)
            return -errno;
    }
    return 0;
}

void os_exit(int code)
{
    _exit(code);
}

static int reap(int flags, struct os_ended *ret)
{
    pid_t pid;
    do
        pid = waitpid(-1, &ret->status, flags | __WALL);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        return -errno;
    ret->pid = pid;
    return pid == 0 ? 1 : 0;
}

int os_reap(struct os_ended *ret)
{
    return reap(WNOHANG, ret);
}

int os_reap_wait(struct os_ended *ret)
{
    return reap(0, ret);
}

void os_kill_others(void)
{
    (void)kill(-1, SIGKILL);
}

/* --- counting --- */

/* A small file of one process into `at`, NUL-terminated; its length, or < 0. */
static ssize_t read_small(int proc_fd, const char *pid, const char *name, char at[FILE_MAX])
{
    char path[ENTRY_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/%s", pid, name);
    auto_close int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = os_read(fd, at, FILE_MAX - 1);
    at[n < 0 ? 0 : n] = '\0';
    return n;
}

/* The number after `key` at the start of a line; 0 when it is not there. */
static uint64_t number_of(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, len) == 0) {
            const char *at = line + len;
            uint64_t value = 0;
            at += strspn(at, " \t");
            (void)!base_parse_u64((struct str){at, strspn(at, "0123456789")}, UINT64_MAX, &value);
            return value;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return 0;
}

/* Fields of /proc/PID/stat by their number in proc(5). The name, field 2, may hold anything; it ends at the last ')'. */
static uint64_t stat_field(const char *text, unsigned number)
{
    const char *at = strrchr(text, ')');
    uint64_t value = 0;
    if (at == NULL)
        return 0;
    at++;
    for (unsigned i = 3; i <= number; i++) {
        at += strspn(at, " ");
        if (i == number)
            (void)!base_parse_u64((struct str){at, strcspn(at, " \n")}, UINT64_MAX, &value);
        at += strcspn(at, " \n");
    }
    return value;
}

/* A process that is ending has given up its memory, is then everybody's stranger, and shows its counters to nobody until
 * it is waited for: no size in /proc/PID/stat (field 23). */
static bool is_alive(const char *text)
{
    return stat_field(text, 23) > 0;
}

/* Refused twice by a process that has memory in between. */
static bool hides(int proc_fd, const char *pid)
{
    char text[FILE_MAX];
    if (read_small(proc_fd, pid, "stat", text) <= 0 || !is_alive(text))
        return false;
    ssize_t n = read_small(proc_fd, pid, "io", text);
    return (n == -EACCES || n == -EPERM) && read_small(proc_fd, pid, "stat", text) > 0 &&
           is_alive(text);
}

static void add_one(int proc_fd, const char *pid, struct os_tree_use *use)
{
    char text[FILE_MAX];
    if (read_small(proc_fd, pid, "stat", text) > 0) {
        uint64_t ticks = stat_field(text, 14) + stat_field(text, 15) + stat_field(text, 16) +
                         stat_field(text, 17);
        uint64_t threads = stat_field(text, 20);
        use->cpu_ns += ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
        use->processes += threads > 0 ? threads : 1;
    } else {
        return;
    }
    if (read_small(proc_fd, pid, "status", text) > 0)
        use->memory += (number_of(text, "RssAnon:") + number_of(text, "RssShmem:")) * 1024;
    ssize_t n = read_small(proc_fd, pid, "io", text);
    if (n > 0) {
        use->read_bytes += number_of(text, "read_bytes:");
        use->written_bytes += number_of(text, "write_bytes:");
    } else if ((n == -EACCES || n == -EPERM) && hides(proc_fd, pid)) {
        use->hidden++;
    }
}

/* Calls each(pid) for the processes in proc_fd other than the first one, at most max times; the others are told by
 * their number. */
static int each_process(int proc_fd, size_t max, void (*each)(int, const char *, void *), void *arg,
                        size_t *ret_more)
{
    char entries[8192];
    size_t seen = 0, more = 0;
    if (lseek(proc_fd, 0, SEEK_SET) < 0)
        return -errno;
    for (;;) {
        long n = syscall(SYS_getdents64, proc_fd, entries, sizeof(entries));
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        for (long at = 0; at < n;) {
            const struct dirent64 *e = (const struct dirent64 *)(const void *)(entries + at);
            at += e->d_reclen;
            const char *name = e->d_name;
            size_t len = strlen(name);
            if (len == 0 || len >= ENTRY_MAX || strspn(name, "0123456789") != len ||
                strcmp(name, "1") == 0)
                continue;
            if (seen < max)
                each(proc_fd, name, arg);
            else
                more++;
            seen++;
        }
    }
    *ret_more = more;
    return 0;
}

static void scan_one(int proc_fd, const char *pid, void *arg)
{
    add_one(proc_fd, pid, arg);
}

int os_tree_scan(int proc_fd, size_t max, struct os_tree_use *ret)
{
    struct os_tree_use use = {0};
    size_t more = 0;
    int r = each_process(proc_fd, max, scan_one, &use, &more);
    use.processes += more;
    if (r == 0)
        *ret = use;
    return r;
}

static void add_share(int proc_fd, const char *pid, void *arg)
{
    uint64_t *sum = arg;
    char text[FILE_MAX];
    if (read_small(proc_fd, pid, "smaps_rollup", text) > 0)
        *sum += (number_of(text, "Pss_Anon:") + number_of(text, "Pss_Shmem:")) * 1024;
    else if (read_small(proc_fd, pid, "status", text) > 0)
        *sum += (number_of(text, "RssAnon:") + number_of(text, "RssShmem:")) * 1024;
}

int os_tree_memory(int proc_fd, size_t max, uint64_t *ret)
{
    uint64_t sum = 0;
    size_t more;
    int r = each_process(proc_fd, max, add_share, &sum, &more);
    if (r == 0)
        *ret = sum;
    return r;
}

void os_ended_use(struct os_ended_use *ret)
{
    enum { BLOCK = 512 }; /* getrusage(2) counts storage in these */
    struct rusage use = {0};
    (void)getrusage(RUSAGE_CHILDREN, &use);
    *ret = (struct os_ended_use){
        .cpu_ns = (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * UINT64_C(1000000000) +
                  (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000,
        .peak_memory = (uint64_t)use.ru_maxrss * 1024,
        .read_bytes = (uint64_t)use.ru_inblock * BLOCK,
        .written_bytes = (uint64_t)use.ru_oublock * BLOCK,
    };
}
