/* Unix sockets between our own programs: pairs, bytes with file descriptors. */
#pragma once

#include "base/base.h"

#include <sys/types.h>
#include <sys/uio.h>

#define OS_SOCKET_FDS_MAX 8

must_use int os_socket_pair(int *ret_a, int *ret_b); /* SOCK_STREAM, close-on-exec, blocking */

/* One sendmsg. Returns bytes sent (fds travel with the first byte), -EAGAIN, -EPIPE, -errno. No SIGPIPE. */
ssize_t os_socket_send(int fd, const struct iovec *parts, size_t part_count, const int *fds,
                       size_t fd_count);
/* One recvmsg. Returns bytes (0 = peer closed), -EAGAIN, -errno. Received fds are close-on-exec and
 * owned by the caller; ret_fds has room for OS_SOCKET_FDS_MAX, or is NULL when none is expected. More
 * than that, or a truncated control message: all closed, -EPROTO. */
ssize_t os_socket_recv(int fd, void *at, size_t len, int *ret_fds, size_t *ret_fd_count);
/* Waits until fd is readable/writable or the deadline (monotonic ns; INT64_MAX = none) has passed.
 * Returns 0 ready, 1 deadline, -errno. */
must_use int os_wait_fd(int fd, bool for_write, int64_t deadline_ns);
