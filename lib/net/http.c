/* The multi handle and its sockets and timer as watches of the loop; calls as easy handles. Stands in egress,
 * on the side of the network: everything that arrives is hostile bytes, capped here before it is handed on. */
#include "net/http.h"

#include "os/clock.h"
#include "os/fd.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

enum { HEADERS_MAX = 96, HEAD_VALUE_MAX = 256 };
#define CONNECTIONS_MAX                                                                            \
    1024L /* with fewer, an old one that stands for its user would be closed for a new one */

struct net {
    struct os_loop *loop;
    CURLM *multi;
    CURLSH *shared; /* TLS sessions: a new connection each time, but not a whole handshake */
    struct os_watch *timer;
    struct net_config config;
    bool is_checking;
};

struct net_call {
    struct net *net;
    CURL *easy;
    struct net_events events;
    struct os_watch *idle;
    int64_t idle_ns, body_max, body_len;
    struct curl_slist headers[HEADERS_MAX]; /* ours, so that no copy of a key is made */
    char error[CURL_ERROR_SIZE];
    size_t head_len;
    char content_type[HEAD_VALUE_MAX], retry_after[HEAD_VALUE_MAX], retry_after_ms[HEAD_VALUE_MAX];
    bool in_multi, was_sent, head_told, is_waiting, is_send_waiting, is_connection;
    enum net_outcome stopped; /* why a callback of ours ended it; NET_DONE = it did not */
};

int net_start(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

int net_parse_date(struct str text, int64_t *ret_s)
{
    char copy[64];
    if (text.len >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    time_t t = curl_getdate(copy, NULL);
    if (t < 0)
        return -EINVAL;
    *ret_s = t;
    return 0;
}

/* --- the head, told once --- */

/* returns false when it is to stop */
static bool tell_head(struct net_call *c)
{
    long status = 0;
    if (c->head_told)
        return true;
    c->head_told = true;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    const struct net_head head = {
        .status = (int)status,
        .content_type = str_of(c->content_type),
        .retry_after = str_of(c->retry_after),
        .retry_after_ms = str_of(c->retry_after_ms),
        .is_redirect = status >= 300 && status < 400,
    };
    return c->events.on_head(&head, c->events.arg) >= 0;
}

/* --- the end of calls --- */

static enum net_outcome outcome_of(const struct net_call *c, CURLcode code)
{
    if (c->stopped != NET_DONE)
        return c->stopped;
    switch (
        (int)code) { /* the library's enum grows; what is not named here is one of the last two */
    case CURLE_OK: return NET_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return NET_NO_NAME;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_INVALIDCERTSTATUS: return c->was_sent ? NET_CUT : NET_NO_TLS;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2: return NET_GARBLED;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_URL_MALFORMAT:
    case CURLE_FAILED_INIT: return NET_FAULT;
    default: return c->was_sent ? NET_CUT : NET_NO_CONNECT;
    }
}

static void leave_multi(struct net_call *c)
{
    if (c->in_multi)
        curl_multi_remove_handle(c->net->multi, c->easy);
    c->in_multi = false;
    if (c->idle != NULL)
        os_watch_set_timer(c->idle, INT64_MAX);
}

static void tell_end(struct net_call *c, enum net_outcome outcome)
{
    curl_off_t in = 0, out = 0;
    long head = 0, request = 0;
    curl_easy_getinfo(c->easy, CURLINFO_SIZE_DOWNLOAD_T, &in);
    curl_easy_getinfo(c->easy, CURLINFO_HEADER_SIZE, &head);
    curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &out);
    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &request);
    if (c->is_connection && outcome == NET_DONE)
        os_watch_set_timer(c->idle, INT64_MAX); /* out of the multi it would be closed */
    else
        leave_multi(c);
    const struct net_end end = {
        .outcome = outcome,
        .text = c->error,
        .was_sent = c->was_sent,
        .bytes_in = in + head,
        .bytes_out = out + request,
    };
    c->events.on_end(&end, c->events.arg);
}

