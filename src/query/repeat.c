#include "query/repeat.h"

#define CALLS_KEPT (REPEAT_ROUNDS * REPEAT_CYCLE_MAX)
#define STUCK_TAIL 2048
#define STUCK_PERIOD_MAX 256

static const char *const sentences[] = {
    [REPEAT_NOTHING] = "",
    [REPEAT_CALL] = "the same call gave the same result three times in a row",
    [REPEAT_CYCLE] = "the same calls gave the same results in the same order three times",
    [REPEAT_ERROR] = "the same tool failed in the same way five times in a row",
    [REPEAT_TEXT] = "the same text came five times in a row while nothing that was tried worked",
};

const char *repeat_sentence(enum repeat_kind kind)
{
    return sentences[kind];
}

static void mark_add(struct repeat_mark *m, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        m->a = (m->a ^ (uint8_t)s.at[i]) * UINT64_C(0x100000001b3);
        m->b = (m->b ^ (uint8_t)s.at[i]) * UINT64_C(0x880355f21e6d1965);
    }
    m->a ^= 0xff; /* where a part ends is a part of the mark */
    m->b ^= 0xfe;
}

struct repeat_mark repeat_mark_of(struct str tool, struct str input, struct str result)
{
    struct repeat_mark m = {UINT64_C(0xcbf29ce484222325), UINT64_C(0x6c62272e07bb0142)};
    mark_add(&m, tool);
    mark_add(&m, input);
    mark_add(&m, result);
    return m;
}

static bool is_same(struct repeat_mark x, struct repeat_mark y)
{
    return x.a == y.a && x.b == y.b;
}

static bool is_unset(struct repeat_mark m)
{
    return m.a == 0 && m.b == 0;
}

void repeat_turn_begin(struct repeat *r, struct str text)
{
    text = str_trim(text);
    r->turn_text = repeat_mark_of(STR("text"), text, STR(""));
    r->has_text = text.len > 0;
    r->any_ran = r->any_success = r->is_new = false;
    r->no_error_yet = true;
    r->found = r->warned = REPEAT_NOTHING;
}

/* So many rounds of `period` calls stand at the end of what is remembered. */
static bool has_rounds(const struct repeat *r, size_t period, size_t rounds)
{
    const struct repeat_mark *end = r->calls + CALLS_KEPT;
    if (is_unset(end[-(ptrdiff_t)(period * rounds)]))
        return false;
    for (size_t i = period + 1; i <= period * rounds; i++)
        if (!is_same(end[-(ptrdiff_t)i], end[-(ptrdiff_t)i + (ptrdiff_t)period]))
            return false;
    return true;
}

/* All rounds but the last are there, and not one call more: it is said once. */
static bool has_just_begun(const struct repeat *r, size_t period)
{
    const struct repeat_mark *end = r->calls + CALLS_KEPT;
    ptrdiff_t len = (ptrdiff_t)(period * (REPEAT_ROUNDS - 1));
    return has_rounds(r, period, REPEAT_ROUNDS - 1) &&
           !is_same(end[-len - 1], end[-len - 1 + (ptrdiff_t)period]);
}

static void remember_call(struct repeat *r, struct repeat_mark mark)
{
    for (size_t i = 0; i + 1 < CALLS_KEPT; i++)
        r->calls[i] = r->calls[i + 1];
    r->calls[CALLS_KEPT - 1] = mark;
    for (size_t period = 1; period <= REPEAT_CYCLE_MAX; period++) {
        enum repeat_kind kind = period == 1 ? REPEAT_CALL : REPEAT_CYCLE;
        if (has_rounds(r, period, REPEAT_ROUNDS))
            r->found = kind;
        else if (has_just_begun(r, period))
            r->warned = kind;
    }
}

void repeat_turn_call(struct repeat *r, struct repeat_mark mark, struct repeat_mark error_mark,
                      bool is_error)
{
    bool known = false;
    for (size_t i = 0; i < CALLS_KEPT; i++)
        known = known || is_same(r->calls[i], mark);
    r->any_ran = true;
    r->any_success = r->any_success || !is_error;
    r->is_new = r->is_new || (!is_error && !known);
    if (is_error && r->no_error_yet) {
        if (!is_same(r->error, error_mark))
            r->errors = 0;
        r->error = error_mark;
        r->no_error_yet = false;
    }
    remember_call(r, mark);
}

static void count_turns(struct repeat *r)
{
    if (r->any_success || r->no_error_yet)
        r->errors = 0;
    else
        r->errors++;
    bool fails_again = r->any_ran && !r->any_success && r->has_text;
    if (fails_again && r->texts && is_same(r->text, r->turn_text))
        r->texts++;
    else
        r->texts = fails_again;
    r->text = r->turn_text;
}

struct repeat_verdict repeat_turn_end(struct repeat *r)
{
    if (!r->any_ran)
        return (struct repeat_verdict){.stop = REPEAT_NOTHING};
    count_turns(r);
    if (r->found == REPEAT_NOTHING)
        r->found = r->errors >= REPEAT_TURNS_STOP  ? REPEAT_ERROR
                   : r->texts >= REPEAT_TURNS_STOP ? REPEAT_TEXT
                                                   : REPEAT_NOTHING;
    if (r->warned == REPEAT_NOTHING)
        r->warned = r->errors == REPEAT_TURNS_WARN  ? REPEAT_ERROR
                    : r->texts == REPEAT_TURNS_WARN ? REPEAT_TEXT
                                                    : REPEAT_NOTHING;
    return (struct repeat_verdict){r->found, r->warned, r->is_new};
}

bool repeat_is_stuck(struct str text)
{
    text = str_trim(text);
    if (text.len < STUCK_TAIL)
        return false;
    const char *tail = text.at + text.len - STUCK_TAIL;
    for (size_t period = 1; period <= STUCK_PERIOD_MAX; period++)
        if (memcmp(tail, tail + period, STUCK_TAIL - period) == 0)
            return true;
    return false;
}
