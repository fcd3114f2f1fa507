/* Reading and writing. The guest's list of buffers is copied in once and each buffer checked; bytes then
 * move straight between the guest's memory and the kernel (the guest stands still meanwhile), in chunks,
 * so that the end of the run is noticed between them. Positions are ours: nothing here depends on the
 * kernel's file position except an append (after which it is the new end). */
#include "sandbox/wasi/inside.h"

#include "os/file.h"

#include <unistd.h>

enum { ONE_CALL_MAX = 0x7fff0000 }; /* as Linux does: a longer call is answered short */

struct parts {
    struct iovec at[WASI_IOVECS_MAX];
    int count, first; /* [first, count) are still to do */
    size_t left;
    size_t cut; /* length of the last part of a slice before it was shortened */
    int cut_at; /* -1 = none */
};

static int parts_copy(struct wasi_memory m, uint32_t list, uint32_t count, struct parts *ret)
{
    if (count > WASI_IOVECS_MAX)
        return -EINVAL;
    const uint8_t *from = guest_array(m, list, count, 8);
    if (from == NULL)
        return -EFAULT;
    ret->count = ret->first = 0;
    ret->left = 0;
    ret->cut_at = -1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = get_u32(from + i * 8), len = get_u32(from + i * 8 + 4);
        uint8_t *bytes = guest_at(m, at, len);
        if (bytes == NULL)
            return -EFAULT;
        if (len > ONE_CALL_MAX - ret->left)
            len = (uint32_t)(ONE_CALL_MAX - ret->left);
        if (len == 0)
            continue;
        ret->at[ret->count++] = (struct iovec){.iov_base = bytes, .iov_len = len};
        ret->left += len;
    }
    return 0;
}

/* The next parts of at most max bytes: shortens the last one until parts_done(). Returns how many parts. */
static int parts_slice(struct parts *p, size_t max, size_t *ret_len)
{
    size_t len = 0;
    int i = p->first;
    for (; i < p->count && len < max; i++) {
        if (p->at[i].iov_len > max - len) {
            p->cut = p->at[i].iov_len;
            p->cut_at = i;
            p->at[i].iov_len = max - len;
        }
        len += p->at[i].iov_len;
    }
    *ret_len = len;
    return i - p->first;
}

static void parts_done(struct parts *p, size_t n)
{
    if (p->cut_at >= 0)
        p->at[p->cut_at].iov_len = p->cut;
    p->cut_at = -1;
    p->left -= n;
    while (n > 0) {
        struct iovec *part = &p->at[p->first];
        size_t step = n < part->iov_len ? n : part->iov_len;
        part->iov_base = (uint8_t *)part->iov_base + step;
        part->iov_len -= step;
        n -= step;
        if (part->iov_len == 0)
            p->first++;
    }
}

/* --- files --- */

static int read_file(struct wasi *w, struct fd *f, struct parts *p, int64_t offset, uint32_t *ret)
{
    size_t done = 0;
    *ret = 0;
    if (offset > INT64_MAX - (int64_t)p->left)
        return 0; /* behind every end; the kernel would call it an error */
    while (p->left > 0) {
        size_t len;
        int count = parts_slice(p, WASI_CHUNK, &len);
        ssize_t n = os_fs_preadv(f->host, &p->at[p->first], count, offset);
        parts_done(p, n > 0 ? (size_t)n : 0);
        if (n < 0 && done == 0)
            return (int)n;
        if (n <= 0)
            break;
        w->use.read_bytes += n;
        offset += n;
        done += (size_t)n;
        if ((size_t)n < len)
            break;
        int r = p->left > 0 ? wasi_stop_check(w) : 0;
        if (r < 0)
            return r;
    }
    *ret = (uint32_t)done;
    return 0;
}

/* Bytes of hole that a write at offset would make. The size is asked for only when the file may be
 * shorter than what is known of it. */
static int find_gap(struct wasi *w, struct fd *f, int64_t offset, int64_t *ret)
{
    if (offset > f->end || f->end_at != w->truncations) {
        struct stat st;
        int r = offset == 0 ? 0 : os_stat_fd(f->host, &st);
        if (r < 0)
            return r;
        f->end = offset == 0 ? 0 : st.st_size;
        f->end_at = w->truncations;
    }
    *ret = offset > f->end ? offset - f->end : 0;
    return 0;
}

