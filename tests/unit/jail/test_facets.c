/* Each facet on its own: with all others off, the attack goes through without it (or the test
 * would prove nothing) and is refused with it. */
#include "os/fd.h"
#include "os/process.h"
#include "trial.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

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
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int make_place(void **state unused_)
{
    strcpy(place, "/tmp/jail-XXXXXX");
    assert_non_null(mkdtemp(place));
    chmod(place, 0777);
    rw_fd = open_dir("rw");
    ro_fd = open_dir("ro");
    write_text("beside", "beside", 0666);
    write_text("rw/old", "old", 0666);
    write_text("ro/old", "old", 0666);
    write_text("ro/script", "#!/bin/true\n", 0777);
    write_text("secret", "secret", 0666);
    char path[256];
    snprintf(path, sizeof(path), "%s/secret", place);
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

static int enter_and_attack(void *arg)
{
    const struct attack *a = arg;
    struct jail_mount mounts[] = {{rw_fd, true, NULL}, {ro_fd, false, NULL}};
    struct jail_report report;
    uint16_t port = 443;
    struct jail_profile profile = {.program = a->program,
                                   .channel_fd = -1,
                                   .mounts = mounts,
                                   .mount_count = a->program == JAIL_WORKER ? 2 : 0,
                                   .connect_ports = &port,
                                   .port_count = a->program == JAIL_EGRESS ? 1 : 0,
                                   .file_size_max = 4096,
                                   .address_space_max = UINT64_C(1) << 30,
                                   .facets = a->facets,
                                   .required = a->facets};
    if (trial_enter(profile, &report) != TRIAL_DONE || report.in_force != a->facets)
        return TRIAL_BROKEN;
    return a->attack();
}

typedef int (*runner)(uint32_t namespaces, trial_fn fn, void *arg);

static void expect(runner run, uint32_t namespaces, uint32_t facet, enum jail_program program,
                   int (*attack)(void), int with)
{
    struct attack off = {0, program, attack}, on = {facet, program, attack};
    int r = run(facet == JAIL_NAMESPACES ? 0 : namespaces, enter_and_attack, &off);
    if (r != TRIAL_DONE)
        fail_msg("the attack does not work without the facet: the test is void (%d)", r);
    r = run(namespaces, enter_and_attack, &on);
    if (r != with)
        fail_msg("with the facet the attack ended with %d instead of %d", r, with);
}

/* As this user, and as an ordinary one when this is root. */
static void stops(uint32_t namespaces, uint32_t facet, enum jail_program program,
                  int (*attack)(void), int with)
{
    expect(trial_run, namespaces, facet, program, attack, with);
    expect(trial_run_as_user, namespaces, facet, program, attack, with);
}

/* --- attacks
 * ---------------------------------------------------------------------------------------- */

static int read_passwd(void)
{
    return refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0);
}
static int read_passwd_of_a_root_left_behind(void)
{
    return refused(open("/../etc/passwd", O_RDONLY | O_CLOEXEC) < 0);
}
static int climb_out_of_mount(void)
{
    return refused(openat(rw_fd, "../beside", O_RDONLY | O_CLOEXEC) < 0);
}
static int write_read_only(void)
{
    int fd = openat(ro_fd, "old", O_WRONLY | O_CLOEXEC);
    return refused(fd < 0 && (errno == EACCES || errno == EROFS));
}
static int chmod_read_only(void) /* Landlock does not see this one */
{
    return refused(fchmodat(ro_fd, "script", 0777, 0) < 0 && errno == EROFS);
}
static int execute_mapped(void)
{
    int fd = openat(ro_fd, "script", O_RDONLY);
    char *argv[] = {NULL};
    if (fd < 0)
        return TRIAL_BROKEN;
    fexecve(fd, argv, argv); /* /bin/true answers 0 = done */
    return refused(errno == EACCES);
}
static int signal_parent(void)
{
    pid_t parent = getppid(); /* 0 when it is in another pid namespace */
    return refused(parent == 0 || kill(parent, 0) < 0);
}
static int reach_this_machine(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return refused(fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0);
}
static int make_fifo(void)
{
    int r = mkfifoat(rw_fd, "fifo", 0600);
    unlinkat(rw_fd, "fifo", 0);
    return refused(r < 0);
}
static int make_socket_file(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/socket", rw_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = bind(fd, (struct sockaddr *)&name, sizeof(name));
    unlinkat(rw_fd, "socket", 0);
    return refused(r < 0);
}
static int bind_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return refused(bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0);
}
static int connect_port(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = connect(fd, (struct sockaddr *)&to, sizeof(to));
    return refused(r < 0 && errno == EACCES); /* nobody listens: going through is ECONNREFUSED */
}
static int connect_other_port(void)
{
    return connect_port(22);
}
static int connect_granted_port(void)
{
    return connect_port(443);
}
static int connect_abstract(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s", place + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return refused(connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 && errno == EPERM);
}
static int start_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return refused(pid < 0);
}
static int make_socket(void)
{
    return refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0);
}
static int map_writable_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return refused(at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) < 0);
}
static int set_host_name(void)
{
    return refused(sethostname("owned", 5) < 0 && errno == EPERM);
}
static int
set_host_name_after_exec(void) /* user 0 gets its capabilities back by an exec, normally */
{
    execl("/bin/hostname", "hostname", "owned", NULL);
    return TRIAL_BROKEN;
}
static int open_many(void)
{
    int fd = -1;
    for (int i = 0; i < 1024; i++)
        fd = dup(0);
    return refused(fd < 0 && errno == EMFILE);
}
static int grow_file(void)
{
    int fd = openat(rw_fd, "large", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    signal(SIGXFSZ, SIG_IGN);
    ssize_t n = pwrite(fd, "x", 1, 8192);
    unlinkat(rw_fd, "large", 0);
    return fd < 0 ? TRIAL_BROKEN : refused(n < 0 && errno == EFBIG);
}
static unused_ int take_address_space(void)
{
    return refused(mmap(NULL, (size_t)2 << 30, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
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

/* --- facets
 * ----------------------------------------------------------------------------------------- */

#define NS_WORKER 0x7fu

static void namespaces_hide_the_files_of_the_host(void **state unused_)
{
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_AGENT, read_passwd, TRIAL_REFUSED);
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_WORKER, read_passwd, TRIAL_REFUSED);
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_AGENT, read_passwd_of_a_root_left_behind, TRIAL_REFUSED);
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_EGRESS, read_passwd_of_a_root_left_behind,
          TRIAL_REFUSED);
}
static void namespaces_make_a_mount_end_at_its_own_top(void **state unused_)
{
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_WORKER, climb_out_of_mount, TRIAL_REFUSED);
}
static void namespaces_make_read_only_mounts_read_only(void **state unused_)
{
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_WORKER, write_read_only, TRIAL_REFUSED);
    expect(trial_run, NS_WORKER, JAIL_NAMESPACES, JAIL_WORKER, chmod_read_only, TRIAL_REFUSED);
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_WORKER, execute_mapped, TRIAL_REFUSED);
}
static void namespaces_hide_processes_and_network(void **state unused_)
{
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_AGENT, signal_parent, TRIAL_REFUSED);
    stops(NS_WORKER, JAIL_NAMESPACES, JAIL_AGENT, reach_this_machine, TRIAL_REFUSED);
}
static void landlock_hides_files(void **state unused_)
{
    stops(0, JAIL_LANDLOCK, JAIL_AGENT, read_passwd, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_COMPILE, read_passwd, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_EGRESS, read_passwd, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_WORKER, read_passwd, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_WORKER, climb_out_of_mount, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_WORKER, write_read_only, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_WORKER, execute_mapped, TRIAL_REFUSED);
}
static void landlock_makes_no_special_files(void **state unused_)
{
    stops(0, JAIL_LANDLOCK, JAIL_WORKER, make_fifo, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_WORKER, make_socket_file, TRIAL_REFUSED);
}
static void landlock_closes_ports(void **state unused_)
{
    stops(0, JAIL_LANDLOCK, JAIL_AGENT, bind_port, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_EGRESS, bind_port, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_AGENT, connect_other_port, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_EGRESS, connect_other_port, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_EGRESS, connect_granted_port, TRIAL_DONE);
}
static void landlock_closes_abstract_sockets_and_signals(void **state unused_)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "%s", place + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 100), 0);
    stops(0, JAIL_LANDLOCK, JAIL_AGENT, connect_abstract, TRIAL_REFUSED);
    stops(0, JAIL_LANDLOCK, JAIL_AGENT, signal_parent, TRIAL_REFUSED);
    close(fd);
}
static void seccomp_ends_a_process_that_starts_another(void **state unused_)
{
    for (int program = JAIL_AGENT; program <= JAIL_COMPILE; program++)
        stops(0, JAIL_SECCOMP, program, start_process, TRIAL_KILLED + SIGSYS);
    stops(0, JAIL_SECCOMP, JAIL_MONITOR, start_process, TRIAL_DONE);
}
static void seccomp_ends_a_process_that_makes_sockets_or_code(void **state unused_)
{
    stops(0, JAIL_SECCOMP, JAIL_AGENT, make_socket, TRIAL_KILLED + SIGSYS);
    stops(0, JAIL_SECCOMP, JAIL_WORKER, make_socket, TRIAL_KILLED + SIGSYS);
    stops(0, JAIL_SECCOMP, JAIL_COMPILE, make_socket, TRIAL_KILLED + SIGSYS);
    stops(0, JAIL_SECCOMP, JAIL_EGRESS, make_socket, TRIAL_REFUSED);
    for (int program = JAIL_AGENT; program <= JAIL_COMPILE; program++)
        stops(0, JAIL_SECCOMP, program, map_writable_code, TRIAL_KILLED + SIGSYS);
}
static void the_monitor_makes_no_new_code_either(void **state unused_)
{
    if (prctl(65 + 1, 0, 0, 0, 0) < 0) /* PR_GET_MDWE */
        skip();
    stops(0, JAIL_SECCOMP, JAIL_MONITOR, map_writable_code, TRIAL_REFUSED);
}
static void capabilities_are_gone_also_after_an_exec(void **state unused_)
{
    uint32_t own_host_name = OS_NS_USER | OS_NS_UTS;
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++)
        stops(own_host_name, JAIL_CAPABILITIES, program, set_host_name, TRIAL_REFUSED);
    if (geteuid() == 0)
        expect(trial_run, OS_NS_UTS, JAIL_CAPABILITIES, JAIL_WORKER, set_host_name_after_exec,
               TRIAL_REFUSED);
}
static void rlimits_bound_descriptors_files_and_memory(void **state unused_)
{
    stops(0, JAIL_RLIMITS, JAIL_AGENT, open_many, TRIAL_REFUSED);
    stops(0, JAIL_RLIMITS, JAIL_WORKER, grow_file, TRIAL_REFUSED);
#if !defined(__SANITIZE_ADDRESS__)
    stops(0, JAIL_RLIMITS, JAIL_COMPILE, take_address_space, TRIAL_REFUSED);
#endif
}
static void rlimits_start_no_process_for_an_ordinary_user(void **state unused_)
{
    expect(trial_run_as_user, 0, JAIL_RLIMITS, JAIL_WORKER, start_process, TRIAL_REFUSED);
    expect(trial_run_as_user, 0, JAIL_RLIMITS, JAIL_AGENT, start_process, TRIAL_REFUSED);
    expect(trial_run_as_user, 0, JAIL_RLIMITS, JAIL_EGRESS, start_process,
           TRIAL_DONE); /* threads are processes here */
}
static void leaked_descriptors_and_environment_are_gone(void **state unused_)
{
    setenv("JAIL_TEST_SECRET", "x", 1);
    stops(0, JAIL_FDS_ENV, JAIL_AGENT, read_leaked_fd, TRIAL_REFUSED);
    stops(0, JAIL_FDS_ENV, JAIL_MONITOR, read_leaked_fd, TRIAL_REFUSED);
    stops(0, JAIL_FDS_ENV, JAIL_AGENT, read_environment, TRIAL_REFUSED);
    stops(0, JAIL_FDS_ENV, JAIL_MONITOR, read_environment, TRIAL_DONE);
}

