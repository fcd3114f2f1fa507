/* Layers of settings -> one struct settings. Merging knows three ways, by the nature of a key: scalars, the highest layer that says one;
 * amounts, the tightest; lists, all of them. Files in the workspace were checked to narrow only before they come here. */
#include "tools/settings.h"

#include "os/env.h"
#include "os/file.h"
#include "tools/settings_inside.h"

#include <errno.h>
#include <stdio.h>

#define MANAGED_FILE "/etc/boxagnts/managed.json"

/* How narrow a mode is: the workspace may only go down. */
static int width(enum policy_mode m)
{
    static const int widths[] = {[MODE_PLAN] = 0,
                                 [MODE_DONT_ASK] = 1,
                                 [MODE_DEFAULT] = 2,
                                 [MODE_ACCEPT_EDITS] = 3,
                                 [MODE_BYPASS] = 4};
    return widths[m];
}

static int64_t *amount_of(struct settings *s, const struct settings_amount *a)
{
    return (int64_t *)(void *)((char *)s + a->offset);
}

static void apply_amounts(struct settings *s)
{
    struct settings_amount a;
    for (size_t i = 0; i < SETTINGS_AMOUNTS_MAX && settings_amount_at(i, &a); i++) {
        const struct settings_merge *m = s->merge;
        int64_t said = m->amount_said[i] ? m->operator_amounts[i] : a.fallback;
        bool is_narrowed = m->workspace_amounts[i] < said;
        *amount_of(s, &a) = is_narrowed ? m->workspace_amounts[i] : said;
        if (i < sandbox_limit_row_count) /* the limits of a run come first: settings_amount_at() */
            s->limit_doors.by[i] = (uint8_t)(is_narrowed         ? m->workspace_doors[i]
                                             : m->amount_said[i] ? m->operator_doors[i]
                                                                 : LIMIT_DEFAULT);
    }
}

static void apply_mode(struct settings *s)
{
    struct settings_merge *m = s->merge;
    s->mode = m->operator_mode;
    s->mode_said = m->mode_layer != POLICY_BUILTIN || m->workspace_mode_said;
    if (m->workspace_mode_said && width(m->workspace_mode) < width(s->mode))
        s->mode = m->workspace_mode;
    policy_set_mode(s->policy, s->mode);
}

int settings_new(own struct settings **ret)
{
    auto_(settings) struct settings *s = calloc(1, sizeof *s);
    struct settings_amount a;
    if (!s)
        return -ENOMEM;
    s->merge = calloc(1, sizeof *s->merge);
    if (!s->merge || policy_new(&s->policy) != 0)
        return -ENOMEM;
    for (size_t i = 0; settings_amount_at(i, &a); i++) {
        must(i < SETTINGS_AMOUNTS_MAX);
        s->merge->workspace_amounts[i] = INT64_MAX;
    }
    s->merge->model_layer = s->merge->summary_model_layer = s->merge->fallbacks_layer =
        s->merge->work_dir_layer = s->merge->mode_layer = s->merge->provenance_layer =
            POLICY_BUILTIN;
    s->provenance = s->merge->operator_provenance = PROVENANCE_ASK;
    struct settings_strings networks = {0};
    if (settings_strings_add(&networks, str_dup(STR("private"))) != 0)
        return -ENOMEM;
    s->block_networks = networks.at;
    s->block_network_count = networks.count;
    s->net_doors[NET_NETWORKS] = 1u << LIMIT_DEFAULT;
    apply_amounts(s);
    apply_mode(s);
    *ret = take(s);
    return 0;
}

static void free_strings(char **at, size_t count)
{
    struct settings_strings l = {at, count};
    settings_strings_done(&l);
}

