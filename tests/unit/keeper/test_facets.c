/* Each facet of a native command's jail on its own: with all others off, the attack goes through without it (or the test
 * would prove nothing) and is refused with it. */
#include "sandbox/keeper/root.h"

#include "os/process.h"
#include "unit/jail/trial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_ALL 0x7fu
#define RW "/mapped-rw"
#define RO "/mapped-ro"

/* A folder with a writable and a read-only mount in it, and something beside them. */
static char place[64];
static int rw_fd, ro_fd, secret_fd;

static void write_text(const char *name, const char *text, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", place, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int open_dir(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", place, name);
    assert_true(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int make_place(void **state unused_)
{
    char path[256];
    strcpy(place, "/var/tmp/keeper-XXXXXX");
    assert_non_null(mkdtemp(place));
    chmod(place, 0777);
    rw_fd = open_dir("rw");
    ro_fd = open_dir("ro");
    assert_true(rw_fd >= 0 && ro_fd >= 0);
    write_text("beside", "beside", 0666);
    write_text("rw/old", "old", 0666);
    write_text("ro/old", "old", 0666);
    snprintf(path, sizeof(path), "%s/beside", place);
    secret_fd = open(path, O_RDONLY); /* survives an exec: a leak */
    return secret_fd < 0;
}

static int remove_place(void **state unused_)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", place);
    return system(command) != 0;
}

struct attack {
    uint32_t facets;
    enum jail_program program;
    int (*attack)(void);
};

static int refused(bool is_refused)
{
    return is_refused ? TRIAL_REFUSED : TRIAL_DONE;
}

static const struct jail_command_limits limits = {
    .data_bytes = 64 << 20,
    .cpu_seconds = 1,
    .file_bytes = 4096,
    .processes = 4,
    .files = 32,
    .temporary_bytes = 64 << 10,
    .created_files = 1000,
};

static int enter_and_attack(void *arg)
{
    const struct attack *a = arg;
    struct jail_mount mounts[] = {{rw_fd, true, RW}, {ro_fd, false, RO}};
    struct jail_report report;
    struct jail_profile profile = {.program = a->program,
                                   .channel_fd = -1,
                                   .mounts = mounts,
                                   .mount_count = 2,
                                   .command = &limits,
                                   .root = &keeper_root,
                                   .facets = a->facets,
                                   .required = a->facets};
    if (a->facets != 0 &&
        (trial_enter(profile, &report) != TRIAL_DONE || report.in_force != a->facets))
        return TRIAL_BROKEN;
    return a->attack();
}

typedef int (*runner)(uint32_t namespaces, trial_fn fn, void *arg);

static void expect(runner run, uint32_t facet, int (*attack)(void), int with)
{
    bool is_namespaces = facet == JAIL_NAMESPACES;
    struct attack off = {0, JAIL_COMMAND, attack},
                  on = {facet, is_namespaces ? JAIL_KEEPER : JAIL_COMMAND, attack};
    int r = run(0, enter_and_attack, &off);
    if (r != TRIAL_DONE)
        fail_msg("the attack does not work without the facet: the test is void (%d)", r);
    r = run(is_namespaces ? NS_ALL : 0, enter_and_attack, &on);
    if (r != with)
        fail_msg("with the facet the attack ended with %d instead of %d", r, with);
}

/* As this user, and as an ordinary one when this is root. */
static void stops(uint32_t facet, int (*attack)(void))
{
    expect(trial_run, facet, attack, TRIAL_REFUSED);
    expect(trial_run_as_user, facet, attack, TRIAL_REFUSED);
}

static void only_root_could(uint32_t facet, int (*attack)(void))
{
    if (geteuid() == 0)
        expect(trial_run, facet, attack, TRIAL_REFUSED);
}

/* --- attacks --- */

static const char *beside(void)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/beside", place);
    return path;
}

