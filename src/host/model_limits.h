/* What models hold: tokens of a request and an answer together, of a request alone, of an answer. */
#pragma once

#include "base/base.h"
#include "base/str.h"

struct model_limits {
    int64_t context; /* tokens, request and answer together */
    int64_t input;   /* of a request; 0 = all of the context */
    int64_t output;  /* of an answer; 0 = not known */
    bool known;
};
/* The dated table in the tree; a model is found as its price is (price.h). Unknown: known = false, all 0. */
struct model_limits model_limits_find(struct str provider, struct str model);
extern const char model_limits_date[]; /* "YYYY-MM", when the table was last brought up to date */
