/* Facet parent death: when the monitor ends in any way, so does this process. The spawner asked
 * for it before the exec; a change of credentials takes that back, so it is asked for again after
 * the last one, and then the peer is looked for, because a parent that ended in between sends no
 * signal any more. */
#include "os/caps.h"
#include "os/process.h"
#include "sandbox/jail/facets.h"

#include <errno.h>

int jail_parent_death_enter(struct jail_work *w)
{
    int r = os_die_with_parent(w->profile->channel_fd);
    if (r == -EPIPE)
        return jail_because(w, r, "parent death: the parent is gone already");
    return r < 0 ? jail_because(w, r, "parent death: refused by the kernel") : 0;
}

bool jail_parent_death_holds(struct jail_work *w unused_)
{
    return os_parent_death_signal() != 0;
}
