/* A model service behind boxagnts-egress. The key goes from the environment into a memory file that only
 * egress gets, and is wiped here; requests go out through egress alone. The agent's request body is hostile
 * data: it is parsed, only the members that a conversation needs are kept, and model, tools, streaming and the
 * token cap are what the monitor says, so that an owned agent cannot buy anything else with the key. */
#include "edge/planner.h"

#include "edge/app.h"
#include "edge/peer.h"
#include "host/ask/protocol.h"
#include "os/env.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How each wire writes a request; one row per wire. */
static const struct service_wire {
    const char *wire, *path, *auth, *max_tokens_key;
    const char *const *members; /* what of the agent's body is kept; NULL-ended */
} wires[] = {
    {"anthropic", "/v1/messages", "x-api-key", "max_tokens", (const char *const[]){"messages", "system", NULL}},
};

static const struct service_provider {
    const char *name, *wire, *base_url, *base_env, *key_env;
    bool is_free;
} providers[] = {
    {"anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", false},
};

struct service {
    struct planner planner;
    const struct service_wire *wire;
    struct os_loop *loop;
    struct peer egress;
    char *provider; /* own */
    uint64_t turn;  /* under way; 0 = none */
};

static void end(struct service *s, struct planner_end e)
{
    if (!s->turn) return;
    s->turn = 0;
    s->planner.events.end(&e, s->planner.events.arg);
}

/* --- frames from egress --- */

static int64_t member(const json_t *object, const char *key)
{
    int64_t n = 0;
    return json_get_i64(object, key, 0, INT64_C(1) << 48, &n, NULL) == 0 ? n : 0;
}

static void on_end(struct service *s, const json_t *body)
{
    const json_t *error = json_object_get(body, "error"), *usage = json_object_get(body, "usage");
    const char *outcome = json_string_value(json_object_get(body, "outcome"));
    const char *class = json_string_value(json_object_get(error, "class"));
    const char *text = json_string_value(json_object_get(error, "text"));
    end(s, (struct planner_end){
               .outcome = outcome && strcmp(outcome, "ok") == 0 ? "ok" : "error",
               .error = class ? class : "server",
               .text = text ? text : "",
               .retry_after_ms = member(error, "retry_after_ms"),
               .usage = {member(usage, "input_tokens"), member(usage, "output_tokens"), member(usage, "cache_read_tokens"),
                         member(usage, "cache_write_tokens")},
               .usage_known = json_is_object(usage),
               .sent = !json_is_false(json_object_get(body, "sent")),
           });
}

static int on_frame(struct message *m, void *arg)
{
    struct service *s = arg;
    if (m->type == MONITOR_MODEL_DATA && m->id == s->turn && s->turn) s->planner.events.data(m->raw, s->planner.events.arg);
    if (m->type == MONITOR_MODEL_END && m->id == s->turn) on_end(s, m->body);
    return 0;
}

static void on_gone(const struct fault *why, void *arg)
{
    end(arg, (struct planner_end){.outcome = "error", .error = "server", .text = why->text, .sent = true});
}

/* --- requests --- */

static int64_t input_bound(struct planner *p, struct str body)
{
    (void)p;
    return (int64_t)body.len; /* no tokenizer gives more tokens than there are bytes */
}

static int build_body(struct service *s, struct str given, int64_t max_tokens, const json_t *tools, struct buf *out, struct fault *f)
{
    auto_json json_t *theirs = NULL;
    int r = json_parse(given, PROTOCOL_MODEL_BODY_MAX, &theirs, f);
    if (r < 0) return r;
    auto_json json_t *ours = json_pack("{s:s, s:I, s:b}", "model", s->planner.model, s->wire->max_tokens_key, (json_int_t)max_tokens,
                                       "stream", 1);
    if (!ours) return -ENOMEM;
    for (const char *const *key = s->wire->members; *key; key++) {
        json_t *value = json_object_get(theirs, *key);
        if (value && json_object_set(ours, *key, value)) return -ENOMEM;
    }
    if (json_array_size(tools) && json_object_set(ours, "tools", (json_t *)(uintptr_t)tools)) return -ENOMEM;
    return json_print(ours, out);
}

static int ask(struct planner *p, uint64_t turn, struct str given, int64_t max_tokens, const json_t *tools, struct fault *reterr)
{
    struct service *s = (struct service *)p;
    auto_done(buf) struct buf body;
    buf_init(&body, PROTOCOL_MODEL_BODY_MAX);
    int r = build_body(s, given, max_tokens, tools, &body, reterr);
    if (r < 0) return r;
    auto_json json_t *head = json_pack("{s:s, s:s}", "path", s->wire->path, "wire", s->wire->wire);
    if (!head) return -ENOMEM;
    s->turn = turn;
    return peer_send(&s->egress, EGRESS_MODEL, turn, head, buf_str(&body), NULL, 0);
}

static void cancel(struct planner *p)
{
    struct service *s = (struct service *)p;
    if (s->turn) (void)!peer_send(&s->egress, EGRESS_CANCEL, s->turn, NULL, STR(""), NULL, 0);
}

static void free_service(own struct planner *p)
{
    struct service *s = (struct service *)p;
    peer_done(&s->egress);
    free(s->provider);
    free(p->model);
    free(p->label);
    free(s);
}

/* --- which service --- */

struct choice {
    const struct service_wire *wire;
    const char *base_url, *key_env;
    const json_t *headers;
    struct price price;
};

