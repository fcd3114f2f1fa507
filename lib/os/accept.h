/* Stream sockets that are listened on, by two of our programs that share none of them otherwise: one makes the listener in its own
 * network namespace, the other one, which stands in another, takes the connections. A socket stays in the network it was made
 * in, whoever holds it. */
#pragma once

#include "base/base.h"

/* 127.0.0.1:port in the own network namespace; close-on-exec, nobody else may bind it. -errno */
must_use int os_listen_here(uint16_t port, unsigned backlog, int *ret_fd);
/* One connection: without blocking, close-on-exec. -EAGAIN none is there; -ECONNABORTED it has gone again; -errno. */
must_use int os_accept(int listener, int *ret_fd);
must_use int os_end_sending(int fd); /* the other side reads the end; -errno */
