/* Making a root. What is mounted here is either a folder that the operator mapped (hostile contents), a folder of the
 * system, or memory. So every place is reached step by step from the new root without following links, folders are made
 * only where the file system is memory of ours, and every mount loses set-id bits and devices, whatever it is. */
#include "os/root.h"

#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <dirent.h>

#define ROOT_SIZE "1m" /* names and the files that are written into it */
#define ROOT_NAMES "2048"
#define BYTES_A_NAME 4096

/* A file system that is in no folder yet. options: pairs, NULL-ended. */
static int make_fs(const char *type, const char *const *options, unsigned attr, int *ret_fd)
{
    auto_close int context = fsopen(type, FSOPEN_CLOEXEC);
    if (context < 0)
        return -errno;
    for (; *options != NULL; options += 2) {
        if (fsconfig(context, FSCONFIG_SET_STRING, options[0], options[1], 0) < 0)
            return -errno;
    }
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, attr);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int make_memory(uint64_t size, uint64_t names_max, bool may_execute, int *ret_fd)
{
    char bytes[32], names[32];
    uint64_t most = size / BYTES_A_NAME + 15;
    const char *const options[] = {"size", bytes, "nr_inodes", names, "mode", "1777", NULL};
    (void)snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)size);
    (void)snprintf(names, sizeof(names), "%llu",
                   (unsigned long long)(1 + (names_max < most ? names_max : most)));
    return make_fs("tmpfs", options,
                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (may_execute ? 0 : MOUNT_ATTR_NOEXEC),
                   ret_fd);
}

static int clone_tree(int fd, unsigned attr, int *ret_fd)
{
    struct mount_attr set = {.attr_set = attr};
    auto_close int tree =
        open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    if (tree < 0)
        return -errno;
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)) < 0)
        return -errno;
    *ret_fd = take_fd(&tree);
    return 0;
}

/* A place to make something at: its folder, held open, and its name in it. */
struct place {
    int folder; /* borrowed: of struct making, until the next place is looked for */
    char name[NAME_MAX + 1];
    bool is_ours; /* in memory that we made: names may be made */
};

/* A tmpfs that the operator mapped is not memory of ours: ours has one of the devices noted here. */
struct making {
    int root;
    dev_t ours[8];
    size_t our_count;
    /* The folder of the last item, because the next one's is mostly the same. It is still that folder: whatever is
     * mounted over it, or above it, has another folder, and is looked for in between. */
    int folder; /* own; -1 = none */
    bool folder_is_ours;
    char folder_path[PATH_MAX];
    int empty; /* own; an empty folder to hide others with; -1 = not made yet */
};

static bool is_ours(const struct making *m, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return false;
    for (size_t i = 0; i < m->our_count; i++) {
        if (m->ours[i] == st.st_dev)
            return true;
    }
    return false;
}

static int note_ours(struct making *m, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (m->our_count == ARRAY_LEN(m->ours))
        return -E2BIG;
    m->ours[m->our_count++] = st.st_dev;
    return 0;
}

