/* Keeping head and tail of a stream of unknown length in a fixed space. */
#include "sandbox/run/output.h"

#include "sandbox/run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void output_init(struct output *o, int64_t cap, int (*stream)(int, struct str, void *), void *arg)
{
    *o = (struct output){.stream = stream, .arg = arg};
    o->cap = (size_t)cap;
    if (!stream && o->cap > SANDBOX_COLLECT_MAX)
        o->cap = SANDBOX_COLLECT_MAX;
    for (size_t i = 0; i < 2; i++) {
        buf_init(&o->parts[i].head, o->cap / 2);
        buf_init(&o->parts[i].tail, o->cap - o->cap / 2);
    }
}

void output_done(struct output *o)
{
    for (size_t i = 0; i < 2; i++) {
        buf_done(&o->parts[i].head);
        buf_done(&o->parts[i].tail);
    }
}

static int add_streamed(struct output *o, int number, struct str bytes)
{
    size_t room = o->cap - o->sent;
    if (bytes.len > room) {
        bytes.len = room;
        o->is_cut = true;
    }
    if (bytes.len == 0)
        return 0;
    o->sent += bytes.len;
    return o->stream(number, bytes, o->arg);
}

static struct str take_front(struct str *s, size_t most)
{
    struct str front = {s->at, s->len < most ? s->len : most};
    *s = (struct str){s->at + front.len, s->len - front.len};
    return front;
}

static int add_tail(struct output_part *p, struct str bytes)
{
    size_t max = p->tail.max;
    if (bytes.len > max)
        bytes = (struct str){bytes.at + (bytes.len - max), max};
    struct str grow = take_front(&bytes, max - p->tail.len);
    int r = buf_add_str(&p->tail, grow);
    if (r < 0)
        return r;
    while (bytes.len > 0) {
        struct str piece = take_front(&bytes, max - p->tail_at);
        memcpy(p->tail.at + p->tail_at, piece.at, piece.len);
        p->tail_at = (p->tail_at + piece.len) % max;
    }
    return 0;
}

int output_add(struct output *o, int number, struct str bytes)
{
    must(number == 1 || number == 2);
    struct output_part *p = &o->parts[number - 1];
    p->total += bytes.len;
    if (o->stream)
        return add_streamed(o, number, bytes);
    struct str head = take_front(&bytes, p->head.max - p->head.len);
    int r = buf_add_str(&p->head, head);
    return r < 0 || bytes.len == 0 ? r : add_tail(p, bytes);
}

int64_t output_total(const struct output *o)
{
    uint64_t total = o->parts[0].total + o->parts[1].total;
    return total > INT64_MAX ? INT64_MAX : (int64_t)total;
}

/* Bytes [from, from+len) of what was written, as far as they are kept: a piece of the head, then of the tail. */
static int copy_kept(const struct output_part *p, uint64_t from, size_t len, struct buf *to)
{
    uint64_t tail_from = p->total - p->tail.len;
    if (from < p->head.len) {
        size_t n = p->head.len - (size_t)from < len ? p->head.len - (size_t)from : len;
        int r = buf_add(to, p->head.at + from, n);
        if (r < 0)
            return r;
        from += n;
        len -= n;
    }
    must(len == 0 || (from >= tail_from && len <= p->total - from));
    for (size_t i = (size_t)(from - tail_from); len > 0;) {
        size_t at = (p->tail_at + i) % p->tail.len;
        size_t n = p->tail.len - at < len ? p->tail.len - at : len;
        int r = buf_add(to, p->tail.at + at, n);
        if (r < 0)
            return r;
        i += n;
        len -= n;
    }
    return 0;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Drops a character that the cut went through: at most three bytes, and only where one was cut. */
static void trim_end(struct buf *b)
{
    size_t back = 0;
    while (back < 3 && back < b->len && is_continuation(b->at[b->len - 1 - back]))
        back++;
    if (back >= b->len)
        return;
    unsigned char lead = (unsigned char)b->at[b->len - 1 - back];
    size_t needs = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (needs > back)
        b->len -= back + 1;
}

static void trim_start(struct buf *b, size_t from)
{
    size_t n = 0;
    while (n < 3 && from + n < b->len && is_continuation(b->at[from + n]))
        n++;
    memmove(b->at + from, b->at + from + n, b->len - from - n);
    b->len -= n;
}

static int finish_part(struct output *o, const struct output_part *p, size_t allowed,
                       struct buf *to)
{
    if (p->total <= allowed)
        return copy_kept(p, 0, (size_t)p->total, to);
    o->is_cut = true;
    char mark[80];
    size_t mark_len = (size_t)snprintf(mark, sizeof mark,
                                       "\n[... %" PRIu64 " of %" PRIu64 " bytes left out ...]\n",
                                       p->total - allowed, p->total);
    if (allowed < 2 * mark_len) {
        int r = copy_kept(p, 0, allowed < p->head.len ? allowed : p->head.len, to);
        if (r == 0 && to->len > 0)
            trim_end(to);
        return r;
    }
    size_t head = (allowed - mark_len) / 2, tail = allowed - mark_len - head;
    int r = copy_kept(p, 0, head, to);
    if (r < 0)
        return r;
    trim_end(to);
    r = buf_add(to, mark, mark_len);
    size_t tail_at = to->len;
    if (r == 0)
        r = copy_kept(p, p->total - tail, tail, to);
    if (r == 0)
        trim_start(to, tail_at);
    return r;
}

int output_finish(struct output *o, struct buf *out, struct buf *err)
{
    if (o->stream)
        return 0;
    size_t out_wants = o->parts[0].total < o->cap ? (size_t)o->parts[0].total : o->cap;
    size_t err_wants = o->parts[1].total < o->cap ? (size_t)o->parts[1].total : o->cap;
    size_t err_gets = o->cap - out_wants > o->cap / 4 ? o->cap - out_wants : o->cap / 4;
    if (err_gets > err_wants)
        err_gets = err_wants;
    int r = finish_part(o, &o->parts[0], o->cap - err_gets, out);
    return r < 0 ? r : finish_part(o, &o->parts[1], err_gets, err);
}
