/* Rows of the journal are the only state: whatever is granted, used or revoked is written first and read back then. A row that
 * is not understood grants nothing. A session's lock makes its own process the only one that grants; others can only revoke. */
#include "edge/grants.h"

#include "host/journal.h"
#include "host/ledger.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>

#define REASON_MAX 500

struct grants {
    struct state *state;
    const char *session; /* borrowed */
    int64_t seen_seq;    /* rows up to here are known */
    int64_t last_number; /* given to a grant, understood or not */
    struct grant at[GRANTS_MAX];
    size_t count;
};

static const char *const state_names[] = {"in force", "used up", "expired", "spent", "revoked"};

const char *grant_state_name(enum grant_state s)
{
    return state_names[s];
}

static void grant_done(struct grant *one)
{
    free(one->pattern);
    free(one->target);
    free(one->rule);
    free(one->tool);
    free(one->sha256);
    policy_free(one->matcher);
    *one = (struct grant){0};
}

int grants_new(struct state *state, const char *session, own struct grants **ret)
{
    auto_(grants) struct grants *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->state = state;
    g->session = session;
    int r = grants_refresh(g);
    if (r == 0)
        *ret = take(g);
    return r;
}

void grants_free(own struct grants *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        grant_done(&g->at[i]);
    free(g);
}

/* --- patterns --- */

static int matcher_new(const char *pattern, own struct policy **ret)
{
    auto_(policy) struct policy *p = NULL;
    int r = policy_new(&p);
    if (r == 0)
        r = policy_add_rule(p, POLICY_COMMAND_LINE, POLICY_ALLOW, str_of(pattern), NULL);
    if (r == 0)
        *ret = take(p);
    return r;
}

/* The rule itself must be what allows, not a default. */
static bool matches(const struct policy *matcher, const struct effect *e)
{
    struct policy_decision d;
    return policy_on_effect(matcher, e, &d) == POLICY_ALLOW && d.layer == POLICY_COMMAND_LINE;
}

bool grant_pattern_covers(const char *pattern, const struct effect *e)
{
    auto_(policy) struct policy *p = NULL;
    return strlen(pattern) < GRANT_PATTERN_MAX && matcher_new(pattern, &p) == 0 && matches(p, e);
}

/* --- reading the journal --- */

static char *dup_text(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));
    return text ? str_dup(str_of(text)) : NULL;
}

static int64_t number_in(const json_t *body, const char *key)
{
    int64_t n = 0;
    return json_get_i64(body, key, 0, INT64_MAX, &n, NULL) == 0 ? n : 0;
}

/* 0, also for a row that makes no grant; -ENOMEM */
static int read_granted(struct grants *g, const json_t *body, int64_t number)
{
    struct grant one = {
        .number = number,
        .pattern = dup_text(body, "pattern"),
        .target = dup_text(body, "target"),
        .rule = dup_text(body, "rule"),
        .tool = dup_text(body, "tool"),
        .sha256 = dup_text(body, "tool_sha256"),
        .recursive = json_is_true(json_object_get(body, "recursive")),
        .is_outside = json_is_true(json_object_get(body, "outside")),
        .knows_source = json_is_true(json_object_get(body, "knows_source")),
        .bounds = {.uses = number_in(body, "uses"), .usd_pico = number_in(body, "usd_pico")},
        .until_ms = number_in(body, "until_ms"),
        .spent_before_pico = number_in(body, "spent_pico")};
    const char *effect = json_string_value(json_object_get(body, "effect"));
    bool is_good = effect && effect_kind_find(str_of(effect), &one.kind) && one.target &&
                   one.rule && g->count < GRANTS_MAX &&
                   (one.pattern || !json_object_get(body, "pattern")) &&
                   !one.tool == !json_object_get(body, "tool") && !one.tool == !one.sha256;
    int r = is_good && one.pattern ? matcher_new(one.pattern, &one.matcher) : 0;
    if (is_good && r == 0)
        g->at[g->count++] = one;
    else
        grant_done(&one);
    return r == -ENOMEM ? r : 0;
}

static struct grant *find_number(struct grants *g, int64_t number)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->at[i].number == number)
            return &g->at[i];
    return NULL;
}