static void check_ends(struct net *n)
{
    int left;
    CURLMsg *m;
    if (n->is_checking)
        return;
    n->is_checking = true;
    while ((m = curl_multi_info_read(n->multi, &left)) != NULL) {
        char *mine = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE ||
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &mine) != CURLE_OK)
            continue;
        struct net_call *c = (struct net_call *)(void *)mine;
        if (code == CURLE_OK && !c->is_connection && !tell_head(c)) /* an answer without a body */
            c->stopped = NET_STOPPED;
        tell_end(c, outcome_of(c, code));
    }
    n->is_checking = false;
}

/* --- the loop --- */

static void drive(struct net *n, curl_socket_t fd, int what)
{
    int running;
    (void)curl_multi_socket_action(n->multi, fd, what, &running);
    check_ends(n);
}

static void on_fd(int fd, unsigned events, void *arg)
{
    int what =
        (events & OS_READ ? CURL_CSELECT_IN : 0) | (events & OS_WRITE ? CURL_CSELECT_OUT : 0);
    drive(arg, fd, what != 0 ? what : CURL_CSELECT_ERR);
}

static void on_timer(void *arg)
{
    drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
    struct net *n = arg;
    struct os_watch *w = watch;
    (void)easy;
    unsigned events = what == CURL_POLL_IN    ? OS_READ
                      : what == CURL_POLL_OUT ? OS_WRITE
                                              : OS_READ | OS_WRITE;
    if (what == CURL_POLL_REMOVE) {
        os_watch_free(w);
        (void)curl_multi_assign(n->multi, fd, NULL);
        return 0;
    }
    if (w != NULL)
        return os_watch_set_events(w, events) < 0 ? -1 : 0;
    if (os_loop_watch_fd(n->loop, fd, events, on_fd, n, &w) < 0)
        return -1;
    return curl_multi_assign(n->multi, fd, w) == CURLM_OK ? 0 : -1;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct net *n = arg;
    (void)multi;
    os_watch_set_timer(n->timer,
                       timeout_ms < 0 ? INT64_MAX : os_now_mono_ns() + timeout_ms * OS_NS_PER_MS);
    return 0;
}

