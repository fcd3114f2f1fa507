/* A model service behind boxagnts-egress. The key goes from the environment into a memory file that only
 * egress gets, and is wiped here; requests go out through egress alone. The agent's request body is hostile
 * data: it is parsed, only the members that a conversation needs are kept, and model, tools, streaming and the
 * token cap are what the monitor says, so that an owned agent cannot buy anything else with the key. */
#include "edge/planner.h"

#include "edge/app.h"
#include "edge/certificates.h"
#include "edge/peer.h"
#include "edge/request.h"
#include "host/ask/protocol.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct service_provider {
    const char *name, *wire, *base_url, *base_env, *key_env;
    bool is_free; /* unless the settings say a price */
} providers[] = {
    {"anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_BASE_URL",
     "ANTHROPIC_API_KEY", false},
    {"openai", "openai", "https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY", false},
    {"openai-responses", "openai-responses", "https://api.openai.com/v1", "OPENAI_BASE_URL",
     "OPENAI_API_KEY", false},
    {"gemini", "gemini", "https://generativelanguage.googleapis.com", "GEMINI_BASE_URL",
     "GEMINI_API_KEY", false},
    {"ollama", "openai-compatible", "http://127.0.0.1:11434/v1", NULL, NULL, true},
    {"llamacpp", "openai-compatible", "http://127.0.0.1:8080/v1", NULL, NULL, true},
    {"vllm", "openai-compatible", "http://127.0.0.1:8000/v1", NULL, NULL, true},
};

struct service {
    struct planner planner;
    const struct request_wire *wire;
    struct os_loop *loop;
    struct peer egress;
    char *provider;    /* own */
    char *path;        /* own */
    char *key_env;     /* own; where the key came from; NULL = there is none */
    uint64_t turn;     /* under way; 0 = none */
    char gave_up[256]; /* egress' own word before it ended; "" = none */
};

static void end(struct service *s, struct planner_end e)
{
    if (!s->turn)
        return;
    s->turn = 0;
    s->planner.events.end(&e, s->planner.events.arg);
}

/* --- frames from egress --- */

static void offer(struct str name, void *arg)
{
    nearest_offer(arg, name);
}

static int64_t member(const json_t *object, const char *key)
{
    int64_t n = 0;
    return json_get_i64(object, key, 0, INT64_C(1) << 48, &n, NULL) == 0 ? n : 0;
}

/* The sentence, with what a person needs for the next step: where the key came from, which name is near. */
static void explain(const struct service *s, const char *class, int64_t status, const char *text,
                    char *ret, size_t size)
{
    struct nearest near;
    nearest_init(&near, str_of(s->planner.model));
    if (strcmp(class, "auth") == 0 && s->key_env)
        snprintf(ret, size, "%s (the key came from %s)", text, s->key_env);
    else if (status == 404)
        price_names(str_of(s->provider), offer, &near);
    if (nearest_found(&near) && !str_is(near.best, s->planner.model))
        snprintf(ret, size, "%s (did you mean %s/%.*s?)", text, s->provider, STR_FMT(near.best));
    else if (!*ret)
        snprintf(ret, size, "%s", text);
}

static void on_end(struct service *s, const json_t *body)
{
    char said[512] = "";
    const json_t *error = json_object_get(body, "error"), *usage = json_object_get(body, "usage");
    const char *outcome = json_string_value(json_object_get(body, "outcome"));
    const char *class = json_string_value(json_object_get(error, "class"));
    const char *text = json_string_value(json_object_get(error, "text"));
    if (class && (strcmp(class, "budget") == 0 || strcmp(class, "time") == 0))
        class = NULL; /* the monitor's words alone */
    explain(s, class ? class : "server", member(body, "status"), text ? text : "", said,
            sizeof(said));
    end(s, (struct planner_end){
               .outcome = outcome && strcmp(outcome, "ok") == 0 ? "ok" : "error",
               .error = class ? class : "server",
               .text = said,
               .retry_after_ms = member(error, "retry_after_ms"),
               .usage = {member(usage, "input_tokens"), member(usage, "output_tokens"),
                         member(usage, "cache_read_tokens"), member(usage, "cache_write_tokens")},
               .usage_known = json_is_object(usage),
               .sent = !json_is_false(json_object_get(body, "sent")),
           });
}

