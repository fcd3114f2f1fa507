/* Runs a command with one fault in it:
 *
 *     injector REPORT SHIM PROGRAM syscall|alloc|count N|N+ COMMAND ARGS...
 *
 * Traces the command and everything that it starts. The Nth system call (syscall) or allocation (alloc; with a + that one and
 * all after it) of the programs called PROGRAM fails; count makes none fail and counts both for all programs. The programs
 * are the ones that are shipped, unchanged: a system call is made to fail by the tracer, an allocation by a library that the
 * tracer puts into the environment of each exec, because our programs give their children none.
 *
 * Why ptrace: it reaches all programs behind their own lock-down. Filters are looked at after the tracer has changed the
 * call, so what is put in the place of a call is close(-1), which every filter allows; and only registers are touched, because
 * the memory of a program that is not dumpable is closed to a tracer without privilege.
 *
 * The report: "fired PROGRAM CALL ERRNO", "count PROGRAM SYSCALLS ALLOCATIONS", "signal PROGRAM NUMBER FILE" for each signal that
 * means a crash, with the file whose code it came from, "left N" processes that outlived the command by more than LEFT_MS. Exits as the command does (128 + signal). */
#define _GNU_SOURCE
#include "injector.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASKS_MAX = 256, PROGRAMS_MAX = 32, NAME = 32, LEFT_MS = 10000 };

static void die(const char *what)
{
    fprintf(stderr, "injector: %s: %s\n", what, strerror(errno));
    exit(125);
}

#ifndef __x86_64__
int main(void)
{
    errno = ENOSYS;
    die("this machine is not x86-64");
}
#else

struct program {
    char name[NAME];
    long syscalls, allocations;
};
struct task {
    pid_t pid;
    struct program *program;
    bool is_ending;              /* had a signal that means a crash */
    bool is_failed;              /* this call was replaced; before and error say what to put back */
    uint64_t loader, loader_end; /* calls from here are the dynamic loader's, before main */
    int error;
    struct user_regs_struct before;
};

static struct task tasks[TASKS_MAX];
static struct program programs[PROGRAMS_MAX];
static const char *target, *kind, *shim, *nth_text;
static long nth;
static bool has_fired;
static FILE *report;

/* --- which errno a call gives --- */

struct answer {
    long call;
    int error; /* 0: cannot fail, or not by itself: left alone and not counted */
};

