/* Bodies of EGRESS_START and EGRESS_MODEL. */
#include "host/egress/bodies.h"

#include <errno.h>
#include <string.h>

enum {
    PATH_MAX_LEN = 1024,
    NAME_MAX_LEN = 128,
    HEADERS_MAX = 32,
    IDLE_MS_LEAST = 1,
    IDLE_MS_MOST = 3600000
};

static int lacks(struct fault *reterr, const char *what)
{
    return fault_set(reterr, FAULT_CONFIG, "egress was told no %s", what);
}

static int need_str(const json_t *body, const char *key, struct str *ret, struct fault *reterr)
{
    int r = json_get_str(body, key, ret, reterr);
    return r == JSON_ABSENT ? lacks(reterr, key) : r;
}

static int copy_str(const json_t *body, const char *key, own char **ret, struct fault *reterr)
{
    struct str text;
    int r = json_get_str(body, key, &text, reterr);
    if (r != 0)
        return r < 0 ? r : 0;
    return (*ret = str_dup(text)) != NULL ? 0 : -ENOMEM;
}

static int read_start(const json_t *body, struct egress_start *s, struct fault *reterr)
{
    struct str text = {"", 0};
    int r = need_str(body, "provider", &text, reterr);
    if (r == 0 && (text.len == 0 || text.len > NAME_MAX_LEN))
        r = lacks(reterr, "provider of a usual length");
    if (r == 0 && (s->provider = str_dup(text)) == NULL)
        r = -ENOMEM;
    if (r == 0)
        r = need_str(body, "base_url", &text, reterr);
    if (r == 0)
        r = net_url_parse_base(text, &s->base, reterr);
    if (r == 0)
        r = need_str(body, "auth", &text, reterr);
    if (r == 0 && secrets_auth_parse(text, &s->auth) < 0)
        r = fault_set(reterr, FAULT_CONFIG, "egress knows no way to authenticate called \"%.*s\"",
                      (int)(text.len < 40 ? text.len : 40), text.at);
    if (r == 0 && (r = json_get_str(body, "proxy", &text, reterr)) == 0)
        r = net_url_parse_proxy(text, &s->proxy, reterr);
    if (r == JSON_ABSENT)
        r = 0;
    if (r == 0)
        r = copy_str(body, "no_proxy", &s->proxy_exceptions, reterr);
    if (r == 0)
        r = copy_str(body, "ca_file", &s->ca_file, reterr);
    if (r == 0 && (r = json_get_i64(body, "idle_ms", IDLE_MS_LEAST, IDLE_MS_MOST, &s->idle_ms,
                                    reterr)) == JSON_ABSENT)
        r = 0;
    if (r == 0 && (r = json_get_object(body, "headers", &s->headers, reterr)) == JSON_ABSENT)
        r = 0;
    return r;
}

int egress_start_parse(const json_t *body, struct egress_start *ret, struct fault *reterr)
{
    struct egress_start s = {0};
    int r = json_is_object(body) ? read_start(body, &s, reterr) : lacks(reterr, "start at all");
    if (r < 0) {
        egress_start_done(&s);
        return r;
    }
    *ret = s;
    return 0;
}

void egress_start_done(struct egress_start *s)
{
    free(s->provider);
    net_url_done(&s->base);
    net_url_done(&s->proxy);
    free(s->proxy_exceptions);
    free(s->ca_file);
    *s = (struct egress_start){0};
}

int egress_start_headers(const struct egress_start *s, struct secrets *secrets,
                         struct fault *reterr)
{
    const char *name;
    json_t *value;
    if (json_object_size(s->headers) > HEADERS_MAX)
        return fault_set(reterr, FAULT_CONFIG, "more than %d headers are set for the provider",
                         HEADERS_MAX);
    json_object_foreach((json_t *)(uintptr_t)s->headers, name, value)
    {
        if (!json_is_string(value))
            return fault_set(reterr, FAULT_CONFIG, "the header %.100s is not a string", name);
        struct str text = {json_string_value(value), json_string_length(value)};
        int r = secrets_add_header(secrets, str_of(name), text, true, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_path(struct str path)
{
    if (path.len == 0 || path.len > PATH_MAX_LEN || path.at[0] != '/' ||
        memmem(path.at, path.len, "..", 2) != NULL)
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.at[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '\0' || (!is_word && strchr("/-._~%:?&=+,@", c) == NULL))
            return false;
    }
    return true;
}

int egress_ask_parse(const json_t *body, struct egress_ask *ret, struct fault *reterr)
{
    struct egress_ask ask;
    struct str wire;
    int r = json_is_object(body) ? need_str(body, "path", &ask.path, reterr)
                                 : lacks(reterr, "request at all");
    if (r == 0)
        r = need_str(body, "wire", &wire, reterr);
    if (r < 0)
        return r;
    if (!is_path(ask.path))
        return fault_set(reterr, FAULT_CONFIG, "egress was given a path that is none");
    if ((ask.wire = usage_wire_find(wire)) == NULL)
        return fault_set(reterr, FAULT_CONFIG, "egress does not speak the wire \"%.*s\"",
                         (int)(wire.len < 40 ? wire.len : 40), wire.at);
    *ret = ask;
    return 0;
}
