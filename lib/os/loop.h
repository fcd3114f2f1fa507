/* The event loop: epoll, timerfd, signalfd, pidfd. One per process, one thread, no global state.
 * Callbacks may add and remove watches, their own included. */
#pragma once

#include "base/base.h"

struct os_loop;  /* opaque */
struct os_watch; /* opaque; lives until os_watch_free() or the loop's end */

enum { OS_READ = 1, OS_WRITE = 2, OS_HUP = 4 };

typedef void (*os_fd_fn)(int fd, unsigned events, void *arg);
typedef void (*os_timer_fn)(void *arg);
typedef void (*os_signal_fn)(int signal, void *arg);

must_use int os_loop_new(own struct os_loop **ret);
void os_loop_free(own struct os_loop *l);
DEFINE_FREEP(os_loop, struct os_loop);

must_use int os_loop_watch_fd(struct os_loop *l, int fd, unsigned events, os_fd_fn fn, void *arg, struct os_watch **ret);
must_use int os_watch_set_events(struct os_watch *w, unsigned events); /* 0 = pause */
/* One-shot at monotonic deadline_ns; re-arm with os_watch_set_timer (INT64_MAX = off). */
must_use int os_loop_watch_timer(struct os_loop *l, int64_t deadline_ns, os_timer_fn fn, void *arg, struct os_watch **ret);
void os_watch_set_timer(struct os_watch *w, int64_t deadline_ns);
/* Blocks the signals of the 0-terminated list and delivers them here. */
must_use int os_loop_watch_signals(struct os_loop *l, const int *signals, os_signal_fn fn, void *arg, struct os_watch **ret);
void os_watch_free(struct os_watch *w); /* NULL is fine */

/* Runs until os_loop_stop(); returns what was given to it, or -errno. */
must_use int os_loop_run(struct os_loop *l);
/* One round: waits at most timeout_ms (-1 = no limit), calls what is due. 0 or -errno. */
must_use int os_loop_once(struct os_loop *l, int timeout_ms);
void os_loop_stop(struct os_loop *l, int result);