/* clang-format off */
static const struct answer answers[] = {
    /* These cannot fail with the arguments that our programs give them, or their failing is not heard. */
    {SYS_exit, 0}, {SYS_exit_group, 0}, {SYS_rt_sigreturn, 0}, {SYS_restart_syscall, 0},
    {SYS_getpid, 0}, {SYS_gettid, 0}, {SYS_getppid, 0}, {SYS_getuid, 0}, {SYS_geteuid, 0},
    {SYS_getgid, 0}, {SYS_getegid, 0}, {SYS_umask, 0}, {SYS_sched_yield, 0},
    {SYS_set_tid_address, 0}, {SYS_set_robust_list, 0}, {SYS_rseq, 0}, {SYS_arch_prctl, 0},
    {SYS_rt_sigprocmask, 0}, {SYS_rt_sigaction, 0}, {SYS_sigaltstack, 0}, {SYS_clock_gettime, 0},
    {SYS_futex, 0}, {SYS_munmap, 0}, {SYS_madvise, 0}, {SYS_getrandom, 0}, {SYS_timer_settime, 0},
    {SYS_timer_delete, 0},
    {SYS_mmap, ENOMEM}, {SYS_mprotect, ENOMEM}, {SYS_brk, ENOMEM}, {SYS_mremap, ENOMEM},
    {SYS_poll, ENOMEM}, {SYS_ppoll, ENOMEM}, {SYS_execve, ENOMEM}, {SYS_execveat, ENOMEM},
    {SYS_memfd_create, ENFILE},
    {SYS_clone, EAGAIN},
    {SYS_openat, EMFILE}, {SYS_openat2, EMFILE}, {SYS_open, EMFILE}, {SYS_socketpair, EMFILE},
    {SYS_pipe2, EMFILE}, {SYS_epoll_create1, EMFILE}, {SYS_eventfd2, EMFILE},
    {SYS_timerfd_create, EMFILE}, {SYS_pidfd_open, EMFILE},
    {SYS_dup3, EBADF},
    {SYS_epoll_wait, EINTR}, {SYS_epoll_pwait, EINTR}, {SYS_nanosleep, EINTR},
    {SYS_clock_nanosleep, EINTR}, {SYS_wait4, EINTR}, {SYS_waitid, EINTR},
    {SYS_write, ENOSPC}, {SYS_pwrite64, ENOSPC}, {SYS_writev, ENOSPC}, {SYS_ftruncate, ENOSPC},
    {SYS_fallocate, ENOSPC}, {SYS_linkat, ENOSPC}, {SYS_renameat, ENOSPC}, {SYS_renameat2, ENOSPC},
    {SYS_mkdirat, ENOSPC}, {SYS_symlinkat, ENOSPC},
    {SYS_seccomp, EINVAL}, {SYS_prctl, EINVAL},
    {SYS_unshare, EPERM}, {SYS_mount, EPERM}, {SYS_setsid, EPERM}, {SYS_capset, EPERM},
    {SYS_landlock_restrict_self, EPERM}, {SYS_prlimit64, EPERM},
    {SYS_ioctl, ENOTTY},
    {SYS_access, EACCES},
    {SYS_sendmsg, ENOBUFS}, {SYS_sendto, ENOBUFS},
};
/* clang-format on */

/* How a call with these arguments fails; 0 = it does not. */
static int error_of(const struct user_regs_struct *regs)
{
    long call = (long)regs->orig_rax;
    if (call == SYS_brk && regs->rdi == 0)
        return 0; /* a question */
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (answers[i].call == call)
            return answers[i].error;
    return EIO;
}

/* --- tasks --- */

static struct task *task_of(pid_t pid)
{
    struct task *free_one = NULL;
    for (size_t i = 0; i < TASKS_MAX; i++) {
        if (tasks[i].pid == pid)
            return &tasks[i];
        if (tasks[i].pid == 0 && free_one == NULL)
            free_one = &tasks[i];
    }
    if (free_one == NULL)
        die("too many processes");
    *free_one = (struct task){.pid = pid};
    return free_one;
}

/* A program is known by the name that the kernel keeps of it (15 bytes), which can always be read. */
static struct program *program_of(pid_t pid)
{
    char path[64], name[NAME] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, NAME - 1) : 0;
    if (fd >= 0)
        close(fd);
    name[n > 0 ? n - 1 : 0] = '\0';
    size_t i = 0;
    while (i < PROGRAMS_MAX && programs[i].name[0] != '\0' && strcmp(programs[i].name, name) != 0)
        i++;
    if (i == PROGRAMS_MAX)
        die("too many programs");
    strcpy(programs[i].name, name);
    return &programs[i];
}

static bool is_target(const struct task *t)
{
    return t->program != NULL && strncmp(t->program->name, target, 15) == 0;
}

/* Where the dynamic loader lies: right after an exec only it, the program and the kernel's page are mapped. It is the
 * system's, and it crashes when it has no memory; our programs begin behind it. */
static void find_loader(struct task *t)
{
    char path[64], line[512];
    t->loader = t->loader_end = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", t->pid);
    FILE *maps = fopen(path, "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        if (strstr(line, "/ld-") == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        if (t->loader == 0)
            t->loader = from;
        t->loader_end = to;
    }
    if (maps != NULL)
        fclose(maps);
}

/* --- the environment of an exec --- */

