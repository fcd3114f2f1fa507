/* Frames over a socket: cutting the stream into frames, checking each header before its body is waited for,
 * pairing file descriptors with frames, and queueing what the socket does not take yet.
 *
 * File descriptors: the sender puts them on the first byte of their frame, and the kernel never reads past a
 * piece that carried some. So they arrive in the order of their frames and not later than the frame's header;
 * the receiver keeps them in a small row and each frame takes as many as its header says. Some left over when
 * every byte is used up, or too many, is a breach.
 *
 * Once broken (a breach, the peer gone, a socket fault) a channel only repeats its failure. */
#include "host/ask/channel.h"

#include "base/buf.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <errno.h>
#include <stdio.h>

enum {
    READ_AHEAD = 64 << 10, /* one receive asks for at least this much room */
    KEEP_MAX = 1 << 20,    /* a larger buffer is given back when its frame is done */
    FDS_WAITING_MAX = 2 * FRAME_FDS_MAX,
    PUMP_ROUNDS = 64, /* receives of one pump, so that one peer does not starve the others */
};
_Static_assert(FRAME_FDS_MAX <= OS_SOCKET_FDS_MAX,
               "one send must be able to carry the fds of a frame");

struct outgoing {
    struct outgoing *next;
    size_t len, sent;
    int fds[FRAME_FDS_MAX]; /* own */
    size_t fd_count;
    char bytes[];
};

struct channel {
    int fd; /* own */
    struct channel_permits permits;
    uint32_t state;
    int broken; /* 0 or the negative fault that every receive repeats */
    bool nonblock;

    struct buf in;
    size_t used;              /* leading bytes of in that belong to the frame handed out last */
    int fds[FDS_WAITING_MAX]; /* own; received, not handed out */
    size_t fd_count;

    struct outgoing *out_first, **out_last;
    size_t queued, queue_max;
};

static void close_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        os_close(fds[i]);
        fds[i] = -1;
    }
}

void message_done(struct message *m)
{
    json_decref(m->body);
    m->body = NULL;
    m->raw = (struct str){"", 0};
    close_fds(m->fds, m->fd_count < FRAME_FDS_MAX ? m->fd_count : FRAME_FDS_MAX);
    m->fd_count = 0;
}

int channel_new(own int fd, struct channel_permits permits, size_t queue_max,
                own struct channel **ret)
{
    struct channel *c = calloc(1, sizeof *c);
    if (!c) {
        os_close(fd);
        return -ENOMEM;
    }
    c->fd = fd;
    c->permits = permits;
    c->state = 1;
    c->queue_max = queue_max;
    c->out_last = &c->out_first;
    buf_init(&c->in, FRAME_HEADER_SIZE + (size_t)FRAME_LENGTH_MAX + READ_AHEAD);
    *ret = c;
    return 0;
}

static void outgoing_free(struct outgoing *o)
{
    close_fds(o->fds, o->fd_count);
    free(o);
}

void channel_free(own struct channel *c)
{
    if (!c)
        return;
    while (c->out_first) {
        struct outgoing *o = c->out_first;
        c->out_first = o->next;
        outgoing_free(o);
    }
    close_fds(c->fds, c->fd_count);
    buf_done(&c->in);
    os_close(c->fd);
    free(c);
}

int channel_fd(const struct channel *c)
{
    return c->fd;
}

void channel_set_state(struct channel *c, uint32_t state_bit)
{
    c->state = state_bit;
}

int channel_set_nonblock(struct channel *c)
{
    c->nonblock = true;
    return os_set_nonblock(c->fd, true);
}

/* --- receiving --- */

/* Nothing of the stream can be trusted or used any more: what is held of it goes at once. */
static int break_channel(struct channel *c, int code)
{
    must(code < 0);
    c->broken = code;
    close_fds(c->fds, c->fd_count);
    c->fd_count = 0;
    buf_done(&c->in);
    c->used = 0;
    return code;
}

