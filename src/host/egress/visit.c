/* See visit.h. States and their moves: HEAD -> ASKING (a plain request) or CONNECTING -> TUNNEL; all of them -> CLOSING, where what is
 * still to be said goes out and the client is given a moment to take it; -> over. Calls from below come in the midst of the
 * library's work, so that whatever frees something is left to the timer `soon`. */
#include "host/egress/visit.h"

#include "host/ask/http_client.h"
#include "host/egress/fetch.h"
#include "host/egress/tunnel.h"
#include "os/accept.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"
#include "wire/http_request.h"

#include <errno.h>
#include <stdio.h>

#define OUT_MAX ((size_t)1 << 20)
#define OUT_FULL ((size_t)256 << 10)
#define LINGER_NS                                                                                  \
    OS_NS_PER_S /* for a client to read a refusal before its own bytes make an error of it */
enum { PIECE = 16 << 10, IN_FULL = 64 << 10 };

struct visit {
    struct visit_host host;
    int fd; /* own */
    enum { HEAD, ASKING, CONNECTING, TUNNEL, CLOSING } state;
    struct os_watch *watch, *soon, *clock;
    struct buf in, out;
    size_t out_gone; /* bytes of out that have left */
    bool is_deaf;    /* nothing more is read from the client */
    bool is_lingering, is_over;

    struct http_request ask; /* from ASKING and CONNECTING on */
    bool has_ask;
    /* ASKING */
    struct fetch *fetch, *old; /* own; old: over, freed from the loop */
    struct http_chunks chunks;
    int64_t body_left; /* of a body of known length */
    bool is_starting, has_body, body_whole, head_told, is_chunking, ends_by_close;
    /* CONNECTING, TUNNEL */
    struct net_call *call; /* own; holds the connection */
    struct tunnel *tunnel; /* own */
    int server;            /* own; a second descriptor of that connection */
    bool has_end;
    int result; /* HTTP_*: how CONNECT ended */
    char why[URL_WHY_SIZE + 160], denied[URL_WHY_SIZE];
};

static void later(struct visit *v)
{
    os_watch_set_timer(v->soon, os_now_mono_ns());
}

static void finish(struct visit *v)
{
    v->is_over = true;
    later(v);
}

static void stir(struct visit *v)
{
    os_watch_set_timer(v->clock, os_now_mono_ns() + v->host.idle_ms * OS_NS_PER_MS);
}

static size_t out_left(const struct visit *v)
{
    return v->out.len - v->out_gone;
}

/* --- what is said to the client --- */

static void watch_client(struct visit *v)
{
    bool reads = !v->is_deaf && (v->state == HEAD || v->state == CLOSING ||
                                 (v->state == ASKING && v->in.len < IN_FULL));
    unsigned events = (reads ? OS_READ : 0u) | (out_left(v) > 0 ? OS_WRITE : 0u);
    if (v->watch && os_watch_set_events(v->watch, events) < 0)
        finish(v);
}

static void push(struct visit *v)
{
    while (out_left(v) > 0) {
        const struct iovec piece = {v->out.at + v->out_gone, out_left(v)};
        ssize_t n = os_socket_send(v->fd, &piece, 1, NULL, 0);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            finish(v); /* nobody reads any more */
            return;
        }
        v->out_gone += (size_t)n;
        if (v->state != CLOSING)
            stir(v);
    }
    buf_reset(&v->out);
    v->out_gone = 0;
}

static int say(struct visit *v, struct str bytes)
{
    if (v->out_gone > 0) {
        buf_drop_front(&v->out, v->out_gone);
        v->out_gone = 0;
    }
    return buf_add_str(&v->out, bytes);
}

/* Its last word is in `out`. */
static void close_down(struct visit *v)
{
    v->state = CLOSING;
    buf_reset(&v->in);
    os_watch_set_timer(v->clock, os_now_mono_ns() + v->host.idle_ms * OS_NS_PER_MS);
    later(v);
}

