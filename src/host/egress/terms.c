/* See terms.h. */
#include "host/egress/terms.h"

#include <errno.h>
#include <stdio.h>

static int bad(struct fault *reterr, const char *key, const char *why)
{
    return fault_set(reterr, FAULT_PROTOCOL, "a grant whose %s %s", key, why);
}

/* An array of strings. ret_list borrowed. */
static int need_list(const json_t *body, const char *key, const json_t **ret_list,
                     struct fault *reterr)
{
    int r = json_get_array(body, key, ret_list, NULL);
    if (r != 0 || json_array_size(*ret_list) > TERMS_LIST_MAX)
        return bad(reterr, key, "is no list, or too long");
    for (size_t i = 0; i < json_array_size(*ret_list); i++)
        if (!json_is_string(json_array_get(*ret_list, i)))
            return bad(reterr, key, "has an entry that is no text");
    return 0;
}

static struct str entry(const json_t *list, size_t i)
{
    const json_t *v = json_array_get(list, i);
    return (struct str){json_string_value(v), json_string_length(v)};
}

/* Zeroed room for a list; never NULL for an empty one. */
static int room(size_t count, size_t size, void **ret)
{
    *ret = calloc(count ? count : 1, size);
    return *ret ? 0 : -ENOMEM;
}

static int read_patterns(const json_t *body, const char *key, bool needs_scheme,
                         struct terms_list *ret, struct fault *reterr)
{
    const json_t *list;
    void *at = NULL;
    char why[URL_WHY_SIZE];
    int r = need_list(body, key, &list, reterr);
    if (r == 0)
        r = room(json_array_size(list), sizeof *ret->at, &at);
    if (r < 0)
        return r;
    ret->at = at;
    for (; ret->count < json_array_size(list); ret->count++)
        if (net_pattern_parse(entry(list, ret->count), needs_scheme, &ret->at[ret->count], why) !=
            0)
            return bad(reterr, key, why);
    return 0;
}

