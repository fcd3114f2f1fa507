/* Inside of namespaces: identity maps, the empty root, and what can still be reached.
 *
 * Mounting is safe here because it only ever happens in a mount namespace that the process owns:
 * the caller has compared its identity with the outside. Propagation is cut before anything else,
 * so that nothing of it travels back. */
#include "os/namespace.h"

#include "os/fd.h"
#include "os/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(OS_NS_USER == 1 && OS_NS_MOUNT == 2 && OS_NS_NET == 4 && OS_NS_PID == 8 &&
                   OS_NS_IPC == 16 && OS_NS_UTS == 32 && OS_NS_CGROUP == 64,
               "the names below are in the order of the bits");
static const char *const names[OS_NAMESPACE_COUNT] = {"user", "mnt", "net",   "pid",
                                                      "ipc",  "uts", "cgroup"};

const char *os_namespace_name(size_t i)
{
    return names[i];
}

void os_namespace_read_ids(struct os_namespace_ids *ret)
{
    char path[32];
    struct stat st;
    for (size_t i = 0; i < OS_NAMESPACE_COUNT; i++) {
        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        ret->id[i] = stat(path, &st) == 0 ? st.st_ino : 0;
    }
}

static int write_file(const char *path, const char *text)
{
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, strlen(text));
    if (n < 0)
        return -errno;
    return (size_t)n == strlen(text) ? 0 : -EIO;
}

int os_namespace_map_self(uid_t uid, gid_t gid)
{
    char line[64];
    /* An unmapped user looks like user 65534; only the map itself tells. */
    auto_close int map = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    if (map < 0)
        return -errno;
    if (read(map, line, sizeof(line)) > 0)
        return -EEXIST;
    /* One line that maps the own number needs no privilege in the parent namespace, for groups only
     * once setgroups() is given up. */
    int r = write_file("/proc/self/setgroups", "deny");
    if (r < 0 && r != -ENOENT)
        return r;
    (void)snprintf(line, sizeof(line), "%u %u 1\n", gid, gid);
    r = write_file("/proc/self/gid_map", line);
    if (r < 0)
        return r;
    (void)snprintf(line, sizeof(line), "%u %u 1\n", uid, uid);
    return write_file("/proc/self/uid_map", line);
}

/* A private, restricted copy of the mount that `fd` is in, with fd itself as its root. */
static int clone_mount(int fd, uint64_t extra, int *ret_tree)
{
    struct mount_attr attr = {.attr_set =
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | extra};
    auto_close int tree =
        open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    if (tree < 0)
        return -errno;
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
        return -errno;
    *ret_tree = take_fd(&tree);
    return 0;
}

int os_mount_alone(int fd, bool writable)
{
    /* fd was opened in another mount namespace, whose mounts cannot be cloned from here. The same
     * directory is found again by its name in our copy of the tree; that it is the same is
     * checked. */
    char link[32], path[PATH_MAX];
    struct stat old, new;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    if (path[0] != '/')
        return -ESTALE;
    auto_close int again = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (again < 0)
        return -errno;
    if (fstat(fd, &old) < 0 || fstat(again, &new) < 0)
        return -errno;
    if (old.st_dev != new.st_dev || old.st_ino != new.st_ino)
        return -ESTALE;
    auto_close int tree = -1;
    int r = clone_mount(again, writable ? 0 : MOUNT_ATTR_RDONLY, &tree);
    if (r < 0)
        return r;
    return dup3(tree, fd, O_CLOEXEC) < 0 ? -errno : 0;
}

static int make_root(int *ret_fd)
{
    auto_close int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0)
        return -errno;
    if (fsconfig(context, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "128", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd =
        fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* Makes the place where `path` will be seen: its folders, then itself as a folder or an empty
 * file. */
static int make_place(int root, const char *path, bool is_folder)
{
    char name[PATH_MAX];
    size_t len = strlen(path + 1);
    if (len >= sizeof(name))
        return -ENAMETOOLONG;
    memcpy(name, path + 1, len + 1);
    for (char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(root, name, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    if (is_folder)
        return mkdirat(root, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
    auto_close int fd = openat(root, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0444);
    return fd < 0 ? -errno : 0;
}

static int bind_path(int root, const char *path)
{
    struct stat st;
    auto_close int tree = -1;
    auto_close int fd =
        open(path, O_PATH | O_CLOEXEC); /* follows links: what it leads to is seen */
    if (fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = clone_mount(fd, MOUNT_ATTR_RDONLY, &tree);
    if (r == 0)
        r = make_place(root, path, S_ISDIR(st.st_mode));
    if (r < 0)
        return r;
    return move_mount(tree, "", root, path + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int os_mount_empty_root(const char *const *paths)
{
    auto_close int root = -1;
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    int r = make_root(&root);
    if (r < 0)
        return r;
    /* On top of "/": the one directory that is always there. Names still resolve beneath it. */
    if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    for (size_t i = 0; r == 0 && paths != NULL && paths[i] != NULL; i++)
        r = bind_path(root, paths[i]);
    if (r < 0)
        return r;
    if (mount_setattr(root, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0 ||
        fchdir(root) < 0)
        return -errno;
    /* With one place for both, the old root comes to lie on top of the new one and is taken off. */
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

/* Whether name is the first part of one of the paths. */
static bool is_wanted(const char *name, const char *const *paths)
{
    size_t len = strlen(name);
    for (size_t i = 0; paths != NULL && paths[i] != NULL; i++) {
        if (strncmp(paths[i] + 1, name, len) == 0 &&
            (paths[i][1 + len] == '/' || paths[i][1 + len] == '\0'))
            return true;
    }
    return false;
}

bool os_root_is_empty(const char *const *paths)
{
    if (mkdir("/jail-probe", 0700) == 0) {
        (void)rmdir("/jail-probe");
        return false;
    }
    if (errno != EROFS)
        return false;
    /* Through "..", which stays at the root but enters whatever lies on top of it: the old root, had it
     * not been taken off. */
    DIR *dir = opendir("/..");
    bool is_empty = dir != NULL;
    for (struct dirent *e; is_empty && (e = readdir(dir)) != NULL;)
        is_empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                   is_wanted(e->d_name, paths);
    if (dir != NULL)
        (void)closedir(dir);
    return is_empty;
}

bool os_network_is_unreachable(void)
{
    struct sockaddr_in self = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false; /* not known */
    /* Connecting a datagram socket only asks for a route. */
    return connect(fd, (struct sockaddr *)&self, sizeof(self)) < 0 && errno == ENETUNREACH;
}

int os_namespace_probe(void)
{
    int status;
    pid_t pid =
        (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? errno : 0);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}
