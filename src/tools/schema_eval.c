/* A node and a value -> valid, or the first error with its places and a sentence. Every road is bounded: nodes within
 * nodes, steps in all, time inside a pattern; past a bound the answer is -FAULT_CAP, which callers treat as invalid.
 *
 * Marks: which members and items of one value were looked at ("evaluated") by a node and what applies in place below it.
 * They are kept only when the schema says unevaluatedItems or unevaluatedProperties somewhere; a part that failed
 * leaves no marks. */
#include "tools/schema_inside.h"

#include "base/buf.h"
#include "tools/json_walk.h"
#include "tools/nearest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct place {
    const struct place *up;
    const char *key;
    size_t index;
}; /* key == NULL: an index */
struct scope {
    const struct scope *up;
    const struct resource *resource;
};
struct marks {
    uint64_t *bits;
    size_t count;
};
struct eval {
    const struct schema *s;
    struct schema_error *error; /* NULL: only the answer matters */
    unsigned depth;
    int64_t steps;
    int sentences;
};
/* One node over one value. */
struct visit {
    struct eval *e;
    const struct node *n;
    const json_t *v;
    const struct place *place;
    const struct scope *scope;
    struct marks *marks; /* NULL: not kept */
};

static int eval_node(struct eval *e, const struct node *n, const json_t *v,
                     const struct place *place, const struct scope *scope, struct marks *marks);

/* --- sentences --- */

static void write_pointer(const struct place *p, struct buf *out)
{
    if (!p)
        return;
    write_pointer(p->up, out);
    buf_add_c(out, '/');
    if (!p->key)
        buf_addf(out, "%zu", p->index);
    for (const char *c = p->key; c && *c; c++) {
        if (*c == '~' || *c == '/')
            buf_add_z(out, *c == '~' ? "~0" : "~1");
        else
            buf_add_c(out, *c);
    }
}

static void write_dotted(const struct place *p, struct buf *out)
{
    if (!p)
        return;
    write_dotted(p->up, out);
    if (p->key)
        buf_addf(out, "%s%s", p->up ? "." : "", p->key);
    else
        buf_addf(out, "[%zu]", p->index);
}

static void copy_out(const struct buf *b, char *ret, size_t size)
{
    struct str s = buf_str(b);
    size_t n = s.len < size - 1 ? s.len : size - 1;
    n = utf8_valid_prefix((struct str){s.at, n});
    memcpy(ret, s.at, n);
    ret[n] = 0;
}

static int fail(const struct visit *t, const struct place *place, const char *keyword,
                const char *fmt, ...) printf_like(4, 5);
/* The sentence starts with the name of the place: `"limit" must be ...`. */
static int fail(const struct visit *t, const struct place *place, const char *keyword,
                const char *fmt, ...)
{
    struct schema_error *error = t->e->error;
    if (!error)
        return SCHEMA_INVALID;
    if (++t->e->sentences > SCHEMA_SENTENCES_MAX) {
        /* Branches within branches: the answer is what counts then. */
        *error = (struct schema_error){.sentence = "the value fits none of its many forms"};
        return SCHEMA_INVALID;
    }
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct buf b;
    buf_init(&b, 1 << 16);
    write_pointer(place, &b);
    copy_out(&b, error->instance_path, sizeof error->instance_path);
    buf_reset(&b);
    buf_addf(&b, "%s/%s", t->n->at, keyword);
    copy_out(&b, error->schema_path, sizeof error->schema_path);
    buf_reset(&b);
    if (place) {
        buf_add_c(&b, '"');
        write_dotted(place, &b);
        buf_add_c(&b, '"');
    } else {
        buf_add_z(&b, "the value");
    }
    buf_addf(&b, " %s", text);
    copy_out(&b, error->sentence, sizeof error->sentence);
    buf_done(&b);
    return SCHEMA_INVALID;
}

static const char *type_phrase(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    }
    return "something else";
}

/* ret: the value as JSON, cut. */
static const char *show(const json_t *v, char ret[80])
{
    struct buf b;
    buf_init(&b, 1 << 20);
    if (json_print(v, &b) != 0 || (buf_str(&b).len > 76 && !json_is_string(v))) {
        snprintf(ret, 80, "%s", type_phrase(v));
    } else {
        copy_out(&b, ret, 76);
        size_t used = strlen(ret);
        if (buf_str(&b).len > 75)
            snprintf(ret + used, 80 - used, "...");
    }
    buf_done(&b);
    return ret;
}