static void no_new_privs_makes_set_id_files_worthless(void **state unused_)
{
    char command[256];
    if (geteuid() != 0)
        skip();
    snprintf(command, sizeof(command), "cp /usr/bin/test %s/suid && chmod 4755 %s/suid", place,
             place);
    assert_int_equal(system(command), 0);
    expect(trial_run_as_user, 0, JAIL_NO_NEW_PRIVS, JAIL_AGENT, gain_by_exec, TRIAL_REFUSED);
}

/* A process of the same user looks into the jailed one's memory. */
static int look_into(void *arg)
{
    uint32_t facets = *(uint32_t *)arg;
    int ready[2], done[2];
    char path[64], c;
    if (pipe(ready) < 0 || pipe(done) < 0)
        return TRIAL_BROKEN;
    pid_t pid = fork();
    if (pid == 0) {
        int keep[] = {ready[1], done[0]};
        struct jail_report report;
        struct jail_profile p = {.program = JAIL_AGENT,
                                 .channel_fd = -1,
                                 .keep_fds = keep,
                                 .keep_count = 2,
                                 .facets = facets,
                                 .required = facets};
        if (trial_enter(p, &report) != TRIAL_DONE || write(ready[1], "x", 1) != 1)
            _exit(TRIAL_BROKEN);
        close(done[1]);
        _exit(read(done[0], &c, 1) != 0);
    }
    close(ready[1]);
    if (read(ready[0], &c, 1) != 1)
        return TRIAL_BROKEN;
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    int r = refused(open(path, O_RDONLY | O_CLOEXEC) < 0);
    close(done[1]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return r;
}
static void memory_of_a_jailed_process_is_not_shown_to_its_user(void **state unused_)
{
    uint32_t none = 0, one = JAIL_FDS_ENV;
    assert_int_equal(trial_run_as_user(0, look_into, &none), TRIAL_DONE);
    assert_int_equal(trial_run_as_user(0, look_into, &one), TRIAL_REFUSED);
}

/* A parent that ends without a word. The answer comes over a pipe that only the grandchild holds
 * at last. */
struct orphan {
    uint32_t facets;
    int tell[2];
};
static int abandon(void *arg)
{
    struct orphan *o = arg;
    int channel[2], ready[2];
    char c;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0 || pipe(ready) < 0)
        return TRIAL_BROKEN;
    pid_t pid = fork();
    if (pid == 0) {
        int keep[] = {o->tell[1], ready[1]};
        struct jail_report report;
        struct jail_profile p = {.program = JAIL_AGENT,
                                 .channel_fd = channel[1],
                                 .keep_fds = keep,
                                 .keep_count = 2,
                                 .facets = o->facets,
                                 .required = o->facets};
        if (trial_enter(p, &report) != TRIAL_DONE || write(ready[1], "x", 1) != 1)
            _exit(TRIAL_BROKEN);
        sleep(2);
        _exit(write(o->tell[1], "x", 1) != 1);
    }
    return pid > 0 && read(ready[0], &c, 1) == 1 ? TRIAL_DONE : TRIAL_BROKEN;
}
static int child_outlives_parent(uint32_t facets)
{
    struct orphan o = {.facets = facets};
    char c;
    assert_int_equal(pipe(o.tell), 0);
    int r = trial_run(0, abandon, &o);
    assert_int_equal(r, TRIAL_DONE);
    close(o.tell[1]);
    r = read(o.tell[0], &c, 1) == 1 ? TRIAL_DONE : TRIAL_REFUSED;
    close(o.tell[0]);
    return r;
}
static void parent_death_takes_the_child_along(void **state unused_)
{
    assert_int_equal(child_outlives_parent(0), TRIAL_DONE);
    assert_int_equal(child_outlives_parent(JAIL_PARENT_DEATH), TRIAL_REFUSED);
}
static int enter_after_peer_is_gone(void *arg unused_)
{
    int channel[2];
    struct jail_report report;
    struct fault fault = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
        return TRIAL_BROKEN;
    close(channel[0]);
    struct jail_profile p = {.program = JAIL_AGENT,
                             .channel_fd = channel[1],
                             .facets = JAIL_PARENT_DEATH,
                             .required = JAIL_PARENT_DEATH};
    return refused(jail_enter(&p, &report, &fault) == -FAULT_SANDBOX &&
                   strstr(fault.text, "gone") != NULL);
}
static void a_child_whose_parent_is_gone_already_does_not_start(void **state unused_)
{
    assert_int_equal(trial_run(0, enter_after_peer_is_gone, NULL), TRIAL_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(namespaces_hide_the_files_of_the_host),
        cmocka_unit_test(namespaces_make_a_mount_end_at_its_own_top),
        cmocka_unit_test(namespaces_make_read_only_mounts_read_only),
        cmocka_unit_test(namespaces_hide_processes_and_network),
        cmocka_unit_test(landlock_hides_files),
        cmocka_unit_test(landlock_makes_no_special_files),
        cmocka_unit_test(landlock_closes_ports),
        cmocka_unit_test(landlock_closes_abstract_sockets_and_signals),
        cmocka_unit_test(seccomp_ends_a_process_that_starts_another),
        cmocka_unit_test(seccomp_ends_a_process_that_makes_sockets_or_code),
        cmocka_unit_test(the_monitor_makes_no_new_code_either),
        cmocka_unit_test(capabilities_are_gone_also_after_an_exec),
        cmocka_unit_test(rlimits_bound_descriptors_files_and_memory),
        cmocka_unit_test(rlimits_start_no_process_for_an_ordinary_user),
        cmocka_unit_test(leaked_descriptors_and_environment_are_gone),
        cmocka_unit_test(no_new_privs_makes_set_id_files_worthless),
        cmocka_unit_test(memory_of_a_jailed_process_is_not_shown_to_its_user),
        cmocka_unit_test(parent_death_takes_the_child_along),
        cmocka_unit_test(a_child_whose_parent_is_gone_already_does_not_start),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
