/* One run from its start to its end: its state, its stops and waits, its quotas. The start makes no
 * system call and few small allocations; all else is made when it is first needed. */
#include "sandbox/wasi/inside.h"

#include "os/clock.h"
#include "os/fd.h"

#include <stdio.h>

enum { FDS_AT_FIRST = 8, POLL_STEP_MS = 20 };

/* --- start and end --- */

static bool is_normal(const char *guest)
{
    if (guest == NULL || guest[0] != '/')
        return false;
    if (guest[1] == '\0')
        return true;
    for (const char *at = guest; *at == '/';) {
        size_t len = strcspn(++at, "/");
        if (len == 0 || len > 255 || (len == 1 && at[0] == '.') ||
            (len == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += len;
    }
    return strlen(guest) < WASI_PATH_MAX && utf8_valid(str_of(guest));
}

static int add_up(const char *const *list, size_t count, size_t *ret)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i] == NULL || !size_add(sum, strlen(list[i]) + 1, &sum) ||
            sum > WASI_ARGS_BYTES_MAX)
            return list[i] == NULL ? -EINVAL : -E2BIG;
    *ret = sum;
    return 0;
}

static int add_mounts(struct wasi *w, const struct wasi_config *c)
{
    for (size_t i = 0; i < c->mount_count; i++) {
        const struct wasi_mount *from = &c->mounts[i];
        if (!is_normal(from->guest))
            return -EINVAL;
        const char *real = from->guest[1] == '\0' ? "" : from->guest;
        w->mounts[i] = (struct mount){.real = real,
                                      .real_len = strlen(real),
                                      .dir_fd = from->dir_fd,
                                      .writable = from->writable};
        for (size_t k = 0; k < i; k++) {
            struct mount *a = &w->mounts[i], *b = &w->mounts[k];
            if (a->real_len == b->real_len && memcmp(a->real, b->real, a->real_len) == 0)
                return -EINVAL;
            a->has_inner |= real_is_beneath(b->real, a->real);
            b->has_inner |= real_is_beneath(a->real, b->real);
        }
    }
    w->mount_count = c->mount_count;
    return 0;
}

static int add_preopens(struct wasi *w)
{
    const uint64_t stdio =
        RIGHT_FD_FDSTAT_SET_FLAGS | RIGHT_FD_FILESTAT_GET | RIGHT_POLL_FD_READWRITE;
    w->fds[0] = (struct fd){.kind = FD_STDIN, .host = -1, .rights = stdio | RIGHT_FD_READ};
    w->fds[1] =
        (struct fd){.kind = FD_OUTPUT, .output = 1, .host = -1, .rights = stdio | RIGHT_FD_WRITE};
    w->fds[2] = w->fds[1];
    w->fds[2].output = 2;
    for (size_t i = 0; i < w->mount_count; i++) {
        char *real = strdup(w->mounts[i].real);
        if (real == NULL)
            return -ENOMEM;
        /* Rights name what preview 1 allows at all; a read-only mount answers EROFS, not ENOTCAPABLE. */
        w->fds[3 + i] = (struct fd){.kind = FD_DIR,
                                    .filetype = FT_DIR,
                                    .is_preopen = true,
                                    .mount = (uint16_t)i,
                                    .host = w->mounts[i].dir_fd,
                                    .real = real,
                                    .rights = RIGHTS_DIR,
                                    .inheriting = RIGHTS_DIR | RIGHTS_FILE};
    }
    w->fd_lowest = 3 + (uint32_t)w->mount_count;
    return 0;
}

int wasi_new(const struct wasi_config *c, struct wasi **ret)
{
    size_t args_bytes, env_bytes;
    if (c->mount_count > WASI_MOUNTS_MAX)
        return -E2BIG;
    int r = add_up(c->argv, c->argc, &args_bytes);
    if (r == 0)
        r = add_up(c->env, c->env_count, &env_bytes);
    if (r < 0)
        return r;
    if (args_bytes + env_bytes > WASI_ARGS_BYTES_MAX)
        return -E2BIG;
    size_t fd_cap = 3 + c->mount_count + FDS_AT_FIRST;
    size_t fds_size = fd_cap * sizeof(struct fd);
    auto_(wasi) struct wasi *w =
        calloc(1, sizeof(*w) + fds_size + c->mount_count * sizeof(struct mount));
    if (w == NULL)
        return -ENOMEM;
    w->config = *c;
    w->config.mounts = NULL;
    w->args_bytes = args_bytes;
    w->env_bytes = env_bytes;
    w->undo_log_fd = -1;
    w->fds = w->inline_fds;
    w->fd_cap = (uint32_t)fd_cap;
    w->mounts = (struct mount *)(void *)((char *)w->inline_fds + fds_size);
    r = add_mounts(w, c);
    if (r == 0)
        r = add_preopens(w);
    if (r < 0)
        return r;
    *ret = take(w);
    return 0;
}
static_assert(sizeof(struct fd) % _Alignof(struct mount) == 0, "mounts lie behind the fds");