static int step_into(const struct making *m, int *folder, const char *name)
{
    if (is_ours(m, *folder) && mkdirat(*folder, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    int next = openat(*folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return -errno;
    os_close(*folder);
    *folder = next;
    return 0;
}

/* All folders of path up to `end` at once; 0 and *folder replaced, else nothing happened. */
static int step_all(const struct making *m, const char *path, const char *end, int *folder)
{
    char name[PATH_MAX];
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    size_t len = (size_t)(end - path - 1);
    if (len >= sizeof(name))
        return -ENAMETOOLONG;
    memcpy(name, path + 1, len);
    name[len] = '\0';
    int fd = (int)syscall(SYS_openat2, m->root, name, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    os_close(*folder);
    *folder = fd;
    return 0;
}

/* The name of path's last part into ret. */
static int name_place(const char *path, const char *last, struct place *ret)
{
    size_t len = strlen(last + 1);
    if (len == 0 || len > NAME_MAX || strcmp(last + 1, ".") == 0 || strcmp(last + 1, "..") == 0)
        return -EINVAL;
    if ((size_t)(last - path) >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(ret->name, last + 1, len + 1);
    return 0;
}

static bool is_known_folder(const struct making *m, const char *path, size_t len)
{
    return m->folder >= 0 && strncmp(m->folder_path, path, len) == 0 && m->folder_path[len] == '\0';
}

static void know_folder(struct making *m, const char *path, size_t len, own int folder)
{
    os_close(m->folder);
    m->folder = folder;
    m->folder_is_ours = is_ours(m, folder);
    memcpy(m->folder_path, path, len);
    m->folder_path[len] = '\0';
}

static int find_place(struct making *m, const char *path, struct place *ret)
{
    const char *whole = path, *last = strrchr(path, '/');
    if (last == NULL || path[0] != '/')
        return -EINVAL;
    size_t len = (size_t)(last - path);
    int r = name_place(path, last, ret);
    if (r < 0)
        return r;
    if (is_known_folder(m, path, len)) {
        ret->folder = m->folder;
        ret->is_ours = m->folder_is_ours;
        return 0;
    }
    auto_close int folder = openat(m->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    if (last > path && step_all(m, path, last, &folder) == 0)
        path = last; /* its folders were there already: the usual case, in one call */
    for (const char *at = path + 1; at <= last;) {
        char name[NAME_MAX + 1];
        size_t part = strcspn(at, "/");
        if (part == 0 || part > NAME_MAX)
            return -EINVAL;
        memcpy(name, at, part);
        name[part] = '\0';
        if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
            return -EINVAL;
        r = step_into(m, &folder, name);
        if (r < 0)
            return r;
        at += part + 1;
    }
    know_folder(m, whole, len, take_fd(&folder));
    ret->folder = m->folder;
    ret->is_ours = m->folder_is_ours;
    return 0;
}

/* A file or folder to mount on. */
static int make_point(const struct place *p, bool is_folder)
{
    if (!p->is_ours)
        return 0; /* it must be there; the mount says so when it is not */
    if (is_folder)
        return mkdirat(p->folder, p->name, 0755) < 0 && errno != EEXIST ? -errno : 0;
    auto_close int fd =
        openat(p->folder, p->name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0444);
    return fd < 0 ? -errno : 0;
}

static int attach(const struct place *p, int tree, bool is_folder)
{
    int r = make_point(p, is_folder);
    if (r < 0)
        return r;
    return move_mount(tree, "", p->folder, p->name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static bool is_absent(int error)
{
    return error == -ENOENT || error == -EACCES || error == -ENOTDIR;
}

static int copy_link(const struct place *p, const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    target[n] = '\0';
    return symlinkat(target, p->folder, p->name) < 0 && errno != EEXIST ? -errno : 0;
}

/* Something of the old root, which is still the root of this process. */
static int show_old(struct making *m, const struct os_root_item *item, unsigned attr)
{
    struct place p = {.folder = -1};
    struct stat st;
    auto_close int fd = open(item->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return is_absent(-errno) ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = find_place(m, item->path, &p);
    if (r < 0)
        return r;
    if (S_ISLNK(st.st_mode))
        return copy_link(&p, item->path);
    if (item->kind == OS_ROOT_DEVICE && !S_ISCHR(st.st_mode))
        return 0;
    auto_close int tree = -1;
    r = clone_tree(fd, attr, &tree);
    return r < 0 ? r : attach(&p, tree, S_ISDIR(st.st_mode));
}

/* The folder behind fd was opened in another mount namespace, whose mounts cannot be cloned from here: it is found again
 * by its name in our copy of the old tree, and that it is the same is checked. */
static int find_again(int fd, int *ret_fd, char path[PATH_MAX])
{
    char link[32];
    struct stat old, new;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    if (path[0] != '/')
        return -ESTALE;
    auto_close int again = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (again < 0)
        return -errno;
    if (fstat(fd, &old) < 0 || fstat(again, &new) < 0)
        return -errno;
    if (old.st_dev != new.st_dev || old.st_ino != new.st_ino)
        return -ESTALE;
    *ret_fd = take_fd(&again);
    return 0;
}

/* In place: mountinfo writes blanks and backslashes of a path as three octal digits. */
static size_t unescape(char *text, size_t len)
{
    size_t to = 0;
    for (size_t at = 0; at < len; at++) {
        if (text[at] == '\\' && at + 3 < len) {
            text[to++] = (char)((text[at + 1] - '0') << 6 | (text[at + 2] - '0') << 3 |
                                (text[at + 3] - '0'));
            at += 3;
        } else {
            text[to++] = text[at];
        }
    }
    return to;
}

/* One line of mountinfo: "id parent dev root PLACE ...". */
static bool is_kernel_mount_below(char *line, size_t len, struct str folder)
{
    struct str rest = {line, len}, word = {"", 0};
    char path[PATH_MAX];
    for (int i = 0; i < 5; i++) {
        if (!str_split(rest, ' ', &word, &rest))
            return false;
    }
    size_t n = unescape(line + (word.at - line), word.len);
    struct str where = {word.at, n};
    if (n >= sizeof(path) || !str_starts(where, folder) ||
        (folder.len > 1 && n > folder.len && where.at[folder.len] != '/'))
        return false;
    memcpy(path, where.at, n);
    path[n] = '\0';
    auto_close int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT &&
               errno != ENOTDIR; /* covered by another mount: not seen by the command either */
    return os_fs_is_kernels(fd);
}

/* File systems whose files are the kernel's own switches, or other processes: in a mapped folder they would be the
 * machine's, not the command's, and no other facet sees the difference. 0; -EPERM when one is in it, and where the list of mounts cannot be read: not known is no. */
static int check_contents(const char *folder)
{
    enum { MOUNTS_MAX = 16 << 20 };
    auto_done(buf) struct buf mounts;
    buf_init(&mounts, MOUNTS_MAX);
    int r = os_read_file_trusted("/proc/self/mountinfo", &mounts);
    if (r < 0)
        return r;
    for (char *line = mounts.at, *end = mounts.at + mounts.len; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((stop != NULL ? stop : end) - line);
        if (is_kernel_mount_below(line, len, str_of(folder)))
            return -EPERM;
        line += len + 1;
    }
    return 0;
}

static int show_mount(struct making *m, const struct os_root_item *item)
{
    struct place p = {.folder = -1};
    auto_close int again = -1, tree = -1;
    char path[PATH_MAX];
    int r = find_again(item->fd, &again, path);
    if (r == 0)
        r = os_fs_is_kernels(again) ? -EPERM : check_contents(path);
    if (r == 0)
        r = clone_tree(
            again, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (item->writable ? 0 : MOUNT_ATTR_RDONLY),
            &tree);
    if (r == 0)
        r = find_place(m, item->path, &p);
    return r < 0 ? r : attach(&p, tree, true);
}

static int show_memory(struct making *m, const struct os_root_item *item)
{
    struct place p = {.folder = -1};
    auto_close int tree = -1;
    int r = make_memory(item->size, item->names, item->may_execute, &tree);
    if (r == 0)
        r = note_ours(m, tree);
    if (r == 0)
        r = find_place(m, item->path, &p);
    if (r == 0)
        r = attach(&p, tree, true);
    if (r == 0 && item->ret_fd != NULL)
        *item->ret_fd = take_fd(&tree);
    return r;
}

/* Mounted while the old /proc is still seen: without one that is seen whole the kernel gives a new user namespace none. */
static int show_proc(struct making *m, const struct os_root_item *item)
{
    static const char *const no_options[] = {NULL};
    struct place p = {.folder = -1};
    auto_close int tree = -1;
    int r = make_fs("proc", no_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                    &tree);
    if (r == 0)
        r = find_place(m, item->path, &p);
    return r < 0 ? r : attach(&p, tree, true);
}

static int make_empty(struct making *m)
{
    static const char *const options[] = {"size", "4k", "nr_inodes", "1", "mode", "0555", NULL};
    return make_fs("tmpfs", options,
                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                   &m->empty);
}

/* An empty folder over a folder, /dev/null over a file. */
static int hide(struct making *m, const struct os_root_item *item)
{
    struct place p = {.folder = -1};
    struct stat st;
    auto_close int tree = -1;
    int r = find_place(m, item->path, &p);
    if (r < 0)
        return is_absent(r) ? 0 : r;
    if (fstatat(p.folder, p.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return is_absent(-errno) ? 0 : -errno;
    if (S_ISLNK(st.st_mode))
        return 0;
    if (S_ISDIR(st.st_mode)) {
        r = m->empty < 0 ? make_empty(m) : 0;
        if (r == 0)
            r = clone_tree(m->empty, MOUNT_ATTR_RDONLY, &tree);
    } else {
        auto_close int null = open("/dev/null", O_PATH | O_CLOEXEC);
        r = null < 0 ? -errno
                     : clone_tree(null, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                                  &tree);
    }
    if (r < 0)
        return r;
    return move_mount(tree, "", p.folder, p.name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int write_name(struct making *m, const struct os_root_item *item)
{
    struct place p = {.folder = -1};
    int r = find_place(m, item->path, &p);
    if (r < 0)
        return r;
    if (item->kind == OS_ROOT_FOLDER)
        return mkdirat(p.folder, p.name, 0755) < 0 && errno != EEXIST ? -errno : 0;
    if (item->kind == OS_ROOT_LINK)
        return symlinkat(item->text, p.folder, p.name) < 0 ? -errno : 0;
    auto_close int fd =
        openat(p.folder, p.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0)
        return -errno;
    return os_write_all(fd, str_of(item->text));
}

static int copy_file(struct making *m, const struct os_root_item *item)
{
    enum { COPY_MAX = 128 << 10 };
    static char bytes[COPY_MAX]; /* one at a time */
    struct place p = {.folder = -1};
    struct stat st;
    auto_close int from = open(item->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > COPY_MAX)
        return 0; /* not there, or not what it should be */
    ssize_t len = os_read(from, bytes, sizeof(bytes));
    int r = len < 0 ? (int)len : find_place(m, item->path, &p);
    if (r < 0)
        return r;
    auto_close int to =
        openat(p.folder, p.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (to < 0)
        return -errno;
    return os_write_all(to, (struct str){bytes, (size_t)len});
}

static int make_item(struct making *m, const struct os_root_item *item)
{
    const unsigned system = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY;
    switch (item->kind) {
    case OS_ROOT_SYSTEM: return show_old(m, item, system);
    case OS_ROOT_PLAIN: return show_old(m, item, system | MOUNT_ATTR_NOEXEC);
    case OS_ROOT_COPY: return copy_file(m, item);
    case OS_ROOT_DEVICE: return show_old(m, item, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    case OS_ROOT_MOUNT: return show_mount(m, item);
    case OS_ROOT_MEMORY: return show_memory(m, item);
    case OS_ROOT_PROC: return show_proc(m, item);
    case OS_ROOT_HIDE: return hide(m, item);
    case OS_ROOT_FOLDER:
    case OS_ROOT_LINK:
    case OS_ROOT_FILE: return write_name(m, item);
    }
    return -EINVAL;
}

static int begin(struct making *m)
{
    static const char *const options[] = {"size", ROOT_SIZE, "nr_inodes", ROOT_NAMES,
                                          "mode", "0755",    NULL};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    int r = make_fs("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                    &m->root);
    if (r == 0)
        r = note_ours(m, m->root);
    if (r < 0)
        return r;
    /* On top of "/": the one directory that is always there. Names still resolve beneath it. */
    return move_mount(m->root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int set_read_only(int folder, const char *name)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    unsigned flags = name[0] == '\0' ? (unsigned)AT_EMPTY_PATH : (unsigned)AT_SYMLINK_NOFOLLOW;
    return mount_setattr(folder, name, flags, &read_only, sizeof(read_only)) < 0 ? -errno : 0;
}

static int enter(const struct making *m)
{
    int r = set_read_only(m->root, "");
    if (r < 0)
        return r;
    /* With one place for both, the old root comes to lie on top of the new one and is taken off. */
    if (fchdir(m->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

int os_root_make(const struct os_root_item *items, size_t count, size_t *ret_at)
{
    struct making m = {.root = -1, .folder = -1, .empty = -1};
    int r = begin(&m);
    *ret_at = count;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = make_item(&m, &items[i]);
        if (r < 0)
            *ret_at = i;
    }
    os_close(m.folder);
    os_close(m.empty);
    if (r == 0)
        r = enter(&m);
    os_close(m.root);
    return r;
}

static bool is_named(const char *name, const struct os_root_item *items, size_t count)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < count; i++) {
        const char *path = items[i].path + 1;
        if (strncmp(path, name, len) == 0 && (path[len] == '/' || path[len] == '\0'))
            return true;
    }
    return false;
}

bool os_root_is_made_of(const struct os_root_item *items, size_t count)
{
    if (mkdir("/jail-probe", 0700) == 0) {
        (void)rmdir("/jail-probe");
        return false;
    }
    if (errno != EROFS)
        return false;
    /* Through "..", which stays at the root but enters whatever lies on top of it: the old root, had it not been
     * taken off. */
    DIR *dir = opendir("/..");
    bool is_made = dir != NULL;
    for (struct dirent *e; is_made && (e = readdir(dir)) != NULL;)
        is_made = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                  is_named(e->d_name, items, count);
    if (dir != NULL)
        (void)closedir(dir);
    return is_made;
}

int os_root_close_proc(void)
{
    return set_read_only(AT_FDCWD, "/proc");
}

int os_memory_used(int fd, uint64_t *ret)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return -errno;
    *ret = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
    return 0;
}

int os_pids_bound(uint64_t max)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)max);
    auto_close int fd = open("/proc/sys/kernel/pid_max", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, (size_t)n) < 0 ? -errno : 0;
}

int os_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return -errno;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}
