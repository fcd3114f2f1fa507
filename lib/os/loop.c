/* The event loop: epoll for descriptors, a heap for timers (the wait itself is bounded by the earliest
 * one, so that moving a timer costs no system call), signalfd for signals. Single-threaded.
 *
 * A watch is live, then freed; a freed watch is never called again. Its memory is kept until the
 * outermost round is over, because events already fetched may still point to it. */
#include "os/loop.h"

#include "os/clock.h"
#include "os/fd.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum watch_kind { WATCH_FD, WATCH_TIMER, WATCH_SIGNALS };

struct os_watch {
    struct os_loop *loop;
    struct os_watch *before, *next; /* the loop's list; `next` alone in the list of freed ones */
    enum watch_kind kind;
    bool is_freed;

    /* WATCH_FD; WATCH_SIGNALS owns its fd */
    int fd;
    unsigned events;
    bool is_in_epoll;
    bool is_always_ready; /* a file that epoll refuses because it never blocks */
    os_fd_fn on_fd;
    os_signal_fn on_signal;
    sigset_t newly_blocked;
    bool was_signalled; /* one was delivered: they stay blocked */

    /* WATCH_TIMER: in the heap when deadline_ns is not INT64_MAX */
    int64_t deadline_ns;
    size_t heap_at;
    bool is_due;    /* taken from the heap, to be called in this round unless it is moved */
    bool is_queued; /* in the loop's queue of due timers, called or not */
    struct os_watch *next_due;
    os_timer_fn on_timer;

    void *arg;
};

struct os_loop {
    int epoll_fd;
    struct os_watch *watches, *freed;
    struct os_watch **heap; /* room for every timer watch, so that arming one cannot fail */
    size_t heap_len, heap_cap, timer_count;
    struct os_watch *due_first, **due_tail;
    size_t always_ready; /* live watches of that kind with events */
    unsigned depth;      /* os_loop_once() inside callbacks */
    bool is_stopped;
    int result;
};

/* ---- timers ---- */

static void heap_put(struct os_loop *l, size_t at, struct os_watch *w)
{
    l->heap[at] = w;
    w->heap_at = at;
}

static void heap_up(struct os_loop *l, size_t at, struct os_watch *w)
{
    while (at > 0 && l->heap[(at - 1) / 2]->deadline_ns > w->deadline_ns) {
        heap_put(l, at, l->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(l, at, w);
}

static void heap_down(struct os_loop *l, size_t at, struct os_watch *w)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= l->heap_len)
            break;
        if (child + 1 < l->heap_len &&
            l->heap[child + 1]->deadline_ns < l->heap[child]->deadline_ns)
            child++;
        if (l->heap[child]->deadline_ns >= w->deadline_ns)
            break;
        heap_put(l, at, l->heap[child]);
        at = child;
    }
    heap_put(l, at, w);
}

static void heap_remove(struct os_loop *l, struct os_watch *w)
{
    struct os_watch *last = l->heap[--l->heap_len];
    size_t at = w->heap_at;
    w->deadline_ns = INT64_MAX;
    if (last == w)
        return;
    if (at > 0 && l->heap[(at - 1) / 2]->deadline_ns > last->deadline_ns)
        heap_up(l, at, last);
    else
        heap_down(l, at, last);
}

void os_watch_set_timer(struct os_watch *w, int64_t deadline_ns)
{
    struct os_loop *l = w->loop;
    assert(w->kind == WATCH_TIMER && !w->is_freed);
    w->is_due = false;
    if (w->deadline_ns != INT64_MAX)
        heap_remove(l, w);
    if (deadline_ns == INT64_MAX)
        return;
    w->deadline_ns = deadline_ns;
    heap_up(l, l->heap_len++, w);
}

/* ---- making and freeing ---- */

int os_loop_new(struct os_loop **ret)
{
    struct os_loop *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        int r = -errno;
        free(l);
        return r;
    }
    *ret = l;
    return 0;
}

static void free_freed(struct os_loop *l)
{
    while (l->freed != NULL) {
        struct os_watch *w = l->freed;
        l->freed = w->next;
        free(w);
    }
}

void os_loop_free(struct os_loop *l)
{
    if (l == NULL)
        return;
    must(l->depth == 0);
    while (l->watches != NULL)
        os_watch_free(l->watches);
    free_freed(l);
    free(l->heap);
    os_close(l->epoll_fd);
    free(l);
}

static struct os_watch *add_watch(struct os_loop *l, enum watch_kind kind, int fd, void *arg)
{
    struct os_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    w->loop = l;
    w->kind = kind;
    w->fd = fd;
    w->deadline_ns = INT64_MAX;
    w->arg = arg;
    w->next = l->watches;
    if (w->next != NULL)
        w->next->before = w;
    l->watches = w;
    return w;
}

