/* The counts of each wire's events. Hostile bytes: whatever they are, counts stay within [0, COUNT_MAX], and
 * one count that is none makes the whole usage unknown (the worst case is settled then, never less). */
#include "host/egress/usage.h"

#include <errno.h>
#include <string.h>

#define COUNT_MAX (INT64_C(1) << 48)

static struct str member(const json_t *object, const char *key)
{
    struct str s = {"", 0};
    (void)!json_get_str(object, key, &s, NULL);
    return s;
}

static void take_count(struct usage_reader *u, const json_t *usage, const char *key, int64_t *count, bool *ret_has)
{
    int64_t n = 0;
    int r = json_get_i64(usage, key, 0, COUNT_MAX, &n, NULL);
    if (r < 0)
        u->is_bad = true;
    if (r != 0)
        return;
    *count = n;
    if (ret_has != NULL)
        *ret_has = true;
}

/* --- Anthropic Messages: message_start has the input, message_delta the output so far; both may repeat --- */

static void anthropic_counts(struct usage_reader *u, const json_t *usage, bool *ret_has_output)
{
    if (!json_is_object(usage))
        return;
    take_count(u, usage, "input_tokens", &u->count.input, &u->has_input);
    take_count(u, usage, "output_tokens", &u->count.output, ret_has_output);
    take_count(u, usage, "cache_read_input_tokens", &u->count.cache_read, NULL);
    take_count(u, usage, "cache_creation_input_tokens", &u->count.cache_write, NULL);
}

static int anthropic_event(struct usage_reader *u, const json_t *data)
{
    struct str type = member(data, "type");
    if (str_is(type, "message_start")) /* its output count is only the beginning of one */
        anthropic_counts(u, json_object_get(json_object_get(data, "message"), "usage"), NULL);
    else if (str_is(type, "message_delta"))
        anthropic_counts(u, json_object_get(data, "usage"), &u->has_output);
    else if (str_is(type, "message_stop"))
        u->state = USAGE_WHOLE;
    else if (str_is(type, "error")) {
        u->state = USAGE_FAILED;
        u->error = json_incref(json_object_get(data, "error"));
    }
    return 0;
}

static const char *const anthropic_headers[] = {"anthropic-version: 2023-06-01", NULL};

static const struct usage_wire wires[] = {
    {"anthropic", anthropic_headers, anthropic_event},
};

const struct usage_wire *usage_wire_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(wires); i++)
        if (str_is(name, wires[i].name))
            return &wires[i];
    return NULL;
}

/* --- the stream --- */

static int on_event(struct str event, struct str data, void *arg)
{
    struct usage_reader *u = arg;
    (void)event; /* the data says its own type */
    if (u->state != USAGE_GOING)
        return 0;
    auto_json json_t *body = NULL;
    int r = json_parse(data, SSE_EVENT_MAX, &body, NULL);
    if (r == 0 && !json_is_object(body))
        r = -FAULT_INPUT;
    return r == 0 ? u->wire->on_event(u, body) : r;
}

void usage_init(struct usage_reader *u, const struct usage_wire *wire)
{
    *u = (struct usage_reader){.wire = wire};
    sse_init(&u->sse, SSE_EVENT_MAX);
}

void usage_done(struct usage_reader *u)
{
    sse_done(&u->sse);
    json_decref(u->error);
    *u = (struct usage_reader){0};
}

int usage_feed(struct usage_reader *u, struct str bytes)
{
    return u->state == USAGE_GOING ? sse_feed(&u->sse, bytes, on_event, u) : 0;
}

bool usage_is_known(const struct usage_reader *u)
{
    return u->state == USAGE_WHOLE && u->has_input && u->has_output && !u->is_bad;
}