/* One slice: quota, write, account. Returns bytes or -errno. */
static ssize_t write_slice(struct wasi *w, struct fd *f, struct parts *p, int64_t offset,
                           bool append)
{
    int64_t gap = 0, fits;
    size_t len = p->left < WASI_CHUNK ? p->left : WASI_CHUNK;
    int r = append ? 0 : find_gap(w, f, offset, &gap);
    if (r == 0)
        r = quota_write(w, gap, (int64_t)len, &fits);
    if (r < 0)
        return r;
    int count = parts_slice(p, (size_t)fits, &len);
    const struct iovec *at = &p->at[p->first];
    ssize_t n = 0;
    if (f->is_host_append != append) /* Linux would append what is written at an offset, too */
        n = os_fs_set_append(f->host, append);
    if (n == 0) {
        f->is_host_append = append;
        n = append ? os_fs_writev(f->host, at, count) : os_fs_pwritev(f->host, at, count, offset);
    }
    parts_done(p, n > 0 ? (size_t)n : 0);
    if (n > 0) {
        w->use.written_bytes += gap + n;
        if (!append && offset + n > f->end)
            f->end = offset + n;
    }
    return n;
}

static int write_file(struct wasi *w, struct fd *f, struct parts *p, int64_t offset, bool append,
                      uint32_t *ret)
{
    size_t done = 0;
    *ret = 0;
    if (p->left == 0)
        return 0;
    if (!append && offset > INT64_MAX - (int64_t)p->left)
        return -EFBIG;
    int r = undo_before_write(w, f);
    while (r == 0 && p->left > 0) {
        size_t want = p->left < WASI_CHUNK ? p->left : WASI_CHUNK;
        ssize_t n = write_slice(w, f, p, offset, append);
        if (n <= 0) {
            r = n < 0 ? (int)n : -EIO;
            if (r != -EDQUOT && r != -WASI_STOPPED)
                stage_spoil(f, r);
            break;
        }
        offset += n;
        done += (size_t)n;
        if ((size_t)n < want)
            break;
        if (p->left > 0)
            r = wasi_stop_check(w);
    }
    if (done > 0 && r != -WASI_STOPPED)
        r = 0;
    *ret = (uint32_t)done;
    return r;
}

/* --- standard streams --- */

static int read_stdin_bytes(struct wasi *w, struct parts *p, uint32_t *ret)
{
    struct str all = w->config.stdin_bytes;
    size_t start = w->stdin_pos;
    for (int i = 0; i < p->count; i++) {
        size_t n =
            all.len - w->stdin_pos < p->at[i].iov_len ? all.len - w->stdin_pos : p->at[i].iov_len;
        if (n > 0)
            memcpy(p->at[i].iov_base, all.at + w->stdin_pos, n);
        w->stdin_pos += n;
    }
    w->use.read_bytes += (int64_t)(w->stdin_pos - start);
    *ret = (uint32_t)(w->stdin_pos - start);
    return 0;
}

static int read_stdin(struct wasi *w, struct fd *f, struct parts *p, uint32_t *ret)
{
    *ret = 0;
    if (w->config.stdin_fd < 0)
        return read_stdin_bytes(w, p, ret);
    if (p->left == 0)
        return 0;
    size_t len;
    int count = parts_slice(p, WASI_CHUNK, &len);
    for (;;) {
        struct os_fs_wait in = {.fd = w->config.stdin_fd};
        bool may_wait = (f->flags & FDFLAG_NONBLOCK) == 0;
        int r = wasi_wait(w, &in, 1, may_wait ? INT64_MAX : 0);
        if (r != 0)
            return r < 0 ? r : -EAGAIN;
        ssize_t n = os_fs_readv_now(w->config.stdin_fd, p->at, count);
        if ((n == -EAGAIN && may_wait) || n == -EINTR)
            continue; /* another reader of this pipe was quicker */
        if (n < 0)
            return (int)n;
        w->use.read_bytes += n;
        *ret = (uint32_t)n;
        return 0;
    }
}

static int pass_on(struct wasi *w, const struct fd *f, const char *at, size_t len)
{
    int64_t left = w->config.quota.output_bytes - w->use.output_bytes;
    w->use.output_bytes += (int64_t)len;
    if (left < 0)
        left = 0;
    if ((int64_t)len > left) {
        (void)quota_note(w, HIT_OUTPUT, 0);
        if (!w->config.pass_all_output)
            len = (size_t)left;
    }
    if (len == 0 || w->config.on_output == NULL)
        return 0;
    int r = w->config.on_output(f->output, (struct str){at, len}, w->config.arg);
    return r < 0 ? wasi_stop_now(w, WASI_STOP_CANCEL) : 0;
}

