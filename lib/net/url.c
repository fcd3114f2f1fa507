/* The URL of a service or a proxy, taken apart with libcurl's own parser. */
#include "net/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

enum { URL_MAX = 2048 };

static void handle_free(CURLU **u)
{
    curl_url_cleanup(*u);
}

static int bad(struct fault *reterr, const char *what, const char *why)
{
    int r = fault_set(reterr, FAULT_CONFIG, "the %s %s", what, why);
    fault_next(reterr, "write it like https://host or https://host:port/path");
    return r;
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool is = curl_url_get(u, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return is;
}

static int get_part(CURLU *u, CURLUPart part, unsigned flags, own char **ret)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(u, part, &text, flags);
    if (code != CURLUE_OK)
        return code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -FAULT_CONFIG;
    *ret = str_dup(str_of(text));
    curl_free(text);
    return *ret ? 0 : -ENOMEM;
}

/* "[::1]" -> "::1", lower case: as names and addresses are compared. */
static void plain_host(char *host)
{
    size_t len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    for (char *c = host; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

static void drop_last_slashes(char *text)
{
    for (size_t len = strlen(text); len > 0 && text[len - 1] == '/'; len--)
        text[len - 1] = '\0';
}

static int take_apart(CURLU *u, bool is_base, struct net_url *ret)
{
    auto_free char *port = NULL, *scheme = NULL;
    int64_t number = 0;
    int r = get_part(u, CURLUPART_SCHEME, 0, &scheme);
    if (r == 0)
        r = get_part(u, CURLUPART_HOST, 0, &ret->host);
    if (r == 0)
        r = get_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port);
    if (r == 0)
        r = get_part(u, CURLUPART_URL, is_base ? 0 : CURLU_DEFAULT_PORT,
                     &ret->text); /* the library would take 1080 for a proxy */
    if (r < 0)
        return r;
    if (base_parse_i64(str_of(port), 1, UINT16_MAX, &number) < 0 || ret->host[0] == '\0')
        return -FAULT_CONFIG;
    plain_host(ret->host);
    drop_last_slashes(ret->text);
    ret->port = (uint16_t)number;
    ret->is_tls = strcmp(scheme, "https") == 0;
    return strcmp(scheme, "http") == 0 || ret->is_tls ? 0 : -FAULT_CONFIG;
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~')
            return false;
    return s.len > 0 && s.len <= URL_MAX;
}

static int parse(struct str text, const char *what, bool is_base, struct net_url *ret,
                 struct fault *reterr)
{
    struct net_url url = {0};
    if (!is_printable(text) || memmem(text.at, text.len, ":///", 4) !=
                                   NULL) /* the library would look for the host behind it */
        return bad(reterr, what, "is empty, too long, or has a character that no URL has");
    auto_free char *copy = str_dup(text);
    __attribute__((cleanup(handle_free))) CURLU *u = curl_url();
    if (copy == NULL || u == NULL)
        return -ENOMEM;
    if (curl_url_set(u, CURLUPART_URL, copy, is_base ? 0 : CURLU_GUESS_SCHEME) != CURLUE_OK)
        return bad(reterr, what, "is no URL");
    if (has_part(u, CURLUPART_FRAGMENT) || has_part(u, CURLUPART_QUERY))
        return bad(reterr, what, "has a query or a fragment, which it may not have");
    if (is_base && (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)))
        return bad(reterr, what, "has a user in it; keys go in the environment, never in a URL");
    int r = take_apart(u, is_base, &url);
    if (r < 0) {
        net_url_done(&url);
        return r == -ENOMEM ? r : bad(reterr, what, "is neither http:// nor https:// with a host");
    }
    *ret = url;
    return 0;
}

int net_url_parse_base(struct str text, struct net_url *ret, struct fault *reterr)
{
    return parse(text, "base URL", true, ret, reterr);
}

int net_url_parse_proxy(struct str text, struct net_url *ret, struct fault *reterr)
{
    return parse(text, "proxy", false, ret, reterr);
}

void net_url_done(struct net_url *u)
{
    if (u->text != NULL)
        base_wipe(u->text, strlen(u->text)); /* a proxy's has a password in it */
    free(u->text);
    free(u->host);
    *u = (struct net_url){0};
}
