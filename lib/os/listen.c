/* The name is reached through the held directory (/proc/self/fd), so that it is the folder that was looked at, however long its
 * path is. The mode is set on the socket before it has a name: there is no moment in which others could connect. */
#include "os/listen.h"

#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int name_at(int dir_fd, const char *name, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
    return n < 0 || (size_t)n >= sizeof(ret->sun_path) ? -ENAMETOOLONG : 0;
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

/* Only what was left behind is taken away: a socket that refuses. */
static int remove_left(int dir_fd, const char *name, const struct sockaddr_un *at)
{
    struct stat st;
    int r = os_stat_at(dir_fd, name, &st);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    auto_close int fd = new_socket();
    if (fd < 0)
        return fd;
    if (!S_ISSOCK(st.st_mode) || connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
        errno != ECONNREFUSED)
        return -EADDRINUSE;
    return os_unlink_at(dir_fd, name, 0);
}

int os_listen_unix(int dir_fd, const char *name, int *ret_fd)
{
    struct sockaddr_un at;
    int r = name_at(dir_fd, name, &at);
    if (r == 0)
        r = remove_left(dir_fd, name, &at);
    if (r < 0)
        return r;
    auto_close int fd = new_socket();
    if (fd < 0)
        return fd;
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

int os_accept_unix(int fd, int *ret_fd, uid_t *ret_uid)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    auto_close int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return -errno;
    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
        return -errno;
    *ret_uid = who.uid;
    *ret_fd = take_fd(&client);
    return 0;
}

void os_socket_shut(int fd)
{
    (void)!shutdown(fd, SHUT_RDWR);
}