static int on_row(const struct journal_row *row, void *arg)
{
    struct grants *g = arg;
    auto_json json_t *body = NULL;
    g->seen_seq = row->seq;
    if (strcmp(row->kind, "grant") != 0)
        return 0;
    int r = json_parse(row->json, JSON_SIZE_MAX, &body, NULL);
    const char *answer = json_string_value(json_object_get(body, "answer"));
    int64_t number = number_in(body, "grant");
    if (r == -ENOMEM || !answer || number == 0)
        return r == -ENOMEM ? r : 0;
    struct grant *one = find_number(g, number);
    if (number > g->last_number)
        g->last_number = number;
    if (!one && (strcmp(answer, "session") == 0 || strcmp(answer, "always") == 0))
        return read_granted(g, body, number);
    if (one && strcmp(answer, "granted") == 0)
        one->uses++;
    if (one && strcmp(answer, "revoked") == 0)
        one->is_revoked = true;
    return 0;
}

int grants_refresh(struct grants *g)
{
    return journal_each(g->state, g->session, g->seen_seq + 1, on_row, g);
}

/* --- asking them --- */

static int64_t now_ms(void)
{
    return os_now_real_ns() / OS_NS_PER_MS;
}

static int64_t spent_pico(const struct grants *g)
{
    struct ledger_balance b;
    return ledger_balance(g->state, g->session, NULL, &b) == 0 ? b.spent : 0;
}

enum grant_state grants_state_of(const struct grants *g, const struct grant *one)
{
    if (one->is_revoked)
        return GRANT_REVOKED;
    if (one->until_ms > 0 && now_ms() >= one->until_ms)
        return GRANT_EXPIRED;
    if (one->bounds.uses > 0 && one->uses >= one->bounds.uses)
        return GRANT_USED_UP;
    if (one->bounds.usd_pico > 0 && spent_pico(g) - one->spent_before_pico >= one->bounds.usd_pico)
        return GRANT_SPENT;
    return GRANT_IN_FORCE;
}

/* Hidden files (.git/hooks, .github, .envrc) are run or read by programs of the person's outside of any sandbox. A pattern is about
 * them only when it names something hidden itself. */
static bool is_hidden(const char *path)
{
    return strstr(path, "/.") != NULL;
}

static bool matches_by_pattern(const struct grant *one, const struct effect *e)
{
    bool is_path = e->kind == EFFECT_READ || e->kind == EFFECT_WRITE;
    if (is_path && is_hidden(e->target) && !is_hidden(one->pattern))
        return false;
    return one->is_outside == e->outside_work_dir && matches(one->matcher, e);
}

static bool answers(const struct grant *one, const struct grant_ask *ask)
{
    const struct effect *e = &ask->decision->effect;
    if (one->kind != e->kind || strcmp(one->rule, ask->decision->rule) != 0 ||
        (one->tool &&
         (strcmp(one->tool, ask->tool) != 0 || strcmp(one->sha256, ask->tool_sha256) != 0)))
        return false;
    if (ask->is_suspect && (one->pattern || !one->knows_source))
        return false;
    return one->pattern ? matches_by_pattern(one, e)
                        : one->recursive == e->recursive && strcmp(one->target, e->target) == 0;
}

int64_t grants_find(struct grants *g, const struct grant_ask *ask)
{
    if (grants_refresh(g) < 0)
        return 0;
    for (size_t i = 0; i < g->count; i++)
        if (answers(&g->at[i], ask) && grants_state_of(g, &g->at[i]) == GRANT_IN_FORCE)
            return g->at[i].number;
    return 0;
}

bool grants_has_pattern(const struct grants *g, enum effect_kind kind)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->at[i].kind == kind && g->at[i].pattern &&
            grants_state_of(g, &g->at[i]) == GRANT_IN_FORCE)
            return true;
    return false;
}

size_t grants_count(const struct grants *g)
{
    return g->count;
}

const struct grant *grants_at(const struct grants *g, size_t i)
{
    return &g->at[i];
}

void grant_text(const struct grant *one, char *ret, size_t size)
{
    int n = one->pattern ? snprintf(ret, size, "%s", one->pattern)
                         : snprintf(ret, size, "%s(%s)%s", effect_name(one->kind), one->target,
                                    one->recursive ? " and all beneath it" : "");
    if (one->tool && n >= 0 && (size_t)n < size)
        snprintf(ret + n, size - (size_t)n, " by %s", one->tool);
}

/* --- writing --- */

