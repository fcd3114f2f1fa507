/* See outward.h. */
#include "edge/outward.h"

#include "edge/certificates.h"
#include "edge/peer.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/socket.h"
#include "wire/net_pattern.h"

#include <errno.h>
#include <stdio.h>

#define DEADLINE_SLACK_NS OS_NS_PER_S /* the worker's clock begins with its first instruction */
#define REVOKE_NS OS_NS_PER_S
enum {
    PORTS_MAX = 60, /* of the jail's list; more, and the kernel is told none (docs/egress.md) */
    SECRET_MAX = 4096,
    SECRET_LEAST = 8, /* bytes: a shorter one would be found in ordinary words */
};

struct outward {
    const struct app *app;
    struct os_loop *loop;
    struct peer egress;
    bool is_up, is_gone, is_granted, is_answered;
    uint64_t id;
    json_t *answer;      /* own; body of MONITOR_GRANT_END, or what stands for it */
    json_t *confinement; /* own; of the egress that had the grant */
    struct receipt_http use;
    char why[256]; /* egress' last word */
};

int outward_new(const struct app *app, struct os_loop *loop, own struct outward **ret)
{
    struct outward *o = calloc(1, sizeof *o);
    if (!o)
        return -ENOMEM;
    o->app = app;
    o->loop = loop;
    peer_init(&o->egress);
    *ret = o;
    return 0;
}

void outward_free(own struct outward *o)
{
    if (!o)
        return;
    peer_done(&o->egress);
    json_decref(o->answer);
    json_decref(o->confinement);
    free(o);
}

/* --- what may be reached --- */

void outward_doors(const struct settings *s, const char *agent, const struct tool *tool,
                   struct net_door ret[NET_LIMITS_DOORS])
{
    ret[0] = (struct net_door){LIMIT_AGENT, settings_net_of(s, agent)};
    ret[1] = (struct net_door){LIMIT_TOOL, tool ? &tool->net : NULL};
}

void outward_say_limits(const struct settings *s, const char *agent, const struct tool *tool,
                        json_t *receipt)
{
    struct net_base base[NET_LIMITS];
    struct net_door doors[NET_LIMITS_DOORS];
    settings_net_base(s, base);
    outward_doors(s, agent, tool, doors);
    json_t *limits = json_object_get(receipt, "limits");
    if (limits && net_limits_receipt(limits, base, doors, NET_LIMITS_DOORS) < 0)
        json_object_set_new(receipt, "limits", json_null()); /* a part of them would be a lie */
}

bool outward_is_allowed(const struct settings *s, const struct net_door *doors, const char *target)
{
    for (size_t i = 0; i < NET_LIMITS_DOORS; i++)
        if (doors[i].limits && !net_limits_takes(doors[i].limits, target))
            return false;
    for (size_t i = 0; i < s->allowed_count; i++) {
        struct net_pattern p;
        char why[URL_WHY_SIZE];
        if (net_pattern_parse(str_of(s->allowed_outbound_hosts[i]), true, &p, why) == 0 &&
            (net_pattern_matches(&p, STR("https"), str_of(target)) ||
             net_pattern_matches(&p, STR("http"), str_of(target))))
            return true;
    }
    return false;
}

/* "--connect=80,443,53", or any. Name servers are asked again by TCP when their first answer was cut. */
static int connect_word(const struct settings *s, struct buf *out)
{
    uint16_t ports[PORTS_MAX] = {53};
    size_t count = 1;
    bool any = false;
    for (size_t i = 0; i < s->allowed_count && !any; i++) {
        struct net_pattern p;
        char why[URL_WHY_SIZE];
        if (net_pattern_parse(str_of(s->allowed_outbound_hosts[i]), true, &p, why) != 0)
            return -FAULT_CONFIG;
        uint32_t from = p.port_from, end = p.port_end;
        if (p.port_default) {
            from = strcmp(p.scheme, "https") == 0 ? 443 : 80;
            end = from + 1;
        }
        any = p.port_any;
        bool both = p.port_default && p.scheme[0] == '\0';
        for (uint32_t port = from; port < end && !any; port++) {
            any = count + 2 > PORTS_MAX;
            if (!any)
                ports[count++] = (uint16_t)port;
            if (!any && both)
                ports[count++] = 443;
        }
    }
    buf_add_z(out, "--connect=");
    for (size_t i = 0; i < count && !any; i++)
        buf_addf(out, "%s%u", i ? "," : "", ports[i]);
    if (any)
        buf_add_z(out, "any");
    return buf_error(out);
}

