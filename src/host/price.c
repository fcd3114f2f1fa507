/* Prices and costs: pure integer arithmetic. Sums and products that do not fit become INT64_MAX, which
 * no budget covers: an absurd number must end in a refusal, never in a small cost. */
#include "host/price.h"

#include "host/ledger.h"
#include "host/price_private.h"

#include <errno.h>
#include <string.h>

enum { TOKENS_LEAST = 256 };

/* --- find --- */

static const struct {
    const char *name, *vendor;
} vendors[] = {{"anthropic", "anthropic"},
               {"openai", "openai"},
               {"openai-responses", "openai"},
               {"gemini", "gemini"}};

static const char *const free_providers[] = {"ollama", "llamacpp", "vllm", "script", "replay"};

static bool is_version_word(struct str word)
{
    static const char *const words[] = {"latest", "preview", "exp", "experimental", "stable"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_is(word, words[i]))
            return true;
    }
    if (word.len > 1 && word.at[0] == 'v')
        word = (struct str){word.at + 1, word.len - 1};
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
    }
    return word.len > 0;
}

/* What stands behind a prefix: nothing, or "-" or "@" and words that name a version of the same model. */
static bool is_version(struct str rest)
{
    while (rest.len > 0) {
        if (rest.at[0] != '-' && rest.at[0] != '@')
            return false;
        rest = (struct str){rest.at + 1, rest.len - 1};
        size_t len = 0;
        while (len < rest.len && rest.at[len] != '-' && rest.at[len] != '@')
            len++;
        if (!is_version_word((struct str){rest.at, len}))
            return false;
        rest = (struct str){rest.at + len, rest.len - len};
    }
    return true;
}

static const struct price_row *find_row(const char *vendor, struct str model)
{
    const struct price_row *best = NULL;
    for (size_t i = 0; i < price_row_count; i++) {
        struct str prefix = str_of(price_rows[i].prefix);
        if (strcmp(price_rows[i].provider, vendor) != 0 || !str_starts(model, prefix) ||
            !is_version((struct str){model.at + prefix.len, model.len - prefix.len}))
            continue;
        if (best == NULL || prefix.len > strlen(best->prefix))
            best = &price_rows[i];
    }
    return best;
}

struct price price_find(struct str provider, struct str model)
{
    struct price price = {0};
    const struct price_row *row = NULL;
    for (size_t i = 0; i < ARRAY_LEN(free_providers); i++)
        price.known = price.known || str_is(provider, free_providers[i]);
    if (str_starts(model, STR("models/")) && str_is(provider, "gemini"))
        model = (struct str){model.at + 7, model.len - 7};
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++) {
        if (str_is(provider, vendors[i].name))
            row = find_row(vendors[i].vendor, model);
    }
    if (row == NULL)
        return price;
    return (struct price){
        .input = row->input,
        .output = row->output,
        .cache_read = row->cache_read,
        .cache_write = row->cache_write,
        .known = true,
        .long_from = row->long_from,
        .long_input = row->long_input,
        .long_output = row->long_output,
        .long_cache_read = row->long_cache_read,
        .long_cache_write = row->long_cache_write,
    };
}

void price_names(struct str provider, void (*on_name)(struct str name, void *arg), void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++)
        for (size_t k = 0; str_is(provider, vendors[i].name) && k < price_row_count; k++)
            if (strcmp(price_rows[k].provider, vendors[i].vendor) == 0)
                on_name(str_of(price_rows[k].prefix), arg);
}

/* --- from settings --- */

enum { MTOK_SCALE = 6, IS_REQUIRED = 1 };

static const struct {
    const char *key;
    size_t offset;
    int flags;
} keys[] = {
    {"input_per_mtok_usd", offsetof(struct price, input), IS_REQUIRED},
    {"output_per_mtok_usd", offsetof(struct price, output), IS_REQUIRED},
    {"cache_read_per_mtok_usd", offsetof(struct price, cache_read), 0},
    {"cache_write_per_mtok_usd", offsetof(struct price, cache_write), 0},
};

static int bad_amount(const char *key, int why, struct fault *reterr)
{
    int r = fault_set(reterr, FAULT_CONFIG,
                      "price: \"%s\" must be a number of dollars from 0 to 1000000%s", key,
                      why == -EINVAL ? " with at most 6 digits after the point" : "");
    fault_next(reterr, "for example: {\"input_per_mtok_usd\": 3, \"output_per_mtok_usd\": 15}");
    return r;
}

