/* The system calls that each program may make, as tables. What no row names ends the process.
 *
 * How to read a row: ALLOW lets a call through; WHEN only if its tests hold; ANSWER refuses with
 * an errno instead of an end, for calls that a library tries and does without. Several rows for
 * one call are tried in order. Absent from every table, so that nothing of ours or started by us
 * ever gets them: io_uring, userfaultfd, bpf, ptrace, keys, perf, kexec, modules, other
 * processes' memory, files by handle. */
#include "sandbox/jail/filters.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ALLOW(name) {.call = OS_SYS_##name}
#define ANSWER(name, errno_) {.call = OS_SYS_##name, .error = (errno_)}
#define WHEN(name, ...)                                                                            \
    {                                                                                              \
        .call = OS_SYS_##name, .tests = { __VA_ARGS__ }                                            \
    }
#define ANSWER_WHEN(name, errno_, ...)                                                             \
    {                                                                                              \
        .call = OS_SYS_##name, .error = (errno_), .tests = { __VA_ARGS__ }                         \
    }
#define IS(arg_, value_) {OS_ARG_IS, (arg_), UINT32_MAX, (uint32_t)(value_)}
#define BITS(arg_, mask_, value_) {OS_ARG_IS, (arg_), (uint32_t)(mask_), (uint32_t)(value_)}
#define NULL_ARG(arg_) {OS_ARG_NULL, (arg_), 0, 0}
#define LIST(rows) {(rows), ARRAY_LEN(rows)}
/* What no row of the whole table names, instead of an end. */
#define OTHERWISE(errno_) {.call = OS_SYSCALL_OTHER, .error = (errno_)}

/* Of the kernel's headers, which rooms above os do not include. */
#define FICLONE 0x40049409u
#define TIOCLINUX_ 0x541Cu
#define CLONE_ANY_NEW                                                                              \
    (0x00000080u | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |   \
     CLONE_NEWPID | CLONE_NEWNET)
#define CLONE_A_THREAD (CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)
#define O_TMPFILE_BIT 020000000u
#define O_ANY_WRITE (O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE_BIT)
#define SOCK_TYPE_MASK 0xfu

/* clang-format off: tables, whose comments belong to the rows below them */

/* Memory, time, signals to itself, and the descriptors it holds. */
#define COMMON                                                                                                    \
    ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(close), ALLOW(fstat),                           \
        ALLOW(lseek), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk),                                   \
        ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(sigaltstack),                      \
        ALLOW(getpid), ALLOW(gettid), ALLOW(getppid), ALLOW(getuid), ALLOW(geteuid),                              \
        ALLOW(getgid), ALLOW(getegid), ALLOW(clock_gettime), ALLOW(clock_getres),                                 \
        ALLOW(clock_nanosleep), ALLOW(nanosleep), ALLOW(gettimeofday), ALLOW(time),                               \
        ALLOW(getrandom), ALLOW(exit), ALLOW(exit_group), ALLOW(futex), ALLOW(restart_syscall),                   \
        ALLOW(sched_yield), ALLOW(sched_getaffinity), ALLOW(getcpu), ALLOW(poll), ALLOW(ppoll),                   \
        ALLOW(sendmsg), ALLOW(recvmsg), ALLOW(getrusage),                                                         \
        ALLOW(sysinfo), /* recv() and send() on the channel, which has no addresses */                            \
        WHEN(recvfrom, NULL_ARG(4)),                                                                              \
        WHEN(                                                                                                     \
            sendto,                                                                                               \
            NULL_ARG(                                                                                             \
                4)), /* stdio asks what a descriptor is; terminals are nobody's business in here */               \
        ANSWER_WHEN(                                                                                              \
            ioctl, ENOTTY,                                                                                        \
            IS(1,                                                                                                 \
               TCGETS_)), /* no page that can be written and run; what may become runnable is said per program */ \
        WHEN(mmap, BITS(2, PROT_EXEC, 0)), WHEN(mprotect, BITS(2, PROT_EXEC, 0)),                                 \
        WHEN(fcntl, IS(1, F_GETFD)), WHEN(fcntl, IS(1, F_SETFD)), WHEN(fcntl, IS(1, F_GETFL)),                    \
        WHEN(fcntl, IS(1, F_SETFL), BITS(2, O_ASYNC, 0)), WHEN(fcntl, IS(1, F_DUPFD_CLOEXEC)),                    \
        WHEN(fcntl, IS(1, F_GET_SEALS)), WHEN(fcntl, IS(1, F_ADD_SEALS)),                                         \
        WHEN(prctl, IS(0, PR_GET_DUMPABLE)), WHEN(prctl, IS(0, PR_GET_NO_NEW_PRIVS)),                             \
        WHEN(prctl, IS(0, PR_GET_NAME)),                                                                          \
        WHEN(prctl, IS(0, PR_SET_NAME)),               /* the C library naming its memory */                      \
        ANSWER_WHEN(prctl, EINVAL, IS(0, PR_SET_VMA)), /* abort() */                                              \
        WHEN(tgkill, IS(2, SIGABRT))
