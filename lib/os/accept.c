/* See accept.h. */
#include "os/accept.h"

#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

int os_listen_here(uint16_t port, unsigned backlog, int *ret_fd)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0 || bind(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) < 0 ||
        listen(fd, (int)backlog) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

int os_accept(int listener, int *ret_fd)
{
    int fd;
    do
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int os_end_sending(int fd)
{
    return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}
