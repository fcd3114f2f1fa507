/* Bytes of the service to the monitor, with a reader of its own beside them. The first thing that ends it is
 * its end: the answer's proper end event (what the connection does after it is of no interest), an error event,
 * an event that is none, a status that is not 2xx, the network. Nothing is tried again here: attempts are
 * counted in one place only, the loop. */
#include "host/egress/turn.h"

#include "host/ask/protocol.h"
#include "host/egress/failure.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_BODY_MAX ((size_t)64 << 10)
#define CHANNEL_FULL                                                                               \
    ((size_t)4 << 20) /* queued bytes past which nothing more is taken from the network */
enum { CONTACTS_MAX = 8, HEADERS_MAX = SECRETS_HEADERS_MAX + 8, DATA_PIECE = 512 << 10 };

struct contact {
    struct os_address address;
    bool is_allowed;
};

struct egress_turn {
    const struct egress_service *service;
    uint64_t id;
    struct net_call *call;
    struct buf body;                      /* the request's; kept while it goes out */
    const char *headers[HEADERS_MAX + 1]; /* borrowed lines: the secrets' and the wire's */
    char *url;                            /* own */
    struct usage_reader usage;
    struct net_head head; /* status; the texts are below */
    char retry_after[64], retry_after_ms[64];
    struct buf error_body;
    struct contact contacts[CONTACTS_MAX];
    size_t contact_count;
    struct failure failure; /* class_name NULL = none */
    bool has_answer;        /* a 2xx head of the right type came */
    bool is_over;
};

uint64_t egress_turn_id(const struct egress_turn *t)
{
    return t->id;
}

/* --- the end --- */