#define TCGETS_ 0x5401u

/* Names are refused, not punished: the C library looks for locales, time zones and processor
 * counts. */
#define NO_FILES                                                                                   \
    ANSWER(open, EACCES), ANSWER(openat, EACCES), ANSWER(access, EACCES),                          \
        ANSWER(readlink, EACCES), ANSWER(readlinkat, EACCES),                                      \
        ANSWER(stat, EACCES), /* fstat() by its newer name */                                      \
        WHEN(newfstatat, BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)), ANSWER(newfstatat, EACCES),       \
        WHEN(statx, BITS(2, AT_EMPTY_PATH, AT_EMPTY_PATH)), ANSWER(statx, EACCES)

static const struct os_seccomp_rule common[] = {COMMON};

static const struct os_seccomp_rule agent[] = {NO_FILES};

/* The compiler: memory in which generated code is looked at and, by the engine, mapped to run,
 * but never while it can be written; module in and code out as memory files. */
static const struct os_seccomp_rule compile[] = {
    NO_FILES,          WHEN(mprotect, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)),
    ALLOW(membarrier), ALLOW(memfd_create),
    ALLOW(pread64),    ALLOW(pwrite64),
    ALLOW(ftruncate),  ALLOW(fallocate),
};

/* The worker: files beneath its mounts. Which files is Landlock's and the mounts' to say; here is
 * which kinds of work. Not among it: making devices, pipes or sockets, changing owners, extended
 * attributes, locks, watching, mapping as code, starting anything, any socket but the channel it
 * holds. */
static const struct os_seccomp_rule worker[] = {
    /* sealed code: mapped from its memory file, made runnable once it can no longer be written */
    WHEN(mprotect, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)),
    ALLOW(membarrier),
    ALLOW(memfd_create),
    /* openat2 carries its flags in memory, where no filter can see them; so nothing is gained by
     * looking at those of openat, except for the modes below */
    ALLOW(openat2),
    WHEN(openat, BITS(3, 07000, 0)),
    ANSWER(openat, EACCES),
    ANSWER(open, EACCES),
    ANSWER(access, EACCES),
    ANSWER(readlink, EACCES),
    ANSWER(stat, EACCES),
    ALLOW(newfstatat),
    ALLOW(statx),
    ALLOW(fstatfs),
    ALLOW(getdents64),
    ALLOW(readlinkat),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(preadv),
    ALLOW(preadv2),
    ALLOW(pwritev),
    ALLOW(copy_file_range),
    ALLOW(sendfile),
    ALLOW(ftruncate),
    ALLOW(fallocate),
    ALLOW(fadvise64),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(unlinkat),
    ALLOW(renameat),
    ALLOW(renameat2),
    ALLOW(linkat),
    ALLOW(symlinkat),
    ALLOW(utimensat),
    /* modes without set-id and sticky bits */
    WHEN(mkdirat, BITS(2, 07000, 0)),
    WHEN(fchmod, BITS(1, 07000, 0)),
    WHEN(fchmodat, BITS(2, 07000, 0)),
    ALLOW(umask),
    ALLOW(flock),
    WHEN(ioctl, IS(1, FICLONE)),  /* before-images without copying */
    WHEN(ioctl, IS(1, FIONREAD)), /* how much is there to read, in poll_oneoff */
    ALLOW(dup),
    ALLOW(dup3),
    ALLOW(pipe2),
    /* the engine's clock: a timer that signals this thread */
    ALLOW(timer_create),
    ALLOW(timer_settime),
    ALLOW(timer_gettime),
    ALLOW(timer_getoverrun),
    ALLOW(timer_delete),
    ALLOW(rt_sigtimedwait),
};

