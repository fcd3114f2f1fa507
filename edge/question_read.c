/* Answers, as a person types them or a client sends them. Both are small languages of their own, read strictly: what is not
 * understood is no answer, least of all a yes. */
#include "edge/question.h"

#include "host/ledger.h"

#include <errno.h>
#include <string.h>

#define USES_MAX INT64_C(1000000)
#define SECONDS_MAX (INT64_C(366) * 86400)
#define ANSWER_LINE_MAX ((size_t)64 << 10)

static bool effect_at(const json_t *question, size_t i, struct effect *ret)
{
    const json_t *one = json_array_get(json_object_get(question, "effects"), i);
    const char *name = json_string_value(json_object_get(one, "effect")),
               *target = json_string_value(json_object_get(one, "target"));
    *ret = (struct effect){.recursive = json_is_true(json_object_get(one, "recursive"))};
    return name && target && effect_kind_find(str_of(name), &ret->kind) &&
           snprintf(ret->target, sizeof(ret->target), "%s", target) < (int)sizeof(ret->target);
}

int question_check_pattern(const json_t *question, const char *pattern, struct fault *reterr)
{
    struct effect e;
    for (size_t i = 0; effect_at(question, i, &e); i++)
        if (grant_pattern_covers(pattern, &e))
            return 0;
    return fault_set(reterr, FAULT_USAGE, "%.200s is no pattern that covers what is asked",
                     pattern);
}

static void default_bounds(struct grant_bounds *b)
{
    if (b->uses == 0 && b->seconds == 0 && b->usd_pico == 0)
        *b = (struct grant_bounds){GRANT_USES_DEFAULT, GRANT_SECONDS_DEFAULT, 0};
}

/* --- a typed line --- */

/* 20x, 90m, $0.50. true: it was a bound. */
static bool read_bound(struct str word, struct grant_bounds *b)
{
    int64_t ns;
    if (word.len > 1 && word.at[0] == '$')
        return base_parse_decimal((struct str){word.at + 1, word.len - 1}, 12, 1, INT64_MAX,
                                  &b->usd_pico) == 0;
    if (word.len > 1 && word.at[word.len - 1] == 'x' &&
        base_parse_i64((struct str){word.at, word.len - 1}, 1, USES_MAX, &b->uses) == 0)
        return true;
    if (word.len < 2 || word.at[0] < '0' || word.at[0] > '9' ||
        base_parse_duration(word, &ns) < 0 || ns < 1000000000 || ns / 1000000000 > SECONDS_MAX)
        return false;
    b->seconds = ns / 1000000000;
    return true;
}

/* A pattern may have blanks (Exec(make *)): what is no bound at the end is the pattern. */
static void take_bounds(struct str *rest, struct grant_bounds *b)
{
    for (;;) {
        size_t at = rest->len;
        while (at > 0 && rest->at[at - 1] != ' ')
            at--;
        if (rest->len == 0 || !read_bound((struct str){rest->at + at, rest->len - at}, b))
            return;
        *rest = str_trim((struct str){rest->at, at});
    }
}

static int read_always(const json_t *question, struct str rest, struct approval_reply *ret,
                       struct fault *reterr)
{
    struct effect first;
    take_bounds(&rest, &ret->bounds);
    default_bounds(&ret->bounds);
    if (rest.len == 0)
        return 0;
    bool is_named = str_ends(rest, STR(")")) && effect_at(question, 0, &first);
    bool fits = !is_named && effect_at(question, 0, &first)
                    ? snprintf(ret->pattern, sizeof(ret->pattern), "%s(%.*s)",
                               effect_name(first.kind), STR_FMT(rest)) < (int)sizeof(ret->pattern)
                    : snprintf(ret->pattern, sizeof(ret->pattern), "%.*s", STR_FMT(rest)) <
                          (int)sizeof(ret->pattern);
    if (!fits || !utf8_valid(rest))
        return fault_set(reterr, FAULT_USAGE, "that is no pattern");
    return question_check_pattern(question, ret->pattern, reterr);
}

static void read_reason(struct str rest, struct approval_reply *ret)
{
    size_t len = rest.len < sizeof(ret->reason) ? rest.len : sizeof(ret->reason) - 1;
    len = utf8_valid_prefix((struct str){rest.at, len});
    memcpy(ret->reason, rest.at, len);
    ret->reason[len] = '\0';
}

