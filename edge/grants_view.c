#include "edge/grants_view.h"

#include "edge/safe.h"
#include "host/ledger.h"
#include "os/clock.h"

#include <errno.h>

static void print_bounds(FILE *out, const struct grant *one)
{
    if (one->bounds.uses > 0)
        fprintf(out, ", %lld of %lld times", (long long)one->uses, (long long)one->bounds.uses);
    else
        fprintf(out, ", %lld times", (long long)one->uses);
    if (one->until_ms > 0) {
        int64_t left_s = one->until_ms / 1000 - os_now_real_ns() / OS_NS_PER_S;
        fprintf(out, ", %lld min left", (long long)(left_s > 0 ? (left_s + 59) / 60 : 0));
    }
    if (one->bounds.usd_pico > 0) {
        auto_free char *usd = ledger_usd_text(one->bounds.usd_pico);
        fprintf(out, ", until $%s more are spent", usd ? usd : "?");
    }
}

int grants_print(FILE *out, const struct grants *g, bool only_in_force)
{
    char text[2400];
    for (size_t i = 0; i < grants_count(g); i++) {
        const struct grant *one = grants_at(g, i);
        enum grant_state state = grants_state_of(g, one);
        if (only_in_force && state != GRANT_IN_FORCE)
            continue;
        grant_text(one, text, sizeof(text));
        fprintf(out, "  grant %lld  ", (long long)one->number);
        safe_print_line(out, text);
        fprintf(out, "  (you, for this session%s", one->pattern ? ", by pattern" : "");
        print_bounds(out, one);
        if (!only_in_force)
            fprintf(out, "; %s", grant_state_name(state));
        fputs(")\n", out);
    }
    return 0;
}

own json_t *grants_json(const struct grants *g)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < grants_count(g); i++) {
        const struct grant *one = grants_at(g, i);
        json_t *row = json_pack(
            "{s:I, s:s, s:s, s:o, s:b, s:s?, s:s?, s:s, s:I, s:I, s:I, s:I}", "grant",
            (json_int_t)one->number, "state", grant_state_name(grants_state_of(g, one)), "effect",
            effect_name(one->kind), "target", json_string_lossy(str_of(one->target)), "recursive",
            one->recursive, "pattern", one->pattern, "tool", one->tool, "rule", one->rule, "uses",
            (json_int_t)one->uses, "uses_max", (json_int_t)one->bounds.uses, "until_ms",
            (json_int_t)one->until_ms, "usd_pico", (json_int_t)one->bounds.usd_pico);
        if (json_array_append_new(list, row)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int grants_revoke_text(struct state *state, const char *session, struct str number,
                       struct fault *reterr)
{
    auto_(grants) struct grants *g = NULL;
    int64_t n = 0;
    if (number.len > 0 && base_parse_i64(number, 1, INT64_MAX, &n) < 0)
        return fault_set(reterr, FAULT_USAGE, "\"%.*s\" is not the number of a grant",
                         (int)(number.len < 40 ? number.len : 40), number.at);
    int r = grants_new(state, session, &g);
    if (r == 0)
        r = grants_revoke(g, n, "person");
    if (r == -ENOENT && n)
        return fault_set(reterr, FAULT_USAGE, "session %s has no grant %lld in force", session,
                         (long long)n);
    if (r == -ENOENT)
        return fault_set(reterr, FAULT_USAGE, "session %s has no grant in force", session);
    return r < 0 ? fault_sys(reterr, -r, "the grant cannot be revoked") : r;
}
