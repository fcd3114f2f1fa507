/* Two tables: statuses and error types of services. What no row names is told by its hundred. */
#include "host/egress/failure.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_DIGITS = 3 };

static const struct {
    int status;
    const char *class_name;
} statuses[] = {
    {400, "bad_request"}, {401, "auth"},       {402, "quota"},      {403, "auth"},       {404, "bad_request"},
    {408, "disconnect"},  {413, "context_too_long"}, {429, "rate_limit"}, {503, "overloaded"}, {529, "overloaded"},
};

/* Words in a type, code or message that say more than the status does; the first that fits. */
static const struct {
    const char *class_name, *word;
    int status; /* 0 = any */
} words[] = {
    {"quota", "insufficient_quota", 0},
    {"quota", "billing", 429},
    {"quota", "billing", 403},
    {"quota", "credit balance", 400},
    {"context_too_long", "prompt is too long", 400},
    {"context_too_long", "context length", 400},
    {"context_too_long", "context_length", 400},
    {"context_too_long", "context window", 400},
};

static const struct {
    const char *type, *class_name;
} events[] = {
    {"overloaded_error", "overloaded"}, {"rate_limit_error", "rate_limit"},    {"authentication_error", "auth"},
    {"permission_error", "auth"},       {"billing_error", "quota"},            {"invalid_request_error", "bad_request"},
    {"not_found_error", "bad_request"}, {"request_too_large", "context_too_long"},
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
static void set_text(struct failure *f, struct str prefix, struct str text, const struct secrets *secrets)
{
    auto_done(buf) struct buf clean;
    buf_init(&clean, (size_t)1 << 20);
    (void)buf_add_str(&clean, prefix);
    if (secrets_redact(secrets, text, &clean) < 0) {
        buf_reset(&clean);
        (void)buf_add_str(&clean, prefix);
    }
    auto_json json_t *lossy = json_string_lossy(buf_str(&clean));
    struct str s = lossy ? (struct str){json_string_value(lossy), json_string_length(lossy)} : STR("no text");
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

void failure_set(struct failure *f, const char *class_name, const char *text, const struct secrets *secrets)
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
};

/* {"error":{"type","code","message"}}, {"error":"..."}, {"message":"..."}, or one of these in a list. */
static struct said what_it_says(const json_t *body)
{
    if (json_is_array(body))
        body = json_array_get(body, 0);
    const json_t *error = json_object_get(body, "error");
    if (json_is_string(error))
        return (struct said){.type = STR(""), .code = STR(""), .message = member(body, "error")};
    if (!json_is_object(error))
        error = body;
    struct str type = member(error, "type");
    return (struct said){type.len ? type : member(error, "status"), member(error, "code"), member(error, "message")};
}

static bool contains(struct str s, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= s.len; i++)
        if (strncasecmp(s.at + i, word, len) == 0)
            return true;
    return false;
}

static const char *class_of(int status, const struct said *said)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i].status != 0 && words[i].status != status)
            continue;
        if (contains(said->type, words[i].word) || contains(said->code, words[i].word) || contains(said->message, words[i].word))
            return words[i].class_name;
    }
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].class_name;
    return status >= 500 ? "server" : "bad_request";
}

int64_t failure_retry_ms(struct str retry_after, struct str retry_after_ms, int64_t now_s)
{
    int64_t ns = 0, date = 0;
    if (retry_after_ms.len && base_parse_decimal(retry_after_ms, 3, 0, INT32_MAX * INT64_C(1000), &ns) == 0)
        return (ns + 999) / 1000;
    if (base_parse_decimal(retry_after, 3, 0, INT32_MAX, &ns) == 0)
        return ns;
    if (retry_after.len == 0 || net_parse_date(retry_after, &date) < 0 || date <= now_s)
        return 0;
    return date - now_s > INT32_MAX / 1000 ? INT32_MAX : (date - now_s) * 1000;
}

void failure_of_answer(const struct failure_answer *a, const struct secrets *secrets, struct failure *ret)
{
    auto_json json_t *body = NULL;
    (void)!json_parse(a->body, (size_t)1 << 20, &body, NULL);
    struct said said = what_it_says(body);
    char prefix[96];
    bool is_redirect = a->status >= 300 && a->status < 400;
    const char *note = is_redirect ? ": redirect refused; the base URL must be the service's own" : a->status == 404 ? ": no such model or path" : "";
    int n = snprintf(prefix, sizeof(prefix), "HTTP %d%s%s", a->status, note, said.message.len && !is_redirect ? ": " : "");
    *ret = (struct failure){
        .class_name = is_redirect ? "bad_request" : class_of(a->status, &said),
        .retry_after_ms = failure_retry_ms(a->retry_after, a->retry_after_ms, a->now_s),
    };
    set_text(ret, (struct str){prefix, (size_t)n}, is_redirect ? STR("") : said.message, secrets);
}

void failure_of_event(const json_t *error, const struct secrets *secrets, struct failure *ret)
{
    struct str type = member(error, "type"), message = member(error, "message");
    *ret = (struct failure){.class_name = "server"};
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (str_is(type, events[i].type))
            ret->class_name = events[i].class_name;
    if (contains(message, "prompt is too long"))
        ret->class_name = "context_too_long";
    set_text(ret, STR("the service broke its answer off: "), message.len ? message : STR("it does not say why"), secrets);
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

void failure_of_end(const struct net_end *end, const char *host, const struct secrets *secrets, struct failure *ret)
{
    char prefix[200];
    int n = snprintf(prefix, sizeof(prefix), "%.80s: %s%s", host, ends[end->outcome].text, *end->text ? ": " : "");
    *ret = (struct failure){.class_name = ends[end->outcome].class_name};
    set_text(ret, (struct str){prefix, (size_t)n}, str_of(end->text), secrets);
}
