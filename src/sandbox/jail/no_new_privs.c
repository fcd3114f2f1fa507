/* Facet no_new_privs: no exec gives this process or its children more than they have. It is also
 * what lets an ordinary user take on Landlock and a filter. */
#include "os/caps.h"
#include "sandbox/jail/facets.h"

int jail_no_new_privs_enter(struct jail_work *w)
{
    int r = os_no_new_privs();
    return r < 0 ? jail_because(w, r, "no_new_privs: refused by the kernel") : 0;
}

bool jail_no_new_privs_holds(struct jail_work *w unused_)
{
    return os_has_no_new_privs();
}