static int choose(struct choice *c, const char *provider, const char *model, const struct app *app, struct fault *f)
{
    const struct settings_provider *said = NULL;
    for (size_t i = 0; i < app->settings->provider_count; i++)
        if (strcmp(app->settings->providers[i].name, provider) == 0) said = &app->settings->providers[i];
    const struct service_provider *built = NULL;
    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        if (strcmp(providers[i].name, provider) == 0) built = &providers[i];
    if (!said && !built) {
        (void)fault_set(f, FAULT_CONFIG, "no provider is called \"%s\"", provider);
        fault_next(f, "known: anthropic, and the names under \"providers\" in the settings");
        return -FAULT_CONFIG;
    }
    const char *wire = said && said->wire ? said->wire : built ? built->wire : NULL;
    for (size_t i = 0; wire && i < ARRAY_LEN(wires); i++)
        if (strcmp(wires[i].wire, wire) == 0) c->wire = &wires[i];
    if (!c->wire) {
        (void)fault_set(f, FAULT_CONFIG, "provider %s: this build does not speak the wire \"%s\"", provider, wire ? wire : "");
        fault_next(f, "wires there are: anthropic");
        return -FAULT_CONFIG;
    }
    c->base_url = said && said->base_url ? said->base_url : built && os_env(built->base_env) ? os_env(built->base_env) : built ? built->base_url : NULL;
    if (!c->base_url) return fault_set(f, FAULT_CONFIG, "provider %s has no base_url", provider);
    c->key_env = said && said->key_env ? said->key_env : built ? built->key_env : NULL;
    c->headers = said ? said->headers : NULL;
    c->price = said && said->has_price ? said->price : built && built->is_free ? (struct price){.known = true} : price_find(str_of(provider), str_of(model));
    return 0;
}

/* The port that egress may connect to. The URL is the operator's; it is read again, whole, by egress. */
static int port_of(const char *url, unsigned *ret, struct fault *f)
{
    const char *rest = strstr(url, "://");
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!rest || (!tls && strncmp(url, "http://", 7) != 0)) return fault_set(f, FAULT_CONFIG, "base URL \"%s\" is neither https:// nor http://", url);
    rest += 3;
    size_t len = strcspn(rest, "/?#");
    const char *bracket = memchr(rest, ']', len), *from = bracket ? bracket : rest;
    const char *colon = memchr(from, ':', len - (size_t)(from - rest));
    *ret = tls ? 443 : 80;
    if (!colon) return 0;
    int64_t port;
    if (base_parse_i64((struct str){colon + 1, len - (size_t)(colon + 1 - rest)}, 1, 65535, &port) < 0)
        return fault_set(f, FAULT_CONFIG, "base URL \"%s\" has no valid port", url);
    *ret = (unsigned)port;
    return 0;
}

static int start_egress(struct service *s, const struct choice *c, const struct app *app, struct fault *f)
{
    unsigned port = 0;
    int r = port_of(c->base_url, &port, f);
    if (r < 0) return r;
    const char *key = c->key_env ? os_env(c->key_env) : NULL;
    if (c->key_env && !key) {
        (void)fault_set(f, FAULT_CONFIG, "%s needs its key in %s, which is not set", s->provider, c->key_env);
        fault_next(f, "export %s=..., or use --model script:FILE to run without a key", c->key_env);
        return -FAULT_CONFIG;
    }
    auto_close int key_fd = -1;
    if ((r = os_memfd_sealed("key", str_of(key ? key : ""), &key_fd)) < 0) return r;
    char port_arg[32];
    snprintf(port_arg, sizeof(port_arg), "--connect-port=%u", port);
    const char *extra[] = {port_arg, NULL};
    const struct peer_config config = {
        .program = app->egress_program, .name = "boxagnts-egress", .kind = JAIL_EGRESS, .extra_argv = extra,
        .permits = permits_monitor_egress, .required_facets = app->settings->required_facets,
    };
    if ((r = peer_start(&s->egress, &config, f)) < 0) return r;
    auto_json json_t *body = json_pack("{s:s, s:s, s:s, s:O*}", "provider", s->provider, "base_url", c->base_url, "auth", c->wire->auth,
                                       "headers", c->headers);
    if (!body) return -ENOMEM;
    if ((r = peer_send(&s->egress, EGRESS_START, 0, body, STR(""), &key_fd, 1)) < 0) return r;
    return peer_attach(&s->egress, s->loop, on_frame, on_gone, s);
}

int planner_service_new(const char *provider, const char *name, const struct app *app, struct os_loop *loop,
                        own struct planner **ret, struct fault *reterr)
{
    struct choice choice = {0};
    int r = choose(&choice, provider, name, app, reterr);
    if (r < 0) return r;
    if (!choice.price.known && app->settings->total_budget_pico > 0) {
        (void)fault_set(reterr, FAULT_CONFIG, "the price of %s/%s is not known, and a budget is set", provider, name);
        fault_next(reterr, "set providers.%s.price in the settings: {\"input_per_mtok_usd\":..,\"output_per_mtok_usd\":..}", provider);
        return -FAULT_CONFIG;
    }
    struct service *s = calloc(1, sizeof(*s));
    if (!s) return -ENOMEM;
    s->planner = (struct planner){.wire = choice.wire->wire, .price = choice.price, .max_tokens = 16000, .input_bound = input_bound,
                                  .ask = ask, .cancel = cancel, .free = free_service};
    s->wire = choice.wire;
    s->loop = loop;
    peer_init(&s->egress);
    s->provider = str_dup(str_of(provider));
    s->planner.model = str_dup(str_of(name));
    if (asprintf(&s->planner.label, "%s/%s", provider, name) < 0) s->planner.label = NULL;
    r = s->provider && s->planner.model && s->planner.label ? start_egress(s, &choice, app, reterr) : -ENOMEM;
    if (r < 0) {
        free_service(&s->planner);
        return r;
    }
    *ret = &s->planner;
    return 0;
}
