/* Bytes on their way to a stream that may take its time (a pipe that nobody reads, a stopped terminal). What does not go at
 * once is kept and goes from the loop; the writer is never held up, so that clocks and signals are still looked after. The
 * stream itself stays in the mode it has: other programs share it. */
#pragma once

#include "base/base.h"
#include "base/str.h"

struct os_loop;
struct outflow; /* opaque */

/* Called from the loop whenever some of what was kept has gone, or cannot go any more. */
typedef void (*outflow_fn)(void *arg);
/* fd is borrowed. max: bytes kept at most. */
must_use int outflow_new(struct os_loop *loop, int fd, size_t max, outflow_fn fn, void *arg,
                         own struct outflow **ret);
void outflow_free(own struct outflow *o); /* what is still kept is dropped */
DEFINE_FREEP(outflow, struct outflow);
/* 0 taken, all of it | -EPIPE and the like: nobody reads | -FAULT_CAP: more than may be kept. After a fault it takes nothing. */
must_use int outflow_add(struct outflow *o, struct str bytes);
size_t outflow_kept(const struct outflow *o); /* 0 after a fault */
