/* How many files, folders and links have been made in some folders since a moment: for who can set no quota. Cheap while little happens:
 * as long as the folders' file systems have not so many files more, nothing is looked at. Then the folders are walked in
 * pieces, and what was born since is counted. Its reader must trust nothing in there: names, depth and modes are a hostile process'
 * choice, which goes on making and removing meanwhile. */
#pragma once

#include "base/base.h"

struct os_created; /* opaque */
#define OS_CREATED_DEPTH_MAX 128

/* dir_fds: own, opened for reading; at most OS_CREATED_FOLDERS_MAX; max: the number that matters. The moment is now. */
#define OS_CREATED_FOLDERS_MAX 64
must_use int os_created_new(int *dir_fds, size_t count, uint64_t max, own struct os_created **ret);
void os_created_free(own struct os_created *c);
DEFINE_FREEP(os_created, struct os_created);

enum { OS_CREATED_FINE, OS_CREATED_TOO_MANY, OS_CREATED_HIDDEN };
/* Goes on for about budget_ns. FINE: not more than max, as far as was looked. TOO_MANY: *ret of them were found. HIDDEN: a folder that was made or
 * changed since is deeper than OS_CREATED_DEPTH_MAX or cannot be read. */
int os_created_look(struct os_created *c, int64_t budget_ns, uint64_t *ret);
