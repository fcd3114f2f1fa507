/* Descriptors: close-on-exec, whole reads within the limit, sealing, mapping, closing all but some. */
#include "base/fault.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static bool is_cloexec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void everything_made_here_closes_on_exec(void **state)
{
    int a, b, copy, memory;
    (void)state;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_dup(a, 40, &copy), 0);
    assert_true(copy >= 40);
    assert_int_equal(os_memfd("x", &memory), 0);
    assert_true(is_cloexec(a) && is_cloexec(b) && is_cloexec(copy) && is_cloexec(memory));
    assert_int_equal(os_set_cloexec(a, false), 0);
    assert_false(is_cloexec(a));
    assert_int_equal(os_set_nonblock(a, true), 0);
    char c;
    assert_int_equal(os_read(a, &c, 1), -EAGAIN);
    assert_int_equal(os_set_nonblock(a, false), 0);
    assert_int_equal(fcntl(a, F_GETFL) & O_NONBLOCK, 0);
    os_close(a);
    os_close(b);
    os_close(copy);
    os_close(memory);
    assert_int_equal(os_dup(a, 0, &copy), -EBADF);
}

static void closing_keeps_errno_and_takes_minus_one(void **state)
{
    int a, b;
    (void)state;
    errno = ENOTTY;
    os_close(-1);
    assert_int_equal(os_pipe(&a, &b), 0);
    {
        auto_close int owned = a;
        assert_true(is_open(owned));
    }
    assert_false(is_open(a));
    {
        auto_close int owned = b;
        assert_int_equal(take_fd(&owned), b);
        assert_int_equal(owned, -1);
    }
    assert_true(is_open(b));
    errno = ENOTTY;
    os_close(b);
    assert_int_equal(errno, ENOTTY);
}

static int reading(struct str content, size_t max, struct buf *out, bool by_pipe)
{
    int fd = -1, writer = -1;
    if (by_pipe) {
        assert_int_equal(os_pipe(&fd, &writer), 0);
        assert_int_equal(os_write_all(writer, content), 0);
        os_close(writer);
    } else {
        assert_int_equal(os_memfd_sealed("x", content, &fd), 0);
    }
    buf_init(out, max);
    int r = os_read_all(fd, out);
    os_close(fd);
    return r;
}

static void reading_all_stops_at_the_limit(void **state)
{
    char content[40000];
    (void)state;
    memset(content, 'r', sizeof(content));
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 40000};
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            for (int more = -1; more <= 1; more++) {
                struct buf out;
                size_t max = sizes[i] + (size_t)more;
                if (sizes[i] == 0 && more < 0)
                    continue;
                int r = reading((struct str){content, sizes[i]}, max, &out, by_pipe);
                assert_int_equal(r, more < 0 ? -FAULT_CAP : 0);
                if (r == 0)
                    assert_true(str_eq(buf_str(&out), (struct str){content, sizes[i]}));
                buf_done(&out);
            }
        }
    }
}

static void reading_all_adds_behind_what_is_there(void **state)
{
    struct buf out;
    int fd;
    (void)state;
    assert_int_equal(os_memfd_sealed("x", STR("world"), &fd), 0);
    buf_init(&out, 11);
    buf_add_z(&out, "hello ");
    assert_int_equal(os_read_all(fd, &out), 0);
    assert_string_equal(out.at, "hello world");
    buf_done(&out);
    os_close(fd);
}

