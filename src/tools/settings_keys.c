/* One table of settings keys. Each row says how the key's value is read, whether a file in the workspace may have it, and the JSON
 * Schema of it; parser, schema and documentation come from the same rows. */
#include "tools/settings_inside.h"

#include "os/env.h"
#include "tools/guest_path.h"
#include "tools/json_walk.h"
#include "tools/nearest.h"
#include "tools/schema_inside.h"
#include "wire/http_head.h"
#include "wire/net_pattern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define STEPS_MAX 6
#define CONTEXT_LEAST 1000

struct reader {
    struct settings_layer *out;
    const char *file;
    struct str text;
    struct json_step steps[STEPS_MAX];
    size_t depth;
    struct fault *fault;
};
struct key {
    const char *name;
    bool operator_only;
    int (*read)(struct reader *r, const json_t *v);
    const char *schema; /* JSON text */
    const char *help;
};

/* --- amounts --- */

#define OWN(field) offsetof(struct settings, field)
static const struct settings_amount own_amounts[] = {
    {"max_turns", 0, 50, 1, 1000000, OWN(max_turns), "", "turns of one agent"},
    {"max_tool_calls", 0, 500, 0, 10000000, OWN(max_tool_calls), "", "tool calls of one agent"},
    {"max_wall_s", 9, 3600000000000, 1000000, INT64_C(31622400) * 1000000000, OWN(max_wall_ns), "s",
     "time of one agent, waiting included"},
    {"context_tokens", 0, SETTINGS_CONTEXT_MOST, 1000, SETTINGS_CONTEXT_MOST, OWN(context_tokens),
     "tokens", "what a model's context holds; older results and messages give way"},
    {"total_budget_usd", 12, 5000000000000, 0, INT64_C(1000000) * 1000000000000,
     OWN(total_budget_pico), "USD", "money of the whole tree"},
    {"max_concurrent_executors", 0, 4, 0, 256, OWN(max_concurrent_executors), "",
     "executors at work at once"},
    {"max_executors", 0, 32, 0, 10000, OWN(max_executors), "", "executors in all"},
    {"max_depth", 0, 1, 0, 8, OWN(max_depth), "", "generations of executors below the manager"},
};

bool settings_amount_at(size_t i, struct settings_amount *ret)
{
    if (i < sandbox_limit_row_count) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        *ret = (struct settings_amount){
            row->key,  row->scale, row->fallback,
            row->min,  row->max,   offsetof(struct settings, limits) + row->offset,
            row->unit, row->help};
        return true;
    }
    i -= sandbox_limit_row_count;
    if (i < ARRAY_LEN(own_amounts))
        *ret = own_amounts[i];
    return i < ARRAY_LEN(own_amounts);
}

/* --- faults: FILE:LINE: key `permissions.allow[2]`: sentence --- */

static int vbad(struct reader *r, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
static int vbad(struct reader *r, const char *fmt, va_list args)
{
    char key[200] = "", sentence[400];
    size_t used = 0;
    for (size_t i = 0; i < r->depth && used + 80 < sizeof key; i++) {
        const struct json_step *s = &r->steps[i];
        used += (size_t)(s->key ? snprintf(key + used, sizeof key - used, "%s%.60s", i ? "." : "",
                                           s->key)
                                : snprintf(key + used, sizeof key - used, "[%zu]", s->index));
    }
    vsnprintf(sentence, sizeof sentence, fmt, args);
    char where[120] = "";
    bool is_file = strcmp(r->file, SETTINGS_FROM_FLAGS) != 0;
    if (is_file)
        snprintf(where, sizeof where, ":%zu", json_line_of(r->text, r->steps, r->depth));
    if (!r->depth)
        return fault_set(r->fault, FAULT_CONFIG, "%s%s: %s", r->file, where, sentence);
    return fault_set(r->fault, FAULT_CONFIG, "%s%s: key `%s`: %s", r->file, where, key, sentence);
}

static int bad(struct reader *r, const char *fmt, ...) printf_like(2, 3);
static int bad(struct reader *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int result = vbad(r, fmt, args);
    va_end(args);
    return result;
}

static void push_key(struct reader *r, const char *key)
{
    must(r->depth < STEPS_MAX);
    r->steps[r->depth++] = (struct json_step){key, 0};
}
static void push_index(struct reader *r, size_t index)
{
    must(r->depth < STEPS_MAX);
    r->steps[r->depth++] = (struct json_step){NULL, index};
}
static void pop(struct reader *r)
{
    r->depth--;
}

/* A fault from below gets the place in front of it. */
static int place_fault(struct reader *r, int result)
{
    char text[sizeof r->fault->text], next[sizeof r->fault->next];
    if (!r->fault || (result != -FAULT_CONFIG && result != -FAULT_USAGE))
        return result;
    memcpy(text, r->fault->text, sizeof text);
    memcpy(next, r->fault->next, sizeof next);
    result = bad(r, "%s", text);
    memcpy(r->fault->next, next, sizeof next);
    return result;
}

static int unknown_key(struct reader *r, const char *name, const char *const *names)
{
    struct nearest near;
    nearest_init(&near, str_of(name));
    for (; *names; names++)
        nearest_offer(&near, str_of(*names));
    push_key(r, name);
    int result = nearest_found(&near)
                     ? bad(r, "there is no such key; did you mean `%.*s`?", STR_FMT(near.best))
                     : bad(r, "there is no such key");
    pop(r);
    return result;
}

/* --- small readers --- */

static bool is_fine_text(const json_t *v, size_t max)
{
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    bool fine = s.len > 0 && s.len <= max;
    for (size_t i = 0; fine && i < s.len; i++)
        fine = (unsigned char)s.at[i] >= 0x20 && s.at[i] != 0x7f;
    return fine;
}

static int read_text(struct reader *r, const json_t *v, char **ret)
{
    if (!is_fine_text(v, 4096))
        return bad(r, "must be a text of 1 to 4096 bytes without control characters");
    free(*ret);
    *ret = str_dup(json_view(v));
    return *ret ? 0 : -ENOMEM;
}

/* Host paths: absolute, or from the home folder. On the command line relative ones are the caller's. */
static int read_host_path(struct reader *r, const json_t *v, char **ret)
{
    int result = read_text(r, v, ret);
    if (result)
        return result;
    const char *home = os_home();
    if (strncmp(*ret, "~/", 2) == 0 && home) {
        size_t size = strlen(home) + strlen(*ret);
        char *expanded = malloc(size);
        if (!expanded)
            return -ENOMEM;
        snprintf(expanded, size, "%s%s", home, *ret + 1);
        free(*ret);
        *ret = expanded;
    }
    if ((*ret)[0] != '/' && r->out->layer != POLICY_COMMAND_LINE)
        return bad(r, "must be an absolute path, or start with ~/");
    return 0;
}

static int read_model(struct reader *r, const json_t *v)
{
    int result = read_text(r, v, &r->out->model);
    if (result)
        return result;
    const char *slash = strpbrk(r->out->model, "/:");
    return slash && slash != r->out->model && slash[1]
               ? 0
               : bad(r, "must be PROVIDER/NAME, script:FILE or replay:SESSION");
}

static int read_summary_model(struct reader *r, const json_t *v)
{
    int result = read_text(r, v, &r->out->summary_model);
    if (result)
        return result;
    const char *slash = strchr(r->out->summary_model, '/');
    return slash && slash != r->out->summary_model && slash[1] ? 0
                                                               : bad(r, "must be PROVIDER/NAME");
}

static int read_work_dir(struct reader *r, const json_t *v)
{
    return read_host_path(r, v, &r->out->work_dir);
}

static int read_mode(struct reader *r, const json_t *v)
{
    enum policy_mode mode;
    struct str text = json_is_string(v) ? json_view(v) : STR("");
    int result = policy_mode_parse(text, &mode, r->fault);
    if (result)
        return place_fault(r, result);
    if (settings_is_workspace(r->out->layer) && (mode == MODE_BYPASS || mode == MODE_ACCEPT_EDITS))
        return bad(r, "a file in the workspace may only narrow: mode %s is wider than default",
                   policy_mode_name(mode));
    if (r->out->mode_said && r->out->mode != mode)
        return bad(r, "the mode is said twice in this file, and differently");
    r->out->mode = mode;
    r->out->mode_said = true;
    return 0;
}

static int read_provenance(struct reader *r, const json_t *v)
{
    static const char *const names[] = {
        [PROVENANCE_OFF] = "off", [PROVENANCE_ASK] = "ask", [PROVENANCE_DENY] = "deny"};
    for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(names); i++)
        if (str_is(json_view(v), names[i])) {
            r->out->provenance = (enum provenance_mode)i;
            r->out->provenance_said = true;
            return 0;
        }
    return bad(r, "must be \"off\", \"ask\" or \"deny\"");
}

