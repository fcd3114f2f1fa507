/* A schema's text -> a tree of nodes. One const table says every keyword that we know, how its value is read and
 * where it goes; a keyword that is not in it is an error at load, because a rule that is silently skipped is a hole. The tree
 * owns a deep copy of the text. References are collected here and looked up by schema_ref.c once all is loaded. */
#include "tools/schema_inside.h"

#include "base/buf.h"
#include "tools/json_walk.h"
#include "tools/nearest.h"

#include <errno.h>

struct load {
    struct schema *s;
    struct node *node;
    struct resource *resource;
    unsigned depth;
    struct str at; /* pointer of the keyword's value */
    struct fault *fault;
};
struct keyword {
    const char *name;
    int (*read)(struct load *l, const struct keyword *k, const json_t *value);
    size_t offset;
};
#define FIELD(l, k, type) ((type *)(void *)((char *)(l)->node + (k)->offset))

static int bad(const struct load *l, const char *expected)
{
    return fault_set(l->fault, FAULT_CONFIG, "schema at \"%.*s\": must be %s", STR_FMT(l->at),
                     expected);
}

/* ret: "at/key" with ~ and / escaped, as JSON pointers want it. */
static int pointer_add(struct buf *out, struct str at, struct str key)
{
    buf_add_str(out, at);
    buf_add_c(out, '/');
    for (size_t i = 0; i < key.len; i++) {
        if (key.at[i] == '~')
            buf_add_z(out, "~0");
        else if (key.at[i] == '/')
            buf_add_z(out, "~1");
        else
            buf_add_c(out, key.at[i]);
    }
    return buf_error(out);
}

static int load_below(struct load *l, struct str key, const json_t *json, struct node **ret)
{
    struct buf at;
    buf_init(&at, 1 << 16);
    int r = pointer_add(&at, l->at, key);
    if (r == 0)
        r = schema_load_node(l->s, json, buf_str(&at), l->resource, l->depth + 1, ret, l->fault);
    buf_done(&at);
    return r;
}

/* --- readers, one per form of value --- */

static int read_node(struct load *l, const struct keyword *k, const json_t *v)
{
    return schema_load_node(l->s, v, l->at, l->resource, l->depth + 1, FIELD(l, k, struct node *),
                            l->fault);
}

static int read_list(struct load *l, const struct keyword *k, const json_t *v)
{
    struct node_list *list = FIELD(l, k, struct node_list);
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n == 0)
        return bad(l, "an array of schemas that is not empty");
    list->at = calloc(n, sizeof(struct node *));
    if (!list->at)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        int r = load_below(l, str_of(key), json_array_get(v, i), &list->at[i]);
        if (r)
            return r;
        list->count++;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct node_named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int read_map(struct load *l, const struct keyword *k, const json_t *v)
{
    struct node_map *map = FIELD(l, k, struct node_map);
    if (!json_is_object(v))
        return bad(l, "an object of schemas");
    size_t n = json_object_size(v);
    map->at = calloc(n ? n : 1, sizeof *map->at);
    if (!map->at)
        return -ENOMEM;
    const char *key;
    json_t *value;
    json_object_foreach(json_loose(v), key, value)
    {
        struct node_named *named = &map->at[map->count];
        *named = (struct node_named){.name = key, .name_len = strlen(key)};
        int r = load_below(l, str_of(key), value, &named->node);
        if (r)
            return r;
        map->count++;
    }
    if (map->count)
        qsort(map->at, map->count, sizeof *map->at, by_name);
    return 0;
}

static int pattern_fault(struct load *l, int r, struct str text, const char *why)
{
    if (r != -FAULT_CONFIG)
        return r;
    return fault_set(
        l->fault, FAULT_CONFIG,
        "schema at \"%.*s\": the pattern \"%.*s\" is not a regular expression that we know: %s",
        STR_FMT(l->at), (int)(text.len < 100 ? text.len : 100), text.at, why);
}

