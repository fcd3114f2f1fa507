/* The price table's row. Not a face. Amounts are micro-dollars per million tokens, so that a row reads
 * like the vendor's list: USD(3.75). */
#pragma once

#include "host/price.h"

struct price_row {
    const char *provider; /* the wire's vendor */
    const char *prefix;
    int64_t input, output, cache_read, cache_write;
    int64_t long_from, long_input, long_output, long_cache_read, long_cache_write;
};
extern const struct price_row price_rows[];
extern const size_t price_row_count;
