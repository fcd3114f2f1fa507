/* See net_limits.h. */
#include "tools/net_limits.h"

#include "tools/json_walk.h"
#include "wire/net_pattern.h"

#include <errno.h>
#include <stdio.h>

#define ENTRY_MAX 4096
#define RECEIPT_ENTRIES_MAX 32 /* of one list, written out */

static const char *const keys[NET_LIMITS] = {
    [NET_HOSTS] = "allowed_outbound_hosts",
    [NET_NETWORKS] = "block_networks",
    [NET_URLS] = "block_url",
};

const char *net_limit_key(enum net_limit kind)
{
    return keys[kind];
}

bool net_limit_find(struct str key, enum net_limit *ret)
{
    for (size_t i = 0; i < NET_LIMITS; i++) {
        if (str_is(key, keys[i])) {
            *ret = (enum net_limit)i;
            return true;
        }
    }
    return false;
}

int net_limit_check(enum net_limit kind, struct str entry, char ret_why[160])
{
    struct net_pattern pattern;
    struct net_block block;
    struct url_prefix prefix = {0};
    if (kind == NET_HOSTS)
        return net_pattern_parse(entry, true, &pattern, ret_why);
    if (kind == NET_NETWORKS)
        return net_block_parse(entry, &block, ret_why);
    int r = url_prefix_parse(entry, &prefix, ret_why);
    url_prefix_done(&prefix);
    return r;
}

void net_limits_done(struct net_limits *l)
{
    for (size_t i = 0; i < l->host_count; i++)
        json_decref(l->hosts[i]);
    for (size_t i = 0; i < NET_LIMITS; i++)
        json_decref(l->blocked[i]);
    *l = (struct net_limits){0};
}

static int check_list(enum net_limit kind, const json_t *list, struct fault *reterr)
{
    if (!json_is_array(list) || json_array_size(list) > NET_LIMITS_LIST_MAX)
        return fault_set(reterr, FAULT_CONFIG, "must be a list of at most %d texts",
                         NET_LIMITS_LIST_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        struct str s = json_is_string(v) ? json_view(v) : STR("");
        char why[URL_WHY_SIZE] = "must be a text";
        int r = s.len == 0 || s.len > ENTRY_MAX ? -FAULT_CONFIG : net_limit_check(kind, s, why);
        if (r == -ENOMEM)
            return r;
        if (r)
            return fault_set(reterr, FAULT_CONFIG, "entry %zu, \"%.*s\", %s", i + 1,
                             (int)(s.len < 120 ? s.len : 120), s.at, why);
    }
    return 0;
}

static int add_checked(struct net_limits *l, enum net_limit kind, const json_t *list,
                       struct fault *reterr)
{
    if (kind == NET_HOSTS) {
        if (l->host_count == NET_LIMITS_HOSTS_MAX)
            return fault_set(reterr, FAULT_CONFIG, "is said more than %d times",
                             NET_LIMITS_HOSTS_MAX);
        l->hosts[l->host_count++] = json_incref(json_loose(list));
        return 0;
    }
    if (!l->blocked[kind])
        l->blocked[kind] = json_array();
    return l->blocked[kind] && json_array_extend(l->blocked[kind], json_loose(list)) == 0 ? 0
                                                                                          : -ENOMEM;
}

int net_limits_add(struct net_limits *l, enum net_limit kind, const json_t *list,
                   struct fault *reterr)
{
    int r = check_list(kind, list, reterr);
    return r ? r : add_checked(l, kind, list, reterr);
}

int net_limits_merge(struct net_limits *l, const struct net_limits *more, struct fault *reterr)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < more->host_count; i++)
        r = add_checked(l, NET_HOSTS, more->hosts[i], reterr);
    for (size_t i = 0; r == 0 && i < NET_LIMITS; i++)
        if (more->blocked[i])
            r = add_checked(l, (enum net_limit)i, more->blocked[i], reterr);
    return r;
}

bool net_limits_is_said(const struct net_limits *l, enum net_limit kind)
{
    return kind == NET_HOSTS ? l->host_count > 0 : l->blocked[kind] != NULL;
}

