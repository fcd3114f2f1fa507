/* Clocks go forward, the ticker ticks this thread and leaves no trace, random bytes differ. */
#include "os/clock.h"
#include "os/random.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void clocks_go_forward_and_agree_with_the_calendar(void **state)
{
    (void)state;
    int64_t mono = os_now_mono_ns(), cpu = os_cpu_process_ns(), thread = os_cpu_thread_ns();
    for (volatile int i = 0; i < 100000; i++)
        continue;
    assert_true(os_now_mono_ns() > mono);
    assert_true(os_cpu_process_ns() > cpu);
    assert_true(os_cpu_thread_ns() > thread);
    assert_in_range(os_now_real_ns() / OS_NS_PER_S, time(NULL) - 2, time(NULL) + 2);
}

static volatile sig_atomic_t ticks;

static void count_tick(int signal)
{
    (void)signal;
    ticks++;
}

static void spin(int64_t ns)
{
    int64_t end = os_now_mono_ns() + ns;
    while (os_now_mono_ns() < end)
        continue;
}

/* The tick must come; the bound only ends a broken build. */
static void spin_until(int least)
{
    int64_t end = os_now_mono_ns() + 20 * OS_NS_PER_S;
    while (ticks < least && os_now_mono_ns() < end)
        continue;
    assert_true(ticks >= least);
}

static void a_ticker_ticks_until_it_is_stopped(void **state)
{
    struct sigaction after;
    (void)state;
    auto_(os_ticker) struct os_ticker *t = NULL;
    assert_int_equal(os_ticker_new(SIGALRM, count_tick, &t), 0);
    ticks = 0;
    spin(2 * OS_NS_PER_MS);
    assert_int_equal(ticks, 0);
    assert_int_equal(os_ticker_start(t, 0, OS_NS_PER_MS), 0);
    spin_until(5);
    os_ticker_stop(t);
    int stopped_at = ticks;
    spin(5 * OS_NS_PER_MS);
    assert_int_equal(ticks, stopped_at);
    assert_int_equal(os_ticker_start(t, OS_NS_PER_MS, 0), 0); /* once */
    spin_until(stopped_at + 1);
    spin(5 * OS_NS_PER_MS);
    assert_int_equal(ticks, stopped_at + 1);
    os_ticker_free(t);
    t = NULL;
    assert_int_equal(sigaction(SIGALRM, NULL, &after), 0);
    assert_ptr_equal(after.sa_handler, SIG_DFL);
}

static void freeing_a_ticker_with_a_tick_pending_is_harmless(void **state)
{
    struct os_ticker *t = NULL;
    sigset_t set;
    (void)state;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    assert_int_equal(os_ticker_new(SIGALRM, count_tick, &t), 0);
    assert_int_equal(os_ticker_start(t, 0, OS_NS_PER_MS), 0);
    spin(3 * OS_NS_PER_MS);
    os_ticker_free(t);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    os_ticker_free(NULL);
}

static void random_bytes_fill_everything_and_differ(void **state)
{
    unsigned char a[600] = {0}, b[600] = {0};
    (void)state;
    os_random(a, sizeof(a));
    os_random(b, sizeof(b));
    os_random(NULL, 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + sizeof(a) - 32, (unsigned char[32]){0}, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_forward_and_agree_with_the_calendar),
        cmocka_unit_test(a_ticker_ticks_until_it_is_stopped),
        cmocka_unit_test(freeing_a_ticker_with_a_tick_pending_is_harmless),
        cmocka_unit_test(random_bytes_fill_everything_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
