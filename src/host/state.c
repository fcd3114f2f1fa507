/* The state folder: found, checked, made, opened. Everything BoxAgnts owns on disk is reached from
 * here, so here it is decided whether the folder can be trusted: it must belong to this user and be
 * open to nobody else. Must never loosen or repair a folder by itself: it says what to do. */
#include "host/state_private.h"

#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE_MAX = 4000, KEPT_SCRATCH = 1 << 20, ROW_SIZE_MAX = 16 << 20 };

int state_no_memory(struct fault *reterr)
{
    return fault_set(reterr, ENOMEM, "out of memory");
}

/* --- where --- */

static int path_printf(char **ret, struct fault *reterr, const char *fmt, ...) printf_like(3, 4);
static int path_printf(char **ret, struct fault *reterr, const char *fmt, ...)
{
    va_list args;
    char *path = NULL;
    va_start(args, fmt);
    int n = vasprintf(&path, fmt, args);
    va_end(args);
    if (n < 0)
        return state_no_memory(reterr);
    if (n > PATH_SIZE_MAX) {
        free(path);
        return fault_set(reterr, ENAMETOOLONG, "the path of the state folder is too long");
    }
    *ret = path;
    return 0;
}

/* An XDG variable counts only when it is absolute (its specification says to ignore it otherwise). */
static int find_dir(const char *own_variable, const char *xdg_variable, const char *below_home,
                    char **ret, struct fault *reterr)
{
    const char *value = own_variable ? os_env(own_variable) : NULL;
    if (value != NULL)
        return path_printf(ret, reterr, "%s", value);
    value = os_env(xdg_variable);
    if (value != NULL && value[0] == '/')
        return path_printf(ret, reterr, "%s/boxagnts", value);
    value = os_home();
    if (value == NULL) {
        int r = fault_set(reterr, FAULT_CONFIG,
                          "cannot tell where to keep state: there is no home folder");
        fault_next(reterr, "set BOXAGNTS_STATE to a folder of yours");
        return r;
    }
    return path_printf(ret, reterr, "%s/%s/boxagnts", value, below_home);
}

/* --- what is there --- */

int state_cannot_make(int err, const char *dir, struct fault *reterr)
{
    int r = fault_sys(reterr, err, "cannot make the state folder %s", dir);
    if (err == ENOSPC || err == EDQUOT)
        fault_next(reterr, "make room on its disk and try again");
    else
        fault_next(reterr, "set BOXAGNTS_STATE to a folder that this user can write to");
    return r;
}

static int check_dir(int fd, const char *dir, struct fault *reterr)
{
    struct stat st;
    int r = os_stat_fd(fd, &st);
    if (r < 0)
        return fault_sys(reterr, -r, "cannot look at the state folder %s", dir);
    if (st.st_uid != os_uid()) {
        r = fault_set(reterr, EPERM, "the state folder %s belongs to user %u, not to user %u", dir,
                      (unsigned)st.st_uid, (unsigned)os_uid());
        fault_next(reterr, "set BOXAGNTS_STATE to a folder of your own");
        return r;
    }
    if ((st.st_mode & 077) != 0) {
        r = fault_set(reterr, EPERM, "the state folder %s is open to other users (mode %04o)", dir,
                      (unsigned)st.st_mode & 07777);
        fault_next(reterr, "look at who changed that, then: chmod 700 %s", dir);
        return r;
    }
    return 0;
}

static int open_dir(struct state *s, struct fault *reterr)
{
    int r = os_mkdir_parents(s->dir, 0700);
    if (r < 0 && r != -EEXIST)
        return state_cannot_make(-r, s->dir, reterr);
    s->dir_fd = os_open_trusted(s->dir, O_RDONLY | O_DIRECTORY, 0);
    if (s->dir_fd < 0) {
        r = fault_sys(reterr, -s->dir_fd, "cannot open the state folder %s", s->dir);
        fault_next(reterr, "set BOXAGNTS_STATE to a folder that this user can write to");
        return r;
    }
    r = check_dir(s->dir_fd, s->dir, reterr);
    if (r < 0)
        return r;
    char *real = NULL;
    r = os_real_path(s->dir, &real);
    if (r < 0)
        return fault_sys(reterr, -r, "cannot resolve the state folder %s", s->dir);
    free(s->dir);
    s->dir = real;
    return 0;
}

int state_sub_dir(int dir_fd, const char *name, bool make, int *ret_fd)
{
    int fd = os_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    if (fd == -ENOENT && make) {
        int r = os_mkdir_at(dir_fd, name, 0700);
        if (r < 0)
            return r;
        fd = os_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    }
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

/* --- open and close --- */

static int open_store(struct state *s, struct fault *reterr)
{
    char *path = NULL;
    int r = path_printf(&path, reterr, "%s/store.db", s->dir);
    if (r == 0)
        r = store_open(path, state_steps, state_step_count, &s->store, reterr);
    free(path);
    return r;
}

static int open_parts(struct state *s, struct fault *reterr)
{
    int r = find_dir("BOXAGNTS_STATE", "XDG_STATE_HOME", ".local/state", &s->dir, reterr);
    if (r == 0)
        r = find_dir(NULL, "XDG_CACHE_HOME", ".cache", &s->cache_dir, reterr);
    if (r == 0)
        r = open_dir(s, reterr);
    if (r == 0)
        r = open_store(s, reterr);
    if (r == 0)
        r = state_load_keys(s, reterr);
    if (r < 0)
        return r;
    r = state_sub_dir(s->dir_fd, "undo", true, &s->undo_fd);
    if (r < 0)
        return state_cannot_make(-r, s->dir, reterr);
    return session_recover(s, reterr);
}

int state_open(struct state **ret, struct fault *reterr)
{
    auto_(state) struct state *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return state_no_memory(reterr);
    s->dir_fd = s->undo_fd = -1;
    buf_init(&s->body, ROW_SIZE_MAX);
    buf_init(&s->row, ROW_SIZE_MAX + (1 << 16));
    int r = open_parts(s, reterr);
    if (r < 0)
        return r;
    *ret = take(s);
    return 0;
}

void state_free(struct state *s)
{
    if (s == NULL)
        return;
    store_free(s->store);
    os_close(s->undo_fd);
    os_close(s->dir_fd);
    base_wipe(s->key, sizeof(s->key));
    base_wipe(s->seed, sizeof(s->seed));
    buf_done(&s->body);
    buf_done(&s->row);
    free(s->dir);
    free(s->cache_dir);
    free(s);
}

const char *state_dir(const struct state *s)
{
    return s->dir;
}

const char *state_cache_dir(const struct state *s)
{
    return s->cache_dir;
}

int state_dir_fd(const struct state *s)
{
    return s->dir_fd;
}

const uint8_t *state_install_key(const struct state *s)
{
    return s->key;
}

struct store *state_store(struct state *s)
{
    return s->store;
}

void state_safe_name(const char *id, char ret[STATE_NAME_SIZE])
{
    size_t len = strlen(id);
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    if (len > 0 && len <= 128 && id[0] != '.' &&
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len) {
        memcpy(ret, id, len + 1);
        return;
    }
    digest_sha256(id, len, &digest);
    digest_hex(&digest, hex);
    (void)snprintf(ret, STATE_NAME_SIZE, "x%s", hex);
}
