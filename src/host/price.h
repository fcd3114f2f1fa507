/* What a model costs. Prices are integer pico-dollars per token (USD per million tokens * 10^6). */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "wire/json.h"

struct price {
    int64_t input, output, cache_read, cache_write;
    bool known;
    /* Some models cost more when the prompt (input, cache reads and writes together) is longer than
     * long_from tokens; 0 = one price. */
    int64_t long_from, long_input, long_output, long_cache_read, long_cache_write;
};
struct usage {
    int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
};
/* The dated table in the tree (price_table.c): longest matching model name prefix; unknown: known=false.
 * What stands behind the prefix must look like a version (a date, "latest", "preview"...): a sibling
 * that is not in the table (gpt-9-ultra beside gpt-9) is unknown, not cheap. */
struct price price_find(struct str provider, struct str model);
/* The model names that the table has for a provider, for suggestions. */
void price_names(struct str provider, void (*on_name)(struct str name, void *arg), void *arg);
/* {input_per_mtok_usd, ..., "long_prompt":{"over_tokens", ...}} -> price; -FAULT_CONFIG names key. Missing cache prices default
 * to the input price. */
must_use int price_from_json(const json_t *object, struct price *ret, struct fault *reterr);
/* Exact, saturating at INT64_MAX. */
int64_t price_cost(const struct price *p, const struct usage *u);
/* Worst case: input_bytes as upper bound of tokens at the dearest input price, plus max_output_tokens. */
int64_t price_worst(const struct price *p, int64_t input_bytes, int64_t max_output_tokens);
/* The largest output cap <= wanted whose worst case fits `free_pico`; 0 when below 256. */
int64_t price_affordable_tokens(const struct price *p, int64_t input_bytes, int64_t wanted,
                                int64_t free_pico);
extern const char price_table_date[]; /* "YYYY-MM", when the table was last brought up to date */
