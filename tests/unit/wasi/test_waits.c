/* Every wait ends: by what it waits for, by the deadline, by a cancel. */
#include "guest.h"

#include "os/clock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN = 2048, EVENTS = 8192 };

static int setup(void **state)
{
    *state = g_new();
    return 0;
}

static int teardown(void **state)
{
    g_free(*state);
    return 0;
}

static void put(struct guest *g, uint32_t at, uint64_t v, size_t len)
{
    memcpy(g->memory + at, &v, len);
}

static void sub_clock(struct guest *g, uint32_t i, uint64_t userdata, uint32_t clock,
                      uint64_t timeout, uint32_t flags)
{
    uint32_t at = IN + i * 48;
    memset(g->memory + at, 0, 48);
    put(g, at, userdata, 8);
    put(g, at + 16, clock, 4);
    put(g, at + 24, timeout, 8);
    put(g, at + 40, flags, 2);
}

static void sub_fd(struct guest *g, uint32_t i, uint64_t userdata, uint8_t type, uint32_t fd)
{
    uint32_t at = IN + i * 48;
    memset(g->memory + at, 0, 48);
    put(g, at, userdata, 8);
    put(g, at + 8, type, 1);
    put(g, at + 16, fd, 4);
}

static uint32_t poll_all(struct guest *g, uint32_t count)
{
    uint32_t e = g_call(g, "poll_oneoff", IN, EVENTS, count, ANSWER);
    return e == 0 ? g_u32(g, ANSWER) : 10000 + e;
}

static uint16_t error_of(struct guest *g, uint32_t i)
{
    return (uint16_t)g_u32(g, EVENTS + i * 32 + 8);
}

static void clocks(void **state)
{
    struct guest *g = *state;
    g_start(g);
    int64_t start = os_now_mono_ns();
    sub_clock(g, 0, 11, 1, 20000000, 0);
    sub_clock(g, 1, 22, 1, 5000000000, 0);
    assert_int_equal(poll_all(g, 2), 1);
    assert_int_equal(g_u64(g, EVENTS), 11);
    assert_in_range(os_now_mono_ns() - start, 20000000, 2000000000);
    sub_clock(g, 0, 33, 1, (uint64_t)os_now_mono_ns() + 10000000, 1);
    assert_int_equal(poll_all(g, 1), 1);
    sub_clock(g, 0, 33, 0, (uint64_t)os_now_real_ns() + 10000000, 1);
    assert_int_equal(poll_all(g, 1), 1);
    sub_clock(g, 0, 33, 0, 0, 1);
    sub_clock(g, 1, 44, 2, 1, 0);
    sub_clock(g, 2, 55, 9, 1, 0);
    assert_int_equal(poll_all(g, 3), 3);
    assert_int_equal(error_of(g, 0), 0);
    assert_int_equal(error_of(g, 1), G_NOTSUP);
    assert_int_equal(error_of(g, 2), G_INVAL);
    assert_int_equal(poll_all(g, 0), 10000 + G_INVAL);
    assert_int_equal(poll_all(g, WASI_POLL_MAX + 1), 10000 + G_INVAL);
    /* The same memory for both. */
    sub_clock(g, 0, 66, 1, 0, 0);
    assert_int_equal(g_call(g, "poll_oneoff", IN, IN, 1, ANSWER), 0);
    assert_int_equal(g_u64(g, IN), 66);
}

static void files_output_and_bad_numbers(void **state)
{
    struct guest *g = *state;
    uint32_t fd;
    h_save(g, "f", "12345");
    g_start(g);
    assert_int_equal(g_open(g, ROOT, "f", true, 0, R_READ | 1 << 27, 0, &fd), 0);
    sub_fd(g, 0, 1, 1, fd);
    sub_fd(g, 1, 2, 2, 1);
    sub_fd(g, 2, 3, 1, 99);
    sub_fd(g, 3, 4, 7, 0);
    sub_fd(g, 4, 5, 1, 0);
    sub_clock(g, 5, 6, 1, 3600000000000, 0);
    assert_int_equal(poll_all(g, 6), 5);
    assert_int_equal(g_u64(g, EVENTS + 16), 5);
    assert_int_equal(error_of(g, 1), 0);
    assert_int_equal(error_of(g, 2), G_BADF);
    assert_int_equal(error_of(g, 3), G_INVAL);
    assert_int_equal(g_u32(g, EVENTS + 4 * 32 + 24), 1); /* standard input is at its end */
}