void settings_free(own struct settings *s)
{
    if (!s)
        return;
    free(s->model);
    free(s->summary_model);
    free(s->work_dir);
    for (size_t i = 0; i < s->mount_count; i++) {
        free(s->mounts[i].host);
        free(s->mounts[i].guest);
    }
    free_strings(s->env_vars, s->env_count);
    free_strings(s->allowed_outbound_hosts, s->allowed_count);
    free_strings(s->block_networks, s->block_network_count);
    free_strings(s->block_urls, s->block_url_count);
    free_strings(s->tool_dirs, s->tool_dir_count);
    free_strings(s->trusted_tools, s->trusted_tool_count);
    free_strings(s->fallback_models, s->fallback_count);
    for (size_t i = 0; i < s->provider_count; i++)
        settings_provider_done(&s->providers[i]);
    for (size_t i = 0; i < s->agent_count; i++)
        settings_agent_done(&s->agents[i]);
    for (size_t i = 0; i < s->secret_count; i++)
        settings_secret_done(&s->secrets[i]);
    hook_list_done(&s->hooks);
    policy_free(s->policy);
    if (s->merge)
        free(s->merge->env_layers);
    free(s->merge);
    free(s);
}

/* --- merging; only memory can fail here --- */

static void merge_amounts(struct settings_merge *m, const struct settings_layer *l)
{
    for (size_t i = 0; i < SETTINGS_AMOUNTS_MAX; i++) {
        if (!l->amount_said[i])
            continue;
        if (settings_is_workspace(l->layer)) {
            if (l->amounts[i] >= m->workspace_amounts[i])
                continue;
            m->workspace_amounts[i] = l->amounts[i];
            m->workspace_doors[i] = l->door;
        } else if (!m->amount_said[i] || l->amounts[i] < m->operator_amounts[i]) {
            m->operator_amounts[i] = l->amounts[i];
            m->operator_doors[i] = l->door;
            m->amount_said[i] = true;
        }
    }
}

/* The higher layer wins; of two texts of one layer the later (flags after --settings). */
static void merge_text(char **into, int *into_layer, char **from, enum policy_layer layer)
{
    if (!*from || (int)layer > *into_layer)
        return;
    free(*into);
    *into = take(*from);
    *into_layer = (int)layer;
}

/* A list in an order of its own is one word: the higher layer's stands whole, also an empty one. */
static void merge_fallbacks(struct settings *s, struct settings_layer *l)
{
    struct settings_strings *from = &l->lists[LIST_FALLBACKS];
    if (!l->list_said[LIST_FALLBACKS] || (int)l->layer > s->merge->fallbacks_layer)
        return;
    free_strings(s->fallback_models, s->fallback_count);
    s->fallback_models = take(from->at);
    s->fallback_count = from->count;
    from->count = 0;
    s->merge->fallbacks_layer = (int)l->layer;
}

static void merge_mode(struct settings_merge *m, const struct settings_layer *l)
{
    if (!l->mode_said)
        return;
    if (settings_is_workspace(l->layer)) {
        if (!m->workspace_mode_said || width(l->mode) < width(m->workspace_mode))
            m->workspace_mode = l->mode;
        m->workspace_mode_said = true;
    } else if ((int)l->layer <= m->mode_layer) {
        m->operator_mode = l->mode;
        m->mode_layer = (int)l->layer;
    }
}

static int append(char ***at, size_t *count, struct settings_strings *from)
{
    struct settings_strings into = {*at, *count};
    int r = 0;
    for (size_t i = 0; r == 0 && i < from->count; i++)
        r = settings_strings_add(&into, take(from->at[i]));
    *at = into.at;
    *count = into.count;
    return r;
}

/* One variable, one value: that of the highest layer. */
static int merge_env(struct settings *s, struct settings_layer *l)
{
    struct settings_strings *from = &l->lists[LIST_ENV];
    for (size_t i = 0; i < from->count; i++) {
        size_t name = strcspn(from->at[i], "=") + 1, at = 0;
        while (at < s->env_count && strncmp(s->env_vars[at], from->at[i], name) != 0)
            at++;
        if (at == s->env_count) {
            int *layers = realloc(s->merge->env_layers, (at + 1) * sizeof *layers);
            if (!layers)
                return -ENOMEM;
            s->merge->env_layers = layers;
            char **grown = realloc(s->env_vars, (at + 1) * sizeof(char *));
            if (!grown)
                return -ENOMEM;
            s->env_vars = grown;
            s->env_vars[s->env_count++] = NULL;
            layers[at] = POLICY_BUILTIN;
        }
        merge_text(&s->env_vars[at], &s->merge->env_layers[at], &from->at[i], l->layer);
    }
    return 0;
}

