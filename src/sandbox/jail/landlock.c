/* Facet Landlock: the allow-list of files, ports and peers that the kernel keeps for this
 * process.
 *
 * Files: nothing but the mounts of the profile (worker) or the name service and certificate files
 * (egress). What Landlock does not see (reading attributes, changing modes and times) is held by
 * the empty root and by the private mounts. Ports: none to bind; to connect, those of the
 * profile, or all, when the operator lets guests reach every port of a host: 65535 rules would say no
 * more than none, and which address is reached is egress' own to check in any case. Peers: no signal
 * and no abstract unix socket reaches a process outside.
 *
 * Not for the monitor, and not in part: its children inherit whatever it takes on. With a file
 * rule set the kernel refuses every mount, so no child could build its empty root. With only the
 * peers closed a child could, but every layer of rules, whatever it is about, also refuses moving
 * and linking files between folders unless it grants that for files, which brings back the first;
 * a worker could not rename from one folder to another. */
#include "os/landlock.h"
#include "os/caps.h"
#include "os/fd.h"
#include "os/file.h"
#include "sandbox/jail/facets.h"

#include <errno.h>
#include <fcntl.h>

enum { RULES_MAX = JAIL_GRANTS_MAX };

struct rules {
    struct os_landlock_path paths[RULES_MAX];
    size_t count;
    int opened[RULES_MAX]; /* own: descriptors made only to name a rule */
    size_t opened_count;
};

static void rules_done(struct rules *r)
{
    for (size_t i = 0; i < r->opened_count; i++)
        os_close(r->opened[i]);
}

static int add_mounts(const struct jail_work *w, struct rules *rules)
{
    for (size_t i = 0; i < w->profile->mount_count; i++) {
        if (rules->count == RULES_MAX)
            return -E2BIG;
        rules->paths[rules->count++] = (struct os_landlock_path){w->profile->mounts[i].dir_fd,
                                                                 w->profile->mounts[i].writable, 0};
    }
    return 0;
}

static int add_read_paths(const struct jail_work *w, struct rules *rules)
{
    const char *paths[JAIL_PATHS_MAX + 1];
    int r = jail_read_paths(w, paths);
    for (size_t i = 0; r == 0 && paths[i] != NULL; i++) {
        int fd = os_open_trusted(paths[i], O_PATH, 0);
        if (fd < 0)
            continue; /* not there: nothing to grant */
        if (rules->count == RULES_MAX || rules->opened_count == RULES_MAX) {
            os_close(fd);
            return -E2BIG;
        }
        rules->opened[rules->opened_count++] = fd;
        rules->paths[rules->count++] = (struct os_landlock_path){fd, false, 0};
    }
    return r;
}

static struct os_landlock_path rule_of(const struct jail_grant *grant, int fd)
{
    static const struct os_landlock_path rules[] = {
        [JAIL_LIST] = {-1, false, OS_LANDLOCK_LIST_ONLY},
        [JAIL_READ] = {-1, false, 0},
        [JAIL_RUN] = {-1, false, OS_LANDLOCK_EXECUTE},
        [JAIL_WRITE] = {-1, true, OS_LANDLOCK_EXECUTE},
        [JAIL_WRITE_ALL] = {-1, true, OS_LANDLOCK_EXECUTE | OS_LANDLOCK_PIPES},
    };
    struct os_landlock_path rule = rules[grant->access];
    rule.fd = fd;
    return rule;
}

/* Of a root that holds something. */
static int add_grants(const struct jail_work *w, struct rules *rules)
{
    struct jail_grant grants[JAIL_GRANTS_MAX];
    size_t count = 0;
    int r = w->profile->root == NULL
                ? -EINVAL
                : w->profile->root->grants(w->profile, jail_is_in_own_root(w), grants, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        int fd = grants[i].fd;
        if (rules->count == RULES_MAX || rules->opened_count == RULES_MAX)
            return -E2BIG;
        if (fd < 0) {
            fd = os_open_trusted(grants[i].path, O_PATH, 0);
            if (fd < 0)
                continue; /* not there: nothing to grant */
            rules->opened[rules->opened_count++] = fd;
        }
        rules->paths[rules->count++] = rule_of(&grants[i], fd);
    }
    return r;
}

/* Ports within a network of its own reach nobody else. */
static bool may_use_ports(const struct jail_work *w)
{
    return w->profile->command != NULL && w->profile->command->loopback && jail_is_in_own_root(w);
}

int jail_landlock_enter(struct jail_work *w)
{
    auto_done(rules) struct rules rules = {.count = 0};
    struct os_landlock want = {
        .files = true,
        .tcp_bind = true,
        .tcp_connect = !w->profile->connects_anywhere,
        .scopes = true,
        .connect_ports = w->profile->connect_ports,
        .connect_count = w->profile->port_count,
    };
    if (may_use_ports(w))
        want.tcp_bind = want.tcp_connect = false;
    int r = os_no_new_privs(); /* the kernel's condition */
    if (w->plan->is_granted_by_root) {
        if (r == 0)
            r = add_grants(w, &rules);
    } else {
        if (r == 0)
            r = add_mounts(w, &rules);
        if (r == 0)
            r = add_read_paths(w, &rules);
    }
    if (r < 0)
        return jail_because(w, r, "landlock: its rules cannot be made");
    want.paths = rules.paths;
    want.path_count = rules.count;
    if (os_landlock_abi() >= OS_LANDLOCK_ABI_SCOPES)
        (void)!os_landlock_scope_trial(&w->scope_trial_fd); /* without it the measurement says no */
    r = os_landlock_enter(&want);
    if (r == -EOPNOTSUPP || r == -ENOSYS)
        return jail_because(
            w, r,
            "landlock: this kernel has none, or not enough of it, or it is not in its lsm= list");
    return r < 0 ? jail_because(w, r, "landlock: refused by the kernel") : 0;
}

/* A port that no profile of ours names, so that connecting to it must be refused. */
static uint16_t forbidden_port(const struct jail_profile *p)
{
    uint16_t port = 1;
    for (size_t i = 0; i < p->port_count; i++) {
        if (p->connect_ports[i] == port) {
            port++;
            i = SIZE_MAX; /* look again from the start */
        }
    }
    return port;
}

bool jail_landlock_holds(struct jail_work *w)
{
    int abi = os_landlock_abi();
    const char *open_door = NULL;
    auto_close int trial = take_fd(&w->scope_trial_fd);
    bool has_root = w->plan->is_granted_by_root && jail_is_in_own_root(w);
    bool no_ports = abi >= OS_LANDLOCK_ABI_TCP && !may_use_ports(w);
    if (!has_root && !os_landlock_refuses_root())
        open_door = "a folder outside of the rules could be listed";
    else if (has_root && !os_landlock_refuses_random()) /* where "/" may be listed */
        open_door = "a file outside of the rules could be written";
    else if (no_ports && !os_landlock_refuses_bind())
        open_door = "a TCP port could be bound";
    else if (no_ports && !w->profile->connects_anywhere &&
             !os_landlock_refuses_connect(forbidden_port(w->profile)))
        open_door = "a TCP port outside of the rules could be connected to";
    else if (abi >= OS_LANDLOCK_ABI_SCOPES && (trial < 0 || !os_landlock_refuses_peer(trial)))
        open_door = "an abstract socket outside could be connected to";
    if (open_door != NULL) {
        (void)jail_because(w, 0, "landlock: %s", open_door);
        return false;
    }
    w->report->landlock_abi = abi;
    return true;
}
