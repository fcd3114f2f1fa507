/* Forms and names. A name is split into words ("recipient_email", "recipientEmail"), and counts when one of its words is in
 * the table; a value counts by its form when nothing but an address, a URL or an account number has it. */
#include "tools/target.h"

#include "tools/json_walk.h"

#include <errno.h>
#include <stdio.h>

#define DEPTH_MAX 16

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* --- names --- */

static const char *const path_words[] = {"path",      "paths",    "file",    "files",
                                         "filename",  "filepath", "dir",     "folder",
                                         "directory", "cwd",      "pathname"};
static const char *const host_words[] = {
    "url",      "urls",   "uri",    "link",     "links",   "href", "website", "site",     "host",
    "hostname", "domain", "server", "endpoint", "webhook", "page", "remote",  "registry", "origin"};
static const char *const other_words[] = {
    "to",       "cc",          "bcc",          "recipient", "recipients",  "receiver",
    "email",    "emails",      "mail",         "user",      "users",       "username",
    "userid",   "participant", "participants", "attendee",  "attendees",   "member",
    "members",  "invitee",     "invitees",     "contact",   "channel",     "channels",
    "room",     "iban",        "account",      "phone",     "number",      "address",
    "wallet",   "payee",       "beneficiary",  "repo",      "repository",  "package",
    "packages", "branch",      "command",      "program",   "destination", "dest",
    "target",   "targets",     "topic"};

static bool is_word(struct str word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(word, list[i]))
            return true;
    return false;
}

/* Takes the next word of a name off its front, in lower case. */
static struct str next_word(struct str *name, char ret[32])
{
    size_t at = 0, len = 0;
    while (at < name->len && !is_letter(name->at[at]) && !is_digit(name->at[at]))
        at++;
    size_t from = at;
    for (; at < name->len; at++) {
        char c = name->at[at];
        bool is_hump = at > from && c >= 'A' && c <= 'Z' &&
                       !(name->at[at - 1] >= 'A' && name->at[at - 1] <= 'Z');
        if ((!is_letter(c) && !is_digit(c)) || is_hump)
            break;
        if (len < 31)
            ret[len++] = lower(c);
    }
    *name = (struct str){name->at + at, name->len - at};
    return (struct str){ret, len};
}

static bool has_word(struct str name, const char *const *list, size_t count)
{
    char word[32];
    while (name.len > 0) {
        struct str w = next_word(&name, word);
        if (w.len > 0 && is_word(w, list, count))
            return true;
    }
    return false;
}
#define HAS_WORD(name, list) has_word(name, list, ARRAY_LEN(list))

/* --- forms --- */

static bool is_one_word(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ')
            return false;
    return s.len > 0;
}

/* Labels with a dot between, the last of letters (or an IPv4 address, or [v6]); ":port" may follow. */
static bool is_host(struct str s)
{
    size_t dots = 0, digits_only = 1, label = 0;
    bool last_is_letters = true;
    if (s.len > 2 && s.at[0] == '[')
        return memchr(s.at, ']', s.len) != NULL;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == ':' && i > 0) {
            int64_t port;
            return dots > 0 &&
                   base_parse_i64((struct str){s.at + i + 1, s.len - i - 1}, 1, 65535, &port) == 0;
        }
        if (c == '.') {
            if (label == 0)
                return false;
            dots++;
            label = 0;
            last_is_letters = true;
            continue;
        }
        if (!is_letter(c) && !is_digit(c) && c != '-' && (unsigned char)c < 0x80)
            return false;
        last_is_letters = last_is_letters && !is_digit(c);
        digits_only &= is_digit(c) ? 1u : 0u;
        label++;
    }
    return dots > 0 && label > 0 && (digits_only ? dots == 3 : (last_is_letters && label >= 2));
}

static bool is_email(struct str s)
{
    struct str local, domain;
    return is_one_word(s) && str_split(s, '@', &local, &domain) && local.len > 0 &&
           !memchr(domain.at, '@', domain.len) && is_host(domain);
}

static bool is_number(struct str s)
{
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (is_digit(s.at[i]))
            digits++;
        else if (is_letter(s.at[i]))
            letters++;
        else if (!strchr(" -./()+", s.at[i]) || s.at[i] == '\0')
            return false;
    }
    return digits >= 6 && digits >= letters;
}

/* 2026-11-30, 2026-11-30 10:00: a time is no account */
static bool is_time(struct str s)
{
    return s.len >= 10 && s.at[4] == '-' && s.at[7] == '-' && is_digit(s.at[0]) &&
           is_digit(s.at[1]) && is_digit(s.at[5]) && is_digit(s.at[8]);
}

/* The host of a URL, without user and port; false: it is none. */
static bool url_host(struct str s, struct str *ret)
{
    size_t i = 0;
    while (i < s.len && (is_letter(s.at[i]) || is_digit(s.at[i]) || strchr("+-.", s.at[i])) &&
           s.at[i] != '\0')
        i++;
    if (i == 0 || s.len < i + 3 || memcmp(s.at + i, "://", 3) != 0)
        return false;
    struct str rest = {s.at + i + 3, s.len - i - 3};
    size_t end = 0;
    while (end < rest.len && !strchr("/?#\\", rest.at[end]) && rest.at[end] != '\0')
        end++;
    rest.len = end;
    for (size_t k = rest.len; k > 0; k--)
        if (rest.at[k - 1] ==
            '@') { /* what stands before is a user, however much it looks like a host */
            rest = (struct str){rest.at + k, rest.len - k};
            break;
        }
    if (rest.len > 0 && rest.at[0] == '[') {
        const char *close = memchr(rest.at, ']', rest.len);
        rest.len = close ? (size_t)(close - rest.at) + 1 : rest.len;
    } else {
        struct str host, port;
        if (str_split(rest, ':', &host, &port))
            rest = host;
    }
    while (rest.len > 0 && rest.at[rest.len - 1] == '.')
        rest.len--;
    *ret = rest;
    return rest.len > 0;
}

