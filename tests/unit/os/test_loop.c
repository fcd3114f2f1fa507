/* The event loop: what is called when, and that any watch may be freed from anywhere. */
#include "os/clock.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    struct os_loop *loop;
    struct os_watch *watch, *others[8];
    int count, fd, signal;
    unsigned events;
    int64_t at_ns;
};

static void on_fd(int fd, unsigned events, void *arg)
{
    struct seen *s = arg;
    s->count++;
    s->fd = fd;
    s->events = events;
}

static void on_timer(void *arg)
{
    struct seen *s = arg;
    s->count++;
    s->at_ns = os_now_mono_ns();
}

static struct os_loop *new_loop(void)
{
    struct os_loop *l = NULL;
    assert_int_equal(os_loop_new(&l), 0);
    return l;
}

static void once(struct os_loop *l, int timeout_ms)
{
    assert_int_equal(os_loop_once(l, timeout_ms), 0);
}

static void a_readable_descriptor_is_told_until_it_is_read(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    int a, b;
    char c;
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &s, &s.watch), 0);
    once(l, 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(os_write(b, "x", 1), 1);
    once(l, 0);
    once(l, 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.fd, a);
    assert_int_equal(s.events, OS_READ);
    assert_int_equal(os_read(a, &c, 1), 1);
    once(l, 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(os_watch_set_events(s.watch, OS_READ | OS_WRITE), 0);
    once(l, 0);
    assert_int_equal(s.events, OS_WRITE);
    os_watch_free(s.watch);
    os_close(a);
    os_close(b);
}

static void the_end_of_the_other_side_wakes_a_reader(void **state)
{
    (void)state;
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        auto_(os_loop) struct os_loop *l = new_loop();
        struct seen s = {0};
        int a, b;
        assert_int_equal(by_pipe ? os_pipe(&a, &b) : os_socket_pair(&a, &b), 0);
        assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &s, &s.watch), 0);
        os_close(b);
        once(l, 0);
        assert_int_equal(s.count, 1);
        assert_true((s.events & OS_READ) != 0 && (s.events & OS_HUP) != 0);
        os_watch_free(s.watch);
        os_close(a);
    }
}

static void a_half_closed_peer_is_told_to_who_asks_for_it(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    int a, b;
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_HUP, on_fd, &s, &s.watch), 0);
    assert_int_equal(os_write(b, "x", 1), 1);
    once(l, 0);
    assert_int_equal(s.count, 0);
    os_close(b);
    once(l, 0);
    assert_int_equal(s.events, OS_HUP);
    os_watch_free(s.watch);
    os_close(a);
}

static void a_paused_watch_is_silent_even_about_the_end(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    int a, b;
    (void)state;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_loop_watch_fd(l, a, 0, on_fd, &s, &s.watch), 0);
    os_close(b);
    once(l, 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(os_watch_set_events(s.watch, OS_READ), 0);
    once(l, 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(os_watch_set_events(s.watch, 0), 0);
    assert_int_equal(os_watch_set_events(s.watch, 0), 0);
    once(l, 0);
    assert_int_equal(s.count, 1);
    os_watch_free(s.watch);
    os_close(a);
}

static void a_file_that_never_blocks_is_always_ready(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0}, t = {0};
    int fd, b, a;
    (void)state;
    assert_int_equal(os_memfd_sealed("x", STR("text"), &fd), 0);
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_write(b, "x", 1), 1);
    assert_int_equal(os_loop_watch_fd(l, fd, OS_READ, on_fd, &s, &s.watch), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &t, &t.watch), 0);
    once(l, -1);
    once(l, -1);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.events, OS_READ);
    assert_int_equal(t.count, 2); /* and it does not starve the others */
    assert_int_equal(os_watch_set_events(s.watch, 0), 0);
    once(l, 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(os_watch_set_events(s.watch, OS_READ), 0);
    once(l, -1);
    assert_int_equal(s.count, 3);
    os_watch_free(s.watch);
    once(l, 0);
    assert_int_equal(s.count, 3);
    os_watch_free(t.watch);
    os_close(fd);
    os_close(a);
    os_close(b);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    int a, b;
    (void)state;
    assert_int_equal(os_loop_watch_fd(l, 999, OS_READ, on_fd, &s, &s.watch), -EBADF);
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &s, &s.watch), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &s, &s.others[0]), -EEXIST);
    os_watch_free(s.watch);
    os_close(a);
    os_close(b);
}

static void a_timer_fires_once_and_never_early(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    (void)state;
    int64_t deadline = os_now_mono_ns() + 3 * OS_NS_PER_MS + 300000;
    assert_int_equal(os_loop_watch_timer(l, deadline, on_timer, &s, &s.watch), 0);
    once(l, 0);
    assert_int_equal(s.count, 0);
    while (s.count == 0)
        once(l, -1);
    assert_true(s.at_ns >= deadline);
    once(l, 5);
    assert_int_equal(s.count, 1);
    os_watch_set_timer(s.watch, 0);
    once(l, -1);
    assert_int_equal(s.count, 2);
    os_watch_set_timer(s.watch, os_now_mono_ns() + OS_NS_PER_MS);
    os_watch_set_timer(s.watch, INT64_MAX);
    once(l, 5);
    assert_int_equal(s.count, 2);
    os_watch_free(s.watch);
}