#define HOOKS_SCHEMA                                                                                                                        \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"PreToolUse\":{\"$ref\":\"#/properties/hooks/$defs/groups\"},"    \
    "\"PostToolUse\":{\"$ref\":\"#/properties/hooks/$defs/groups\"}},\"$defs\":{\"groups\":{\"type\":\"array\",\"items\":{\"type\":"        \
    "\"object\",\"required\":[\"hooks\"],\"additionalProperties\":false,\"properties\":{\"matcher\":{\"type\":\"string\"},\"hooks\":{"      \
    "\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"type\"],\"additionalProperties\":false,\"properties\":{\"type\":{"   \
    "\"const\":\"command\"},\"command\":{\"type\":\"string\",\"minLength\":1},\"argv\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":64," \
    "\"items\":{\"type\":\"string\",\"minLength\":1}},\"timeout\":{\"type\":\"number\",\"minimum\":0.1,\"maximum\":600}}}}}}}}}"

static int read_hooks(struct reader *r, const json_t *v)
{
    char why[400] = "";
    if (settings_is_workspace(r->out->layer))
        return bad(r, "hooks are the operator's: a file in the workspace cannot have them");
    int result = hooks_read(v, &r->out->hooks, why);
    return result == -FAULT_CONFIG ? bad(r, "%s", why) : result;
}

static int read_nothing(struct reader *r unused_, const json_t *v unused_)
{
    return 0;
}

/* --- lists --- */

static int each_item(struct reader *r, const json_t *v,
                     int (*read_item)(struct reader *r, const json_t *item))
{
    if (!json_is_array(v))
        return bad(r, "must be a list");
    if (json_array_size(v) > SETTINGS_LIST_MAX)
        return bad(r, "has more than %d entries", SETTINGS_LIST_MAX);
    int result = 0;
    for (size_t i = 0; result == 0 && i < json_array_size(v); i++) {
        push_index(r, i);
        result = read_item(r, json_array_get(v, i));
        pop(r);
    }
    return result;
}

static int add_string(struct reader *r, enum settings_list list, struct str text)
{
    r->out->list_said[list] = true;
    return settings_strings_add(&r->out->lists[list], str_dup(text));
}

static int bad_entry(struct reader *r, const json_t *v, const char *why)
{
    struct str s = json_view(v);
    return bad(r, "\"%.*s\" %s", (int)(s.len < 120 ? s.len : 120), s.at, why);
}

static int read_env_item(struct reader *r, const json_t *v)
{
    struct str s = json_is_string(v) ? json_view(v) : STR(""), name, value;
    bool fine = str_split(s, '=', &name, &value) && name.len > 0 &&
                !(name.at[0] >= '0' && name.at[0] <= '9');
    for (size_t i = 0; fine && i < name.len; i++)
        fine = (name.at[i] >= 'a' && name.at[i] <= 'z') ||
               (name.at[i] >= 'A' && name.at[i] <= 'Z') ||
               (name.at[i] >= '0' && name.at[i] <= '9') || name.at[i] == '_';
    return fine ? add_string(r, LIST_ENV, s)
                : bad(r, "must be NAME=VALUE, the name of letters, digits and _");
}