static void refuse(struct visit *v, int status, const char *sentence)
{
    char page[URL_WHY_SIZE + 700];
    static const struct {
        int status;
        const char *words;
    } words[] = {{400, "Bad Request"},
                 {403, "Forbidden"},
                 {408, "Request Timeout"},
                 {502, "Bad Gateway"},
                 {504, "Gateway Timeout"}};
    const char *word = "Refused";
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].status == status)
            word = words[i].words;
    int n = snprintf(page, sizeof page,
                     "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\nboxagnts: %.*s\n",
                     status, word, strlen("boxagnts: \n") + strnlen(sentence, 400),
                     (int)strnlen(sentence, 400), sentence);
    must(n > 0 && (size_t)n < sizeof page);
    if (say(v, (struct str){page, (size_t)n}) < 0)
        finish(v);
    else
        close_down(v);
}

static int status_of(int result)
{
    switch (result) {
    case HTTP_DENIED:
    case HTTP_QUOTA: return 403;
    case HTTP_BAD: return 400;
    case HTTP_TIMEOUT: return 504;
    default: return 502;
    }
}

/* --- a plain request: what its fetch asks and tells --- */

static int may_ask(const struct url *u, struct str method, char ret_why[URL_WHY_SIZE], void *arg)
{
    struct visit *v = arg;
    (void)method;
    return allowance_may_ask(v->host.allowance, u, false, ret_why);
}

static int may_connect_to(const struct url *u, const struct os_address *to,
                          char ret_why[URL_WHY_SIZE], void *arg)
{
    struct visit *v = arg;
    return allowance_may_connect(v->host.allowance, u, to, ret_why);
}

static bool may_use(const char *name, void *arg)
{
    (void)name, (void)arg;
    return false;
}

static bool spend(int64_t bytes, void *arg)
{
    struct visit *v = arg;
    return allowance_spend(v->host.allowance, bytes);
}

static bool is_full(void *arg)
{
    const struct visit *v = arg;
    return out_left(v) > OUT_FULL;
}

/* What belongs to the server's connection, or is said anew. */
static bool goes_back(const char *name)
{
    static const char *const stay[] = {"connection",       "keep-alive",        "te",
                                       "trailer",          "transfer-encoding", "upgrade",
                                       "proxy-connection", "content-length",    NULL};
    for (const char *const *s = stay; *s; s++)
        if (strcasecmp(name, *s) == 0)
            return false;
    return strncasecmp(name, "proxy-", 6) != 0;
}