static void the_timeout_of_a_round_holds(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    (void)state;
    int64_t before = os_now_mono_ns();
    once(l, 10);
    assert_true(os_now_mono_ns() - before >= 10 * OS_NS_PER_MS);
    assert_int_equal(os_loop_watch_timer(l, before + 100 * OS_NS_PER_S, on_timer, &s, &s.watch), 0);
    once(l, 10);
    assert_true(os_now_mono_ns() - before < 90 * OS_NS_PER_S);
    assert_int_equal(s.count, 0);
}

enum { MANY = 500 };

struct timers {
    struct os_watch *watches[MANY];
    int64_t deadlines[MANY], last;
    int fired;
};

struct one_timer {
    struct timers *all;
    int index;
};

static void on_ordered(void *arg)
{
    struct one_timer *t = arg;
    assert_true(t->all->deadlines[t->index] >= t->all->last);
    t->all->last = t->all->deadlines[t->index];
    t->all->fired++;
}

static uint64_t seed = 99;
static int64_t noise(int64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(seed >> 33) % below;
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    static struct timers all;
    static struct one_timer args[MANY];
    auto_(os_loop) struct os_loop *l = new_loop();
    int live = 0;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        args[i] = (struct one_timer){&all, i};
        all.deadlines[i] = 1 + noise(1000000);
        assert_int_equal(
            os_loop_watch_timer(l, all.deadlines[i], on_ordered, &args[i], &all.watches[i]), 0);
    }
    for (int i = 0; i < 3 * MANY; i++) { /* move, switch off and on */
        int k = (int)noise(MANY);
        all.deadlines[k] = noise(4) == 0 ? INT64_MAX : 1 + noise(1000000);
        os_watch_set_timer(all.watches[k], all.deadlines[k]);
    }
    for (int i = 0; i < MANY; i += 7) {
        os_watch_free(all.watches[i]);
        all.deadlines[i] = INT64_MAX;
    }
    for (int i = 0; i < MANY; i++)
        live += all.deadlines[i] != INT64_MAX;
    once(l, 0);
    assert_int_equal(all.fired, live);
    once(l, 0);
    assert_int_equal(all.fired, live);
}

static void on_again(void *arg)
{
    struct seen *s = arg;
    s->count++;
    os_watch_set_timer(s->watch, 0);
}

static void a_timer_that_is_always_due_starves_nobody(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen greedy = {0}, other = {0}, fd = {0};
    int a, b;
    (void)state;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_write(b, "x", 1), 1);
    assert_int_equal(os_loop_watch_timer(l, 0, on_again, &greedy, &greedy.watch), 0);
    assert_int_equal(os_loop_watch_timer(l, 1, on_timer, &other, &other.watch), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &fd, &fd.watch), 0);
    once(l, -1);
    assert_int_equal(greedy.count, 1);
    assert_int_equal(other.count, 1);
    assert_int_equal(fd.count, 1);
    os_watch_free(fd.watch);
    os_close(a);
    os_close(b);
}

static void on_free_all(struct seen *s)
{
    s->count++;
    for (size_t i = 0; i < ARRAY_LEN(s->others); i++) {
        os_watch_free(s->others[i]);
        s->others[i] = NULL;
    }
}

static void on_fd_free_all(int fd, unsigned events, void *arg)
{
    (void)fd;
    (void)events;
    on_free_all(arg);
}

static void on_timer_free_all(void *arg)
{
    on_free_all(arg);
}

static void the_first_callback_may_free_all_watches_of_the_round(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) { /* sockets, timers, files that are always ready */
        auto_(os_loop) struct os_loop *l = new_loop();
        struct seen s = {.loop = l};
        int ends[8][2];
        for (size_t i = 0; i < ARRAY_LEN(s.others); i++) {
            if (kind == 1) {
                assert_int_equal(
                    os_loop_watch_timer(l, (int64_t)i, on_timer_free_all, &s, &s.others[i]), 0);
                continue;
            }
            if (kind == 0) {
                assert_int_equal(os_socket_pair(&ends[i][0], &ends[i][1]), 0);
                assert_int_equal(os_write(ends[i][1], "x", 1), 1);
            } else {
                assert_int_equal(os_memfd("x", &ends[i][0]), 0);
                ends[i][1] = -1;
            }
            assert_int_equal(
                os_loop_watch_fd(l, ends[i][0], OS_READ, on_fd_free_all, &s, &s.others[i]), 0);
        }
        once(l, 0);
        assert_int_equal(s.count, 1);
        once(l, 0);
        assert_int_equal(s.count, 1);
        for (size_t i = 0; kind != 1 && i < ARRAY_LEN(s.others); i++) {
            os_close(ends[i][0]);
            os_close(ends[i][1]);
        }
    }
}

