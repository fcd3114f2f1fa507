/* JSON Schema 2020-12 validator for tool arguments and results. A schema is compiled once (unknown
 * keywords are an error at load), then validates any number of values. Errors carry the instance path,
 * the schema path and a sentence that a model can act on. Depth, size and regex time are bounded. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "wire/json.h"

struct schema; /* opaque; nothing that is seen of it changes after compile */
must_use int schema_compile(const json_t *text, own struct schema **ret,
                            struct fault *reterr); /* -FAULT_CONFIG */
/* The same, but compiled when the first value is validated: for a text that is known to compile. If it does not, every value is invalid.
 * text: borrowed, held; it must not change. */
must_use int schema_compile_later(const json_t *text, own struct schema **ret);
void schema_free(own struct schema *s);
DEFINE_FREEP(schema, struct schema);

struct schema_error {
    char instance_path[256], schema_path[256], sentence[512];
};
enum { SCHEMA_INVALID = 1 };
/* 0 valid | SCHEMA_INVALID with the first error | -FAULT_CAP (too deep, regex limit: treat as invalid) */
must_use int schema_validate(const struct schema *s, const json_t *value,
                             struct schema_error *reterr);
