/* Settings: JSON with comments from the five layers, merged into one typed value by one table (the same
 * table makes the JSON Schema printed by `policy schema`). Bad config: file, line, key, what was expected. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "host/price.h"
#include "sandbox/run/limits.h"
#include "tools/hook.h"
#include "tools/net_limits.h"
#include "tools/policy.h"
#include "tools/provenance.h"

#define SETTINGS_MOUNTS_MAX 32
#define SETTINGS_PROVIDERS_MAX 32
#define SETTINGS_AGENTS_MAX 64
#define SETTINGS_FALLBACKS_MAX 8

struct settings_mount {
    char *host, *guest;
    bool writable;
}; /* own */
#define SETTINGS_SECRETS_MAX 32
/* A secret of the operator's that egress adds to requests to its host. env or file, where the value is. */
struct settings_secret {
    char *name, *env, *file, *host, *header, *prefix; /* own; prefix NULL = none */
};
struct settings_provider {
    char *name, *wire, *base_url, *key_env;
    struct price price;
    bool has_price;
    int64_t context_tokens; /* of its models; 0 = not said */
    json_t *headers;
    json_t *models;
};

/* What the calls of one agent are held to beside what holds for all; only ever tighter. */
struct settings_agent {
    char *name; /* own; "main" is the agent of `run`, "person" whoever calls by hand */
    struct sandbox_limits limits; /* what is not said is at its maximum */
    struct net_limits net;        /* own */
};

struct settings {
    char *model;            /* own; NULL = not said */
    char *summary_model;    /* own; NULL = the model itself sums up */
    char **fallback_models; /* own; in this order; NULL = none */
    size_t fallback_count;
    struct sandbox_limits limits;   /* all layers, the tighter one */
    struct limit_doors limit_doors; /* ... and which layer that was */
    struct settings_agent agents[SETTINGS_AGENTS_MAX];
    size_t agent_count;
    char *work_dir; /* own; NULL = not said */
    struct settings_mount mounts[SETTINGS_MOUNTS_MAX];
    size_t mount_count;
    char **env_vars;
    size_t env_count; /* own; NAME=VALUE */
    char **allowed_outbound_hosts;
    size_t allowed_count;
    char **block_networks;
    size_t block_network_count;
    char **block_urls;
    size_t block_url_count;
    unsigned net_doors
        [NET_LIMITS]; /* of each of the three lists: bits (1 << enum limit_door) of the layers that said something */
    int64_t max_turns, max_tool_calls, max_wall_ns, total_budget_pico;
    int64_t context_tokens; /* SETTINGS_CONTEXT_MOST: nobody said anything */
    int64_t max_concurrent_executors, max_executors, max_depth;
    struct policy *policy; /* own; rules of all layers and the mode */
    enum policy_mode mode;
    bool mode_said;
    enum provenance_mode provenance; /* ask, unless somebody says else */
    char **trusted_tools;
    size_t trusted_tool_count; /* own; tools whose results are trusted */
    struct settings_provider providers[SETTINGS_PROVIDERS_MAX];
    size_t provider_count;
    struct settings_secret secrets[SETTINGS_SECRETS_MAX];
    size_t secret_count;
    char **tool_dirs;
    size_t tool_dir_count;
    struct hook_list hooks;       /* own; of the operator's layers, the higher one first */
    uint32_t required_facets;     /* jail facets beyond the default */
    struct settings_merge *merge; /* own; who said what: see settings_inside.h */
};
must_use int settings_new(own struct settings **ret); /* defaults */
void settings_free(own struct settings *s);
DEFINE_FREEP(settings, struct settings);
#define SETTINGS_CONTEXT_MOST 10000000
/* The name that the options of the command line have as a "file": their limits are by LIMIT_FLAG. */
#define SETTINGS_FROM_FLAGS "command line"
/* Reads one layer's text. file is for messages. Workspace layers may only narrow (limits, denies); bypass, hooks, allow rules,
 * providers, tool_dirs, map_dirs there are -FAULT_CONFIG. Nothing is half-applied on failure. */
must_use int settings_add(struct settings *s, enum policy_layer layer, const char *file,
                          struct str text, struct fault *reterr);
/* All layers in order: /etc/boxagnts/managed.json, settings_file (may be NULL), WORK/.boxagnts/settings.local.json, WORK/.boxagnts/settings.json,
 * $XDG_CONFIG_HOME/boxagnts/settings.json. Missing files are fine, except settings_file. work_dir_fd: workspace files are opened beneath it. */
must_use int settings_load(struct settings *s, const char *settings_file, int work_dir_fd,
                           struct fault *reterr);
/* The mode of the command line. -FAULT_USAGE when the managed settings say a narrower one. */
must_use int settings_set_mode(struct settings *s, enum policy_mode mode, struct fault *reterr);
/* One "HOST::GUEST[:ro|rw]" -> mount. */
must_use int settings_add_map_dir(struct settings *s, struct str text, struct fault *reterr);
/* The limits of one agent's calls, and whose word each is: those of all, tightened by its own. */
void settings_limits_of(const struct settings *s, const char *agent, struct sandbox_limits *ret,
                        struct limit_doors *ret_doors);
/* What the agent's own limits say of the network; NULL = nothing. */
const struct net_limits *settings_net_of(const struct settings *s, const char *agent);
/* The three lists, as net_limits_receipt() takes them. */
void settings_net_base(const struct settings *s, struct net_base ret[NET_LIMITS]);
own json_t *settings_schema(void);
