/* Fuzzes one receiver: bytes go through its permit table and the channel, as from a peer that was taken over.
 *
 * Input: byte 0 picks the state and the manner; the rest is the stream. In the plain manner it is sent as it is. In the
 * other, whole frames are made from it (a row of the table, lengths, body), so that more than headers is reached. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "host/ask/protocol.h"
#include "os/fd.h"
#include "os/socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct receiver {
    const struct channel_permits *permits;
    uint32_t state;
    /* What the receiver does with a good frame; may be NULL. */
    void (*then)(struct message *m);
    size_t messages;
};

static int receiver_message(struct message *m, void *arg)
{
    struct receiver *r = arg;
    const struct frame_permit *row =
        frame_permit_find(r->permits->rows, r->permits->count, m->type);
    must(row != NULL && (row->states & r->state) != 0);
    must(m->fd_count <= row->fds_max && m->raw.len <= row->length_max);
    must(m->body == NULL || json_is_object(m->body));
    for (size_t i = 0; i < m->fd_count; i++)
        must(m->fds[i] >= 0);
    volatile char sum = 0; /* every byte must be there to be read */
    for (size_t i = 0; i < m->raw.len; i++)
        sum = (char)(sum + m->raw.at[i]);
    if (r->then)
        r->then(m);
    r->messages++;
    return r->messages > 64; /* enough */
}

/* One frame from the front of the input: row, json length, raw length, then the bytes of both. */
static void receiver_compose(const struct receiver *r, struct str *in, struct buf *out)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    size_t json = (uint8_t)in->at[1] | (size_t)((uint8_t)in->at[2] & 15) << 8,
           raw = (uint8_t)in->at[3];
    const struct frame_permit *row = &r->permits->rows[(uint8_t)in->at[0] % r->permits->count];
    *in = (struct str){in->at + 4, in->len - 4};
    json = json < in->len ? json : in->len;
    raw = raw < in->len - json ? raw : in->len - json;
    struct frame_header head = {.length = (uint32_t)(json + raw),
                                .json_length = (uint32_t)json,
                                .type = row->type,
                                .id = 1};
    frame_header_print(&head, bytes);
    buf_add(out, bytes, sizeof bytes);
    buf_add(out, in->at, json + raw);
    *in = (struct str){in->at + json + raw, in->len - json - raw};
}

static int receiver_fuzz(const struct channel_permits *permits, void (*then)(struct message *),
                         const uint8_t *data, size_t size)
{
    if (size < 1 || size > 64 << 10)
        return 0;
    struct receiver r = {.permits = permits, .state = 1U << (data[0] & 3), .then = then};
    struct str in = {(const char *)data + 1, size - 1};
    auto_done(buf) struct buf stream;
    buf_init(&stream, 4 << 20);
    if (data[0] & 4)
        while (in.len >= 4)
            receiver_compose(&r, &in, &stream);
    buf_add_str(&stream, in);
    int near_fd, far_fd;
    struct channel *c;
    must(os_socket_pair(&near_fd, &far_fd) == 0);
    must(channel_new(near_fd, *permits, 0, &c) == 0);
    must(channel_set_nonblock(c) == 0 && os_set_nonblock(far_fd, true) == 0);
    channel_set_state(c, r.state);
    for (size_t at = 0; at < stream.len;) {
        size_t piece = stream.len - at;
        if (data[0] & 8 && piece > 7)
            piece = 1 + piece / 2; /* cut somewhere */
        ssize_t n = os_write(far_fd, stream.at + at, piece);
        if (n <= 0)
            break;
        at += (size_t)n;
        struct fault f = {0};
        int result = channel_pump_in(c, receiver_message, &r, &f);
        if (result != 0) {
            must(result > 0 || (result == -FAULT_PROTOCOL && f.text[0] != '\0'));
            must(result > 0 || channel_pump_in(c, receiver_message, &r, NULL) == result);
            break;
        }
    }
    os_close(far_fd);
    channel_free(c);
    return 0;
}
