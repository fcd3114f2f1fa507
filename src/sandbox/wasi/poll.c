/* poll_oneoff. Files and output are always ready, so what can really be waited for is the clock and
 * standard input; the wait also ends with the run. Subscriptions are copied in before events are written,
 * because a guest may give one piece of memory for both. */
#include "sandbox/wasi/inside.h"

#include "os/clock.h"
#include "os/file.h"

enum { SUB_SIZE = 48, EVENT_SIZE = 32, FEW = 16 };
enum { EVENT_CLOCK, EVENT_READ, EVENT_WRITE };
enum { CLOCK_ABSOLUTE = 1, EVENT_HANGUP = 1 };

struct sub {
    uint64_t userdata, bytes;
    int64_t due_ns; /* clocks: monotonic */
    uint16_t error, flags;
    uint8_t type;
    bool is_ready, is_stdin;
};

static int64_t due_of(const uint8_t *at, int64_t now, uint16_t *ret_error)
{
    uint32_t clock = get_u32(at + 16);
    uint64_t timeout = get_u64(at + 24);
    uint16_t flags = get_u16(at + 40);
    int64_t due = timeout > INT64_MAX ? INT64_MAX : (int64_t)timeout;
    *ret_error = 0;
    if (clock > 1 || (flags & ~CLOCK_ABSOLUTE) != 0) {
        /* A clock of processor time does not move while one waits. */
        *ret_error = (uint16_t)wasi_errno(clock == 2 || clock == 3 ? -EOPNOTSUPP : -EINVAL);
        return now;
    }
    if ((flags & CLOCK_ABSOLUTE) == 0)
        return i64_add(now, due, &due) ? due : INT64_MAX;
    if (clock == 1)
        return due;
    int64_t ahead = due == INT64_MAX
                        ? INT64_MAX
                        : due - os_now_real_ns(); /* steps of the clock meanwhile are not seen */
    return i64_add(now, ahead, &due) ? due : INT64_MAX;
}

static void read_fd_sub(struct wasi *w, const uint8_t *at, struct sub *s)
{
    struct fd *f;
    struct stat st;
    int r = fd_need(w, get_u32(at + 16), RIGHT_POLL_FD_READWRITE, &f);
    if (r == 0 && (f->kind == FD_DIR ||
                   (s->type == EVENT_READ) != (f->kind != FD_OUTPUT && f->kind != FD_FILE)))
        r = f->kind == FD_FILE ? 0 : -EBADF;
    if (r < 0) {
        s->error = (uint16_t)wasi_errno(r);
        s->is_ready = true;
        return;
    }
    s->is_stdin = f->kind == FD_STDIN && w->config.stdin_fd >= 0;
    s->is_ready = !s->is_stdin;
    if (f->kind == FD_STDIN && !s->is_stdin) {
        s->bytes = w->config.stdin_bytes.len - w->stdin_pos;
        s->flags = s->bytes == 0 ? EVENT_HANGUP : 0;
    } else if (f->kind == FD_FILE && s->type == EVENT_READ && os_stat_fd(f->host, &st) == 0) {
        s->bytes = st.st_size > f->pos ? (uint64_t)(st.st_size - f->pos) : 0;
    } else if (s->type == EVENT_WRITE) {
        s->bytes = WASI_CHUNK;
    }
}

static void read_sub(struct wasi *w, const uint8_t *at, int64_t now, struct sub *s)
{
    *s = (struct sub){.userdata = get_u64(at), .type = at[8], .due_ns = INT64_MAX};
    if (s->type == EVENT_CLOCK) {
        s->due_ns = due_of(at, now, &s->error);
        s->is_ready = s->error != 0;
    } else if (s->type == EVENT_READ || s->type == EVENT_WRITE) {
        read_fd_sub(w, at, s);
    } else {
        s->error = (uint16_t)wasi_errno(-EINVAL);
        s->is_ready = true;
    }
}

static void put_event(uint8_t *out, const struct sub *s)
{
    memset(out, 0, EVENT_SIZE);
    put_u64(out, s->userdata);
    put_u16(out + 8, s->error);
    put_u8(out + 10, s->type);
    if (s->type != EVENT_CLOCK && s->error == 0) {
        put_u64(out + 16, s->bytes);
        put_u16(out + 24, s->flags);
    }
}

/* Waits until one is ready; marks all that are. */
static int wait_for(struct wasi *w, struct sub *subs, uint32_t count)
{
    bool is_any_ready = false, is_stdin_asked = false;
    int64_t until = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        is_any_ready |= subs[i].is_ready;
        is_stdin_asked |= subs[i].is_stdin;
        until = subs[i].due_ns < until ? subs[i].due_ns : until;
    }
    struct os_fs_wait in = {.fd = is_stdin_asked ? w->config.stdin_fd : -1};
    int r = wasi_wait(w, &in, 1, is_any_ready ? 0 : until);
    if (r < 0)
        return r;
    int64_t now = os_now_mono_ns();
    for (uint32_t i = 0; i < count; i++) {
        struct sub *s = &subs[i];
        if (s->is_stdin && r == 0 && in.is_ready) {
            s->is_ready = true;
            s->bytes = (uint64_t)in.readable;
            s->flags = in.is_hung_up ? EVENT_HANGUP : 0;
        }
        s->is_ready |= s->type == EVENT_CLOCK && s->due_ns <= now;
    }
    return 0;
}

int call_poll_oneoff(struct wasi *w, struct wasi_memory m, wasi_args)
{
    struct sub few[FEW];
    uint32_t count = (uint32_t)a[2], events = 0;
    if (count == 0 || count > WASI_POLL_MAX)
        return -EINVAL;
    const uint8_t *in = guest_array(m, (uint32_t)a[0], count, SUB_SIZE);
    uint8_t *out = guest_array(m, (uint32_t)a[1], count, EVENT_SIZE);
    uint8_t *answer = guest_at(m, (uint32_t)a[3], 4);
    if (in == NULL || out == NULL || answer == NULL)
        return -EFAULT;
    auto_free struct sub *many = count > FEW ? calloc(count, sizeof(*many)) : NULL;
    struct sub *subs = count > FEW ? many : few;
    if (subs == NULL)
        return -ENOMEM;
    int64_t now = os_now_mono_ns();
    for (uint32_t i = 0; i < count; i++)
        read_sub(w, in + (size_t)i * SUB_SIZE, now, &subs[i]);
    int r = wait_for(w, subs, count);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < count; i++)
        if (subs[i].is_ready)
            put_event(out + (size_t)events++ * EVENT_SIZE, &subs[i]);
    put_u32(answer, events);
    return 0;
}