/* The operator's own list replaces the default; further ones add. */
static int merge_networks(struct settings *s, struct settings_layer *l)
{
    bool by_operator = l->list_said[LIST_NETWORKS] && !settings_is_workspace(l->layer);
    for (size_t i = 0; !by_operator && i < l->lists[LIST_NETWORKS].count; i++)
        s->merge->workspace_private |= strcmp(l->lists[LIST_NETWORKS].at[i], "private") == 0;
    if (by_operator && !s->merge->networks_said) {
        s->merge->networks_said = true;
        for (size_t i = 0; !s->merge->workspace_private && i < s->block_network_count; i++) {
            if (strcmp(s->block_networks[i], "private") != 0)
                continue;
            free(s->block_networks[i]);
            s->block_networks[i] = s->block_networks[--s->block_network_count];
            break;
        }
    }
    return append(&s->block_networks, &s->block_network_count, &l->lists[LIST_NETWORKS]);
}

static int merge_mounts(struct settings *s, struct settings_layer *l)
{
    for (size_t i = 0; i < l->mount_count; i++) {
        bool there = false;
        for (size_t j = 0; j < s->mount_count; j++)
            there |= strcmp(s->mounts[j].guest, l->mounts[i].guest) == 0;
        if (there)
            continue; /* layers come highest first */
        if (s->mount_count == SETTINGS_MOUNTS_MAX)
            return -FAULT_CAP;
        s->mounts[s->mount_count++] = l->mounts[i];
        l->mounts[i] = (struct settings_mount){0};
    }
    return 0;
}

