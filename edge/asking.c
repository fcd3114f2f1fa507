/* A yes is for what was shown: all effects of a call that ask stand in one question, and what is decided anew after the answer
 * (a grant may have been revoked meanwhile) asks again. */
#include "edge/asking.h"

#include "base/digest.h"
#include "edge/preview.h"

#include <errno.h>
#include <stdio.h>

size_t asking_decisions(const struct asking_facts *f)
{
    return f->effect_count ? f->effect_count : 1;
}

void asking_decide(const struct asking_facts *f, size_t i, struct policy_decision *ret)
{
    policy_decide(f->app->settings->policy, f->tool, f->effect_count ? &f->effects[i] : NULL,
                  f->effect_count ? 1 : 0, ret);
    if (f->origin)
        origin_judge(f->origin, ret);
}

void asking_done(struct asking *a)
{
    free(a->at);
    a->at = NULL;
    a->count = a->open = 0;
}

static struct grant_ask ask_of(const struct asking_facts *f, const struct asked *one)
{
    return (struct grant_ask){.call = f->call,
                              .tool = f->tool->name,
                              .tool_sha256 = f->tool->sha256,
                              .decision = &one->decision,
                              .is_suspect = one->is_suspect,
                              .is_bound = f->tool->is_native};
}

static void look_at_source(const struct asking_facts *f, struct asked *one)
{
    char why[ORIGIN_WHY_SIZE];
    if (!f->origin || !origin_suspects(f->origin, &one->decision.effect, why))
        return;
    one->is_suspect = true;
    snprintf(one->source, sizeof(one->source), "%s%s", why,
             origin_bits(f->origin) & ORIGIN_PRIVATE ? "; this session has read your files" : "");
}

static void add_asked(struct asking *a, const struct asking_facts *f, struct asked *one)
{
    const struct grant_ask ask = ask_of(f, one);
    one->grant = one->decision.verdict == POLICY_ASK ? grants_find(f->grants, &ask) : 0;
    a->open += one->grant == 0;
    a->count++;
}

static void add_hook(struct asking *a, const struct asking_facts *f)
{
    struct asked *one = &a->at[a->count];
    if (!f->hook || a->is_yes[CALL_EFFECTS_MAX])
        return;
    *one = (struct asked){.index = CALL_EFFECTS_MAX, .decision = *f->hook};
    snprintf(one->source, sizeof(one->source), "%s", f->hook->why);
    add_asked(a, f, one);
}

int asking_collect(struct asking *a, const struct asking_facts *f)
{
    size_t most = asking_decisions(f);
    asking_done(a);
    a->at = calloc(most + 1, sizeof(*a->at));
    if (!a->at)
        return -ENOMEM;
    for (size_t i = 0; i < most; i++) {
        struct asked *one = &a->at[a->count];
        *one = (struct asked){.index = i};
        asking_decide(f, i, &one->decision);
        if (one->decision.verdict == POLICY_ALLOW || a->is_yes[i])
            continue;
        look_at_source(f, one);
        add_asked(a, f, one);
    }
    add_hook(a, f);
    return 0;
}

const struct asked *asking_first(const struct asking *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->at[i].grant == 0)
            return &a->at[i];
    return NULL;
}

/* --- the question --- */

static bool is_again(const struct asking_facts *f, const struct effect *e)
{
    return e->kind == EFFECT_WRITE && grants_has_pattern(f->grants, e->kind);
}

static own json_t *effect_json(const struct asking_facts *f, const struct asked *one)
{
    const struct effect *e = &one->decision.effect;
    struct effect_mount mounts[SANDBOX_MOUNTS_MAX];
    size_t count = app_effect_mounts(f->app, mounts, ARRAY_LEN(mounts));
    char pattern[GRANT_PATTERN_MAX];
    auto_done(buf) struct buf worst;
    buf_init(&worst, 8192);
    question_worst(e, f->tool, mounts, count, f->origin && origin_bits(f->origin) & ORIGIN_PRIVATE,
                   &worst);
    json_t *ret = json_pack("{s:s, s:o, s:b, s:s, s:o}", "effect", effect_name(e->kind), "target",
                            json_string_lossy(str_of(e->target)), "recursive", e->recursive, "rule",
                            one->decision.rule, "worst", json_string_lossy(buf_str(&worst)));
    bool is_full =
        ret && (!one->is_suspect ||
                json_object_set_new(ret, "source", json_string_lossy(str_of(one->source))) == 0);
    if (is_full && !*one->source && question_offer(e, is_again(f, e), pattern))
        is_full = json_object_set_new(ret, "pattern", json_string_lossy(str_of(pattern))) == 0;
    if (is_full)
        return ret;
    json_decref(ret);
    return NULL;
}