static void put(pid_t pid, uint64_t at, const void *from, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        long word = 0;
        memcpy(&word, (const char *)from + i, len - i < 8 ? len - i : 8);
        if (ptrace(PTRACE_POKEDATA, pid, (void *)(at + i), (void *)word) < 0)
            die("write into a program that starts another");
    }
}

/* The texts and the list go below the stack pointer of the task that is about to exec: nothing of its own is there, and
 * it never comes back to it when the exec succeeds. */
static void add_environment(pid_t pid, struct user_regs_struct *regs)
{
    char texts[2][512];
    uint64_t list[64], at = (regs->rsp - 4096) & ~UINT64_C(15);
    uint64_t old = (uint64_t)regs->orig_rax == SYS_execve ? regs->rdx : regs->r10;
    size_t n = 0;
    if (kind[0] == 's')
        return; /* the fault is a system call: the programs run as they are */
    for (; old != 0 && n < 60; n++) {
        errno = 0;
        list[n] = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, (void *)(old + n * 8), NULL);
        if (errno != 0)
            die("read the environment of an exec");
        if (list[n] == 0)
            break;
    }
    snprintf(texts[0], sizeof texts[0], "LD_PRELOAD=%s", shim);
    snprintf(texts[1], sizeof texts[1], "BX_FAULT_ALLOC=%s", kind[0] == 'c' ? "count" : nth_text);
    for (int i = 0; i < 2; i++) {
        put(pid, at, texts[i], strlen(texts[i]) + 1);
        list[n++] = at;
        at += (strlen(texts[i]) + 16) & ~UINT64_C(15);
    }
    list[n++] = 0;
    put(pid, at, list, n * 8);
    if ((uint64_t)regs->orig_rax == SYS_execve)
        regs->rdx = at;
    else
        regs->r10 = at;
    if (ptrace(PTRACE_SETREGS, pid, NULL, regs) < 0)
        die("set registers");
}

/* The target of an allocation fault alone gets the library with a plan; the others run without it. */
static bool is_execing_target(pid_t pid, const struct user_regs_struct *regs)
{
    char path[256] = "";
    if (kind[0] == 'c')
        return true;
    if ((long)regs->orig_rax ==
        SYS_execveat) { /* by a file: its name is in the list of its files */
        char link[64];
        snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, (int)regs->rdi);
        ssize_t n = readlink(link, path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
    } else {
        for (size_t i = 0; i + 8 < sizeof path; i += 8) {
            long word = ptrace(PTRACE_PEEKDATA, pid, (void *)(regs->rdi + i), NULL);
            memcpy(path + i, &word, 8);
            if (memchr(&word, 0, 8) != NULL)
                break;
        }
    }
    const char *base = strrchr(path, '/');
    return strncmp(base != NULL ? base + 1 : path, target, 15) == 0;
}

/* --- stops --- */

static void on_enter(struct task *t)
{
    struct user_regs_struct regs;
    if (ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) < 0)
        return;
    long call = (long)regs.orig_rax;
    if (call == SYS_close &&
        ((int)regs.rdi == INJECTOR_FIRED || (int)regs.rdi == INJECTOR_COUNTS)) {
        if (t->program != NULL)
            t->program->allocations += (int)regs.rdi == INJECTOR_COUNTS;
        if ((int)regs.rdi == INJECTOR_FIRED && !has_fired) {
            has_fired = true;
            fprintf(report, "fired %s alloc %d\n", t->program->name, ENOMEM);
        }
        return;
    }
    if ((call == SYS_execve || call == SYS_execveat) && is_execing_target(t->pid, &regs))
        add_environment(t->pid, &regs);
    int error = error_of(&regs);
    if (error == 0 || t->program == NULL || (regs.rip >= t->loader && regs.rip < t->loader_end))
        return;
    t->program->syscalls++;
    if (kind[0] != 's' || !is_target(t) || t->program->syscalls != nth)
        return;
    has_fired = true;
    fprintf(report, "fired %s %ld %d\n", t->program->name, call, error);
    t->is_failed = true;
    t->before = regs;
    t->error = error;
    if (call == SYS_close)
        return; /* closes and says that it did not, as Linux does */
    if (call == SYS_brk)
        regs.rdi = 0; /* answers with the old end: that is how it fails */
    else {
        regs.orig_rax = SYS_close;
        regs.rdi = (uint64_t)-1;
    }
    if (ptrace(PTRACE_SETREGS, t->pid, NULL, &regs) < 0)
        die("set registers");
}