static void on_nested(void *arg)
{
    struct seen *s = arg;
    if (s->count++ == 0) {
        os_watch_set_timer(s->others[0], 0);
        assert_int_equal(os_loop_once(s->loop, 0), 0);
        os_watch_free(s->watch);
        assert_int_equal(os_loop_once(s->loop, 0), 0);
    }
}

static void a_round_inside_a_callback_loses_no_timer(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen outer = {.loop = l}, b = {0}, c = {0};
    (void)state;
    assert_int_equal(os_loop_watch_timer(l, 1, on_nested, &outer, &outer.watch), 0);
    assert_int_equal(os_loop_watch_timer(l, 2, on_timer, &b, &outer.others[0]), 0);
    assert_int_equal(os_loop_watch_timer(l, 3, on_timer, &c, &c.watch), 0);
    once(l, 0);
    assert_int_equal(outer.count, 1);
    assert_int_equal(b.count, 1);
    assert_int_equal(c.count, 1);
}

static void on_signal(int signal, void *arg)
{
    struct seen *s = arg;
    s->count++;
    s->signal = signal;
}

static bool is_blocked(int signal)
{
    sigset_t set;
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &set), 0);
    return sigismember(&set, signal) == 1;
}

static void signals_are_delivered_here_while_watched(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    static const int signals[] = {SIGUSR1, SIGUSR2, 0};
    sigset_t set;
    (void)state;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    assert_int_equal(os_loop_watch_signals(l, signals, on_signal, &s, &s.watch), 0);
    assert_true(is_blocked(SIGUSR1));
    kill(getpid(), SIGUSR1);
    once(l, 1000);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.signal, SIGUSR1);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    once(l, 1000);
    assert_int_equal(s.count, 3);
    os_watch_free(s.watch);
    assert_true(is_blocked(SIGUSR1)); /* told once, it is not broken off by being told again */
    assert_true(is_blocked(SIGUSR2)); /* as it was before */
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void signals_that_never_came_are_unblocked(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {0};
    static const int signals[] = {SIGUSR1, SIGUSR2, 0};
    (void)state;
    assert_int_equal(os_loop_watch_signals(l, signals, on_signal, &s, &s.watch), 0);
    os_watch_free(s.watch);
    assert_false(is_blocked(SIGUSR1));
    assert_false(is_blocked(SIGUSR2));
}

static void on_stop(void *arg)
{
    struct seen *s = arg;
    if (++s->count == 3)
        os_loop_stop(s->loop, 42);
    os_watch_set_timer(s->watch, 0);
}

static void running_ends_with_the_given_result(void **state)
{
    auto_(os_loop) struct os_loop *l = new_loop();
    struct seen s = {.loop = l};
    (void)state;
    assert_int_equal(os_loop_watch_timer(l, 0, on_stop, &s, &s.watch), 0);
    assert_int_equal(os_loop_run(l), 42);
    assert_int_equal(s.count, 3);
    os_loop_stop(l, -7);
    assert_int_equal(os_loop_run(l), -7);
    assert_int_equal(s.count, 3);
}

static void the_loop_takes_its_watches_along(void **state)
{
    struct os_loop *l = new_loop();
    struct seen s = {0};
    int a, b;
    static const int signals[] = {SIGUSR1, 0};
    (void)state;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_loop_watch_fd(l, a, OS_READ, on_fd, &s, &s.watch), 0);
    assert_int_equal(os_loop_watch_timer(l, 5, on_timer, &s, &s.watch), 0);
    assert_int_equal(os_loop_watch_signals(l, signals, on_signal, &s, &s.watch), 0);
    os_loop_free(l);
    assert_false(is_blocked(SIGUSR1));
    os_loop_free(NULL);
    os_watch_free(NULL);
    os_close(a);
    os_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_readable_descriptor_is_told_until_it_is_read),
        cmocka_unit_test(the_end_of_the_other_side_wakes_a_reader),
        cmocka_unit_test(a_half_closed_peer_is_told_to_who_asks_for_it),
        cmocka_unit_test(a_paused_watch_is_silent_even_about_the_end),
        cmocka_unit_test(a_file_that_never_blocks_is_always_ready),
        cmocka_unit_test(what_cannot_be_watched_is_refused),
        cmocka_unit_test(a_timer_fires_once_and_never_early),
        cmocka_unit_test(the_timeout_of_a_round_holds),
        cmocka_unit_test(timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(a_timer_that_is_always_due_starves_nobody),
        cmocka_unit_test(the_first_callback_may_free_all_watches_of_the_round),
        cmocka_unit_test(a_round_inside_a_callback_loses_no_timer),
        cmocka_unit_test(signals_are_delivered_here_while_watched),
        cmocka_unit_test(signals_that_never_came_are_unblocked),
        cmocka_unit_test(running_ends_with_the_given_result),
        cmocka_unit_test(the_loop_takes_its_watches_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
