/* Two tables: statuses and error types of services. What no row names is told by its hundred. */
#include "host/egress/failure.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_DIGITS = 3 };

static const struct {
    int status;
    const char *class_name;
} statuses[] = {
    {400, "bad_request"},
    {401, "auth"},
    {402, "quota"},
    {403, "auth"},
    {404, "bad_request"},
    {408, "disconnect"},
    {413, "context_too_long"},
    {429, "rate_limit"},
    {503, "overloaded"},
    {529, "overloaded"},
};

/* Words in a type, code or message that say more than the status does; the first that fits. */
static const struct {
    const char *class_name, *word;
    int status; /* 0 = any; an error inside a stream has none and fits all */
} words[] = {
    {"quota", "insufficient_quota", 0},
    {"quota", "billing", 429},
    {"quota", "billing", 403},
    {"quota", "credit balance", 400},
    {"auth", "api key not valid", 400},
    {"context_too_long", "prompt is too long", 400},
    {"context_too_long", "context length", 400},
    {"context_too_long", "context_length", 400},
    {"context_too_long", "context window", 400},
    {"context_too_long", "context limit", 400},
    {"context_too_long", "context size", 400},
    {"context_too_long", "context_size", 400},
    {"context_too_long", "maximum model length", 400},
    {"context_too_long", "exceeds the maximum number of tokens", 400},
};

/* Types and codes of errors inside a stream, of all wires. */
static const struct {
    const char *type, *class_name;
} events[] = {
    {"overloaded_error", "overloaded"},
    {"rate_limit_error", "rate_limit"},
    {"authentication_error", "auth"},
    {"permission_error", "auth"},
    {"billing_error", "quota"},
    {"invalid_request_error", "bad_request"},
    {"not_found_error", "bad_request"},
    {"request_too_large", "context_too_long"},
    /* OpenAI, and what is like it */
    {"rate_limit_exceeded", "rate_limit"},
    {"invalid_api_key", "auth"},
    {"invalid_prompt", "bad_request"},
    {"BadRequestError", "bad_request"},
    {"slow_down", "overloaded"},
    {"server_is_overloaded", "overloaded"},
    /* Gemini */
    {"UNAVAILABLE", "overloaded"},
    {"RESOURCE_EXHAUSTED", "rate_limit"},
    {"PERMISSION_DENIED", "auth"},
    {"UNAUTHENTICATED", "auth"},
    {"INVALID_ARGUMENT", "bad_request"},
    {"FAILED_PRECONDITION", "bad_request"},
    {"NOT_FOUND", "bad_request"},
};

/* --- the sentence --- */

static size_t cut_utf8(struct str s, size_t max)
{
    if (s.len <= max)
        return s.len;
    while (max > 0 && ((unsigned char)s.at[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* Redacted before it is cut, so that no cut leaves a part of a key; one line of printable text. */
static void set_text(struct failure *f, struct str prefix, struct str text,
                     const struct secrets *secrets)
{
    auto_done(buf) struct buf clean;
    buf_init(&clean, (size_t)1 << 20);
    (void)buf_add_str(&clean, prefix);
    if (secrets_redact(secrets, text, &clean) < 0) {
        buf_reset(&clean);
        (void)buf_add_str(&clean, prefix);
    }
    auto_json json_t *lossy = json_string_lossy(buf_str(&clean));
    struct str s =
        lossy ? (struct str){json_string_value(lossy), json_string_length(lossy)} : STR("no text");
    size_t len = cut_utf8(s, FAILURE_TEXT_MAX);
    memcpy(f->text, s.at, len);
    f->text[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)f->text[i], next = (unsigned char)f->text[i + 1];
        if (c < 0x20 || c == 0x7f)
            f->text[i] = ' ';
        if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* the other control characters */
            f->text[i] = f->text[i + 1] = ' ';
    }
}

void failure_set(struct failure *f, const char *class_name, const char *text,
                 const struct secrets *secrets)
{
    *f = (struct failure){.class_name = class_name};
    set_text(f, STR(""), str_of(text), secrets);
}

/* --- what the service says --- */

static struct str member(const json_t *object, const char *key)
{
    struct str s = {"", 0};
    (void)!json_get_str(object, key, &s, NULL);
    return s;
}

struct said {
    struct str type, code, message;
    int status; /* a code that is a number; 0 = none */
    int64_t retry_ms;
};

/* Gemini says in the body when to come again: {"details":[{"retryDelay":"34.1s"}]}. */
static int64_t retry_delay(const json_t *error)
{
    size_t i;
    json_t *row;
    int64_t ms = 0;
    json_array_foreach(json_object_get(error, "details"), i, row)
    {
        struct str delay = member(row, "retryDelay");
        if (str_ends(delay, STR("s")))
            ms = failure_retry_ms((struct str){delay.at, delay.len - 1}, STR(""), 0);
    }
    return ms;
}

static struct said said_of(const json_t *error)
{
    struct str type = member(error, "type");
    int64_t code = 0;
    if (json_is_string(error))
        return (struct said){.type = STR(""),
                             .code = STR(""),
                             .message = {json_string_value(error), json_string_length(error)}};
    if (json_get_i64(error, "code", 400, 599, &code, NULL) != 0)
        code = 0;
    bool has_status = member(error, "status").len > 0; /* Gemini's word for it */
    return (struct said){has_status ? member(error, "status") : type, member(error, "code"),
                         member(error, "message"), (int)code, retry_delay(error)};
}

/* {"error":{"type","code","message"}}, {"error":"..."}, {"message":"..."}, or one of these in a list. */
static struct said what_it_says(const json_t *body)
{
    if (json_is_array(body))
        body = json_array_get(body, 0);
    const json_t *error = json_object_get(body, "error");
    return said_of(json_is_object(error) || json_is_string(error) ? error : body);
}

static bool contains(struct str s, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= s.len; i++)
        if (strncasecmp(s.at + i, word, len) == 0)
            return true;
    return false;
}

/* NULL = no word fits. status 0: an error inside a stream. */
static const char *class_by_words(int status, const struct said *said)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i].status != 0 && status != 0 && words[i].status != status)
            continue;
        if (contains(said->type, words[i].word) || contains(said->code, words[i].word) ||
            contains(said->message, words[i].word))
            return words[i].class_name;
    }
    return NULL;
}