static void merge_provider(struct settings_provider *into, int *into_layer,
                           struct settings_provider *from, enum policy_layer layer)
{
    bool wins = (int)layer <= *into_layer;
    char **texts[][2] = {{&into->wire, &from->wire},
                         {&into->base_url, &from->base_url},
                         {&into->key_env, &from->key_env}};
    json_t **values[][2] = {{&into->headers, &from->headers}, {&into->models, &from->models}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!*texts[i][1] || (*texts[i][0] && !wins))
            continue;
        free(*texts[i][0]);
        *texts[i][0] = take(*texts[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (!*values[i][1] || (*values[i][0] && !wins))
            continue;
        json_decref(*values[i][0]);
        *values[i][0] = take(*values[i][1]);
    }
    if (from->has_price && (!into->has_price || wins)) {
        into->price = from->price;
        into->has_price = true;
    }
    if (from->context_tokens && (!into->context_tokens || wins))
        into->context_tokens = from->context_tokens;
    if (wins)
        *into_layer = (int)layer;
}

static int merge_providers(struct settings *s, struct settings_layer *l)
{
    for (size_t i = 0; i < l->provider_count; i++) {
        size_t at = 0;
        while (at < s->provider_count && strcmp(s->providers[at].name, l->providers[i].name) != 0)
            at++;
        if (at == SETTINGS_PROVIDERS_MAX)
            return -FAULT_CAP;
        if (at == s->provider_count) {
            s->providers[at] = (struct settings_provider){.name = take(l->providers[i].name)};
            s->merge->provider_layers[at] = POLICY_BUILTIN;
            s->provider_count++;
        }
        merge_provider(&s->providers[at], &s->merge->provider_layers[at], &l->providers[i],
                       l->layer);
    }
    return 0;
}

/* Of one name the highest layer's; the command line has none. */
static void merge_secrets(struct settings *s, struct settings_layer *l)
{
    for (size_t i = 0; i < l->secret_count; i++) {
        bool there = false;
        for (size_t k = 0; k < s->secret_count; k++)
            there |= strcmp(s->secrets[k].name, l->secrets[i].name) == 0;
        if (there)
            continue; /* layers come highest first */
        s->secrets[s->secret_count++] = l->secrets[i];
        l->secrets[i] = (struct settings_secret){.name = NULL};
    }
}

/* The highest layer of the operator's is the word; the workspace can only make it narrower. */
static void merge_provenance(struct settings *s, const struct settings_layer *l)
{
    struct settings_merge *m = s->merge;
    if (!l->provenance_said)
        return;
    if (settings_is_workspace(l->layer)) {
        if (l->provenance > m->workspace_provenance)
            m->workspace_provenance = l->provenance;
    } else if ((int)l->layer <= m->provenance_layer) {
        m->operator_provenance = l->provenance;
        m->provenance_layer = (int)l->layer;
    }
    s->provenance = m->operator_provenance > m->workspace_provenance ? m->operator_provenance
                                                                     : m->workspace_provenance;
}

/* Of one agent's limits the tightest, whoever says it: none of them can raise anything. */
static int merge_agents(struct settings *s, struct settings_layer *l)
{
    for (size_t i = 0; i < l->agent_count; i++) {
        size_t at = 0;
        while (at < s->agent_count && strcmp(s->agents[at].name, l->agents[i].name) != 0)
            at++;
        if (at < s->agent_count) {
            limits_tighten(&s->agents[at].limits, NULL, &l->agents[i].limits, LIMIT_AGENT);
            int r = net_limits_merge(&s->agents[at].net, &l->agents[i].net, NULL);
            if (r)
                return r;
            continue;
        }
        if (at == SETTINGS_AGENTS_MAX)
            return -FAULT_CAP;
        s->agents[at] = l->agents[i];
        s->agent_count++;
        l->agents[i] = (struct settings_agent){.name = NULL};
    }
    return 0;
}

void settings_limits_of(const struct settings *s, const char *agent, struct sandbox_limits *ret,
                        struct limit_doors *ret_doors)
{
    *ret = s->limits;
    *ret_doors = s->limit_doors;
    for (size_t i = 0; i < s->agent_count; i++)
        if (strcmp(s->agents[i].name, agent) == 0)
            limits_tighten(ret, ret_doors, &s->agents[i].limits, LIMIT_AGENT);
}

const struct net_limits *settings_net_of(const struct settings *s, const char *agent)
{
    for (size_t i = 0; i < s->agent_count; i++)
        if (strcmp(s->agents[i].name, agent) == 0)
            return &s->agents[i].net;
    return NULL;
}

void settings_net_base(const struct settings *s, struct net_base ret[NET_LIMITS])
{
    ret[NET_HOSTS] =
        (struct net_base){s->allowed_outbound_hosts, s->allowed_count, s->net_doors[NET_HOSTS]};
    ret[NET_NETWORKS] =
        (struct net_base){s->block_networks, s->block_network_count, s->net_doors[NET_NETWORKS]};
    ret[NET_URLS] = (struct net_base){s->block_urls, s->block_url_count, s->net_doors[NET_URLS]};
}

static void merge_net_doors(struct settings *s, const struct settings_layer *l)
{
    static const enum settings_list lists[NET_LIMITS] = {
        [NET_HOSTS] = LIST_HOSTS, [NET_NETWORKS] = LIST_NETWORKS, [NET_URLS] = LIST_URLS};
    for (size_t i = 0; i < NET_LIMITS; i++)
        if (l->list_said[lists[i]])
            s->net_doors[i] |= 1u << l->door;
    if (s->merge->networks_said)
        s->net_doors[NET_NETWORKS] &= ~(1u << LIMIT_DEFAULT);
}

static int merge(struct settings *s, struct settings_layer *l)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->rule_count; i++)
        r = policy_add_rule(s->policy, l->layer, l->rules[i].verdict, str_of(l->rules[i].text),
                            NULL);
    if (r == 0)
        r = merge_mounts(s, l);
    if (r == 0)
        r = merge_providers(s, l);
    if (r == 0)
        r = merge_agents(s, l);
    if (r == 0)
        r = merge_env(s, l);
    if (r == 0)
        r = append(&s->allowed_outbound_hosts, &s->allowed_count, &l->lists[LIST_HOSTS]);
    if (r == 0)
        r = merge_networks(s, l);
    if (r == 0)
        r = append(&s->block_urls, &s->block_url_count, &l->lists[LIST_URLS]);
    if (r == 0)
        r = append(&s->tool_dirs, &s->tool_dir_count, &l->lists[LIST_TOOL_DIRS]);
    if (r == 0)
        r = append(&s->trusted_tools, &s->trusted_tool_count, &l->lists[LIST_TRUSTED_TOOLS]);
    if (r == 0)
        r = hook_list_append(&s->hooks, &l->hooks);
    merge_secrets(s, l);
    merge_provenance(s, l);
    merge_text(&s->model, &s->merge->model_layer, &l->model, l->layer);
    merge_fallbacks(s, l);
    merge_text(&s->summary_model, &s->merge->summary_model_layer, &l->summary_model, l->layer);
    merge_text(&s->work_dir, &s->merge->work_dir_layer, &l->work_dir, l->layer);
    merge_net_doors(s, l);
    merge_amounts(s->merge, l);
    merge_mode(s->merge, l);
    s->required_facets |= l->required_facets;
    apply_amounts(s);
    apply_mode(s);
    return r;
}

