/* Time. Nanoseconds as int64_t everywhere. */
#pragma once

#include "base/base.h"

#define OS_NS_PER_S INT64_C(1000000000)
#define OS_NS_PER_MS INT64_C(1000000)

int64_t os_now_mono_ns(void); /* CLOCK_MONOTONIC */
int64_t os_now_real_ns(void); /* CLOCK_REALTIME, UTC */
int64_t os_cpu_process_ns(void);
int64_t os_cpu_thread_ns(void);

/* A POSIX timer on CLOCK_MONOTONIC that sends `signal` to this thread; used for engine epochs. */
struct os_ticker; /* opaque */
must_use int os_ticker_new(int signal, void (*handler)(int), own struct os_ticker **ret);
must_use int os_ticker_start(struct os_ticker *t, int64_t first_ns,
                             int64_t every_ns); /* relative */
void os_ticker_stop(struct os_ticker *t);
void os_ticker_free(own struct os_ticker *t); /* puts the earlier handler back */
DEFINE_FREEP(os_ticker, struct os_ticker);