/* "www.x.org/page": a URL without its scheme. */
static bool bare_url_host(struct str s, struct str *ret)
{
    struct str host = s, rest;
    (void)str_split(s, '/', &host, &rest);
    if (!is_host(host))
        return false;
    struct str name, port;
    *ret = host.at[0] != '[' && str_split(host, ':', &name, &port) ? name : host;
    return true;
}

enum target_kind target_kind_of(struct str arg, struct str value, struct str *ret_value)
{
    struct str s = str_trim(value), host;
    *ret_value = s;
    if (str_starts(s, STR("mailto:")))
        *ret_value = s = (struct str){s.at + 7, s.len - 7};
    bool is_path_name = HAS_WORD(arg, path_words) && !HAS_WORD(arg, host_words);
    if (url_host(s, &host)) {
        if (host.len > 4 && str_starts(host, STR("www.")))
            host = (struct str){host.at + 4, host.len - 4};
        *ret_value = host;
        return TARGET_HOST;
    }
    if (is_email(s))
        return TARGET_EMAIL;
    if (is_path_name)
        return TARGET_PATH;
    if (bare_url_host(s, &host)) {
        if (host.len > 4 && str_starts(host, STR("www.")))
            host = (struct str){host.at + 4, host.len - 4};
        *ret_value = host;
        return TARGET_HOST;
    }
    if (is_number(s) && !is_time(s))
        return TARGET_NUMBER;
    return is_one_word(s) && memchr(s.at, '/', s.len) ? TARGET_PATH : TARGET_TEXT;
}

/* --- lists --- */

void target_list_done(struct target_list *l)
{
    free(l->at);
    *l = (struct target_list){0};
}

static int add(struct target_list *l, const char *arg, struct str value)
{
    if (str_trim(value).len == 0)
        return 0;
    if (l->count == TARGETS_MAX) {
        l->is_cut = true;
        return 0;
    }
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4;
        struct target *more = realloc(l->at, cap * sizeof(*more));
        if (!more)
            return -ENOMEM;
        l->at = more;
        l->cap = cap;
    }
    struct target *t = &l->at[l->count++];
    struct str part;
    t->arg = arg;
    t->kind = target_kind_of(str_of(arg), value, &part);
    t->len = part.len <= PROVENANCE_VALUE_MAX ? part.len : PROVENANCE_VALUE_MAX + 1;
    memcpy(t->value, part.at, part.len <= PROVENANCE_VALUE_MAX ? part.len : PROVENANCE_VALUE_MAX);
    t->value[t->len <= PROVENANCE_VALUE_MAX ? t->len : PROVENANCE_VALUE_MAX] = '\0';
    return 0;
}

static int walk(const char *arg, const json_t *value, struct target_list *ret, unsigned depth)
{
    const char *key;
    json_t *part;
    size_t i;
    int r = 0;
    if (depth == DEPTH_MAX) {
        ret->is_cut = true;
        return 0;
    }
    if (json_is_string(value))
        return add(ret, arg, json_view(value));
    if (json_is_integer(value)) {
        char digits[24];
        int len = snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        return add(ret, arg, (struct str){digits, (size_t)len});
    }
    if (json_is_array(value))
        json_array_foreach(value, i, part) if ((r = walk(arg, part, ret, depth + 1)) < 0) return r;
    if (json_is_object(value))
        json_object_foreach(json_loose(value), key,
                            part) if ((r = walk(arg, part, ret, depth + 1)) < 0) return r;
    return r;
}

int targets_of_value(const char *arg, const json_t *value, struct target_list *ret)
{
    return walk(arg, value, ret, 0);
}

static bool has_format(const json_t *schema, const char *arg)
{
    static const char *const formats[] = {"email", "idn-email",     "uri",      "iri",
                                          "url",   "uri-reference", "hostname", "idn-hostname",
                                          "ipv4",  "ipv6"};
    const json_t *one = json_object_get(json_object_get(schema, "properties"), arg);
    const char *format = json_string_value(json_object_get(one, "format"));
    for (size_t i = 0; format && i < ARRAY_LEN(formats); i++)
        if (strcmp(format, formats[i]) == 0)
            return true;
    return false;
}

/* A value that is nothing but an address, whatever its argument is called. */
static bool is_telling(const json_t *value)
{
    struct str s = json_is_string(value) ? str_trim(json_view(value)) : STR(""), host;
    return is_one_word(s) && (url_host(s, &host) || is_email(s) || str_starts(s, STR("mailto:")));
}

int targets_guess(const json_t *arguments, const json_t *schema, struct target_list *ret)
{
    const char *arg;
    json_t *value;
    if (!json_is_object(arguments))
        return 0;
    json_object_foreach(json_loose(arguments), arg, value)
    {
        struct str name = str_of(arg);
        bool is_one = HAS_WORD(name, path_words) || HAS_WORD(name, host_words) ||
                      HAS_WORD(name, other_words) || has_format(schema, arg) || is_telling(value) ||
                      (json_is_array(value) && json_array_size(value) > 0 &&
                       is_telling(json_array_get(value, 0)));
        int r = is_one ? targets_of_value(arg, value, ret) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}
