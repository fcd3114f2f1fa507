/* A tool's manifest (tool contract, version 1) -> struct tool. The manifest is the tool author's word: it may say what the tool
 * does and tighten limits; it can grant nothing. One const table of keys; anything unknown is an error that names the nearest. */
#include "tools/registry.h"

#include "base/buf.h"
#include "base/digest.h"
#include "os/fd.h"
#include "tools/json_walk.h"
#include "tools/nearest.h"
#include "tools/tool_index.h"

#include <errno.h>

#define MANIFEST_SIZE_MAX ((size_t)1 << 20)
#define TEXT_MAX 16384

static const char *const effect_names[] = {"Read", "Write", "Net", "Exec", "Tool", "Spend"};

const char *effect_name(enum effect_kind k)
{
    return effect_names[k];
}

bool effect_kind_find(struct str name, enum effect_kind *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(effect_names); i++) {
        if (str_is(name, effect_names[i])) {
            *ret = (enum effect_kind)i;
            return true;
        }
    }
    return false;
}

static int bad(struct fault *f, const char *key, const char *expected)
{
    return fault_set(f, FAULT_CONFIG, "manifest: \"%s\" must be %s", key, expected);
}

/* names: NULL-terminated; the suggestion goes to the fault's next. */
static int unknown_key(struct fault *f, const char *where, const char *key,
                       const char *const *names)
{
    struct nearest near;
    nearest_init(&near, str_of(key));
    for (; *names; names++)
        nearest_offer(&near, str_of(*names));
    int r = fault_set(f, FAULT_CONFIG, "manifest: %s has no key \"%.80s\"", where, key);
    if (nearest_found(&near))
        fault_next(f, "did you mean \"%.*s\"?", STR_FMT(near.best));
    return r;
}

bool tool_name_is_good(struct str s)
{
    if (s.len == 0 || s.len > 64)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_' || c == '-')))
            return false;
    }
    return true;
}

static int read_text(const json_t *v, const char *key, size_t max, char **ret, struct fault *f)
{
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    if (s.len == 0 || s.len > max || memchr(s.at, 0, s.len))
        return fault_set(f, FAULT_CONFIG, "manifest: \"%s\" must be a text of 1 to %zu bytes", key,
                         max);
    *ret = str_dup(s);
    return *ret ? 0 : -ENOMEM;
}

static int read_name(struct tool *t, const json_t *v, struct fault *f)
{
    if (!json_is_string(v) || !tool_name_is_good(json_view(v)))
        return bad(f, "name", "a letter, then letters, digits, _ and -, at most 64 in all");
    return read_text(v, "name", 64, &t->name, f);
}
static int read_version(struct tool *t, const json_t *v, struct fault *f)
{
    return read_text(v, "version", 64, &t->version, f);
}
static int read_description(struct tool *t, const json_t *v, struct fault *f)
{
    return read_text(v, "description", TEXT_MAX, &t->description, f);
}

/* A manifest that was read before has schemas that compile: that is left until they are asked. */
static int read_schema(const struct tool *t, const json_t *v, struct schema **ret, struct fault *f)
{
    return t->is_known ? schema_compile_later(v, ret) : schema_compile(v, ret, f);
}

static int read_input_schema(struct tool *t, const json_t *v, struct fault *f)
{
    int r = read_schema(t, v, &t->input_schema, f);
    fault_prefix(r ? f : NULL, "manifest: input_schema");
    t->input_schema_json = r ? NULL : json_incref(json_loose(v));
    return r;
}
static int read_output_schema(struct tool *t, const json_t *v, struct fault *f)
{
    int r = read_schema(t, v, &t->output_schema, f);
    fault_prefix(r ? f : NULL, "manifest: output_schema");
    return r;
}

