/* The first process of a hook's own pid namespace: starts the hook and ends with it, and with it whatever the hook left running. It is
 * this program again, under another name, because the kernel then does the cleaning up. */
#pragma once

#define HOOK_RUNNER_NAME "boxagnts-hook"

/* argv: HOOK_RUNNER_NAME, user, group, folder, then the hook's words. Its stdin, stdout and stderr are the hook's. Exit code: the
 * hook's; 128 and its signal; 126, 127 when it cannot be run. */
int hook_runner_main(int argc, char **argv);