static void a_sealed_memory_file_cannot_change(void **state)
{
    int fd, plain;
    uint64_t size = 0;
    struct str map;
    (void)state;
    assert_int_equal(os_memfd_sealed("x", STR("fixed"), &fd), 0);
    assert_int_equal(os_memfd_is_sealed(fd), 0);
    assert_int_equal(os_write(fd, "y", 1), -EPERM);
    assert_true(ftruncate(fd, 0) < 0);
    assert_int_equal(os_file_size(fd, &size), 0);
    assert_int_equal(size, 5);
    assert_int_equal(os_map(fd, 4, &map), -FAULT_CAP);
    assert_int_equal(os_map(fd, 5, &map), 0);
    assert_true(str_is(map, "fixed"));
    os_unmap(map);
    char two[2];
    assert_int_equal(os_pread(fd, two, 2, 3), 2);
    assert_memory_equal(two, "ed", 2);
    os_close(fd);
    assert_int_equal(os_memfd("y", &plain), 0);
    assert_int_equal(os_memfd_is_sealed(plain), 1);
    assert_int_equal(os_map(plain, 10, &map), 0);
    assert_int_equal(map.len, 0);
    os_unmap(map);
    assert_int_equal(os_memfd_seal(plain), 0);
    assert_int_equal(os_memfd_is_sealed(plain), 0);
    os_close(plain);
    int a, b;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(os_memfd_is_sealed(a), 1);
    os_close(a);
    os_close(b);
}

static void closing_all_but_some_keeps_exactly_those(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fds[6], keep[] = {0, 0, -1, 2, 0};
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            if (os_dup(2, 10 + (int)i * 7, &fds[i]) < 0)
                _exit(1);
        }
        keep[0] = fds[4];
        keep[1] = fds[1];
        if (os_close_all_but(keep, ARRAY_LEN(keep)) < 0)
            _exit(2);
        for (int fd = 0; fd < 200; fd++) {
            bool wanted = fd == 0 || fd == 2 || fd == fds[4] || fd == fds[1];
            if (is_open(fd) != wanted)
                _exit(10 + fd);
        }
        if (os_close_all_but(NULL, 0) < 0)
            _exit(3);
        _exit(is_open(0) || is_open(2) ? 4 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void a_signal_does_not_end_a_read(void **state)
{
    int a, b;
    char c;
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    (void)state;
    assert_int_equal(os_pipe(&a, &b), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 5; i++) {
            usleep(10000);
            kill(parent, SIGUSR1);
        }
        usleep(10000);
        _exit(write(b, "z", 1) == 1 ? 0 : 1);
    }
    assert_int_equal(os_read(a, &c, 1), 1);
    assert_int_equal(c, 'z');
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    os_close(a);
    os_close(b);
}

static void shared_memory_is_the_same_on_both_sides_and_keeps_its_size(void **state)
{
    (void)state;
    int fd, plain;
    void *a = NULL, *b = NULL;
    assert_int_equal(os_shared_new("s", 4096, &fd), 0);
    assert_int_equal(os_shared_map(fd, 4096, &a), 0);
    assert_int_equal(os_shared_map(fd, 4096, &b), 0);
    assert_ptr_not_equal(a, b);
    strcpy(a, "hello");
    assert_string_equal(b, "hello");
    assert_int_equal(ftruncate(fd, 0), -1); /* or the other side would die of looking */
    assert_int_equal(ftruncate(fd, 8192), -1);
    os_shared_unmap(a, 4096);
    os_shared_unmap(b, 4096);
    os_shared_unmap(NULL, 4096);
    assert_int_equal(os_shared_map(fd, 8192, &a), -EINVAL);
    os_close(fd);
    assert_int_equal(os_memfd("p", &plain), 0);
    assert_int_equal(ftruncate(plain, 4096), 0);
    assert_int_equal(os_shared_map(plain, 4096, &a), -EINVAL); /* its size is not fixed */
    os_close(plain);
    assert_true(os_shared_map(-1, 4096, &a) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_made_here_closes_on_exec),
        cmocka_unit_test(closing_keeps_errno_and_takes_minus_one),
        cmocka_unit_test(reading_all_stops_at_the_limit),
        cmocka_unit_test(reading_all_adds_behind_what_is_there),
        cmocka_unit_test(a_sealed_memory_file_cannot_change),
        cmocka_unit_test(closing_all_but_some_keeps_exactly_those),
        cmocka_unit_test(a_signal_does_not_end_a_read),
        cmocka_unit_test(shared_memory_is_the_same_on_both_sides_and_keeps_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