static int read_annotations(struct tool *t, const json_t *v, struct fault *f)
{
    static const char *const names[] = {"read_only", "destructive", "idempotent", "open_world",
                                        NULL};
    bool *const flags[] = {&t->read_only, &t->destructive, &t->idempotent, &t->open_world};
    const char *key;
    json_t *value;
    if (!json_is_object(v))
        return bad(f, "annotations", "an object");
    t->destructive = !json_is_true(json_object_get(v, "read_only"));
    t->open_world = true;
    json_object_foreach(json_loose(v), key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return unknown_key(f, "annotations", key, names);
        if (!json_is_boolean(value))
            return fault_set(f, FAULT_CONFIG, "manifest: \"annotations.%s\" must be true or false",
                             key);
        *flags[i] = json_is_true(value);
    }
    t->annotations = json_incref(json_loose(v));
    return 0;
}

static int read_effect_text(const json_t *row, const char *key, char **ret, struct fault *f)
{
    const json_t *v = json_object_get(row, key);
    return v ? read_text(v, key, 1000, ret, f) : 0;
}

/* {"effect": "Read", "arg": "path", "default": "/", "recursive": true} or {"effect": "Net", "target": "example.org:443"} */
static int read_effect(struct tool *t, const json_t *row, struct fault *f)
{
    static const char *const names[] = {"effect", "arg",    "default",  "target", "recursive",
                                        "suffix", "unless", "optional", NULL};
    struct tool_effect *e = &t->effects[t->effect_count];
    const char *key;
    json_t *value;
    if (!json_is_object(row))
        return bad(f, "effects", "a list of objects");
    json_object_foreach(json_loose(row), key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return unknown_key(f, "a row of effects", key, names);
    }
    const json_t *kind = json_object_get(row, "effect"),
                 *recursive = json_object_get(row, "recursive"),
                 *optional = json_object_get(row, "optional");
    if (!json_is_string(kind) || !effect_kind_find(json_view(kind), &e->kind))
        return bad(f, "effect", "one of Read, Write, Net, Exec, Tool, Spend");
    if (recursive && !json_is_boolean(recursive))
        return bad(f, "recursive", "true or false");
    e->recursive = json_is_true(recursive);
    if (optional && (!json_is_boolean(optional) || e->kind != EFFECT_WRITE))
        return bad(f, "optional", "true or false, of a Write effect");
    e->optional = json_is_true(optional);
    t->effect_count++; /* from here on tool_free() owns its strings */
    int r = read_effect_text(row, "arg", &e->arg, f);
    if (r == 0)
        r = read_effect_text(row, e->arg ? "default" : "target", &e->fallback, f);
    if (r == 0)
        r = read_effect_text(row, "suffix", &e->suffix, f);
    if (r == 0)
        r = read_effect_text(row, "unless", &e->unless, f);
    if (r)
        return r;
    if (!e->arg && (!e->fallback || json_object_get(row, "default")))
        return bad(f, "effects", "rows with \"arg\" (and \"default\"), or with \"target\"");
    return e->arg && json_object_get(row, "target")
               ? bad(f, "effects", "rows with \"arg\" or \"target\", not both")
               : 0;
}

static int read_effects(struct tool *t, const json_t *v, struct fault *f)
{
    if (!json_is_array(v) || json_array_size(v) > TOOL_EFFECTS_MAX)
        return bad(f, "effects", "a list of at most 16 rows");
    for (size_t i = 0; i < json_array_size(v); i++) {
        int r = read_effect(t, json_array_get(v, i), f);
        if (r)
            return r;
    }
    return 0;
}

static int unknown_limit(struct fault *f, const char *key)
{
    const char *names[SANDBOX_LIMITS_MAX + NET_LIMITS + 1] = {NULL};
    size_t count = 0;
    for (; count < sandbox_limit_row_count; count++)
        names[count] = sandbox_limit_rows[count].key;
    for (size_t i = 0; i < NET_LIMITS; i++)
        names[count + i] = net_limit_key((enum net_limit)i);
    return unknown_key(f, "limits", key, names);
}

static int read_limits(struct tool *t, const json_t *v, struct fault *f)
{
    const char *key;
    json_t *value;
    if (!json_is_object(v))
        return bad(f, "limits", "an object");
    json_object_foreach(json_loose(v), key, value)
    {
        const struct limit_row *row = limits_find(str_of(key));
        enum net_limit kind;
        int r = 0;
        if (row)
            r = limits_set_json(&t->limits, row, value, f);
        else if (net_limit_find(str_of(key), &kind))
            fault_prefix((r = net_limits_add(&t->net, kind, value, f)) ? f : NULL, "%s", key);
        else
            return unknown_limit(f, key);
        if (r) {
            fault_prefix(f, "manifest: limits");
            return r;
        }
    }
    return 0;
}