static int read_narrow(const json_t *body, struct terms *t, struct fault *reterr)
{
    const json_t *list;
    if (json_get_array(body, "narrow", &list, NULL) != 0 ||
        json_array_size(list) > TERMS_NARROW_MAX)
        return bad(reterr, "narrow", "is no list, or too long");
    for (; t->narrow_count < json_array_size(list); t->narrow_count++) {
        const json_t *one = json_array_get(list, t->narrow_count);
        struct str by;
        if (!json_is_object(one) || json_get_str(one, "by", &by, NULL) != 0 || by.len == 0 ||
            by.len >= sizeof t->narrow[0].by)
            return bad(reterr, "narrow", "does not say who");
        memcpy(t->narrow[t->narrow_count].by, by.at, by.len);
        int r = read_patterns(one, "hosts", true, &t->narrow[t->narrow_count].hosts, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_blocks(const json_t *body, struct terms *t, struct fault *reterr)
{
    const json_t *list;
    void *at = NULL;
    char why[URL_WHY_SIZE];
    int r = need_list(body, "block_networks", &list, reterr);
    if (r == 0)
        r = room(json_array_size(list), sizeof *t->blocks, &at);
    if (r < 0)
        return r;
    t->blocks = at;
    for (; t->block_count < json_array_size(list); t->block_count++)
        if (net_block_parse(entry(list, t->block_count), &t->blocks[t->block_count], why) != 0)
            return bad(reterr, "block_networks", why);
    return 0;
}

static int read_prefixes(const json_t *body, struct terms *t, struct fault *reterr)
{
    const json_t *list;
    void *at = NULL;
    char why[URL_WHY_SIZE];
    int r = need_list(body, "block_url", &list, reterr);
    if (r == 0)
        r = room(json_array_size(list), sizeof *t->prefixes, &at);
    if (r < 0)
        return r;
    t->prefixes = at;
    for (; t->prefix_count < json_array_size(list); t->prefix_count++) {
        r = url_prefix_parse(entry(list, t->prefix_count), &t->prefixes[t->prefix_count], why);
        if (r < 0)
            return r == -ENOMEM ? r : bad(reterr, "block_url", why);
    }
    return 0;
}

static int read_secrets(const json_t *body, struct terms *t, struct fault *reterr)
{
    const json_t *list;
    void *at = NULL;
    int r = need_list(body, "secrets", &list, reterr);
    if (r == 0)
        r = room(json_array_size(list), sizeof *t->secrets, &at);
    if (r < 0)
        return r;
    t->secrets = at;
    for (; t->secret_count < json_array_size(list); t->secret_count++)
        if (!(t->secrets[t->secret_count] = str_dup(entry(list, t->secret_count))))
            return -ENOMEM;
    return 0;
}

static int read_policy(const json_t *body, struct terms *t, struct fault *reterr)
{
    const json_t *net;
    if (json_get_object(body, "net", &net, NULL) != 0 ||
        json_get_bool(net, "otherwise", &t->otherwise, NULL) != 0)
        return bad(reterr, "net", "is not whole");
    int r = read_patterns(net, "deny", false, &t->deny, reterr);
    if (r == 0)
        r = read_patterns(net, "targets", false, &t->targets, reterr);
    if (r == 0)
        r = read_patterns(net, "ask", false, &t->ask, reterr);
    return r == 0 ? read_patterns(net, "allow", false, &t->allow, reterr) : r;
}

static int read_numbers(const json_t *body, struct terms *t, struct fault *reterr)
{
    const struct {
        const char *key;
        int64_t *at;
    } rows[] = {{"max_requests", &t->requests_max},
                {"max_bytes", &t->bytes_max},
                {"deadline_ns", &t->deadline_ns}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (json_get_i64(body, rows[i].key, 0, INT64_MAX, rows[i].at, NULL) != 0)
            return bad(reterr, rows[i].key, "is no number");
    return 0;
}

int terms_parse(const json_t *body, struct terms *ret, struct fault *reterr)
{
    struct terms t = {0};
    int r = json_is_object(body) ? read_patterns(body, "hosts", true, &t.hosts, reterr)
                                 : bad(reterr, "body", "is missing");
    if (r == 0)
        r = read_narrow(body, &t, reterr);
    if (r == 0)
        r = read_blocks(body, &t, reterr);
    if (r == 0)
        r = read_prefixes(body, &t, reterr);
    if (r == 0)
        r = read_policy(body, &t, reterr);
    if (r == 0)
        r = read_numbers(body, &t, reterr);
    if (r == 0)
        r = read_secrets(body, &t, reterr);
    if (r < 0)
        terms_done(&t);
    else
        *ret = t;
    return r;
}

void terms_done(struct terms *t)
{
    struct terms_list *lists[] = {&t->hosts, &t->deny, &t->targets, &t->ask, &t->allow};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        free(lists[i]->at);
    for (size_t i = 0; i < TERMS_NARROW_MAX; i++)
        free(t->narrow[i].hosts.at);
    for (size_t i = 0; i < t->prefix_count; i++)
        url_prefix_done(&t->prefixes[i]);
    for (size_t i = 0; i < t->secret_count; i++)
        free(t->secrets[i]);
    free(t->blocks);
    free(t->prefixes);
    free(t->secrets);
    *t = (struct terms){0};
}

/* --- decisions --- */

static bool is_in(const struct terms_list *list, const struct url *u)
{
    for (size_t i = 0; i < list->count; i++)
        if (net_pattern_takes(&list->at[i], u))
            return true;
    return false;
}

static int deny(char ret_why[URL_WHY_SIZE], const char *before, const char *what,
                const char *behind)
{
    snprintf(ret_why, URL_WHY_SIZE, "%s%s%s", before, what, behind);
    return TERMS_DENIED;
}

/* The same order as the policy's own: deny, then what was decided for this call, then ask, then allow. Nobody is asked
 * here, so what would be asked is refused. */
static bool policy_takes(const struct terms *t, const struct url *u)
{
    if (is_in(&t->deny, u))
        return false;
    if (is_in(&t->targets, u))
        return true;
    return !is_in(&t->ask, u) && (t->otherwise || is_in(&t->allow, u));
}

int terms_judge_url(const struct terms *t, const struct url *u, char ret_why[URL_WHY_SIZE])
{
    char target[NET_TARGET_MAX];
    net_target_print(u, target);
    target[100] = '\0'; /* enough of a name for a sentence */
    if (!is_in(&t->hosts, u))
        return deny(ret_why, u->is_tls ? "https://" : "http://", target,
                    " is not in allowed_outbound_hosts");
    for (size_t i = 0; i < t->narrow_count; i++) {
        char behind[80];
        snprintf(behind, sizeof behind, " is not in allowed_outbound_hosts of the %s",
                 t->narrow[i].by);
        if (!is_in(&t->narrow[i].hosts, u))
            return deny(ret_why, u->is_tls ? "https://" : "http://", target, behind);
    }
    if (!policy_takes(t, u))
        return deny(ret_why, "the policy does not allow Net(", target, ") in this call");
    for (size_t i = 0; i < t->prefix_count; i++) {
        bool is_closed = false;
        int r = url_prefix_covers(&t->prefixes[i], u, &is_closed);
        if (r < 0)
            return r;
        if (is_closed)
            return deny(ret_why, "", target, ": this URL is closed by block_url");
    }
    /* An address written as such needs no connection to be judged. */
    return u->host.is_ip ? terms_judge_address(t, &u->host.ip, ret_why) : 0;
}

int terms_judge_tunnel(const struct terms *t, const struct url *u, char ret_why[URL_WHY_SIZE])
{
    char target[NET_TARGET_MAX];
    int r = terms_judge_url(t, u, ret_why);
    for (size_t i = 0; r == 0 && i < t->prefix_count; i++) {
        const struct url *closed = &t->prefixes[i].url;
        if (closed->port != u->port || !host_equal(&closed->host, &u->host))
            continue;
        net_target_print(u, target);
        target[100] = '\0';
        r = deny(ret_why, "block_url closes a part of ", target,
                 ", and what a tunnel asks for cannot be seen");
    }
    return r;
}

int terms_judge_address(const struct terms *t, const struct ip *a, char ret_why[URL_WHY_SIZE])
{
    char text[IP_TEXT_SIZE];
    struct ip plain = *a;
    ip_unmap(&plain);
    ip_print(&plain, text);
    if (ip_is_no_host(&plain))
        return deny(ret_why, "", text, " is no host");
    for (size_t i = 0; i < t->block_count; i++) {
        const char *name = net_block_covers(&t->blocks[i], &plain);
        if (name) {
            snprintf(ret_why, URL_WHY_SIZE, "%s is in block_networks (%s)", text, name);
            return TERMS_DENIED;
        }
    }
    return 0;
}
