/* Privilege of this process: capabilities, no_new_privs, dumpability. */
#pragma once

#include "base/base.h"

/* All five sets as bit masks, and the securebits. */
struct os_caps {
    uint64_t effective, permitted, inheritable, bounding, ambient;
    unsigned securebits;
};
must_use int os_caps_read(struct os_caps *ret);
bool os_caps_has(uint64_t mask); /* all of them, effective */
/* Empties every set except for the bits of `keep` (which stay permitted and effective), and locks
 * the rules by which user 0 would get them back. What needs CAP_SETPCAP and is refused (the
 * bounding set of an ordinary user) is left: no_new_privs makes it worthless. 0 or -errno. */
must_use int os_caps_drop(uint64_t keep);
#define OS_CAP_SETFCAP (UINT64_C(1) << 31)
/* Tries something that needs CAP_SYS_ADMIN in the own namespaces and changes nothing either way. */
bool os_caps_can_administer(void);

must_use int os_no_new_privs(void);
bool os_has_no_new_privs(void);
must_use int os_dumpable_off(void);
bool os_is_dumpable(void);
int os_parent_death_signal(void); /* 0 = none */
