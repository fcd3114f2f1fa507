/* See fetch.h. Each hop is a call of its own: a new connection, judged anew, with the secrets of its own host only. The
 * guest's headers were checked once; on another origin only the harmless ones go on. An answer's head is judged by our own
 * reading (wire/http_head.h) beside the library's, and refused when they could differ. */
#include "host/egress/fetch.h"

#include "wire/http_head.h"

#include <errno.h>
#include <stdio.h>

enum {
    LINES_MAX = HTTP_FIELDS_MAX + GUEST_SECRETS_MAX + 4,
    SEND_HIGH = 256 << 10, /* bytes of a request's body that wait here at most, about */
    PIECE = 64 << 10,
};

struct fetch {
    struct fetch_host host;
    char method[20];
    struct url url;               /* own; of this hop */
    char *url_text;               /* own */
    char *lines[HTTP_FIELDS_MAX]; /* own; the guest's headers */
    size_t line_count;
    const char *sent[LINES_MAX + 1]; /* of this hop; borrowed */
    unsigned redirects_left;
    bool has_body, is_sent, has_secret, has_left_origin;
    int64_t size, given; /* of the body: said (-1 = not), come so far */
    struct buf body;     /* waits to go out */
    struct net_call *call;
    struct http_answer answer;
    struct redaction redaction;
    struct buf out;
    bool has_head, is_over;
    struct url next; /* own; where a redirect leads; path NULL = none */
    int result;      /* why it was stopped from here; 0 = it was not */
    char why[URL_WHY_SIZE + 160];
    char denied[URL_WHY_SIZE]; /* the last address that was refused */
};

static int stop(struct fetch *f, int result, const char *why)
{
    if (f->result == 0) {
        f->result = result;
        snprintf(f->why, sizeof f->why, "%s", why);
    }
    return -1;
}

static void say_over(struct fetch *f, int result, const char *why)
{
    if (f->is_over)
        return;
    f->is_over = true;
    f->host.over(result, why, f->host.arg); /* f may be gone */
}

/* --- the answer --- */

static int on_line(struct str line, void *arg)
{
    struct fetch *f = arg;
    if (!f->host.spend((int64_t)line.len, f->host.arg))
        return stop(f, HTTP_QUOTA, "max_http_bytes is used up");
    if (f->has_head || f->next.path) /* trailers say nothing to us */
        return 0;
    int r = http_answer_line(&f->answer, line);
    if (r == -EINVAL)
        return stop(f, HTTP_FAILED, f->answer.fault);
    return r < 0 ? stop(f, HTTP_FAILED, "no memory for an answer") : 0;
}

static own json_t *redacted(struct fetch *f, struct str text)
{
    auto_done(buf) struct buf out;
    buf_init(&out, (size_t)1 << 20);
    if (guest_secrets_redact(f->host.secrets, text, &out) < 0)
        return NULL;
    return json_string_lossy(buf_str(&out));
}

static own json_t *fields_json(struct fetch *f)
{
    auto_json json_t *list = json_array();
    struct str name, value;
    for (size_t at = 0; list && http_answer_next(&f->answer, &at, &name, &value);) {
        json_t *pair = json_pack("[o, o]", redacted(f, name), redacted(f, value));
        if (json_array_append_new(list, pair) < 0)
            return NULL;
    }
    return take(list);
}

static int tell_head(struct fetch *f)
{
    auto_done(buf) struct buf url;
    buf_init(&url, (size_t)1 << 20);
    json_t *fields = fields_json(f);
    int r = fields ? guest_secrets_redact(f->host.secrets, str_of(f->url_text), &url) : -ENOMEM;
    if (r < 0) {
        json_decref(fields);
        return stop(f, HTTP_FAILED, "no memory for an answer");
    }
    f->has_head = true;
    r = f->host.head(f->answer.status, buf_str(&url), fields, f->host.arg);
    return r < 0 ? stop(f, HTTP_FAILED, "its head is too large") : 0;
}

/* Where a redirect leads. 0 = it is followed, 1 = the answer itself is the guest's. */
static int find_next(struct fetch *f)
{
    int status = f->answer.status;
    bool is_redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    bool keeps_body =
        status == 307 || status == 308 || (status != 303 && strcmp(f->method, "POST") != 0);
    char why[URL_WHY_SIZE] = "";
    if (!is_redirect || f->redirects_left == 0 || f->answer.location[0] == '\0' ||
        (keeps_body && f->has_body))
        return 1; /* a body has gone by and is not here to be sent again */
    if (guest_secrets_is_in(f->host.secrets, str_of(f->answer.location)))
        return stop(f, HTTP_DENIED, "the redirect has a secret in it");
    int r = url_resolve(&f->url, str_of(f->answer.location), &f->next, why);
    if (r == -EINVAL) {
        char text[URL_WHY_SIZE + 40];
        snprintf(text, sizeof text, "the redirect's URL %s", why);
        return stop(f, HTTP_FAILED, text);
    }
    return r < 0 ? stop(f, HTTP_FAILED, "no memory for a redirect") : 0;
}