/* Egress: sockets to the outside, certificate and name service files to read, the resolver's
 * threads. */
static const struct os_seccomp_rule egress[] = {
    WHEN(socket, IS(0, AF_INET), BITS(1, SOCK_TYPE_MASK, SOCK_STREAM)),
    WHEN(socket, IS(0, AF_INET), BITS(1, SOCK_TYPE_MASK, SOCK_DGRAM)),
    WHEN(socket, IS(0, AF_INET6), BITS(1, SOCK_TYPE_MASK, SOCK_STREAM)),
    WHEN(socket, IS(0, AF_INET6), BITS(1, SOCK_TYPE_MASK, SOCK_DGRAM)),
    /* name service caches (unix) and the list of own addresses (netlink): done without */
    ANSWER(socket, EAFNOSUPPORT),
    WHEN(socketpair, IS(0, AF_UNIX)),
    ALLOW(connect),
    /* connections of native commands, at listeners that their keepers made: it binds none itself */
    ALLOW(accept4),
    ALLOW(shutdown),
    ALLOW(getsockname),
    ALLOW(getpeername),
    ALLOW(getsockopt),
    ALLOW(setsockopt),
    ALLOW(sendto),
    ALLOW(recvfrom),
    ALLOW(sendmmsg),
    ALLOW(recvmmsg),
    WHEN(ioctl, IS(1, FIONREAD)),
    WHEN(ioctl, IS(1, FIONBIO)),
    ALLOW(epoll_create1),
    ALLOW(epoll_ctl),
    ALLOW(epoll_wait),
    ALLOW(epoll_pwait),
    ALLOW(epoll_pwait2),
    ALLOW(eventfd2),
    ALLOW(timerfd_create),
    ALLOW(timerfd_settime),
    ALLOW(timerfd_gettime),
    ALLOW(signalfd4),
    ALLOW(pipe2),
    ALLOW(dup),
    ALLOW(select),
    ALLOW(pselect6),
    /* reading only */
    WHEN(open, BITS(1, O_ANY_WRITE, O_RDONLY)),
    ANSWER(open, EACCES),
    WHEN(openat, BITS(2, O_ANY_WRITE, O_RDONLY)),
    ANSWER(openat, EACCES),
    ALLOW(stat),
    ALLOW(lstat),
    ALLOW(newfstatat),
    ALLOW(statx),
    ALLOW(access),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(readlink),
    ALLOW(readlinkat),
    ALLOW(getdents64),
    ALLOW(pread64),
    ALLOW(fadvise64),
    ALLOW(uname),
    /* Threads, by the older call whose flags can be seen; the newer one hides them in memory. */
    ANSWER(clone3, ENOSYS),
    WHEN(clone, BITS(0, CLONE_A_THREAD | CLONE_PTRACE | CLONE_ANY_NEW, CLONE_A_THREAD)),
    ALLOW(set_robust_list),
    ALLOW(rseq),
    ALLOW(rt_sigtimedwait),
    /* the C library waking or cancelling its own threads */
    WHEN(tgkill, IS(2, 32)),
    WHEN(tgkill, IS(2, 33)),
};

/* The ordinary calls of ordinary programs: of the monitor, and of the native commands that it
 * starts. Filters are inherited and only add up: what is refused here is refused to everything that
 * is ever started. Writable and runnable pages are not refused here, because commands with a
 * just-in-time compiler come this way; the monitor itself refuses them by another means that is not
 * inherited (refuses_new_code).
 *
 * What no row names is answered with ENOSYS instead of the end of the process: a newer C library
 * tries a newer call first and then does without it, and it is not the command's fault that we do
 * not know it. */
