/* Facet capabilities: none in any set, and no way by which user 0 would get them back.
 *
 * One exception, argued here: a monitor that runs as root keeps CAP_SETFCAP. The kernel lets a
 * new user namespace map user 0 only if its maker held that capability, so without it a root
 * operator would get no namespaces for the workers at all. It allows to attach file capabilities,
 * which no_new_privs makes worthless for everything the monitor starts. */
#include "os/caps.h"
#include "os/env.h"
#include "sandbox/jail/facets.h"

static uint64_t kept(const struct jail_work *w)
{
    return w->profile->program == JAIL_MONITOR && os_uid() == 0 ? OS_CAP_SETFCAP : 0;
}

int jail_capabilities_enter(struct jail_work *w)
{
    int r = os_caps_drop(kept(w));
    return r < 0 ? jail_because(w, r, "capabilities: cannot be dropped") : 0;
}

bool jail_capabilities_hold(struct jail_work *w)
{
    struct os_caps caps;
    uint64_t keep = kept(w);
    if (os_caps_read(&caps) < 0)
        return false;
    bool is_empty =
        ((caps.effective | caps.permitted) & ~keep) == 0 && (caps.inheritable | caps.ambient) == 0;
    /* An ordinary user cannot empty the bounding set, and need not: it only bounds what an exec
     * could give, and under no_new_privs that is nothing. */
    bool is_bounded = (caps.bounding & ~keep) == 0 || os_has_no_new_privs();
    if (!is_empty || !is_bounded)
        (void)jail_because(w, 0, "capabilities: some are left");
    else if (os_caps_can_administer())
        (void)jail_because(w, 0, "capabilities: the host name could still be set");
    else
        return true;
    return false;
}