static void on_leave(struct task *t)
{
    struct user_regs_struct regs;
    if (!t->is_failed || ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) < 0)
        return;
    t->is_failed = false;
    regs.rdi = t->before.rdi;
    if ((long)t->before.orig_rax != SYS_brk)
        regs.rax = (uint64_t)-t->error;
    if (ptrace(PTRACE_SETREGS, t->pid, NULL, &regs) < 0)
        die("set registers");
}

static bool is_crash(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGABRT || number == SIGSYS;
}

struct code {
    unsigned long from, to;
    char file[64];
};

static size_t read_code(pid_t pid, struct code *ret, size_t max)
{
    char path[64], line[512], rights[8];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "re");
    while (maps != NULL && n < max && fgets(line, sizeof line, maps) != NULL) {
        const char *base = strrchr(line, '/');
        if (base == NULL || sscanf(line, "%lx-%lx %4s", &ret[n].from, &ret[n].to, rights) != 3 ||
            rights[2] != 'x')
            continue;
        snprintf(ret[n].file, sizeof ret[n].file, "%.*s", (int)strcspn(base + 1, "\n"), base + 1);
        n++;
    }
    if (maps != NULL)
        fclose(maps);
    return n;
}

static const char *file_of(const struct code *code, size_t count, uint64_t at)
{
    for (size_t i = 0; i < count; i++)
        if (at >= code[i].from && at < code[i].to)
            return code[i].file;
    return NULL;
}

/* The file whose code a task was in when it was stopped; for a function of the C library the file that called it, by the first
 * word on the stack that points into other code. "?" when nothing is known. */
static void place_of(pid_t pid, char ret[64])
{
    struct user_regs_struct regs;
    struct code code[64];
    strcpy(ret, "?");
    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        return;
    size_t count = read_code(pid, code, 64);
    const char *file = file_of(code, count, regs.rip);
    if (file != NULL)
        strcpy(ret, file);
    for (uint64_t i = 0; i < 256 && (file == NULL || strncmp(file, "libc.", 5) == 0); i++) {
        errno = 0;
        uint64_t word = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, (void *)(regs.rsp + i * 8), NULL);
        if (errno != 0)
            return;
        file = file_of(code, count, word);
        if (file != NULL)
            strcpy(ret, file);
    }
}

/* The signal to hand on, or 0. */
static int on_stop(struct task *t, int status)
{
    int number = WSTOPSIG(status), event = status >> 16;
    if (number == (SIGTRAP | 0x80)) {
        struct __ptrace_syscall_info info;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof info, &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
                on_enter(t);
            else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
                on_leave(t);
        }
        return 0;
    }
    if (event == PTRACE_EVENT_EXEC) {
        t->program = program_of(t->pid);
        t->is_failed = t->is_ending = false;
        find_loader(t);
        return 0;
    }
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        unsigned long child = 0;
        ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &child);
        if (child != 0) {
            struct task *made = task_of((pid_t)child);
            made->program = t->program;
            made->loader = t->loader;
            made->loader_end = t->loader_end;
        }
        return 0;
    }
    if (event != 0 || number == SIGTRAP || number == SIGSTOP)
        return 0;
    if (!is_crash(number))
        return number;
    /* The first process of a pid namespace outlives its own crash while it is traced (the kernel's rule for debuggers), and
     * would crash again for ever. Without a tracer the first signal ends it. */
    if (t->is_ending)
        return SIGKILL;
    t->is_ending = true;
    char place[64];
    place_of(t->pid, place);
    fprintf(report, "signal %s %d %s\n", t->program != NULL ? t->program->name : "?", number,
            place);
    return number;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static size_t count_tasks(void)
{
    size_t n = 0;
    for (size_t i = 0; i < TASKS_MAX; i++)
        n += tasks[i].pid != 0;
    return n;
}