static int read_net_item(struct reader *r, const json_t *v, enum net_limit kind,
                         enum settings_list list, const char *example)
{
    char why[URL_WHY_SIZE];
    if (!is_fine_text(v, kind == NET_URLS ? 4096 : 300))
        return bad(r, "must be a text like %s", example);
    int result = net_limit_check(kind, json_view(v), why);
    if (result)
        return result == -ENOMEM ? result : bad_entry(r, v, why);
    return add_string(r, list, json_view(v));
}
static int read_host_item(struct reader *r, const json_t *v)
{
    return read_net_item(r, v, NET_HOSTS, LIST_HOSTS, "https://api.example.org");
}
static int read_network_item(struct reader *r, const json_t *v)
{
    return read_net_item(r, v, NET_NETWORKS, LIST_NETWORKS, "\"private\" or 10.0.0.0/8");
}
static int read_url_item(struct reader *r, const json_t *v)
{
    return read_net_item(r, v, NET_URLS, LIST_URLS, "https://example.org/private/");
}
static int read_tool_dir_item(struct reader *r, const json_t *v)
{
    auto_free char *path = NULL;
    int result = read_host_path(r, v, &path);
    return result ? result : add_string(r, LIST_TOOL_DIRS, str_of(path));
}
static int read_trusted_tool_item(struct reader *r, const json_t *v)
{
    return is_fine_text(v, 200) ? add_string(r, LIST_TRUSTED_TOOLS, json_view(v))
                                : bad(r, "must be the name of a tool");
}
/* Scripts and replays are none: they do not fail as services do. */
static int read_fallback_item(struct reader *r, const json_t *v)
{
    const char *slash = is_fine_text(v, 4096) ? strchr(json_string_value(v), '/') : NULL;
    return slash && slash != json_string_value(v) && slash[1]
               ? add_string(r, LIST_FALLBACKS, json_view(v))
               : bad(r, "must be PROVIDER/NAME");
}
static int read_fallbacks(struct reader *r, const json_t *v)
{
    if (json_array_size(v) > SETTINGS_FALLBACKS_MAX)
        return bad(r, "has more than %d models", SETTINGS_FALLBACKS_MAX);
    r->out->list_said[LIST_FALLBACKS] = true;
    return each_item(r, v, read_fallback_item);
}
static int read_trusted_tools(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_trusted_tool_item);
}
static int read_env(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_env_item);
}
static int read_hosts(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_host_item);
}
static int read_networks(struct reader *r, const json_t *v)
{
    r->out->list_said[LIST_NETWORKS] = true; /* an empty list is a word too */
    return each_item(r, v, read_network_item);
}
static int read_urls(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_url_item);
}
static int read_tool_dirs(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_tool_dir_item);
}

/* --- mounts --- */

/* HOST::GUEST[:ro|rw]; the host part ends at the first "::". A guest path of "/" takes the work folder's place. */
int settings_mount_parse(struct str text, struct settings_mount *ret, char ret_why[200])
{
    size_t at = 0;
    while (at + 1 < text.len && memcmp(text.at + at, "::", 2) != 0)
        at++;
    if (at == 0 || at + 2 >= text.len) {
        snprintf(ret_why, 200, "must be HOST::GUEST, HOST::GUEST:ro or HOST::GUEST:rw");
        return -FAULT_CONFIG;
    }
    struct str host = {text.at, at}, guest = {text.at + at + 2, text.len - at - 2};
    bool writable = str_ends(guest, STR(":rw"));
    if (writable || str_ends(guest, STR(":ro")))
        guest.len -= 3;
    char path[GUEST_PATH_MAX];
    bool changed;
    int why = guest.len && guest.at[0] == '/' ? guest_path_normalise(guest, path, &changed)
                                              : GUEST_PATH_EMPTY;
    if (why || memchr(guest.at, ':', guest.len)) {
        snprintf(ret_why, 200, "must have an absolute guest path, then nothing, :ro or :rw");
        return -FAULT_CONFIG;
    }
    *ret = (struct settings_mount){str_dup(host), str_dup(str_of(path)), writable};
    if (ret->host && ret->guest)
        return 0;
    free(ret->host);
    free(ret->guest);
    return -ENOMEM;
}

static int add_mount(struct reader *r, struct settings_mount *m)
{
    struct settings_layer *l = r->out;
    int result = 0;
    if (m->host[0] != '/' && l->layer != POLICY_COMMAND_LINE) {
        auto_json json_t *text = json_string(m->host);
        result = read_host_path(r, text, &m->host);
    }
    for (size_t i = 0; result == 0 && i < l->mount_count; i++)
        if (strcmp(l->mounts[i].guest, m->guest) == 0)
            result = bad(r, "the guest path %s is given twice", m->guest);
    if (result == 0 && l->mount_count == SETTINGS_MOUNTS_MAX)
        result = bad(r, "there are more than %d mounts", SETTINGS_MOUNTS_MAX);
    if (result == 0) {
        l->mounts[l->mount_count++] = *m;
        return 0;
    }
    free(m->host);
    free(m->guest);
    return result;
}

static int read_mount_object(struct reader *r, const json_t *v, struct buf *text)
{
    static const char *const names[] = {"host", "guest", "mode", NULL};
    const char *key;
    json_t *value;
    json_object_foreach(json_loose(v), key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return unknown_key(r, key, names);
        if (!is_fine_text(value, 4096))
            return bad(r, "must be {\"host\", \"guest\", \"mode\"} with texts");
    }
    const char *host = json_string_value(json_object_get(v, "host")),
               *guest = json_string_value(json_object_get(v, "guest"));
    const char *mode = json_string_value(json_object_get(v, "mode"));
    if (!host || !guest || (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0) ||
        strstr(host, "::"))
        return bad(r, "must have \"host\" and \"guest\", and \"mode\" of \"ro\" or \"rw\"");
    return buf_addf(text, "%s::%s:%s", host, guest, mode ? mode : "ro");
}

static int read_mount(struct reader *r, const json_t *v)
{
    struct buf text;
    struct settings_mount m;
    char why[200];
    buf_init(&text, 16384);
    int result = 0;
    if (is_fine_text(v, 8192))
        result = buf_add_str(&text, json_view(v));
    else
        result = json_is_object(v)
                     ? read_mount_object(r, v, &text)
                     : bad(r, "must be HOST::GUEST[:ro|rw] or {\"host\", \"guest\", \"mode\"}");
    if (result == 0) {
        result = settings_mount_parse(buf_str(&text), &m, why);
        result = result == -FAULT_CONFIG ? bad(r, "%s", why) : result ? result : add_mount(r, &m);
    }
    buf_done(&text);
    return result;
}
static int read_mounts(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_mount);
}

/* --- required layers --- */

