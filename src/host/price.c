/* Prices and costs: pure integer arithmetic. Sums and products that do not fit become INT64_MAX, which
 * no budget covers: an absurd number must end in a refusal, never in a small cost. */
#include "host/price.h"

#include "host/ledger.h"
#include "host/price_private.h"

#include <errno.h>
#include <string.h>

enum { TOKENS_LEAST = 256, MTOK_SCALE = 6 };

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

bool price_is_version_of(struct str model, struct str prefix)
{
    return str_starts(model, prefix) &&
           is_version((struct str){model.at + prefix.len, model.len - prefix.len});
}

const char *price_vendor_of(struct str provider)
{
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++)
        if (str_is(provider, vendors[i].name))
            return vendors[i].vendor;
    return NULL;
}

struct str price_model_name(struct str provider, struct str model)
{
    if (str_starts(model, STR("models/")) && str_is(provider, "gemini"))
        return (struct str){model.at + 7, model.len - 7};
    return model;
}

static const struct price_row *find_row(const char *vendor, struct str model)
{
    const struct price_row *best = NULL;
    for (size_t i = 0; i < price_row_count; i++) {
        struct str prefix = str_of(price_rows[i].prefix);
        if (strcmp(price_rows[i].provider, vendor) != 0 || !price_is_version_of(model, prefix))
            continue;
        if (best == NULL || prefix.len > strlen(best->prefix))
            best = &price_rows[i];
    }
    return best;
}

/* Micro-dollars per million tokens = pico-dollars per token. Our own constants: a test reads each. */
static int64_t amount_of(const char *usd)
{
    int64_t amount = INT64_MAX;
    must(base_parse_decimal(str_of(usd), MTOK_SCALE, 0, PICO_PER_USD, &amount) == 0);
    return amount;
}

struct price price_of_row(const struct price_row *row)
{
    struct price price = {
        .input = amount_of(row->usd[PRICE_INPUT]),
        .output = amount_of(row->usd[PRICE_OUTPUT]),
        .cache_read = amount_of(row->usd[PRICE_CACHE_READ]),
        .cache_write = amount_of(row->usd[PRICE_CACHE_WRITE]),
        .known = true,
        .long_from = row->long_from,
    };
    if (row->long_from > 0) {
        price.long_input = amount_of(row->long_usd[PRICE_INPUT]);
        price.long_output = amount_of(row->long_usd[PRICE_OUTPUT]);
        price.long_cache_read = amount_of(row->long_usd[PRICE_CACHE_READ]);
        price.long_cache_write = amount_of(row->long_usd[PRICE_CACHE_WRITE]);
    }
    return price;
}

struct price price_find(struct str provider, struct str model)
{
    struct price price = {0};
    const struct price_row *row = NULL;
    for (size_t i = 0; i < ARRAY_LEN(free_providers); i++)
        price.known = price.known || str_is(provider, free_providers[i]);
    const char *vendor = price_vendor_of(provider);
    if (vendor)
        row = find_row(vendor, price_model_name(provider, model));
    if (row == NULL)
        return price;
    return price_of_row(row);
}

void price_names(struct str provider, void (*on_name)(struct str name, void *arg), void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++)
        for (size_t k = 0; str_is(provider, vendors[i].name) && k < price_row_count; k++)
            if (strcmp(price_rows[k].provider, vendors[i].vendor) == 0)
                on_name(str_of(price_rows[k].prefix), arg);
}

/* --- from settings --- */

struct price_key {
    const char *key;
    size_t offset;
    bool is_required;
};
#define KEY_COUNT 4
static const struct price_key keys[KEY_COUNT] = {
    {"input_per_mtok_usd", offsetof(struct price, input), true},
    {"output_per_mtok_usd", offsetof(struct price, output), true},
    {"cache_read_per_mtok_usd", offsetof(struct price, cache_read), false},
    {"cache_write_per_mtok_usd", offsetof(struct price, cache_write), false},
};
/* The same four, inside "long_prompt", beside "over_tokens". */
static const struct price_key long_keys[KEY_COUNT] = {
    {"input_per_mtok_usd", offsetof(struct price, long_input), true},
    {"output_per_mtok_usd", offsetof(struct price, long_output), true},
    {"cache_read_per_mtok_usd", offsetof(struct price, long_cache_read), false},
    {"cache_write_per_mtok_usd", offsetof(struct price, long_cache_write), false},
};

