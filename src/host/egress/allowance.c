/* See allowance.h. */
#include "host/egress/allowance.h"

#include "host/ask/http_client.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>

enum { CONTACTS_MAX = 256, REFUSED_MAX = 64, TARGET_MAX = 300 };

int allowance_init(struct allowance *a, const json_t *body, struct fault *reterr)
{
    *a = (struct allowance){.contacted = json_array(), .refused = json_array()};
    if (!a->contacted || !a->refused)
        return -ENOMEM;
    return terms_parse(body, &a->terms, reterr);
}

void allowance_done(struct allowance *a)
{
    terms_done(&a->terms);
    json_decref(a->contacted);
    json_decref(a->refused);
    *a = (struct allowance){0};
}

/* --- what is remembered --- */

static void note_contact(struct allowance *a, const char *host, const char *ip, unsigned port,
                         bool is_allowed)
{
    json_t *row = json_pack("{s:s, s:s, s:i, s:s}", "host", host, "ip", ip, "port", (int)port,
                            "verdict", is_allowed ? "allow" : "deny");
    for (size_t i = 0; row && i < json_array_size(a->contacted); i++) {
        if (!json_equal(json_array_get(a->contacted, i), row))
            continue;
        json_decref(row);
        return;
    }
    if (json_array_size(a->contacted) < CONTACTS_MAX)
        (void)json_array_append_new(a->contacted, row);
    else
        json_decref(row);
}

static void add_refused(struct allowance *a, const char *target, const char *why)
{
    if (json_array_size(a->refused) < REFUSED_MAX)
        (void)json_array_append_new(
            a->refused, json_pack("{s:s, s:s, s:s}", "op", "http", "target", target, "why", why));
}

void allowance_refused(struct allowance *a, const struct url *u, const char *why)
{
    char target[TARGET_MAX];
    snprintf(target, sizeof target, "%s://%s%s%s:%u%.200s", url_scheme(u),
             u->host.is_ip && u->host.ip.is_v6 ? "[" : "", u->host.name,
             u->host.is_ip && u->host.ip.is_v6 ? "]" : "", u->port, u->path);
    add_refused(a, target, why);
}

void allowance_bad_request(struct allowance *a, const char *why)
{
    add_refused(a, "a request that is none", why);
}

/* --- what is asked --- */

int allowance_may_ask(struct allowance *a, const struct url *u, bool is_tunnel,
                      char ret_why[URL_WHY_SIZE])
{
    int r = is_tunnel ? terms_judge_tunnel(&a->terms, u, ret_why)
                      : terms_judge_url(&a->terms, u, ret_why);
    if (r < 0) {
        snprintf(ret_why, URL_WHY_SIZE, "no memory for a request");
        return HTTP_FAILED;
    }
    if (r == TERMS_DENIED) {
        allowance_refused(a, u, ret_why);
        note_contact(a, u->host.name, u->host.is_ip ? u->host.name : "", u->port, false);
        return HTTP_DENIED;
    }
    if (os_now_mono_ns() >= a->terms.deadline_ns) {
        snprintf(ret_why, URL_WHY_SIZE, "the time for this call is over");
        return HTTP_TIMEOUT;
    }
    if (a->requests >= a->terms.requests_max) {
        a->hit_requests = true;
        snprintf(ret_why, URL_WHY_SIZE, "max_http_requests (%lld) is used up",
                 (long long)a->terms.requests_max);
        return HTTP_QUOTA;
    }
    a->requests++;
    return 0;
}

int allowance_may_connect(struct allowance *a, const struct url *u, const struct os_address *to,
                          char ret_why[URL_WHY_SIZE])
{
    struct ip address = {.is_v6 = to->is_v6};
    char text[IP_TEXT_SIZE];
    memcpy(address.at, to->ip, to->is_v6 ? 16 : 4);
    ip_print(&address, text);
    int r = terms_judge_address(&a->terms, &address, ret_why);
    struct ip plain = address;
    ip_unmap(&plain);
    if (r == 0 && (to->port != u->port || (u->host.is_ip && !ip_equal(&u->host.ip, &plain)))) {
        snprintf(ret_why, URL_WHY_SIZE, "%s port %u is not what was asked for", text, to->port);
        r = TERMS_DENIED;
    }
    note_contact(a, u->host.name, text, to->port, r == 0);
    if (r != 0)
        allowance_refused(a, u, ret_why);
    return r;
}

bool allowance_spend(struct allowance *a, int64_t bytes)
{
    if (bytes > a->terms.bytes_max - a->bytes) {
        a->hit_bytes = true;
        return false;
    }
    a->bytes += bytes;
    return true;
}

int64_t allowance_left(const struct allowance *a)
{
    return a->terms.bytes_max - a->bytes;
}

own json_t *allowance_end(const struct allowance *a)
{
    auto_json json_t *hit = json_array();
    if (!hit ||
        (a->hit_requests && json_array_append_new(hit, json_string("max_http_requests")) < 0) ||
        (a->hit_bytes && json_array_append_new(hit, json_string("max_http_bytes")) < 0))
        return NULL;
    return json_pack("{s:I, s:I, s:O, s:O, s:O}", "http_requests", (json_int_t)a->requests,
                     "http_bytes", (json_int_t)a->bytes, "contacted", a->contacted, "refused",
                     a->refused, "limits_hit", hit);
}