/* Bits of enum jail_facet, which this room does not see; a test of the edge compares the two. */
static const char *const facet_names[] = {"no_new_privs", "namespaces",   "landlock",
                                          "seccomp",      "capabilities", "rlimits",
                                          "fds_env",      "parent_death", NULL};

static int read_facet(struct reader *r, const json_t *v)
{
    for (size_t i = 0; json_is_string(v) && facet_names[i]; i++) {
        if (str_is(json_view(v), facet_names[i])) {
            r->out->required_facets |= (uint32_t)1 << i;
            return 0;
        }
    }
    return bad(
        r,
        "must be one of no_new_privs, namespaces, landlock, seccomp, capabilities, rlimits, fds_env, parent_death");
}
static int read_facets(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_facet);
}

/* --- permissions --- */

static int add_rule(struct reader *r, const json_t *v, enum policy_verdict verdict)
{
    struct settings_layer *l = r->out;
    struct policy *scratch;
    if (!json_is_string(v))
        return bad(r, "must be a rule like \"Write(./src/**)\"");
    int result = policy_new(&scratch);
    if (result)
        return result;
    result = policy_add_rule(scratch, l->layer, verdict, json_view(v), r->fault);
    policy_free(scratch);
    if (result)
        return place_fault(r, result);
    struct settings_rule *grown = realloc(l->rules, (l->rule_count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    l->rules = grown;
    l->rules[l->rule_count] = (struct settings_rule){verdict, str_dup(json_view(v))};
    return l->rules[l->rule_count++].text ? 0 : -ENOMEM;
}
static int read_allow(struct reader *r, const json_t *v)
{
    return add_rule(r, v, POLICY_ALLOW);
}
static int read_ask(struct reader *r, const json_t *v)
{
    return add_rule(r, v, POLICY_ASK);
}
static int read_deny(struct reader *r, const json_t *v)
{
    return add_rule(r, v, POLICY_DENY);
}
static int read_allows(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_allow);
}
static int read_asks(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_ask);
}
static int read_denies(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_deny);
}

static int read_keys(struct reader *r, const json_t *v, const struct key *keys, size_t count);

#define RULES_SCHEMA "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define MODE_SCHEMA "{\"enum\":[\"default\",\"acceptEdits\",\"plan\",\"dontAsk\",\"bypass\"]}"
static const struct key permission_keys[] = {
    {"allow", true, read_allows, RULES_SCHEMA, "what needs no approval"},
    {"ask", false, read_asks, RULES_SCHEMA, "what needs approval"},
    {"deny", false, read_denies, RULES_SCHEMA, "what never happens"},
    {"mode", false, read_mode, MODE_SCHEMA, "what holds where no rule is"},
    {"defaultMode", false, read_mode, MODE_SCHEMA, "the same, as Claude settings spell it"},
};
static int read_permissions(struct reader *r, const json_t *v)
{
    return read_keys(r, v, permission_keys, ARRAY_LEN(permission_keys));
}

/* --- providers --- */

static int provider_wire(struct reader *r, const json_t *v)
{
    static const char *const wires[] = {"anthropic", "openai", "openai-responses", "gemini"};
    for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(wires); i++)
        if (str_is(json_view(v), wires[i]))
            return read_text(r, v, &r->out->providers[r->out->provider_count].wire);
    return bad(r, "must be one of anthropic, openai, openai-responses, gemini");
}

static int provider_base_url(struct reader *r, const json_t *v)
{
    char target[NET_TARGET_MAX], why[160];
    if (!is_fine_text(v, 2048))
        return bad(r, "must be a URL");
    if (net_target_of_url(json_view(v), target, why))
        return bad_entry(r, v, why);
    if (memchr(json_string_value(v), '?', json_string_length(v)) ||
        memchr(json_string_value(v), '#', json_string_length(v)))
        return bad(r, "must not have a query or fragment");
    return read_text(r, v, &r->out->providers[r->out->provider_count].base_url);
}

