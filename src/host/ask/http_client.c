/* Frames of one request at a time. The peer is egress, another program of ours, which parses what strangers send: its
 * frames pass the permit table and are read as if it had been taken over, so that it cannot go on into a worker.
 *
 * States: idle -> open (begun) -> over (its END is here) -> idle. What still arrives for an older request is dropped by
 * its number. */
#include "host/ask/http_client.h"

#include "base/buf.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/fs.h"
#include "os/socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { ANSWER_FIELDS_MAX = 512, QUEUE_MAX = 512 << 10, NEEDS_MORE = 100 };

struct http_client {
    struct channel *channel; /* own */
    int cancel_fd;
    uint64_t id; /* of the request that is open, or was last */
    bool is_open, is_sent, is_over;
    int broken;   /* what every later call answers; 0 = fine */
    int64_t left; /* of a body whose length was said; -1 = not said */
    int end;      /* enum http_result, once is_over */
    json_t *head; /* own; NULL = not here yet */
    int status;
    struct str url;       /* view into head */
    const json_t *fields; /* view into head; array of [name, value] */
    struct message piece; /* own; body bytes that are being read */
    struct str rest;      /* view into piece */
    char why[512];
};

static const char *const names[] = {"ok",     "denied:net", "quota",    "bad",
                                    "failed", "timeout",    "cancelled"};

const char *http_result_name(int result)
{
    return result >= 0 && (size_t)result < ARRAY_LEN(names) ? names[result] : "failed";
}

static int say(struct http_client *c, int result, const char *fmt, ...) printf_like(3, 4);
static int say(struct http_client *c, int result, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, args);
    va_end(args);
    return result;
}

int http_client_new(own int fd, int cancel_fd, own struct http_client **ret)
{
    auto_(http_client) struct http_client *c = calloc(1, sizeof *c);
    if (!c) {
        os_close(fd);
        return -ENOMEM;
    }
    c->cancel_fd = cancel_fd;
    int r = channel_new(fd, permits_worker_http, QUEUE_MAX, &c->channel);
    if (r == 0)
        r = channel_set_nonblock(c->channel);
    if (r < 0)
        return r;
    channel_set_state(c->channel, STATE_IDLE);
    *ret = take(c);
    return 0;
}

void http_client_free(own struct http_client *c)
{
    if (!c)
        return;
    message_done(&c->piece);
    json_decref(c->head);
    channel_free(c->channel);
    free(c);
}

const char *http_client_why(const struct http_client *c)
{
    return c->why;
}

/* --- waiting --- */

/* Until something can be read or (for_write) written, as far as asked for.
 * 0 and what is there | HTTP_TIMEOUT | HTTP_CANCELLED | -errno */
static int wait_channel(struct http_client *c, bool for_read, bool for_write, int64_t deadline_ns,
                        bool *ret_readable)
{
    int fd = channel_fd(c->channel);
    struct os_fs_wait items[] = {{.fd = for_read ? fd : -1},
                                 {.fd = c->cancel_fd},
                                 {.fd = for_write ? fd : -1, .for_write = true}};
    for (;;) {
        int r = os_fs_wait(items, ARRAY_LEN(items), deadline_ns);
        if (r < 0)
            return r;
        if (r == 0 && items[1].is_ready)
            return say(c, HTTP_CANCELLED, "cancelled");
        *ret_readable = r == 0 && items[0].is_ready;
        if (r == 0)
            return 0;
        if (deadline_ns != INT64_MAX && os_now_mono_ns() >= deadline_ns)
            return say(c, HTTP_TIMEOUT, "the time for this call is over");
    }
}

/* --- what egress says --- */

static int breach(struct http_client *c, const char *what)
{
    c->broken = -FAULT_PROTOCOL;
    return say(c, -FAULT_PROTOCOL, "egress broke the protocol: %s", what);
}

static int take_head(struct http_client *c, struct message *m)
{
    int64_t status = 0;
    if (c->head || !m->body)
        return breach(c, "a head that is none, or a second one");
    if (json_get_i64(m->body, "status", 100, 999, &status, NULL) != 0 ||
        json_get_str(m->body, "url", &c->url, NULL) != 0 ||
        json_get_array(m->body, "headers", &c->fields, NULL) != 0 ||
        json_array_size(c->fields) > ANSWER_FIELDS_MAX)
        return breach(c, "a head without its parts");
    for (size_t i = 0; i < json_array_size(c->fields); i++) {
        const json_t *field = json_array_get(c->fields, i);
        if (json_array_size(field) != 2 || !json_is_string(json_array_get(field, 0)) ||
            !json_is_string(json_array_get(field, 1)))
            return breach(c, "a header that is none");
    }
    c->status = (int)status;
    c->head = take(m->body);
    return 0;
}

