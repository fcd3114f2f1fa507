/* The labels live here, in the monitor, where no planner and no guest can reach them. */
#include "edge/origin.h"

#include "tools/provenance.h"

#include <errno.h>
#include <stdio.h>

struct origin {
    const struct settings *settings;
    struct provenance *seen; /* own */
    unsigned bits;
};

static void add_rule(enum policy_verdict verdict, enum policy_layer layer, const char *rule,
                     void *arg)
{
    struct origin *o = arg;
    (void)layer;
    if (verdict == POLICY_ALLOW)
        (void)provenance_add(o->seen, FROM_OPERATOR, STR("the operator's rules"), str_of(rule));
}

int origin_new(const struct settings *settings, const char *prompt, own struct origin **ret)
{
    auto_(origin) struct origin *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->settings = settings;
    int r = provenance_new(&o->seen);
    if (r < 0)
        return r;
    (void)provenance_add(o->seen, FROM_REQUEST, STR("the request"), str_of(prompt));
    policy_each(settings->policy, add_rule, o);
    for (size_t i = 0; i < settings->allowed_count; i++)
        add_rule(POLICY_ALLOW, POLICY_BUILTIN, settings->allowed_outbound_hosts[i], o);
    *ret = take(o);
    return 0;
}

void origin_free(own struct origin *o)
{
    if (!o)
        return;
    provenance_free(o->seen);
    free(o);
}

static bool is_trusted(const struct settings *s, const struct tool *tool)
{
    for (size_t i = 0; i < s->trusted_tool_count; i++)
        if (strcmp(s->trusted_tools[i], tool->name) == 0)
            return true;
    return false;
}

void origin_hear(struct origin *o, const struct tool *tool, const json_t *result)
{
    char source[128];
    const json_t *content = json_object_get(result, "content"), *item;
    size_t i;
    if (o->settings->provenance == PROVENANCE_OFF)
        return;
    snprintf(source, sizeof(source), "the result of %.80s", tool->name);
    json_array_foreach(content, i, item)
    {
        struct str text;
        if (json_get_str(item, "text", &text, NULL) == 0)
            (void)provenance_add(o->seen,
                                 is_trusted(o->settings, tool) ? FROM_TRUSTED : FROM_UNTRUSTED,
                                 str_of(source), text);
    }
}

const char *origin_bit_name(unsigned bit)
{
    return bit == ORIGIN_PRIVATE     ? "private data"
           : bit == ORIGIN_UNTRUSTED ? "untrusted content"
                                     : "outward channel";
}

unsigned origin_bits(const struct origin *o)
{
    return o->bits;
}

unsigned origin_ran(struct origin *o, const struct tool *tool, const struct effect *effects,
                    size_t count)
{
    unsigned before = o->bits;
    for (size_t i = 0; i < count; i++)
        o->bits |= effects[i].kind == EFFECT_READ  ? ORIGIN_PRIVATE
                   : effects[i].kind == EFFECT_NET ? ORIGIN_OUTWARD
                                                   : 0u;
    if (!is_trusted(o->settings, tool))
        o->bits |= ORIGIN_UNTRUSTED;
    return o->bits & ~before;
}

/* "host:port" -> the host, without the brackets of IPv6. */
static struct str host_of(struct str target)
{
    for (size_t i = target.len; i > 0; i--)
        if (target.at[i - 1] == ':') {
            target.len = i - 1;
            break;
        }
    if (target.len > 2 && target.at[0] == '[' && target.at[target.len - 1] == ']')
        target = (struct str){target.at + 1, target.len - 2};
    return target;
}

enum { SUSPECT_UNTRUSTED = 1, SUSPECT_UNKNOWN = 2 };

static int suspicion(const struct origin *o, const struct effect *e, char ret[ORIGIN_WHY_SIZE])
{
    struct provenance_answer a;
    bool is_net = e->kind == EFFECT_NET;
    if (o->settings->provenance == PROVENANCE_OFF || (!is_net && e->kind != EFFECT_EXEC))
        return 0;
    struct str target = str_of(e->target);
    provenance_of(o->seen, is_net ? TARGET_HOST : TARGET_TEXT, is_net ? host_of(target) : target,
                  &a);
    if (a.verdict == PROVENANCE_UNTRUSTED) {
        snprintf(ret, ORIGIN_WHY_SIZE, "%.200s comes only from untrusted content: %s", e->target,
                 a.source);
        return SUSPECT_UNTRUSTED;
    }
    if (a.verdict != PROVENANCE_UNKNOWN || !is_net || !provenance_has_untrusted(o->seen))
        return 0;
    snprintf(
        ret, ORIGIN_WHY_SIZE,
        "%.200s stands neither in the request nor in the operator's settings, and untrusted content was read",
        e->target);
    return SUSPECT_UNKNOWN;
}

bool origin_suspects(const struct origin *o, const struct effect *e, char ret[ORIGIN_WHY_SIZE])
{
    return suspicion(o, e, ret) != 0;
}

void origin_judge(const struct origin *o, struct policy_decision *d)
{
    char why[ORIGIN_WHY_SIZE];
    enum policy_mode mode = policy_mode_of(o->settings->policy);
    bool must_deny = o->settings->provenance == PROVENANCE_DENY;
    if (d->verdict == POLICY_DENY || (d->verdict == POLICY_ASK && !must_deny))
        return;
    int found = suspicion(o, &d->effect, why);
    if (found == 0 || (!must_deny && mode == MODE_BYPASS))
        return;
    d->verdict = must_deny || mode == MODE_DONT_ASK ? POLICY_DENY : POLICY_ASK;
    snprintf(d->rule, sizeof(d->rule), "provenance:%s",
             found == SUSPECT_UNKNOWN ? "unknown" : "untrusted");
    snprintf(d->why, sizeof(d->why), "%s", why);
}