static int on_frame(struct message *m, void *arg)
{
    struct service *s = arg;
    if (m->type == MONITOR_MODEL_DATA && m->id == s->turn && s->turn)
        s->planner.events.data(m->raw, s->planner.events.arg);
    if (m->type == MONITOR_MODEL_END && m->id == s->turn)
        on_end(s, m->body);
    if (m->type == MONITOR_FAULT) {
        const char *text = json_string_value(json_object_get(m->body, "text"));
        snprintf(s->gave_up, sizeof(s->gave_up), "%s", text ? text : "it gave up");
    }
    return 0;
}

static void on_gone(const struct fault *why, void *arg)
{
    struct service *s = arg;
    const char *text = *s->gave_up ? s->gave_up : why->text;
    if (!*s->gave_up)
        snprintf(s->gave_up, sizeof(s->gave_up), "%s", why->text);
    end(s, (struct planner_end){
               .outcome = "error", .error = "bad_request", .text = text, .sent = true});
}

/* --- requests --- */

static int64_t input_bound(struct planner *p, struct str body, const struct planner_tools *tools)
{
    return request_bound(((struct service *)p)->wire, body, tools->bytes);
}

static int ask(struct planner *p, uint64_t turn, struct str given, int64_t max_tokens,
               const struct planner_tools *tools, struct fault *reterr)
{
    struct service *s = (struct service *)p;
    auto_done(buf) struct buf body;
    buf_init(&body, PROTOCOL_MODEL_BODY_MAX);
    const struct request request = {s->wire, p->model, max_tokens, tools->list, tools->bytes};
    if (*s->gave_up)
        return fault_set(reterr, FAULT_MODEL, "boxagnts-egress: %s", s->gave_up);
    int r = request_build(&request, given, &body, reterr);
    if (r < 0)
        return r;
    auto_json json_t *head =
        json_pack("{s:s, s:s}", "path", s->path, "wire", request_wire_name(s->wire));
    if (!head)
        return -ENOMEM;
    s->turn = turn;
    r = peer_send(&s->egress, EGRESS_MODEL, turn, head, buf_str(&body), NULL, 0);
    if (r < 0)
        s->turn = 0; /* a turn that was not begun has no end of its own */
    return r;
}

static void cancel(struct planner *p)
{
    struct service *s = (struct service *)p;
    if (s->turn)
        (void)!peer_send(&s->egress, EGRESS_CANCEL, s->turn, NULL, STR(""), NULL, 0);
}

static void free_service(own struct planner *p)
{
    struct service *s = (struct service *)p;
    peer_done(&s->egress);
    free(s->provider);
    free(s->path);
    free(s->key_env);
    free(p->model);
    free(p->label);
    free(s);
}

/* --- which service --- */

struct choice {
    const struct request_wire *wire;
    const char *base_url, *key_env;
    char base_from[100]; /* whose word base_url is */
    const json_t *headers;
    struct price price;
};

/* OpenAI's own wire is for OpenAI; what others serve under its name is less strict at its edges. */
static const struct request_wire *find_wire(const char *wire, const char *provider)
{
    bool is_other = strcmp(wire, "openai") == 0 && strcmp(provider, "openai") != 0;
    return request_wire_find(is_other ? "openai-compatible" : wire);
}

