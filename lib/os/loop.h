/* The event loop: epoll, a heap of timers, signalfd, pidfd. One thread. Callbacks may add and free
 * watches, their own included. Free a watch before its fd is closed; one watch for one fd. */
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

/* fn gets what is there of `events`, and OS_HUP when the other side is gone; together with OS_HUP it
 * also gets OS_READ and OS_WRITE as far as asked for, so that a plain read or write finds out. A file
 * that never blocks (regular, /dev/null) is always ready. */
must_use int os_loop_watch_fd(struct os_loop *l, int fd, unsigned events, os_fd_fn fn, void *arg,
                              struct os_watch **ret);
must_use int os_watch_set_events(struct os_watch *w, unsigned events); /* 0 = pause */
/* One-shot at monotonic deadline_ns; re-arm with os_watch_set_timer (INT64_MAX = off). */
must_use int os_loop_watch_timer(struct os_loop *l, int64_t deadline_ns, os_timer_fn fn, void *arg,
                                 struct os_watch **ret);
void os_watch_set_timer(struct os_watch *w, int64_t deadline_ns);
/* Blocks the signals of the 0-terminated list and delivers them here; not SIGHUP when it is ignored (nohup). Freeing the watch unblocks what
 * it blocked, unless one of them was delivered: a program that was told to end and is on its way out
 * keeps them blocked, so that being told twice does not break off the ending. */
must_use int os_loop_watch_signals(struct os_loop *l, const int *signals, os_signal_fn fn,
                                   void *arg, struct os_watch **ret);
void os_watch_free(struct os_watch *w); /* NULL is fine */

/* Runs until os_loop_stop(), then to the end of that round; returns what was given to it, or -errno. */
must_use int os_loop_run(struct os_loop *l);
/* One round: waits at most timeout_ms (-1 = no limit), calls what is due. 0 or -errno. */
must_use int os_loop_once(struct os_loop *l, int timeout_ms);
void os_loop_stop(struct os_loop *l, int result);
