/* The worker program: its options, its lockdown, and serving one run after the other. */
#pragma once

#define WORKER_CHANNEL_FD 3
#define WORKER_FIRST_MOUNT_FD 4

/* Returns the exit code: 0 the monitor is gone or asked nothing more, 7 the jail cannot be built, 2 bad options,
 * 1 anything else. Faults are told on the channel first. */
int worker_main(int argc, char **argv);