static int no_provider(const char *provider, const struct settings *settings, struct fault *f)
{
    struct nearest near;
    nearest_init(&near, str_of(provider));
    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        nearest_offer(&near, str_of(providers[i].name));
    for (size_t i = 0; i < settings->provider_count; i++)
        nearest_offer(&near, str_of(settings->providers[i].name));
    (void)fault_set(f, FAULT_CONFIG, "no provider is called \"%.80s\"", provider);
    if (nearest_found(&near))
        fault_next(f, "did you mean %.*s?", STR_FMT(near.best));
    else
        fault_next(f, "known: anthropic, openai, openai-responses, gemini, ollama, llamacpp, vllm, "
                      "and the names under \"providers\" in the settings");
    return -FAULT_CONFIG;
}

/* The model's own price in the settings, the provider's there, the table's; a local server costs nothing. */
static int find_price(struct choice *c, const struct settings_provider *said,
                      const struct service_provider *built, const char *provider, const char *model,
                      struct fault *f)
{
    const json_t *own_price =
        json_object_get(said ? json_object_get(said->models, model) : NULL, "price");
    if (own_price)
        return price_from_json(own_price, &c->price, f);
    c->price = said && said->has_price   ? said->price
               : built && built->is_free ? (struct price){.known = true}
                                         : price_find(str_of(provider), str_of(model));
    return 0;
}

static int choose(struct choice *c, const char *provider, const char *model, const struct app *app,
                  struct fault *f)
{
    const struct settings_provider *said = NULL;
    for (size_t i = 0; i < app->settings->provider_count; i++)
        if (strcmp(app->settings->providers[i].name, provider) == 0)
            said = &app->settings->providers[i];
    const struct service_provider *built = NULL;
    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        if (strcmp(providers[i].name, provider) == 0)
            built = &providers[i];
    if (!said && !built)
        return no_provider(provider, app->settings, f);
    const char *wire = said && said->wire ? said->wire : built ? built->wire : NULL;
    c->wire = wire ? find_wire(wire, provider) : NULL;
    if (!c->wire) {
        (void)fault_set(f, FAULT_CONFIG, "provider %s: %s%s%s", provider,
                        wire ? "this build does not speak the wire \"" : "it has no wire",
                        wire ? wire : "", wire ? "\"" : "");
        fault_next(f, "set providers.%s.wire in the settings to one of: %s", provider,
                   request_wire_names());
        return -FAULT_CONFIG;
    }
    const char *base = built && built->base_env ? os_env(built->base_env) : NULL;
    c->base_url = said && said->base_url ? said->base_url
                  : base                 ? base
                  : built                ? built->base_url
                                         : NULL;
    snprintf(c->base_from, sizeof(c->base_from), "%s%.60s%s",
             said && said->base_url ? "providers."
             : base                 ? ""
                                    : "built in: ",
             base && !(said && said->base_url) ? built->base_env : provider,
             said && said->base_url ? ".base_url" : "");
    if (!c->base_url) {
        (void)fault_set(f, FAULT_CONFIG, "provider %s has no base_url", provider);
        fault_next(f, "set providers.%s.base_url in the settings", provider);
        return -FAULT_CONFIG;
    }
    c->key_env = said && said->key_env ? said->key_env : built ? built->key_env : NULL;
    c->headers = said ? said->headers : NULL;
    return find_price(c, said, built, provider, model, f);
}

/* --- what egress is told --- */

struct place {
    struct str host;
    unsigned port;
    bool is_tls;
};

/* Its value is not shown: it may have a password in it. */
static int bad_place(struct fault *f, const char *what, const char *why)
{
    (void)fault_set(f, FAULT_CONFIG, "%s: the URL %s", what, why);
    fault_next(f, "it looks like https://host[:port]/path");
    return -FAULT_CONFIG;
}