static const struct os_seccomp_rule ordinary[] = {
    /* memory */
    ALLOW(mmap),
    ALLOW(mprotect),
    ALLOW(msync),
    ALLOW(mincore),
    ALLOW(mlock),
    ALLOW(mlock2),
    ALLOW(munlock),
    ALLOW(mlockall),
    ALLOW(munlockall),
    ALLOW(membarrier),
    ALLOW(memfd_create),
    ALLOW(get_mempolicy),
    ANSWER(set_mempolicy, EPERM),
    ANSWER(mbind, EPERM),
    ANSWER(pkey_alloc, ENOSYS),
    ANSWER(pkey_free, ENOSYS),
    ANSWER(pkey_mprotect, ENOSYS),
    ANSWER(mseal, ENOSYS),
    ANSWER(cachestat, ENOSYS),
    ANSWER(map_shadow_stack, ENOSYS),
    ANSWER(process_madvise, EPERM),
    ALLOW(shmget),
    ALLOW(shmat),
    ALLOW(shmdt),
    ALLOW(shmctl),
    ALLOW(semget),
    ALLOW(semop),
    ALLOW(semctl),
    ALLOW(semtimedop),
    ALLOW(msgget),
    ALLOW(msgsnd),
    ALLOW(msgrcv),
    ALLOW(msgctl),
    ALLOW(mq_open),
    ALLOW(mq_unlink),
    ALLOW(mq_timedsend),
    ALLOW(mq_timedreceive),
    ALLOW(mq_notify),
    ALLOW(mq_getsetattr),
    /* files and folders */
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(preadv),
    ALLOW(pwritev),
    ALLOW(preadv2),
    ALLOW(pwritev2),
    ALLOW(close_range),
    ALLOW(stat),
    ALLOW(lstat),
    ALLOW(newfstatat),
    ALLOW(statx),
    ALLOW(access),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(fcntl),
    ALLOW(flock),
    ALLOW(dup),
    ALLOW(dup2),
    ALLOW(dup3),
    ALLOW(pipe),
    ALLOW(pipe2),
    ALLOW(splice),
    ALLOW(tee),
    ALLOW(vmsplice),
    ALLOW(sendfile),
    ALLOW(copy_file_range),
    ALLOW(open),
    ALLOW(openat),
    ALLOW(openat2),
    ALLOW(creat),
    ALLOW(getdents),
    ALLOW(getdents64),
    ALLOW(getcwd),
    ALLOW(chdir),
    ALLOW(fchdir),
    ALLOW(readlink),
    ALLOW(readlinkat),
    ALLOW(mkdir),
    ALLOW(mkdirat),
    ALLOW(rmdir),
    ALLOW(unlink),
    ALLOW(unlinkat),
    ALLOW(rename),
    ALLOW(renameat),
    ALLOW(renameat2),
    ALLOW(link),
    ALLOW(linkat),
    ALLOW(symlink),
    ALLOW(symlinkat),
    ALLOW(truncate),
    ALLOW(ftruncate),
    ALLOW(fallocate),
    ALLOW(fadvise64),
    ALLOW(readahead),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(sync),
    ALLOW(syncfs),
    ALLOW(sync_file_range),
    ALLOW(chmod),
    ALLOW(fchmod),
    ALLOW(fchmodat),
    ALLOW(fchmodat2),
    ALLOW(chown),
    ALLOW(fchown),
    ALLOW(lchown),
    ALLOW(fchownat),
    ALLOW(utime),
    ALLOW(utimes),
    ALLOW(futimesat),
    ALLOW(utimensat),
    ALLOW(umask),
    ALLOW(statfs),
    ALLOW(fstatfs),
    ALLOW(getxattr),
    ALLOW(lgetxattr),
    ALLOW(fgetxattr),
    ALLOW(setxattr),
    ALLOW(lsetxattr),
    ALLOW(fsetxattr),
    ALLOW(listxattr),
    ALLOW(llistxattr),
    ALLOW(flistxattr),
    ALLOW(removexattr),
    ALLOW(lremovexattr),
    ALLOW(fremovexattr),
    ALLOW(inotify_init),
    ALLOW(inotify_init1),
    ALLOW(inotify_add_watch),
    ALLOW(inotify_rm_watch),
    WHEN(mknod, BITS(1, S_IFMT, S_IFIFO)),
    WHEN(mknod, BITS(1, S_IFMT, S_IFREG)),
    ANSWER(mknod, EPERM),
    WHEN(mknodat, BITS(2, S_IFMT, S_IFIFO)),
    WHEN(mknodat, BITS(2, S_IFMT, S_IFREG)),
    ANSWER(mknodat, EPERM),
    ANSWER(name_to_handle_at, EOPNOTSUPP),
    ANSWER(open_by_handle_at, EPERM),
    ANSWER(quotactl, EPERM),
    /* Nothing is typed into the operator's terminal. Only the low half of the number is looked
     * at, here as in the kernel. */
    ANSWER_WHEN(ioctl, EPERM, IS(1, TIOCSTI)),
    ANSWER_WHEN(ioctl, EPERM, IS(1, TIOCLINUX_)),
    ALLOW(ioctl),
    ANSWER(io_setup, ENOSYS),
    ANSWER(io_destroy, ENOSYS),
    ANSWER(io_submit, ENOSYS),
    ANSWER(io_cancel, ENOSYS),
    ANSWER(io_getevents, ENOSYS),
    ANSWER(io_uring_setup, ENOSYS),
    ANSWER(io_uring_enter, ENOSYS),
    ANSWER(io_uring_register, ENOSYS),
    /* waiting and time */
    ALLOW(select),
    ALLOW(pselect6),
    ALLOW(epoll_create),
    ALLOW(epoll_create1),
    ALLOW(epoll_ctl),
    ALLOW(epoll_wait),
    ALLOW(epoll_pwait),
    ALLOW(epoll_pwait2),
    ALLOW(eventfd),
    ALLOW(eventfd2),
    ALLOW(signalfd),
    ALLOW(signalfd4),
    ALLOW(futex_waitv),
    ALLOW(times),
    ALLOW(alarm),
    ALLOW(pause),
    ALLOW(getitimer),
    ALLOW(setitimer),
    ALLOW(timer_create),
    ALLOW(timer_settime),
    ALLOW(timer_gettime),
    ALLOW(timer_getoverrun),
    ALLOW(timer_delete),
    ALLOW(timerfd_create),
    ALLOW(timerfd_settime),
    ALLOW(timerfd_gettime),
    ANSWER(adjtimex, EPERM),
    ANSWER(clock_adjtime, EPERM),
    ANSWER(clock_settime, EPERM),
    ANSWER(settimeofday, EPERM),
    /* sockets: between programs of this machine, and for egress */
    WHEN(socket, IS(0, AF_UNIX)),
    WHEN(socket, IS(0, AF_INET), BITS(1, SOCK_TYPE_MASK, SOCK_STREAM)),
    WHEN(socket, IS(0, AF_INET), BITS(1, SOCK_TYPE_MASK, SOCK_DGRAM)),
    WHEN(socket, IS(0, AF_INET6), BITS(1, SOCK_TYPE_MASK, SOCK_STREAM)),
    WHEN(socket, IS(0, AF_INET6), BITS(1, SOCK_TYPE_MASK, SOCK_DGRAM)),
    WHEN(socket, IS(0, AF_NETLINK), IS(2, 0)),
    ANSWER(socket, EAFNOSUPPORT),
    ALLOW(socketpair),
    ALLOW(connect),
    ALLOW(bind),
    ALLOW(listen),
    ALLOW(accept),
    ALLOW(accept4),
    ALLOW(getsockname),
    ALLOW(getpeername),
    ALLOW(getsockopt),
    ALLOW(setsockopt),
    ALLOW(shutdown),
    ALLOW(sendto),
    ALLOW(recvfrom),
    ALLOW(sendmmsg),
    ALLOW(recvmmsg),
    /* processes */
    ALLOW(clone),
    ALLOW(clone3),
    ALLOW(fork),
    ALLOW(vfork),
    ALLOW(execve),
    ALLOW(execveat),
    ALLOW(wait4),
    ALLOW(waitid),
    ALLOW(kill),
    ALLOW(tkill),
    ALLOW(tgkill),
    ALLOW(rt_sigpending),
    ALLOW(rt_sigtimedwait),
    ALLOW(rt_sigsuspend),
    ALLOW(rt_sigqueueinfo),
    ALLOW(rt_tgsigqueueinfo),
    ALLOW(pidfd_open),
    ALLOW(pidfd_send_signal),
    ALLOW(getpgid),
    ALLOW(getpgrp),
    ALLOW(setpgid),
    ALLOW(getsid),
    ALLOW(setsid),
    ALLOW(getresuid),
    ALLOW(getresgid),
    ALLOW(getgroups),
    ALLOW(setuid),
    ALLOW(setgid),
    ALLOW(setreuid),
    ALLOW(setregid),
    ALLOW(setresuid),
    ALLOW(setresgid),
    ALLOW(setgroups),
    ALLOW(setfsuid),
    ALLOW(setfsgid),
    ALLOW(prctl),
    ALLOW(arch_prctl),
    ALLOW(set_tid_address),
    ALLOW(set_robust_list),
    ALLOW(get_robust_list),
    ALLOW(rseq),
    ALLOW(getrlimit),
    ALLOW(setrlimit),
    ALLOW(prlimit64),
    ALLOW(uname),
    ALLOW(sched_setaffinity),
    ALLOW(sched_getparam),
    ALLOW(sched_getscheduler),
    ALLOW(sched_setscheduler),
    ALLOW(sched_setparam),
    ALLOW(sched_get_priority_max),
    ALLOW(sched_get_priority_min),
    ALLOW(sched_getattr),
    ALLOW(sched_setattr),
    ALLOW(getpriority),
    ALLOW(setpriority),
    ALLOW(ioprio_get),
    ALLOW(ioprio_set),
    WHEN(personality, IS(0, 0)),
    WHEN(personality, IS(0, UINT32_MAX)),
    ANSWER(personality, EPERM),
    /* what commands try and do without */
    ANSWER(setns, EPERM),
    ANSWER(chroot, EPERM),
    ANSWER(setdomainname, EPERM),
    ANSWER(userfaultfd, EPERM),
    ANSWER(bpf, EPERM),
    ANSWER(ptrace, EPERM),
    ANSWER(perf_event_open, EPERM),
    ANSWER(keyctl, ENOSYS),
    ANSWER(add_key, ENOSYS),
    ANSWER(request_key, ENOSYS),
    ANSWER(process_vm_readv, EPERM),
    ANSWER(process_vm_writev, EPERM),
    ANSWER(pidfd_getfd, EPERM),
    ANSWER(kcmp, EPERM),
    ANSWER(syslog, EPERM),
    OTHERWISE(ENOSYS),
};

