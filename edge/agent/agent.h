/* The agent program: the query layer in a process of its own. It reads what models say; it has no
 * files, no network, no keys, and one channel to the monitor. */
#pragma once

/* fd 3 is the channel. Returns the exit code; the monitor goes by frames, not by it. */
int agent_main(int argc, char **argv);