/* "write wants Write(/a.c)", and all that is asked with it. */
static void what_of(const struct asking *a, const struct asking_facts *f, struct buf *out)
{
    const char *between = " wants ";
    (void)buf_addf(out, "%.200s", f->tool->name);
    for (size_t i = 0; i < a->count; i++) {
        const struct effect *e = &a->at[i].decision.effect;
        bool is_hook =
            a->at[i].index == CALL_EFFECTS_MAX; /* about an effect that may stand there already */
        if (a->at[i].grant || (is_hook && a->open > 1))
            continue;
        (void)buf_addf(out, "%s%s(%s)%s", between, effect_name(e->kind), e->target,
                       e->recursive ? " and all beneath it" : "");
        between = ", ";
    }
}

own json_t *asking_question(const struct asking *a, const struct asking_facts *f)
{
    auto_json json_t *effects = json_array();
    auto_done(buf) struct buf what;
    buf_init(&what, CALL_EFFECTS_MAX * sizeof(f->effects[0].target) * 2);
    for (size_t i = 0; i < a->count; i++)
        if (!a->at[i].grant && json_array_append_new(effects, effect_json(f, &a->at[i])))
            return NULL;
    what_of(a, f, &what);
    json_t *detail = preview_of(f->app, f->tool, f->input, f->effects, f->effect_count);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:O, s:o}", "session", f->session, "call", f->call,
                     "agent", f->agent, "tool", f->tool->name, "what",
                     json_string_lossy(buf_str(&what)), "effects", effects, "detail", detail);
}

/* --- the answer --- */

static int answer_one(struct asking *a, const struct asking_facts *f, const struct asked *one,
                      const struct approval_reply *reply, bool *ret_is_kept)
{
    static const char *const words[] = {"once", "session", "always", "no", "withdrawn"};
    static const struct grant_bounds none;
    const struct effect *e = &one->decision.effect;
    const struct grant_ask ask = ask_of(f, one);
    char pattern[GRANT_PATTERN_MAX];
    bool is_grant = reply->answer == APPROVAL_SESSION || reply->answer == APPROVAL_ALWAYS;
    a->is_yes[one->index] = is_grant || reply->answer == APPROVAL_ONCE;
    if (!is_grant)
        return grants_note(f->grants, &ask, words[reply->answer], reply->by, reply->reason);
    bool is_always = reply->answer == APPROVAL_ALWAYS, has_pattern = false;
    if (is_always && *reply->pattern && !*one->source && grant_pattern_covers(reply->pattern, e))
        has_pattern = snprintf(pattern, sizeof(pattern), "%s", reply->pattern) > 0;
    else if (is_always && !*one->source)
        has_pattern = question_offer(e, is_again(f, e), pattern);
    int r = grants_add(f->grants, &ask, words[reply->answer], has_pattern ? pattern : NULL,
                       is_always ? &reply->bounds : &none, reply->by);
    if (r != -FAULT_CAP)
        return r;
    *ret_is_kept = false;
    return grants_note(f->grants, &ask, "once", reply->by, NULL);
}

int asking_answer(struct asking *a, const struct asking_facts *f,
                  const struct approval_reply *reply, bool *ret_is_kept)
{
    int r = 0;
    *ret_is_kept = true;
    for (size_t i = 0; i < a->count && r == 0; i++)
        if (a->at[i].grant == 0)
            r = answer_one(a, f, &a->at[i], reply, ret_is_kept);
    return r;
}

int asking_use(const struct asking *a, const struct asking_facts *f)
{
    int r = 0;
    for (size_t i = 0; i < a->count && r == 0; i++) {
        const struct grant_ask ask = ask_of(f, &a->at[i]);
        r = a->at[i].grant ? grants_use(f->grants, a->at[i].grant, &ask) : 0;
    }
    return r;
}

/* --- the same question again --- */

/* All but the call's name: arguments and present files are in the detail. */
static bool key_of(const json_t *question, char ret[65])
{
    auto_json json_t *rest = json_copy((json_t *)(uintptr_t)question);
    auto_done(buf) struct buf text;
    struct digest digest;
    buf_init(&text, JSON_SIZE_MAX);
    if (!rest || json_object_del(rest, "call") || json_print_canonical(rest, &text) < 0)
        return false;
    digest_sha256(text.at, text.len, &digest);
    digest_hex(&digest, ret);
    return true;
}

void refusals_add(struct refusals *r, const json_t *question, const char *reason)
{
    if (!key_of(question, r->at[r->next].key))
        return;
    snprintf(r->at[r->next].reason, sizeof(r->at[0].reason), "%s", reason);
    r->next = (r->next + 1) % REFUSALS_MAX;
    r->count += r->count < REFUSALS_MAX;
}

const char *refusals_find(const struct refusals *r, const json_t *question)
{
    char key[65];
    if (r->count == 0 || !key_of(question, key))
        return NULL;
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->at[i].key, key) == 0)
            return r->at[i].reason;
    return NULL;
}
