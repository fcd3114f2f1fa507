/* Which arguments of a call say where its effect goes, and what kind of value each is. Pure. */
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "tools/provenance.h"
#include "wire/json.h"

#define TARGETS_MAX 64

struct target {
    const char *arg; /* borrowed from the arguments or the schema */
    enum target_kind kind;
    char value[PROVENANCE_VALUE_MAX + 1]; /* what is looked up: of a URL its host */
    size_t len; /* PROVENANCE_VALUE_MAX + 1: longer than can be looked up */
};

struct target_list {
    struct target *at; /* own */
    size_t count, cap;
    bool is_cut; /* there were more than TARGETS_MAX */
};
void target_list_done(struct target_list *l);

/* The kind of a value, from its form and the name of its argument; ret_value: the part that is looked up. */
enum target_kind target_kind_of(struct str arg, struct str value, struct str *ret_value);
/* Every text and number in value, all the way down. -ENOMEM */
must_use int targets_of_value(const char *arg, const json_t *value, struct target_list *ret);
/* Those of the arguments that look like targets by their names, by `format` in the schema (may be NULL: the
 * JSON Schema of the arguments), or by their form. */
must_use int targets_guess(const json_t *arguments, const json_t *schema, struct target_list *ret);
