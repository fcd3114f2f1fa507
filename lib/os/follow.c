/* PR_SET_PDEATHSIG alone would be wrong twice: it is sent when the parent's *thread* ends that started us, and it knows nothing
 * of nohup. So it is a signal of our own, whose handler looks who the parent is now. The handler calls only what is
 * async-signal-safe, and leaves errno as it was. */
#include "os/follow.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FOLLOW_SIGNAL (SIGRTMAX - 5)

static pid_t parent;
static bool is_always, hup_ignored, int_ignored;

static bool is_ignored(int signal)
{
    struct sigaction now;
    return sigaction(signal, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
           now.sa_handler == SIG_IGN;
}

static bool is_in_foreground(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (tcgetpgrp(fd) == getpgrp())
            return true;
    return false;
}

static bool outlives_parent(void)
{
    return hup_ignored || int_ignored || getsid(0) == getpid() ||
           (getpgrp() == getpid() && !is_in_foreground());
}

static void on_change(int signal)
{
    (void)signal;
    int saved = errno;
    if (getppid() != parent && (is_always || !outlives_parent()))
        (void)raise(hup_ignored ? SIGTERM : SIGHUP);
    errno = saved;
}

int os_follow_parent(bool always)
{
    struct sigaction act = {.sa_handler = on_change, .sa_flags = SA_RESTART};
    sigemptyset(&act.sa_mask);
    is_always = always;
    hup_ignored = is_ignored(SIGHUP);
    int_ignored = is_ignored(SIGINT);
    parent = getppid();
    if (sigaction(FOLLOW_SIGNAL, &act, NULL) < 0 || prctl(PR_SET_PDEATHSIG, FOLLOW_SIGNAL) < 0)
        return -errno;
    on_change(FOLLOW_SIGNAL); /* it may have ended before the line above */
    return 0;
}
