/* The receipt of a call: what was decided, what ended it, what it used and touched. The only place that knows its shape. */
#include "tools/receipt.h"

#include "tools/json_walk.h"
#include "tools/sanitise.h"

#define REFUSED_SHOWN_MAX 64
#define CONTACTED_SHOWN_MAX 256

static own json_t *text_or_null(const char *z)
{
    return z ? sanitise_string((struct str){z, utf8_valid_prefix(str_of(z))}) : json_null();
}

static own json_t *decision_json(const struct receipt_facts *f)
{
    json_t *d = json_object();
    json_object_set_new(d, "verdict", json_string(policy_verdict_name(f->verdict)));
    json_object_set_new(d, "rule", text_or_null(f->rule ? f->rule : ""));
    json_object_set_new(d, "by", json_string(f->by ? f->by : "policy"));
    return d;
}

static own json_t *used_json(const struct sandbox_use *u, const struct receipt_http *http)
{
    const struct {
        const char *key;
        int64_t value;
    } rows[] = {
        {"fuel", u->fuel},
        {"wall_us", u->wall_us},
        {"cpu_us", u->cpu_us},
        {"peak_memory", u->peak_memory},
        {"output_bytes", u->output_bytes},
        {"read_bytes", u->read_bytes},
        {"written_bytes", u->written_bytes},
        {"created_files", u->created_files},
        {"http_requests", http ? http->requests : 0},
        {"http_bytes", http ? http->bytes : 0},
    };
    json_t *used = json_object();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_object_set_new(used, rows[i].key, json_integer(rows[i].value));
    return used;
}

/* A member of a row that another program wrote. */
static own json_t *member(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    struct str text = {json_string_value(v), json_string_length(v)};
    return json_is_string(v)
               ? sanitise_string(
                     text.len < 1024
                         ? text
                         : (struct str){text.at, utf8_valid_prefix((struct str){text.at, 1024})})
               : json_string("");
}

static own json_t *contacted_json(const struct receipt_http *http)
{
    json_t *list = json_array();
    size_t count = http ? json_array_size(http->contacted) : 0;
    for (size_t i = 0; i < count && i < CONTACTED_SHOWN_MAX; i++) {
        const json_t *row = json_array_get(http->contacted, i);
        json_t *one = json_object();
        int64_t port = json_integer_value(json_object_get(row, "port"));
        const char *verdict = json_string_value(json_object_get(row, "verdict"));
        json_object_set_new(one, "host", member(row, "host"));
        json_object_set_new(one, "ip", member(row, "ip"));
        json_object_set_new(one, "port", json_integer(port > 0 && port <= UINT16_MAX ? port : 0));
        json_object_set_new(
            one, "verdict",
            json_string(verdict && strcmp(verdict, "allow") == 0 ? "allow" : "deny"));
        json_array_append_new(list, one);
    }
    return list;
}

static own json_t *refused_json(const struct sandbox_outcome *o, const struct receipt_http *http)
{
    json_t *list = json_array();
    for (size_t i = 0; o && i < o->refused_count && i < REFUSED_SHOWN_MAX; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "op", text_or_null(o->refused[i].op));
        json_object_set_new(one, "target", text_or_null(o->refused[i].target));
        json_object_set_new(one, "why", text_or_null(o->refused[i].why));
        json_array_append_new(list, one);
    }
    size_t count = http ? json_array_size(http->refused) : 0;
    for (size_t i = 0; i < count && i < REFUSED_SHOWN_MAX; i++) {
        const json_t *row = json_array_get(http->refused, i);
        json_t *one = json_object();
        json_object_set_new(one, "op", json_string("http"));
        json_object_set_new(one, "target", member(row, "target"));
        json_object_set_new(one, "why", member(row, "why"));
        json_array_append_new(list, one);
    }
    return list;
}

static own json_t *limits_hit_json(const struct sandbox_outcome *o, const struct receipt_http *http)
{
    json_t *list = json_array();
    struct str rest = str_of(o && o->limits_hit ? o->limits_hit : ""), key;
    while (rest.len > 0) {
        struct str tail = {rest.at + rest.len, 0};
        key = rest;
        (void)str_split(rest, ',', &key, &tail);
        rest = tail;
        if (key.len > 0 && utf8_valid(key))
            json_array_append_new(list, json_stringn(key.at, key.len));
    }
    static const char *const of_http[] = {"max_http_requests", "max_http_bytes"};
    for (size_t i = 0; http && i < ARRAY_LEN(of_http); i++)
        for (size_t k = 0; k < json_array_size(http->limits_hit); k++)
            if (str_is(json_view(json_array_get(http->limits_hit, k)), of_http[i]))
                json_array_append_new(list, json_string(of_http[i]));
    return list;
}

/* Of what ran the call, and of what stood between it and the network. */
static own json_t *confinement_json(const struct receipt_facts *f)
{
    json_t *all = f->confinement ? json_copy(json_loose(f->confinement)) : json_object();
    if (all && f->http && f->http->confinement)
        (void)json_object_set(all, "egress", json_loose(f->http->confinement));
    return all;
}

own json_t *receipt_new(const struct receipt_facts *f)
{
    static const struct sandbox_use nothing = {0};
    const struct sandbox_outcome *o = f->outcome;
    const char *detail = f->detail ? f->detail : o ? o->detail : "";
    json_t *r = json_object();
    json_object_set_new(r, "v", json_integer(1));
    json_object_set_new(r, "call", text_or_null(f->call));
    json_object_set_new(r, "agent", text_or_null(f->agent));
    json_object_set_new(r, "tool", text_or_null(f->tool));
    json_object_set_new(r, "input_sha256", text_or_null(f->input_sha256));
    json_object_set_new(r, "decision", decision_json(f));
    json_object_set_new(r, "stopped_by", json_string(sandbox_stop_name(o ? o->stop : f->stop)));
    json_object_set_new(r, "exit_code", json_integer(o ? o->exit_code : f->exit_code));
    bool failed = o && (o->stop != SANDBOX_EXIT || o->exit_code != 0);
    json_object_set_new(r, "is_error", json_boolean(f->is_error || failed));
    json_object_set_new(r, "detail", text_or_null(detail));
    json_object_set_new(r, "used", used_json(o ? &o->used : &nothing, f->http));
    json_object_set_new(r, "touched",
                        f->touched ? json_incref(json_loose(f->touched)) : json_array());
    json_object_set_new(r, "refused", refused_json(o, f->http));
    json_object_set_new(r, "limits_hit", limits_hit_json(o, f->http));
    json_object_set_new(r, "limit", o && o->ended_by ? json_string(o->ended_by) : json_null());
    json_object_set_new(r, "limits",
                        f->limits ? limits_receipt_json(f->limits, f->limit_doors, f->limits_of)
                                  : json_object());
    json_object_set_new(r, "contacted", contacted_json(f->http));
    json_object_set_new(r, "confinement", confinement_json(f));
    return r;
}