/* --- egress --- */

static int on_frame(struct message *m, void *arg)
{
    struct outward *o = arg;
    if (m->type == MONITOR_FAULT) {
        const char *text = json_string_value(json_object_get(m->body, "text"));
        snprintf(o->why, sizeof o->why, "%s", text ? text : "it gave up");
    }
    if (m->type != MONITOR_GRANT_END || !o->is_granted || m->id != o->id || !m->body)
        return m->type == MONITOR_FAULT ? 0 : -FAULT_PROTOCOL; /* it speaks when it is asked */
    json_decref(o->answer);
    o->answer = json_incref(m->body);
    o->is_answered = true;
    return 0;
}

static void on_gone(const struct fault *why, void *arg)
{
    struct outward *o = arg;
    o->is_gone = true;
    if (!*o->why)
        snprintf(o->why, sizeof o->why, "%.200s", why->text);
}

static void wipe_buf(struct buf *b)
{
    if (b->at)
        base_wipe(b->at, b->len);
    buf_done(b);
}

/* A variable stays where it is until the end of the process, because egress may have to be started again; nothing that we start
 * inherits it. */
static int send_secret(struct outward *o, const struct settings_secret *s, struct fault *reterr)
{
    __attribute__((cleanup(wipe_buf))) struct buf value;
    auto_close int fd = -1;
    buf_init(&value, SECRET_MAX);
    const char *env = s->env ? os_env(s->env) : NULL;
    if (s->env && !env) {
        (void)fault_set(reterr, FAULT_CONFIG, "the secret %s is to be in %s, which is not set",
                        s->name, s->env);
        fault_next(reterr, "export %s=..., or take the secret out of the settings", s->env);
        return -FAULT_CONFIG;
    }
    int r = buf_reserve(&value, SECRET_MAX); /* at once: growing would leave copies */
    if (r == 0)
        r = env ? buf_add_z(&value, env) : os_read_file_trusted(s->file, &value);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_CONFIG, "the secret %s is longer than any is", s->name);
    if (r < 0) {
        (void)fault_sys(reterr, -r, "the secret %s: %s", s->name, s->file ? s->file : "");
        reterr->code = FAULT_CONFIG;
        return -FAULT_CONFIG;
    }
    struct str text = str_trim(buf_str(&value));
    if (text.len < SECRET_LEAST)
        return fault_set(
            reterr, FAULT_CONFIG,
            "the secret %s has less than %d bytes, which would be found in ordinary words", s->name,
            SECRET_LEAST);
    auto_json json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "name", s->name, "host", s->host,
                                       "header", s->header, "prefix", s->prefix ? s->prefix : "");
    if (!body)
        return -ENOMEM;
    r = os_memfd_sealed("secret", text, &fd);
    return r < 0 ? r : peer_send(&o->egress, EGRESS_SECRET, 0, body, STR(""), &fd, 1);
}

static int start(struct outward *o, struct fault *reterr)
{
    auto_done(buf) struct buf connect;
    auto_free char *ca_file = NULL, *read = NULL;
    buf_init(&connect, 1024);
    int r = connect_word(o->app->settings, &connect);
    if (r == 0)
        r = certificates_find(&ca_file, &read, reterr);
    if (r < 0)
        return r;
    const char *extra[] = {buf_str(&connect).at, read, NULL};
    const struct peer_config config = {
        .program = o->app->egress_program,
        .name = "boxagnts-egress",
        .kind = JAIL_EGRESS,
        .extra_argv = extra,
        .permits = permits_monitor_egress,
        .required_facets = o->app->settings->required_facets,
    };
    peer_done(&o->egress);
    o->is_up = o->is_gone = false;
    o->why[0] = '\0';
    auto_json json_t *body = json_pack("{s:s*}", "ca_file", ca_file);
    if (!body)
        return -ENOMEM;
    r = peer_start(&o->egress, &config, reterr);
    if (r == 0)
        r = peer_send(&o->egress, EGRESS_GUESTS, 0, body, STR(""), NULL, 0);
    for (size_t i = 0; r == 0 && i < o->app->settings->secret_count; i++)
        r = send_secret(o, &o->app->settings->secrets[i], reterr);
    if (r == 0)
        r = peer_attach(&o->egress, o->loop, on_frame, on_gone, o);
    o->is_up = r == 0;
    return r;
}