static int on_head(const struct net_head *head, void *arg)
{
    struct fetch *f = arg;
    if (f->result != 0)
        return -1;
    if (f->answer.status != head->status)
        return stop(f, HTTP_FAILED, "its first line can be read in two ways");
    if (f->answer.is_encoded && f->has_secret)
        return stop(
            f, HTTP_FAILED,
            "it is packed (content-encoding), and cannot be read for the secret that was sent");
    int r = find_next(f);
    if (r <= 0)
        return -1; /* over, or on to the next hop: this body is not wanted */
    return tell_head(f);
}

static int forward(struct fetch *f, struct str bytes, bool is_last)
{
    buf_reset(&f->out);
    if (redaction_feed(&f->redaction, bytes, is_last, &f->out) < 0)
        return stop(f, HTTP_FAILED, "no memory for an answer");
    for (struct str rest = buf_str(&f->out); rest.len > 0;) {
        struct str piece = {rest.at, rest.len < PIECE ? rest.len : PIECE};
        if (f->host.body(piece, f->host.arg) < 0)
            return stop(f, HTTP_FAILED, "the worker takes no more");
        rest = (struct str){rest.at + piece.len, rest.len - piece.len};
    }
    return NET_TAKEN;
}

static int on_body(struct str bytes, void *arg)
{
    struct fetch *f = arg;
    if (f->result != 0 || f->next.path)
        return -1;
    if (f->host.is_full(f->host.arg))
        return NET_WAIT;
    if (!f->host.spend((int64_t)bytes.len, f->host.arg))
        return stop(f, HTTP_QUOTA, "max_http_bytes is used up");
    return forward(f, bytes, false);
}

/* --- a hop --- */

static bool may_connect(const struct os_address *to, void *arg)
{
    struct fetch *f = arg;
    return f->host.may_connect(&f->url, to, f->denied, f->host.arg) == 0;
}

static ssize_t on_send(char *at, size_t size, void *arg)
{
    struct fetch *f = arg;
    if (f->body.len == 0)
        return f->is_sent ? 0 : NET_SEND_WAIT;
    size_t len = f->body.len < size ? f->body.len : size;
    if (!f->host.spend((int64_t)len, f->host.arg)) {
        (void)stop(f, HTTP_QUOTA, "max_http_bytes is used up");
        return NET_SEND_STOP;
    }
    memcpy(at, f->body.at, len);
    buf_drop_front(&f->body, len);
    f->host.room(f->host.arg);
    return (ssize_t)len;
}

static bool begin_hop(struct fetch *f);

/* What the network's end means for the guest. */
static int meaning(struct fetch *f, const struct net_end *end, const char **ret_why)
{
    static const char *const sentences[] = {
        [NET_NO_NAME] = "the host's name has no address", [NET_NO_CONNECT] = "no connection",
        [NET_NO_TLS] = "no TLS that is trusted",          [NET_CUT] = "the connection broke",
        [NET_IDLE] = "nothing came for too long",         [NET_GARBLED] = "the answer is not HTTP",
        [NET_TOO_LONG] = "the answer is too long",        [NET_STOPPED] = "it was stopped",
        [NET_FAULT] = "the request cannot be made",
    };
    if (f->result != 0)
        return f->result;
    if (end->outcome == NET_DONE)
        return HTTP_OK;
    bool is_denied = end->outcome == NET_NO_CONNECT && f->denied[0];
    auto_done(buf) struct buf text;
    buf_init(&text, 4096);
    if (*end->text && !is_denied)
        (void)!guest_secrets_redact(f->host.secrets, str_of(end->text), &text);
    snprintf(f->why, sizeof f->why, "%s%s%.150s", is_denied ? f->denied : sentences[end->outcome],
             text.len ? ": " : "", buf_str(&text).at);
    *ret_why = f->why;
    return is_denied ? HTTP_DENIED : end->outcome == NET_IDLE ? HTTP_TIMEOUT : HTTP_FAILED;
}

static void follow(struct fetch *f)
{
    net_call_free(take(f->call));
    if (!url_same_origin(&f->url, &f->next))
        f->has_left_origin = true;
    bool becomes_get = f->answer.status == 303
                           ? strcmp(f->method, "HEAD") != 0
                           : f->answer.status < 303 && strcmp(f->method, "POST") == 0;
    if (becomes_get) {
        snprintf(f->method, sizeof f->method, "GET");
        f->has_body = false;
    }
    url_done(&f->url);
    f->url = f->next;
    f->next = (struct url){.path = NULL};
    f->redirects_left--;
    if (!begin_hop(f))
        say_over(f, f->result, f->why);
}