static const char *class_by_status(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].class_name;
    return status >= 500 || status == 0 ? "server" : "bad_request";
}

/* Gemini speaks of quota and billing whenever it is asked too fast; only a day's quota is not worth a wait. */
static const char *class_of(int status, const struct said *said, struct str body)
{
    if (str_is(said->type, "RESOURCE_EXHAUSTED"))
        return contains(body, "PerDay") ? "quota" : "rate_limit";
    const char *class_name = class_by_words(status, said);
    return class_name != NULL ? class_name : class_by_status(status);
}

static const char *class_of_event(const struct said *said)
{
    const char *class_name =
        str_is(said->type, "RESOURCE_EXHAUSTED") ? NULL : class_by_words(0, said);
    for (size_t i = 0; class_name == NULL && i < ARRAY_LEN(events); i++)
        if (str_is(said->type, events[i].type) || str_is(said->code, events[i].type))
            class_name = events[i].class_name;
    return class_name != NULL ? class_name : class_by_status(said->status);
}

int64_t failure_retry_ms(struct str retry_after, struct str retry_after_ms, int64_t now_s)
{
    int64_t ns = 0, date = 0;
    if (retry_after_ms.len &&
        base_parse_decimal(retry_after_ms, 3, 0, INT32_MAX * INT64_C(1000), &ns) == 0)
        return (ns + 999) / 1000;
    if (base_parse_decimal(retry_after, 3, 0, INT32_MAX, &ns) == 0)
        return ns;
    if (retry_after.len == 0 || net_parse_date(retry_after, &date) < 0 || date <= now_s)
        return 0;
    return date - now_s > INT32_MAX / 1000 ? INT32_MAX : (date - now_s) * 1000;
}

void failure_of_answer(const struct failure_answer *a, const struct secrets *secrets,
                       struct failure *ret)
{
    auto_json json_t *body = NULL;
    (void)!json_parse(a->body, (size_t)1 << 20, &body, NULL);
    struct said said = what_it_says(body);
    char prefix[96];
    bool is_redirect = a->status >= 300 && a->status < 400;
    const char *note = is_redirect ? ": redirect refused; the base URL must be the service's own"
                       : a->status == 404 ? ": no such model or path"
                                          : "";
    int n = snprintf(prefix, sizeof(prefix), "HTTP %d%s%s", a->status, note,
                     said.message.len && !is_redirect ? ": " : "");
    *ret = (struct failure){
        .class_name = is_redirect ? "bad_request" : class_of(a->status, &said, a->body),
        .retry_after_ms = failure_retry_ms(a->retry_after, a->retry_after_ms, a->now_s),
    };
    if (ret->retry_after_ms < said.retry_ms)
        ret->retry_after_ms = said.retry_ms;
    set_text(ret, (struct str){prefix, (size_t)n}, is_redirect ? STR("") : said.message, secrets);
}

void failure_of_event(const json_t *error, const struct secrets *secrets, struct failure *ret)
{
    struct said said = said_of(error);
    *ret = (struct failure){.class_name = class_of_event(&said), .retry_after_ms = said.retry_ms};
    set_text(ret, STR("the service broke its answer off: "),
             said.message.len ? said.message : STR("it does not say why"), secrets);
}

/* --- what the network says --- */

static const struct {
    const char *class_name, *text;
} ends[] = {
    [NET_DONE] = {"disconnect", "the answer ended before it was whole"},
    [NET_NO_NAME] = {"unreachable", "the host has no address"},
    [NET_NO_CONNECT] = {"unreachable", "no connection"},
    [NET_NO_TLS] = {"unreachable", "no trusted TLS connection (certificate)"},
    [NET_CUT] = {"disconnect", "the connection broke"},
    [NET_IDLE] = {"disconnect", "nothing came for too long"},
    [NET_GARBLED] = {"malformed", "the answer is not HTTP as we take it"},
    [NET_TOO_LONG] = {"malformed", "the answer is too long"},
    [NET_STOPPED] = {"malformed", "the answer was not taken"},
    [NET_FAULT] = {"bad_request", "the request could not be made"},
};

void failure_of_end(const struct net_end *end, const char *host, const struct secrets *secrets,
                    struct failure *ret)
{
    char prefix[200];
    int n = snprintf(prefix, sizeof(prefix), "%.80s: %s%s", host, ends[end->outcome].text,
                     *end->text ? ": " : "");
    *ret = (struct failure){.class_name = ends[end->outcome].class_name};
    set_text(ret, (struct str){prefix, (size_t)n}, str_of(end->text), secrets);
}