static int tell_head(int status, struct str url, own json_t *fields, void *arg)
{
    struct visit *v = arg;
    auto_json json_t *held = fields;
    auto_done(buf) struct buf head;
    const char *length = NULL;
    (void)url;
    buf_init(&head, OUT_MAX / 2);
    buf_addf(&head, "HTTP/1.1 %d \r\n", status);
    for (size_t i = 0; i < json_array_size(held); i++) {
        const json_t *pair = json_array_get(held, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (strcasecmp(name, "content-length") == 0)
            length = value;
        else if (goes_back(name))
            buf_addf(&head, "%s: %s\r\n", name, value);
    }
    bool has_body =
        strcmp(v->ask.method, "HEAD") != 0 && status >= 200 && status != 204 && status != 304;
    v->is_chunking = has_body && !length && !v->ask.is_old;
    v->ends_by_close = has_body && !length && v->ask.is_old;
    if (length)
        buf_addf(&head, "content-length: %s\r\n", length);
    buf_addf(&head, "%sconnection: close\r\n\r\n",
             v->is_chunking ? "transfer-encoding: chunked\r\n" : "");
    v->head_told = true;
    int r = buf_error(&head);
    if (r == 0)
        r = say(v, buf_str(&head));
    later(v);
    return r;
}

static int tell_body(struct str bytes, void *arg)
{
    struct visit *v = arg;
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", bytes.len), r = 0;
    if (v->is_chunking)
        r = say(v, (struct str){size, (size_t)n});
    if (r == 0)
        r = say(v, bytes);
    if (r == 0 && v->is_chunking)
        r = say(v, STR("\r\n"));
    stir(v);
    later(v);
    return r;
}

static void tell_over(int result, const char *why, void *arg)
{
    struct visit *v = arg;
    v->old = take(v->fetch);
    later(v);
    if (v->is_over || v->state != ASKING)
        return;
    if (!v->head_told)
        refuse(v, result == HTTP_OK ? 502 : status_of(result),
               result == HTTP_OK ? "no answer" : why);
    else if (result != HTTP_OK && v->ends_by_close)
        finish(v); /* what is still to be said would look like all of it */
    else if (result != HTTP_OK)
        close_down(v); /* short of its length, or without a last chunk: the client sees it */
    else if (v->is_chunking && say(v, STR("0\r\n\r\n")) < 0)
        finish(v);
    else
        close_down(v);
}

static void has_room(void *arg)
{
    later(arg);
}

static own json_t *begin_json(const struct visit *v)
{
    auto_done(buf) struct buf url;
    auto_json json_t *fields = json_array();
    struct str name, value;
    buf_init(&url, 4 * URL_MAX);
    if (!fields || url_print(&v->ask.url, &url) < 0)
        return NULL;
    for (size_t at = 0; http_request_next(&v->ask, &at, &name, &value);)
        if (json_array_append_new(fields, json_pack("[s, s]", name.at, value.at)) < 0)
            return NULL;
    json_t *body = json_pack("{s:s, s:s, s:O, s:i}", "method", v->ask.method, "url",
                             buf_str(&url).at, "headers", fields, "redirects", 0);
    if (body && v->has_body)
        (void)json_object_set_new(body, "body_size", json_integer(v->ask.content_length));
    return body;
}

static void begin_plain(struct visit *v)
{
    const struct fetch_host host = {
        .net = v->host.net,
        .secrets = v->host.no_secrets,
        .idle_ms = v->host.idle_ms,
        .may_ask = may_ask,
        .may_connect = may_connect_to,
        .may_use = may_use,
        .spend = spend,
        .is_full = is_full,
        .head = tell_head,
        .body = tell_body,
        .room = has_room,
        .over = tell_over,
        .arg = v,
    };
    v->state = ASKING;
    v->has_body = v->ask.is_chunked || v->ask.content_length >= 0;
    v->body_left = v->ask.content_length;
    v->body_whole = !v->has_body;
    auto_json json_t *begin = begin_json(v);
    if (!begin || fetch_new(&host, begin, &v->fetch) < 0)
        refuse(v, 502, "no memory for a request");
    v->is_starting = v->fetch != NULL;
    later(v);
}

/* One piece of the request's body, out of `in`. false: it is none. */
static bool take_body_piece(struct visit *v)
{
    struct str rest = buf_str(&v->in), piece = rest;
    if (v->ask.is_chunked) {
        if (http_chunks_take(&v->chunks, &rest, &piece) < 0)
            return false;
        v->body_whole = v->chunks.state == HTTP_CHUNKS_WHOLE;
    } else {
        if ((int64_t)piece.len > v->body_left)
            piece.len = (size_t)v->body_left;
        rest = (struct str){rest.at + piece.len, rest.len - piece.len};
        v->body_left -= (int64_t)piece.len;
        v->body_whole = v->body_left == 0;
    }
    bool is_fine = piece.len == 0 || fetch_send(v->fetch, piece) == 0;
    buf_drop_front(&v->in, v->in.len - rest.len);
    return is_fine && (!v->body_whole || fetch_sent(v->fetch) == 0);
}

/* A body that is none takes the request with it. */
static void feed(struct visit *v)
{
    bool has_new = false;
    if (v->state != ASKING || !v->fetch || v->is_starting || v->body_whole)
        return;
    if (v->has_body && !v->ask.is_chunked && v->body_left == 0) {
        v->body_whole = true;
        if (fetch_sent(v->fetch) < 0)
            finish(v);
        has_new = true;
    }
    while (!v->body_whole && v->in.len > 0 && !fetch_is_full(v->fetch)) {
        has_new = true;
        if (take_body_piece(v))
            continue;
        fetch_free(take(v->fetch));
        if (v->head_told)
            finish(v);
        else
            refuse(v, 400, "the request's body is not in chunks, though it says so");
        return;
    }
    if (has_new)
        fetch_go_on(v->fetch); /* may end it */
}

/* --- a tunnel --- */

static bool may_connect(const struct os_address *to, void *arg)
{
    struct visit *v = arg;
    return allowance_may_connect(v->host.allowance, &v->ask.url, to, v->denied) == 0;
}

static void on_connected(const struct net_end *end, void *arg)
{
    struct visit *v = arg;
    v->has_end = true;
    if (end->outcome == NET_DONE && net_call_socket(v->call, &v->server) < 0) {
        v->result = HTTP_FAILED;
        snprintf(v->why, sizeof v->why, "the connection has gone again");
    } else if (end->outcome != NET_DONE && v->denied[0]) {
        v->result = HTTP_DENIED;
        snprintf(v->why, sizeof v->why, "%s", v->denied);
    } else if (end->outcome != NET_DONE) {
        v->result = end->outcome == NET_IDLE ? HTTP_TIMEOUT : HTTP_FAILED;
        snprintf(v->why, sizeof v->why, "%s: %.150s",
                 end->outcome == NET_NO_NAME ? "the host's name has no address" : "no connection",
                 end->text);
    }
    later(v);
}

static int open_connection(struct visit *v)
{
    static const char *const no_headers[] = {NULL};
    char target[NET_TARGET_MAX], url[NET_TARGET_MAX + 16];
    net_target_print(&v->ask.url, target);
    snprintf(url, sizeof url, "http://%s/", target); /* TLS is the client's own */
    const struct net_ask ask = {
        .url = url,
        .headers = no_headers,
        .is_connection = true,
        .idle_ms = v->host.idle_ms,
        .events = {.may_connect = may_connect, .on_end = on_connected, .arg = v},
    };
    return net_call_new(v->host.net, &ask, &v->call);
}

static void begin_tunnel(struct visit *v)
{
    char why[URL_WHY_SIZE] = "";
    v->state = CONNECTING;
    int r = allowance_may_ask(v->host.allowance, &v->ask.url, true, why);
    if (r != 0)
        refuse(v, status_of(r), why);
    else if (open_connection(v) < 0)
        refuse(v, 502, "no memory for a connection");
}

static void on_tunnel_over(void *arg)
{
    finish(arg);
}

static void open_tunnel(struct visit *v)
{
    if (v->result != 0) {
        refuse(v, status_of(v->result), v->why);
        return;
    }
    os_watch_free(take(v->watch)); /* one watch for one descriptor */
    const struct tunnel_config config = {
        .loop = v->host.loop,
        .allowance = v->host.allowance,
        .idle_ms = v->host.idle_ms,
        .client = v->fd,
        .server = v->server,
        .to_client = STR("HTTP/1.1 200 Connection established\r\n\r\n"),
        .to_server = buf_str(&v->in),
        .over = on_tunnel_over,
        .arg = v,
    };
    int r = tunnel_new(&config, &v->tunnel);
    v->state = TUNNEL;
    os_watch_set_timer(v->clock, INT64_MAX); /* it has one of its own */
    if (r < 0)
        finish(v);
}

/* --- from the client --- */

static void take_head(struct visit *v)
{
    char why[URL_WHY_SIZE] = "";
    size_t len = http_request_head_len(buf_str(&v->in));
    if (len == 0 && v->in.len < HTTP_REQUEST_HEAD_MAX)
        return;
    int r = len == 0 ? -E2BIG : http_request_parse((struct str){v->in.at, len}, &v->ask, why);
    if (r < 0) {
        refuse(v, 400,
               r == -E2BIG    ? "the request's head is longer than 64 KiB"
               : r == -ENOMEM ? "no memory for a request"
                              : why);
        return;
    }
    v->has_ask = true;
    buf_drop_front(&v->in, len);
    stir(v);
    if (v->ask.is_connect)
        begin_tunnel(v);
    else
        begin_plain(v);
}

static void hear(struct visit *v)
{
    char piece[PIECE];
    size_t room = v->state == HEAD ? HTTP_REQUEST_HEAD_MAX - v->in.len : sizeof piece;
    ssize_t n = os_read(v->fd, piece, room < sizeof piece ? room : sizeof piece);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        v->is_deaf = true;
        /* Without a whole request there is nothing to answer; with one it may still want to read. */
        if (n < 0 || v->state == HEAD || (v->state == ASKING && !v->body_whole) ||
            (v->state == CLOSING && out_left(v) == 0))
            finish(v);
        return;
    }
    if (v->state == CLOSING || (v->state == ASKING && v->body_whole))
        return; /* nobody's bytes */
    if (buf_add(&v->in, piece, (size_t)n) < 0) {
        finish(v);
        return;
    }
    if (v->state == HEAD)
        take_head(v);
    else
        stir(v);
    feed(v);
}