/* --- marks --- */

static size_t member_count(const json_t *v)
{
    return json_is_object(v) ? json_object_size(v) : json_is_array(v) ? json_array_size(v) : 0;
}

static int marks_init(struct marks *m, const json_t *v)
{
    *m = (struct marks){.count = member_count(v)};
    if (m->count == 0)
        return 0;
    m->bits = calloc((m->count + 63) / 64, sizeof *m->bits);
    return m->bits ? 0 : -ENOMEM;
}

static void marks_done(struct marks *m)
{
    free(m->bits);
    m->bits = NULL;
}

static void mark(struct marks *m, size_t i)
{
    if (m && m->bits)
        m->bits[i / 64] |= (uint64_t)1 << (i % 64);
}
static bool is_marked(const struct marks *m, size_t i)
{
    return m && m->bits && (m->bits[i / 64] >> (i % 64) & 1);
}
static void marks_merge(struct marks *into, const struct marks *from)
{
    if (!into || !into->bits || !from->bits)
        return;
    for (size_t i = 0; i < (into->count + 63) / 64; i++)
        into->bits[i] |= from->bits[i];
}

/* A node applied to the same value: its marks are kept when it holds. quiet: the error is not wanted. */
static int apply_in_place(const struct visit *t, const struct node *n, bool quiet)
{
    struct schema_error *kept = t->e->error;
    if (quiet)
        t->e->error = NULL;
    int r = eval_node(t->e, n, t->v, t->place, t->scope, t->marks);
    t->e->error = kept;
    return r;
}

/* --- assertions --- */

static bool has_type(unsigned types, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return types & NODE_OBJECT;
    case JSON_ARRAY: return types & NODE_ARRAY;
    case JSON_STRING: return types & NODE_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return (types & NODE_NUMBER) || ((types & NODE_INTEGER) && schema_is_integer(v));
    case JSON_TRUE:
    case JSON_FALSE: return types & NODE_BOOLEAN;
    case JSON_NULL: return types & NODE_NULL;
    }
    return false;
}

static int check_type(const struct visit *t)
{
    static const struct {
        unsigned bit;
        const char *phrase;
    } rows[] = {
        {NODE_OBJECT, "an object"},   {NODE_ARRAY, "an array"},  {NODE_STRING, "a string"},
        {NODE_INTEGER, "an integer"}, {NODE_NUMBER, "a number"}, {NODE_BOOLEAN, "true or false"},
        {NODE_NULL, "null"},
    };
    if (t->n->types == 0 || has_type(t->n->types, t->v))
        return 0;
    char wanted[120] = "";
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (t->n->types & rows[i].bit)
            used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s",
                                     used ? " or " : "", rows[i].phrase);
    char got[80];
    bool plain = json_is_number(t->v);
    return fail(t, t->place, "type", "must be %s, got %s", wanted,
                plain ? show(t->v, got) : type_phrase(t->v));
}

static int check_values(const struct visit *t)
{
    const struct node *n = t->n;
    char got[80], wanted[80];
    if (n->constant && !schema_equal(n->constant, t->v, 0))
        return fail(t, t->place, "const", "must be %s, got %s", show(n->constant, wanted),
                    show(t->v, got));
    if (!n->one_of_values)
        return 0;
    size_t count = json_array_size(n->one_of_values);
    for (size_t i = 0; i < count; i++)
        if (schema_equal(json_array_get(n->one_of_values, i), t->v, 0))
            return 0;
    char list[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used + 90 < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 show(json_array_get(n->one_of_values, i), wanted));
    return fail(t, t->place, "enum", "must be one of %s, got %s", list, show(t->v, got));
}

