#include "edge/models.h"

#include "edge/app.h"
#include "host/ask/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert(SETTINGS_FALLBACKS_MAX <= PROTOCOL_FALLBACKS_MAX, "the agent takes all of the list");

static bool is_known(const struct models *m, const char *label)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->list[i]->label, label) == 0)
            return true;
    return false;
}

/* Scripts and replays go on by themselves: their failures are part of what they say. */
static int take_fallbacks(struct models *m, const struct app *app, struct os_loop *loop,
                          struct fault *reterr)
{
    const struct settings *s = app->settings;
    bool is_service = m->list[0]->break_off != NULL;
    for (size_t i = 0; is_service && i < s->fallback_count; i++) {
        struct planner *one = NULL;
        if (is_known(m, s->fallback_models[i]))
            continue;
        int r = planner_new(s->fallback_models[i], app, loop, &one, reterr);
        if (r < 0) {
            char text[sizeof(reterr->text)];
            memcpy(text, reterr->text, sizeof(text));
            snprintf(reterr->text, sizeof(reterr->text), "fallback_models[%zu]: %.400s", i, text);
            return r;
        }
        m->list[m->count++] = one;
    }
    return 0;
}

/* A replay has as many models as its record, all of them itself. */
static void take_recorded(struct models *m)
{
    struct planner *p = m->list[0];
    while (m->count < MODELS_MAX && m->count <= p->recorded_fallbacks)
        m->list[m->count++] = p;
    if (p->recorded_summariser)
        m->summariser = p;
}

int models_take(struct models *m, const char *model, const struct app *app, struct os_loop *loop,
                const struct planner_events *events, struct fault *reterr)
{
    *m = (struct models){.settings = app->settings};
    const char *other = app->settings->summary_model;
    int r = planner_new(model, app, loop, &m->list[0], reterr);
    if (r == 0) {
        m->count = 1;
        take_recorded(m);
        r = take_fallbacks(m, app, loop, reterr);
    }
    if (r == 0 && other && !m->summariser && models_context(m, m->list[0]) > 0)
        r = planner_new(other, app, loop, &m->summariser, reterr);
    planner_keys_wipe(app);
    for (size_t i = 0; i < m->count; i++)
        m->list[i]->events = *events;
    if (m->summariser)
        m->summariser->events = *events;
    return r;
}

void models_done(struct models *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (i == 0 || m->list[i] != m->list[0])
            planner_free(m->list[i]);
    if (m->count == 0 || m->summariser != m->list[0])
        planner_free(m->summariser);
    *m = (struct models){.count = 0};
}

int models_pick(struct models *m, const json_t *body, bool again, int who)
{
    int64_t wanted = 0;
    if (json_is_true(json_object_get(body, "summary"))) /* never back to it within a turn */
        return m->summariser && (!again || who == MODELS_SUMMARISER) ? MODELS_SUMMARISER
                                                                     : MODELS_NONE;
    if (json_get_i64(body, "model", 0, MODELS_MAX - 1, &wanted, NULL) < 0)
        return MODELS_NONE;
    if (wanted == m->at + 1 && (size_t)wanted < m->count && m->may_move) {
        m->at = (int)wanted;
        m->may_move = false;
    }
    return wanted == m->at ? m->at : MODELS_NONE;
}

struct planner *models_at(const struct models *m, int who)
{
    return who == MODELS_SUMMARISER ? m->summariser : m->list[who];
}

void models_note_failure(struct models *m, const char *class)
{
    static const char *const of_service[] = {"overloaded",  "rate_limit", "server",
                                             "unreachable", "disconnect", "malformed"};
    m->may_move = false;
    for (size_t i = 0; i < ARRAY_LEN(of_service); i++)
        m->may_move = m->may_move || strcmp(class, of_service[i]) == 0;
}

bool models_has_next(const struct models *m)
{
    return (size_t)m->at + 1 < m->count;
}

int64_t models_context(const struct models *m, const struct planner *p)
{
    int64_t said = m->settings->context_tokens, all = p->context_tokens;
    if (said < SETTINGS_CONTEXT_MOST && (said < all || !p->is_context_known))
        all = said;
    int64_t request = all - (p->max_tokens < all / 4 ? p->max_tokens : all / 4);
    return p->input_tokens > 0 && p->input_tokens < request ? p->input_tokens : request;
}

static own json_t *one_start(const struct models *m, const struct planner *p)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "wire", p->wire, "model", p->model, "label",
                     p->label, "max_tokens", (json_int_t)p->max_tokens, "context_tokens",
                     (json_int_t)models_context(m, p));
}

own json_t *models_start(const struct models *m)
{
    json_t *start = one_start(m, m->list[0]);
    json_t *fallbacks = json_array();
    bool is_bad = !fallbacks;
    for (size_t i = 1; !is_bad && i < m->count; i++)
        is_bad = json_array_append_new(fallbacks, one_start(m, m->list[i])) != 0;
    is_bad = json_object_set_new(start, "fallbacks", fallbacks) != 0 || is_bad;
    if (m->summariser)
        is_bad =
            json_object_set_new(start, "summariser", one_start(m, m->summariser)) != 0 || is_bad;
    if (m->list[0]->recorded)
        is_bad = json_object_set(start, "recorded", m->list[0]->recorded) != 0 || is_bad;
    if (!is_bad)
        return start;
    json_decref(start);
    return NULL;
}
