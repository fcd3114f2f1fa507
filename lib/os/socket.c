/* Unix sockets that carry bytes and file descriptors between our programs. A message that carries
 * more descriptors than we take, or anything but descriptors, is refused whole, and nothing that came
 * with it stays open: a peer must not be able to fill our descriptor table. */
#include "os/socket.h"

#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(OS_SOCKET_FDS_MAX * sizeof(int))];
};

int os_socket_pair(int *ret_a, int *ret_b)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    *ret_a = ends[0];
    *ret_b = ends[1];
    return 0;
}

ssize_t os_socket_send(int fd, const struct iovec *parts, size_t part_count, const int *fds,
                       size_t fd_count)
{
    union control control;
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = part_count};
    ssize_t n;
    if (fd_count > OS_SOCKET_FDS_MAX)
        return -EINVAL;
    if (fd_count > 0) {
        memset(&control, 0, sizeof(control));
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* Collects the descriptors of a received message. The control space holds OS_SOCKET_FDS_MAX of them,
 * so fds[] cannot overflow: the kernel drops the rest and says MSG_CTRUNC. */
static bool collect_fds(struct msghdr *m, int fds[OS_SOCKET_FDS_MAX], size_t *ret_count)
{
    bool is_clean = (m->msg_flags & MSG_CTRUNC) == 0;
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            is_clean = false;
            continue;
        }
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        must(n <= OS_SOCKET_FDS_MAX - count);
        memcpy(fds + count, CMSG_DATA(c), n * sizeof(int));
        count += n;
    }
    *ret_count = count;
    return is_clean;
}

ssize_t os_socket_recv(int fd, void *at, size_t len, int *ret_fds, size_t *ret_fd_count)
{
    union control control;
    int fds[OS_SOCKET_FDS_MAX];
    size_t count = 0;
    struct iovec part = {.iov_base = at, .iov_len = len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;
    do {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    bool is_clean = collect_fds(&m, fds, &count);
    if (!is_clean || (count > 0 && ret_fds == NULL)) {
        for (size_t i = 0; i < count; i++)
            os_close(fds[i]);
        return -EPROTO;
    }
    if (count > 0)
        memcpy(ret_fds, fds, count * sizeof(int));
    if (ret_fd_count != NULL)
        *ret_fd_count = count;
    return n;
}

int os_wait_fd(int fd, bool for_write, int64_t deadline_ns)
{
    struct pollfd p = {.fd = fd, .events = for_write ? POLLOUT : POLLIN};
    for (;;) {
        struct timespec left = {0};
        if (deadline_ns != INT64_MAX) {
            int64_t ns = deadline_ns - os_now_mono_ns();
            if (ns > 0)
                left = (struct timespec){ns / OS_NS_PER_S, ns % OS_NS_PER_S};
        }
        int n = ppoll(&p, 1, deadline_ns == INT64_MAX ? NULL : &left, NULL);
        if (n > 0)
            return (p.revents & POLLNVAL) != 0 ? -EBADF : 0;
        if (n == 0)
            return 1;
        if (errno != EINTR)
            return -errno;
    }
}
