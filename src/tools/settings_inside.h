/* What the files of the settings share; nobody else includes it.
 *   settings_keys.c   one const table of keys: reader, JSON Schema, help; text -> struct settings_layer
 *   settings_line.c   where a key stands in the text
 *   settings.c        layers -> struct settings
 * A layer is read whole into a struct settings_layer first; only then it is merged, so that nothing is half-applied. */
#pragma once

#include "tools/settings.h"

#define SETTINGS_LIST_MAX 1024
#define SETTINGS_SIZE_MAX ((size_t)1 << 20)

struct json_step {
    const char *key;
    size_t index;
}; /* key == NULL: an index */
/* Line (from 1) of the deepest of the steps that is there; text must have been parsed. */
size_t json_line_of(struct str text, const struct json_step *steps, size_t count);

/* Amounts: the limits of a run and the numbers beside them. All merge alike: the tighter one wins. */
struct settings_amount {
    const char *key;
    unsigned scale; /* decimal digits kept */
    int64_t fallback, min, max;
    size_t offset; /* of the int64_t in struct settings */
    const char *unit, *help;
};
#define SETTINGS_AMOUNTS_MAX 32
/* All of them: sandbox_limit_rows and the settings' own. false: no such. */
bool settings_amount_at(size_t i, struct settings_amount *ret);

enum settings_list {
    LIST_ENV,
    LIST_HOSTS,
    LIST_NETWORKS,
    LIST_URLS,
    LIST_TOOL_DIRS,
    LIST_TRUSTED_TOOLS,
    LIST_FALLBACKS,
    LIST_COUNT
};
struct settings_strings {
    char **at;
    size_t count;
}; /* own */
void settings_strings_done(struct settings_strings *l);
must_use int settings_strings_add(struct settings_strings *l,
                                  own char *text); /* takes text in any case */

struct settings_rule {
    enum policy_verdict verdict;
    char *text;
};

struct settings_layer {
    enum policy_layer layer;
    enum limit_door door; /* what receipts call this layer */
    bool amount_said[SETTINGS_AMOUNTS_MAX];
    int64_t amounts[SETTINGS_AMOUNTS_MAX];
    char *model, *summary_model, *work_dir;
    bool mode_said;
    enum policy_mode mode;
    bool provenance_said;
    enum provenance_mode provenance;
    struct settings_strings lists[LIST_COUNT];
    bool list_said[LIST_COUNT];
    struct settings_mount mounts[SETTINGS_MOUNTS_MAX];
    size_t mount_count;
    struct settings_rule *rules;
    size_t rule_count;
    struct settings_provider providers[SETTINGS_PROVIDERS_MAX];
    size_t provider_count;
    struct settings_secret secrets[SETTINGS_SECRETS_MAX];
    size_t secret_count;
    uint32_t required_facets;
    struct settings_agent agents[SETTINGS_AGENTS_MAX];
    size_t agent_count;
    struct hook_list hooks;
};
must_use int settings_layer_read(struct settings_layer *l, enum policy_layer layer,
                                 const char *file, struct str text, struct fault *reterr);
void settings_layer_done(struct settings_layer *l);
must_use int settings_mount_parse(struct str text, struct settings_mount *ret, char ret_why[200]);
void settings_provider_done(struct settings_provider *p);
void settings_secret_done(struct settings_secret *s);
void settings_agent_done(struct settings_agent *a);

/* Who said what so far. Operator layers (managed, command line, user) and workspace layers are kept apart: what the operator
 * says replaces a default, what the workspace says can only make it tighter, in whatever order they come. */
struct settings_merge {
    bool amount_said[SETTINGS_AMOUNTS_MAX];
    int64_t operator_amounts[SETTINGS_AMOUNTS_MAX], workspace_amounts[SETTINGS_AMOUNTS_MAX];
    enum limit_door operator_doors[SETTINGS_AMOUNTS_MAX], workspace_doors[SETTINGS_AMOUNTS_MAX];
    int model_layer, summary_model_layer, fallbacks_layer, work_dir_layer,
        mode_layer; /* POLICY_BUILTIN = nobody */
    enum policy_mode operator_mode, workspace_mode;
    bool workspace_mode_said;
    int provenance_layer;
    enum provenance_mode operator_provenance, workspace_provenance;
    bool networks_said;     /* by the operator: the default "private" is gone */
    bool workspace_private; /* the workspace wants it in any case */
    int *env_layers;        /* own; one for each of env_vars */
    int provider_layers[SETTINGS_PROVIDERS_MAX];
};
static inline bool settings_is_workspace(enum policy_layer l)
{
    return l == POLICY_LOCAL || l == POLICY_PROJECT;
}