static bool is_in(const json_t *list, const char *target)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct net_pattern p;
        char why[URL_WHY_SIZE];
        if (net_pattern_parse(json_view(json_array_get(list, i)), true, &p, why) == 0 &&
            (net_pattern_matches(&p, STR("https"), str_of(target)) ||
             net_pattern_matches(&p, STR("http"), str_of(target))))
            return true;
    }
    return false;
}

bool net_limits_takes(const struct net_limits *l, const char *target)
{
    for (size_t i = 0; i < l->host_count; i++)
        if (!is_in(l->hosts[i], target))
            return false;
    return true;
}

/* --- receipts --- */

/* Takes list. */
static own json_t *said_json(own json_t *list, const char *by)
{
    size_t count = json_array_size(list);
    json_t *said = json_object();
    int r = 0;
    for (size_t i = count; i > RECEIPT_ENTRIES_MAX; i--)
        r |= json_array_remove(list, i - 1);
    r |= json_object_set_new(said, "value", list); /* fails on what could not be made */
    r |= json_object_set_new(said, "by", json_string(by));
    if (count > RECEIPT_ENTRIES_MAX)
        r |= json_object_set_new(said, "more",
                                 json_integer((json_int_t)(count - RECEIPT_ENTRIES_MAX)));
    if (r == 0)
        return said;
    json_decref(said);
    return NULL;
}

/* "user", or "user+flag" where several layers made one list. */
static own json_t *base_json(const struct net_base *b)
{
    char by[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < LIMIT_DOORS; i++)
        if (b->doors & (1u << i))
            used += (size_t)snprintf(by + used, sizeof by - used, "%s%s", used ? "+" : "",
                                     limit_door_name((enum limit_door)i));
    json_t *list = json_array();
    for (size_t i = 0; list && i < b->count; i++)
        if (json_array_append_new(list, json_string(b->at[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list ? said_json(list, used ? by : limit_door_name(LIMIT_DEFAULT)) : NULL;
}

/* Who says something comes before whom he narrows: so each new one goes in front. Takes said. */
static int put_before(json_t *rows, own json_t *said)
{
    return json_array_insert_new(rows, 0, said);
}

static int add_door(json_t *rows, enum net_limit kind, const struct net_door *door)
{
    const struct net_limits *l = door->limits;
    const char *by = limit_door_name(door->by);
    int r = 0;
    if (kind != NET_HOSTS)
        return l->blocked[kind] ? put_before(rows, said_json(json_copy(l->blocked[kind]), by)) : 0;
    for (size_t i = 0; r == 0 && i < l->host_count; i++)
        r = put_before(rows, said_json(json_copy(l->hosts[i]), by));
    return r;
}

static int add_key(json_t *limits, enum net_limit kind, const struct net_base *base,
                   const struct net_door *doors, size_t count)
{
    auto_json json_t *rows = json_array();
    int r = rows ? put_before(rows, base_json(base)) : -1;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = doors[i].limits ? add_door(rows, kind, &doors[i]) : 0;
    if (r != 0)
        return -ENOMEM;
    json_t *first = json_array_get(rows, 0);
    if (json_object_set(limits, keys[kind], first) != 0 || json_array_remove(rows, 0) != 0)
        return -ENOMEM;
    return json_array_size(rows) == 0 ||
                   json_object_set(json_object_get(limits, keys[kind]), "also", rows) == 0
               ? 0
               : -ENOMEM;
}

int net_limits_receipt(json_t *limits, const struct net_base base[NET_LIMITS],
                       const struct net_door *doors, size_t count)
{
    bool is_said = false;
    for (size_t k = 0; k < NET_LIMITS; k++) {
        is_said |= (base[k].doors & ~(1u << LIMIT_DEFAULT)) != 0;
        for (size_t i = 0; i < count; i++)
            is_said |= doors[i].limits && net_limits_is_said(doors[i].limits, (enum net_limit)k);
    }
    int r = 0;
    for (size_t k = 0; is_said && r == 0 && k < NET_LIMITS; k++)
        r = add_key(limits, (enum net_limit)k, &base[k], doors, count);
    return r;
}
