/* The order of things, and why:
 *   1. descriptors, namespaces and the new root, capabilities, Landlock: taken on before the command exists, so that it is
 *      born inside all of them. The rules of Landlock are the command's own, for both: a process may look at another's
 *      counters only within one domain.
 *   2. the command's process is made. It takes on what the keeper cannot have: its limits, its filter. What is in force
 *      is measured there, told to the keeper, and only then the program is executed.
 *   3. the keeper puts on its own filter and limits: from here on it can read counters, kill, wait and speak.
 * The command cannot end or change its keeper: to the first process of a namespace signals from within do not come, it
 * is not dumpable, ptrace is refused. The monitor ends the keeper, and the kernel with it everything inside. */
#include "sandbox/keeper/keeper.h"

#include "base/fault.h"
#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/created.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/keeper.h"
#include "os/random.h"
#include "os/socket.h"
#include "sandbox/jail/jail.h"
#include "sandbox/keeper/order.h"
#include "sandbox/keeper/root.h"
#include "sandbox/keeper/watch.h"
#include "sandbox/run/ended.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the command's process says before it is the command: through a pipe that its exec closes. */
struct said {
    int error; /* 0 = locked down, about to execute */
    bool
        is_execution; /* the error is of the exec or of the current folder: the command's, not ours */
    struct jail_report report;
    struct fault fault;
};

enum { QUEUE_MAX = 64 * 1024 };

#define FACETS_BEFORE                                                                              \
    (JAIL_FDS_ENV | JAIL_NAMESPACES | JAIL_NO_NEW_PRIVS | JAIL_CAPABILITIES | JAIL_LANDLOCK |      \
     JAIL_PARENT_DEATH)
#define FACETS_OF_COMMAND                                                                          \
    (JAIL_FDS_ENV | JAIL_NO_NEW_PRIVS | JAIL_CAPABILITIES | JAIL_RLIMITS | JAIL_SECCOMP)
#define FACETS_AFTER (JAIL_RLIMITS | JAIL_SECCOMP)

/* Whole before anything else happens, in either manner of the channel. */
static int speak(struct channel *c, uint16_t type, uint64_t id, const json_t *body, int fd)
{
    int r = channel_send(c, type, id, body, STR(""), &fd, fd >= 0);
    while (r == 0 && (r = channel_pump_out(c)) == 1)
        r = os_wait_fd(channel_fd(c), true, INT64_MAX);
    return r;
}

static int give_up(struct channel *c, int r, const struct fault *f)
{
    auto_json json_t *body =
        json_pack("{s:s, s:s, s:s}", "code", fault_name(r), "text", f->text, "next", f->next);
    if (body)
        (void)!speak(c, MONITOR_FAULT, 0, body, -1);
    return fault_exit_code(r);
}

static void describe_limits(const struct order *o, struct jail_command_limits *ret)
{
    *ret = (struct jail_command_limits){
        .data_bytes = o->memory,
        /* of one process; the sum is the keeper's to watch */
        .cpu_seconds = o->cpu_ns / 1000000000 + 1,
        .file_bytes = o->write_bytes > 0 ? o->write_bytes : 1,
        .processes = o->processes,
        .files = o->files > 8 ? o->files : 8,
        .temporary_bytes = o->temporary,
        .created_files = o->created,
        .loopback = o->loopback,
        .proxy = o->proxy,
    };
}

static int enter_keeper(struct order *o, const struct jail_command_limits *limits,
                        int memory_fds[2], int *listener, struct jail_report *ret,
                        struct fault *reterr)
{
    static const uint16_t proxy_port[] = {JAIL_PROXY_PORT};
    const struct jail_profile profile = {
        .program = JAIL_KEEPER,
        .channel_fd = KEEPER_CHANNEL_FD,
        .mounts = o->mounts,
        .mount_count = o->mount_count,
        .outside = &o->outside,
        .command = limits,
        .root = &keeper_root,
        .ret_memory_fds = memory_fds,
        .ret_listener = listener,
        .connect_ports = proxy_port,
        .port_count = o->proxy,
        .facets = FACETS_BEFORE,
        .required = FACETS_BEFORE,
    };
    int r = jail_enter(&profile, ret, reterr);
    /* They lead to the folders of the host; the places are enough from here on. */
    for (size_t i = 0; i < o->mount_count; i++) {
        os_close(o->mounts[i].dir_fd);
        o->mounts[i].dir_fd = -1;
    }
    return r;
}