static int breach(struct channel *c, struct fault *reterr, const char *what)
{
    fault_set(reterr, FAULT_PROTOCOL, "%s", what);
    return break_channel(c, -FAULT_PROTOCOL);
}

static int fail_broken(const struct channel *c, struct fault *reterr)
{
    return fault_set(reterr, -c->broken, "the channel has ended: %s", fault_sentence(c->broken));
}

/* Lets go of the frame handed out last. Moving the rest to the front is left to the next receive. */
static void forget_used(struct channel *c)
{
    if (c->used == 0)
        return;
    if (c->used == c->in.len && c->in.cap > KEEP_MAX)
        buf_done(&c->in);
    else
        buf_drop_front(&c->in, c->used);
    c->used = 0;
}

/* returns 0 whole frame there and permitted, 1 more bytes needed (*ret_need in all), -FAULT_PROTOCOL */
static int check_head(struct channel *c, struct frame_header *ret, size_t *ret_need,
                      struct fault *reterr)
{
    if (c->in.len < FRAME_HEADER_SIZE) {
        *ret_need = FRAME_HEADER_SIZE;
        if (c->in.len == 0 && c->fd_count > 0)
            return breach(c, reterr, "file descriptors came with no frame");
        return 1;
    }
    uint8_t head[FRAME_HEADER_SIZE];
    memcpy(head, c->in.at, sizeof head);
    int r = frame_header_parse(head, c->permits.rows, c->permits.count, c->state, ret, reterr);
    if (r < 0)
        return break_channel(c, r);
    *ret_need = FRAME_HEADER_SIZE + (size_t)ret->length;
    if (ret->fd_count > c->fd_count)
        return breach(c, reterr, "a frame came without the file descriptors it announced");
    return c->in.len < *ret_need;
}

static int parse_body(struct channel *c, struct str json, json_t **ret, struct fault *reterr)
{
    *ret = NULL;
    if (json.len == 0)
        return 0;
    struct fault why = {0};
    int r = json_parse(json, JSON_SIZE_MAX, ret, &why);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        fault_set(reterr, FAULT_PROTOCOL, "a frame's JSON body does not parse: %s", why.text);
        return break_channel(c, -FAULT_PROTOCOL);
    }
    if (!json_is_object(*ret)) {
        json_decref(*ret);
        *ret = NULL;
        return breach(c, reterr, "a frame's JSON body is not an object");
    }
    return 0;
}

/* returns 0 and the message, 1 more bytes needed, negative */
static int next_message(struct channel *c, struct message *ret, size_t *ret_need,
                        struct fault *reterr)
{
    forget_used(c);
    struct frame_header head;
    int r = check_head(c, &head, ret_need, reterr);
    if (r != 0)
        return r;
    struct str json = {c->in.at + FRAME_HEADER_SIZE, head.json_length};
    json_t *body;
    r = parse_body(c, json, &body, reterr);
    if (r < 0)
        return r;

    *ret =
        (struct message){.type = head.type, .id = head.id, .body = body, .fd_count = head.fd_count};
    ret->raw = (struct str){json.at + json.len, head.length - head.json_length};
    for (size_t i = 0; i < FRAME_FDS_MAX; i++)
        ret->fds[i] = i < head.fd_count ? c->fds[i] : -1;
    c->fd_count -= head.fd_count;
    memmove(c->fds, c->fds + head.fd_count, c->fd_count * sizeof c->fds[0]);
    c->used = *ret_need;
    return 0;
}

/* One receive, with room for `need` bytes of the frame that is under way.
 * returns 0 something came, -EAGAIN, or negative and the channel is broken. */