static int read_pattern(struct load *l, const struct keyword *k, const json_t *v)
{
    char why[160] = "";
    if (!json_is_string(v))
        return bad(l, "a string with a regular expression");
    int r = schema_pattern_new(json_view(v), FIELD(l, k, struct schema_pattern *), why);
    return pattern_fault(l, r, json_view(v), why);
}

static int read_pattern_map(struct load *l, const struct keyword *k, const json_t *v)
{
    int r = read_map(l, k, v);
    struct node_map *map = FIELD(l, k, struct node_map);
    for (size_t i = 0; r == 0 && i < map->count; i++) {
        char why[160] = "";
        struct str text = str_of(map->at[i].name);
        r = pattern_fault(l, schema_pattern_new(text, &map->at[i].pattern, why), text, why);
    }
    return r;
}

static int read_number(struct load *l, const struct keyword *k, const json_t *v)
{
    if (!json_is_number(v))
        return bad(l, "a number");
    *FIELD(l, k, const json_t *) = v;
    return 0;
}

static int read_divisor(struct load *l, const struct keyword *k, const json_t *v)
{
    if (!json_is_number(v) || json_number_value(v) <= 0)
        return bad(l, "a number above 0");
    return read_number(l, k, v);
}

static int read_count(struct load *l, const struct keyword *k, const json_t *v)
{
    double d = json_number_value(v);
    if (!json_is_number(v) || !schema_is_integer(v) || d < 0 || d > 0x1p62)
        return bad(l, "an integer, 0 or more");
    *FIELD(l, k, int64_t) = json_is_integer(v) ? json_integer_value(v) : (int64_t)d;
    return 0;
}

static int read_bool(struct load *l, const struct keyword *k, const json_t *v)
{
    if (!json_is_boolean(v))
        return bad(l, "true or false");
    *FIELD(l, k, bool) = json_is_true(v);
    return 0;
}

static int read_value(struct load *l, const struct keyword *k, const json_t *v)
{
    *FIELD(l, k, const json_t *) = v;
    return 0;
}

static int read_enum(struct load *l, const struct keyword *k, const json_t *v)
{
    return json_is_array(v) ? read_value(l, k, v) : bad(l, "an array of values");
}

static const struct {
    const char *name;
    unsigned bit;
} types[] = {
    {"null", NODE_NULL},       {"boolean", NODE_BOOLEAN}, {"object", NODE_OBJECT},
    {"array", NODE_ARRAY},     {"number", NODE_NUMBER},   {"string", NODE_STRING},
    {"integer", NODE_INTEGER},
};

static int read_one_type(struct load *l, const json_t *v)
{
    for (size_t i = 0; json_is_string(v) && i < ARRAY_LEN(types); i++) {
        if (!str_is(json_view(v), types[i].name))
            continue;
        if (l->node->types & types[i].bit)
            return bad(l, "a list that names each type once");
        l->node->types |= types[i].bit;
        return 0;
    }
    return bad(l,
               "one of null, boolean, object, array, number, string, integer, or a list of them");
}

static int read_type(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    if (!json_is_array(v))
        return read_one_type(l, v);
    if (json_array_size(v) == 0)
        return bad(l, "a list that is not empty");
    for (size_t i = 0; i < json_array_size(v); i++) {
        int r = read_one_type(l, json_array_get(v, i));
        if (r)
            return r;
    }
    return 0;
}

static bool all_strings(const json_t *v)
{
    bool fine = json_is_array(v);
    for (size_t i = 0; fine && i < json_array_size(v); i++)
        fine = json_is_string(json_array_get(v, i));
    return fine;
}

static int read_names(struct load *l, const struct keyword *k, const json_t *v)
{
    return all_strings(v) ? read_value(l, k, v) : bad(l, "an array of property names");
}

static int read_names_map(struct load *l, const struct keyword *k, const json_t *v)
{
    const char *key;
    json_t *names;
    if (!json_is_object(v))
        return bad(l, "an object of arrays of property names");
    json_object_foreach(json_loose(v), key, names) if (!all_strings(names)) return bad(
        l, "an object of arrays of property names");
    return read_value(l, k, v);
}

