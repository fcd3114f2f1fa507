/* What a guest writes to stdout and stderr: streamed up to a cap, or collected with head and tail kept. The guest is
 * never told; what is past the cap is counted and dropped. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

struct output_part {
    struct buf head, tail;
    size_t tail_at; /* where the tail, once full, wraps */
    uint64_t total; /* bytes that the guest wrote */
};

struct output {
    size_t cap;
    int (*stream)(int stream, struct str bytes, void *arg); /* NULL = collect */
    void *arg;
    size_t sent;
    bool is_cut;
    struct output_part parts[2]; /* stdout, stderr */
};

void output_init(struct output *o, int64_t cap, int (*stream)(int, struct str, void *), void *arg);
void output_done(struct output *o);
/* number: 1 or 2. 0, or the negative answer of stream(), or -ENOMEM. */
must_use int output_add(struct output *o, int number, struct str bytes);
int64_t output_total(const struct output *o);
/* Both collected parts, together at most cap bytes; stderr gets what stdout leaves, but a quarter at least. */
must_use int output_finish(struct output *o, struct buf *out, struct buf *err);