static int take_end(struct http_client *c, struct message *m)
{
    struct str outcome = {0}, text = {"", 0};
    if (!m->body || json_get_str(m->body, "outcome", &outcome, NULL) != 0 ||
        json_get_str(m->body, "text", &text, NULL) < 0)
        return breach(c, "an end without its outcome");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_is(outcome, names[i]))
            continue;
        if (i == HTTP_OK && !c->head)
            break; /* an answer that never was */
        c->is_over = true;
        c->end = (int)i;
        return say(c, 0, "%.*s", (int)(text.len < sizeof c->why ? text.len : sizeof c->why - 1),
                   text.at);
    }
    return breach(c, "an end that is none");
}

/* One frame, if one is here. 0 taken | NEEDS_MORE | negative. Body bytes stay in c->piece. */
static int take_frame(struct http_client *c)
{
    struct message m;
    struct fault why = {0};
    int r = channel_recv(c->channel, 0, &m, &why);
    if (r > 0)
        return NEEDS_MORE;
    if (r < 0)
        return say(c, r, "egress cannot be heard: %s", *why.text ? why.text : fault_sentence(r));
    if (m.id == c->id && c->is_open && !c->is_over) {
        if (m.type == WORKER_HTTP_HEAD)
            r = take_head(c, &m);
        else if (m.type == WORKER_HTTP_END)
            r = take_end(c, &m);
        else if (!c->head)
            r = breach(c, "a body before its head");
        else if (m.raw.len > 0) {
            c->piece = m;
            c->rest = m.raw;
            return 0;
        }
    } else if (m.id >= c->id && !(m.id == c->id && !c->is_open)) {
        r = breach(c, "an answer to no question");
    }
    message_done(&m);
    return r;
}

/* --- asking --- */

/* An answer before its time is looked at while egress takes no more, so that neither waits for the other for ever; only
 * bytes of a body stay where they are. */
static int flush(struct http_client *c, int64_t deadline_ns)
{
    int r;
    while ((r = channel_pump_out(c->channel)) > 0) {
        bool is_readable = false;
        r = wait_channel(c, c->rest.len == 0, true, deadline_ns, &is_readable);
        while (r == 0 && is_readable && c->rest.len == 0)
            r = take_frame(c);
        if (r != 0 && r != NEEDS_MORE)
            return r;
    }
    return r < 0 ? say(c, r, "egress takes nothing any more") : 0;
}

static int send_frame(struct http_client *c, uint16_t type, const json_t *body, struct str raw,
                      int64_t deadline_ns)
{
    int r = channel_send(c->channel, type, c->id, body, raw, NULL, 0);
    if (r == -EINVAL)
        return say(c, HTTP_BAD, "the request is not UTF-8");
    if (r < 0)
        return say(c, r, "egress takes nothing any more");
    return flush(c, deadline_ns);
}