static void on_end(const struct net_end *end, void *arg)
{
    struct fetch *f = arg;
    const char *why = f->why;
    if (f->next.path && f->result == 0) {
        follow(f);
        return;
    }
    int result = meaning(f, end, &why);
    if (result == HTTP_OK && !f->has_head)
        result = stop(f, HTTP_FAILED, "it has no head"), result = f->result;
    if (f->has_head && result != HTTP_DENIED && forward(f, STR(""), true) != NET_TAKEN &&
        result == HTTP_OK)
        result = f->result;
    say_over(f, result, result == HTTP_OK ? "" : why);
}

static bool is_line_named(const char *line, struct str name)
{
    return strncasecmp(line, name.at, name.len) == 0 &&
           (line[name.len] == ':' || line[name.len] == ';');
}

/* The headers of this hop: the guest's as far as they go on, the secrets of this host instead of those of the same name. */
static size_t choose_lines(struct fetch *f)
{
    size_t count = 0, size = 0;
    const struct guest_secrets *secrets = f->host.secrets;
    for (size_t i = 0; i < secrets->count; i++) {
        const struct guest_secret *s = &secrets->at[i];
        if (!net_pattern_takes(&s->host, &f->url) || !f->host.may_use(s->name, f->host.arg))
            continue;
        f->sent[count++] = s->line;
        f->has_secret = true;
    }
    size_t secret_count = count;
    bool has_encoding = false;
    for (size_t i = 0; i < f->line_count; i++) {
        struct str name = {f->lines[i], strcspn(f->lines[i], ":;")};
        bool stays = !f->has_left_origin || http_field_may_follow(name);
        if (!f->has_body && str_starts(name, STR("content-")))
            stays = false;
        for (size_t k = 0; k < secret_count; k++)
            stays &= !is_line_named(f->sent[k], name);
        has_encoding |= is_line_named(f->lines[i], STR("accept-encoding"));
        if (stays)
            f->sent[count++] = f->lines[i];
    }
    if (!has_encoding)
        f->sent[count++] = "accept-encoding: identity";
    f->sent[count++] = "Expect:"; /* the library would wait for a word of the server first */
    f->sent[count] = NULL;
    for (size_t i = 0; i < count; i++)
        size += strlen(f->sent[i]) + 2;
    return size + strlen(f->method) + strlen(f->url_text) + 32;
}

/* A part of a secret would pass the reader of answers. */
static bool asks_for_parts(const struct fetch *f)
{
    for (size_t i = 0; i < f->line_count; i++)
        if (is_line_named(f->lines[i], STR("range")))
            return true;
    return false;
}

/* false: f->result says why not. */
static bool begin_hop(struct fetch *f)
{
    auto_done(buf) struct buf text;
    char why[URL_WHY_SIZE] = "";
    buf_init(&text, 4 * URL_MAX);
    free(take(f->url_text));
    f->has_secret = false;
    f->denied[0] = '\0';
    http_answer_done(&f->answer);
    http_answer_init(&f->answer, NET_HEAD_MAX);
    if (url_print(&f->url, &text) < 0 || !(f->url_text = buf_take(&text))) {
        (void)stop(f, HTTP_FAILED, "no memory for a request");
        return false;
    }
    int r = f->host.may_ask(&f->url, str_of(f->method), why, f->host.arg);
    if (r != 0) {
        (void)stop(f, r, why);
        return false;
    }
    size_t size = choose_lines(f);
    if (!f->host.spend((int64_t)size, f->host.arg))
        (void)stop(f, HTTP_QUOTA, "max_http_bytes is used up");
    else if (f->has_secret && asks_for_parts(f))
        (void)stop(f, HTTP_BAD, "a request with a secret cannot ask for parts (range)");
    if (f->result != 0)
        return false;
    const struct net_ask ask = {
        .url = f->url_text,
        .headers = f->sent,
        .method = f->method,
        .is_streamed = f->has_body,
        .stream_size = f->size,
        .idle_ms = f->host.idle_ms,
        .body_max = INT64_MAX, /* max_http_bytes is counted here */
        .events = {.on_head = on_head,
                   .on_body = on_body,
                   .on_end = on_end,
                   .may_connect = may_connect,
                   .on_line = on_line,
                   .on_send = on_send,
                   .arg = f},
    };
    if (net_call_new(f->host.net, &ask, &f->call) < 0)
        (void)stop(f, HTTP_FAILED, "the request cannot be made");
    return f->result == 0;
}