static int read_beside(void)
{
    return refused(open(beside(), O_RDONLY | O_CLOEXEC) < 0);
}
static int read_beside_by_parent(void)
{
    return refused(openat(rw_fd, "../beside", O_RDONLY | O_CLOEXEC) < 0);
}
static int read_root_left_behind(void)
{
    char path[160];
    snprintf(path, sizeof(path), "/..%s", beside());
    return refused(open(path, O_RDONLY | O_CLOEXEC) < 0);
}
static int read_users(void)
{
    char text[4096];
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = '\0';
    return refused(strstr(text, "daemon:") == NULL);
}
static int read_shadow(void)
{
    return refused(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0);
}
static int list_homes(void)
{
    return refused(open("/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0);
}
static int write_system(void)
{
    int fd = open("/usr/bin/true", O_WRONLY | O_CLOEXEC);
    return refused(fd < 0 && errno != ETXTBSY);
}
static int write_kernel_setting(void)
{
    return refused(open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC) < 0);
}
static int write_own_score(void)
{
    return refused(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) < 0);
}
static int open_console(void)
{
    return refused(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0);
}
static int signal_parent(void)
{
    pid_t parent = getppid();
    return refused(parent == 0 || kill(parent, 0) < 0);
}
static int reach_this_machine(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return refused(fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0);
}
static int fill_temporary(void)
{
    static const char block[4096];
    char path[] = "/tmp/keeper-test-XXXXXX";
    int fd = mkstemp(path);
    bool is_full = false;
    for (int i = 0; fd >= 0 && i < 64 && !is_full; i++)
        is_full = write(fd, block, sizeof(block)) < 0;
    unlink(path);
    return refused(fd < 0 || is_full);
}
static int write_read_only(void)
{
    int fd = openat(ro_fd, "old", O_WRONLY | O_CLOEXEC);
    return refused(fd < 0 && (errno == EACCES || errno == EROFS));
}
static int make_fifo(void)
{
    int r = mkfifoat(rw_fd, "fifo", 0600);
    unlinkat(rw_fd, "fifo", 0);
    return refused(r < 0);
}
static int make_device(void)
{
    int r = mknodat(rw_fd, "device", S_IFCHR | 0600, 0x105);
    unlinkat(rw_fd, "device", 0);
    return refused(r < 0);
}
static int bind_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return refused(bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0);
}
static int connect_abstract(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s", place + 9);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return refused(connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0);
}
static int trace_oneself(void)
{
    return refused(ptrace(PTRACE_TRACEME, 0, 0, 0) < 0);
}
static int new_user_namespace(void)
{
    return refused(unshare(CLONE_NEWUSER) < 0);
}
static int new_user_namespace_by_clone(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return refused(pid < 0);
}
static int own_memory_file(void)
{
    return refused(syscall(SYS_memfd_create, "x", 0) < 0);
}
static int add_a_key(void)
{
    return refused(syscall(SYS_add_key, "user", "boxagnts-test", "x", 1, -1) < 0);
}
static int file_socket(void)
{
    return refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0);
}
static int netlink_socket(void)
{
    return refused(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0);
}
static int mount_something(void)
{
    int r = mount("none", "/proc", NULL, MS_BIND | MS_REMOUNT, NULL);
    return refused(r < 0 && errno == EPERM);
}
static int change_root(void)
{
    return refused(chroot("/") < 0);
}
static int type_into_terminal(void)
{
    /* Without the filter the kernel says that this is no terminal. */
    return refused(ioctl(ro_fd, TIOCSTI, "x") < 0 && errno == EPERM);
}
static int set_host_name(void)
{
    char name[256];
    return refused(gethostname(name, sizeof(name)) < 0 || sethostname(name, strlen(name)) < 0);
}
static int leave_core(void)
{
    struct rlimit core;
    return refused(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur <= 1 && core.rlim_max <= 1);
}
static unused_ int hold_memory(void)
{
    return refused(mmap(NULL, (size_t)128 << 20, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}
static unused_ int
reserve_memory(void) /* what no page stands behind is not counted: engines reserve much */
{
    return refused(mmap(NULL, (size_t)1 << 36, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
}
static int grow_file(void)
{
    int fd = openat(rw_fd, "large", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    signal(SIGXFSZ, SIG_IGN);
    ssize_t n = pwrite(fd, "x", 1, 8192);
    unlinkat(rw_fd, "large", 0);
    return fd < 0 ? TRIAL_BROKEN : refused(n < 0 && errno == EFBIG);
}
static int open_many(void)
{
    int fd = 0;
    for (int i = 0; i < 64 && fd >= 0; i++)
        fd = dup(0);
    return refused(fd < 0 && errno == EMFILE);
}
static int use_processor(void)
{
    struct rlimit cpu;
    return refused(getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_max == 1);
}
static int read_leaked_fd(void)
{
    char c;
    return refused(pread(secret_fd, &c, 1, 0) < 0 && errno == EBADF);
}
static int read_environment(void)
{
    return refused(getenv("JAIL_TEST_SECRET") == NULL);
}
static int gain_by_exec(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/suid", place);
    execl(path, "test", "-r", "/etc/shadow", NULL); /* 0 = it can */
    return TRIAL_BROKEN;
}

/* --- facets --- */

static void namespaces_show_only_what_is_mapped(void **state unused_)
{
    stops(JAIL_NAMESPACES, read_beside);
    stops(JAIL_NAMESPACES, read_root_left_behind);
    stops(JAIL_NAMESPACES, read_users);
    only_root_could(JAIL_NAMESPACES, read_shadow);
    only_root_could(JAIL_NAMESPACES, list_homes);
    only_root_could(JAIL_NAMESPACES, open_console);
}
static void namespaces_let_nothing_of_the_system_be_changed(void **state unused_)
{
    only_root_could(JAIL_NAMESPACES, write_system);
    only_root_could(JAIL_NAMESPACES, write_kernel_setting);
    stops(JAIL_NAMESPACES, write_own_score);
    stops(JAIL_NAMESPACES, fill_temporary);
}
static void namespaces_hide_processes_and_network(void **state unused_)
{
    stops(JAIL_NAMESPACES, signal_parent);
    stops(JAIL_NAMESPACES, reach_this_machine);
}
static void landlock_lets_only_what_is_mapped_through(void **state unused_)
{
    stops(JAIL_LANDLOCK, read_beside);
    stops(JAIL_LANDLOCK, read_beside_by_parent);
    stops(JAIL_LANDLOCK, write_read_only);
    only_root_could(JAIL_LANDLOCK, read_shadow);
    only_root_could(JAIL_LANDLOCK, list_homes);
    only_root_could(JAIL_LANDLOCK, write_system);
    only_root_could(JAIL_LANDLOCK, write_kernel_setting);
    stops(JAIL_LANDLOCK, write_own_score);
}
static void landlock_makes_no_pipes_in_mapped_folders_and_no_devices(void **state unused_)
{
    stops(JAIL_LANDLOCK, make_fifo);
    only_root_could(JAIL_LANDLOCK, make_device);
}
static void landlock_closes_ports_peers_and_signals(void **state unused_)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s", place + 9);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 100), 0);
    stops(JAIL_LANDLOCK, bind_port);
    stops(JAIL_LANDLOCK, connect_abstract);
    stops(JAIL_LANDLOCK, signal_parent);
    close(fd);
}
static void seccomp_refuses_what_breaks_walls(void **state unused_)
{
    stops(JAIL_SECCOMP, trace_oneself);
    stops(JAIL_SECCOMP, new_user_namespace);
    stops(JAIL_SECCOMP, new_user_namespace_by_clone);
    stops(JAIL_SECCOMP, own_memory_file);
    stops(JAIL_SECCOMP, add_a_key);
    stops(JAIL_SECCOMP, file_socket);
    stops(JAIL_SECCOMP, netlink_socket);
    stops(JAIL_SECCOMP, type_into_terminal);
    only_root_could(JAIL_SECCOMP, mount_something);
    only_root_could(JAIL_SECCOMP, change_root);
    only_root_could(JAIL_SECCOMP, make_device);
}
static void capabilities_are_gone(void **state unused_)
{
    only_root_could(JAIL_CAPABILITIES, set_host_name);
    only_root_could(JAIL_CAPABILITIES, change_root);
    only_root_could(JAIL_CAPABILITIES, make_device);
}
static void rlimits_bound_each_process(void **state unused_)
{
    stops(JAIL_RLIMITS, open_many);
    stops(JAIL_RLIMITS, grow_file);
    stops(JAIL_RLIMITS, use_processor);
#if !defined(__SANITIZE_ADDRESS__)
    stops(JAIL_RLIMITS, hold_memory);
    expect(trial_run, JAIL_RLIMITS, reserve_memory, TRIAL_DONE);
#endif
}
static void rlimits_leave_no_core(void **state unused_)
{
    struct rlimit core;
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    core.rlim_cur = core.rlim_max;
    if (core.rlim_max <= 1)
        skip(); /* there is none to be left already */
    assert_int_equal(setrlimit(RLIMIT_CORE, &core), 0);
    stops(JAIL_RLIMITS, leave_core);
}
static void leaked_descriptors_and_environment_are_gone(void **state unused_)
{
    setenv("JAIL_TEST_SECRET", "x", 1);
    stops(JAIL_FDS_ENV, read_leaked_fd);
    stops(JAIL_FDS_ENV, read_environment);
}
static void no_new_privs_makes_set_id_files_worthless(void **state unused_)
{
    char command[256];
    if (geteuid() != 0)
        skip();
    snprintf(command, sizeof(command), "cp /usr/bin/test %s/suid && chmod 4755 %s/suid", place,
             place);
    assert_int_equal(system(command), 0);
    expect(trial_run_as_user, JAIL_NO_NEW_PRIVS, gain_by_exec, TRIAL_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(namespaces_show_only_what_is_mapped),
        cmocka_unit_test(namespaces_let_nothing_of_the_system_be_changed),
        cmocka_unit_test(namespaces_hide_processes_and_network),
        cmocka_unit_test(landlock_lets_only_what_is_mapped_through),
        cmocka_unit_test(landlock_makes_no_pipes_in_mapped_folders_and_no_devices),
        cmocka_unit_test(landlock_closes_ports_peers_and_signals),
        cmocka_unit_test(seccomp_refuses_what_breaks_walls),
        cmocka_unit_test(capabilities_are_gone),
        cmocka_unit_test(rlimits_bound_each_process),
        cmocka_unit_test(rlimits_leave_no_core),
        cmocka_unit_test(leaked_descriptors_and_environment_are_gone),
        cmocka_unit_test(no_new_privs_makes_set_id_files_worthless),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
