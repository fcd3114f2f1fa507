/* Landlock system calls. Speaks the newest ABI by its own constants, because the headers of the
 * build machine say nothing about the kernel that the program meets. Must never grant a right
 * that the kernel at hand does not handle (the call would fail) nor leave one unhandled that it
 * could. */
#include "os/landlock.h"

#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_BIND_TCP (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)
#define RULE_NET_PORT 2

/* The structs as of ABI 6; an older kernel takes the longer form as long as what it does not know
 * is 0. */
struct ruleset_attr {
    uint64_t handled_fs, handled_net, scoped;
};
struct port_attr {
    uint64_t allowed, port;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* The rights that mean something for a file rather than a directory: others in a file's rule are
 * an error. */
#define FS_OF_FILE                                                                                 \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE |   \
     FS_TRUNCATE)

int os_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

/* Every file right that exists in an ABI, granted by us or not. */
static uint64_t fs_rights(int abi)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* the thirteen of ABI 1 */
    if (abi >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rights |= FS_TRUNCATE;
    if (abi >= 5)
        rights |= FS_IOCTL_DEV;
    return rights;
}

static uint64_t rights_of(const struct os_landlock_path *path)
{
    uint64_t rights = path->writable ? FS_READ | FS_WRITE : FS_READ;
    if ((path->more & OS_LANDLOCK_LIST_ONLY) != 0)
        return LANDLOCK_ACCESS_FS_READ_DIR;
    if ((path->more & OS_LANDLOCK_EXECUTE) != 0)
        rights |= LANDLOCK_ACCESS_FS_EXECUTE;
    if (path->writable && (path->more & OS_LANDLOCK_PIPES) != 0)
        rights |= LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK;
    return rights;
}

static int add_path(int ruleset, const struct os_landlock_path *path, uint64_t handled)
{
    struct stat st;
    if (fstat(path->fd, &st) < 0)
        return -errno;
    struct landlock_path_beneath_attr rule = {.parent_fd = path->fd};
    rule.allowed_access = rights_of(path) & handled;
    if (!S_ISDIR(st.st_mode))
        rule.allowed_access &= FS_OF_FILE;
    long r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    return r < 0 ? -errno : 0;
}

static int add_ports(int ruleset, const uint16_t *ports, size_t count, uint64_t right)
{
    for (size_t i = 0; i < count; i++) {
        struct port_attr rule = {right, ports[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0)
            return -errno;
    }
    return 0;
}

static int add_rules(int ruleset, const struct os_landlock *want, const struct ruleset_attr *attr)
{
    int r = 0;
    for (size_t i = 0; r == 0 && attr->handled_fs != 0 && i < want->path_count; i++)
        r = add_path(ruleset, &want->paths[i], attr->handled_fs);
    if (r == 0 && (attr->handled_net & NET_BIND_TCP) != 0)
        r = add_ports(ruleset, want->bind_ports, want->bind_count, NET_BIND_TCP);
    if (r == 0 && (attr->handled_net & NET_CONNECT_TCP) != 0)
        r = add_ports(ruleset, want->connect_ports, want->connect_count, NET_CONNECT_TCP);
    return r;
}

int os_landlock_enter(const struct os_landlock *want)
{
    struct ruleset_attr attr = {0};
    int abi = os_landlock_abi();
    if (want->files && abi >= OS_LANDLOCK_ABI_FILES)
        attr.handled_fs = fs_rights(abi);
    if (want->tcp_bind && abi >= OS_LANDLOCK_ABI_TCP)
        attr.handled_net |= NET_BIND_TCP;
    if (want->tcp_connect && abi >= OS_LANDLOCK_ABI_TCP)
        attr.handled_net |= NET_CONNECT_TCP;
    if (want->scopes && abi >= OS_LANDLOCK_ABI_SCOPES)
        attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    if (attr.handled_fs == 0 && attr.handled_net == 0 && attr.scoped == 0)
        return -EOPNOTSUPP;

    auto_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return -errno;
    int r = add_rules(ruleset, want, &attr);
    if (r < 0)
        return r;
    return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

bool os_landlock_refuses_root(void)
{
    auto_close int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 && errno == EACCES;
}

bool os_landlock_refuses_random(void)
{
    auto_close int fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
    return fd < 0 && errno == EACCES;
}

bool os_landlock_refuses_bind(void)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 && errno == EACCES;
}

bool os_landlock_refuses_connect(uint16_t port)
{
    struct sockaddr_in self = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&self, sizeof(self)) < 0 && errno == EACCES;
}

int os_landlock_scope_trial(int *ret_fd)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* No name given: the kernel picks a free abstract one. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

bool os_landlock_refuses_peer(int trial_fd)
{
    struct sockaddr_un name;
    socklen_t len = sizeof(name);
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getsockname(trial_fd, (struct sockaddr *)&name, &len) < 0)
        return false;
    return connect(fd, (struct sockaddr *)&name, len) < 0 && errno == EPERM;
}