static own json_t *begin_json(const struct http_ask *ask)
{
    auto_json json_t *fields = json_array();
    for (size_t i = 0; fields && i < ask->field_count; i++) {
        const struct http_field *f = &ask->fields[i];
        json_t *pair = json_pack("[s%, s%]", f->name.at, f->name.len, f->value.at, f->value.len);
        if (json_array_append_new(fields, pair) < 0)
            return NULL;
    }
    json_t *body =
        json_pack("{s:s%, s:s%, s:O, s:i}", "method", ask->method.at, ask->method.len, "url",
                  ask->url.at, ask->url.len, "headers", fields, "redirects", (int)ask->redirects);
    if (body && ask->has_body &&
        json_object_set_new(body, "body_size", json_integer(ask->body_size)) < 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

int http_client_begin(struct http_client *c, const struct http_ask *ask, int64_t deadline_ns)
{
    size_t size = 0;
    if (c->broken)
        return c->broken;
    if (c->is_open)
        return say(c, HTTP_BAD, "a request is open already: close it first");
    for (size_t i = 0; i < ask->field_count && i <= HTTP_FIELDS_MAX; i++)
        if (!size_add(size, ask->fields[i].name.len, &size) ||
            !size_add(size, ask->fields[i].value.len, &size))
            size = SIZE_MAX;
    if (ask->method.len > 32 || ask->url.len > HTTP_URL_MAX || ask->field_count > HTTP_FIELDS_MAX ||
        size > HTTP_FIELDS_SIZE_MAX || ask->redirects > HTTP_REDIRECTS_MAX)
        return say(c, HTTP_BAD, "the request is too large: method, URL, headers or redirects");
    auto_json json_t *body = begin_json(ask);
    if (!body)
        return say(c, HTTP_BAD, "the request is not UTF-8");
    c->id++;
    c->is_open = true;
    c->is_over = false;
    c->is_sent = !ask->has_body;
    c->left = ask->has_body ? ask->body_size : 0;
    c->why[0] = '\0';
    channel_set_state(c->channel, STATE_BUSY);
    int r = send_frame(c, EGRESS_HTTP_BEGIN, body, STR(""), deadline_ns);
    if (r == HTTP_BAD) /* nothing was sent */
        c->is_open = false;
    return r;
}

int http_client_send(struct http_client *c, struct str bytes, int64_t deadline_ns)
{
    if (c->broken)
        return c->broken;
    if (!c->is_open || c->is_sent)
        return say(c, HTTP_BAD, "this request has no body, or it is whole");
    if (c->left >= 0 && (uint64_t)c->left < bytes.len)
        return say(c, HTTP_BAD, "the body is longer than was said");
    c->left -= c->left >= 0 ? (int64_t)bytes.len : 0;
    while (bytes.len > 0 && !c->is_over) {
        struct str piece = {
            bytes.at, bytes.len < PROTOCOL_HTTP_PIECE_MAX ? bytes.len : PROTOCOL_HTTP_PIECE_MAX};
        int r = send_frame(c, EGRESS_HTTP_BODY, NULL, piece, deadline_ns);
        if (r != 0)
            return r;
        bytes = (struct str){bytes.at + piece.len, bytes.len - piece.len};
    }
    return HTTP_OK;
}

int http_client_end_body(struct http_client *c, int64_t deadline_ns)
{
    if (c->broken)
        return c->broken;
    if (!c->is_open || c->is_sent)
        return say(c, HTTP_BAD, "this request has no body, or it is whole");
    if (c->left > 0)
        return say(c, HTTP_BAD, "the body is shorter than was said");
    c->is_sent = true;
    return c->is_over ? HTTP_OK : send_frame(c, EGRESS_HTTP_SENT, NULL, STR(""), deadline_ns);
}

/* --- the answer --- */

static int wait_frame(struct http_client *c, int64_t deadline_ns)
{
    bool is_readable;
    int r = take_frame(c);
    return r != NEEDS_MORE ? r : wait_channel(c, true, false, deadline_ns, &is_readable);
}

int http_client_head(struct http_client *c, int64_t deadline_ns, struct http_head *ret)
{
    if (c->broken)
        return c->broken;
    if (!c->is_open)
        return say(c, HTTP_BAD, "no request is open");
    if (!c->is_sent && !c->head && !c->is_over)
        return say(c, HTTP_BAD, "the body of the request is not whole yet");
    while (!c->head && !c->is_over) {
        int r = wait_frame(c, deadline_ns);
        if (r != 0)
            return r;
    }
    if (!c->head)
        return c->end;
    *ret = (struct http_head){c->status, c->url, json_array_size(c->fields)};
    return HTTP_OK;
}

struct http_field http_client_field(const struct http_client *c, size_t i)
{
    const json_t *field = json_array_get(c->fields, i);
    const json_t *name = json_array_get(field, 0), *value = json_array_get(field, 1);
    must(c->head && name && value);
    return (struct http_field){{json_string_value(name), json_string_length(name)},
                               {json_string_value(value), json_string_length(value)}};
}

int http_client_read(struct http_client *c, void *at, size_t size, int64_t deadline_ns,
                     size_t *ret_len)
{
    if (c->broken)
        return c->broken;
    if (!c->is_open)
        return say(c, HTTP_BAD, "no request is open");
    *ret_len = 0;
    while (c->rest.len == 0 && !c->is_over) {
        int r = wait_frame(c, deadline_ns);
        if (r != 0)
            return r;
    }
    if (c->rest.len == 0)
        return c->end;
    size_t len = c->rest.len < size ? c->rest.len : size;
    memcpy(at, c->rest.at, len);
    c->rest = (struct str){c->rest.at + len, c->rest.len - len};
    if (c->rest.len == 0)
        message_done(&c->piece);
    *ret_len = len;
    return HTTP_OK;
}

void http_client_close(struct http_client *c)
{
    if (!c->is_open)
        return;
    /* Should it not go out at once, it waits in the queue before the next request. */
    (void)!channel_send(c->channel, EGRESS_HTTP_CLOSE, c->id, NULL, STR(""), NULL, 0);
    message_done(&c->piece);
    json_decref(c->head);
    c->head = NULL;
    c->fields = NULL;
    c->rest = (struct str){"", 0};
    c->is_open = c->is_over = false;
    channel_set_state(c->channel, STATE_IDLE);
}