static int write_output(struct wasi *w, const struct fd *f, struct parts *p, uint32_t *ret)
{
    size_t since_check = 0;
    *ret = (uint32_t)p->left;
    for (int i = 0; i < p->count; i++) {
        const char *at = p->at[i].iov_base;
        for (size_t left = p->at[i].iov_len; left > 0;) {
            size_t len = left < WASI_CHUNK ? left : WASI_CHUNK;
            int r = pass_on(w, f, at, len);
            if (r == 0 && (since_check += len) >= WASI_CHUNK) {
                since_check = 0;
                r = wasi_stop_check(w);
            }
            if (r < 0)
                return r;
            at += len;
            left -= len;
        }
    }
    return 0;
}

/* --- calls --- */

/* Rights come first, then the answer's place and the buffers: a call that fails has moved nothing. */
static int begin(struct wasi *w, struct wasi_memory m, const uint64_t *a, uint64_t right,
                 uint32_t answer_at, struct fd **ret_fd, struct parts *ret_parts,
                 uint8_t **ret_answer)
{
    int r = fd_need_file(w, a[0], right, ret_fd);
    if (r < 0)
        return r;
    *ret_answer = guest_at(m, answer_at, 4);
    if (*ret_answer == NULL)
        return -EFAULT;
    return parts_copy(m, (uint32_t)a[1], (uint32_t)a[2], ret_parts);
}

int call_fd_read(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    struct parts p not_cleared;
    uint8_t *answer;
    uint32_t n = 0;
    int r = begin(w, m, a, RIGHT_FD_READ, (uint32_t)a[3], &f, &p, &answer);
    if (r < 0)
        return r;
    r = f->kind == FD_STDIN ? read_stdin(w, f, &p, &n) : read_file(w, f, &p, f->pos, &n);
    if (r < 0)
        return r;
    if (f->kind == FD_FILE)
        f->pos += n;
    put_u32(answer, n);
    return 0;
}

int call_fd_write(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    struct parts p not_cleared;
    uint8_t *answer;
    uint32_t n = 0;
    int r = begin(w, m, a, RIGHT_FD_WRITE, (uint32_t)a[3], &f, &p, &answer);
    if (r < 0)
        return r;
    if (f->kind == FD_OUTPUT) {
        r = write_output(w, f, &p, &n);
    } else {
        bool append = (f->flags & FDFLAG_APPEND) != 0;
        r = write_file(w, f, &p, f->pos, append, &n);
        if (r == 0 && append && n > 0)
            r = os_fs_seek(f->host, 0, SEEK_CUR, &f->pos); /* behind what was appended */
        else if (r == 0)
            f->pos += n;
    }
    if (r == 0)
        put_u32(answer, n);
    return r;
}

static int need_position(const struct fd *f, uint64_t offset)
{
    if (f->kind != FD_FILE)
        return -ESPIPE;
    return offset > INT64_MAX ? -EINVAL : 0;
}

/* The positional pair needs the right to seek too, as preview 1 says. */
int call_fd_pread(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    struct parts p not_cleared;
    uint8_t *answer;
    uint32_t n;
    int r = begin(w, m, a, RIGHT_FD_READ, (uint32_t)a[4], &f, &p, &answer);
    if (r == 0)
        r = need_position(f, a[3]);
    if (r == 0 && (f->rights & RIGHT_FD_SEEK) == 0)
        r = -WASI_NOTCAPABLE;
    if (r == 0)
        r = read_file(w, f, &p, (int64_t)a[3], &n);
    if (r == 0)
        put_u32(answer, n);
    return r;
}

/* At the offset that was asked for, also with APPEND: as POSIX says (Linux would append). */
int call_fd_pwrite(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct fd *f;
    struct parts p not_cleared;
    uint8_t *answer;
    uint32_t n;
    int r = begin(w, m, a, RIGHT_FD_WRITE, (uint32_t)a[4], &f, &p, &answer);
    if (r == 0)
        r = need_position(f, a[3]);
    if (r == 0 && (f->rights & RIGHT_FD_SEEK) == 0)
        r = -WASI_NOTCAPABLE;
    if (r == 0)
        r = write_file(w, f, &p, (int64_t)a[3], false, &n);
    if (r == 0)
        put_u32(answer, n);
    return r;
}
