/* The five lockdowns as they are in life: a program started by os_spawn() enters all facets from
 * its arguments, then does its work and its worst. The test runs itself as the child. As root,
 * everything is done a second time by an ordinary user, and a third time beneath a monitor that
 * is locked down itself. */
#include "os/caps.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "sandbox/jail/facets.h"
#include "trial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNEL = 3, RW = 4, RO = 5 };
static const uint16_t granted_port = 443;

/* --- in the child: exit code 0, or the line of the first claim that does not hold, modulo 256
 * ----------- */

#define CLAIM(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return complain(#x, __LINE__);                                                         \
    } while (0)

static int complain(const char *claim, int line)
{
    char text[256];
    int n =
        snprintf(text, sizeof(text), "line %d: %s does not hold (errno %d)\n", line, claim, errno);
    return write(2, text, (size_t)n) < 0 || line % 256 == 0 ? 1 : line % 256;
}

static bool can_open(int dir, const char *path, int flags)
{
    int fd = openat(dir, path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int work_files(void)
{
    char text[8] = "";
    struct stat st;
    int fd = os_open_at(RW, "made", O_RDWR | O_CREAT | O_EXCL, 0640, OS_BENEATH);
    CLAIM(fd >= 0 && write(fd, "hello", 5) == 5);
    CLAIM(fstat(fd, &st) == 0 && st.st_size == 5);
    CLAIM(ftruncate(fd, 4) == 0 && fsync(fd) == 0 && fchmod(fd, 0600) == 0 &&
          lseek(fd, 0, SEEK_SET) == 0);
    CLAIM(read(fd, text, sizeof(text)) == 4);
    close(fd);
    CLAIM(mkdirat(RW, "folder", 0700) == 0 && renameat(RW, "made", RW, "folder/moved") == 0);
    CLAIM(linkat(RW, "folder/moved", RW, "linked", 0) == 0 &&
          symlinkat("linked", RW, "symbolic") == 0);
    fd = os_open_at(RW, "symbolic", O_RDONLY, 0, OS_BENEATH);
    CLAIM(fd >= 0);
    close(fd);
    CLAIM(os_write_file_at(RW, "whole", STR("all or nothing"), 0600, true) == 0);
    CLAIM(unlinkat(RW, "symbolic", 0) == 0 && unlinkat(RW, "linked", 0) == 0 &&
          unlinkat(RW, "whole", 0) == 0);
    CLAIM(unlinkat(RW, "folder/moved", 0) == 0 && unlinkat(RW, "folder", AT_REMOVEDIR) == 0);
    return 0;
}

static int count_entry(const char *name unused_, unsigned char type unused_, void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int worst_files(void)
{
    int entries = 0;
    CLAIM(os_list_dir(RO, 100, count_entry, &entries) == 0 && entries == 3);
    CLAIM(can_open(RO, "inside", O_RDONLY));
    CLAIM(!can_open(RO, "inside", O_WRONLY) && !can_open(RO, "inside", O_RDONLY | O_TRUNC));
    CLAIM(os_open_at(RO, "inside", O_WRONLY, 0, OS_BENEATH) < 0 &&
          os_open_at(RO, "new", O_WRONLY | O_CREAT, 0600, OS_BENEATH) < 0);
    CLAIM(unlinkat(RO, "inside", 0) < 0 && mkdirat(RO, "new", 0700) < 0 &&
          renameat(RO, "inside", RW, "inside") < 0);
    CLAIM(linkat(RO, "inside", RW, "linked", 0) < 0 && symlinkat("x", RO, "x") < 0 &&
          fchmodat(RO, "inside", 0777, 0) < 0);
    /* links that lead out, with nothing asked of the kernel that would stop them */
    CLAIM(!can_open(RO, "absolute", O_RDONLY) && !can_open(RO, "climbing", O_RDONLY));
    CLAIM(!can_open(RO, "../beside", O_RDONLY) && !can_open(RO, "../../etc/passwd", O_RDONLY));
    CLAIM(!can_open(AT_FDCWD, "/etc/passwd", O_RDONLY) &&
          !can_open(AT_FDCWD, "/proc/self/mem", O_RDONLY));
    CLAIM(!can_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY) &&
          !can_open(AT_FDCWD, "/dev/null", O_RDONLY));
    CLAIM(fcntl(6, F_GETFD) < 0 && errno == EBADF);
    return 0;
}

/* What the engine does with sealed code. */
static int run_sealed_code(void)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
    int fd = -1;
    CLAIM(os_memfd_sealed("code", (struct str){(const char *)code, sizeof(code)}, &fd) == 0);
    unsigned char *space =
        mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CLAIM(space != MAP_FAILED);
    CLAIM(mmap(space, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == space);
    CLAIM(mprotect(space, 4096, PROT_READ) == 0 &&
          mprotect(space, 4096, PROT_READ | PROT_EXEC) == 0);
    int (*function)(void);
    memcpy(&function, &space, sizeof(function));
    CLAIM(function() == 42);
    CLAIM(madvise(space, 1 << 20, MADV_DONTNEED) == 0 && munmap(space, 1 << 20) == 0);
    close(fd);
#endif
    return 0;
}

static volatile sig_atomic_t ticks;
static void on_tick(int signal unused_)
{
    ticks++;
}

static int keep_time(void)
{
    struct os_ticker *ticker;
    CLAIM(os_ticker_new(SIGALRM, on_tick, &ticker) == 0 &&
          os_ticker_start(ticker, OS_NS_PER_MS, OS_NS_PER_MS) == 0);
    int64_t end = os_now_mono_ns() + OS_NS_PER_S;
    while (ticks < 3 && os_now_mono_ns() < end)
        usleep(500);
    os_ticker_free(ticker);
    CLAIM(ticks >= 3);
    return 0;
}

static int stay_small(void)
{
    /* the C library at work */
    char *large = malloc(1 << 22);
    CLAIM(large != NULL);
    memset(large, 1, 1 << 22);
    large = realloc(large, 1 << 24);
    CLAIM(large != NULL);
    free(large);
    printf("%d %s\n", 1, strerror(EPERM)); /* stdout */
    fflush(stdout);
    CLAIM(isatty(1) == 0);
    int copy = fcntl(0, F_DUPFD_CLOEXEC, 3);
    CLAIM(copy >= 0 && close(copy) == 0);
    return 0;
}

static void *in_thread(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

static int reach_out(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_t thread;
    int ran = 0, pair[2];
    CLAIM(pthread_create(&thread, NULL, in_thread, &ran) == 0 && pthread_join(thread, NULL) == 0 &&
          ran == 1);
    CLAIM(getaddrinfo("localhost", "443", &hints, &found) == 0 && found != NULL);
    freeaddrinfo(found);
    CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CLAIM(access("/etc/ssl/certs", R_OK) == 0 &&
          can_open(AT_FDCWD, "/etc/ssl/certs", O_RDONLY | O_DIRECTORY));
    CLAIM(access("/etc/ssl/certs/ca-certificates.crt", F_OK) != 0 ||
          can_open(AT_FDCWD, "/etc/ssl/certs/ca-certificates.crt", O_RDONLY));
    CLAIM(!can_open(AT_FDCWD, "/etc/passwd", O_RDONLY) &&
          !can_open(AT_FDCWD, "/etc/hosts", O_WRONLY));
    CLAIM(!can_open(AT_FDCWD, "/etc/ssl/../passwd", O_RDONLY) &&
          !can_open(AT_FDCWD, "/proc/self/maps", O_RDONLY));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CLAIM(fd >= 0);
    to.sin_port = htons(granted_port);
    CLAIM(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == ECONNREFUSED);
    to.sin_port = htons(22);
    CLAIM(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES);
    CLAIM(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 &&
          socket(AF_NETLINK, SOCK_RAW, 0) < 0);
    return 0;
}

static int confined(enum jail_program program, const struct jail_report *r)
{
    size_t count = 0;
    while (r->namespaces[count] != NULL)
        count++;
    CLAIM(r->in_force == JAIL_ALL);
    CLAIM(r->missing[0] == '\0' && r->landlock_abi > 0 && strlen(r->seccomp) == 7 + 64);
    CLAIM(count == (size_t)__builtin_popcount(jail_plans[program].namespaces));
    CLAIM(getpid() == 1 && getppid() == 0);
    CLAIM(os_seccomp_ask(OS_SYS_acct) == jail_plans[program].filter_answer);
    return 0;
}

static int be(int argc, char **argv)
{
    enum jail_program program = (enum jail_program)atoi(argv[1]);
    struct jail_outside outside;
    struct jail_report report;
    struct fault fault = {0};
    struct jail_mount mounts[] = {{RW, true, NULL}, {RO, false, NULL}};
    struct jail_profile profile = {.program = program,
                                   .channel_fd = CHANNEL,
                                   .outside = &outside,
                                   .facets = JAIL_ALL,
                                   .required = JAIL_REQUIRED_DEFAULT | JAIL_NAMESPACES};
    if (program == JAIL_WORKER) {
        profile.mounts = mounts;
        profile.mount_count = 2;
    }
    if (program == JAIL_EGRESS) {
        profile.connect_ports = &granted_port;
        profile.port_count = 1;
    }
    CLAIM(jail_outside_from_argv(argc, argv, &outside) == 0);
    if (jail_enter(&profile, &report, &fault) < 0) {
        fprintf(stderr, "%s (%s)\n", fault.text, fault.next);
        return 250;
    }
    int r = confined(program, &report);
    if (r == 0 && program != JAIL_EGRESS)
        r = stay_small();
    if (r == 0 && program == JAIL_WORKER)
        r = work_files();
    if (r == 0 && program == JAIL_WORKER)
        r = worst_files();
    if (r == 0 && (program == JAIL_WORKER || program == JAIL_COMPILE))
        r = run_sealed_code();
    if (r == 0 && program == JAIL_WORKER)
        r = keep_time();
    if (r == 0 && program == JAIL_EGRESS)
        r = reach_out();
    return r;
}

/* --- the parent
 * --------------------------------------------------------------------------------------- */

static char place[64];
static int rw_fd, ro_fd, self_fd;

static int open_dir(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", place, name);
    assert_true(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int make_place(void **state unused_)
{
    strcpy(place, "/tmp/jail-XXXXXX");
    assert_non_null(mkdtemp(place));
    chmod(place, 0777);
    rw_fd = open_dir("rw");
    ro_fd = open_dir("ro");
    int fd = openat(ro_fd, "inside", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0 && fchmod(fd, 0666) == 0);
    close(fd);
    assert_int_equal(symlinkat("/etc/passwd", ro_fd, "absolute"), 0);
    assert_int_equal(symlinkat("../../../../../../etc/passwd", ro_fd, "climbing"), 0);
    self_fd = open("/proc/self/exe",
                   O_PATH | O_CLOEXEC); /* the user may not be able to reach the build folder */
    return self_fd < 0 || rw_fd < 0 || ro_fd < 0;
}

static int remove_place(void **state unused_)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", place);
    return system(command) != 0;
}

static int spawn_one(void *arg)
{
    enum jail_program program = *(enum jail_program *)arg;
    char number[8], outer[JAIL_OUTSIDE_ARG_SIZE];
    int mine, its, status;
    struct os_child child;
    struct fault fault = {0};
    snprintf(number, sizeof(number), "%d", program);
    jail_outside_arg(outer);
    const char *argv[] = {"jailed", number, outer, NULL};
    if (os_socket_pair(&mine, &its) < 0)
        return TRIAL_BROKEN;
    int fds[] = {-1, 2, 2, its, rw_fd, ro_fd, rw_fd /* one too many */};
    struct os_spawn how = {.program_fd = self_fd,
                           .argv = argv,
                           .fds = fds,
                           .fd_count = ARRAY_LEN(fds),
                           .namespaces = jail_namespaces(program),
                           .die_with_parent = true};
    if (os_spawn(&how, &child, &fault) < 0) {
        fprintf(stderr, "%s\n", fault.text);
        return TRIAL_BROKEN;
    }
    if (os_child_wait(&child, INT64_MAX, &status) < 0)
        return TRIAL_BROKEN;
    os_child_done(&child);
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: ended by signal %d\n", jail_program_name(program), WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : TRIAL_BROKEN;
}

static void every_program_works_in_its_own_jail(void **state unused_)
{
    for (enum jail_program program = JAIL_AGENT; program <= JAIL_COMPILE; program++)
        assert_int_equal(trial_run(0, spawn_one, &program), 0);
}

static void every_program_works_in_its_own_jail_for_an_ordinary_user(void **state unused_)
{
    for (enum jail_program program = JAIL_AGENT; program <= JAIL_COMPILE; program++)
        assert_int_equal(trial_run_as_user(0, spawn_one, &program), 0);
}

static int enter_monitor(struct jail_report *report)
{
    int keep[] = {rw_fd, ro_fd, self_fd};
    struct jail_profile p = {.program = JAIL_MONITOR,
                             .channel_fd = -1,
                             .keep_fds = keep,
                             .keep_count = 3,
                             .facets = JAIL_ALL,
                             .required = JAIL_REQUIRED_DEFAULT};
    return trial_enter(p, report);
}

static int monitor_and_spawn(void *arg)
{
    struct jail_report report;
    if (enter_monitor(&report) != TRIAL_DONE)
        return TRIAL_BROKEN;
    if (report.in_force != jail_facets(JAIL_MONITOR)) {
        fprintf(stderr, "monitor: %#x %s\n", report.in_force, report.missing);
        return TRIAL_BROKEN;
    }
    return spawn_one(arg);
}

/* What the monitor takes on is inherited: its children must still be able to build their own. */
static void every_program_works_beneath_a_locked_down_monitor(void **state unused_)
{
    for (enum jail_program program = JAIL_AGENT; program <= JAIL_COMPILE; program++) {
        assert_int_equal(trial_run(0, monitor_and_spawn, &program), 0);
        assert_int_equal(trial_run_as_user(0, monitor_and_spawn, &program), 0);
    }
}

/* Not started by us, or by a kernel without namespaces: the rest still holds, and the report says
 * what does not. */
static int enter_without_namespaces(void *arg)
{
    struct jail_report report;
    struct jail_profile p = {.program = JAIL_WORKER,
                             .channel_fd = -1,
                             .facets = JAIL_ALL & ~(uint32_t)JAIL_PARENT_DEATH};
    p.required = *(uint32_t *)arg;
    struct fault fault = {0};
    if (jail_enter(&p, &report, &fault) < 0) {
        bool is_clear = fault.code == FAULT_SANDBOX && strstr(fault.text, "namespaces") != NULL &&
                        strlen(fault.next) > 20;
        return is_clear ? TRIAL_REFUSED : TRIAL_BROKEN;
    }
    bool is_told = (report.in_force & JAIL_NAMESPACES) == 0 &&
                   strstr(report.missing, "namespaces") != NULL && report.namespaces[0] == NULL;
    return is_told && (report.in_force & JAIL_SECCOMP) != 0 ? TRIAL_DONE : TRIAL_BROKEN;
}
static void a_missing_layer_is_told_and_refused_when_required(void **state unused_)
{
    uint32_t wished = JAIL_LANDLOCK | JAIL_SECCOMP, required = wished | JAIL_NAMESPACES;
    assert_int_equal(trial_run(0, enter_without_namespaces, &wished), TRIAL_DONE);
    assert_int_equal(trial_run(0, enter_without_namespaces, &required), TRIAL_REFUSED);
}

static int hide_proc(void *arg unused_)
{
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/proc", "tmpfs", 0, NULL) < 0)
        return TRIAL_VOID;
    return jail_namespaces(JAIL_WORKER) == 0 ? TRIAL_REFUSED : TRIAL_DONE;
}
static int drop_all(void *arg unused_)
{
    if (os_caps_drop(0) < 0)
        return TRIAL_BROKEN;
    return jail_namespaces(JAIL_WORKER) == 0 ? TRIAL_REFUSED : TRIAL_DONE;
}
static void namespaces_are_not_asked_for_where_nobody_could_finish_them(void **state unused_)
{
    assert_true(jail_namespaces(JAIL_WORKER) != 0);
    assert_int_equal(trial_run(0, drop_all, NULL), geteuid() == 0 ? TRIAL_REFUSED : TRIAL_DONE);
    assert_int_equal(trial_run(OS_NS_USER | OS_NS_MOUNT, hide_proc, NULL), TRIAL_REFUSED);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[0], "jailed") == 0)
        return be(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_program_works_in_its_own_jail),
        cmocka_unit_test(every_program_works_in_its_own_jail_for_an_ordinary_user),
        cmocka_unit_test(every_program_works_beneath_a_locked_down_monitor),
        cmocka_unit_test(a_missing_layer_is_told_and_refused_when_required),
        cmocka_unit_test(namespaces_are_not_asked_for_where_nobody_could_finish_them),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
