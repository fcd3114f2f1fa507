/* Sockets with descriptors: what arrives, what is refused whole, and that nothing refused stays open. */
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int count_open(void)
{
    int n = 0;
    for (int fd = 0; fd < 1000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static struct iovec part(const char *z)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)z, .iov_len = strlen(z)};
}

static void bytes_and_descriptors_travel_together(void **state)
{
    int a, b, fds[OS_SOCKET_FDS_MAX], memory;
    size_t count = 77;
    char got[10];
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    assert_int_equal(os_memfd_sealed("m", STR("inside"), &memory), 0);
    struct iovec parts[] = {part("ab"), part("c")};
    int sent[] = {memory, memory};
    assert_int_equal(os_socket_send(a, parts, 2, sent, 2), 3);
    os_close(memory);
    assert_int_equal(os_socket_recv(b, got, sizeof(got), fds, &count), 3);
    assert_memory_equal(got, "abc", 3);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        uint64_t size = 0;
        assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
        assert_int_equal(os_file_size(fds[i], &size), 0);
        assert_int_equal(size, 6);
        os_close(fds[i]);
    }
    assert_int_equal(os_socket_send(a, parts, 1, NULL, 0), 2);
    assert_int_equal(os_socket_recv(b, got, sizeof(got), fds, &count), 2);
    assert_int_equal(count, 0);
    os_close(a);
    assert_int_equal(os_socket_recv(b, got, sizeof(got), fds, &count), 0);
    os_close(b);
}

static void as_many_as_the_maximum_and_no_more(void **state)
{
    int a, b, sent[OS_SOCKET_FDS_MAX + 1], fds[OS_SOCKET_FDS_MAX];
    size_t count = 0;
    char c;
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        sent[i] = a;
    struct iovec one = part("x");
    assert_int_equal(os_socket_send(a, &one, 1, sent, OS_SOCKET_FDS_MAX + 1), -EINVAL);
    assert_int_equal(os_socket_send(a, &one, 1, sent, OS_SOCKET_FDS_MAX), 1);
    assert_int_equal(os_socket_recv(b, &c, 1, fds, &count), 1);
    assert_int_equal(count, OS_SOCKET_FDS_MAX);
    for (size_t i = 0; i < count; i++)
        os_close(fds[i]);
    os_close(a);
    os_close(b);
}

/* A hostile peer does not use our sender. */
static void send_raw(int fd, int what, size_t count)
{
    char control[CMSG_SPACE(64 * sizeof(int))] __attribute__((aligned(8)));
    int fds[64];
    struct iovec one = part("x");
    struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = control};
    memset(control, 0, sizeof(control));
    m.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++)
        fds[i] = what;
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    assert_int_equal(sendmsg(fd, &m, 0), 1);
}

static void too_many_descriptors_are_refused_and_all_closed(void **state)
{
    int a, b, fds[OS_SOCKET_FDS_MAX];
    size_t count = 0;
    char c;
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    int before = count_open();
    for (size_t n = OS_SOCKET_FDS_MAX + 1; n < 64; n += 13) {
        send_raw(a, a, n);
        assert_int_equal(os_socket_recv(b, &c, 1, fds, &count), -EPROTO);
        assert_int_equal(count_open(), before);
    }
    send_raw(a, a, 1); /* one where none is expected */
    assert_int_equal(os_socket_recv(b, &c, 1, NULL, NULL), -EPROTO);
    assert_int_equal(count_open(), before);
    os_close(a);
    os_close(b);
}

static void other_control_messages_are_refused(void **state)
{
    int a, b, on = 1, fds[OS_SOCKET_FDS_MAX];
    size_t count = 0;
    char c;
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    assert_int_equal(setsockopt(b, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    int before = count_open();
    send_raw(a, a, 2);
    assert_int_equal(os_socket_recv(b, &c, 1, fds, &count), -EPROTO);
    assert_int_equal(count_open(), before);
    os_close(a);
    os_close(b);
}

static void a_gone_peer_is_a_fault_and_no_signal(void **state)
{
    int a, b;
    struct iovec one = part("x");
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    os_close(b);
    assert_int_equal(os_socket_send(a, &one, 1, NULL, 0), -EPIPE);
    os_close(a);
}

static void waiting_ends_by_readiness_or_deadline(void **state)
{
    int a, b;
    char c;
    (void)state;
    assert_int_equal(os_socket_pair(&a, &b), 0);
    int64_t before = os_now_mono_ns();
    assert_int_equal(os_wait_fd(a, false, before + 5 * OS_NS_PER_MS), 1);
    assert_true(os_now_mono_ns() >= before + 5 * OS_NS_PER_MS);
    assert_int_equal(os_wait_fd(a, false, 0), 1); /* long past */
    assert_int_equal(os_wait_fd(a, true, 0), 0);
    assert_int_equal(os_write(b, "x", 1), 1);
    assert_int_equal(os_wait_fd(a, false, INT64_MAX), 0);
    assert_int_equal(os_set_nonblock(a, true), 0);
    assert_int_equal(os_socket_recv(a, &c, 1, NULL, NULL), 1);
    assert_int_equal(os_socket_recv(a, &c, 1, NULL, NULL), -EAGAIN);
    os_close(b);
    assert_int_equal(os_wait_fd(a, false, INT64_MAX), 0);
    assert_int_equal(os_wait_fd(999, false, INT64_MAX), -EBADF);
    os_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_descriptors_travel_together),
        cmocka_unit_test(as_many_as_the_maximum_and_no_more),
        cmocka_unit_test(too_many_descriptors_are_refused_and_all_closed),
        cmocka_unit_test(other_control_messages_are_refused),
        cmocka_unit_test(a_gone_peer_is_a_fault_and_no_signal),
        cmocka_unit_test(waiting_ends_by_readiness_or_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