int net_new(struct os_loop *loop, const struct net_config *config, own struct net **ret)
{
    auto_(net) struct net *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return -ENOMEM;
    n->loop = loop;
    n->config = *config;
    int r = os_loop_watch_timer(loop, INT64_MAX, on_timer, n, &n->timer);
    if (r < 0)
        return r;
    n->multi = curl_multi_init();
    n->shared = curl_share_init();
    if (n->multi == NULL || n->shared == NULL)
        return -ENOMEM;
    curl_share_setopt(n->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    curl_multi_setopt(n->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(n->multi, CURLMOPT_SOCKETDATA, n);
    curl_multi_setopt(n->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(n->multi, CURLMOPT_TIMERDATA, n);
    *ret = take(n);
    return 0;
}

void net_free(own struct net *n)
{
    if (n == NULL)
        return;
    if (n->multi != NULL)
        curl_multi_cleanup(n->multi);
    if (n->shared != NULL)
        curl_share_cleanup(n->shared);
    os_watch_free(n->timer);
    free(n);
}

/* --- what arrives --- */

static void stir(struct net_call *c)
{
    os_watch_set_timer(c->idle, os_now_mono_ns() + c->idle_ns);
}

static void on_idle(void *arg)
{
    struct net_call *c = arg;
    if (c->is_waiting || c->is_send_waiting) /* it is we who do not take, or do not give */
        stir(c);
    else
        tell_end(c, NET_IDLE);
}

static size_t stop(struct net_call *c, enum net_outcome why)
{
    c->stopped = why;
    return 0; /* less than what was offered: the library ends the transfer */
}

static void keep(struct str line, struct str name, char ret[HEAD_VALUE_MAX])
{
    struct str key, value;
    if (!str_split(line, ':', &key, &value) || key.len != name.len ||
        strncasecmp(key.at, name.at, name.len) != 0)
        return;
    value = str_trim(value);
    size_t len = value.len < HEAD_VALUE_MAX ? value.len : HEAD_VALUE_MAX - 1;
    memcpy(ret, value.at, len);
    ret[len] = '\0';
}

/* One line of a head; an interim answer's (1xx) and a proxy's come before the real one. */
static size_t on_head_line(char *at, size_t size, size_t count, void *arg)
{
    struct net_call *c = arg;
    size_t len = size * count;
    stir(c);
    if (len > NET_HEAD_MAX - c->head_len)
        return stop(c, NET_GARBLED);
    c->head_len += len;
    struct str line = {at, len};
    if (c->events.on_line != NULL && c->events.on_line(line, c->events.arg) < 0)
        return stop(c, NET_STOPPED);
    if (str_starts(line, STR("HTTP/")))
        c->content_type[0] = c->retry_after[0] = c->retry_after_ms[0] = '\0';
    if (!c->head_told) { /* later lines are trailers, which say nothing to us */
        keep(line, STR("content-type"), c->content_type);
        keep(line, STR("retry-after"), c->retry_after);
        keep(line, STR("retry-after-ms"), c->retry_after_ms);
    }
    return len;
}

static size_t on_body_piece(char *at, size_t size, size_t count, void *arg)
{
    struct net_call *c = arg;
    size_t len = size * count;
    stir(c);
    if (!tell_head(c))
        return stop(c, NET_STOPPED);
    if ((int64_t)len > c->body_max - c->body_len)
        return stop(c, NET_TOO_LONG);
    int r = c->events.on_body((struct str){at, len}, c->events.arg);
    if (r < 0)
        return stop(c, NET_STOPPED);
    c->is_waiting = r == NET_WAIT;
    if (c->is_waiting)
        return CURL_WRITEFUNC_PAUSE;
    c->body_len += (int64_t)len;
    return len;
}

int net_call_socket(const struct net_call *c, int *ret_fd)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
        return -ENOTCONN;
    auto_close int copy = -1;
    int r = os_dup(fd, 3, &copy);
    if (r == 0)
        r = os_set_nonblock(copy, true);
    if (r == 0)
        *ret_fd = take_fd(&copy);
    return r;
}

void net_call_go_on(struct net_call *c)
{
    if (!c->is_waiting && !c->is_send_waiting)
        return;
    c->is_waiting = c->is_send_waiting = false;
    curl_easy_pause(c->easy, CURLPAUSE_CONT);
    check_ends(c->net);
}

/* --- what goes out --- */

static size_t on_upload(char *at, size_t size, size_t count, void *arg)
{
    struct net_call *c = arg;
    ssize_t n = c->events.on_send(at, size * count, c->events.arg);
    c->is_send_waiting = n == NET_SEND_WAIT;
    if (c->is_send_waiting)
        return CURL_READFUNC_PAUSE;
    if (n < 0) {
        c->stopped = NET_STOPPED;
        return CURL_READFUNC_ABORT;
    }
    stir(c);
    return (size_t)n;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct net_call *c = arg;
    struct os_address address;
    if (purpose != CURLSOCKTYPE_IPCXN || os_address_of(&to->addr, to->addrlen, &address) < 0)
        return CURL_SOCKET_BAD;
    if (!c->events.may_connect(&address, c->events.arg))
        return CURL_SOCKET_BAD;
    int fd = os_address_socket(&address);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    (void)arg;
    os_close(fd);
    return 0;
}

/* The last moment before the request's first byte. */
static int on_request(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct net_call *c = arg;
    (void)to, (void)from, (void)to_port, (void)from_port;
    c->was_sent = true;
    stir(c);
    return CURL_PREREQFUNC_OK;
}

static int add_headers(struct net_call *c, const char *const *headers)
{
    size_t count = 0;
    for (; headers[count] != NULL; count++) {
        if (count == HEADERS_MAX)
            return -E2BIG;
        union {
            const char *in;
            char *out;
        } text = {headers[count]}; /* the library only reads it */
        c->headers[count] = (struct curl_slist){.data = text.out};
        if (count > 0)
            c->headers[count - 1].next = &c->headers[count];
    }
    return 0;
}

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(c->easy, CURLOPT_##option, value) != CURLE_OK)                        \
            return -EINVAL;                                                                        \
    } while (0)

static int set_rules(struct net_call *c)
{
    const struct net_config *config = &c->net->config;
    SET(PROTOCOLS_STR, "http,https");
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(HTTP09_ALLOWED, 0L);
    SET(FOLLOWLOCATION, 0L);
    SET(PATH_AS_IS, 1L); /* the path is normal already; not once more, and not in another way */
    SET(HTTP_CONTENT_DECODING, 0L); /* nothing is unpacked: what arrives is what was counted */
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(FRESH_CONNECT, 1L);
    SET(FORBID_REUSE, 1L);
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT, 1L); /* a call that is freed does not wait for its name lookup */
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config->ca_file != NULL)
        SET(CAINFO, config->ca_file);
    SET(PROXY, config->proxy != NULL ? config->proxy : ""); /* "" also keeps the environment out */
    SET(NOPROXY, config->proxy_exceptions != NULL ? config->proxy_exceptions : "");
    SET(SUPPRESS_CONNECT_HEADERS, 1L);
    SET(SHARE, c->net->shared);
    return 0;
}