static int read_invoke(struct tool *t, const json_t *v, struct fault *f)
{
    struct str s = json_is_string(v) ? json_view(v) : STR("");
    t->invoke = str_is(s, "argv") ? INVOKE_ARGV : INVOKE_STDIN;
    return t->invoke == INVOKE_ARGV || str_is(s, "stdin")
               ? 0
               : bad(f, "invoke", "\"stdin\" or \"argv\"");
}

static const struct {
    const char *key;
    bool required;
    int (*read)(struct tool *t, const json_t *v, struct fault *f);
} keys[] = {
    {"name", true, read_name},
    {"version", true, read_version},
    {"description", true, read_description},
    {"input_schema", true, read_input_schema},
    {"output_schema", false, read_output_schema},
    {"annotations", false, read_annotations},
    {"effects", false, read_effects},
    {"limits", false, read_limits},
    {"invoke", false, read_invoke},
};

static int read_keys(struct tool *t, const json_t *manifest, struct fault *f)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_loose(manifest), key, value)
    {
        const char *names[ARRAY_LEN(keys) + 1] = {NULL};
        size_t i = 0;
        for (; i < ARRAY_LEN(keys); i++)
            names[i] = keys[i].key;
        for (i = 0; i < ARRAY_LEN(keys) && strcmp(keys[i].key, key) != 0; i++)
            ;
        int r = i < ARRAY_LEN(keys) ? keys[i].read(t, value, f) : unknown_key(f, "it", key, names);
        if (r)
            return r;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].required && !json_object_get(manifest, keys[i].key))
            return fault_set(f, FAULT_CONFIG, "manifest: \"%s\" is missing", keys[i].key);
    return 0;
}

static int check_argument(const struct tool *t, const char *name, struct fault *f)
{
    const json_t *properties = json_object_get(t->input_schema_json, "properties");
    if (!name || !json_is_object(properties) || json_object_get(properties, name))
        return 0;
    return fault_set(
        f, FAULT_CONFIG,
        "manifest: effects name the argument \"%.80s\", which input_schema does not have", name);
}

/* What the parts must be together. */
static int check_whole(const struct tool *t, struct fault *f)
{
    bool has_optional = false, has_firm = false;
    for (size_t i = 0; i < t->effect_count; i++) {
        const struct tool_effect *e = &t->effects[i];
        if (t->read_only && e->kind != EFFECT_READ)
            return fault_set(f, FAULT_CONFIG,
                             "manifest: the tool says read_only but has a %s effect",
                             effect_name(e->kind));
        if (e->suffix && (!e->arg || (e->kind != EFFECT_READ && e->kind != EFFECT_WRITE)))
            return bad(f, "suffix", "of a Read or Write effect of an argument");
        has_optional = has_optional || e->optional;
        has_firm = has_firm || (e->kind == EFFECT_WRITE && !e->optional);
        int r = check_argument(t, e->arg, f);
        if (r == 0)
            r = check_argument(t, e->unless, f);
        if (r)
            return r;
    }
    /* A run's folders are writable or not, all of them: what one row gives up another must not bring back. */
    return has_optional && has_firm ? bad(f, "optional", "the same for all Write effects of a tool")
                                    : 0;
}

static int from_manifest(struct str json, bool is_known, own struct tool **ret,
                         struct fault *reterr)
{
    auto_json json_t *manifest = NULL;
    auto_(tool) struct tool *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->is_known = is_known;
    t->origin = "section";
    t->module_fd = -1;
    t->destructive = t->open_world = true;
    limits_loosest(
        &t->limits); /* no word about a limit: nothing to tighten, so that an operator can raise the defaults */
    int r = json_parse(json, MANIFEST_SIZE_MAX, &manifest, reterr);
    if (r) {
        fault_prefix(reterr, "manifest");
        return r == -FAULT_INPUT && reterr ? -(reterr->code = FAULT_CONFIG) : r;
    }
    if (!json_is_object(manifest))
        return fault_set(reterr, FAULT_CONFIG, "manifest: must be a JSON object");
    r = read_keys(t, manifest, reterr);
    if (r == 0)
        r = check_whole(t, reterr);
    if (r)
        return r;
    t->verified = true;
    *ret = take(t);
    return 0;
}