static int bad_amount(const char *key, int why, struct fault *reterr)
{
    int r = fault_set(reterr, FAULT_CONFIG,
                      "price: \"%s\" must be a number of dollars from 0 to 1000000%s", key,
                      why == -EINVAL ? " with at most 6 digits after the point" : "");
    fault_next(reterr, "for example: {\"input_per_mtok_usd\": 3, \"output_per_mtok_usd\": 15}");
    return r;
}

static int unknown_key(const json_t *object, const char *besides, struct fault *reterr)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool is_known = strcmp(key, besides) == 0;
        for (size_t i = 0; i < KEY_COUNT; i++)
            is_known = is_known || strcmp(key, keys[i].key) == 0;
        if (!is_known)
            return fault_set(reterr, FAULT_CONFIG, "price: \"%s\" is not a key of a price", key);
    }
    return 0;
}

/* A cache price that is not said is the input's. */
static int read_amounts(const json_t *object, const struct price_key *rows, struct price *price,
                        struct fault *reterr)
{
    int64_t input = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const json_t *number = json_object_get(object, rows[i].key);
        int64_t amount = input;
        if (number == NULL && rows[i].is_required)
            return fault_set(reterr, FAULT_CONFIG, "price: \"%s\" is missing", rows[i].key);
        int r = number == NULL
                    ? 0
                    : ledger_decimal_from_json(number, MTOK_SCALE, PICO_PER_USD, &amount);
        if (r == -EINVAL || r == -ERANGE)
            return bad_amount(rows[i].key, r, reterr);
        if (r < 0)
            return r;
        if (i == 0)
            input = amount;
        memcpy((char *)price + rows[i].offset, &amount, sizeof(amount));
    }
    return 0;
}

static int read_long(const json_t *object, struct price *price, struct fault *reterr)
{
    const json_t *tier = json_object_get(object, "long_prompt");
    if (tier == NULL)
        return 0;
    if (!json_is_object(tier) ||
        json_get_i64(tier, "over_tokens", 1, INT64_C(1) << 40, &price->long_from, NULL) != 0) {
        int r =
            fault_set(reterr, FAULT_CONFIG,
                      "price: \"long_prompt\" must be an object with \"over_tokens\" and prices");
        fault_next(reterr, "for example: \"long_prompt\": {\"over_tokens\": 200000, "
                           "\"input_per_mtok_usd\": 6, \"output_per_mtok_usd\": 22.5}");
        return r;
    }
    int r = unknown_key(tier, "over_tokens", reterr);
    return r == 0 ? read_amounts(tier, long_keys, price, reterr) : r;
}

int price_from_json(const json_t *object, struct price *ret, struct fault *reterr)
{
    struct price price = {.known = true};
    if (!json_is_object(object))
        return fault_set(
            reterr, FAULT_CONFIG,
            "price: must be an object {\"input_per_mtok_usd\", \"output_per_mtok_usd\", ...}");
    int r = unknown_key(object, "long_prompt", reterr);
    if (r == 0)
        r = read_amounts(object, keys, &price, reterr);
    if (r == 0)
        r = read_long(object, &price, reterr);
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

static int64_t dearer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t dearest_input(const struct price *tier)
{
    return dearer(tier->input, dearer(tier->cache_read, tier->cache_write));
}

/* A token is at least a byte, so the prompt may be anything up to that many: where it could reach the
 * second tier it may be charged by either, and settings may make either the dearer one. */
static struct price worst_tier(const struct price *p, int64_t input_bytes)
{
    struct price tier = tier_of(p, input_bytes);
    tier.input = dearer(tier.input, p->input);
    tier.output = dearer(tier.output, p->output);
    tier.cache_read = dearer(tier.cache_read, p->cache_read);
    tier.cache_write = dearer(tier.cache_write, p->cache_write);
    return tier;
}

int64_t price_worst(const struct price *p, int64_t input_bytes, int64_t max_output_tokens)
{
    struct price tier = worst_tier(p, input_bytes);
    return add_sat(mul_sat(input_bytes, dearest_input(&tier)),
                   mul_sat(max_output_tokens, tier.output));
}

int64_t price_affordable_tokens(const struct price *p, int64_t input_bytes, int64_t wanted,
                                int64_t free_pico)
{
    struct price tier = worst_tier(p, input_bytes);
    int64_t prompt = mul_sat(input_bytes, dearest_input(&tier)), tokens = wanted;
    if (prompt > free_pico || prompt == INT64_MAX)
        return 0;
    if (tier.output > 0 && (free_pico - prompt) / tier.output < tokens)
        tokens = (free_pico - prompt) / tier.output;
    return tokens < TOKENS_LEAST ? 0 : tokens;
}
