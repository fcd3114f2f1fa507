/* What the files of the schema validator share; nobody else includes it.
 *   schema_load.c   json -> tree of nodes, one const table of keywords
 *   schema_ref.c    URIs, resources, anchors: which node a $ref means
 *   schema_eval.c   node x value -> valid or the first error
 *   schema_value.c  equality, hash and exact arithmetic of JSON values
 *   schema_regex.c  ECMA-262 patterns over PCRE2, bounded */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "tools/schema.h"
#include "wire/json.h"

#define SCHEMA_NODES_MAX 8000
#define SCHEMA_DEPTH_MAX 128      /* of the schema text */
#define SCHEMA_EVAL_DEPTH_MAX 256 /* nodes within nodes while validating */
#define SCHEMA_STEPS_MAX 2000000  /* nodes x values of one validation, and what patterns cost */
#define SCHEMA_SENTENCES_MAX 1000 /* written while looking for the best of many branches */

struct schema_pattern; /* opaque */
must_use int schema_pattern_new(struct str ecma, own struct schema_pattern **ret,
                                char ret_why[160]);
void schema_pattern_free(own struct schema_pattern *p);
/* 1 | 0 | -FAULT_CAP; adds what it cost to *steps. */
must_use int schema_pattern_match(const struct schema_pattern *p, struct str subject,
                                  int64_t *steps);

bool schema_equal(const json_t *a, const json_t *b, unsigned depth);
uint64_t schema_hash(const json_t *v, unsigned depth);
int schema_compare(const json_t *a, const json_t *b); /* numbers: <0, 0, >0; exact */
bool schema_is_integer(const json_t *v);              /* 1 and 1.0 are */
bool schema_is_multiple(const json_t *v, const json_t *of);
/* The shortest decimal that reads back as the same number: digits * 10^exponent. */
struct schema_decimal {
    uint64_t digits;
    int exponent;
    bool negative;
};
struct schema_decimal schema_decimal_of(const json_t *number);

struct node;
struct node_list {
    struct node **at;
    size_t count;
};
struct node_named {
    const char *name;
    size_t name_len;
    struct schema_pattern *pattern;
    struct node *node;
};
struct node_map {
    struct node_named *at;
    size_t count;
}; /* sorted by name when it has no patterns */

enum node_type { /* bits of node.types */
                 NODE_NULL = 1,
                 NODE_BOOLEAN = 2,
                 NODE_OBJECT = 4,
                 NODE_ARRAY = 8,
                 NODE_NUMBER = 16,
                 NODE_STRING = 32,
                 NODE_INTEGER = 64,
};

struct resource; /* what a $id begins, or the whole document */

struct node {
    char *at;           /* own; JSON pointer of it in the schema */
    const json_t *json; /* borrowed from schema.text */
    const struct resource *resource;
    bool is_bool, bool_value;
    unsigned types;                         /* 0 = any */
    const json_t *one_of_values, *constant; /* enum, const */
    const json_t *multiple_of, *maximum, *exclusive_maximum, *minimum, *exclusive_minimum;
    int64_t max_length, min_length, max_items, min_items, max_contains,
        min_contains; /* -1 = not said */
    int64_t max_properties, min_properties;
    struct schema_pattern *pattern;
    bool unique_items;
    const json_t *required, *dependent_required;
    struct node *items, *contains, *additional, *names, *unevaluated_items, *unevaluated_properties;
    struct node *not_, *if_, *then_, *else_;
    struct node_list prefix, all_of, any_of, one_of;
    struct node_map properties, pattern_properties, dependent_schemas;
    struct node *ref, *dynamic_ref;
    const char *dynamic_anchor; /* name, when dynamic_ref met a $dynamicAnchor first */
};

struct anchor {
    const char *name;
    struct node *node;
    bool is_dynamic;
};
struct resource {
    char *uri; /* own; without fragment */
    struct node *root;
    struct anchor *anchors;
    size_t anchor_count;
};

struct pending {
    struct node *node;
    const char *text;
    bool is_dynamic;
};

struct schema {
    json_t *text; /* own; deep copy */
    struct node **nodes;
    size_t node_count, node_cap;
    struct resource **resources;
    size_t resource_count;
    struct pending *pending;
    size_t pending_count, pending_done; /* references still to be looked up */
    struct node *root;                  /* NULL: it cannot be compiled */
    bool is_later;                      /* it is compiled by the first validation */
    bool tracks;                        /* unevaluated* is used somewhere: marks must be kept */
};

/* Of one that is_later; whatever comes of it, it is not any more. */
must_use int schema_compile_now(const struct schema *later);
must_use int schema_load_node(struct schema *s, const json_t *json, struct str at,
                              struct resource *in, unsigned depth, struct node **ret,
                              struct fault *reterr);
must_use int schema_resolve_pending(struct schema *s, struct fault *reterr);
/* The resource that "$id": id begins inside `in` (NULL: the document). */
must_use int schema_resource_new(struct schema *s, const struct resource *in, const char *id,
                                 struct node *root, struct resource **ret, struct fault *reterr);
must_use int schema_anchor_add(struct resource *r, const char *name, struct node *node,
                               bool is_dynamic, struct fault *reterr);
const struct anchor *schema_anchor_find(const struct resource *r, struct str name,
                                        bool dynamic_only);