static int check_number(const struct visit *t)
{
    const struct node *n = t->n;
    const struct {
        const json_t *bound;
        const char *keyword, *phrase;
        int sign;
        bool equal_is_fine;
    } rows[] = {
        {n->minimum, "minimum", "at least", 1, true},
        {n->exclusive_minimum, "exclusiveMinimum", "more than", 1, false},
        {n->maximum, "maximum", "at most", -1, true},
        {n->exclusive_maximum, "exclusiveMaximum", "less than", -1, false},
    };
    char bound[80], got[80];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].bound)
            continue;
        int order = schema_compare(t->v, rows[i].bound) * rows[i].sign;
        if (order < 0 || (order == 0 && !rows[i].equal_is_fine))
            return fail(t, t->place, rows[i].keyword, "must be %s %s, got %s", rows[i].phrase,
                        show(rows[i].bound, bound), show(t->v, got));
    }
    if (n->multiple_of && !schema_is_multiple(t->v, n->multiple_of))
        return fail(t, t->place, "multipleOf", "must be a multiple of %s, got %s",
                    show(n->multiple_of, bound), show(t->v, got));
    return 0;
}

/* The bounds of lengths and counts are all one sentence. */
static int check_count(const struct visit *t, size_t count, int64_t min, int64_t max,
                       const char *min_keyword, const char *max_keyword, const char *noun)
{
    if (min >= 0 && count < (uint64_t)min)
        return fail(t, t->place, min_keyword, "must have at least %lld %s, has %zu", (long long)min,
                    noun, count);
    if (max >= 0 && count > (uint64_t)max)
        return fail(t, t->place, max_keyword, "must have at most %lld %s, has %zu", (long long)max,
                    noun, count);
    return 0;
}

static size_t code_points(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.at[i] & 0xc0) != 0x80;
    return n;
}

static int check_string(const struct visit *t)
{
    const struct node *n = t->n;
    struct str s = json_view(t->v);
    if (n->min_length >= 0 || n->max_length >= 0) {
        int r = check_count(t, code_points(s), n->min_length, n->max_length, "minLength",
                            "maxLength", "characters");
        if (r)
            return r;
    }
    if (!n->pattern)
        return 0;
    int r = schema_pattern_match(n->pattern, s, &t->e->steps);
    if (r < 0)
        return r;
    char got[80];
    return r ? 0
             : fail(t, t->place, "pattern", "must match the pattern %.150s, got %s",
                    json_string_value(json_object_get(n->json, "pattern")), show(t->v, got));
}

/* --- arrays --- */

struct hashed {
    uint64_t hash;
    size_t index;
};
static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    return x->hash < y->hash     ? -1
           : x->hash > y->hash   ? 1
           : x->index < y->index ? -1
                                 : x->index > y->index;
}

static int check_unique(const struct visit *t)
{
    size_t n = json_array_size(t->v);
    if (n < 2)
        return 0;
    auto_free struct hashed *items = calloc(n, sizeof *items);
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        items[i] = (struct hashed){schema_hash(json_array_get(t->v, i), 0), i};
    qsort(items, n, sizeof *items, by_hash);
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j > 0 && items[j - 1].hash == items[i].hash; j--) {
            if (++t->e->steps > SCHEMA_STEPS_MAX)
                return -FAULT_CAP;
            if (schema_equal(json_array_get(t->v, items[j - 1].index),
                             json_array_get(t->v, items[i].index), 0))
                return fail(t, t->place, "uniqueItems",
                            "must not have equal items, but items %zu and %zu are equal",
                            items[j - 1].index, items[i].index);
        }
    }
    return 0;
}

static int check_contains(const struct visit *t)
{
    const struct node *n = t->n;
    int64_t found = 0;
    struct schema_error *kept = t->e->error;
    t->e->error = NULL;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < json_array_size(t->v); i++) {
        struct place place = {t->place, NULL, i};
        r = eval_node(t->e, n->contains, json_array_get(t->v, i), &place, t->scope, NULL);
        found += r == 0;
        if (r == 0)
            mark(t->marks, i);
    }
    t->e->error = kept;
    if (r < 0)
        return r;
    int64_t min = n->min_contains >= 0 ? n->min_contains : 1;
    if (found < min)
        return fail(t, t->place, n->min_contains >= 0 ? "minContains" : "contains",
                    "must have at least %lld items of the wanted form, has %lld", (long long)min,
                    (long long)found);
    if (n->max_contains >= 0 && found > n->max_contains)
        return fail(t, t->place, "maxContains",
                    "must have at most %lld items of the wanted form, has %lld",
                    (long long)n->max_contains, (long long)found);
    return 0;
}

