/* Children: exactly the descriptors, environment and arguments that were named; failures told where
 * they happen; nobody survives its parent or its kill. The test runs itself as the child. */
#include "base/fault.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/process.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *self_path(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n > 0)
        path[n] = '\0';
    return path;
}

static const char *const *child_env(void)
{
    /* A leak check cannot run in every jail of namespaces, and is not what these children are for. */
    static char outside[32];
    static const char *const env[] = {"MARK=1", "ASAN_OPTIONS=detect_leaks=0", outside, NULL};
    snprintf(outside, sizeof(outside), "OUTSIDE=%u", (unsigned)getuid());
    return env;
}

static struct os_child spawn(const char *mode, const int *fds, size_t fd_count, uint32_t namespaces)
{
    const char *argv[] = {"self", mode, NULL};
    struct os_spawn how = {.program = self_path(),
                           .program_fd = -1,
                           .argv = argv,
                           .env = child_env(),
                           .fds = fds,
                           .fd_count = fd_count,
                           .namespaces = namespaces,
                           .die_with_parent = true};
    struct os_child child = {0};
    struct fault f = {0};
    if (os_spawn(&how, &child, &f) != 0)
        fail_msg("%s", f.text);
    return child;
}

static int64_t in_seconds(int s)
{
    return os_now_mono_ns() + s * OS_NS_PER_S;
}

