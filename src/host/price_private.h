/* The price table's row. Not a face. */
#pragma once

#include "host/price.h"

enum { PRICE_INPUT, PRICE_OUTPUT, PRICE_CACHE_READ, PRICE_CACHE_WRITE, PRICE_COLUMNS };

struct price_row {
    const char *provider; /* the wire's vendor */
    const char *prefix;
    const char *usd[PRICE_COLUMNS]; /* per million tokens, at most 6 digits after the point */
    int64_t long_from;
    const char *long_usd[PRICE_COLUMNS]; /* prompts of more than long_from tokens; NULL without */
};
extern const struct price_row price_rows[];
extern const size_t price_row_count;

/* How a model is found in a table, also in others than this one. */
const char *price_vendor_of(struct str provider); /* NULL = no table has it */
struct str price_model_name(struct str provider,
                            struct str model); /* without what a vendor puts before it */
bool price_is_version_of(struct str model, struct str prefix);

struct price price_of_row(const struct price_row *row);
