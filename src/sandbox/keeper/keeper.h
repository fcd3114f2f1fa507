/* boxagnts-jail: the first process of the namespaces in which one native command lives. It takes its order from its
 * arguments (order.h), builds the jail, starts the command in it, counts what the command and all its descendants use,
 * ends them, and says how it ended. It never reads anything that the command wrote but the kernel's own tables. */
#pragma once

#define KEEPER_CHANNEL_FD 3
#define KEEPER_MOUNT_FD 4 /* the first one; in the order of the arguments */

int keeper_main(int argc, char **argv);