static int receive_more(struct channel *c, size_t need, struct fault *reterr)
{
    must(c->used == 0);
    size_t missing = need > c->in.len ? need - c->in.len : 0;
    size_t room = missing > READ_AHEAD ? missing : READ_AHEAD;
    int r = buf_reserve(&c->in, room);
    if (r < 0) {
        fault_set(reterr, -r, "no memory for a frame");
        return break_channel(c, r);
    }
    int fds[OS_SOCKET_FDS_MAX];
    size_t fd_count = 0;
    ssize_t n = os_socket_recv(c->fd, c->in.at + c->in.len, room, fds, &fd_count);
    if (n == -EAGAIN)
        return -EAGAIN;
    if (n == 0 || n == -ECONNRESET || n == -EPIPE) {
        fault_set(reterr, FAULT_PEER_GONE, "%s",
                  c->in.len ? "the peer ended in the middle of a frame" : "the peer has ended");
        return break_channel(c, -FAULT_PEER_GONE);
    }
    if (n == -EPROTO)
        return breach(c, reterr, "too many file descriptors came at once");
    if (n < 0) {
        fault_sys(reterr, (int)-n, "receiving from a peer failed");
        return break_channel(c, (int)n);
    }
    must((size_t)n <= room);
    c->in.len += (size_t)n;
    c->in.at[c->in.len] = '\0';
    if (fd_count > FDS_WAITING_MAX - c->fd_count) {
        close_fds(fds, fd_count);
        return breach(c, reterr, "more file descriptors came than frames announced");
    }
    memcpy(c->fds + c->fd_count, fds, fd_count * sizeof fds[0]);
    c->fd_count += fd_count;
    return 0;
}

int channel_recv(struct channel *c, int64_t deadline_ns, struct message *ret, struct fault *reterr)
{
    if (c->broken)
        return fail_broken(c, reterr);
    for (;;) {
        size_t need;
        int r = next_message(c, ret, &need, reterr);
        if (r <= 0)
            return r;
        r = os_wait_fd(c->fd, false, deadline_ns);
        if (r > 0)
            return 1;
        if (r < 0) {
            fault_sys(reterr, -r, "waiting for a peer failed");
            return break_channel(c, r);
        }
        r = receive_more(c, need, reterr);
        if (r < 0 && r != -EAGAIN)
            return r;
    }
}