/* The monitor: the above, and the building of jails by our programs inside their own namespaces,
 * which inherit this. */
static const struct os_seccomp_rule monitor[] = {
    ALLOW(unshare),
    ALLOW(mount),
    ALLOW(umount2),
    ALLOW(pivot_root),
    ALLOW(open_tree),
    ALLOW(move_mount),
    ALLOW(mount_setattr),
    ALLOW(fsopen),
    ALLOW(fsconfig),
    ALLOW(fsmount),
    ALLOW(landlock_create_ruleset),
    ALLOW(landlock_add_rule),
    ALLOW(landlock_restrict_self),
    ALLOW(seccomp),
    ALLOW(capget),
    ALLOW(capset),
    ALLOW(sethostname),
};

/* A native command: rows that come before the ordinary ones and narrow them. Refused with an errno
 * and not with an end, because a build that asks for one of these does without. That the program
 * cannot get at something is said by the other facets as well; this one takes away the parts of the
 * kernel in which such walls have been broken before. */
static const struct os_seccomp_rule command[] = {
    /* no new namespace of any kind: in a user namespace it would have every capability again.
     * clone3 has its flags in memory, where no filter sees them; without it the C library uses
     * clone */
    WHEN(clone, BITS(0, CLONE_ANY_NEW, 0)),
    ANSWER(clone, EPERM),
    ANSWER(clone3, ENOSYS),
    ANSWER(unshare, EPERM),
    ANSWER(mount, EPERM),
    ANSWER(umount2, EPERM),
    ANSWER(pivot_root, EPERM),
    ANSWER(open_tree, EPERM),
    ANSWER(move_mount, EPERM),
    ANSWER(mount_setattr, EPERM),
    ANSWER(fsopen, EPERM),
    ANSWER(fsconfig, EPERM),
    ANSWER(fsmount, EPERM),
    ANSWER(sethostname, EPERM),
    ANSWER(capset, EPERM),
    ALLOW(capget),
    /* narrower still is its own right */
    ALLOW(seccomp),
    ALLOW(landlock_create_ruleset),
    ALLOW(landlock_add_rule),
    ALLOW(landlock_restrict_self),
    /* no file socket: it would reach whoever listens in a mapped folder, and no other facet sees
     * that; pairs are its own */
    WHEN(socket, IS(0, AF_INET), BITS(1, SOCK_TYPE_MASK, SOCK_STREAM)),
    WHEN(socket, IS(0, AF_INET), BITS(1, SOCK_TYPE_MASK, SOCK_DGRAM)),
    WHEN(socket, IS(0, AF_INET6), BITS(1, SOCK_TYPE_MASK, SOCK_STREAM)),
    WHEN(socket, IS(0, AF_INET6), BITS(1, SOCK_TYPE_MASK, SOCK_DGRAM)),
    ANSWER(socket, EAFNOSUPPORT),
    WHEN(socketpair, IS(0, AF_UNIX)),
    ANSWER(socketpair, EAFNOSUPPORT),
    /* memory that is no process's cannot be counted as anybody's, and a file without a name could
     * be executed */
    ANSWER(memfd_create, ENOSYS),
    ANSWER(shmget, ENOSYS),
    ANSWER(shmat, ENOSYS),
    ANSWER(shmdt, ENOSYS),
    ANSWER(shmctl, ENOSYS),
    ANSWER(msgget, ENOSYS),
    ANSWER(msgsnd, ENOSYS),
    ANSWER(msgrcv, ENOSYS),
    ANSWER(msgctl, ENOSYS),
    ANSWER(mq_open, ENOSYS),
    ANSWER(execveat, ENOSYS),
    /* room on a disk that is taken without writing would not be counted as written; libraries write
     * zeros instead */
    ANSWER(fallocate, EOPNOTSUPP),
    /* its keeper reads its counters, which a process that cannot be dumped hides */
    ANSWER_WHEN(prctl, EPERM, IS(0, PR_SET_DUMPABLE)),
};

