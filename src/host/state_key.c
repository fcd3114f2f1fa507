/* The two keys of an installation, each 32 random bytes in a private file under keys/:
 *   install.key  seals what only this installation checks again: the journal's head, cached code
 *   sign.key     Ed25519; signs what others check with the public key (docs/receipts.md)
 * They are two because they are lost differently. Without install.key the head in the store cannot be
 * told from a forged one, so a store that was used with it refuses to go on. Without sign.key nothing
 * in the store is in doubt: a new one is made, and who knew the old public key sees a foreign one.
 * A key never leaves this process and is never printed. */
#include "host/state_private.h"

#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/random.h"

#include <errno.h>

_Static_assert(STATE_KEY_SIZE == SIGN_SEED_SIZE, "both keys are files of one size");

struct key_file {
    const char *name, *without;
    bool is_bound; /* a store that was used with it needs this very key */
};
static const struct key_file install_key = {
    "install.key", "without it the journal's head cannot be checked", true};
static const struct key_file sign_key = {
    "sign.key", "or move it away: a new one is made, and who knows the old public key is told",
    false};

static int read_key(const struct state *s, int keys_fd, const struct key_file *file, uint8_t *ret,
                    struct fault *reterr)
{
    struct buf bytes;
    struct stat st;
    buf_init(&bytes, STATE_KEY_SIZE + 1);
    int r = os_stat_at(keys_fd, file->name, &st);
    if (r < 0)
        return r; /* -ENOENT is for the caller */
    r = os_read_file_at(keys_fd, file->name, &bytes);
    if ((r == 0 || r == -FAULT_CAP) &&
        (bytes.len != STATE_KEY_SIZE || (st.st_mode & 077) != 0 || st.st_uid != os_uid())) {
        r = fault_set(reterr, FAULT_CORRUPT, "%s/keys/%s is not a private file of %d bytes", s->dir,
                      file->name, STATE_KEY_SIZE);
        fault_next(reterr, "put the right file back from a copy; %s", file->without);
    } else if (r < 0) {
        r = fault_sys(reterr, -r, "cannot read %s/keys/%s", s->dir, file->name);
    } else {
        memcpy(ret, bytes.at, STATE_KEY_SIZE);
    }
    if (bytes.at != NULL)
        base_wipe(bytes.at, bytes.len);
    buf_done(&bytes);
    return r;
}

static int make_key(const struct state *s, int keys_fd, const struct key_file *file,
                    struct fault *reterr)
{
    uint8_t key[STATE_KEY_SIZE];
    os_random(key, sizeof(key));
    int r = os_write_file_at(keys_fd, file->name, (struct str){(const char *)key, sizeof(key)},
                             0600, true);
    base_wipe(key, sizeof(key));
    return r < 0 ? state_cannot_make(-r, s->dir, reterr) : 0;
}

/* A store with rows and no key: somebody took the key away. A new one would hide that. */
static int may_make_key(struct state *s, const struct key_file *file, struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    if (!file->is_bound)
        return 0;
    int r = store_query(s->store, "SELECT count(*) FROM head", &q, reterr);
    if (r == 0)
        r = store_next(q, reterr);
    if (r < 0)
        return r;
    if (store_i64(q, 0) == 0)
        return 0;
    r = fault_set(reterr, FAULT_CORRUPT, "%s/keys/%s is missing, but the store was used with it",
                  s->dir, file->name);
    fault_next(reterr, "put it back from a copy, or move %s away to start anew", s->dir);
    return r;
}

static int make_first_key(struct state *s, int keys_fd, const struct key_file *file, uint8_t *ret,
                          struct fault *reterr)
{
    int r = os_sweep_temporary(keys_fd); /* of a process that was killed right here */
    if (r < 0)
        return state_cannot_make(-r, s->dir, reterr);
    r = may_make_key(s, file, reterr);
    if (r == 0)
        r = make_key(s, keys_fd, file, reterr);
    return r == 0 ? read_key(s, keys_fd, file, ret, reterr) : r;
}

/* First use by several processes at once: the store's write lock decides who makes the key, and the
 * file appears whole (rename), so everybody reads the same one. */
static int load_key(struct state *s, int keys_fd, const struct key_file *file, uint8_t *ret,
                    struct fault *reterr)
{
    int r = read_key(s, keys_fd, file, ret, reterr);
    if (r != -ENOENT)
        return r;
    r = store_begin(s->store, STORE_LIGHT, reterr);
    if (r < 0)
        return r;
    r = read_key(s, keys_fd, file, ret, reterr);
    if (r == -ENOENT) /* still: nobody was first */
        r = make_first_key(s, keys_fd, file, ret, reterr);
    store_rollback(s->store);
    return r;
}

int state_load_keys(struct state *s, struct fault *reterr)
{
    auto_close int keys_fd = -1;
    int r = state_sub_dir(s->dir_fd, "keys", true, &keys_fd);
    if (r < 0)
        return state_cannot_make(-r, s->dir, reterr);
    r = load_key(s, keys_fd, &install_key, s->key, reterr);
    return r == 0 ? load_key(s, keys_fd, &sign_key, s->seed, reterr) : r;
}

void state_public_key(const struct state *s, uint8_t ret[SIGN_PUBLIC_SIZE])
{
    sign_public_key(s->seed, ret);
}