static int provider_key_env(struct reader *r, const json_t *v)
{
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    bool fine = s.len > 0 && s.len <= 200 && !(s.at[0] >= '0' && s.at[0] <= '9');
    for (size_t i = 0; fine && i < s.len; i++)
        fine = (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') ||
               (s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '_';
    if (!fine)
        return bad(
            r,
            "must be the name of an environment variable; the key itself does not belong into settings");
    return read_text(r, v, &r->out->providers[r->out->provider_count].key_env);
}

static int provider_headers(struct reader *r, const json_t *v)
{
    const char *name;
    json_t *value;
    if (!json_is_object(v) || json_object_size(v) > 32)
        return bad(r, "must be an object of at most 32 header names and texts");
    json_object_foreach(json_loose(v), name, value)
    {
        bool fine = *name && strlen(name) <= 100 && is_fine_text(value, 4096);
        for (const char *c = name; fine && *c; c++)
            fine = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                   (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        if (!fine)
            return bad(r, "\"%.60s\" is no header name with a text", name);
    }
    r->out->providers[r->out->provider_count].headers = json_incref(json_loose(v));
    return 0;
}

static int provider_price(struct reader *r, const json_t *v)
{
    struct settings_provider *p = &r->out->providers[r->out->provider_count];
    int result = price_from_json(v, &p->price, r->fault);
    p->has_price = result == 0;
    return place_fault(r, result);
}

static int read_context(struct reader *r, const json_t *v, int64_t *ret)
{
    int64_t n = json_is_integer(v) ? (int64_t)json_integer_value(v) : 0;
    if (n < CONTEXT_LEAST || n > SETTINGS_CONTEXT_MOST)
        return bad(r, "must be an integer from %d to %d tokens", CONTEXT_LEAST,
                   SETTINGS_CONTEXT_MOST);
    *ret = n;
    return 0;
}
static int provider_context(struct reader *r, const json_t *v)
{
    return read_context(r, v, &r->out->providers[r->out->provider_count].context_tokens);
}

static int read_model_key(struct reader *r, const char *key, const json_t *value)
{
    static const char *const names[] = {"price", "context_tokens", NULL};
    struct price ignored;
    int64_t tokens;
    int result = 0;
    if (strcmp(key, "price") == 0)
        return place_fault(r, price_from_json(value, &ignored, r->fault));
    if (strcmp(key, "context_tokens") != 0)
        return unknown_key(r, key, names);
    push_key(r, key);
    result = read_context(r, value, &tokens);
    pop(r);
    return result;
}

/* {NAME: {"price": {...}, "context_tokens": N}} */
static int provider_models(struct reader *r, const json_t *v)
{
    const char *model, *key;
    json_t *said, *value;
    if (!json_is_object(v))
        return bad(r, "must be an object: {MODEL: {\"price\": {...}, \"context_tokens\": N}}");
    json_object_foreach(json_loose(v), model, said)
    {
        if (!json_is_object(said))
            return bad(r, "\"%.60s\" must be {\"price\": {...}, \"context_tokens\": N}", model);
        push_key(r, model);
        int result = 0;
        json_object_foreach(said, key, value)
        {
            if ((result = read_model_key(r, key, value)) != 0)
                break;
        }
        pop(r);
        if (result)
            return result;
    }
    r->out->providers[r->out->provider_count].models = json_incref(json_loose(v));
    return 0;
}

#define CONTEXT_SCHEMA "{\"type\":\"integer\",\"minimum\":1000,\"maximum\":10000000}"
#define PRICE_AMOUNTS                                                                                                              \
    "\"input_per_mtok_usd\":{\"type\":\"number\",\"minimum\":0},"                                                                  \
    "\"output_per_mtok_usd\":{\"type\":\"number\",\"minimum\":0},\"cache_read_per_mtok_usd\":{\"type\":\"number\",\"minimum\":0}," \
    "\"cache_write_per_mtok_usd\":{\"type\":\"number\",\"minimum\":0}"
#define PRICE_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{" PRICE_AMOUNTS                                          \
    ",\"long_prompt\":{\"type\":\"object\",\"required\":[\"over_tokens\"],"                        \
    "\"properties\":{\"over_tokens\":{\"type\":\"integer\",\"minimum\":1}," PRICE_AMOUNTS          \
    "},\"additionalProperties\":false}},"                                                          \
    "\"additionalProperties\":false}"
static const struct key provider_keys[] = {
    {"wire", true, provider_wire,
     "{\"enum\":[\"anthropic\",\"openai\",\"openai-responses\",\"gemini\"]}",
     "the protocol it speaks"},
    {"base_url", true, provider_base_url, "{\"type\":\"string\"}", "where it is"},
    {"key_env", true, provider_key_env, "{\"type\":\"string\"}",
     "environment variable with the key"},
    {"headers", true, provider_headers,
     "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}",
     "headers beside the key's"},
    {"price", true, provider_price, PRICE_SCHEMA, "price of its models"},
    {"context_tokens", true, provider_context, CONTEXT_SCHEMA, "what its models hold, in tokens"},
    {"models", true, provider_models,
     "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"properties\":{\"context_tokens\":" CONTEXT_SCHEMA
     ",\"price\":" PRICE_SCHEMA "},\"additionalProperties\":false}}",
     "price and context of single models"},
};

static int read_providers(struct reader *r, const json_t *v)
{
    const char *name;
    json_t *said;
    if (!json_is_object(v))
        return bad(r, "must be an object of providers");
    json_object_foreach(json_loose(v), name, said)
    {
        if (r->out->provider_count == SETTINGS_PROVIDERS_MAX)
            return bad(r, "has more than %d providers", SETTINGS_PROVIDERS_MAX);
        struct settings_provider *p = &r->out->providers[r->out->provider_count];
        push_key(r, name);
        bool fine = *name && strlen(name) <= 64 && !strpbrk(name, "/: \t");
        int result = fine ? 0 : bad(r, "is no provider name: up to 64 characters without / and :");
        if (result == 0) {
            p->name = str_dup(str_of(name));
            result =
                p->name ? read_keys(r, said, provider_keys, ARRAY_LEN(provider_keys)) : -ENOMEM;
        }
        pop(r);
        r->out->provider_count++; /* also on failure: settings_layer_done() frees it */
        if (result)
            return result;
    }
    return 0;
}

static int read_agent_limits(struct reader *r, const json_t *v);

/* --- secrets --- */

void settings_secret_done(struct settings_secret *s)
{
    char *texts[] = {s->name, s->env, s->file, s->host, s->header, s->prefix};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    *s = (struct settings_secret){.name = NULL};
}

static struct settings_secret *secret_of(struct reader *r)
{
    return &r->out->secrets[r->out->secret_count];
}

static int secret_name(struct reader *r, const json_t *v)
{
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    bool fine = s.len > 0 && s.len < 64;
    for (size_t i = 0; fine && i < s.len; i++)
        fine = (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') ||
               (s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '_' || s.at[i] == '-';
    return fine ? read_text(r, v, &secret_of(r)->name)
                : bad(r, "must be a name of letters, digits, _ and -");
}
static int secret_env(struct reader *r, const json_t *v)
{
    return read_text(r, v, &secret_of(r)->env);
}
static int secret_file(struct reader *r, const json_t *v)
{
    return read_host_path(r, v, &secret_of(r)->file);
}
static int secret_host(struct reader *r, const json_t *v)
{
    char why[160];
    struct net_pattern p;
    if (!is_fine_text(v, 300))
        return bad(r, "must be a text like https://api.example.org");
    if (net_pattern_parse(json_view(v), true, &p, why) != 0)
        return bad_entry(r, v, why);
    if (!net_pattern_is_particular(&p))
        return bad(r, "must name one host, or all below a domain, with its scheme");
    return read_text(r, v, &secret_of(r)->host);
}
static int secret_header(struct reader *r, const json_t *v)
{
    char why[HTTP_WHY_SIZE];
    if (!is_fine_text(v, 100) || http_field_check(json_view(v), STR(""), why) != 0)
        return bad(r, "must be the name of a header that is not the connection's own");
    return read_text(r, v, &secret_of(r)->header);
}
static int secret_prefix(struct reader *r, const json_t *v)
{
    char why[HTTP_WHY_SIZE];
    if (!is_fine_text(v, 256) || http_field_check(STR("x"), json_view(v), why) != 0)
        return bad(r, "must be ASCII text that stands before the value, like \"Bearer \"");
    return read_text(r, v, &secret_of(r)->prefix);
}

static const struct key secret_keys[] = {
    {"name", true, secret_name, "{\"type\":\"string\"}", "what it is called here"},
    {"env", true, secret_env, "{\"type\":\"string\"}", "environment variable with the value"},
    {"file", true, secret_file, "{\"type\":\"string\"}", "file with the value"},
    {"host", true, secret_host, "{\"type\":\"string\"}", "scheme://host[:port] that gets it"},
    {"header", true, secret_header, "{\"type\":\"string\"}", "the header that it goes in"},
    {"prefix", true, secret_prefix, "{\"type\":\"string\"}", "what stands before it there"},
};
static int read_keys(struct reader *r, const json_t *v, const struct key *table, size_t count);

static int read_secret_item(struct reader *r, const json_t *v)
{
    if (r->out->secret_count == SETTINGS_SECRETS_MAX)
        return bad(r, "is one too many: at most %d", SETTINGS_SECRETS_MAX);
    int result = read_keys(r, v, secret_keys, ARRAY_LEN(secret_keys));
    struct settings_secret *s = secret_of(r);
    if (result == 0 && (!s->name || !s->host || !s->header || !s->env == !s->file))
        result = bad(r, "must have name, host, header, and either env or file");
    for (size_t i = 0; result == 0 && i < r->out->secret_count; i++)
        if (strcmp(r->out->secrets[i].name, s->name) == 0)
            result = bad(r, "has a name that is given twice");
    if (result)
        settings_secret_done(s);
    else
        r->out->secret_count++;
    return result;
}

static int read_secrets(struct reader *r, const json_t *v)
{
    return each_item(r, v, read_secret_item);
}

/* --- the table --- */

#define LIST_SCHEMA "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":1024}"
static const struct key keys[] = {
    {"$schema", false, read_nothing, "{\"type\":\"string\"}", "for editors"},
    {"model", false, read_model, "{\"type\":\"string\"}",
     "PROVIDER/NAME, script:FILE or replay:SESSION"},
    {"summary_model", false, read_summary_model, "{\"type\":\"string\"}",
     "PROVIDER/NAME that sums up a long conversation; the model itself when not said"},
    {"fallback_models", true, read_fallbacks,
     "{\"type\":\"array\",\"maxItems\":8,\"items\":{\"type\":\"string\"}}",
     "models, PROVIDER/NAME, that go on in this order when the service of the one before fails for good"},
    {"work_dir", true, read_work_dir, "{\"type\":\"string\"}",
     "host folder that tools see as \"/\""},
    {"map_dirs", true, read_mounts,
     "{\"type\":\"array\",\"maxItems\":32,\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"host\",\"guest\"],"
     "\"properties\":{\"host\":{\"type\":\"string\"},\"guest\":{\"type\":\"string\"},\"mode\":{\"enum\":[\"ro\",\"rw\"]}},"
     "\"additionalProperties\":false}]}}",
     "further folders, HOST::GUEST[:ro|rw]; read-only when not said"},
    {"env_vars", false, read_env, LIST_SCHEMA,
     "environment of tools, NAME=VALUE; nothing is inherited"},
    {"allowed_outbound_hosts", true, read_hosts, LIST_SCHEMA,
     "scheme://host[:port] that tools may reach"},
    {"block_networks", false, read_networks, LIST_SCHEMA,
     "networks never connected to: \"private\" or CIDR"},
    {"block_url", false, read_urls, LIST_SCHEMA, "URL prefixes never fetched"},
    {"secrets", true, read_secrets,
     "{\"type\":\"array\",\"maxItems\":32,\"items\":{\"type\":\"object\",\"required\":[\"name\",\"host\",\"header\"],\"properties\":{"
     "\"name\":{\"type\":\"string\"},\"env\":{\"type\":\"string\"},\"file\":{\"type\":\"string\"},\"host\":{\"type\":\"string\"},"
     "\"header\":{\"type\":\"string\"},\"prefix\":{\"type\":\"string\"}},\"additionalProperties\":false}}",
     "secrets that are added to requests to their host, and that no tool sees"},
    {"tool_dirs", true, read_tool_dirs, LIST_SCHEMA, "folders with further tools"},
    {"required_layers", false, read_facets,
     "{\"type\":\"array\",\"items\":{\"enum\":[\"no_new_privs\",\"namespaces\",\"landlock\",\"seccomp\",\"capabilities\",\"rlimits\",\"fds_env\","
     "\"parent_death\"]}}",
     "layers of the jail without which nothing runs, beside the usual ones"},
    {"permissions", false, read_permissions, NULL, "rules and mode"},
    {"permission_mode", false, read_mode, MODE_SCHEMA, "the same as permissions.mode"},
    {"provenance", false, read_provenance, "{\"enum\":[\"off\",\"ask\",\"deny\"]}",
     "what is done when a target comes from untrusted content"},
    {"trusted_tools", true, read_trusted_tools, LIST_SCHEMA, "tools whose results are trusted"},
    {"providers", true, read_providers, NULL, "model services by name"},
    {"agent_limits", false, read_agent_limits, NULL,
     "limits of one agent by its name, tighter ones only"},
    {"hooks", false, read_hooks, HOOKS_SCHEMA,
     "programs that are asked before and after a call; the operator's only"},
};

static int read_keys(struct reader *r, const json_t *v, const struct key *table, size_t count)
{
    const char *name;
    json_t *value;
    if (!json_is_object(v))
        return bad(r, "must be an object");
    json_object_foreach(json_loose(v), name, value)
    {
        const char *names[32] = {NULL};
        size_t i = 0;
        for (; i < count; i++)
            names[i] = table[i].name;
        for (i = 0; i < count && strcmp(table[i].name, name) != 0; i++)
            ;
        if (i == count)
            return unknown_key(r, name, names);
        push_key(r, table[i].name);
        int result = 0;
        if (table[i].operator_only && settings_is_workspace(r->out->layer))
            result = bad(r, "a file in the workspace may only narrow: it cannot have this key");
        else
            result = table[i].read(r, value);
        pop(r);
        if (result)
            return result;
    }
    return 0;
}

#define AMOUNT_TEXT_SIZE 48
static void amount_text(int64_t value, unsigned scale, char ret[AMOUNT_TEXT_SIZE])
{
    uint64_t unit = 1, rest;
    must(value >= 0 && scale < 19);
    for (unsigned i = 0; i < scale; i++)
        unit *= 10;
    rest = (uint64_t)value % unit;
    int n = snprintf(ret, AMOUNT_TEXT_SIZE, "%llu", (unsigned long long)((uint64_t)value / unit));
    if (rest == 0)
        return;
    n += snprintf(ret + n, (size_t)(AMOUNT_TEXT_SIZE - n), ".%0*llu", (int)scale,
                  (unsigned long long)rest);
    while (ret[n - 1] == '0')
        ret[--n] = '\0';
}

/* The decimal as it was written, as an exact integer. */
static int amount_value(struct reader *r, const json_t *v, const struct settings_amount *a,
                        int64_t *ret)
{
    struct schema_decimal d = json_is_number(v) ? schema_decimal_of(v) : (struct schema_decimal){0};
    int shift = d.exponent + (int)a->scale;
    uint64_t value = d.digits;
    bool fits = json_is_number(v) && !d.negative && (shift >= 0 || d.digits == 0);
    for (; fits && value != 0 && shift > 0; shift--)
        fits = !__builtin_mul_overflow(value, 10u, &value);
    if (!fits || value > INT64_MAX || (int64_t)value < a->min || (int64_t)value > a->max) {
        char min[AMOUNT_TEXT_SIZE], max[AMOUNT_TEXT_SIZE];
        amount_text(a->min, a->scale, min);
        amount_text(a->max, a->scale, max);
        return bad(r, "must be %s from %s to %s%s%s", a->scale ? "a number" : "an integer", min,
                   max, *a->unit ? " " : "", a->unit);
    }
    if (json_is_real(v) && d.digits >= UINT64_C(1000000000000000))
        return bad(r, "has more digits than a JSON number holds exactly: at most 15");
    *ret = (int64_t)value;
    return 0;
}

static int read_amount(struct reader *r, const json_t *v, const struct settings_amount *a,
                       size_t index)
{
    int result = amount_value(r, v, a, &r->out->amounts[index]);
    r->out->amount_said[index] |= result == 0;
    return result;
}

/* --- limits of one agent: only those of a run, and only tighter --- */

void settings_agent_done(struct settings_agent *a)
{
    free(a->name);
    net_limits_done(&a->net);
    *a = (struct settings_agent){.name = NULL};
}

static int read_agent_net(struct reader *r, const char *name, const json_t *v, enum net_limit kind,
                          struct net_limits *l)
{
    push_key(r, name);
    int result = place_fault(r, net_limits_add(l, kind, v, r->fault));
    pop(r);
    return result;
}

static int read_agent_limit(struct reader *r, const char *name, const json_t *v,
                            struct settings_agent *agent)
{
    struct sandbox_limits *l = &agent->limits;
    const char *names[SANDBOX_LIMITS_MAX + NET_LIMITS + 1] = {NULL};
    struct settings_amount a;
    enum net_limit kind;
    if (net_limit_find(str_of(name), &kind))
        return read_agent_net(r, name, v, kind, &agent->net);
    for (size_t i = 0; i < NET_LIMITS; i++)
        names[sandbox_limit_row_count + i] = net_limit_key((enum net_limit)i);
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        const struct limit_row *row = &sandbox_limit_rows[i];
        names[i] = row->key;
        /* the limits of a run are the first amounts */
        if (strcmp(row->key, name) != 0 || !settings_amount_at(i, &a))
            continue;
        push_key(r, name);
        int result = amount_value(r, v, &a, (int64_t *)(void *)((char *)l + row->offset));
        pop(r);
        return result;
    }
    return unknown_key(r, name, names);
}

static int read_agent(struct reader *r, const char *name, const json_t *said)
{
    bool fine = *name && strlen(name) <= 64 && !strpbrk(name, "/: \t");
    if (!fine)
        return bad(r, "is no agent's name: up to 64 characters without / and :");
    if (!json_is_object(said))
        return bad(r, "must be an object of limits");
    if (r->out->agent_count == SETTINGS_AGENTS_MAX)
        return bad(r, "is one agent more than %d", SETTINGS_AGENTS_MAX);
    struct settings_agent *agent = &r->out->agents[r->out->agent_count];
    agent->name = str_dup(str_of(name));
    if (!agent->name)
        return -ENOMEM;
    r->out->agent_count++; /* also when a value fails: settings_layer_done() frees it */
    limits_loosest(&agent->limits);
    const char *key;
    json_t *value;
    json_object_foreach(json_loose(said), key, value)
    {
        int result = read_agent_limit(r, key, value, agent);
        if (result)
            return result;
    }
    return 0;
}

static int read_agent_limits(struct reader *r, const json_t *v)
{
    const char *name;
    json_t *said;
    if (!json_is_object(v))
        return bad(r, "must be an object of agents");
    json_object_foreach(json_loose(v), name, said)
    {
        push_key(r, name);
        int result = read_agent(r, name, said);
        pop(r);
        if (result)
            return result;
    }
    return 0;
}

static int read_top(struct reader *r, const json_t *v)
{
    const char *name;
    json_t *value;
    if (!json_is_object(v))
        return bad(r, "must be a JSON object");
    json_object_foreach(json_loose(v), name, value)
    {
        const char *names[ARRAY_LEN(keys) + SETTINGS_AMOUNTS_MAX + 1] = {NULL};
        struct settings_amount a;
        size_t count = 0, row = SIZE_MAX, amount = SIZE_MAX;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            names[count++] = keys[i].name;
            row = strcmp(keys[i].name, name) == 0 ? i : row;
        }
        for (size_t i = 0; i < SETTINGS_AMOUNTS_MAX && settings_amount_at(i, &a); i++) {
            names[count++] = a.key;
            amount = strcmp(a.key, name) == 0 ? i : amount;
        }
        if (row == SIZE_MAX && amount == SIZE_MAX)
            return unknown_key(r, name, names);
        push_key(r, name);
        int result = 0;
        if (amount != SIZE_MAX && settings_amount_at(amount, &a))
            result = read_amount(r, value, &a, amount);
        else if (keys[row].operator_only && settings_is_workspace(r->out->layer))
            result = bad(r, "a file in the workspace may only narrow: it cannot have this key");
        else
            result = keys[row].read(r, value);
        pop(r);
        if (result)
            return result;
    }
    return 0;
}

/* "line L column C: what" of the parser -> "FILE:L: ..." */
static int parse_fault(const char *file, int result, struct fault *f)
{
    if (!f || result != -FAULT_INPUT)
        return result;
    struct str text = str_of(f->text), line, rest;
    int64_t number;
    char copy[sizeof f->text];
    if (str_starts(text, STR("line ")) &&
        str_split((struct str){text.at + 5, text.len - 5}, ' ', &line, &rest) &&
        base_parse_i64(line, 1, INT64_MAX, &number) == 0) {
        snprintf(copy, sizeof copy, "%.*s", STR_FMT(rest));
        return fault_set(f, FAULT_CONFIG, "%s:%lld: %s", file, (long long)number, copy);
    }
    memcpy(copy, f->text, sizeof copy);
    return fault_set(f, FAULT_CONFIG, "%s: %s", file, copy);
}

int settings_layer_read(struct settings_layer *l, enum policy_layer layer, const char *file,
                        struct str text, struct fault *reterr)
{
    struct fault unused_fault;
    struct reader r = {
        .out = l, .file = file, .text = text, .fault = reterr ? reterr : &unused_fault};
    auto_json json_t *value = NULL;
    l->layer = layer;
    int result = json_parse_commented(text, SETTINGS_SIZE_MAX, &value, r.fault);
    return result ? parse_fault(file, result, r.fault) : read_top(&r, value);
}

void settings_strings_done(struct settings_strings *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->at[i]);
    free(l->at);
    *l = (struct settings_strings){0};
}

int settings_strings_add(struct settings_strings *l, own char *text)
{
    for (size_t i = 0; text && i < l->count; i++) {
        if (strcmp(l->at[i], text) == 0) {
            free(text);
            return 0;
        }
    }
    char **grown = text ? realloc(l->at, (l->count + 1) * sizeof(char *)) : NULL;
    if (!grown) {
        free(text);
        return -ENOMEM;
    }
    l->at = grown;
    l->at[l->count++] = text;
    return 0;
}

void settings_provider_done(struct settings_provider *p)
{
    free(p->name);
    free(p->wire);
    free(p->base_url);
    free(p->key_env);
    json_decref(p->headers);
    json_decref(p->models);
    *p = (struct settings_provider){0};
}

void settings_layer_done(struct settings_layer *l)
{
    free(l->model);
    free(l->summary_model);
    free(l->work_dir);
    for (size_t i = 0; i < LIST_COUNT; i++)
        settings_strings_done(&l->lists[i]);
    for (size_t i = 0; i < l->mount_count; i++) {
        free(l->mounts[i].host);
        free(l->mounts[i].guest);
    }
    for (size_t i = 0; i < l->rule_count; i++)
        free(l->rules[i].text);
    free(l->rules);
    for (size_t i = 0; i < l->provider_count; i++)
        settings_provider_done(&l->providers[i]);
    for (size_t i = 0; i < l->agent_count; i++)
        settings_agent_done(&l->agents[i]);
    for (size_t i = 0; i < l->secret_count; i++)
        settings_secret_done(&l->secrets[i]);
    hook_list_done(&l->hooks);
    *l = (struct settings_layer){0};
}

/* --- the schema of it --- */

static own json_t *described(own json_t *schema, const char *help)
{
    if (json_is_object(schema))
        json_object_set_new(schema, "description", json_string(help));
    return schema;
}

static own json_t *object_schema(const struct key *table, size_t count)
{
    json_t *properties = json_object();
    for (size_t i = 0; i < count; i++)
        if (table[i].schema)
            json_object_set_new(
                properties, table[i].name,
                described(json_loads(table[i].schema, JSON_DECODE_ANY, NULL), table[i].help));
    json_t *schema = json_object();
    json_object_set_new(schema, "type", json_string("object"));
    json_object_set_new(schema, "properties", properties);
    json_object_set_new(schema, "additionalProperties", json_false());
    return schema;
}

static own json_t *amount_schema(const struct settings_amount *a)
{
    json_t *schema = json_object();
    char help[200], text[AMOUNT_TEXT_SIZE];
    snprintf(help, sizeof help, "%s%s%s%s; the tighter one wins", a->help, *a->unit ? " (" : "",
             a->unit, *a->unit ? ")" : "");
    const struct {
        const char *key;
        int64_t value;
    } rows[] = {{"minimum", a->min}, {"maximum", a->max}, {"default", a->fallback}};
    json_object_set_new(schema, "type", json_string(a->scale ? "number" : "integer"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) { /* amounts of money are whole here */
        amount_text(rows[i].value, a->scale, text);
        json_object_set_new(schema, rows[i].key, json_loads(text, JSON_DECODE_ANY, NULL));
    }
    return described(schema, help);
}

static own json_t *agent_limits_schema(void)
{
    json_t *limits = json_object();
    struct settings_amount a;
    for (size_t i = 0; i < sandbox_limit_row_count && settings_amount_at(i, &a); i++)
        json_object_set_new(limits, a.key, amount_schema(&a));
    for (size_t i = 0; i < NET_LIMITS; i++)
        json_object_set_new(limits, net_limit_key((enum net_limit)i),
                            json_loads(LIST_SCHEMA, 0, NULL));
    return json_pack("{s:s, s:i, s:{s:s, s:o, s:b}}", "type", "object", "maxProperties",
                     SETTINGS_AGENTS_MAX, "additionalProperties", "type", "object", "properties",
                     limits, "additionalProperties", 0);
}

own json_t *settings_schema(void)
{
    json_t *schema = object_schema(keys, ARRAY_LEN(keys));
    json_t *properties = json_object_get(schema, "properties"), *providers = json_object();
    struct settings_amount a;
    json_object_set_new(schema, "$schema",
                        json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(schema, "title", json_string("BoxAgnts settings"));
    json_object_set_new(properties, "permissions",
                        object_schema(permission_keys, ARRAY_LEN(permission_keys)));
    json_object_set_new(providers, "type", json_string("object"));
    json_object_set_new(providers, "additionalProperties",
                        object_schema(provider_keys, ARRAY_LEN(provider_keys)));
    json_object_set_new(properties, "providers", providers);
    json_object_set_new(properties, "agent_limits", agent_limits_schema());
    for (size_t i = 0; settings_amount_at(i, &a); i++)
        json_object_set_new(properties, a.key, amount_schema(&a));
    return schema;
}
