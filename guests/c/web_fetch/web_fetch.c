/* web_fetch: one URL -> text that a model reads, or an image. Redirects are followed here, each as a request of its own, so
 * that the result can name them and a hop that is not allowed is told from a page that is not there. What may be reached
 * is not decided here: egress refuses, and this says so. Everything that comes back is a stranger's. */
#include "base64.h"
#include "charset.h"
#include "html.h"
#include "http.h"
#include "image.h"
#include "media.h"
#include "tool.h"
#include "url.h"
#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    HOPS_MAX = 10,
    BODY_MAX_BYTES = 4 << 20,
    ERROR_BODY_BYTES = 64 << 10, /* read of an answer that is an error ... */
    ERROR_SHOWN_BYTES = 2000,    /* ... and shown */
    READ_BYTES = 64 << 10,
    SPARE_BYTES = 8,   /* more than one character */
    LOOK_BYTES = 4096, /* enough to tell what it is */
};

struct fetch_args {
    struct str url;
    int64_t max_bytes;
    int64_t offset;
    bool is_raw;
};

static const struct tool_arg rows[] = {
    {"url", TOOL_TEXT, true, 1, 4096, offsetof(struct fetch_args, url)},
    {"max_bytes", TOOL_INTEGER, false, 1, TOOL_MAX_CONTENT, offsetof(struct fetch_args, max_bytes)},
    {"offset", TOOL_INTEGER, false, 0, BODY_MAX_BYTES, offsetof(struct fetch_args, offset)},
    {"raw", TOOL_BOOLEAN, false, 0, 0, offsetof(struct fetch_args, is_raw)},
};

struct fetch {
    struct fetch_args args;
    struct http http;
    struct buf url; /* of the hop under way */
    yyjson_mut_val *redirects;
    size_t hops;
    struct media media;
    struct buf body;
    bool is_body_whole; /* its end was read */
    bool is_body_cut;   /* it is longer than what is kept of it */
};

/* Text of a stranger, or a URL, on one line of a sentence. */
static struct str shown(struct str text, size_t max)
{
    return tool_name(utf8_head(text, max));
}

/* --- failures --- */

static const struct {
    int error;
    const char *code, *text;
} failures[] = {
    {ENOTCAPABLE, "denied", "no network is granted to this call"},
    {EACCES, "denied", "it is not allowed"},
    {EDQUOT, "quota", "the call's share of requests or bytes is used up"},
    {EINVAL, "bad_argument", "it is no request that can be sent"},
    {ETIMEDOUT, "timeout", "there was no answer in time"},
    {ECANCELED, "cancelled", "the call was taken back"},
};

static yyjson_mut_val *facts(const struct fetch *fetch)
{
    yyjson_mut_val *object = yyjson_mut_obj(tool_doc());

    if (object == NULL)
        mem_fail();
    tool_set_text(object, "url", shown(fetch->args.url, 4096));
    tool_set_text(object, "final_url", shown(buf_str(&fetch->url), 4096));
    tool_set(object, "redirects", fetch->redirects);
    return object;
}

static _Noreturn void fail(const struct fetch *fetch, const char *code, const char *format, ...)
    printf_like(3, 4);
static _Noreturn void fail(const struct fetch *fetch, const char *code, const char *format, ...)
{
    static char text[12000];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tool_fail_with(facts(fetch), code, str_part(str_of(text), 0, length < 0 ? 0 : strlen(text)));
}

static _Noreturn void fail_errno(const struct fetch *fetch, int error)
{
    const char *code = "network";
    const char *text = "the network failed";
    struct str why = http_why();
    struct str url = shown(buf_str(&fetch->url), 1000);

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].error == error) {
            code = failures[i].code;
            text = failures[i].text;
        }
    }
    fail(fetch, code, "%.*s%s cannot be fetched: %.*s.%s", (int)url.len, url.at,
         fetch->hops > 0 ? ", where a redirect leads," : "",
         (int)(why.len > 0 ? why.len : strlen(text)), why.len > 0 ? why.at : text,
         strcmp(code, "denied") == 0 ? " The operator decides which hosts can be reached "
                                       "(allowed_outbound_hosts, policy rules Net)."
                                     : "");
}

/* --- asking --- */

