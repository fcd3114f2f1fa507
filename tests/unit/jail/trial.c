#include "trial.h"

#include "os/process.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct jail_outside outside;

static unsigned long clone_flags(uint32_t namespaces)
{
    static const unsigned long flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,   CLONE_NEWPID,
                                          CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    unsigned long all = 0;
    for (unsigned i = 0; i < 7; i++) {
        if (namespaces >> i & 1)
            all |= flags[i];
    }
    return all;
}

/* cmocka's handlers would take the child's end for a failure of the test and go on with the other
 * tests in it. */
static void default_signals(void)
{
    static const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGSYS};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        signal(signals[i], SIG_DFL);
}

int trial_run(uint32_t namespaces, trial_fn fn, void *arg)
{
    char text[JAIL_OUTSIDE_ARG_SIZE];
    char *argv[] = {NULL, text};
    int status;
    fflush(NULL);
    jail_outside_arg(text);
    if (jail_outside_from_argv(2, argv, &outside) != 0)
        return TRIAL_BROKEN;
    long pid = syscall(SYS_clone, clone_flags(namespaces) | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0)
        return TRIAL_VOID;
    if (pid == 0) {
        default_signals();
        _exit(fn(arg));
    }
    while (waitpid((pid_t)pid, &status, 0) < 0) {
        if (errno != EINTR)
            return TRIAL_BROKEN;
    }
    return WIFSIGNALED(status) ? TRIAL_KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

struct as_user {
    uint32_t namespaces;
    trial_fn fn;
    void *arg;
};

static int become_user(void *arg)
{
    struct as_user *a = arg;
    if (setgroups(0, NULL) < 0 || setresgid(TRIAL_USER, TRIAL_USER, TRIAL_USER) < 0 ||
        setresuid(TRIAL_USER, TRIAL_USER, TRIAL_USER) < 0)
        return TRIAL_BROKEN;
    /* A change of user makes a process undumpable, and its /proc files root's. A program that was
     * executed by that user, as ours are, is dumpable. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int r = trial_run(a->namespaces, a->fn, a->arg);
    if (r > TRIAL_KILLED)
        raise(r - TRIAL_KILLED == SIGSYS ? SIGUSR1 : SIGKILL);
    return r;
}

int trial_run_as_user(uint32_t namespaces, trial_fn fn, void *arg)
{
    struct as_user a = {namespaces, fn, arg};
    if (geteuid() != 0)
        return trial_run(namespaces, fn, arg);
    int r = trial_run(0, become_user, &a);
    return r == TRIAL_KILLED + SIGUSR1 ? TRIAL_KILLED + SIGSYS : r;
}

int trial_enter(struct jail_profile profile, struct jail_report *ret)
{
    struct fault fault = {0};
    if (profile.outside == NULL)
        profile.outside = &outside;
    int r = jail_enter(&profile, ret, &fault);
    if (r < 0) {
        fprintf(stderr, "jail_enter: %s\n", fault.text);
        return TRIAL_BROKEN;
    }
    return TRIAL_DONE;
}