/* The first process of a native command's namespace, once the command is started: it counts, reaps
 * and kills. */
static const struct os_seccomp_rule keeper[] = {
    WHEN(openat, BITS(3, 07777, 0), BITS(2, O_ANY_WRITE, 0)),
    ANSWER(openat, EACCES),
    ANSWER(open, EACCES),
    ANSWER(access, EACCES),
    ANSWER(readlink, EACCES),
    ANSWER(stat, EACCES),
    WHEN(newfstatat, BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)),
    ANSWER(newfstatat, EACCES),
    WHEN(statx, BITS(2, AT_EMPTY_PATH, AT_EMPTY_PATH)),
    ANSWER(statx, EACCES),
    ALLOW(fstatfs),
    ALLOW(getdents64),
    ALLOW(wait4),
    ALLOW(waitid),
    ALLOW(kill),
    ALLOW(epoll_create1),
    ALLOW(epoll_ctl),
    ALLOW(epoll_wait),
    ALLOW(epoll_pwait),
    ALLOW(epoll_pwait2),
    ALLOW(signalfd4),
    ALLOW(dup3),
};

/* How a filter shows that it is in force (seccomp.c). The numbers are the plans'. */
#define PROBE(program, answer)                                                                     \
    static const struct os_seccomp_rule program##_probe[] = {ANSWER(acct, answer)};                \
    const struct os_seccomp_rules filter_##program[FILTER_LISTS] = {LIST(program), LIST(common),   \
                                                                    LIST(program##_probe)}
#define PROBE_ORDINARY(program, answer)                                                            \
    static const struct os_seccomp_rule program##_probe[] = {ANSWER(acct, answer)};                \
    const struct os_seccomp_rules filter_##program[FILTER_LISTS_ORDINARY] = {                      \
        LIST(program), LIST(ordinary), LIST(common), LIST(program##_probe)}

PROBE_ORDINARY(monitor, 3901);
PROBE(agent, 3902);
PROBE(worker, 3903);
PROBE(egress, 3904);
PROBE(compile, 3905);
PROBE(keeper, 3906);
PROBE_ORDINARY(command, 3907);