static int unknown_key(const json_t *object, struct fault *reterr)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            is_known = is_known || strcmp(key, keys[i].key) == 0;
        if (!is_known)
            return fault_set(reterr, FAULT_CONFIG, "price: \"%s\" is not a key of a price", key);
    }
    return 0;
}

int price_from_json(const json_t *object, struct price *ret, struct fault *reterr)
{
    struct price price = {.known = true};
    if (!json_is_object(object))
        return fault_set(
            reterr, FAULT_CONFIG,
            "price: must be an object {\"input_per_mtok_usd\", \"output_per_mtok_usd\", ...}");
    int r = unknown_key(object, reterr);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(keys); i++) {
        const json_t *number = json_object_get(object, keys[i].key);
        int64_t amount = price.input; /* what a missing cache price is */
        if (number == NULL && (keys[i].flags & IS_REQUIRED) != 0)
            r = fault_set(reterr, FAULT_CONFIG, "price: \"%s\" is missing", keys[i].key);
        else if (number != NULL)
            r = ledger_decimal_from_json(number, MTOK_SCALE, PICO_PER_USD, &amount);
        if (r == -EINVAL || r == -ERANGE)
            r = bad_amount(keys[i].key, r, reterr);
        memcpy((char *)&price + keys[i].offset, &amount, sizeof(amount));
    }
    if (r == 0)
        *ret = price;
    return r;
}

/* --- arithmetic --- */

static int64_t add_sat(int64_t a, int64_t b)
{
    int64_t sum;
    return i64_add(a, b, &sum) ? sum : INT64_MAX;
}

static int64_t mul_sat(int64_t count, int64_t each)
{
    int64_t product;
    if (count <= 0 || each <= 0)
        return 0;
    return i64_mul(count, each, &product) ? product : INT64_MAX;
}

static int64_t at_least_zero(int64_t n)
{
    return n > 0 ? n : 0;
}

static struct price tier_of(const struct price *p, int64_t prompt_tokens)
{
    struct price tier = *p;
    if (p->long_from > 0 && prompt_tokens > p->long_from) {
        tier.input = p->long_input;
        tier.output = p->long_output;
        tier.cache_read = p->long_cache_read;
        tier.cache_write = p->long_cache_write;
    }
    return tier;
}

int64_t price_cost(const struct price *p, const struct usage *u)
{
    int64_t prompt =
        add_sat(at_least_zero(u->input_tokens),
                add_sat(at_least_zero(u->cache_read_tokens), at_least_zero(u->cache_write_tokens)));
    struct price tier = tier_of(p, prompt);
    int64_t cost = mul_sat(u->input_tokens, tier.input);
    cost = add_sat(cost, mul_sat(u->output_tokens, tier.output));
    cost = add_sat(cost, mul_sat(u->cache_read_tokens, tier.cache_read));
    return add_sat(cost, mul_sat(u->cache_write_tokens, tier.cache_write));
}

static int64_t dearest_input(const struct price *tier)
{
    int64_t dearest = tier->input;
    if (tier->cache_read > dearest)
        dearest = tier->cache_read;
    return tier->cache_write > dearest ? tier->cache_write : dearest;
}

int64_t price_worst(const struct price *p, int64_t input_bytes, int64_t max_output_tokens)
{
    struct price tier = tier_of(p, input_bytes); /* a token is at least a byte */
    return add_sat(mul_sat(input_bytes, dearest_input(&tier)),
                   mul_sat(max_output_tokens, tier.output));
}

int64_t price_affordable_tokens(const struct price *p, int64_t input_bytes, int64_t wanted,
                                int64_t free_pico)
{
    struct price tier = tier_of(p, input_bytes);
    int64_t prompt = mul_sat(input_bytes, dearest_input(&tier)), tokens = wanted;
    if (prompt > free_pico || prompt == INT64_MAX)
        return 0;
    if (tier.output > 0 && (free_pico - prompt) / tier.output < tokens)
        tokens = (free_pico - prompt) / tier.output;
    return tokens < TOKENS_LEAST ? 0 : tokens;
}
