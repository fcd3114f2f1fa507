/* What a native command sees (root.c), for the profiles of its keeper and of itself. */
#pragma once

#include "sandbox/jail/jail.h"

extern const struct jail_root keeper_root;
