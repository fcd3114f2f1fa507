/* Environment of the process, identity, the few facts about the machine. Read once, early. */
#pragma once

#include "base/base.h"

#include <sys/types.h>

const char *os_env(const char *name); /* NULL when unset or empty; borrowed from the environment */
void os_env_wipe(
    const char *name);   /* what it said is overwritten in place and is empty from now on */
void os_env_clear(void); /* cleaned environment: nothing left */
uid_t os_uid(void);
gid_t os_gid(void);
pid_t os_pid(void);
must_use int os_self_dir(own char **ret); /* directory of the running program (real path) */
const char *os_home(void);                /* $HOME, else the password file; NULL when neither */
int os_cpu_count(void);
