/* Which planner a --model text means (interfaces.md, "Models"). */
#include "edge/planner.h"

#include "edge/app.h"
#include "os/env.h"

#include <errno.h>
#include <string.h>

void planner_free(own struct planner *p)
{
    if (p)
        p->free(p);
}

/* Without a word from the operator: the first key found, with a model that its price table knows. */
static const struct {
    const char *key_env, *model;
} found_keys[] = {
    {"ANTHROPIC_API_KEY", "anthropic/claude-sonnet-4-5"},
    {"OPENAI_API_KEY", "openai/gpt-5.1"},
    {"GEMINI_API_KEY", "gemini/gemini-2.5-pro"},
};

static const char *default_model(const struct app *app)
{
    if (app->settings->model)
        return app->settings->model;
    for (size_t i = 0; i < ARRAY_LEN(found_keys); i++)
        if (os_env(found_keys[i].key_env))
            return found_keys[i].model;
    return NULL;
}

int planner_new(const char *model, const struct app *app, struct os_loop *loop,
                own struct planner **ret, struct fault *reterr)
{
    if (!model)
        model = default_model(app);
    if (!model) {
        (void)fault_set(reterr, FAULT_CONFIG, "no model is set");
        fault_next(
            reterr,
            "set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, or use --model PROVIDER/NAME, or --model script:FILE to run without a key");
        return -FAULT_CONFIG;
    }
    struct str head, tail;
    if (str_starts(str_of(model), STR("script:")))
        return planner_script_new(model + strlen("script:"), loop, ret, reterr);
    if (str_starts(str_of(model), STR("replay:")))
        return planner_replay_new(model + strlen("replay:"), app, loop, ret, reterr);
    if (!str_split(str_of(model), '/', &head, &tail) || head.len == 0 || tail.len == 0) {
        (void)fault_set(reterr, FAULT_USAGE,
                        "--model: \"%s\" is none of PROVIDER/NAME, script:FILE, replay:SESSION",
                        model);
        fault_next(reterr, "for example --model anthropic/claude-sonnet-4-5");
        return -FAULT_USAGE;
    }
    auto_free char *provider = str_dup(head);
    if (!provider)
        return -ENOMEM;
    return planner_service_new(provider, tail.at, app, loop, ret, reterr);
}
