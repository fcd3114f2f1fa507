/* Ending with the parent, where that is what the person meant. */
#pragma once

#include "base/base.h"

/* From now on the end of the parent process is a SIGHUP to this one (SIGTERM when SIGHUP is ignored). Not of one that was
 * started to outlive it, unless `always`: with SIGHUP ignored (nohup), as the leader of a session (setsid, a service
 * manager), with SIGINT ignored or in a process group of its own that is not the terminal's foreground (a job in the
 * background, whose shell says itself what becomes of it). Once per process; -errno. */
must_use int os_follow_parent(bool always);
