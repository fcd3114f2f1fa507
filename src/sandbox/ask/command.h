/* The monitor's side of a native command: its keeper is started with the folders it may see, the pipes are read and written
 * here, and our own clock ends it when the keeper does not. One command, one keeper: nothing is left to be reused. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "sandbox/run/limits.h"
#include "sandbox/run/run.h"

struct os_loop;
struct sandbox_command; /* opaque */

struct sandbox_command_config {
    const char *program; /* path of boxagnts-jail */
    const struct sandbox_mount *mounts;
    size_t mount_count;
    bool read_only;          /* all of them, whatever they say */
    const char *const *argv; /* argv[0] is found in PATH of env when it has no slash */
    size_t argc;
    const char *const
        *env; /* NAME=VALUE; on top of what every command gets (PATH, HOME, TMPDIR, LANG) */
    size_t env_count;
    const char *cwd; /* as tools see it: "/" is the work folder, "/src" a folder in it */
    struct sandbox_limits limits;
    bool loopback;
    bool
        proxy; /* the way out: variables that name it, and sandbox_command_listener() to give to egress */
    struct str stdin_bytes; /* borrowed until the end; used when stdin_fd is -1 */
    int stdin_fd;           /* borrowed; read by us, never given to the command */
    uint32_t required_facets;
};

/* Where a mount is seen by a native command: a mount at "/" under its own name on the host, because "/" is the system's;
 * every other where it says. -FAULT_CONFIG with a sentence when that is a place of the system. */
must_use int sandbox_command_place(const struct sandbox_mount *m, const char **ret,
                                   struct fault *reterr);

typedef void (*sandbox_command_output_fn)(int stream, struct str bytes, void *arg);
typedef void (*sandbox_command_done_fn)(struct sandbox_outcome *outcome /* borrowed */, void *arg);
/* Starts it and waits until it stands in its jail (10 s). on_output NULL: collected, head and tail. on_done comes once, from
 * the loop. -FAULT_SANDBOX when the jail cannot be built; -FAULT_CONFIG, -FAULT_USAGE. */
must_use int sandbox_command_start(const struct sandbox_command_config *config,
                                   struct os_loop *loop, sandbox_command_output_fn on_output,
                                   sandbox_command_done_fn on_done, void *arg,
                                   own struct sandbox_command **ret, struct fault *reterr);
/* As measured; borrowed. */
const json_t *sandbox_command_confinement(const struct sandbox_command *c);
/* own, once: the proxy's listener in the command's network; -1 = it has none. */
int sandbox_command_listener(struct sandbox_command *c);
void sandbox_command_cancel(
    struct sandbox_command *c); /* asks; kills after 50 ms; on_done still comes */
/* Ends it at once: on_done comes from within, as SANDBOX_CANCEL. For when no loop follows. */
void sandbox_command_kill(struct sandbox_command *c);
void sandbox_command_free(own struct sandbox_command *c); /* kills it, without a word */
DEFINE_FREEP(sandbox_command, struct sandbox_command);