static void standard_input_is_waited_for(void **state)
{
    struct guest *g = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    g->config.stdin_fd = ends[0];
    g_start(g);
    sub_fd(g, 0, 1, 1, 0);
    sub_clock(g, 1, 2, 1, 10000000, 0);
    assert_int_equal(poll_all(g, 2), 1);
    assert_int_equal(g_u64(g, EVENTS), 2);
    assert_int_equal(g_call(g, "fd_fdstat_set_flags", 0, F_NONBLOCK), 0);
    assert_int_equal(g_read(g, 0, 10), G_AGAIN);
    assert_int_equal(g_call(g, "fd_fdstat_set_flags", 0, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        (void)!write(ends[1], "later", 5);
        _exit(0);
    }
    assert_int_equal(poll_all(g, 1), 1);
    assert_int_equal(g_u64(g, EVENTS + 16), 5);
    assert_int_equal(g_read(g, 0, 100), 0);
    assert_string_equal(g->text.at, "later");
    waitpid(child, NULL, 0);
    close(ends[1]);
    assert_int_equal(poll_all(g, 1), 1);
    assert_int_equal(g_u32(g, EVENTS + 24) & 0xffff, 1);
    assert_int_equal(g_read(g, 0, 100), 0);
    assert_string_equal(g->text.at, "");
    close(ends[0]);
}

static void the_deadline_ends_every_wait(void **state)
{
    struct guest *g = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    g->config.stdin_fd = ends[0];
    for (int way = 0; way < 3; way++) {
        int64_t start = os_now_mono_ns();
        g->config.deadline_ns = start + 30 * OS_NS_PER_MS;
        g_start(g);
        sub_clock(g, 0, 1, 1, UINT64_MAX, 0);
        sub_fd(g, 1, 1, 1, 0);
        uint32_t e =
            way == 0 ? g_read(g, 0, 10) : g_call(g, "poll_oneoff", IN, EVENTS, way, ANSWER);
        assert_int_equal(e, G_STOPPED);
        assert_int_equal(g->stop, WASI_STOP_DEADLINE);
        assert_in_range(os_now_mono_ns() - start, 30 * OS_NS_PER_MS, 80 * OS_NS_PER_MS);
        assert_int_equal(g_call(g, "fd_write", 1, 0, 0, ANSWER), G_STOPPED);
        wasi_free(g->w);
        g->w = NULL;
    }
    /* And long work: copies are cut into chunks. */
    g->config.stdin_fd = -1;
    g->config.deadline_ns = 1;
    g_start(g);
    uint32_t n, fd;
    assert_int_equal(g_open(g, ROOT, "f", true, O_G_CREAT, R_RW, 0, &fd), 0);
    assert_int_equal(g_write_len(g, fd, 1 << 20, &n), G_STOPPED);
    assert_int_equal(g->stop, WASI_STOP_DEADLINE);
    close(ends[0]);
    close(ends[1]);
}

static int asked;
static bool is_cancelled(void *arg)
{
    (void)arg;
    return ++asked > 3;
}

static void a_cancel_ends_every_wait(void **state)
{
    struct guest *g = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    g->config.cancel_fd = ends[0];
    g_start(g);
    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        (void)!write(ends[1], "x", 1);
        _exit(0);
    }
    sub_clock(g, 0, 1, 1, 30000000000, 0);
    assert_int_equal(g_call(g, "poll_oneoff", IN, EVENTS, 1, ANSWER), G_STOPPED);
    assert_int_equal(g->stop, WASI_STOP_CANCEL);
    waitpid(child, NULL, 0);
    wasi_free(g->w);
    g->config.cancel_fd = -1;
    g->config.is_cancelled = is_cancelled;
    g_start(g);
    assert_int_equal(g_call(g, "poll_oneoff", IN, EVENTS, 1, ANSWER), G_STOPPED);
    assert_int_equal(g->stop, WASI_STOP_CANCEL);
    close(ends[0]);
    close(ends[1]);
}

static int refuse_output(int stream, struct str bytes, void *arg)
{
    (void)stream, (void)bytes, (void)arg;
    return -1;
}

static void output_that_is_not_taken_ends_the_run(void **state)
{
    struct guest *g = *state;
    g->config.on_output = refuse_output;
    g_start(g);
    assert_int_equal(g_write(g, 1, "x"), G_STOPPED);
    assert_int_equal(g->stop, WASI_STOP_CANCEL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(clocks),
        T(files_output_and_bad_numbers),
        T(standard_input_is_waited_for),
        T(the_deadline_ends_every_wait),
        T(a_cancel_ends_every_wait),
        T(output_that_is_not_taken_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