static int exit_code(struct os_child *child)
{
    int status = -1;
    assert_int_equal(os_child_wait(child, in_seconds(20), &status), 0);
    os_child_done(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool is_null_device(int fd)
{
    struct stat st, null;
    return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev;
}

/* ---- what the child does; its exit code is its answer ---- */

static int child_counts_fds(void)
{
    int open_fds = 0;
    for (int fd = 0; fd < 1000; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    return open_fds;
}

static int child_checks_itself(void)
{
    sigset_t mask;
    struct sigaction action;
    extern char **environ;
    if (getsid(0) != getpid())
        return 10;
    if (sigprocmask(SIG_SETMASK, NULL, &mask) < 0 || sigismember(&mask, SIGTERM) != 0)
        return 11;
    if (sigaction(SIGUSR1, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        return 12;
    if (sigaction(SIGPIPE, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        return 13;
    if (environ[0] == NULL || strcmp(environ[0], "MARK=1") != 0 || getenv("HOME") != NULL)
        return 14;
    int death = 0;
    if (prctl(PR_GET_PDEATHSIG, &death) < 0 || death != SIGKILL)
        return 15;
    return 0;
}

static int child_reads_two(void)
{
    char a, b, c;
    bool right = read(0, &a, 1) == 1 && read(4, &b, 1) == 1 && read(3, &c, 1) == 1;
    return right && is_null_device(1) && is_null_device(2) ? a * 1 + b * 2 + c * 4 : 99;
}

static int child_looks_at_namespaces(void)
{
    int fd = open("/proc/self/uid_map", O_RDWR | O_CLOEXEC);
    char line[64];
    const char *outside = getenv("OUTSIDE"); /* in here nobody knows who we are there */
    int len = snprintf(line, sizeof(line), "0 %s 1\n", outside != NULL ? outside : "");
    if (getpid() != 1)
        return 20;
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        return 21;
    return geteuid() == 0 ? 0 : 22;
}

static int wait_for_a_signal(void)
{
    while (pause() < 0)
        continue;
    return 97;
}

/* Has a child that has a child, all of which only sleep; writes a byte when they are there. */
static int child_makes_tree(void)
{
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            if (fork() == 0)
                (void)!write(0, "x", 1);
            _exit(wait_for_a_signal());
        }
    }
    return wait_for_a_signal();
}

/* Starts a grandchild that is to die with it, tells of it, and waits to be killed. */
static int child_is_parent(void)
{
    int fds[] = {0};
    struct os_child inner = spawn("sleep", fds, 1, 0);
    (void)inner;
    return wait_for_a_signal();
}

static int child_sleeps(void)
{
    (void)!write(0, "x", 1);
    return wait_for_a_signal();
}

/* Works until it has used 20 ms of processor, holds 8 MiB, then sleeps. */
static int child_uses(void)
{
    static char held[8 << 20];
    memset(held, 1, sizeof held);
    while (os_cpu_process_ns() < 20 * OS_NS_PER_MS)
        continue;
    return child_sleeps();
}

static int child_binds_again(void)
{
    char c;
    if (read(0, &c, 1) != 1) /* until the peer says that it has closed its other end, or not */
        return 30;
    int r = os_die_with_parent(3);
    return r == 0 ? 0 : r == -EPIPE ? 1 : 2;
}

static int run_as_child(const char *mode)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } modes[] = {{"fds", child_counts_fds},  {"self", child_checks_itself},
                 {"two", child_reads_two},   {"namespaces", child_looks_at_namespaces},
                 {"tree", child_makes_tree}, {"parent", child_is_parent},
                 {"sleep", child_sleeps},    {"bind", child_binds_again},
                 {"use", child_uses}};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (strcmp(mode, modes[i].name) == 0)
            return modes[i].run();
    }
    return 98;
}

/* ---- the cases ---- */

static void a_child_has_three_descriptors_when_none_is_given(void **state)
{
    (void)state;
    int stray = open("/dev/null", O_RDONLY); /* not close-on-exec, and still not inherited */
    struct os_child child = spawn("fds", NULL, 0, 0);
    assert_int_equal(exit_code(&child), 3);
    int seven[7] = {2, -1, 2, stray, 2, -1, 2};
    child = spawn("fds", seven, 7, 0);
    assert_int_equal(exit_code(&child), 7);
    os_close(stray);
}

static void nothing(int signal)
{
    (void)signal;
}

static void a_child_starts_with_a_clean_slate(void **state)
{
    struct sigaction handler = {.sa_handler = nothing}, ignore = {.sa_handler = SIG_IGN};
    sigset_t set, before;
    (void)state;
    sigaction(SIGUSR1, &handler, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    struct os_child child = spawn("self", NULL, 0, 0);
    assert_int_equal(exit_code(&child), 0);
    sigset_t after;
    sigprocmask(SIG_SETMASK, &before, &after);
    assert_int_equal(sigismember(&after, SIGTERM), 1);
    assert_int_equal(sigismember(&after, SIGUSR2), 0);
    struct sigaction kept;
    sigaction(SIGUSR1, NULL, &kept); /* the reset was the child's own */
    assert_ptr_equal(kept.sa_handler, nothing);
}

static void descriptors_that_overlap_land_in_their_places(void **state)
{
    (void)state;
    /* Pipes at low numbers, named crosswise: child 0 = fd x, child 3 = fd y, child 4 = fd z, where
     * x, y and z are themselves 3, 4 and so on. */
    int reads[3], writes[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(os_pipe(&reads[i], &writes[i]), 0);
        char c = (char)(1 + i);
        assert_int_equal(os_write(writes[i], &c, 1), 1);
    }
    assert_true(reads[0] < 10);
    int order[3][3] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 3 && k > 0; i++) {
            char c = (char)(1 + i);
            assert_int_equal(os_write(writes[i], &c, 1), 1);
        }
        int *o = order[k];
        int fds[] = {reads[o[0]], -1, -1, reads[o[1]], reads[o[2]]};
        struct os_child child = spawn("two", fds, 5, 0);
        assert_int_equal(exit_code(&child), (1 + o[0]) + (1 + o[2]) * 2 + (1 + o[1]) * 4);
    }
    for (int i = 0; i < 3; i++) {
        os_close(reads[i]);
        os_close(writes[i]);
    }
}

static void a_program_can_be_given_as_a_descriptor(void **state)
{
    (void)state;
    const char *argv[] = {"self", "fds", NULL};
    auto_close int program = open(self_path(), O_PATH | O_CLOEXEC);
    struct os_spawn how = {.program_fd = program, .argv = argv, .env = child_env()};
    struct os_child child;
    struct fault f = {0};
    assert_int_equal(os_spawn(&how, &child, &f), 0);
    assert_int_equal(exit_code(&child), 3);
    how.program_fd = 0; /* a low number that is also a place for the child's own */
    close(0);
    assert_int_equal(open(self_path(), O_PATH | O_CLOEXEC), 0);
    int r = os_spawn(&how, &child, &f);
    close(0);
    assert_int_equal(open("/dev/null", O_RDONLY), 0);
    assert_int_equal(r, 0);
    assert_int_equal(exit_code(&child), 3);
}

static void a_failed_start_is_told_and_leaves_no_child(void **state)
{
    (void)state;
    const char *argv[] = {"x", NULL};
    struct os_spawn how = {.program = "/no/such/program", .program_fd = -1, .argv = argv};
    struct os_child child = {.pid = 77};
    struct fault f = {0};
    assert_int_equal(os_spawn(&how, &child, &f), -ENOENT);
    assert_non_null(strstr(f.text, "/no/such/program"));
    assert_int_equal(child.pid, 77);
    how.program = "/etc/passwd";
    assert_int_equal(os_spawn(&how, &child, &f), -EACCES);
    how.program = NULL;
    how.program_fd = 999;
    assert_int_equal(os_spawn(&how, &child, &f), -EBADF);
    how.program = self_path();
    int fds[] = {998};
    how.fds = fds;
    how.fd_count = 1;
    assert_int_equal(os_spawn(&how, &child, &f), -EBADF);
    assert_non_null(strstr(f.text, "file descriptor"));
    how.fd_count = 65;
    assert_int_equal(os_spawn(&how, &child, &f), -EINVAL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void waiting_ends_at_its_deadline_and_tells_the_status(void **state)
{
    (void)state;
    int a, b, status = 0;
    char c;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    struct os_child child = spawn("sleep", &b, 1, 0);
    assert_int_equal(os_read(a, &c, 1), 1);
    int64_t before = os_now_mono_ns();
    assert_int_equal(os_child_wait(&child, before + 20 * OS_NS_PER_MS, &status), 1);
    assert_in_range(os_now_mono_ns() - before, 20 * OS_NS_PER_MS, 5 * OS_NS_PER_S);
    assert_int_equal(kill(child.pid, SIGTERM), 0); /* by default action: not blocked, not ignored */
    assert_int_equal(os_child_wait(&child, in_seconds(20), &status), 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(os_child_wait(&child, in_seconds(20), &status), -ECHILD);
    os_child_kill(&child);
    os_child_done(&child);
    os_child_done(&child);
    struct os_child zero = {0};
    os_child_done(&zero);
    os_close(a);
    os_close(b);
}

/* All that share the write end are gone when the read end says end of file. */
static void nobody_is_left(int fd)
{
    char c;
    assert_int_equal(os_wait_fd(fd, false, in_seconds(20)), 0);
    assert_int_equal(os_read(fd, &c, 1), 0);
}

static struct os_child spawn_on_pipe(const char *mode, int readers, uint32_t namespaces,
                                     int *ret_fd)
{
    int reader, writer;
    char c;
    assert_int_equal(os_pipe(&reader, &writer), 0);
    struct os_child child = spawn(mode, &writer, 1, namespaces);
    os_close(writer);
    for (int i = 0; i < readers; i++)
        assert_int_equal(os_read(reader, &c, 1), 1);
    *ret_fd = reader;
    return child;
}

static void a_kill_reaches_the_process_group(void **state)
{
    int fd;
    (void)state;
    struct os_child child = spawn_on_pipe("tree", 3, 0, &fd);
    os_child_done(&child);
    nobody_is_left(fd);
    os_close(fd);
}

static void a_child_dies_with_its_parent(void **state)
{
    int fd;
    (void)state;
    struct os_child child = spawn_on_pipe("parent", 1, 0, &fd);
    assert_int_equal(kill(child.pid, SIGKILL), 0); /* only the middle one */
    nobody_is_left(fd);
    os_child_done(&child);
    os_close(fd);
}

static bool has_namespaces(void)
{
    const char *argv[] = {"true", NULL};
    struct os_spawn how = {.program = "/bin/true",
                           .program_fd = -1,
                           .argv = argv,
                           .namespaces_must = OS_NS_USER | OS_NS_PID};
    struct os_child child;
    if (os_spawn(&how, &child, NULL) < 0)
        return false;
    os_child_done(&child);
    return true;
}

static void namespaces_are_made_and_their_capabilities_kept(void **state)
{
    static const uint32_t all =
        OS_NS_USER | OS_NS_MOUNT | OS_NS_NET | OS_NS_PID | OS_NS_IPC | OS_NS_UTS;
    (void)state;
    if (!has_namespaces())
        skip();
    struct os_child child = spawn("namespaces", NULL, 0, all);
    assert_int_equal(child.namespaces, all);
    assert_int_equal(exit_code(&child), 0);
}

static void the_end_of_a_pid_namespace_ends_the_tree(void **state)
{
    int fd;
    (void)state;
    if (!has_namespaces())
        skip();
    struct os_child child = spawn_on_pipe("tree", 3, OS_NS_USER | OS_NS_PID, &fd);
    assert_int_equal(kill(child.pid, SIGKILL), 0); /* the one process, not its group */
    nobody_is_left(fd);
    os_child_done(&child);
    os_close(fd);
    child = spawn_on_pipe("sleep", 1, OS_NS_USER | OS_NS_PID, &fd);
    int death = 0; /* and the binding to the parent is there as well, see child_checks_itself */
    assert_int_equal(prctl(PR_GET_PDEATHSIG, &death), 0);
    os_child_done(&child);
    nobody_is_left(fd);
    os_close(fd);
}

/* A process that may make no namespace: no capability, and a user namespace of its own that allows
 * none below it. */
static void refused_namespaces_are_left_out_unless_they_must_be(void **state)
{
    (void)state;
    if (!has_namespaces())
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        struct fault f = {0};
        struct os_child child = {0};
        const char *argv[] = {"true", NULL};
        struct os_spawn how = {.program = "/bin/true",
                               .program_fd = -1,
                               .argv = argv,
                               .namespaces = OS_NS_USER | OS_NS_PID};
        int fd, status;
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(77); /* a sanitizer's thread forbids it */
        fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            _exit(77);
        if (os_spawn(&how, &child, &f) != 0 || child.namespaces != 0 || f.code != 0)
            _exit(3);
        if (os_child_wait(&child, INT64_MAX, &status) != 0 || status != 0)
            _exit(4);
        os_child_done(&child);
        how.namespaces_must = OS_NS_USER;
        int r = os_spawn(&how, &child, &f);
        _exit((r == -ENOSPC || r == -EPERM || r == -EUSERS) && f.code == -r ? 0 : 5);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void binding_again_sees_that_the_peer_is_gone(void **state)
{
    (void)state;
    for (int is_gone = 0; is_gone < 2; is_gone++) {
        int go_read, go_write, a, b;
        assert_int_equal(os_pipe(&go_read, &go_write), 0);
        assert_int_equal(os_socket_pair(&a, &b), 0);
        int fds[] = {go_read, -1, -1, b};
        struct os_child child = spawn("bind", fds, 4, 0);
        os_close(b);
        if (is_gone)
            os_close(a);
        assert_int_equal(os_write(go_write, "x", 1), 1);
        assert_int_equal(exit_code(&child), is_gone);
        if (!is_gone)
            os_close(a);
        os_close(go_read);
        os_close(go_write);
    }
}

static int count_open(void)
{
    int n = 0;
    for (int fd = 0; fd < 1000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void starting_leaks_no_descriptor(void **state)
{
    (void)state;
    int before = count_open();
    const char *argv[] = {"true", NULL};
    struct os_spawn how = {
        .program = "/bin/true", .program_fd = -1, .argv = argv, .die_with_parent = true};
    for (int i = 0; i < 20; i++) {
        struct os_child child;
        how.program = i % 2 == 0 ? "/bin/true" : "/nowhere";
        if (os_spawn(&how, &child, NULL) == 0)
            assert_int_equal(exit_code(&child), 0);
    }
    assert_int_equal(count_open(), before);
}

static void what_a_child_uses_can_be_told_until_it_is_reaped(void **state)
{
    (void)state;
    int a, b, status;
    char c;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    struct os_child child = spawn("use", &b, 1, 0);
    assert_int_equal(os_read(a, &c, 1), 1);
    int64_t cpu = os_child_cpu_ns(&child);
    assert_true(cpu >= 20 * OS_NS_PER_MS);
    assert_true(os_child_memory(&child) >= 8 << 20);
    os_child_kill(&child);
    assert_int_equal(os_wait_fd(child.pidfd, false, in_seconds(60)), 0); /* ended, not reaped */
    assert_true(os_child_cpu_ns(&child) >= cpu);
    assert_int_equal(os_child_wait(&child, in_seconds(60), &status), 0);
    assert_int_equal(os_child_cpu_ns(&child), -1);
    assert_int_equal(os_child_memory(&child), -1);
    os_child_done(&child);
    os_close(a);
    os_close(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_three_descriptors_when_none_is_given),
        cmocka_unit_test(a_child_starts_with_a_clean_slate),
        cmocka_unit_test(descriptors_that_overlap_land_in_their_places),
        cmocka_unit_test(a_program_can_be_given_as_a_descriptor),
        cmocka_unit_test(a_failed_start_is_told_and_leaves_no_child),
        cmocka_unit_test(waiting_ends_at_its_deadline_and_tells_the_status),
        cmocka_unit_test(a_kill_reaches_the_process_group),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(namespaces_are_made_and_their_capabilities_kept),
        cmocka_unit_test(the_end_of_a_pid_namespace_ends_the_tree),
        cmocka_unit_test(refused_namespaces_are_left_out_unless_they_must_be),
        cmocka_unit_test(binding_again_sees_that_the_peer_is_gone),
        cmocka_unit_test(what_a_child_uses_can_be_told_until_it_is_reaped),
        cmocka_unit_test(starting_leaks_no_descriptor),
    };
    if (argc > 1)
        return run_as_child(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