static own json_t *body_of(const struct grant_ask *ask, const char *answer, const char *by)
{
    const struct policy_decision *d = ask->decision;
    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s}", "call", ask->call, "rule", d->rule, "effect",
                     effect_name(d->effect.kind), "target",
                     json_string_lossy(str_of(d->effect.target)), "answer", answer, "by", by);
}

static int write_row(struct grants *g, const char *call, const json_t *body,
                     enum journal_weight weight)
{
    int r = body ? journal_add(g->state, g->session, call, "grant", body, weight, NULL) : -ENOMEM;
    return r < 0 ? r : grants_refresh(g);
}

int grants_note(struct grants *g, const struct grant_ask *ask, const char *answer, const char *by,
                const char *reason)
{
    auto_json json_t *body = body_of(ask, answer, by);
    if (body && reason && *reason) {
        struct str text = str_of(reason);
        text.len = text.len > REASON_MAX ? REASON_MAX : text.len;
        if (json_object_set_new(body, "reason", json_string_lossy(text)))
            return -ENOMEM;
    }
    return write_row(g, ask->call, body, JOURNAL_LIGHT);
}

int grants_use(struct grants *g, int64_t number, const struct grant_ask *ask)
{
    auto_json json_t *body = body_of(ask, "granted", "grant");
    if (body && json_object_set_new(body, "grant", json_integer((json_int_t)number)))
        return -ENOMEM;
    return write_row(g, ask->call, body, JOURNAL_LIGHT);
}

static int set_number(json_t *body, const char *key, int64_t n)
{
    return n > 0 && json_object_set_new(body, key, json_integer((json_int_t)n)) ? -ENOMEM : 0;
}

/* A time so far off that it does not fit is no end. */
static int64_t end_of(int64_t seconds)
{
    int64_t ms = 0;
    return seconds > 0 && i64_mul(seconds, 1000, &ms) && i64_add(ms, now_ms(), &ms) ? ms : 0;
}

int grants_add(struct grants *g, const struct grant_ask *ask, const char *answer,
               const char *pattern, const struct grant_bounds *bounds, const char *by)
{
    bool is_bound = strcmp(answer, "always") != 0 || ask->is_bound ||
                    !str_starts(str_of(ask->decision->rule), STR("default:"));
    int r = grants_refresh(g);
    if (r == 0 && g->count == GRANTS_MAX)
        r = -FAULT_CAP;
    if (r < 0)
        return r;
    auto_json json_t *body = body_of(ask, answer, by);
    int64_t number = g->last_number + 1;
    bool is_full =
        !body || json_object_set_new(body, "grant", json_integer((json_int_t)number)) ||
        json_object_set_new(body, "recursive", json_boolean(ask->decision->effect.recursive)) ||
        json_object_set_new(body, "outside",
                            json_boolean(ask->decision->effect.outside_work_dir)) ||
        json_object_set_new(body, "knows_source", json_boolean(ask->is_suspect)) ||
        (pattern && json_object_set_new(body, "pattern", json_string(pattern))) ||
        (is_bound && (json_object_set_new(body, "tool", json_string(ask->tool)) ||
                      json_object_set_new(body, "tool_sha256", json_string(ask->tool_sha256)))) ||
        set_number(body, "uses", bounds->uses) ||
        set_number(body, "until_ms", end_of(bounds->seconds)) ||
        set_number(body, "usd_pico", bounds->usd_pico) ||
        set_number(body, "spent_pico", bounds->usd_pico > 0 ? spent_pico(g) : 0);
    return is_full ? -ENOMEM : write_row(g, ask->call, body, JOURNAL_DURABLE);
}

int grants_revoke(struct grants *g, int64_t number, const char *by)
{
    int count = 0, r = grants_refresh(g);
    for (size_t i = 0; r == 0 && i < g->count; i++) {
        struct grant *one = &g->at[i];
        bool is_meant = number ? one->number == number : grants_state_of(g, one) == GRANT_IN_FORCE;
        if (!is_meant || one->is_revoked)
            continue;
        auto_json json_t *body = json_pack("{s:I, s:s, s:s}", "grant", (json_int_t)one->number,
                                           "answer", "revoked", "by", by);
        r = write_row(g, NULL, body, JOURNAL_DURABLE);
        count++;
    }
    return r < 0 ? r : count == 0 ? -ENOENT : count;
}