static int set_method(struct net_call *c, const struct net_ask *ask)
{
    if (ask->is_connection) {
        SET(CONNECT_ONLY, 1L);
        SET(FORBID_REUSE,
            0L); /* it would be closed as soon as it stands; the library gives it to no other call */
        return 0;
    }
    if (ask->method == NULL) {
        SET(POST, 1L);
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len);
        SET(POSTFIELDS, ask->body.at);
        return 0;
    }
    if (ask->is_streamed) {
        SET(UPLOAD, 1L);
        SET(INFILESIZE_LARGE, (curl_off_t)ask->stream_size);
        SET(READFUNCTION, on_upload);
        SET(READDATA, c);
    } else if (strcmp(ask->method, "HEAD") == 0) {
        SET(NOBODY, 1L);
    } else {
        SET(HTTPGET, 1L);
    }
    SET(CUSTOMREQUEST, ask->method);
    return 0;
}

static int set_call(struct net_call *c, const struct net_ask *ask)
{
    int r = add_headers(c, ask->headers);
    if (r == 0)
        r = set_method(c, ask);
    if (r < 0)
        return r;
    SET(URL, ask->url);
    if (ask->headers[0] != NULL)
        SET(HTTPHEADER, c->headers);
    SET(CONNECTTIMEOUT_MS, (long)(ask->connect_ms ? ask->connect_ms : NET_CONNECT_MS));
    SET(ERRORBUFFER, c->error);
    SET(PRIVATE, c);
    SET(HEADERFUNCTION, on_head_line);
    SET(HEADERDATA, c);
    SET(WRITEFUNCTION, on_body_piece);
    SET(WRITEDATA, c);
    SET(OPENSOCKETFUNCTION, on_open);
    SET(OPENSOCKETDATA, c);
    SET(CLOSESOCKETFUNCTION, on_close);
    SET(PREREQFUNCTION, on_request);
    SET(PREREQDATA, c);
    return 0;
}

DEFINE_FREEP(net_call, struct net_call);

int net_call_new(struct net *n, const struct net_ask *ask, own struct net_call **ret)
{
    auto_(net_call) struct net_call *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    c->net = n;
    c->events = ask->events;
    c->is_connection = ask->is_connection;
    c->idle_ns = (ask->idle_ms ? ask->idle_ms : NET_IDLE_MS) * OS_NS_PER_MS;
    c->body_max = ask->body_max ? ask->body_max : NET_BODY_MAX;
    int r = os_loop_watch_timer(n->loop, INT64_MAX, on_idle, c, &c->idle);
    if (r < 0)
        return r;
    if ((c->easy = curl_easy_init()) == NULL)
        return -ENOMEM;
    if ((r = set_rules(c)) < 0 || (r = set_call(c, ask)) < 0)
        return r;
    if (curl_multi_add_handle(n->multi, c->easy) != CURLM_OK)
        return -ENOMEM;
    c->in_multi = true;
    *ret = take(c);
    return 0;
}

void net_call_free(own struct net_call *c)
{
    if (c == NULL)
        return;
    if (c->easy != NULL) {
        leave_multi(c);
        curl_easy_cleanup(c->easy);
    }
    os_watch_free(c->idle);
    free(c);
}
