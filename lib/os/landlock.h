/* Landlock: the kernel's own allow-list of files, ports and peers, which any process may put on
 * itself and which nothing it does or starts can take off. A wrapper: it asks for all that this
 * kernel has. */
#pragma once

#include "base/base.h"

int os_landlock_abi(void); /* 0 = the kernel has none or it is off */

/* From which ABI on a part exists; below it, asking changes nothing. */
enum { OS_LANDLOCK_ABI_FILES = 1, OS_LANDLOCK_ABI_TCP = 4, OS_LANDLOCK_ABI_SCOPES = 6 };

struct os_landlock_path {
    int fd;        /* a directory (and all beneath it) or a file; O_PATH is enough */
    bool writable; /* files, folders and links; never devices, sockets, pipes or execution */
    unsigned more; /* OS_LANDLOCK_* */
};
enum {
    OS_LANDLOCK_EXECUTE = 1,
    OS_LANDLOCK_PIPES = 2,     /* when writable: named pipes and socket files may be made */
    OS_LANDLOCK_LIST_ONLY = 4, /* names, but no contents */
};

struct os_landlock {
    bool files;       /* handle every file right: what no path below grants is refused */
    bool tcp_bind;    /* handle binding: none but bind_ports */
    bool tcp_connect; /* handle connecting: none but connect_ports */
    bool scopes;      /* no signals and no abstract unix sockets to processes outside */
    const struct os_landlock_path *paths;
    size_t path_count;
    const uint16_t *bind_ports;
    size_t bind_count;
    const uint16_t *connect_ports;
    size_t connect_count;
};

/* Needs no_new_privs (or CAP_SYS_ADMIN). 0 or -errno; -EOPNOTSUPP when the kernel has
 * none of it. */
must_use int os_landlock_enter(const struct os_landlock *want);

/* Trials: each does what a rule set forbids and says whether it was refused for that reason.
 * Nothing is sent and nothing stays. */
bool os_landlock_refuses_root(void); /* listing "/" */
bool os_landlock_refuses_random(
    void);                           /* opening /dev/random to write, which all may do otherwise */
bool os_landlock_refuses_bind(void); /* TCP, any free local port */
bool os_landlock_refuses_connect(uint16_t port); /* TCP, to this machine itself */
must_use int os_landlock_scope_trial(
    int *ret_fd); /* before entering: an abstract socket, the caller closes it */
bool os_landlock_refuses_peer(int trial_fd); /* after: connecting to it */