static int read_defs(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    const char *key;
    json_t *value;
    struct node *ignored;
    if (!json_is_object(v))
        return bad(l, "an object of schemas");
    json_object_foreach(json_loose(v), key, value)
    {
        int r = load_below(l, str_of(key), value, &ignored);
        if (r)
            return r;
    }
    return 0;
}

/* Loaded so that its mistakes are found and its anchors exist; never applied. */
static int read_unused(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    struct node *ignored;
    return schema_load_node(l->s, v, l->at, l->resource, l->depth + 1, &ignored, l->fault);
}

static int read_tracked(struct load *l, const struct keyword *k, const json_t *v)
{
    l->s->tracks = true;
    return read_node(l, k, v);
}

static int add_pending(struct load *l, const json_t *v, bool is_dynamic)
{
    struct schema *s = l->s;
    if (!json_is_string(v))
        return bad(l, "a string with a reference");
    struct pending *grown = realloc(s->pending, (s->pending_count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    s->pending = grown;
    s->pending[s->pending_count++] = (struct pending){l->node, json_string_value(v), is_dynamic};
    return 0;
}

static int read_ref(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return add_pending(l, v, false);
}
static int read_dynamic_ref(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return add_pending(l, v, true);
}

static bool is_anchor_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return false;
    }
    return s.len > 0;
}

static int read_anchor_of(struct load *l, const json_t *v, bool is_dynamic)
{
    if (!json_is_string(v) || !is_anchor_name(json_view(v)))
        return bad(l, "a name (a letter or _, then letters, digits, - _ .)");
    return schema_anchor_add(l->resource, json_string_value(v), l->node, is_dynamic, l->fault);
}
static int read_anchor(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return read_anchor_of(l, v, false);
}
static int read_dynamic_anchor(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return read_anchor_of(l, v, true);
}

/* "$id" was already read: it changes what all the others are relative to. */
static int read_id(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return json_is_string(v) ? 0 : bad(l, "a string");
}

static int read_dialect(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    struct str uri = json_is_string(v) ? json_view(v) : STR("");
    if (str_is(uri, "https://json-schema.org/draft/2020-12/schema") ||
        str_is(uri, "https://json-schema.org/draft/2020-12/schema#"))
        return 0;
    return bad(l,
               "\"https://json-schema.org/draft/2020-12/schema\" (no other dialect is known here)");
}

static int read_string(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return json_is_string(v) ? 0 : bad(l, "a string");
}
static int read_flag(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return json_is_boolean(v) ? 0 : bad(l, "true or false");
}
static int read_examples(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return json_is_array(v) ? 0 : bad(l, "an array");
}
static int read_anything(struct load *l unused_, const struct keyword *k unused_,
                         const json_t *v unused_)
{
    return 0;
}
static int read_vocabulary(struct load *l, const struct keyword *k unused_, const json_t *v)
{
    return json_is_object(v) ? 0 : bad(l, "an object");
}