static own json_t *contacts_json(const struct egress_turn *t)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < t->contact_count; i++) {
        char ip[OS_ADDRESS_TEXT_SIZE];
        const struct contact *c = &t->contacts[i];
        os_address_print(&c->address, ip);
        json_t *row =
            json_pack("{s:s, s:s, s:i, s:s}", "host", t->service->start->base.host, "ip", ip,
                      "port", (int)c->address.port, "verdict", c->is_allowed ? "allow" : "deny");
        if (row == NULL || json_array_append_new(list, row) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A status that is not 2xx was refused and not worked on: nothing is owed. Otherwise only a whole answer knows. */
static own json_t *usage_json(const struct egress_turn *t)
{
    static const struct usage_count nothing;
    bool is_refused = t->head.status != 0 && (t->head.status < 200 || t->head.status > 299);
    const struct usage_count *u = is_refused                  ? &nothing
                                  : usage_is_known(&t->usage) ? &t->usage.count
                                                              : NULL;
    if (u == NULL)
        return NULL;
    return json_pack("{s:I, s:I, s:I, s:I}", "input_tokens", (json_int_t)u->input, "output_tokens",
                     (json_int_t)u->output, "cache_read_tokens", (json_int_t)u->cache_read,
                     "cache_write_tokens", (json_int_t)u->cache_write);
}

static own json_t *error_json(const struct failure *f)
{
    if (f->class_name == NULL)
        return NULL;
    return json_pack("{s:s, s:s, s:I}", "class", f->class_name, "text", f->text, "retry_after_ms",
                     (json_int_t)f->retry_after_ms);
}

static void say_end(struct egress_turn *t, const struct net_end *end)
{
    if (t->is_over)
        return;
    t->is_over = true;
    auto_json json_t *body = json_pack(
        "{s:s, s:b, s:I, s:I, s:o*, s:o*, s:o*}", "outcome",
        t->failure.class_name != NULL ? "error" : "ok", "sent", (int)end->was_sent, "bytes_in",
        (json_int_t)end->bytes_in, "bytes_out", (json_int_t)end->bytes_out, "error",
        error_json(&t->failure), "usage", usage_json(t), "contacted", contacts_json(t));
    if (body != NULL && t->head.status != 0)
        (void)json_object_set_new(body, "status", json_integer(t->head.status));
    int r = body != NULL ? channel_send(t->service->channel, MONITOR_MODEL_END, t->id, body,
                                        STR(""), NULL, 0)
                         : -ENOMEM;
    const struct egress_service *service = t->service;
    service->on_over(t, service->arg); /* t is gone */
    service->on_queued(service->arg);
    if (r < 0)
        service->on_broken(r, service->arg);
}

static void fail(struct egress_turn *t, const char *class_name, const char *text)
{
    failure_set(&t->failure, class_name, text, t->service->secrets);
}

static void on_end(const struct net_end *end, void *arg)
{
    struct egress_turn *t = arg;
    if (end->outcome == NET_DONE)
        usage_end(&t->usage);
    bool is_refused = t->head.status != 0 && !t->has_answer && t->failure.class_name == NULL;
    if (is_refused) { /* as far as its body came: the status is what counts */
        const struct failure_answer answer = {t->head.status, str_of(t->retry_after),
                                              str_of(t->retry_after_ms), buf_str(&t->error_body),
                                              os_now_real_ns() / OS_NS_PER_S};
        failure_of_answer(&answer, t->service->secrets, &t->failure);
    } else if (t->failure.class_name == NULL && t->usage.state != USAGE_WHOLE) {
        failure_of_end(end, t->service->start->base.host, t->service->secrets, &t->failure);
    }
    say_end(t, end);
}

/* --- what arrives --- */

static bool is_event_stream(struct str type)
{
    struct str head = type, rest;
    (void)str_split(type, ';', &head, &rest);
    head = str_trim(head);
    return head.len == strlen("text/event-stream") &&
           strncasecmp(head.at, "text/event-stream", head.len) == 0;
}

static int on_head(const struct net_head *head, void *arg)
{
    struct egress_turn *t = arg;
    t->head = (struct net_head){.status = head->status};
    snprintf(t->retry_after, sizeof(t->retry_after), "%.*s", STR_FMT(head->retry_after));
    snprintf(t->retry_after_ms, sizeof(t->retry_after_ms), "%.*s", STR_FMT(head->retry_after_ms));
    if (head->status < 200 || head->status > 299)
        return 0;
    t->has_answer = is_event_stream(head->content_type);
    if (t->has_answer)
        return 0;
    fail(t, "malformed", "the service answered, but not with an event stream");
    return -1;
}

static int forward(struct egress_turn *t, struct str bytes)
{
    while (bytes.len > 0) {
        struct str piece = {bytes.at, bytes.len < DATA_PIECE ? bytes.len : DATA_PIECE};
        int r = channel_send_text(t->service->channel, MONITOR_MODEL_DATA, t->id, STR(""), piece,
                                  NULL, 0);
        if (r < 0)
            return r;
        bytes = (struct str){bytes.at + piece.len, bytes.len - piece.len};
    }
    t->service->on_queued(t->service->arg);
    return 0;
}

static int on_answer_bytes(struct egress_turn *t, struct str bytes)
{
    if (channel_queued(t->service->channel) > CHANNEL_FULL)
        return NET_WAIT;
    int r = usage_feed(&t->usage, bytes);
    if (r < 0) {
        fail(t, "malformed",
             r == -FAULT_CAP ? "an event of the answer is too long"
             : r == -ENOMEM  ? "no memory for the answer"
                             : "an event of the answer is not JSON");
        return -1;
    }
    if (t->usage.state == USAGE_FAILED) {
        failure_of_event(t->usage.error, t->service->secrets, &t->failure);
        return -1;
    }
    if ((r = forward(t, bytes)) < 0) {
        fail(t, "disconnect", "the monitor takes no more");
        return -1;
    }
    return t->usage.state == USAGE_WHOLE ? -1 : 0;
}

static int on_body(struct str bytes, void *arg)
{
    struct egress_turn *t = arg;
    if (t->has_answer)
        return on_answer_bytes(t, bytes);
    size_t room = ERROR_BODY_MAX - t->error_body.len, len = bytes.len < room ? bytes.len : room;
    if (buf_add_str(&t->error_body, (struct str){bytes.at, len}) < 0 || len < bytes.len)
        return -1; /* enough to say why */
    return 0;
}

/* The URL is the operator's, so every address of its host is; but it is that port, or the proxy's, and no other. */
static bool may_connect(const struct os_address *to, void *arg)
{
    struct egress_turn *t = arg;
    const struct egress_start *start = t->service->start;
    bool is_allowed = to->port == start->base.port ||
                      (start->proxy.text != NULL && to->port == start->proxy.port);
    if (t->contact_count < CONTACTS_MAX)
        t->contacts[t->contact_count++] = (struct contact){*to, is_allowed};
    return is_allowed;
}

/* --- beginning and stopping --- */

static int begin(struct egress_turn *t, const struct egress_ask *ask)
{
    const struct egress_service *s = t->service;
    size_t count = s->secrets->header_count;
    memcpy(t->headers, s->secrets->headers, count * sizeof(t->headers[0]));
    for (const char *const *line = ask->wire->headers; *line != NULL; line++) {
        if (secrets_has_header(s->secrets, *line)) /* the operator's stands */
            continue;
        must(count < HEADERS_MAX);
        t->headers[count++] = *line;
    }
    t->headers[count] = NULL;
    if (asprintf(&t->url, "%s%.*s", s->start->base.text, STR_FMT(ask->path)) < 0) {
        t->url = NULL;
        return -ENOMEM;
    }
    const struct net_ask call = {
        .url = t->url,
        .headers = t->headers,
        .body = buf_str(&t->body),
        .idle_ms = s->start->idle_ms,
        .events = {.on_head = on_head,
                   .on_body = on_body,
                   .on_end = on_end,
                   .may_connect = may_connect,
                   .arg = t},
    };
    return net_call_new(s->net, &call, &t->call);
}

int egress_turn_new(const struct egress_service *service, uint64_t id, const struct egress_ask *ask,
                    struct str raw, own struct egress_turn **ret)
{
    auto_(egress_turn) struct egress_turn *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    t->service = service;
    t->id = id;
    usage_init(&t->usage, ask->wire);
    buf_init(&t->error_body, ERROR_BODY_MAX);
    buf_init(&t->body, PROTOCOL_MODEL_BODY_MAX);
    int r = buf_add_str(&t->body, raw);
    if (r == 0)
        r = begin(t, ask);
    if (r < 0)
        return r;
    *ret = take(t);
    return 0;
}

void egress_turn_cancel(struct egress_turn *t)
{
    net_call_free(take(t->call));
    fail(t, "disconnect", "cancelled");
    /* How far it had come is not known any more: the safe side. */
    say_end(
        t, &(struct net_end){.outcome = NET_STOPPED, .text = "", .was_sent = t->contact_count > 0});
}

void egress_turn_go_on(struct egress_turn *t)
{
    if (t->call != NULL)
        net_call_go_on(t->call);
}

void egress_turn_free(own struct egress_turn *t)
{
    if (t == NULL)
        return;
    net_call_free(t->call);
    usage_done(&t->usage);
    buf_done(&t->body);
    buf_done(&t->error_body);
    free(t->url);
    free(t);
}