/* Where a URL leads, as far as the lockdown needs it. The URL is the operator's; it is read again, whole, by egress. */
static int place_of(const char *url, const char *what, struct place *ret, struct fault *f)
{
    const char *rest = strstr(url, "://");
    ret->is_tls = strncmp(url, "https://", 8) == 0;
    if (!rest || (!ret->is_tls && strncmp(url, "http://", 7) != 0))
        return bad_place(f, what, "begins with neither https:// nor http://");
    rest += 3;
    size_t len = strcspn(rest, "/?#");
    const char *at = memrchr(rest, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - rest);
        rest = at + 1;
    }
    const char *bracket = memchr(rest, ']', len), *from = bracket ? bracket : rest;
    const char *colon = memchr(from, ':', len - (size_t)(from - rest));
    ret->host = (struct str){rest, colon ? (size_t)(colon - rest) : len};
    ret->port = ret->is_tls ? 443 : 80;
    if (!colon)
        return 0;
    int64_t port;
    if (base_parse_i64((struct str){colon + 1, len - (size_t)(colon + 1 - rest)}, 1, 65535, &port) <
        0)
        return bad_place(f, what, "has no valid port: 1 to 65535");
    ret->port = (unsigned)port;
    return 0;
}

static bool is_loopback(struct str host)
{
    return str_is(host, "localhost") || str_is(host, "[::1]") || str_starts(host, STR("127.")) ||
           str_ends(host, STR(".localhost"));
}

/* The operator's proxy, by the names that other programs read; never for this machine itself. */
static int find_proxy(const struct place *base, own char **ret, struct fault *f)
{
    const char *names[] = {base->is_tls ? "https_proxy" : "http_proxy",
                           base->is_tls ? "HTTPS_PROXY" : NULL, "all_proxy", "ALL_PROXY"};
    const char *said = NULL;
    for (size_t i = 0; !said && i < ARRAY_LEN(names); i++)
        if (names[i])
            said = os_env(names[i]);
    if (!said || is_loopback(base->host))
        return 0;
    if (strstr(said, "://") && strncmp(said, "http://", 7) != 0 &&
        strncmp(said, "https://", 8) != 0)
        return fault_set(f, FAULT_CONFIG,
                         "the proxy in the environment is neither http:// nor https://");
    return asprintf(ret, "%s%s", strstr(said, "://") ? "" : "http://", said) < 0 ? -ENOMEM : 0;
}

static int find_key(const struct service *s, const struct choice *c, struct str *ret,
                    struct fault *f)
{
    const char *key = c->key_env ? os_env(c->key_env) : NULL;
    if (c->key_env && !key) {
        (void)fault_set(f, FAULT_CONFIG, "%s needs its key in %s, which is not set", s->provider,
                        c->key_env);
        fault_next(f, "export %s=..., or use --model script:FILE to run without a key", c->key_env);
        return -FAULT_CONFIG;
    }
    *ret = str_trim(str_of(key ? key : ""));
    for (size_t i = 0; i < ret->len; i++) {
        if (ret->at[i] > 0x20 && ret->at[i] < 0x7f)
            continue;
        (void)fault_set(
            f, FAULT_CONFIG,
            "the key in %s has a space, a line end or another character that no key has",
            c->key_env);
        fault_next(f, "set %s to the key alone, without quotes and line ends", c->key_env);
        return -FAULT_CONFIG;
    }
    return 0;
}

struct egress_words {
    char *connect, *read, *proxy, *ca_file; /* own */
};

static void egress_words_done(struct egress_words *w)
{
    free(w->connect);
    free(w->read);
    free(w->proxy);
    free(w->ca_file);
}

/* Ports: the service's or the proxy's, and 53, where a name server is asked again when its first answer was cut. */
static int find_words(const struct choice *c, struct egress_words *w, struct fault *f)
{
    struct place base, proxy = {0};
    int r = place_of(c->base_url, c->base_from, &base, f);
    if (r == 0)
        r = find_proxy(&base, &w->proxy, f);
    if (r == 0 && w->proxy)
        r = place_of(w->proxy, "the proxy in the environment", &proxy, f);
    if (r == 0)
        r = certificates_find(&w->ca_file, &w->read, f);
    if (r < 0)
        return r;
    r = proxy.port ? asprintf(&w->connect, "--connect=%u,%u,53", base.port, proxy.port)
                   : asprintf(&w->connect, "--connect=%u,53", base.port);
    return r < 0 ? -ENOMEM : 0;
}