/* What the whole may not pass is looked at before anything of the layer is taken. */
static int check_room(const struct settings *s, const struct settings_layer *l, const char *file,
                      struct fault *reterr)
{
    if (s->mount_count + l->mount_count > SETTINGS_MOUNTS_MAX)
        return fault_set(reterr, FAULT_CONFIG,
                         "%s: key `map_dirs`: all layers together have more than %d mounts", file,
                         SETTINGS_MOUNTS_MAX);
    if (s->agent_count + l->agent_count > SETTINGS_AGENTS_MAX)
        return fault_set(reterr, FAULT_CONFIG,
                         "%s: key `agent_limits`: all layers together have more than %d agents",
                         file, SETTINGS_AGENTS_MAX);
    if (s->hooks.count + l->hooks.count > HOOKS_MAX)
        return fault_set(reterr, FAULT_CONFIG,
                         "%s: key `hooks`: all layers together have more than %d hooks", file,
                         HOOKS_MAX);
    if (s->provider_count + l->provider_count > SETTINGS_PROVIDERS_MAX)
        return fault_set(reterr, FAULT_CONFIG,
                         "%s: key `providers`: all layers together have more than %d", file,
                         SETTINGS_PROVIDERS_MAX);
    if (s->secret_count + l->secret_count > SETTINGS_SECRETS_MAX)
        return fault_set(reterr, FAULT_CONFIG,
                         "%s: key `secrets`: all layers together have more than %d", file,
                         SETTINGS_SECRETS_MAX);
    return 0;
}

/* The layer in the words of a receipt; options and --settings FILE are one layer, but two doors. */
static enum limit_door door_of(enum policy_layer layer, const char *file)
{
    static const enum limit_door doors[] = {
        [POLICY_MANAGED] = LIMIT_MANAGED, [POLICY_COMMAND_LINE] = LIMIT_SETTINGS,
        [POLICY_LOCAL] = LIMIT_LOCAL,     [POLICY_PROJECT] = LIMIT_PROJECT,
        [POLICY_USER] = LIMIT_USER,       [POLICY_BUILTIN] = LIMIT_DEFAULT,
    };
    must((size_t)layer < ARRAY_LEN(doors));
    bool is_flags = layer == POLICY_COMMAND_LINE && strcmp(file, SETTINGS_FROM_FLAGS) == 0;
    return is_flags ? LIMIT_FLAG : doors[layer];
}

int settings_add(struct settings *s, enum policy_layer layer, const char *file, struct str text,
                 struct fault *reterr)
{
    struct settings_layer l = {0};
    int r = settings_layer_read(&l, layer, file, text, reterr);
    l.door = door_of(layer, file);
    if (r == 0)
        r = check_room(s, &l, file, reterr);
    if (r == 0)
        r = merge(s, &l);
    settings_layer_done(&l);
    return r;
}