/* --- beginning --- */

static int read_field(struct fetch *f, const json_t *pair)
{
    const json_t *n = json_array_get(pair, 0), *v = json_array_get(pair, 1);
    char why[HTTP_WHY_SIZE];
    if (json_array_size(pair) != 2 || !json_is_string(n) || !json_is_string(v) ||
        f->line_count == HTTP_FIELDS_MAX)
        return -FAULT_PROTOCOL;
    struct str name = {json_string_value(n), json_string_length(n)};
    struct str value = str_trim((struct str){json_string_value(v), json_string_length(v)});
    if (http_field_check(name, value, why) != 0) {
        (void)stop(f, HTTP_BAD, why);
        return 0;
    }
    char *line = NULL;
    int r = value.len ? asprintf(&line, "%.*s: %.*s", STR_FMT(name), STR_FMT(value))
                      : asprintf(&line, "%.*s;",
                                 STR_FMT(name)); /* the library's way to say an empty one */
    if (r < 0)
        return -ENOMEM;
    f->lines[f->line_count++] = line;
    return 0;
}

static int read_begin(struct fetch *f, const json_t *begin)
{
    struct str method, url;
    const json_t *fields;
    int64_t redirects;
    char why[URL_WHY_SIZE] = "", text[URL_WHY_SIZE + 20];
    if (!begin || json_get_str(begin, "method", &method, NULL) != 0 ||
        json_get_str(begin, "url", &url, NULL) != 0 ||
        json_get_array(begin, "headers", &fields, NULL) != 0 ||
        json_get_i64(begin, "redirects", 0, HTTP_REDIRECTS_MAX, &redirects, NULL) != 0)
        return -FAULT_PROTOCOL;
    int r = json_get_i64(begin, "body_size", -1, INT64_MAX, &f->size, NULL);
    if (r < 0)
        return -FAULT_PROTOCOL;
    f->has_body = r == 0;
    f->is_sent = !f->has_body;
    f->redirects_left = (unsigned)redirects;
    if (!http_method_is_fine(method)) {
        (void)stop(f, HTTP_BAD, "the method is none that a guest may use");
        return 0;
    }
    memcpy(f->method, method.at, method.len);
    r = url_parse(url, &f->url, why);
    if (r == -EINVAL) {
        snprintf(text, sizeof text, "the URL %s", why);
        (void)stop(f, HTTP_BAD, text);
        return 0;
    }
    for (size_t i = 0; r == 0 && i < json_array_size(fields); i++)
        r = read_field(f, json_array_get(fields, i));
    return r;
}

int fetch_new(const struct fetch_host *host, const json_t *begin, own struct fetch **ret)
{
    auto_(fetch) struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->host = *host;
    f->size = -1;
    buf_init(&f->body, SEND_HIGH + 2 * PIECE);
    buf_init(&f->out, (size_t)8 << 20);
    http_answer_init(&f->answer, NET_HEAD_MAX);
    redaction_init(&f->redaction, host->secrets);
    int r = read_begin(f, begin);
    if (r < 0)
        return r;
    *ret = take(f);
    return 0;
}

void fetch_start(struct fetch *f)
{
    if (f->result != 0 || !begin_hop(f))
        say_over(f, f->result, f->why);
}

int fetch_send(struct fetch *f, struct str bytes)
{
    int64_t all;
    if (f->is_sent || !i64_add(f->given, (int64_t)bytes.len, &all) ||
        (f->size >= 0 && all > f->size))
        return -FAULT_PROTOCOL;
    f->given = all;
    if (!f->has_body) /* a redirect made a request without body of it */
        return 0;
    int r = buf_add_str(&f->body, bytes);
    return r == -FAULT_CAP ? -FAULT_PROTOCOL
                           : r; /* it was read on although it was full: not by us */
}

int fetch_sent(struct fetch *f)
{
    if (f->is_sent || (f->size >= 0 && f->given != f->size))
        return -FAULT_PROTOCOL;
    f->is_sent = true;
    return 0;
}

bool fetch_is_full(const struct fetch *f)
{
    return f->body.len >= SEND_HIGH;
}

void fetch_go_on(struct fetch *f)
{
    if (f->call)
        net_call_go_on(f->call);
}

void fetch_free(own struct fetch *f)
{
    if (!f)
        return;
    net_call_free(f->call);
    for (size_t i = 0; i < f->line_count; i++)
        free(f->lines[i]);
    url_done(&f->url);
    url_done(&f->next);
    free(f->url_text);
    buf_done(&f->body);
    buf_done(&f->out);
    http_answer_done(&f->answer);
    redaction_done(&f->redaction);
    free(f);
}