static int start_egress(struct service *s, const struct choice *c, const struct app *app,
                        struct fault *f)
{
    auto_done(egress_words) struct egress_words words = {0};
    struct str key;
    auto_close int key_fd = -1;
    int r = find_words(c, &words, f);
    if (r == 0)
        r = find_key(s, c, &key, f);
    if (r == 0)
        r = os_memfd_sealed("key", key, &key_fd);
    if (r < 0)
        return r;
    if (c->key_env && !(s->key_env = str_dup(str_of(c->key_env))))
        return -ENOMEM;
    const char *extra[] = {words.connect, words.read, NULL};
    const struct peer_config config = {
        .program = app->egress_program,
        .name = "boxagnts-egress",
        .kind = JAIL_EGRESS,
        .extra_argv = extra,
        .permits = permits_monitor_egress,
        .required_facets = app->settings->required_facets,
    };
    if ((r = peer_start(&s->egress, &config, f)) < 0)
        return r;
    auto_json json_t *body = json_pack(
        "{s:s, s:s, s:s, s:O*, s:s*, s:s*, s:s*}", "provider", s->provider, "base_url", c->base_url,
        "auth", request_wire_auth(c->wire), "headers", c->headers, "proxy", words.proxy, "no_proxy",
        os_env("no_proxy") ? os_env("no_proxy") : os_env("NO_PROXY"), "ca_file", words.ca_file);
    if (!body)
        return -ENOMEM;
    if ((r = peer_send(&s->egress, EGRESS_START, 0, body, STR(""), &key_fd, 1)) < 0)
        return r;
    return peer_attach(&s->egress, s->loop, on_frame, on_gone, s);
}

int planner_service_new(const char *provider, const char *name, const struct app *app,
                        struct os_loop *loop, own struct planner **ret, struct fault *reterr)
{
    struct choice choice = {0};
    int r = choose(&choice, provider, name, app, reterr);
    if (r < 0)
        return r;
    if (!choice.price.known) { /* there always is a budget; 0 is one too */
        (void)fault_set(reterr, FAULT_CONFIG,
                        "the price of %s/%s is not known, and a budget is set", provider, name);
        struct nearest near;
        nearest_init(&near, str_of(name));
        price_names(str_of(provider), offer, &near);
        fault_next(
            reterr,
            "%s%.*s%sset providers.%.40s.price in the settings: {\"input_per_mtok_usd\":..,\"output_per_mtok_usd\":..}",
            nearest_found(&near) ? "did you mean " : "", STR_FMT(near.best),
            nearest_found(&near) ? "? Or " : "", provider);
        return -FAULT_CONFIG;
    }
    struct service *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->planner = (struct planner){.wire = request_wire_name(choice.wire),
                                  .price = choice.price,
                                  .shows_tools = true,
                                  .input_bound = input_bound,
                                  .ask = ask,
                                  .cancel = cancel,
                                  .break_off = cancel,
                                  .free = free_service};
    planner_set_limits(&s->planner, provider, name, app->settings);
    s->wire = choice.wire;
    s->loop = loop;
    peer_init(&s->egress);
    s->provider = str_dup(str_of(provider));
    s->planner.model = str_dup(str_of(name));
    if (asprintf(&s->planner.label, "%s/%s", provider, name) < 0)
        s->planner.label = NULL;
    r = s->provider && s->planner.model && s->planner.label
            ? request_path(choice.wire, name, &s->path, reterr)
            : -ENOMEM;
    if (r == 0)
        r = start_egress(s, &choice, app, reterr);
    if (r < 0) {
        free_service(&s->planner);
        return r;
    }
    *ret = &s->planner;
    return 0;
}

void planner_keys_wipe(const struct app *app)
{
    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        if (providers[i].key_env)
            os_env_wipe(providers[i].key_env);
    for (size_t i = 0; i < app->settings->provider_count; i++)
        if (app->settings->providers[i].key_env)
            os_env_wipe(app->settings->providers[i].key_env);
}
