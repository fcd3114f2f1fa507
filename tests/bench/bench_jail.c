/* rooms: sandbox_ask */
/* What the jail of a native command costs: /bin/true by plain fork and exec, by bubblewrap where it is installed, and by
 * the keeper, monitor's side included. JSON lines on stdout as in bench_sandbox.c; the lines alternate, so that all meet the
 * same machine. An argument divides the counts. */
#include "base/fault.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/process.h"
#include "sandbox/ask/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 300, NUMBERS_MAX = RUNS };
#define PAUSE_US 20000

static void check(int r, const struct fault *f, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_jail: %s: %s (%d)\n", what, f->text, r);
    exit(1);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double report(const char *name, int64_t *ns, size_t n, double reference_ns)
{
    qsort(ns, n, sizeof *ns, by_size);
    double p50 = (double)ns[n / 2];
    printf("{\"name\":\"%s\",\"unit\":\"ms\",\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"n\":%zu,",
           name, p50 / 1e6, (double)ns[n * 95 / 100] / 1e6, (double)ns[n * 99 / 100] / 1e6, n);
    if (reference_ns > 0)
        printf("\"ratio_to\":\"jail_reference_fork_exec\",\"ratio\":%.3f}\n", p50 / reference_ns);
    else
        printf("\"ratio_to\":null,\"ratio\":null}\n");
    return p50;
}

static int64_t by_fork(const char *const *argv)
{
    struct fault fault = {0};
    struct os_child child;
    int status;
    const struct os_spawn how = {.program = argv[0], .program_fd = -1, .argv = argv};
    int64_t start = os_now_mono_ns();
    check(os_spawn(&how, &child, &fault), &fault, "fork and exec");
    check(os_child_wait(&child, INT64_MAX, &status), &fault, "wait");
    int64_t end = os_now_mono_ns();
    os_child_done(&child);
    if (status != 0) {
        fprintf(stderr, "bench_jail: %s ended with %d\n", argv[0], status);
        exit(1);
    }
    return end - start;
}

static void on_done(struct sandbox_outcome *o, void *arg)
{
    if (o->stop != SANDBOX_EXIT || o->exit_code != 0) {
        fprintf(stderr, "bench_jail: %s\n", o->detail);
        exit(1);
    }
    os_loop_stop(arg, 0);
}

static int64_t by_keeper(const struct sandbox_command_config *config, struct os_loop *loop)
{
    struct fault fault = {0};
    struct sandbox_command *command;
    int64_t start = os_now_mono_ns();
    check(sandbox_command_start(config, loop, NULL, on_done, loop, &command, &fault), &fault,
          "jail");
    check(os_loop_run(loop), &fault, "loop");
    int64_t end = os_now_mono_ns();
    sandbox_command_free(command);
    return end - start;
}

int main(int argc, char **argv unused_)
{
    static const char *const plain[] = {"/bin/true", NULL};
    static const char *const wrapped[] = {"/usr/bin/bwrap", "--ro-bind",     "/usr",    "/usr",
                                          "--symlink",      "usr/lib",       "/lib",    "--symlink",
                                          "usr/lib64",      "/lib64",        "--proc",  "/proc",
                                          "--dev",          "/dev",          "--tmpfs", "/tmp",
                                          "--unshare-all",  "/usr/bin/true", NULL};
    static int64_t fork_ns[NUMBERS_MAX], wrap_ns[NUMBERS_MAX], jail_ns[NUMBERS_MAX];
    static char work[] = "/tmp/bench-jail-XXXXXX", root[] = "/";
    const char *bin = os_env("BOXAGNTS_BIN");
    char program[4200];
    size_t n = argc > 1 ? RUNS / 10 : RUNS;
    bool has_wrap = access(wrapped[0], X_OK) == 0;
    auto_(os_loop) struct os_loop *loop = NULL;
    if (bin == NULL || mkdtemp(work) == NULL || os_loop_new(&loop) < 0)
        return 1;
    snprintf(program, sizeof program, "%s/boxagnts-jail", bin);
    struct sandbox_mount mount = {
        .host = work, .guest = root, .dir_fd = os_open_dir_trusted(work), .writable = true};
    struct sandbox_command_config config = {.program = program,
                                            .mounts = &mount,
                                            .mount_count = 1,
                                            .argv = plain,
                                            .argc = 1,
                                            .cwd = "/",
                                            .stdin_fd = -1};
    limits_default(&config.limits);
    for (size_t i = 0; i < n; i++) {
        /* One command at a time: the kernel takes a network namespace apart in the background, and making one waits for it. */
        usleep(PAUSE_US);
        fork_ns[i] = by_fork(plain);
        if (has_wrap)
            wrap_ns[i] = by_fork(wrapped);
        usleep(PAUSE_US);
        jail_ns[i] = by_keeper(&config, loop);
    }
    double reference = report("jail_reference_fork_exec", fork_ns, n, 0);
    if (has_wrap)
        report("jail_reference_bubblewrap", wrap_ns, n, reference);
    report("jail_true", jail_ns, n, reference);
    rmdir(work);
    return 0;
}