int question_read_line(const json_t *question, struct str line, struct approval_reply *ret,
                       struct fault *reterr)
{
    struct str word = str_trim(line), rest = {"", 0};
    (void)str_split(word, ' ', &word, &rest);
    rest = str_trim(rest);
    *ret = (struct approval_reply){.by = "terminal"};
    if (word.len > 1 && !str_is(word, "yes") && !str_is(word, "no"))
        return QUESTION_HELP;
    switch (word.len ? word.at[0] | 32 : 0) {
    case 'y': ret->answer = APPROVAL_ONCE; return rest.len ? QUESTION_HELP : 0;
    case 's': ret->answer = APPROVAL_SESSION; return rest.len ? QUESTION_HELP : 0;
    case 'a': ret->answer = APPROVAL_ALWAYS; return read_always(question, rest, ret, reterr);
    case 'n':
        ret->answer = APPROVAL_NO;
        read_reason(rest, ret);
        return 0;
    case 'd': return QUESTION_MORE;
    default: return QUESTION_HELP;
    }
}

/* --- a client's line --- */

static const char *const members[] = {"type",    "id",   "answer",  "reason",
                                      "pattern", "uses", "seconds", "usd"};

static int check_members(const json_t *object, struct fault *reterr)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (i < ARRAY_LEN(members) && strcmp(key, members[i]) != 0)
            i++;
        if (i == ARRAY_LEN(members))
            return fault_set(reterr, FAULT_INPUT, "an answer has no member \"%.60s\"", key);
    }
    return 0;
}

static int read_answer_word(const json_t *object, enum approval_answer *ret, struct fault *reterr)
{
    static const char *const words[] = {"once", "session", "always", "no"};
    struct str answer;
    if (json_get_str(object, "answer", &answer, reterr) == 0)
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (str_is(answer, words[i])) {
                *ret = (enum approval_answer)i;
                return 0;
            }
    return fault_set(reterr, FAULT_INPUT, "\"answer\" is once, session, always or no");
}

static int read_text(const json_t *object, const char *key, char *ret, size_t size,
                     struct fault *reterr)
{
    struct str text;
    int r = json_get_str(object, key, &text, reterr);
    if (r != 0)
        return r < 0 ? r : 0;
    if (text.len >= size || memchr(text.at, '\0', text.len))
        return fault_set(reterr, FAULT_INPUT, "\"%s\" is longer than %zu bytes", key, size - 1);
    memcpy(ret, text.at, text.len);
    ret[text.len] = '\0';
    return 0;
}

static int read_usd(const json_t *object, int64_t *ret, struct fault *reterr)
{
    struct str text;
    int r = json_get_str(object, "usd", &text, reterr);
    if (r == 0 && base_parse_decimal(text, 12, 1, INT64_MAX, ret) < 0)
        r = fault_set(reterr, FAULT_INPUT, "\"usd\" is an amount of dollars like \"0.50\"");
    return r < 0 ? r : 0;
}

static int read_members(const json_t *object, int64_t *ret_id, struct approval_reply *ret,
                        struct fault *reterr)
{
    int r = json_is_object(object) ? check_members(object, reterr)
                                   : fault_set(reterr, FAULT_INPUT, "an answer is an object");
    if (r == 0 && (r = json_get_i64(object, "id", 1, INT64_MAX, ret_id, reterr)) > 0)
        r = fault_set(reterr, FAULT_INPUT, "\"id\" is missing: the number of a question");
    if (r == 0)
        r = read_answer_word(object, &ret->answer, reterr);
    if (r == 0)
        r = read_text(object, "reason", ret->reason, sizeof(ret->reason), reterr);
    if (r == 0)
        r = read_text(object, "pattern", ret->pattern, sizeof(ret->pattern), reterr);
    if (r == 0)
        r = json_get_i64(object, "uses", 1, USES_MAX, &ret->bounds.uses, reterr);
    if (r >= 0)
        r = json_get_i64(object, "seconds", 1, SECONDS_MAX, &ret->bounds.seconds, reterr);
    return r >= 0 ? read_usd(object, &ret->bounds.usd_pico, reterr) : r;
}

int question_read_json(struct str line, int64_t *ret_id, struct approval_reply *ret,
                       struct fault *reterr)
{
    auto_json json_t *object = NULL;
    struct str type;
    *ret = (struct approval_reply){.by = "socket"};
    int r = json_parse(line, ANSWER_LINE_MAX, &object, reterr);
    if (r == 0 && json_get_str(object, "type", &type, NULL) == 0 && !str_is(type, "answer"))
        r = fault_set(reterr, FAULT_INPUT, "\"type\" is \"answer\": there is nothing else to say");
    if (r == 0)
        r = read_members(object, ret_id, ret, reterr);
    bool has_bounds = ret->bounds.uses || ret->bounds.seconds || ret->bounds.usd_pico;
    if (r == 0 && ret->answer != APPROVAL_ALWAYS && (*ret->pattern || has_bounds))
        r = fault_set(reterr, FAULT_INPUT,
                      "pattern, uses, seconds and usd belong to the answer always");
    if (r == 0 && ret->answer == APPROVAL_ALWAYS)
        default_bounds(&ret->bounds);
    return r;
}
