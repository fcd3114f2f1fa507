/* Clocks and the ticking signal. Reading a clock goes through the vdso and must stay that cheap: the
 * hot paths read it at every call. */
#include "os/clock.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int64_t now(clockid_t clock)
{
    struct timespec ts;
    must(clock_gettime(clock, &ts) == 0);
    return (int64_t)ts.tv_sec * OS_NS_PER_S + ts.tv_nsec;
}

int64_t os_now_mono_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t os_now_real_ns(void)
{
    return now(CLOCK_REALTIME);
}

int64_t os_cpu_process_ns(void)
{
    return now(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t os_cpu_thread_ns(void)
{
    return now(CLOCK_THREAD_CPUTIME_ID);
}

struct os_ticker {
    timer_t timer;
    int signal;
    struct sigaction before;
};

int os_ticker_new(int signal, void (*handler)(int), struct os_ticker **ret)
{
    /* SA_RESTART: a tick is no reason for a host call to fail; every wait has its own deadline.
     * SA_ONSTACK: it may arrive while guest code runs on a nearly full stack. */
    struct sigaction action = {.sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
    auto_free struct os_ticker *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    event.sigev_notify_thread_id = gettid();
    t->signal = signal;
    if (sigaction(signal, &action, &t->before) < 0)
        return -errno;
    if (timer_create(CLOCK_MONOTONIC, &event, &t->timer) < 0) {
        int r = -errno;
        (void)sigaction(signal, &t->before, NULL);
        return r;
    }
    *ret = take(t);
    return 0;
}

static struct timespec timespec_of(int64_t ns)
{
    if (ns < 0)
        ns = 0;
    return (struct timespec){.tv_sec = ns / OS_NS_PER_S, .tv_nsec = ns % OS_NS_PER_S};
}

int os_ticker_start(struct os_ticker *t, int64_t first_ns, int64_t every_ns)
{
    /* Zero would disarm the timer: what is due at once is due in a nanosecond. */
    struct itimerspec when = {.it_value = timespec_of(first_ns > 0 ? first_ns : 1),
                              .it_interval = timespec_of(every_ns)};
    return timer_settime(t->timer, 0, &when, NULL) < 0 ? -errno : 0;
}

void os_ticker_stop(struct os_ticker *t)
{
    struct itimerspec off = {0};
    must(timer_settime(t->timer, 0, &off, NULL) == 0);
}

void os_ticker_free(struct os_ticker *t)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (t == NULL)
        return;
    (void)timer_delete(t->timer);
    /* A tick that is still pending must not meet the default action, which would end the process:
     * setting "ignore" throws it away. */
    (void)sigaction(t->signal, &ignore, NULL);
    (void)sigaction(t->signal, &t->before, NULL);
    free(t);
}