static void take_url(struct fetch *fetch)
{
    struct str url = fetch->args.url;
    struct str scheme = url_scheme(url);

    if (!(scheme.len == 4 && strncasecmp(scheme.at, "http", 4) == 0) &&
        !(scheme.len == 5 && strncasecmp(scheme.at, "https", 5) == 0))
        tool_fail("bad_argument", "Bad argument: url must begin with http:// or https://.");
    if (url_origin(url).len == 0)
        tool_fail("bad_argument", "Bad argument: url has no host.");
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= ' ' || url.at[i] == 0x7F || url.at[i] == '\\')
            tool_fail("bad_argument",
                      "Bad argument: url has blanks, control characters or backslashes in "
                      "it; write them as %%XX.");
    if (!url_resolve(STR(""), url_without_fragment(url), &fetch->url))
        tool_fail("bad_argument", "Bad argument: url is longer than %d bytes.", URL_MAX_BYTES);
}

static void ask(struct fetch *fetch)
{
    static const char headers[] =
        "Accept: text/html,application/xhtml+xml,text/plain,application/json,image/*;q=0.8,*/*;q=0.5\n"
        "User-Agent: boxagnts-web_fetch/1.0\n";
    int error =
        http_open(STR("GET"), buf_str(&fetch->url), str_of(headers), HTTP_NO_BODY, 0, &fetch->http);

    if (error == 0)
        error = http_wait(&fetch->http);
    if (error != 0)
        fail_errno(fetch, error);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* true: there is another place to ask, fetch->url */
static bool take_redirect(struct fetch *fetch)
{
    struct str to = http_header(&fetch->http, "location");
    struct str place;
    struct buf next;
    struct str scheme;

    if (!is_redirect(fetch->http.status) || to.len == 0)
        return false;
    if (fetch->hops == HOPS_MAX)
        fail(fetch, "redirects", "There are more than %d redirects, one after the other.",
             HOPS_MAX);
    buf_init(&next, URL_MAX_BYTES);
    if (!url_resolve(buf_str(&fetch->url), url_without_fragment(to), &next))
        fail(fetch, "redirects", "A redirect leads to a URL of more than %d bytes.", URL_MAX_BYTES);
    scheme = url_scheme(buf_str(&next));
    place = shown(buf_str(&next), 500);
    if (!str_equal(scheme, STR("http")) && !str_equal(scheme, STR("https")))
        fail(fetch, "redirects", "A redirect leads to %.*s, which is neither http nor https.",
             (int)place.len, place.at);
    if (str_equal(scheme, STR("http")) && str_equal(url_scheme(buf_str(&fetch->url)), STR("https")))
        fail(fetch, "redirects",
             "A redirect leads from https back to http: %.*s. Ask for that URL if you mean it.",
             (int)place.len, place.at);
    fetch->hops++;
    fetch->url = next;
    if (!yyjson_mut_arr_append(fetch->redirects, tool_text(shown(buf_str(&fetch->url), 4096))))
        mem_fail();
    http_close(&fetch->http);
    return true;
}

/* Reads until the body ends or there are `upto` bytes of it. */
static void read_more(struct fetch *fetch, size_t upto)
{
    static char piece[READ_BYTES];

    while (!fetch->is_body_whole && fetch->body.len < upto) {
        size_t wanted = upto - fetch->body.len;
        size_t len = 0;
        int error = http_read(&fetch->http, piece, wanted < READ_BYTES ? wanted : READ_BYTES, &len);

        if (error != 0)
            fail_errno(fetch, error);
        if (!buf_add(&fetch->body, (struct str){piece, len}))
            mem_fail();
        fetch->is_body_whole = len == 0;
    }
}

/* The body, or its first `max` bytes; a cut is not made inside of a character, or the rest of it would tell a wrong story
 * about the character set. */
static void read_body(struct fetch *fetch, size_t max)
{
    size_t valid;

    read_more(fetch, max + 1);
    if (fetch->body.len <= max)
        return;
    fetch->is_body_cut = true;
    fetch->body.len = max;
    valid = utf8_check(buf_str(&fetch->body));
    if (max - valid < 4)
        fetch->body.len = valid;
}

/* --- answering --- */

/* The body as text, whatever its character set. ret_note: what a reader should know of that. */
static struct str decoded(struct fetch *fetch, enum charset *ret_charset, struct buf *note)
{
    static struct buf text;
    bool is_html = fetch->media.kind == MEDIA_HTML;
    struct charset_choice choice =
        charset_choose(fetch->media.charset, buf_str(&fetch->body), is_html);
    struct str unknown = shown(choice.unknown, 40);
    size_t replaced;

    buf_init(&text, fetch->body.len * 3);
    replaced = charset_decode(choice.charset, buf_str(&fetch->body), &text);
    if (unknown.len > 0)
        buf_addf(note, "[the character set \"%.*s\" is not known here: read as %s]\n",
                 (int)unknown.len, unknown.at, charset_name(choice.charset));
    else if (replaced > 0 && !fetch->is_body_cut)
        buf_addf(note, "[%zu places that are not %s are shown as U+FFFD]\n", replaced,
                 charset_name(choice.charset));
    *ret_charset = choice.charset;
    return buf_str(&text);
}

static struct str as_text(struct fetch *fetch, struct html_page *page, enum charset *ret_charset,
                          struct buf *note)
{
    struct str text = decoded(fetch, ret_charset, note);

    *page = (struct html_page){.links = 0};
    if (fetch->media.kind != MEDIA_HTML || fetch->args.is_raw)
        return text;
    html_to_text(text, buf_str(&fetch->url), BODY_MAX_BYTES, page);
    return buf_str(&page->text);
}

static void add_about(const struct fetch *fetch, const char *charset, struct buf *about)
{
    struct str url = shown(buf_str(&fetch->url), 1000);
    struct str type = shown(fetch->media.type, 100);

    buf_addf(about, "[%.*s: %d, %.*s%s%s", (int)url.len, url.at, fetch->http.status,
             (int)(type.len > 0 ? type.len : strlen("no content type")),
             type.len > 0 ? type.at : "no content type", charset != NULL ? ", " : "",
             charset != NULL ? charset : "");
    if (fetch->is_body_whole || fetch->body.len > 0)
        buf_addf(about, ", %zu bytes%s", fetch->body.len, fetch->is_body_whole ? "" : " read");
    if (fetch->hops > 0) {
        struct str from = shown(fetch->args.url, 1000);

        buf_addf(about, "; redirected %zu time%s from %.*s", fetch->hops,
                 fetch->hops == 1 ? "" : "s", (int)from.len, from.at);
    }
    buf_addf(about, "]\n");
}

static _Noreturn void fail_status(struct fetch *fetch)
{
    yyjson_mut_val *structured = facts(fetch);
    struct html_page page;
    enum charset charset;
    struct buf note;
    struct buf text;
    struct str body = STR("");

    buf_init(&note, 1000);
    buf_init(&text, 8000);
    read_body(fetch, ERROR_BODY_BYTES);
    media_look(&fetch->media, buf_str(&fetch->body));
    if (fetch->media.kind == MEDIA_TEXT || fetch->media.kind == MEDIA_HTML)
        body = utf8_head(as_text(fetch, &page, &charset, &note), ERROR_SHOWN_BYTES);
    buf_addf(&text, "The service answered with status %d.\n", fetch->http.status);
    add_about(fetch, NULL, &text);
    buf_add(&text, body);
    tool_set_count(structured, "status", (uint64_t)fetch->http.status);
    tool_fail_with(structured, "http_status", buf_str(&text));
}

static _Noreturn void fail_binary(struct fetch *fetch)
{
    yyjson_mut_val *structured = facts(fetch);
    struct str type = shown(fetch->media.type, 100);
    struct str length = shown(http_header(&fetch->http, "content-length"), 20);
    struct buf text;

    buf_init(&text, 8000);
    add_about(fetch, NULL, &text);
    buf_addf(
        &text,
        "This is not text (%.*s%s%.*s%s): its bytes are not shown. web_fetch gives text, HTML, and PNG, "
        "JPEG, GIF and WebP images of at most %d bytes.",
        (int)(type.len > 0 ? type.len : strlen("no content type")),
        type.len > 0 ? type.at : "no content type", length.len > 0 ? ", " : "", (int)length.len,
        length.at, length.len > 0 ? " bytes" : "", IMAGE_MAX_BYTES);
    tool_set_count(structured, "status", (uint64_t)fetch->http.status);
    tool_set_text(structured, "content_type", shown(fetch->media.type, 200));
    tool_fail_with(structured, "binary", buf_str(&text));
}

static yyjson_mut_val *result_facts(const struct fetch *fetch)
{
    yyjson_mut_val *structured = facts(fetch);

    tool_set_count(structured, "status", (uint64_t)fetch->http.status);
    tool_set_text(structured, "content_type", shown(fetch->media.type, 200));
    tool_set_text(structured, "kind", str_of(media_kind_name(fetch->media.kind)));
    tool_set_count(structured, "size_bytes", fetch->body.len);
    return structured;
}

static _Noreturn void answer_image(struct fetch *fetch)
{
    static char type[32];
    struct buf base64;
    struct buf about;

    read_body(fetch, IMAGE_MAX_BYTES);
    if (fetch->is_body_cut) {
        struct str url = shown(buf_str(&fetch->url), 1000);

        fail(fetch, "too_large", "The image at %.*s has more than %d bytes: it is not shown.",
             (int)url.len, url.at, IMAGE_MAX_BYTES);
    }
    buf_init(&base64, (size_t)IMAGE_MAX_BYTES * 2);
    buf_init(&about, 8000);
    if (!base64_add(&base64, buf_str(&fetch->body)))
        mem_fail();
    add_about(fetch, NULL, &about);
    memcpy(type, fetch->media.type.at,
           fetch->media.type.len < sizeof(type) ? fetch->media.type.len : sizeof(type) - 1);
    tool_done_image(buf_str(&about), buf_str(&base64), type, result_facts(fetch));
}

/* The wanted part of the text: it begins and ends between characters, and at the end of a line when one is near. */
static struct str window(struct str text, size_t offset, size_t max)
{
    struct str part;

    if (offset > text.len)
        offset = text.len;
    while (offset < text.len && ((unsigned char)text.at[offset] & 0xC0) == 0x80)
        offset++;
    part = str_part(text, offset, text.len);
    if (part.len > max) {
        size_t line;

        part = utf8_head(part, max);
        line = str_line_start(part, part.len);
        if (line > part.len - part.len / 4)
            part = str_part(part, 0, line);
        if (part.len == 0) /* one character is longer than that: still, there must be a way on */
            part = str_part(text, offset, offset + utf8_step(str_part(text, offset, text.len)));
    }
    return part;
}

static _Noreturn void answer_text(struct fetch *fetch)
{
    yyjson_mut_val *structured;
    struct html_page page;
    enum charset charset;
    struct buf note;
    struct str text;
    struct str part;
    size_t end;
    bool is_more;

    buf_init(&note, 16 << 10);
    text = as_text(fetch, &page, &charset, &note);
    part = window(text, (size_t)fetch->args.offset, (size_t)fetch->args.max_bytes);
    end = (size_t)(part.at - text.at) + part.len;
    is_more = end < text.len;
    structured = result_facts(fetch);
    tool_set_text(structured, "charset", str_of(charset_name(charset)));
    if (page.title.len > 0)
        tool_set_text(structured, "title", buf_str(&page.title));
    tool_set_flag(structured, "truncated", is_more || fetch->is_body_cut || page.is_cut);
    tool_set(structured, "next_offset",
             is_more ? yyjson_mut_uint(tool_doc(), end) : yyjson_mut_null(tool_doc()));
    if (page.title.len > 0)
        buf_addf(&note, "[title: %s]\n", page.title.at);
    add_about(fetch, charset_name(charset), &note);
    if (is_more)
        buf_addf(&note, "[cut after %zu bytes of text; go on with offset %zu]\n", part.len, end);
    else if (fetch->is_body_cut || page.is_cut)
        buf_addf(&note, "[cut: only the first %d bytes can be read]\n", BODY_MAX_BYTES);
    else if (fetch->args.offset > 0 && part.len == 0)
        buf_addf(&note, "[the text has only %zu bytes]\n", text.len);
    tool_done(part, buf_str(&note), structured);
}

/* How much of the body is needed: all of a page, because its text is not where its bytes are; of plain text what will be
 * shown, and some bytes to know that there is more. */
static size_t wanted_bytes(const struct fetch *fetch)
{
    size_t wanted = (size_t)fetch->args.offset + (size_t)fetch->args.max_bytes + SPARE_BYTES;

    if ((fetch->media.kind == MEDIA_HTML && !fetch->args.is_raw) || wanted > BODY_MAX_BYTES)
        return BODY_MAX_BYTES;
    return wanted;
}

int main(void)
{
    struct fetch fetch = {.args = {.max_bytes = 65536}};

    tool_begin(rows, sizeof(rows) / sizeof(rows[0]), &fetch.args);
    buf_init(&fetch.url, URL_MAX_BYTES);
    buf_init(&fetch.body, BODY_MAX_BYTES + 1);
    fetch.redirects = yyjson_mut_arr(tool_doc());
    take_url(&fetch);
    do {
        ask(&fetch);
    } while (take_redirect(&fetch));
    media_parse(http_header(&fetch.http, "content-type"), &fetch.media);
    if (fetch.http.status < 200 || fetch.http.status > 299)
        fail_status(&fetch);
    if (fetch.media.kind == MEDIA_BINARY && !media_is_unsaid(&fetch.media))
        fail_binary(&fetch); /* nothing of it need be read */
    read_more(&fetch, LOOK_BYTES);
    media_look(&fetch.media, buf_str(&fetch.body));
    if (fetch.media.kind == MEDIA_BINARY)
        fail_binary(&fetch);
    if (fetch.media.kind == MEDIA_IMAGE)
        answer_image(&fetch);
    read_body(&fetch, wanted_bytes(&fetch));
    answer_text(&fetch);
}
