/* What a model of a service holds and says at most: the operator's word for the model, then for its provider, then the table in
 * the tree (host/model_limits.h), then a common size. */
#include "edge/planner.h"

#include "host/model_limits.h"
#include "tools/settings.h"

#include <string.h>

#define CONTEXT_TOKENS 200000
#define ANSWER_TOKENS 16000

static const struct settings_provider *provider_of(const struct settings *s, const char *provider)
{
    for (size_t i = 0; i < s->provider_count; i++)
        if (strcmp(s->providers[i].name, provider) == 0)
            return &s->providers[i];
    return NULL;
}

void planner_set_limits(struct planner *p, const char *provider, const char *model,
                        const struct settings *settings)
{
    const struct settings_provider *said = provider_of(settings, provider);
    const json_t *own_word =
        json_object_get(json_object_get(said ? said->models : NULL, model), "context_tokens");
    struct model_limits table = model_limits_find(str_of(provider), str_of(model));
    int64_t word = own_word ? json_integer_value(own_word) : said ? said->context_tokens : 0;
    p->context_tokens = word > 0 ? word : table.known ? table.context : CONTEXT_TOKENS;
    p->input_tokens = word > 0 ? 0 : table.input;
    p->is_context_known = word > 0 || table.known;
    p->max_tokens = table.output > 0 && table.output < ANSWER_TOKENS ? table.output : ANSWER_TOKENS;
}