static void on_client(int fd, unsigned events, void *arg)
{
    struct visit *v = arg;
    (void)fd;
    if (v->is_over)
        return;
    if ((events & OS_WRITE) != 0) {
        push(v);
        if (v->fetch && !v->is_starting)
            fetch_go_on(v->fetch);
    }
    if ((events & (OS_READ | OS_HUP)) != 0 && !v->is_deaf)
        hear(v);
    if (v->state == CLOSING)
        later(v);
    if (v->watch)
        watch_client(v);
}

/* --- from the loop --- */

static void start_fetch(struct visit *v)
{
    v->is_starting = false;
    fetch_start(v->fetch); /* may end it */
    if (v->fetch && v->ask.wants_continue && v->has_body && !v->ask.is_old &&
        say(v, STR("HTTP/1.1 100 Continue\r\n\r\n")) < 0)
        finish(v);
}

static void on_soon(void *arg)
{
    struct visit *v = arg;
    fetch_free(take(v->old));
    if (!v->is_over && v->is_starting)
        start_fetch(v);
    if (!v->is_over && v->state == CONNECTING && v->has_end)
        open_tunnel(v);
    feed(v);
    if (!v->is_over && v->state != TUNNEL)
        push(v);
    if (!v->is_over && v->fetch && !is_full(v))
        fetch_go_on(v->fetch); /* it may have waited for that */
    if (!v->is_over && v->state == CLOSING && out_left(v) == 0 && !v->is_lingering) {
        v->is_lingering = true;
        if (v->is_deaf || os_end_sending(v->fd) < 0)
            finish(v);
        os_watch_set_timer(v->clock, os_now_mono_ns() + LINGER_NS);
    }
    if (v->is_over)
        v->host.over(v, v->host.arg); /* v is gone */
    else if (v->watch)
        watch_client(v);
}

