/* Listening on a unix socket that has a name. For doors to the person's own programs: the caller sees to whose folder it is. */
#pragma once

#include "base/base.h"

#include <sys/types.h>

/* Makes dir_fd/name (one component), mode 0600, and listens; non-blocking. A socket that nobody listens on any more is replaced.
 * -EADDRINUSE: somebody listens, or it is something else than a socket. */
must_use int os_listen_unix(int dir_fd, const char *name, int *ret_fd);
/* The next client, non-blocking; *ret_uid is the kernel's word. -EAGAIN: there is none. */
must_use int os_accept_unix(int fd, int *ret_fd, uid_t *ret_uid);
/* Nothing more is sent or received; whoever watches the fd hears of it. */
void os_socket_shut(int fd);