int tool_from_manifest(struct str json, own struct tool **ret, struct fault *reterr)
{
    return from_manifest(json, false, ret, reterr);
}

int tool_from_known_manifest(struct str json, own struct tool **ret, struct fault *reterr)
{
    return from_manifest(json, true, ret, reterr);
}

int tool_frozen(const struct tool_known *known, own struct tool **ret)
{
    auto_(tool) struct tool *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->module_fd = -1;
    t->origin = "section";
    t->verified = true;
    t->frozen = known->manifest;
    t->name = str_dup(known->name);
    t->version = str_dup(known->version);
    t->description = str_dup(known->description);
    digest_hex((const struct digest *)(const void *)known->sha256, t->sha256);
    if (!t->name || !t->version || !t->description)
        return -ENOMEM;
    *ret = take(t);
    return 0;
}

int tool_thaw(struct tool *t)
{
    struct tool *whole = NULL;
    if (!t->frozen.at)
        return 0;
    int r = tool_from_known_manifest(t->frozen, &whole, NULL);
    if (r < 0)
        return r;
    free(t->name);
    free(t->version);
    free(t->description);
    whole->path = t->path;
    whole->module_fd = t->module_fd;
    whole->holders = t->holders;
    memcpy(whole->sha256, t->sha256, sizeof whole->sha256);
    *t = *whole; /* all that it owns */
    free(whole);
    return 0;
}

#define HELP_SCHEMA                                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"args\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":1000," \
    "\"description\":\"words of its command line\"}},\"additionalProperties\":false}"

int tool_from_help(const char *file, struct str text, const char *sha256, own struct tool **ret,
                   struct fault *reterr)
{
    struct str hex, help, name = str_of(file);
    if (!str_split(text, '\n', &hex, &help) || !str_is(hex, sha256))
        return fault_set(reterr, FAULT_CONFIG,
                         "its " TOOL_HELP_SUFFIX " was made of another module");
    if (str_ends(name, STR(".wasm")))
        name.len -= strlen(".wasm");
    auto_json json_t *manifest =
        json_pack("{s:o, s:s, s:o}", "name", json_string_lossy(name), "version", "0", "description",
                  json_string_lossy(str_trim(help)));
    auto_json json_t *schema = json_loads(HELP_SCHEMA, 0, NULL);
    auto_done(buf) struct buf json;
    buf_init(&json, MANIFEST_SIZE_MAX);
    if (!manifest || !schema || json_object_set(manifest, "input_schema", schema) != 0)
        return -ENOMEM;
    int r = json_print(manifest, &json);
    if (r == 0)
        r = tool_from_manifest(buf_str(&json), ret, reterr);
    if (r < 0)
        return r;
    (*ret)->invoke = INVOKE_WORDS;
    (*ret)->origin = "help";
    (*ret)->verified = false;
    return 0;
}

own const struct tool *tool_hold(const struct tool *t)
{
    ((struct tool *)(uintptr_t)t)->holders++;
    return t;
}

void tool_free(own struct tool *t)
{
    if (!t)
        return;
    if (t->holders > 0) {
        t->holders--;
        return;
    }
    for (size_t i = 0; i < t->effect_count; i++) {
        free(t->effects[i].arg);
        free(t->effects[i].fallback);
        free(t->effects[i].suffix);
        free(t->effects[i].unless);
    }
    net_limits_done(&t->net);
    os_close(t->module_fd);
    schema_free(t->input_schema);
    schema_free(t->output_schema);
    json_decref(t->input_schema_json);
    json_decref(t->annotations);
    free(t->name);
    free(t->version);
    free(t->description);
    free(t->path);
    free(t);
}