static int check_array(const struct visit *t)
{
    const struct node *n = t->n;
    size_t count = json_array_size(t->v);
    int r = check_count(t, count, n->min_items, n->max_items, "minItems", "maxItems", "items");
    if (r == 0 && n->unique_items)
        r = check_unique(t);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct node *below = i < n->prefix.count ? n->prefix.at[i] : n->items;
        struct place place = {t->place, NULL, i};
        if (!below)
            break;
        if (below->is_bool && !below->bool_value)
            return fail(t, &place, i < n->prefix.count ? "prefixItems" : "items",
                        "is one item too many");
        r = eval_node(t->e, below, json_array_get(t->v, i), &place, t->scope, NULL);
        mark(t->marks, i);
    }
    if (r == 0 && n->contains)
        r = check_contains(t);
    return r;
}

/* --- objects --- */

static const struct node *find_property(const struct node_map *map, const char *key)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(map->at[middle].name, key);
        if (order == 0)
            return map->at[middle].node;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int check_required(const struct visit *t, const json_t *names, const char *keyword,
                          const char *because)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        struct place place = {t->place, name, 0};
        if (!json_object_get(t->v, name))
            return because ? fail(t, &place, keyword, "is missing: \"%.80s\" needs it", because)
                           : fail(t, &place, keyword, "is missing");
    }
    return 0;
}

static int unknown_property(const struct visit *t, const struct place *place, const char *key)
{
    struct nearest near;
    nearest_init(&near, str_of(key));
    char list[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < t->n->properties.count; i++) {
        const struct node_named *p = &t->n->properties.at[i];
        nearest_offer(&near, str_of(p->name));
        if (used + p->name_len + 8 < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"", i ? ", " : "",
                                     p->name);
    }
    if (nearest_found(&near))
        return fail(t, place, "additionalProperties", "is not known here; did you mean \"%.*s\"?",
                    STR_FMT(near.best));
    return fail(t, place, "additionalProperties",
                used ? "is not known here; there are %s"
                     : "is not known here; nothing may be given%s",
                list);
}

/* One member against properties, patternProperties, additionalProperties. */
static int check_member(const struct visit *t, size_t index, const char *key, const json_t *value)
{
    const struct node *n = t->n;
    struct place place = {t->place, key, 0};
    const struct node *named = find_property(&n->properties, key);
    bool covered = named != NULL;
    int r = named ? eval_node(t->e, named, value, &place, t->scope, NULL) : 0;
    for (size_t i = 0; r == 0 && i < n->pattern_properties.count; i++) {
        int matches =
            schema_pattern_match(n->pattern_properties.at[i].pattern, str_of(key), &t->e->steps);
        if (matches < 0)
            return matches;
        if (!matches)
            continue;
        covered = true;
        r = eval_node(t->e, n->pattern_properties.at[i].node, value, &place, t->scope, NULL);
    }
    if (r == 0 && !covered && n->additional) {
        covered = true;
        if (n->additional->is_bool && !n->additional->bool_value)
            return unknown_property(t, &place, key);
        r = eval_node(t->e, n->additional, value, &place, t->scope, NULL);
    }
    if (covered)
        mark(t->marks, index);
    return r;
}

static int check_name(const struct visit *t, const char *key)
{
    auto_json json_t *name = json_string(key);
    struct place place = {t->place, key, 0};
    if (!name)
        return -ENOMEM;
    struct schema_error *kept = t->e->error;
    t->e->error = NULL;
    int r = eval_node(t->e, t->n->names, name, &place, t->scope, NULL);
    t->e->error = kept;
    return r == SCHEMA_INVALID
               ? fail(t, &place, "propertyNames", "is not a name that may be used here")
               : r;
}

static int check_dependents(const struct visit *t)
{
    const char *key;
    json_t *names;
    if (t->n->dependent_required) {
        json_object_foreach(json_loose(t->n->dependent_required), key, names)
        {
            int r =
                json_object_get(t->v, key) ? check_required(t, names, "dependentRequired", key) : 0;
            if (r)
                return r;
        }
    }
    for (size_t i = 0; i < t->n->dependent_schemas.count; i++) {
        const struct node_named *d = &t->n->dependent_schemas.at[i];
        int r = json_object_get(t->v, d->name) ? apply_in_place(t, d->node, false) : 0;
        if (r)
            return r;
    }
    return 0;
}