static void say(int fd, const struct said *said)
{
    /* One write, shorter than what a pipe takes whole. */
    (void)!os_write_all(fd, (struct str){(const char *)said, sizeof(*said)});
}

__attribute__((noreturn)) static void be_command(const struct order *o,
                                                 const struct jail_command_limits *limits, int fd)
{
    struct said said = {0};
    const int keep[] = {fd};
    const struct jail_profile profile = {
        .program = JAIL_COMMAND,
        .channel_fd = -1,
        .keep_fds = keep,
        .keep_count = 1,
        .command = limits,
        .root = &keeper_root,
        .has_own_namespaces = true,
        .facets = FACETS_OF_COMMAND,
        .required = FACETS_OF_COMMAND,
    };
    said.error = jail_enter(&profile, &said.report, &said.fault);
    say(fd, &said);
    if (said.error == 0) {
        said.is_execution = true;
        said.error = os_enter_dir(o->cwd);
        if (said.error < 0)
            (void)fault_set(&said.fault, -said.error, "cannot enter %.80s: %s", o->cwd,
                            strerror(-said.error));
        if (said.error == 0) {
            said.error = os_execute(o->argv, o->env);
            (void)fault_set(&said.fault, -said.error, "cannot run %.80s: %s", o->argv[0],
                            strerror(-said.error));
        }
        say(fd, &said);
    }
    os_exit(SANDBOX_EXIT_NOT_RUNNABLE);
}

/* 0 said; 1 the end came first, which is the exec. */
static int hear(int fd, struct said *ret)
{
    size_t got = 0;
    while (got < sizeof(*ret)) {
        ssize_t n = os_read(fd, (char *)ret + got, sizeof(*ret) - got);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return got == 0 ? 1 : -EPIPE;
        got += (size_t)n;
    }
    return 0;
}

static int enter_last(struct jail_report *ret, struct fault *reterr)
{
    const struct jail_profile profile = {
        .program = JAIL_KEEPER,
        .channel_fd = KEEPER_CHANNEL_FD,
        .facets = FACETS_AFTER,
        .required = FACETS_AFTER,
    };
    return jail_enter(&profile, ret, reterr);
}

/* What holds the command, and beside it what holds its keeper. */
static int say_ready(struct channel *c, const struct jail_report *keeper,
                     const struct jail_report *last, const struct jail_report *command,
                     int listener)
{
    struct jail_report both = *command, its = *keeper;
    its.in_force |= last->in_force;
    memcpy(its.seccomp, last->seccomp, sizeof(its.seccomp));
    both.in_force |= keeper->in_force & (JAIL_NAMESPACES | JAIL_LANDLOCK | JAIL_PARENT_DEATH);
    both.landlock_abi = keeper->landlock_abi;
    memcpy(both.namespaces, keeper->namespaces, sizeof(both.namespaces));
    auto_json json_t *body = jail_report_json(&both);
    if (body && json_object_set_new(body, "keeper", jail_report_json(&its)) < 0)
        return -ENOMEM;
    return body ? speak(c, MONITOR_READY, 0, body, listener) : -ENOMEM;
}

static int say_ended(struct channel *c, const struct sandbox_ended *ended)
{
    auto_json json_t *body = sandbox_ended_json(ended);
    return body ? speak(c, MONITOR_ENDED, 1, body, -1) : -ENOMEM;
}