#define AT(field) offsetof(struct node, field)
static const struct keyword keywords[] = {
    {"$schema", read_dialect, 0},
    {"$id", read_id, 0},
    {"$ref", read_ref, 0},
    {"$dynamicRef", read_dynamic_ref, 0},
    {"$anchor", read_anchor, 0},
    {"$dynamicAnchor", read_dynamic_anchor, 0},
    {"$vocabulary", read_vocabulary, 0},
    {"$comment", read_string, 0},
    {"$defs", read_defs, 0},
    {"definitions", read_defs, 0}, /* the name of old; only a place for $ref to point at */
    {"type", read_type, 0},
    {"enum", read_enum, AT(one_of_values)},
    {"const", read_value, AT(constant)},
    {"multipleOf", read_divisor, AT(multiple_of)},
    {"maximum", read_number, AT(maximum)},
    {"exclusiveMaximum", read_number, AT(exclusive_maximum)},
    {"minimum", read_number, AT(minimum)},
    {"exclusiveMinimum", read_number, AT(exclusive_minimum)},
    {"maxLength", read_count, AT(max_length)},
    {"minLength", read_count, AT(min_length)},
    {"pattern", read_pattern, AT(pattern)},
    {"maxItems", read_count, AT(max_items)},
    {"minItems", read_count, AT(min_items)},
    {"uniqueItems", read_bool, AT(unique_items)},
    {"maxContains", read_count, AT(max_contains)},
    {"minContains", read_count, AT(min_contains)},
    {"maxProperties", read_count, AT(max_properties)},
    {"minProperties", read_count, AT(min_properties)},
    {"required", read_names, AT(required)},
    {"dependentRequired", read_names_map, AT(dependent_required)},
    {"prefixItems", read_list, AT(prefix)},
    {"items", read_node, AT(items)},
    {"contains", read_node, AT(contains)},
    {"properties", read_map, AT(properties)},
    {"patternProperties", read_pattern_map, AT(pattern_properties)},
    {"additionalProperties", read_node, AT(additional)},
    {"propertyNames", read_node, AT(names)},
    {"dependentSchemas", read_map, AT(dependent_schemas)},
    {"unevaluatedItems", read_tracked, AT(unevaluated_items)},
    {"unevaluatedProperties", read_tracked, AT(unevaluated_properties)},
    {"allOf", read_list, AT(all_of)},
    {"anyOf", read_list, AT(any_of)},
    {"oneOf", read_list, AT(one_of)},
    {"not", read_node, AT(not_)},
    {"if", read_node, AT(if_)},
    {"then", read_node, AT(then_)},
    {"else", read_node, AT(else_)},
    {"title", read_string, 0},
    {"description", read_string, 0},
    {"default", read_anything, 0},
    {"examples", read_examples, 0},
    {"deprecated", read_flag, 0},
    {"readOnly", read_flag, 0},
    {"writeOnly", read_flag, 0},
    {"format", read_string, 0},
    {"contentEncoding", read_string, 0},
    {"contentMediaType", read_string, 0},
    {"contentSchema", read_unused, 0},
};

static int unknown_keyword(struct load *l, const char *name)
{
    struct nearest near;
    nearest_init(&near, str_of(name));
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        nearest_offer(&near, str_of(keywords[i].name));
    int r = fault_set(l->fault, FAULT_CONFIG,
                      "schema at \"%.*s\": \"%.80s\" is not a keyword of JSON Schema 2020-12",
                      STR_FMT(l->at), name);
    if (nearest_found(&near))
        fault_next(l->fault, "did you mean \"%.*s\"?", STR_FMT(near.best));
    return r;
}

static int load_keyword(struct load *l, struct str at, const char *name, const json_t *value)
{
    struct buf pointer;
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (strcmp(keywords[i].name, name) != 0)
            continue;
        buf_init(&pointer, 1 << 16);
        int r = pointer_add(&pointer, at, str_of(name));
        l->at = buf_str(&pointer);
        if (r == 0)
            r = keywords[i].read(l, &keywords[i], value);
        buf_done(&pointer);
        return r;
    }
    l->at = at;
    return unknown_keyword(l, name);
}

static int node_new(struct schema *s, const json_t *json, struct str at, struct resource *in,
                    struct node **ret)
{
    if (s->node_count == SCHEMA_NODES_MAX)
        return -FAULT_CAP;
    if (s->node_count == s->node_cap) {
        size_t cap = s->node_cap ? s->node_cap * 2 : 16;
        struct node **grown = realloc(s->nodes, cap * sizeof(struct node *));
        if (!grown)
            return -ENOMEM;
        s->nodes = grown;
        s->node_cap = cap;
    }
    struct node *n = calloc(1, sizeof *n);
    char *copy = n ? str_dup(at) : NULL;
    if (!copy) {
        free(n);
        return -ENOMEM;
    }
    *n = (struct node){.at = copy,
                       .json = json,
                       .resource = in,
                       .max_length = -1,
                       .min_length = -1,
                       .max_items = -1,
                       .min_items = -1,
                       .max_contains = -1,
                       .min_contains = -1,
                       .max_properties = -1,
                       .min_properties = -1};
    s->nodes[s->node_count++] = n;
    *ret = n;
    return 0;
}