void wasi_end(struct wasi *w, bool commit)
{
    if (w == NULL || w->is_ended)
        return;
    w->is_ended = true;
    /* Landing is the host's work, done after the guest: a stop that the guest met does not end it. */
    enum wasi_stop stop = w->stop;
    w->stop = 0;
    for (uint32_t i = 0; i < w->fd_cap; i++)
        if (w->fds[i].kind != FD_FREE)
            (void)fd_drop(w, &w->fds[i], commit);
    os_close(w->undo_log_fd);
    w->undo_log_fd = -1;
    w->stop = stop;
}

void wasi_free(struct wasi *w)
{
    if (w == NULL)
        return;
    wasi_end(w, false);
    for (size_t i = 0; i < w->touch_count; i++) {
        free(w->touches[i].path);
        free(w->touches[i].path_to);
    }
    for (size_t i = 0; i < w->refusal_count; i++)
        free(w->refusals[i].target);
    free(w->touches);
    free(w->touch_index);
    free(w->refusals);
    free(w->settled.slots);
    if (w->fds != w->inline_fds)
        free(w->fds);
    free(w);
}

/* --- stops and waits --- */

int wasi_stop_now(struct wasi *w, enum wasi_stop how)
{
    if (w->stop == 0)
        w->stop = how;
    return -WASI_STOPPED;
}

static bool is_cancelled(struct wasi *w)
{
    return w->config.is_cancelled != NULL && w->config.is_cancelled(w->config.arg);
}

int wasi_stop_check(struct wasi *w)
{
    struct os_fs_wait cancel = {.fd = w->config.cancel_fd};
    if (w->is_ended) /* landing at the end */
        return 0;
    if (w->stop != 0)
        return -WASI_STOPPED;
    if (os_now_mono_ns() >= w->config.deadline_ns)
        return wasi_stop_now(w, WASI_STOP_DEADLINE);
    if (is_cancelled(w))
        return wasi_stop_now(w, WASI_STOP_CANCEL);
    if (w->config.cancel_fd >= 0 && os_fs_wait(&cancel, 1, 0) == 0 && cancel.is_ready)
        return wasi_stop_now(w, WASI_STOP_CANCEL);
    return 0;
}

int wasi_wait(struct wasi *w, struct os_fs_wait *items, size_t count, int64_t until_ns)
{
    struct os_fs_wait all[OS_FS_WAIT_MAX];
    must(count < OS_FS_WAIT_MAX);
    for (;;) {
        int64_t end = until_ns < w->config.deadline_ns ? until_ns : w->config.deadline_ns;
        if (w->config.is_cancelled != NULL && w->config.cancel_fd < 0) {
            int64_t step = os_now_mono_ns() + POLL_STEP_MS * OS_NS_PER_MS;
            end = end < step ? end : step;
        }
        for (size_t i = 0; i < count; i++)
            all[i] = items[i];
        all[count] = (struct os_fs_wait){.fd = w->config.cancel_fd};
        int r = os_fs_wait(all, count + 1, end);
        if (r < 0)
            return r;
        if (r == 0 && all[count].is_ready)
            return wasi_stop_now(w, WASI_STOP_CANCEL);
        if (is_cancelled(w))
            return wasi_stop_now(w, WASI_STOP_CANCEL);
        for (size_t i = 0; i < count; i++)
            items[i] = all[i];
        if (r == 0)
            return 0;
        int64_t now = os_now_mono_ns();
        if (now >= w->config.deadline_ns)
            return wasi_stop_now(w, WASI_STOP_DEADLINE);
        if (now >= until_ns)
            return 1;
    }
}

/* --- quotas --- */

int quota_note(struct wasi *w, enum limit_bit bit, int r)
{
    static const struct {
        enum limit_bit bit;
        const char *key;
    } rows[] = {
        {HIT_WRITE, "max_write_bytes"},     {HIT_OPEN, "max_open_files"},
        {HIT_CREATED, "max_created_files"}, {HIT_OUTPUT, "max_output_bytes"},
        {HIT_ENTRIES, "max_dir_entries"},
    };
    size_t len = 0;
    if ((w->limits_hit & (unsigned)bit) != 0)
        return r;
    w->limits_hit |= (unsigned)bit;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((w->limits_hit & (unsigned)rows[i].bit) == 0)
            continue;
        int n = snprintf(w->limits_text + len, sizeof(w->limits_text) - len, "%s%s",
                         len > 0 ? "," : "", rows[i].key);
        must(n > 0 && (size_t)n < sizeof(w->limits_text) - len);
        len += (size_t)n;
    }
    return r;
}

int quota_write(struct wasi *w, int64_t gap, int64_t len, int64_t *ret_len)
{
    int64_t left = w->config.quota.write_bytes - w->use.written_bytes;
    if (left < 0)
        left = 0;
    if (gap > left || (len > 0 && gap == left))
        return quota_note(w, HIT_WRITE, -EDQUOT);
    if (len > left - gap) {
        (void)quota_note(w, HIT_WRITE, 0);
        len = left - gap;
    }
    *ret_len = len;
    return 0;
}

int quota_create(const struct wasi *w)
{
    return w->use.created_files >= w->config.quota.created_files ? -EDQUOT : 0;
}
