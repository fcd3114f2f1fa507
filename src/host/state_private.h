/* What the files of state, journal, ledger and undo share. Not a face. */
#pragma once

#include "base/buf.h"
#include "base/digest.h"
#include "base/sign.h"
#include "host/state.h"
#include "store/store.h"

enum { STATE_KEY_SIZE = 32, STATE_NAME_SIZE = 136 };

struct state {
    char *dir, *cache_dir;
    int dir_fd, undo_fd;          /* own */
    uint8_t key[STATE_KEY_SIZE];  /* seals and MACs: nobody else can check them */
    uint8_t seed[SIGN_SEED_SIZE]; /* signs: everybody can check */
    struct store *store;
    struct buf body, row; /* the journal's scratch; kept so that a row costs no allocation */
    /* Newest order number given to an undo folder of undo_session in this process. */
    char undo_session[SESSION_ID_SIZE];
    int64_t undo_order;
};

extern const struct store_step state_steps[];
extern const size_t state_step_count;

/* Stops a second writer of the same thing: "another process..." */
must_use int state_no_memory(struct fault *reterr);
must_use int state_cannot_make(int err, const char *dir, struct fault *reterr);
/* keys/install.key and keys/sign.key, made at first use. The store is open. */
must_use int state_load_keys(struct state *s, struct fault *reterr);

/* A name that is safe as one file name, made from an id that may have come from outside: ids of
 * letters, digits, '-', '_' and '.' (not first) stay themselves, others become "x" and a hash. */
void state_safe_name(const char *id, char ret[STATE_NAME_SIZE]);

/* undo/<session>/ and its parts; each fd is own. Made when missing if `make`. */
must_use int state_session_dir(struct state *s, const char *session, bool make, int *ret_fd,
                               struct fault *reterr);
must_use int state_sub_dir(int dir_fd, const char *name, bool make, int *ret_fd);

/* Marks sessions whose process is gone as lost and settles their money. At open, in one transaction. */
must_use int session_recover(struct state *s, struct fault *reterr);
