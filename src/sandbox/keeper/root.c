/* What a native command sees: a root of its own, as a table. A row is here because ordinary builds and tests of Debian-like
 * systems need it; what no row names does not exist for the command. Absent on purpose: homes, keys, /root, /etc as a
 * whole (shadow, sudoers, ssh, NetworkManager, tokens in npmrc or gitconfig), /var, /run (sockets of services), /sys, /boot,
 * every device but the six below, the terminal.
 *
 * The system's folders are public by convention: what packages installed, the same on every machine of the kind. Read-only
 * mounts hold also where the command's user owns them (an operator who is root); without set-id bits and devices. */
#include "os/root.h"
#include "os/accept.h"
#include "os/env.h"
#include "os/fd.h"
#include "sandbox/keeper/root.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define SHARED_MEMORY (64 * MIB)

static const struct row {
    enum os_root_kind kind;
    const char *path, *text;
    enum jail_access access;
} rows[] = {
    /* programs and libraries; on merged systems /bin and /lib are links, which are made again */
    {OS_ROOT_SYSTEM, "/usr", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/bin", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/sbin", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/lib", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/lib32", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/lib64", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/libx32", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/nix/store", NULL, JAIL_RUN},
    {OS_ROOT_SYSTEM, "/gnu/store", NULL, JAIL_RUN},
    /* which of several programs has a name (cc, java), and where libraries are */
    {OS_ROOT_PLAIN, "/etc/alternatives", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/ld.so.cache", NULL, JAIL_READ},
    {OS_ROOT_COPY, "/etc/ld.so.conf", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/ld.so.conf.d", NULL, JAIL_READ},
    /* certificates of authorities, never /etc/ssl/private */
    {OS_ROOT_PLAIN, "/etc/ssl/certs", NULL, JAIL_READ},
    {OS_ROOT_COPY, "/etc/ssl/openssl.cnf", NULL, JAIL_READ},
    /* time zone and version are links on most systems */
    {OS_ROOT_PLAIN, "/etc/localtime", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/os-release", NULL, JAIL_READ},
    {OS_ROOT_COPY, "/etc/debian_version", NULL, JAIL_READ},
    {OS_ROOT_COPY, "/etc/mime.types", NULL, JAIL_READ},
    {OS_ROOT_COPY, "/etc/protocols", NULL, JAIL_READ},
    {OS_ROOT_COPY, "/etc/services", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/perl", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/python3", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/java-17-openjdk", NULL, JAIL_READ},
    {OS_ROOT_PLAIN, "/etc/java-21-openjdk", NULL, JAIL_READ},
    /* names: of one user, and of this machine to itself; the real lists are nobody's business */
    {OS_ROOT_FILE, "/etc/nsswitch.conf",
     "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n", JAIL_READ},
    {OS_ROOT_FILE, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", JAIL_READ},
    {OS_ROOT_FILE, "/etc/hostname", "jail\n", JAIL_READ},
    /* devices without memory, and what programs expect beside them */
    {OS_ROOT_DEVICE, "/dev/null", NULL, JAIL_WRITE},
    {OS_ROOT_DEVICE, "/dev/zero", NULL, JAIL_WRITE},
    {OS_ROOT_DEVICE, "/dev/full", NULL, JAIL_WRITE},
    {OS_ROOT_DEVICE, "/dev/random", NULL, JAIL_READ},
    {OS_ROOT_DEVICE, "/dev/urandom", NULL, JAIL_READ},
    {OS_ROOT_LINK, "/dev/fd", "/proc/self/fd", JAIL_READ},
    {OS_ROOT_LINK, "/dev/stdin", "/proc/self/fd/0", JAIL_READ},
    {OS_ROOT_LINK, "/dev/stdout", "/proc/self/fd/1", JAIL_READ},
    {OS_ROOT_LINK, "/dev/stderr", "/proc/self/fd/2", JAIL_READ},
    {OS_ROOT_FOLDER, "/run", NULL, JAIL_READ},
    {OS_ROOT_LINK, "/var/tmp", "/tmp", JAIL_READ},
    /* its own processes; the machine's keys, memory and bus are hidden also from a user who owns them */
    {OS_ROOT_PROC, "/proc", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/kcore", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/keys", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/key-users", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/sysrq-trigger", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/timer_list", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/acpi", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/scsi", NULL, JAIL_READ},
    {OS_ROOT_HIDE, "/proc/bus", NULL, JAIL_READ},
};

enum { ITEMS_MAX = ARRAY_LEN(rows) + 48, ACCOUNT_MAX = 256 };
_Static_assert(ITEMS_MAX <= JAIL_GRANTS_MAX, "one grant for each");

/* The one user that there is inside. */
struct accounts {
    char passwd[ACCOUNT_MAX], group[ACCOUNT_MAX];
};

static void write_accounts(uint32_t uid, uint32_t gid, struct accounts *ret)
{
    (void)snprintf(ret->passwd, sizeof(ret->passwd),
                   "user:x:%u:%u:user:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
                   uid, gid);
    (void)snprintf(ret->group, sizeof(ret->group), "user:x:%u:\nnogroup:x:65534:\n", gid);
}

/* Mounts of the profile last, and shorter places first, so that one may lie within another. */
static size_t add_mounts(const struct jail_profile *p, struct os_root_item *items, size_t count)
{
    size_t first = count;
    for (size_t i = 0; i < p->mount_count && count < ITEMS_MAX; i++) {
        const struct jail_mount *m = &p->mounts[i];
        if (m->place == NULL)
            continue;
        size_t at = count++;
        for (; at > first && strlen(items[at - 1].path) > strlen(m->place); at--)
            items[at] = items[at - 1];
        items[at] = (struct os_root_item){
            .kind = OS_ROOT_MOUNT, .path = m->place, .fd = m->dir_fd, .writable = m->writable};
    }
    return count;
}

static bool has_mount_below(const struct jail_profile *p, const char *folder)
{
    size_t len = strlen(folder);
    for (size_t i = 0; i < p->mount_count; i++) {
        const char *place = p->mounts[i].place;
        if (place != NULL && strncmp(place, folder, len) == 0 && place[len] == '/')
            return true;
    }
    return false;
}

/* The folders on the way to what is mounted below one are names in it, too, and not the command's. */
static uint64_t names_below(const struct jail_profile *p, const char *folder)
{
    uint64_t names = 0;
    size_t len = strlen(folder);
    for (size_t i = 0; i < p->mount_count; i++) {
        const char *place = p->mounts[i].place;
        if (place == NULL || strncmp(place, folder, len) != 0)
            continue;
        for (const char *at = place + len; *at != '\0'; at++)
            names += *at == '/';
    }
    return names;
}

static size_t list_items(const struct jail_profile *p, const struct accounts *accounts,
                         struct os_root_item items[ITEMS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        /* Nothing is reached through a link while the root is made: a mount below it needs a folder there. */
        if (rows[i].kind == OS_ROOT_LINK && has_mount_below(p, rows[i].path))
            continue;
        items[count++] = (struct os_root_item){
            .kind = rows[i].kind, .path = rows[i].path, .text = rows[i].text, .fd = -1};
    }
    items[count++] = (struct os_root_item){
        .kind = OS_ROOT_FILE, .path = "/etc/passwd", .text = accounts->passwd, .fd = -1};
    items[count++] = (struct os_root_item){
        .kind = OS_ROOT_FILE, .path = "/etc/group", .text = accounts->group, .fd = -1};
    items[count++] =
        (struct os_root_item){.kind = OS_ROOT_MEMORY,
                              .path = "/tmp",
                              .size = p->command->temporary_bytes,
                              .names = p->command->created_files + names_below(p, "/tmp"),
                              .may_execute = true,
                              .fd = -1,
                              .ret_fd = p->ret_memory_fds};
    items[count++] =
        (struct os_root_item){.kind = OS_ROOT_MEMORY,
                              .path = "/dev/shm",
                              .size = SHARED_MEMORY,
                              .names = p->command->created_files + names_below(p, "/dev/shm"),
                              .fd = -1,
                              .ret_fd = p->ret_memory_fds ? p->ret_memory_fds + 1 : NULL};
    return add_mounts(p, items, count);
}

static int make(const struct jail_profile *p, const char **ret_what)
{
    struct os_root_item items[ITEMS_MAX];
    struct accounts accounts;
    size_t at;
    if (p->command == NULL)
        return -EINVAL;
    write_accounts(os_uid(), os_gid(), &accounts);
    size_t count = list_items(p, &accounts, items);
    int r = os_root_make(items, count, &at);
    if (r < 0) {
        *ret_what = at < count ? items[at].path : "a root";
        if (r == -EPERM && at < count && items[at].kind == OS_ROOT_MOUNT)
            *ret_what = "a folder that holds a file system of the kernel (proc, sysfs, ...)";
        return r;
    }
    /* A best effort: an older kernel has one number for all, and keeps it. The first 300 numbers are not given twice. */
    (void)!os_pids_bound(p->command->processes + 301);
    *ret_what = "a /proc that is read-only";
    return os_root_close_proc();
}

static bool holds(const struct jail_profile *p)
{
    struct os_root_item items[ITEMS_MAX];
    struct accounts accounts = {"", ""};
    if (p->command == NULL)
        return false;
    size_t count = list_items(p, &accounts, items);
    return os_root_is_made_of(items, count);
}

/* By the rule of a folder above it: /proc; and /etc, where it is ours and holds nothing else. Each rule costs. */
static bool is_granted_with(const char *path, bool is_made)
{
    return strncmp(path, "/proc/", 6) == 0 || (is_made && strncmp(path, "/etc/", 5) == 0);
}

static int grants(const struct jail_profile *p, bool is_made,
                  struct jail_grant ret[JAIL_GRANTS_MAX], size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].kind != OS_ROOT_LINK && !is_granted_with(rows[i].path, is_made))
            ret[count++] = (struct jail_grant){rows[i].path, -1, rows[i].access};
    }
    if (is_made) {
        ret[count++] = (struct jail_grant){"/etc", -1, JAIL_READ};
    } else {
        ret[count++] = (struct jail_grant){"/etc/passwd", -1, JAIL_READ};
        ret[count++] = (struct jail_grant){"/etc/group", -1, JAIL_READ};
    }
    /* Where the root is not our own, "/" and /tmp are everybody's. */
    if (is_made) {
        ret[count++] = (struct jail_grant){"/", -1, JAIL_LIST};
        /* What is granted of a folder is granted of all below it, mounts too: with one below /tmp, no pipes there. */
        ret[count++] = (struct jail_grant){
            "/tmp", -1, has_mount_below(p, "/tmp") ? JAIL_WRITE : JAIL_WRITE_ALL};
        ret[count++] = (struct jail_grant){"/dev/shm", -1, JAIL_WRITE};
    }
    for (size_t i = 0; i < p->mount_count; i++) {
        if (count == JAIL_GRANTS_MAX)
            return -E2BIG;
        /* The descriptor is of the old root; where there is a new one, the place is meant. */
        bool by_place = is_made && p->mounts[i].place != NULL;
        ret[count++] = (struct jail_grant){p->mounts[i].place, by_place ? -1 : p->mounts[i].dir_fd,
                                           p->mounts[i].writable ? JAIL_WRITE : JAIL_RUN};
    }
    *ret_count = count;
    return 0;
}

/* The listener is made while nothing of the command exists and leaves with READY; who takes its connections is egress, which
 * stands outside of this network, so that no packet ever crosses between the two: only bytes of connections that both ends
 * agreed to. More than wait here at once find the queue full and try again by themselves. */
static int network(const struct jail_profile *p)
{
    enum { WAITING_MAX = 128 };
    int r = os_loopback_up();
    if (r == 0 && p->command->proxy && p->ret_listener != NULL)
        r = os_listen_here(JAIL_PROXY_PORT, WAITING_MAX, p->ret_listener);
    return r;
}

const struct jail_root keeper_root = {make, holds, grants, network};