static int check_object(const struct visit *t)
{
    const struct node *n = t->n;
    int r = check_count(t, json_object_size(t->v), n->min_properties, n->max_properties,
                        "minProperties", "maxProperties", "properties");
    bool looks_at_members =
        n->properties.count || n->pattern_properties.count || n->additional || n->names;
    const char *key;
    json_t *value;
    size_t index = 0;
    if (r == 0 && n->additional && n->additional->is_bool && !n->additional->bool_value) {
        /* A misspelled name is a better answer than the right one missing: looked at first. */
        json_object_foreach(json_loose(t->v), key, value)
        {
            if (!find_property(&n->properties, key) && n->pattern_properties.count == 0) {
                struct place place = {t->place, key, 0};
                return unknown_property(t, &place, key);
            }
        }
    }
    if (r == 0 && n->required)
        r = check_required(t, n->required, "required", NULL);
    if (r || !looks_at_members)
        return r ? r : check_dependents(t);
    json_object_foreach(json_loose(t->v), key, value)
    {
        r = n->names ? check_name(t, key) : 0;
        if (r == 0)
            r = check_member(t, index++, key, value);
        if (r)
            return r;
    }
    return check_dependents(t);
}

/* --- what applies in place --- */

/* The error of the branch that got furthest into the value says most. */
static size_t reach(const struct schema_error *e)
{
    size_t n = 0;
    for (const char *c = e->instance_path; *c; c++)
        n += *c == '/';
    return n;
}

static int check_branches(const struct visit *t, const struct node_list *list, const char *keyword,
                          bool exactly_one)
{
    size_t held = 0;
    struct schema_error *kept = t->e->error;
    auto_free struct schema_error *tries = kept ? calloc(2, sizeof *tries) : NULL;
    if (kept && !tries)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        t->e->error = kept ? &tries[1] : NULL;
        int r = apply_in_place(t, list->at[i], false);
        t->e->error = kept;
        if (r < 0)
            return r;
        if (r == 0 && ++held > 1 && exactly_one)
            return fail(t, t->place, keyword,
                        "fits more than one of the %zu forms of which it must fit exactly one",
                        list->count);
        if (r == 0 && !exactly_one && !t->marks)
            return 0;
        if (r != 0 && kept && (tries[0].sentence[0] == 0 || reach(&tries[1]) > reach(&tries[0])))
            tries[0] = tries[1];
    }
    if (held)
        return 0;
    return fail(t, t->place, keyword, "fits none of its %zu forms; the nearest one says: %.300s",
                list->count, kept ? tries[0].sentence : "");
}

static int check_condition(const struct visit *t)
{
    const struct node *n = t->n;
    if (!n->if_)
        return 0;
    int r = apply_in_place(t, n->if_, true);
    if (r < 0)
        return r;
    const struct node *next = r == 0 ? n->then_ : n->else_;
    return next ? apply_in_place(t, next, false) : 0;
}

static int check_not(const struct visit *t)
{
    struct schema_error *kept = t->e->error;
    t->e->error = NULL;
    int r = eval_node(t->e, t->n->not_, t->v, t->place, t->scope, NULL);
    t->e->error = kept;
    if (r < 0)
        return r;
    char got[80];
    return r == 0 ? fail(t, t->place, "not", "must not have this form: %s", show(t->v, got)) : 0;
}

/* A dynamic reference means the outermost resource on the way here that has the anchor. */
static const struct node *dynamic_target(const struct visit *t)
{
    const struct node *target = t->n->dynamic_ref;
    if (!t->n->dynamic_anchor)
        return target;
    for (const struct scope *s = t->scope; s; s = s->up) {
        const struct anchor *a =
            schema_anchor_find(s->resource, str_of(t->n->dynamic_anchor), true);
        if (a)
            target = a->node;
    }
    return target;
}

