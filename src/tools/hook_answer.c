/* What a hook is told, what it says, and whether what it says is no more than what was there. The answer is read by one table; a member
 * that is not known denies, because a rule of the operator's that is silently skipped is a hole. */
#include "tools/hook.h"

#include "tools/guest_path.h"
#include "tools/json_walk.h"
#include "tools/sanitise.h"

#include <errno.h>
#include <stdio.h>

own json_t *hook_input(enum hook_event e, const struct hook_call *c)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:O, s:O*}", "session_id", c->session, "cwd",
                     json_string_lossy(str_of(c->work_dir)), "hook_event_name", hook_event_name(e),
                     "tool_name", c->tool->name, "tool_use_id", c->call, "agent", c->agent,
                     "tool_input", c->input, "tool_response", c->result);
}

/* --- the answer --- */

static int deny(struct hook_answer *a, const char *sentence)
{
    a->verdict = HOOK_DENY;
    snprintf(a->reason, sizeof a->reason, "%s", sentence);
    json_decref(take(a->input));
    return 0;
}

/* A hook's words are shown to a person and to the model. */
static int take_reason(struct hook_answer *a, struct str said)
{
    auto_done(buf) struct buf clean;
    buf_init(&clean, HOOK_ANSWER_MAX * 8);
    struct str text = str_trim(said);
    if (text.len > HOOK_REASON_MAX / 2)
        text.len = utf8_valid_prefix((struct str){text.at, HOOK_REASON_MAX / 2});
    auto_json json_t *valid = json_string_lossy(text); /* what comes by stderr may be anything */
    int r = valid ? sanitise_text(json_view(valid), &clean) : -ENOMEM;
    if (r < 0)
        return r;
    struct str shown = buf_str(&clean);
    if (shown.len >= sizeof a->reason)
        shown.len = utf8_valid_prefix((struct str){shown.at, sizeof a->reason - 1});
    snprintf(a->reason, sizeof a->reason, "%.*s", STR_FMT(shown));
    return 0;
}

struct saying {
    enum hook_event event;
    struct hook_answer *answer;
    bool has_verdict;
};

static const struct {
    const char *word;
    enum hook_verdict verdict;
} verdicts[] = {
    {"allow", HOOK_PASS}, {"approve", HOOK_PASS}, {"ask", HOOK_ASK},
    {"deny", HOOK_DENY},  {"block", HOOK_DENY},
};

static bool read_verdict(struct saying *s, const json_t *v)
{
    if (!json_is_string(v) || s->has_verdict)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (str_is(json_view(v), verdicts[i].word)) {
            s->has_verdict = true;
            s->answer->verdict = verdicts[i].verdict;
            return s->event == HOOK_BEFORE || verdicts[i].verdict != HOOK_ASK;
        }
    return false;
}

static bool read_reason(struct saying *s, const json_t *v)
{
    return json_is_string(v) && take_reason(s->answer, json_view(v)) == 0;
}

static bool read_input(struct saying *s, const json_t *v)
{
    if (s->event != HOOK_BEFORE || !json_is_object(v) || s->answer->input)
        return false;
    s->answer->input = json_incref(json_loose(v));
    return true;
}

/* continue: true says nothing; false stops everything there, and this call here. */
static bool read_continue(struct saying *s, const json_t *v)
{
    if (json_is_false(v) && !s->has_verdict) {
        s->has_verdict = true;
        s->answer->verdict = HOOK_DENY;
    }
    return json_is_boolean(v);
}

static bool read_event(struct saying *s, const json_t *v)
{
    return json_is_string(v) && str_is(json_view(v), hook_event_name(s->event));
}

static bool read_flag(struct saying *s unused_, const json_t *v)
{
    return json_is_boolean(v);
}

static bool read_specific(struct saying *s, const json_t *v);

struct member {
    const char *key;
    bool (*read)(struct saying *s, const json_t *v);
};
static const struct member members[] = {
    {"decision", read_verdict},    {"reason", read_reason},
    {"stopReason", read_reason},   {"input", read_input},
    {"continue", read_continue},   {"hookSpecificOutput", read_specific},
    {"suppressOutput", read_flag},
};
static const struct member specific_members[] = {
    {"hookEventName", read_event},
    {"permissionDecision", read_verdict},
    {"permissionDecisionReason", read_reason},
    {"updatedInput", read_input},
};

static bool read_members(struct saying *s, const json_t *v, const struct member *table,
                         size_t count)
{
    const char *key;
    json_t *value;
    if (!json_is_object(v))
        return false;
    json_object_foreach(json_loose(v), key, value)
    {
        size_t i = 0;
        while (i < count && strcmp(table[i].key, key) != 0)
            i++;
        if (i == count || !table[i].read(s, value))
            return false;
    }
    return true;
}

static bool read_specific(struct saying *s, const json_t *v)
{
    return read_members(s, v, specific_members, ARRAY_LEN(specific_members));
}

int hook_answer_read(enum hook_event e, int exit_code, struct str out, struct str err,
                     struct hook_answer *ret)
{
    *ret = (struct hook_answer){0};
    auto_json json_t *v = NULL;
    struct saying s = {.event = e, .answer = ret};
    char sentence[200];
    if (exit_code == 2) {
        int r = take_reason(ret, err);
        ret->verdict = HOOK_DENY;
        return r == -ENOMEM ? r : *ret->reason ? 0 : deny(ret, "it gave no reason (exit code 2)");
    }
    if (exit_code != 0) {
        snprintf(sentence, sizeof sentence, "it ended with exit code %d", exit_code);
        return deny(ret, sentence);
    }
    if (str_trim(out).len == 0)
        return deny(ret, "it said nothing");
    int r = json_parse(out, HOOK_ANSWER_MAX, &v, NULL);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || !read_members(&s, v, members, ARRAY_LEN(members)))
        return deny(ret, "what it said is no answer of a hook");
    if (*ret->reason && !s.has_verdict && !ret->input)
        return deny(ret, "what it said has no decision");
    if (ret->verdict == HOOK_DENY)
        json_decref(take(ret->input));
    return 0;
}

void hook_answer_done(struct hook_answer *a)
{
    json_decref(a->input);
    *a = (struct hook_answer){0};
}

/* --- no more than before --- */

/* An amount that is no more; what cannot be read is not. */
static bool is_no_more(const char *now, const char *before)
{
    int64_t a, b;
    return base_parse_decimal(str_of(now), 12, 0, INT64_MAX, &a) == 0 &&
           base_parse_decimal(str_of(before), 12, 0, INT64_MAX, &b) == 0 && a <= b;
}

static bool is_within(const struct effect *now, const struct effect *before)
{
    if (now->kind != before->kind)
        return false;
    if (strcmp(now->target, before->target) == 0)
        return before->recursive || !now->recursive;
    bool is_path = now->kind == EFFECT_READ || now->kind == EFFECT_WRITE;
    if (is_path)
        return before->recursive &&
               guest_path_is_below(str_of(now->target), str_of(before->target));
    return now->kind == EFFECT_SPEND && is_no_more(now->target, before->target);
}

bool effects_within(const struct effect *now, size_t now_count, const struct effect *before,
                    size_t before_count, const struct effect **ret_wider)
{
    for (size_t i = 0; i < now_count; i++) {
        size_t k = 0;
        while (k < before_count && !is_within(&now[i], &before[k]))
            k++;
        if (k == before_count) {
            *ret_wider = &now[i];
            return false;
        }
    }
    return true;
}
