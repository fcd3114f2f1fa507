/* Where BoxAgnts keeps what it owns: $BOXAGNTS_STATE, else $XDG_STATE_HOME/boxagnts, else
 * ~/.local/state/boxagnts (0700): store.db, keys/, undo/<session>/; sealed code in
 * $XDG_CACHE_HOME/boxagnts. Opened once by the monitor; everything below is reached through its fds. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/sign.h"
#include "base/str.h"
#include "wire/json.h"

struct state; /* opaque */

/* Makes what is missing. A state folder that is not ours, is open to others, read-only or full: a
 * sentence with the path and what to do. */
must_use int state_open(own struct state **ret, struct fault *reterr);
void state_free(own struct state *s);
DEFINE_FREEP(state, struct state);
const char *state_dir(const struct state *s); /* for people */
const char *state_cache_dir(const struct state *s);
int state_dir_fd(const struct state *s);
/* Per-install key, made at first use (32 bytes, keys/install.key, 0600). Never printed. */
const uint8_t *state_install_key(const struct state *s);
/* The public half of the key that signs journal heads (keys/sign.key, 0600, made at first use). */
void state_public_key(const struct state *s, uint8_t ret[SIGN_PUBLIC_SIZE]);
struct store *state_store(struct state *s); /* the open database */

/* --- sessions --- */
#define SESSION_ID_SIZE 24 /* with NUL: "YYYYMMDD-HHMMSS-xxxxxx" */
struct session_row {
    char id[SESSION_ID_SIZE];
    char status[16]; /* running, done, failed, stopped, cancelled, lost */
    int64_t started_ns, ended_ns;
    int64_t cost_pico, budget_pico;
    int64_t calls, turns;
    char *work_dir, *model, *prompt; /* own */
};
void session_row_done(struct session_row *r);
/* Makes a session and takes its lock (an flock on undo/<session>/lock, gone with the process). */
must_use int session_begin(struct state *s, const char *work_dir, const char *model,
                           const char *prompt, int64_t budget_pico, char ret_id[SESSION_ID_SIZE],
                           int *ret_lock_fd, struct fault *reterr);
must_use int session_end(struct state *s, const char *id, const char *status, int64_t cost_pico,
                         int64_t calls, int64_t turns);
must_use int session_find(struct state *s, struct str id_or_prefix_or_last, struct session_row *ret,
                          struct fault *reterr);
must_use int session_each(struct state *s, size_t max,
                          int (*each)(const struct session_row *r, void *arg), void *arg);
/* Takes the lock of an existing session; -FAULT_BUSY names the process when another has it. */
must_use int session_lock(struct state *s, const char *id, int *ret_lock_fd, struct fault *reterr);
/* The same, and the session is "running" again. */
must_use int session_resume(struct state *s, const char *id, int *ret_lock_fd,
                            struct fault *reterr);
/* Forgets its row, money and undo data; its journal rows stay. -FAULT_BUSY while it runs. */
must_use int session_delete(struct state *s, const char *id, struct fault *reterr);