static void release_kind(struct os_watch *w)
{
    int r unused_ = 0;
    switch (w->kind) {
    case WATCH_TIMER:
        os_watch_set_timer(w, INT64_MAX);
        w->loop->timer_count--;
        break;
    case WATCH_FD:
        r = os_watch_set_events(w, 0);
        assert(r ==
               0); /* else its fd was closed before: it could still fire, for a reused number */
        break;
    case WATCH_SIGNALS:
        r = os_watch_set_events(w, 0);
        os_close(w->fd);
        if (!w->was_signalled)
            (void)sigprocmask(SIG_UNBLOCK, &w->newly_blocked, NULL);
        break;
    }
}

void os_watch_free(struct os_watch *w)
{
    if (w == NULL)
        return;
    must(!w->is_freed);
    struct os_loop *l = w->loop;
    release_kind(w);
    if (w->before != NULL)
        w->before->next = w->next;
    else
        l->watches = w->next;
    if (w->next != NULL)
        w->next->before = w->before;
    w->is_freed = true;
    w->next = l->freed;
    l->freed = w;
    if (l->depth == 0)
        free_freed(l);
}

/* ---- descriptors ---- */

static uint32_t epoll_bits(unsigned events)
{
    return ((events & OS_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
           ((events & OS_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0) |
           ((events & OS_HUP) != 0 ? (uint32_t)EPOLLRDHUP : 0);
}

static void set_always_ready(struct os_watch *w, unsigned events)
{
    if (w->events == 0 && events != 0)
        w->loop->always_ready++;
    if (w->events != 0 && events == 0)
        w->loop->always_ready--;
    w->events = events;
}

int os_watch_set_events(struct os_watch *w, unsigned events)
{
    struct epoll_event e = {.events = epoll_bits(events), .data.ptr = w};
    int op = w->is_in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    assert(!w->is_freed);
    if (w->is_always_ready) {
        set_always_ready(w, events);
        return 0;
    }
    if (events == w->events && w->is_in_epoll == (events != 0))
        return 0;
    /* A pause takes it out of epoll: hang-ups are reported there even for no events at all. */
    if (events == 0)
        op = EPOLL_CTL_DEL;
    if (epoll_ctl(w->loop->epoll_fd, op, w->fd, &e) < 0) {
        if (errno != EPERM || op != EPOLL_CTL_ADD)
            return -errno;
        w->is_always_ready = true;
        set_always_ready(w, events);
        return 0;
    }
    w->is_in_epoll = events != 0;
    w->events = events;
    return 0;
}

int os_loop_watch_fd(struct os_loop *l, int fd, unsigned events, os_fd_fn fn, void *arg,
                     struct os_watch **ret)
{
    struct os_watch *w = add_watch(l, WATCH_FD, fd, arg);
    if (w == NULL)
        return -ENOMEM;
    w->on_fd = fn;
    int r = os_watch_set_events(w, events);
    if (r < 0) {
        os_watch_free(w);
        return r;
    }
    *ret = w;
    return 0;
}

int os_loop_watch_timer(struct os_loop *l, int64_t deadline_ns, os_timer_fn fn, void *arg,
                        struct os_watch **ret)
{
    if (l->timer_count == l->heap_cap) {
        size_t cap = l->heap_cap > 0 ? l->heap_cap * 2 : 16;
        struct os_watch **heap = reallocarray(l->heap, cap, sizeof(*heap));
        if (heap == NULL)
            return -ENOMEM;
        l->heap = heap;
        l->heap_cap = cap;
    }
    struct os_watch *w = add_watch(l, WATCH_TIMER, -1, arg);
    if (w == NULL)
        return -ENOMEM;
    l->timer_count++;
    w->on_timer = fn;
    os_watch_set_timer(w, deadline_ns);
    *ret = w;
    return 0;
}

int os_loop_watch_signals(struct os_loop *l, const int *signals, os_signal_fn fn, void *arg,
                          struct os_watch **ret)
{
    struct sigaction now;
    sigset_t set, before;
    sigemptyset(&set);
    for (; *signals != 0; signals++) {
        /* nohup: a blocked signal would come here although it is ignored */
        if (*signals == SIGHUP && sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            continue;
        if (sigaddset(&set, *signals) < 0)
            return -errno;
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct os_watch *w = add_watch(l, WATCH_SIGNALS, fd, arg);
    if (w == NULL) {
        os_close(fd);
        return -ENOMEM;
    }
    w->on_signal = fn;
    sigemptyset(&w->newly_blocked);
    int r = os_watch_set_events(w, OS_READ);
    if (r < 0) {
        os_watch_free(w);
        return r;
    }
    must(sigprocmask(SIG_BLOCK, &set, &before) == 0);
    for (int s = 1; s <= SIGRTMAX; s++) { /* what was blocked before stays so after us */
        if (sigismember(&set, s) == 1 && sigismember(&before, s) == 0)
            sigaddset(&w->newly_blocked, s);
    }
    *ret = w;
    return 0;
}

/* ---- rounds ---- */

static void call_signals(struct os_watch *w)
{
    struct signalfd_siginfo info;
    while (!w->is_freed && os_read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        w->was_signalled = true;
        w->on_signal((int)info.ssi_signo, w->arg);
    }
}

static void call_fd(struct os_watch *w, uint32_t bits)
{
    unsigned events =
        ((bits & EPOLLIN) != 0 ? OS_READ : 0u) | ((bits & EPOLLOUT) != 0 ? OS_WRITE : 0u);
    /* The end or an error of the other side wakes whoever waits for anything: reading or writing is
     * how they learn which it was. */
    if ((bits & (EPOLLHUP | EPOLLERR)) != 0)
        events |= OS_HUP | (w->events & (OS_READ | OS_WRITE));
    if ((bits & EPOLLRDHUP) != 0)
        events |= OS_HUP;
    events &= w->events | OS_HUP; /* a callback before this one may have narrowed it */
    if (events != 0 && w->events != 0)
        w->on_fd(w->fd, events, w->arg);
}

static void call_event(const struct epoll_event *e)
{
    struct os_watch *w = e->data.ptr;
    if (w->is_freed)
        return;
    if (w->kind == WATCH_SIGNALS)
        call_signals(w);
    else
        call_fd(w, e->events);
}

/* A callback may free watches; the memory of a freed one is still there, but its `next` leads into
 * the list of freed ones, so the walk ends then and the next round goes on. */
static void call_always_ready(struct os_loop *l)
{
    size_t left = l->always_ready;
    for (struct os_watch *w = l->watches, *next; w != NULL && left > 0; w = next) {
        next = w->next;
        if (!w->is_always_ready || w->events == 0)
            continue;
        left--;
        w->on_fd(w->fd, w->events & (OS_READ | OS_WRITE), w->arg);
        if (w->is_freed)
            return;
        next = w->next;
    }
}

static void queue_due(struct os_loop *l, struct os_watch *w)
{
    heap_remove(l, w);
    w->is_due = true;
    if (w->is_queued)
        return;
    w->is_queued = true;
    w->next_due = NULL;
    if (l->due_first == NULL)
        l->due_first = w;
    else
        *l->due_tail = w;
    l->due_tail = &w->next_due;
}

/* All that is due is taken out first, then called: a timer that re-arms itself in the past waits for
 * the next round and cannot starve the others. The queue belongs to the loop, so that a round inside
 * a callback goes on with it. */
static void call_timers(struct os_loop *l)
{
    if (l->heap_len > 0) {
        int64_t now_ns = os_now_mono_ns();
        while (l->heap_len > 0 && l->heap[0]->deadline_ns <= now_ns)
            queue_due(l, l->heap[0]);
    }
    while (l->due_first != NULL) {
        struct os_watch *w = l->due_first;
        l->due_first = w->next_due;
        w->is_queued = false;
        if (w->is_freed || !w->is_due)
            continue;
        w->is_due = false;
        w->on_timer(w->arg);
    }
}

/* timeout_ms and the earliest timer -> nanoseconds to wait; -1 = no limit. */
static int64_t wait_ns(const struct os_loop *l, int timeout_ms)
{
    int64_t limit = timeout_ms < 0 ? -1 : timeout_ms * OS_NS_PER_MS;
    if (l->always_ready > 0)
        return 0;
    if (l->heap_len == 0)
        return limit;
    int64_t left = l->heap[0]->deadline_ns - os_now_mono_ns();
    if (left < 0)
        left = 0;
    return limit < 0 || left < limit ? left : limit;
}

static int wait_events(struct os_loop *l, struct epoll_event *events, int max, int64_t ns)
{
    static bool is_coarse; /* before Linux 5.11, or under a filter that does not know the call */
    if (!is_coarse) {
        struct timespec ts = {.tv_sec = ns / OS_NS_PER_S, .tv_nsec = ns % OS_NS_PER_S};
        long n = syscall(SYS_epoll_pwait2, l->epoll_fd, events, max, ns < 0 ? NULL : &ts, NULL, 0);
        if (n >= 0)
            return (int)n;
        if (errno != ENOSYS && errno != EPERM)
            return errno == EINTR ? 0 : -errno;
        is_coarse = true;
    }
    int64_t ms = ns < 0 ? -1 : (ns + OS_NS_PER_MS - 1) / OS_NS_PER_MS; /* up: never early */
    int n = epoll_wait(l->epoll_fd, events, max, ms > INT32_MAX ? INT32_MAX : (int)ms);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return n;
}

int os_loop_once(struct os_loop *l, int timeout_ms)
{
    struct epoll_event events[64];
    int n = wait_events(l, events, (int)ARRAY_LEN(events), wait_ns(l, timeout_ms));
    if (n < 0)
        return n;
    l->depth++;
    call_timers(l);
    for (int i = 0; i < n; i++)
        call_event(&events[i]);
    if (l->always_ready > 0)
        call_always_ready(l);
    if (--l->depth == 0)
        free_freed(l);
    return 0;
}

int os_loop_run(struct os_loop *l)
{
    int r = 0;
    while (r == 0 && !l->is_stopped)
        r = os_loop_once(l, -1);
    if (r < 0)
        return r;
    l->is_stopped = false;
    return l->result;
}

void os_loop_stop(struct os_loop *l, int result)
{
    l->is_stopped = true;
    l->result = result;
}
