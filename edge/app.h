/* What every command that touches the sandbox needs: the work folder held open, the settings of all
 * layers with the command line on top, the mounts, the state folder, the tools. Built once per process
 * from the options; after that nothing looks at the command line again. */
#pragma once

#include "edge/options.h"
#include "host/codecache.h"
#include "host/state.h"
#include "sandbox/run/run.h"
#include "tools/registry.h"
#include "tools/settings.h"

enum {
    OPT_HELP = 1,
    OPT_JSON,
    OPT_WORK_DIR,
    OPT_MAP_DIRS,
    OPT_ENV_VARS,
    OPT_SETTINGS,
    OPT_PERMISSION_MODE,
    OPT_YES_TO,
    OPT_ALLOW,
    OPT_DENY,
    OPT_RECEIPT,
    OPT_MODEL,
    OPT_OUTPUT,
    OPT_MAX_TURNS,
    OPT_MAX_TOOL_CALLS,
    OPT_BUDGET,
    OPT_TIMEOUT,
    OPT_ALLOWED_HOSTS,
    OPT_BLOCK_NETWORKS,
    OPT_BLOCK_URL,
    OPT_FORCE,
    OPT_DRY_RUN,
    OPT_LAST,
    OPT_STAT,
    OPT_RAW,
    OPT_SESSION,
    OPT_LIMIT_ROWS,
    OPT_LANG,
    OPT_TOOLS,
    OPT_FILE,
    OPT_MAX_TOKENS,
    OPT_KEY,
    OPT_SEEN,
    OPT_NONCE,
    OPT_PEM,
    OPT_LOOPBACK,
    OPT_READ_ONLY,
    OPT_CWD,
    OPT_WITH_PARENT,
    OPT_APPROVALS,
    OPT_LIMIT = 1000, /* + index into sandbox_limit_rows */
};

extern const struct option_row options_common[];  /* --help, --json */
extern const struct option_row options_sandbox[]; /* --work-dir, --map-dirs, ... */
extern const struct option_row options_policy[];  /* --permission-mode, --yes-to, --settings */
const struct option_row *
options_limits(unsigned of); /* one flag per row of the limits table that is LIMITS_OF_* */

struct app {
    char *work_dir;            /* own; real path */
    int work_dir_fd;           /* own */
    struct settings *settings; /* own */
    struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
    size_t mount_count;
    struct state *state;           /* own */
    struct codecache *cache;       /* own */
    struct registry *registry;     /* own */
    int tools_notify_fd;           /* own; what changed in its folders: edge/tool_watch.h */
    struct tool_index *tool_index; /* own; NULL = no state folder was opened */
    char *own_tools;               /* own; the person's folder of tools; NULL = no home */
    char *bin_dir;                 /* own; where our programs are */
    char *worker_program, *compile_program, *agent_program, *egress_program,
        *jail_program; /* own */
    bool json;
};

/* What app_open() is to prepare. */
enum { APP_MOUNTS = 1, APP_STATE = 2, APP_TOOLS = 4 };

/* -FAULT_USAGE / -FAULT_CONFIG with a sentence. On failure app_done() still frees. */
must_use int app_open(struct app *a, const struct parsed *p, unsigned needs, struct fault *reterr);
void app_done(struct app *a);

/* Whether the environment of the settings, and these arguments with it, fit a call: -FAULT_USAGE says what does not. */
must_use int app_check_arguments(const struct app *a, const char *const *argv, size_t argc,
                                 struct fault *reterr);
/* The mounts in the words of the tool layer (borrowed strings). */
size_t app_effect_mounts(const struct app *a, struct effect_mount *ret, size_t max);
/* The mount that holds a normalised guest path, and what is left of the path beneath it (""= the mount itself); NULL = none. */
const struct sandbox_mount *app_mount_of(const struct app *a, const char *path,
                                         const char **ret_rest);
/* Starts a worker with this app's mounts and required facets, and the engine-wide values of the
 * settings; only the stack is the caller's to say, and for which agent it is. undo_root_fd: borrowed, -1 = none. Faults as
 * sandbox_worker_new(). */
struct sandbox_worker; /* sandbox/ask/worker.h */
must_use int app_start_worker(const struct app *a, const char *agent, int undo_root_fd,
                              int64_t stack_max, own struct sandbox_worker **ret,
                              struct fault *reterr);
/* What a call is about, in one word for people: its path, pattern, url, else its first text argument. Borrowed, never NULL. */
const char *app_call_target(const json_t *input);
/* A JSON value as one line (or indented for a person) on stdout. */
int app_print_json(const json_t *value);
/* The talk of all commands: one sentence on stderr, and what to try. */
void app_complain(const struct fault *f);
void app_note(const char *text);