int schema_load_node(struct schema *s, const json_t *json, struct str at, struct resource *in,
                     unsigned depth, struct node **ret, struct fault *reterr)
{
    struct load l = {.s = s, .resource = in, .depth = depth, .at = at, .fault = reterr};
    if (depth > SCHEMA_DEPTH_MAX)
        return fault_set(reterr, FAULT_CONFIG, "the schema is nested deeper than %d",
                         SCHEMA_DEPTH_MAX);
    if (!json_is_boolean(json) && !json_is_object(json))
        return bad(&l, "a schema (an object, true or false)");
    int r = node_new(s, json, at, in, &l.node);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_CONFIG, "the schema has more than %d parts",
                         SCHEMA_NODES_MAX);
    if (r)
        return r;
    *ret = l.node;
    if (json_is_boolean(json)) {
        l.node->is_bool = true;
        l.node->bool_value = json_is_true(json);
        return 0;
    }
    const json_t *id = json_object_get(json, "$id");
    if (json_is_string(id) || !in) {
        r = schema_resource_new(s, in, json_is_string(id) ? json_string_value(id) : "", l.node,
                                &l.resource, reterr);
        if (r)
            return r;
        l.node->resource = l.resource;
    }
    const char *key;
    json_t *value;
    json_object_foreach(json_loose(json), key, value)
    {
        r = load_keyword(&l, at, key, value);
        if (r)
            return r;
    }
    return 0;
}

/* s has its text. */
static int compile(struct schema *s, struct fault *reterr)
{
    int r = schema_load_node(s, s->text, STR(""), NULL, 0, &s->root, reterr);
    return r == 0 ? schema_resolve_pending(s, reterr) : r;
}

int schema_compile(const json_t *text, own struct schema **ret, struct fault *reterr)
{
    auto_(schema) struct schema *s = calloc(1, sizeof *s);
    if (!s || !text)
        return -ENOMEM;
    s->text = json_deep_copy(text);
    if (!s->text)
        return -ENOMEM;
    int r = compile(s, reterr);
    if (r)
        return r;
    *ret = take(s);
    return 0;
}

int schema_compile_later(const json_t *text, own struct schema **ret)
{
    struct schema *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->text = json_incref(json_loose(text));
    s->is_later = true;
    *ret = s;
    return 0;
}

int schema_compile_now(const struct schema *later)
{
    struct schema *s = (struct schema *)(uintptr_t)later;
    json_t *shared = s->text;
    s->text = json_deep_copy(shared);
    json_decref(shared);
    s->is_later = false;
    int r = s->text ? compile(s, NULL) : -ENOMEM;
    if (r)
        s->root = NULL; /* nothing is valid by it */
    return r;
}

static void map_done(struct node_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        schema_pattern_free(map->at[i].pattern);
    free(map->at);
}

static void node_free(struct node *n)
{
    schema_pattern_free(n->pattern);
    free(n->prefix.at);
    free(n->all_of.at);
    free(n->any_of.at);
    free(n->one_of.at);
    map_done(&n->properties);
    map_done(&n->pattern_properties);
    map_done(&n->dependent_schemas);
    free(n->at);
    free(n);
}

void schema_free(own struct schema *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->node_count; i++)
        node_free(s->nodes[i]);
    for (size_t i = 0; i < s->resource_count; i++) {
        free(s->resources[i]->uri);
        free(s->resources[i]->anchors);
        free(s->resources[i]);
    }
    free(s->nodes);
    free(s->resources);
    free(s->pending);
    json_decref(s->text);
    free(s);
}