static void on_clock(void *arg)
{
    struct visit *v = arg;
    bool waits_for_client =
        v->state == HEAD || out_left(v) > 0 || (v->state == ASKING && !v->body_whole);
    if (v->state == CLOSING || (waits_for_client && (out_left(v) > 0 || v->head_told)))
        finish(v);
    else if (waits_for_client) {
        fetch_free(take(v->fetch));
        refuse(v, 408, "nothing came for too long");
    } else {
        stir(v); /* the network's end has clocks of its own */
    }
}

int visit_new(const struct visit_host *host, own int fd, own struct visit **ret)
{
    auto_close int held = fd;
    auto_(visit) struct visit *v = calloc(1, sizeof *v);
    if (!v)
        return -ENOMEM;
    v->host = *host;
    v->fd = take_fd(&held);
    v->server = -1;
    buf_init(&v->in, HTTP_REQUEST_HEAD_MAX + IN_FULL);
    buf_init(&v->out, OUT_MAX);
    int r = os_loop_watch_timer(host->loop, INT64_MAX, on_soon, v, &v->soon);
    if (r == 0)
        r = os_loop_watch_timer(host->loop, INT64_MAX, on_clock, v, &v->clock);
    if (r == 0)
        r = os_loop_watch_fd(host->loop, v->fd, OS_READ, on_client, v, &v->watch);
    if (r < 0)
        return r;
    stir(v);
    *ret = take(v);
    return 0;
}

void visit_free(own struct visit *v)
{
    if (!v)
        return;
    tunnel_free(v->tunnel);
    fetch_free(v->fetch);
    fetch_free(v->old);
    net_call_free(v->call);
    os_watch_free(v->watch);
    os_watch_free(v->soon);
    os_watch_free(v->clock);
    os_close(v->server);
    os_close(v->fd);
    if (v->has_ask)
        http_request_done(&v->ask);
    buf_done(&v->in);
    buf_done(&v->out);
    free(v);
}
