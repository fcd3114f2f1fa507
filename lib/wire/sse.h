/* Server-sent events (WHATWG HTML, "event stream interpretation"): bytes in, events out, never I/O.
 * Any split, LF / CR / CRLF, comments, a BOM at the start. An event without end is refused at the cap. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#define SSE_EVENT_MAX ((size_t)8 << 20)

struct sse {
    struct buf line;  /* the line being read */
    struct buf data;  /* data of the event being read, lines joined by LF */
    struct buf event; /* its type */
    size_t max;
    bool seen_start, skip_lf, has_data;
};

/* Called once per event with data; views live for the call. A non-zero return stops and is forwarded. */
typedef int (*sse_event_fn)(struct str event, struct str data, void *arg);

void sse_init(struct sse *s, size_t event_max);
void sse_done(struct sse *s);
/* -FAULT_CAP, -ENOMEM; then it fails for good. */
must_use int sse_feed(struct sse *s, struct str bytes, sse_event_fn on_event, void *arg);
/* At the end of the stream an unfinished event is dropped, as the standard says; true if there was one. */
bool sse_end(struct sse *s);