static int check_in_place(const struct visit *t)
{
    const struct node *n = t->n;
    int r = n->ref ? apply_in_place(t, n->ref, false) : 0;
    if (r == 0 && n->dynamic_ref)
        r = apply_in_place(t, dynamic_target(t), false);
    for (size_t i = 0; r == 0 && i < n->all_of.count; i++)
        r = apply_in_place(t, n->all_of.at[i], false);
    if (r == 0 && n->any_of.count)
        r = check_branches(t, &n->any_of, "anyOf", false);
    if (r == 0 && n->one_of.count)
        r = check_branches(t, &n->one_of, "oneOf", true);
    if (r == 0 && n->not_)
        r = check_not(t);
    return r ? r : check_condition(t);
}

static int check_unevaluated(const struct visit *t)
{
    const struct node *n = t->n;
    const char *key;
    json_t *value;
    size_t index = 0;
    int r = 0;
    if (n->unevaluated_properties && json_is_object(t->v)) {
        json_object_foreach(json_loose(t->v), key, value)
        {
            struct place place = {t->place, key, 0};
            if (is_marked(t->marks, index++))
                continue;
            if (n->unevaluated_properties->is_bool && !n->unevaluated_properties->bool_value)
                return fail(t, &place, "unevaluatedProperties", "is not known here");
            r = eval_node(t->e, n->unevaluated_properties, value, &place, t->scope, NULL);
            if (r)
                return r;
            mark(t->marks, index - 1);
        }
    }
    for (size_t i = 0; n->unevaluated_items && i < json_array_size(t->v); i++) {
        struct place place = {t->place, NULL, i};
        if (is_marked(t->marks, i))
            continue;
        if (n->unevaluated_items->is_bool && !n->unevaluated_items->bool_value)
            return fail(t, &place, "unevaluatedItems", "is one item too many");
        r = eval_node(t->e, n->unevaluated_items, json_array_get(t->v, i), &place, t->scope, NULL);
        if (r)
            return r;
        mark(t->marks, i);
    }
    return 0;
}

static int check_all(const struct visit *t)
{
    int r = check_type(t);
    if (r == 0)
        r = check_values(t);
    if (r == 0 && json_is_number(t->v))
        r = check_number(t);
    if (r == 0 && json_is_string(t->v))
        r = check_string(t);
    if (r == 0 && json_is_array(t->v))
        r = check_array(t);
    if (r == 0 && json_is_object(t->v))
        r = check_object(t);
    if (r == 0)
        r = check_in_place(t);
    return r ? r : check_unevaluated(t);
}

static int eval_node(struct eval *e, const struct node *n, const json_t *v,
                     const struct place *place, const struct scope *scope, struct marks *marks)
{
    struct visit t = {e, n, v, place, scope, marks};
    if (n->is_bool)
        return n->bool_value ? 0 : fail(&t, place, "", "may not be given");
    if (e->depth == SCHEMA_EVAL_DEPTH_MAX || ++e->steps > SCHEMA_STEPS_MAX)
        return -FAULT_CAP;
    struct scope entered = {scope, n->resource};
    if (!scope || scope->resource != n->resource)
        t.scope = &entered;
    /* Marks of this node are its own until it is done: what lies beside it must not see half of them. */
    struct marks own_marks = {0};
    if (e->s->tracks) {
        int r = marks_init(&own_marks, v);
        if (r)
            return r;
        t.marks = &own_marks;
    }
    e->depth++;
    int r = check_all(&t);
    e->depth--;
    if (r == 0 && marks)
        marks_merge(marks, &own_marks);
    marks_done(&own_marks);
    return r;
}

int schema_validate(const struct schema *s, const json_t *value, struct schema_error *reterr)
{
    struct schema_error error = {0};
    struct eval e = {.s = s, .error = &error};
    int r = s->is_later ? schema_compile_now(s) : s->root ? 0 : -FAULT_CONFIG;
    if (r == 0)
        r = eval_node(&e, s->root, value, NULL, NULL, NULL);
    if (r == -FAULT_CAP)
        snprintf(error.sentence, sizeof error.sentence,
                 "the value is too deep or too costly to check");
    else if (r < 0)
        snprintf(error.sentence, sizeof error.sentence, "the value could not be checked");
    if (r && reterr)
        *reterr = error;
    return r;
}