/* From the birth of the command's process to its execution. 0; 1 it could not be executed, *ret is how it ended. */
static int start_command(struct channel *c, const struct order *o,
                         const struct jail_command_limits *limits, const struct jail_report *keeper,
                         int listener, pid_t *ret_pid, struct sandbox_ended *ret,
                         struct fault *reterr)
{
    struct said said;
    struct jail_report last;
    auto_close int from = -1, to = -1;
    pid_t pid;
    int r = os_pipe(&from, &to);
    if (r == 0)
        r = os_fork(&pid);
    if (r < 0)
        return fault_sys(reterr, -r, "the command's process cannot be made");
    if (pid == 0)
        be_command(o, limits, to);
    os_close(take_fd(&to));
    /* The command's pipes are the command's alone: or their end would never be seen. */
    r = os_leave_stdio();
    if (r < 0)
        return fault_sys(reterr, -r, "/dev/null is missing in the jail");
    r = enter_last(&last, reterr);
    if (r < 0)
        return r;
    if (hear(from, &said) != 0)
        return fault_set(reterr, FAULT_SANDBOX,
                         "the command's process ended while it locked itself down");
    if (said.error < 0) {
        *reterr = said.fault;
        return said.error;
    }
    r = say_ready(c, keeper, &last, &said.report, listener);
    if (r < 0)
        return r;
    *ret_pid = pid;
    if (hear(from, &said) != 0)
        return 0;
    *ret = (struct sandbox_ended){.stop = SANDBOX_EXIT,
                                  .exit_code = said.error == -ENOENT ? SANDBOX_EXIT_NOT_FOUND
                                                                     : SANDBOX_EXIT_NOT_RUNNABLE};
    (void)snprintf(ret->detail, sizeof(ret->detail), "%.*s", (int)(sizeof(ret->detail) - 1),
                   said.fault.text);
    return 1;
}

/* The folders that it may write to, before it is there: what is in them from now on is its own. */
static int begin_counting(const struct order *o, own struct os_created **ret, struct fault *reterr)
{
    int fds[SANDBOX_MOUNTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < o->mount_count; i++) {
        int fd = o->mounts[i].writable
                     ? os_open_trusted(o->mounts[i].place, O_RDONLY | O_DIRECTORY, 0)
                     : -1;
        if (fd >= 0)
            fds[count++] = fd;
    }
    int r = os_created_new(fds, count, o->created, ret);
    for (size_t i = 0; i < count; i++)
        os_close(fds[i]);
    return r < 0 ? fault_sys(reterr, -r, "the files of the command cannot be counted") : 0;
}

static int keep(struct channel *c, struct order *o, struct fault *reterr)
{
    struct jail_command_limits limits;
    struct jail_report report;
    struct sandbox_ended ended;
    int memory_fds[2] = {-1, -1};
    auto_close int listener = -1;
    pid_t pid = 0;
    describe_limits(o, &limits);
    int r = enter_keeper(o, &limits, memory_fds, &listener, &report, reterr);
    if (r < 0)
        return r;
    auto_close int proc = os_open_trusted("/proc", O_RDONLY | O_DIRECTORY, 0);
    if (proc < 0)
        return fault_sys(reterr, -proc, "/proc is missing in the jail");
    auto_(os_created) struct os_created *created = NULL;
    r = begin_counting(o, &created, reterr);
    if (r < 0)
        return r;
    r = start_command(c, o, &limits, &report, listener, &pid, &ended, reterr);
    os_close(take_fd(&listener)); /* egress has it, and alone */
    if (r == 0) {
        const struct watch_config config = {.order = o,
                                            .channel = c,
                                            .command = pid,
                                            .created = created,
                                            .proc_fd = proc,
                                            .memory_fds = {memory_fds[0], memory_fds[1]}};
        r = watch_command(&config, &ended, reterr);
    } else if (r == 1) {
        r = 0;
    }
    return r < 0 ? r : say_ended(c, &ended);
}

int keeper_main(int argc, char **argv)
{
    auto_(channel) struct channel *c = NULL;
    struct fault fault = {0};
    struct order order;
    uint32_t seed;
    os_random(&seed, sizeof seed);
    json_start(seed);
    if (channel_new(KEEPER_CHANNEL_FD, permits_keeper, QUEUE_MAX, &c) < 0)
        return 1;
    int r = order_from_argv(argc, argv, environ, &order, &fault);
    if (r == 0) {
        r = keep(c, &order, &fault);
        free(order.env);
    }
    return r < 0 ? give_up(c, r, &fault) : 0;
}