/* --- a grant --- */

static bool add_text(json_t *list, struct str text)
{
    return json_array_append_new(list, json_stringn(text.at, text.len)) == 0;
}

static own json_t *texts_json(char *const *at, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++) {
        if (!add_text(list, str_of(at[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int add_rule(enum policy_verdict v, struct str pattern, void *arg)
{
    json_t *net = arg;
    return add_text(json_object_get(net, policy_verdict_name(v)), pattern) ? 0 : -ENOMEM;
}

/* The policy's part: see terms.h of egress. */
static own json_t *net_json(const struct outward *o, const struct outward_ask *ask)
{
    auto_json json_t *net =
        json_pack("{s:[], s:[], s:[], s:[]}", "deny", "ask", "allow", "targets");
    bool otherwise = ask->tool == NULL;
    if (!net || (ask->tool && policy_compile_net(o->app->settings->policy, ask->tool, add_rule, net,
                                                 &otherwise) < 0))
        return NULL;
    for (size_t i = 0; i < ask->effect_count; i++)
        if (ask->effects[i].kind == EFFECT_NET &&
            !add_text(json_object_get(net, "targets"), str_of(ask->effects[i].target)))
            return NULL;
    return json_object_set_new(net, "otherwise", json_boolean(otherwise)) == 0 ? take(net) : NULL;
}

/* Every call may use every secret: only their own hosts get them, and no guest. */
static own json_t *secrets_json(const struct settings *s)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->secret_count; i++) {
        if (!add_text(list, str_of(s->secrets[i].name))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The lists of hosts that a URL must be in besides, and whose they are. */
static own json_t *narrow_json(const struct net_door doors[NET_LIMITS_DOORS])
{
    auto_json json_t *list = json_array();
    if (!list)
        return NULL;
    for (size_t i = 0; i < NET_LIMITS_DOORS; i++)
        for (size_t k = 0; doors[i].limits && k < doors[i].limits->host_count; k++)
            if (json_array_append_new(list,
                                      json_pack("{s:s, s:O}", "by", limit_door_name(doors[i].by),
                                                "hosts", doors[i].limits->hosts[k])) != 0)
                return NULL;
    return take(list);
}

/* What is blocked: by the settings, or by anybody of the call. */
static own json_t *blocked_json(char *const *at, size_t count, enum net_limit kind,
                                const struct net_door doors[NET_LIMITS_DOORS])
{
    auto_json json_t *list = texts_json(at, count);
    for (size_t i = 0; list && i < NET_LIMITS_DOORS; i++)
        if (doors[i].limits && doors[i].limits->blocked[kind] &&
            json_array_extend(list, doors[i].limits->blocked[kind]) != 0)
            return NULL;
    return take(list);
}

static own json_t *terms_json(const struct outward *o, const struct outward_ask *ask)
{
    const struct settings *s = o->app->settings;
    struct net_door doors[NET_LIMITS_DOORS];
    outward_doors(s, ask->agent, ask->tool, doors);
    int64_t deadline,
        most = ask->is_command ? ask->limits->command_timeout_ns : ask->limits->wasm_timeout_ns;
    if (!i64_add(os_now_mono_ns(), most, &deadline) ||
        !i64_add(deadline, DEADLINE_SLACK_NS, &deadline))
        deadline = INT64_MAX;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:b}", "hosts",
        texts_json(s->allowed_outbound_hosts, s->allowed_count), "narrow", narrow_json(doors),
        "block_networks",
        blocked_json(s->block_networks, s->block_network_count, NET_NETWORKS, doors), "block_url",
        blocked_json(s->block_urls, s->block_url_count, NET_URLS, doors), "net", net_json(o, ask),
        "max_requests", (json_int_t)ask->limits->max_http_requests, "max_bytes",
        (json_int_t)ask->limits->max_http_bytes, "deadline_ns", (json_int_t)deadline, "secrets",
        ask->is_command ? json_array() : secrets_json(s), "proxy", ask->is_command);
}

static bool has_net(const struct outward_ask *ask)
{
    for (size_t i = 0; i < ask->effect_count; i++)
        if (ask->effects[i].kind == EFFECT_NET)
            return true;
    return ask->tool == NULL;
}

int outward_prepare(struct outward *o, const struct outward_ask *ask, struct fault *reterr)
{
    if (o->app->settings->allowed_count == 0 || !has_net(ask))
        return 1;
    return o->is_up && !o->is_gone ? 0 : start(o, reterr);
}

/* fd borrowed: egress' end */
static int grant(struct outward *o, const struct outward_ask *ask, int fd)
{
    auto_json json_t *terms = terms_json(o, ask);
    if (!terms)
        return -ENOMEM;
    int r = peer_send(&o->egress, EGRESS_GRANT, o->id + 1, terms, STR(""), &fd, 1);
    if (r < 0)
        return r;
    o->id++;
    o->is_granted = true;
    o->is_answered = false;
    json_decref(o->confinement);
    o->confinement = json_incref(o->egress.confinement);
    return 0;
}

int outward_grant(struct outward *o, const struct outward_ask *ask, int *ret_fd,
                  struct fault *reterr)
{
    auto_close int ours = -1, theirs = -1;
    int r = outward_prepare(o, ask, reterr);
    if (r != 0)
        return r;
    r = os_socket_pair(&ours, &theirs);
    if (r == 0)
        r = grant(o, ask, theirs);
    if (r == 0)
        *ret_fd = take_fd(&ours);
    return r;
}

int outward_grant_proxy(struct outward *o, const struct outward_ask *ask, own int listener,
                        struct fault *reterr)
{
    auto_close int held = listener;
    int r = grant(o, ask, held);
    return r < 0 ? fault_set(reterr, FAULT_SANDBOX, "the command's way out cannot be opened: %s",
                             fault_sentence(r))
                 : 0;
}

/* What a receipt says when egress does not: nothing is known, and that is said. */
static own json_t *unknown_json(const struct outward *o)
{
    char why[320];
    snprintf(why, sizeof why, "egress ended before it said what was reached: %s",
             *o->why ? o->why : "it did not answer");
    return json_pack("{s:[{s:s, s:s}]}", "refused", "target", "boxagnts-egress", "why", why);
}

static int64_t count_of(const json_t *answer, const char *key, int64_t max)
{
    int64_t n = 0;
    return json_get_i64(answer, key, 0, max, &n, NULL) == 0 ? n : 0;
}

const struct receipt_http *outward_revoke(struct outward *o)
{
    if (!o || !o->is_granted)
        return NULL;
    if (!o->is_gone && peer_send(&o->egress, EGRESS_REVOKE, o->id, NULL, STR(""), NULL, 0) == 0)
        peer_wait(&o->egress, &o->is_answered, os_now_mono_ns() + REVOKE_NS);
    o->is_granted = false;
    if (!o->is_answered) {
        o->is_gone = true; /* the next grant gets a new one; what this one has open ends now */
        peer_done(&o->egress);
        json_decref(o->answer);
        o->answer = unknown_json(o);
    }
    o->use = (struct receipt_http){
        .requests = count_of(o->answer, "http_requests", INT64_C(1) << 40),
        .bytes = count_of(o->answer, "http_bytes", INT64_C(1) << 50),
        .contacted = json_object_get(o->answer, "contacted"),
        .refused = json_object_get(o->answer, "refused"),
        .limits_hit = json_object_get(o->answer, "limits_hit"),
        .confinement = o->confinement,
    };
    return &o->use;
}