int channel_pump_in(struct channel *c, int (*on_message)(struct message *m, void *arg), void *arg,
                    struct fault *reterr)
{
    if (c->broken)
        return fail_broken(c, reterr);
    for (int round = 0; round < PUMP_ROUNDS; round++) {
        struct message m;
        size_t need;
        int r;
        while ((r = next_message(c, &m, &need, reterr)) == 0) {
            r = on_message(&m, arg);
            message_done(&m);
            if (r != 0)
                return r; /* c may be gone by now */
        }
        if (r < 0)
            return r;
        r = receive_more(c, need, reterr);
        if (r == -EAGAIN)
            return 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- sending --- */

struct pieces {
    struct iovec at[3];
    size_t count, len;
};

static void pieces_add(struct pieces *p, const void *at, size_t len)
{
    if (len == 0)
        return;
    union {
        const void *in;
        void *out;
    } address = {at}; /* iovec has no const form */
    p->at[p->count++] = (struct iovec){address.out, len};
    p->len += len;
}

static void pieces_drop(struct pieces *p, size_t n)
{
    must(n <= p->len);
    p->len -= n;
    size_t first = 0;
    while (first < p->count && n >= p->at[first].iov_len)
        n -= p->at[first++].iov_len;
    p->count -= first;
    memmove(p->at, p->at + first, p->count * sizeof p->at[0]);
    if (n > 0) {
        p->at[0].iov_base = (char *)p->at[0].iov_base + n;
        p->at[0].iov_len -= n;
    }
}

static int send_fault(ssize_t n)
{
    return n == -EPIPE || n == -ECONNRESET ? -FAULT_PEER_GONE : (int)n;
}

static int send_blocking(struct channel *c, struct pieces *p, const int *fds, size_t fd_count)
{
    while (p->len > 0) {
        ssize_t n = os_socket_send(c->fd, p->at, p->count, fds, fd_count);
        if (n == -EAGAIN) {
            int r = os_wait_fd(c->fd, true, INT64_MAX);
            if (r < 0)
                return r;
            continue;
        }
        if (n < 0)
            return send_fault(n);
        pieces_drop(p, (size_t)n);
        fd_count = 0; /* they went with the first byte */
    }
    return 0;
}

/* Puts what is left of a frame at the end of the queue; fds only when none of it was sent. */
static int queue_pieces(struct channel *c, const struct pieces *p, const int *fds, size_t fd_count)
{
    struct outgoing *o = malloc(sizeof *o + p->len);
    if (!o)
        return -ENOMEM;
    o->next = NULL;
    o->len = p->len;
    o->sent = o->fd_count = 0;
    for (size_t i = 0, at = 0; i < p->count; at += p->at[i++].iov_len)
        memcpy(o->bytes + at, p->at[i].iov_base, p->at[i].iov_len);
    for (; o->fd_count < fd_count; o->fd_count++) {
        int r = os_dup(fds[o->fd_count], 3, &o->fds[o->fd_count]);
        if (r < 0) {
            outgoing_free(o);
            return r;
        }
    }
    *c->out_last = o;
    c->out_last = &o->next;
    c->queued += o->len;
    return 0;
}

static int send_queued(struct channel *c, struct pieces *p, const int *fds, size_t fd_count)
{
    size_t total;
    if (!size_add(c->queued, p->len, &total) || total > c->queue_max)
        return -FAULT_CAP;
    while (!c->out_first && p->len > 0) {
        ssize_t n = os_socket_send(c->fd, p->at, p->count, fds, fd_count);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            return send_fault(n);
        pieces_drop(p, (size_t)n);
        fd_count = 0;
    }
    if (p->len == 0)
        return 0;
    int r = queue_pieces(c, p, fds, fd_count);
    /* Half a frame is out and the rest cannot be kept: the stream makes no sense any more. */
    return r < 0 ? break_channel(c, r) : 0;
}

int channel_send_text(struct channel *c, uint16_t type, uint64_t id, struct str json,
                      struct str raw, const int *fds, size_t fd_count)
{
    if (c->broken)
        return c->broken;
    size_t length;
    if (!size_add(json.len, raw.len, &length) || length > FRAME_LENGTH_MAX ||
        fd_count > FRAME_FDS_MAX)
        return -FAULT_CAP;
    struct frame_header head = {.length = (uint32_t)length,
                                .json_length = (uint32_t)json.len,
                                .type = type,
                                .fd_count = (uint16_t)fd_count,
                                .id = id};
    uint8_t bytes[FRAME_HEADER_SIZE];
    frame_header_print(&head, bytes);
    struct pieces p = {.count = 0};
    pieces_add(&p, bytes, sizeof bytes);
    pieces_add(&p, json.at, json.len);
    pieces_add(&p, raw.at, raw.len);
    return c->nonblock ? send_queued(c, &p, fds, fd_count) : send_blocking(c, &p, fds, fd_count);
}

int channel_send(struct channel *c, uint16_t type, uint64_t id, const json_t *body, struct str raw,
                 const int *fds, size_t fd_count)
{
    auto_done(buf) struct buf json;
    buf_init(&json, FRAME_LENGTH_MAX);
    if (body) {
        int r = json_print(body, &json);
        if (r < 0)
            return r;
    }
    return channel_send_text(c, type, id, buf_str(&json), raw, fds, fd_count);
}

int channel_pump_out(struct channel *c)
{
    while (c->out_first) {
        struct outgoing *o = c->out_first;
        struct iovec part = {o->bytes + o->sent, o->len - o->sent};
        ssize_t n = os_socket_send(c->fd, &part, 1, o->fds, o->fd_count);
        if (n == -EAGAIN)
            return 1;
        if (n < 0)
            return send_fault(n);
        close_fds(o->fds, o->fd_count);
        o->fd_count = 0;
        o->sent += (size_t)n;
        c->queued -= (size_t)n;
        if (o->sent < o->len)
            continue;
        c->out_first = o->next;
        if (!c->out_first)
            c->out_last = &c->out_first;
        outgoing_free(o);
    }
    return 0;
}

size_t channel_queued(const struct channel *c)
{
    return c->queued;
}

size_t channel_unread(const struct channel *c)
{
    return c->in.len - c->used;
}
