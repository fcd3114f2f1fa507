/* What the command line needs to know of the terminal, and one line from it. Reads a byte at a time,
 * so that what follows the line stays there for the next reader. */
#include "os/term.h"

#include "base/buf.h"
#include "base/fault.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

bool os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

void os_terminal_flush(int fd)
{
    (void)tcflush(fd, TCIFLUSH);
}

int os_terminal_width(int fd)
{
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* 0 readable | 2 cancelled | -errno. Cancel wins when both are there. */
static int wait_input(int fd, int cancel_fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    int n;
    do
        n = poll(p, 2, -1); /* poll() skips a negative fd */
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return p[1].revents != 0 ? 2 : 0;
}

int os_read_line(int fd, int cancel_fd, size_t max, char **ret)
{
    auto_done(buf) struct buf line;
    buf_init(&line, max);
    for (;;) {
        char c;
        int r = wait_input(fd, cancel_fd);
        if (r != 0)
            return r;
        ssize_t n = os_read(fd, &c, 1);
        if (n < 0)
            return (int)n;
        if (n == 0 && line.len == 0)
            return 1;
        if (n == 0 || c == '\n')
            break;
        r = buf_add_c(&line, c);
        if (r < 0)
            return r;
    }
    char *text = buf_take(&line);
    if (text == NULL)
        return -ENOMEM;
    *ret = text;
    return 0;
}