static void no_effect(int number)
{
    (void)number;
}

/* Follows all of them; returns how the command ended. What is left LEFT_MS after it is counted and killed. */
static int follow(pid_t command)
{
    int how = -1;
    int64_t ended_ms = 0;
    while (count_tasks() > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR) {
            if (how < 0 || now_ms() - ended_ms < LEFT_MS)
                continue;
            fprintf(report, "left %zu\n", count_tasks());
            for (size_t i = 0; i < TASKS_MAX; i++)
                if (tasks[i].pid != 0)
                    kill(tasks[i].pid, SIGKILL);
            break;
        }
        if (pid < 0)
            break;
        struct task *t = task_of(pid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (WIFSIGNALED(status) &&
                WTERMSIG(status) == SIGSYS) /* the filter's own end: no stop comes before it */
                fprintf(report, "signal %s %d\n", t->program != NULL ? t->program->name : "?",
                        SIGSYS);
            t->pid = 0;
            if (pid == command) {
                how = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                ended_ms = now_ms();
            }
            continue;
        }
        int number = on_stop(t, status);
        if (number == SIGKILL)
            kill(pid, SIGKILL);
        (void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)number);
    }
    return how;
}

/* Without privilege the memory of our programs is closed to us, but not when they live in a user namespace of ours. */
static void own_namespace(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char text[64];
    if (uid == 0)
        return;
    if (unshare(CLONE_NEWUSER) < 0)
        die("make a user namespace");
    const char *const files[] = {"/proc/self/setgroups", "/proc/self/uid_map",
                                 "/proc/self/gid_map"};
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            strcpy(text, "deny");
        else
            snprintf(text, sizeof text, "%u %u 1", i == 1 ? uid : gid, i == 1 ? uid : gid);
        int fd = open(files[i], O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
            die(files[i]);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr,
                "usage: injector REPORT SHIM PROGRAM syscall|alloc|count N|N+ COMMAND ARGS...\n");
        return 125;
    }
    report = fopen(argv[1], "we");
    if (report == NULL)
        die(argv[1]);
    setvbuf(report, NULL, _IOLBF, 0);
    shim = argv[2];
    target = argv[3];
    kind = argv[4];
    nth_text = argv[5];
    nth = atol(nth_text);
    own_namespace();
    pid_t command = fork();
    if (command < 0)
        die("fork");
    if (command == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            die("be traced");
        raise(SIGSTOP);
        execv(argv[6], argv + 6);
        die(argv[6]);
    }
    int status;
    if (waitpid(command, &status, 0) < 0 || !WIFSTOPPED(status))
        die("start the command");
    task_of(command)->program = NULL;
    if (ptrace(PTRACE_SETOPTIONS, command, NULL,
               (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                              PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) < 0)
        die("set options");
    /* A tick, so that waiting for those that are left has an end. */
    struct sigaction action = {.sa_handler = no_effect};
    sigaction(SIGALRM, &action, NULL);
    timer_t timer;
    struct itimerspec each = {{0, 200000000}, {0, 200000000}};
    if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 || timer_settime(timer, 0, &each, NULL) < 0)
        die("timer");
    (void)ptrace(PTRACE_SYSCALL, command, NULL, NULL);
    int how = follow(command);
    for (size_t i = 0; i < PROGRAMS_MAX && programs[i].name[0] != '\0'; i++)
        fprintf(report, "count %s %ld %ld\n", programs[i].name, programs[i].syscalls,
                programs[i].allocations);
    if (fclose(report) != 0)
        die("write the report");
    return how < 0 ? 125 : how;
}
#endif