int settings_set_mode(struct settings *s, enum policy_mode mode, struct fault *reterr)
{
    struct settings_merge *m = s->merge;
    if (m->mode_layer == POLICY_MANAGED) {
        if (width(mode) > width(m->operator_mode))
            return fault_set(reterr, FAULT_USAGE,
                             "the managed settings (%s) say mode %s; %s is wider", MANAGED_FILE,
                             policy_mode_name(m->operator_mode), policy_mode_name(mode));
    } else {
        m->mode_layer = POLICY_COMMAND_LINE;
    }
    m->operator_mode = mode;
    apply_mode(s);
    return 0;
}

int settings_add_map_dir(struct settings *s, struct str text, struct fault *reterr)
{
    struct settings_mount m;
    char why[200] = "";
    int r = settings_mount_parse(text, &m, why);
    if (r == -FAULT_CONFIG)
        return fault_set(reterr, FAULT_USAGE, "map_dirs: \"%.*s\" %s",
                         (int)(text.len < 150 ? text.len : 150), text.at, why);
    if (r)
        return r;
    /* The command line is above every layer but managed; it replaces a mount at the same guest path. */
    for (size_t i = 0; i < s->mount_count; i++) {
        if (strcmp(s->mounts[i].guest, m.guest) != 0)
            continue;
        free(s->mounts[i].host);
        free(s->mounts[i].guest);
        s->mounts[i] = m;
        return 0;
    }
    if (s->mount_count == SETTINGS_MOUNTS_MAX) {
        free(m.host);
        free(m.guest);
        return fault_set(reterr, FAULT_USAGE, "map_dirs: there are more than %d mounts",
                         SETTINGS_MOUNTS_MAX);
    }
    s->mounts[s->mount_count++] = m;
    return 0;
}

/* --- files --- */

static int add_file(struct settings *s, enum policy_layer layer, int dir_fd, const char *path,
                    bool must_exist, struct fault *reterr)
{
    struct buf text;
    buf_init(&text, SETTINGS_SIZE_MAX);
    int r = dir_fd >= 0 ? os_read_file_at(dir_fd, path, &text) : os_read_file_trusted(path, &text);
    if (r == 0)
        r = settings_add(s, layer, path, buf_str(&text), reterr);
    else if ((r == -ENOENT || r == -ENOTDIR) && !must_exist)
        r = 0;
    else if (r == -FAULT_CAP)
        r = fault_set(reterr, FAULT_CONFIG, "%s: is longer than 1 MiB, too long for settings",
                      path);
    else if (r == -ENOENT) {
        r = fault_set(reterr, FAULT_CONFIG, "%s: there is no such settings file", path);
        fault_next(reterr, "give --settings a file that exists");
    } else {
        /* There is a file and what it says is not known: going on without it could be wider than it wants. */
        char copy[200];
        snprintf(copy, sizeof copy, "%s", strerror(-r));
        r = fault_set(reterr, FAULT_CONFIG, "%s: cannot be read: %s", path, copy);
    }
    buf_done(&text);
    return r;
}

static int add_user_file(struct settings *s, struct fault *reterr)
{
    const char *base = os_env("XDG_CONFIG_HOME"), *home = os_home();
    char path[4096];
    int n = 0;
    if (base && base[0] == '/')
        n = snprintf(path, sizeof path, "%s/boxagnts/settings.json", base);
    else if (home)
        n = snprintf(path, sizeof path, "%s/.config/boxagnts/settings.json", home);
    if (n <= 0 || n >= (int)sizeof path)
        return 0;
    return add_file(s, POLICY_USER, -1, path, false, reterr);
}

int settings_load(struct settings *s, const char *settings_file, int work_dir_fd,
                  struct fault *reterr)
{
    int r = add_file(s, POLICY_MANAGED, -1, MANAGED_FILE, false, reterr);
    if (r == 0 && settings_file)
        r = add_file(s, POLICY_COMMAND_LINE, -1, settings_file, true, reterr);
    if (r == 0 && work_dir_fd >= 0)
        r = add_file(s, POLICY_LOCAL, work_dir_fd, ".boxagnts/settings.local.json", false, reterr);
    if (r == 0 && work_dir_fd >= 0)
        r = add_file(s, POLICY_PROJECT, work_dir_fd, ".boxagnts/settings.json", false, reterr);
    return r ? r : add_user_file(s, reterr);
}
