/* Character sets, URLs and content types of the web. */
#include "charset.h"
#include "check.h"
#include "media.h"
#include "url.h"
#include "utf8.h"

struct decoding {
    const char *label, *bytes;
    size_t len;
    const char *charset, *text;
};

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct decoding decodings[] = {
    {"utf-8", BYTES("\xC3\xA9"), "utf-8", "\xC3\xA9"},
    {"", BYTES("\xC3\xA9"), "utf-8", "\xC3\xA9"},
    {"", BYTES("\xE9"), "windows-1252", "\xC3\xA9"},
    {"UTF-8",
     BYTES("a\xE9"
           "b"),
     "utf-8",
     "a\xEF\xBF\xBD"
     "b"},
    {"\" ISO-8859-1 \"", BYTES("\xE9\x80\xFF"), "windows-1252", "\xC3\xA9\xE2\x82\xAC\xC3\xBF"},
    {"windows-1252", BYTES("\x93x\x94"), "windows-1252", "\xE2\x80\x9Cx\xE2\x80\x9D"},
    {"iso-8859-15", BYTES("\xA4\xE9"), "iso-8859-15", "\xE2\x82\xAC\xC3\xA9"},
    {"latin1", BYTES("\xEF\xBB\xBFx"), "utf-8", "x"},
    {"", BYTES("\xFF\xFEh\0i\0"), "utf-16le", "hi"},
    {"", BYTES("\xFE\xFF\0h\0i\xD8"), "utf-16be", "hi\xEF\xBF\xBD"},
    {"utf-16le", BYTES("\x3D\xD8\x00\xDE"), "utf-16le", "\xF0\x9F\x98\x80"},
    {"utf-16be", BYTES("\xD8\x3D\xDE\x00\xDC\x00"), "utf-16be", "\xF0\x9F\x98\x80\xEF\xBF\xBD"},
    {"utf-8", BYTES(""), "utf-8", ""},
};

static void test_bytes_become_text(void)
{
    for (size_t i = 0; i < sizeof(decodings) / sizeof(decodings[0]); i++) {
        const struct decoding *d = &decodings[i];
        struct charset_choice choice =
            charset_choose(str_of(d->label), (struct str){d->bytes, d->len}, false);
        struct buf text;

        buf_init(&text, d->len * 3);
        charset_decode(choice.charset, (struct str){d->bytes, d->len}, &text);
        CHECK(strcmp(charset_name(choice.charset), d->charset) == 0, "row %zu: %s", i,
              charset_name(choice.charset));
        CHECK(same(buf_str(&text), d->text), "row %zu: %s", i, buf_str(&text).at);
        buf_done(&text);
    }
}

static void test_what_a_page_says_of_itself(void)
{
    static const struct {
        const char *page, *charset, *unknown;
    } pages[] = {
        {"<meta charset=utf-8>", "utf-8", ""},
        {"<META CHARSET = 'Windows-1252'>", "windows-1252", ""},
        {"<meta http-equiv=Content-Type content=\"text/html; charset=iso-8859-15\">", "iso-8859-15",
         ""},
        {"<?xml version='1.0' encoding='ISO-8859-1'?>", "windows-1252", ""},
        {"<meta charset=utf-16>", "utf-8", ""},
        {"<meta charset=shift_jis>", "utf-8", "shift_jis"},
        {"<meta charset=shift_jis>\xE9", "windows-1252", "shift_jis"},
        {"<meta charset", "utf-8", ""},
        {"<meta charset=\"", "utf-8", ""},
        {"charset", "utf-8", ""},
    };

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct str page = tight(pages[i].page);
        struct charset_choice choice = charset_choose(STR(""), page, true);

        CHECK(strcmp(charset_name(choice.charset), pages[i].charset) == 0, "%s: %s", pages[i].page,
              charset_name(choice.charset));
        CHECK(same(choice.unknown, pages[i].unknown), "%s", pages[i].page);
        tight_free(page);
    }
    CHECK(charset_choose(STR("latin1"), STR("<meta charset=utf-8>"), true).charset ==
              CHARSET_WINDOWS_1252,
          "the service's word counts more than the page's");
}

/* RFC 3986, section 5.4, and what pages write besides. */
static void test_references_are_resolved(void)
{
    static const char base[] = "http://a/b/c/d;p?q";
    static const struct {
        const char *reference, *url;
    } refs[] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/../x", "http://a/b/c/g#s/../x"},
        {"https://x/../y", "https://x/y"},
        {"  g h\n\t", "http://a/b/c/g%20h"},
        {"g\n/h", "http://a/b/c/g/h"},
        {"\\g", "http://a/g"},
        {"g?a\\b", "http://a/b/c/g?a%5Cb"},
        {"\xC3\xA9", "http://a/b/c/%C3%A9"},
        {"a)b", "http://a/b/c/a%29b"},
    };

    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        struct str reference = tight(refs[i].reference);
        struct buf url;

        buf_init(&url, URL_MAX_BYTES);
        CHECK(url_resolve(STR(base), reference, &url), "%s", refs[i].reference);
        CHECK(same(buf_str(&url), refs[i].url), "%s gave %s", refs[i].reference, buf_str(&url).at);
        buf_done(&url);
        tight_free(reference);
    }
}

static void test_urls_have_a_maximum(void)
{
    struct buf longest;
    struct buf url;

    buf_init(&longest, 4096);
    buf_init(&url, URL_MAX_BYTES);
    buf_add(&longest, STR("http://a/"));
    while (longest.len < URL_MAX_BYTES)
        buf_add_byte(&longest, 'x');
    CHECK(url_resolve(STR(""), buf_str(&longest), &url) && url.len == URL_MAX_BYTES, "n");
    url.len = 0;
    buf_add_byte(&longest, 'x');
    CHECK(!url_resolve(STR(""), buf_str(&longest), &url) && url.len == 0, "n + 1");
    CHECK(same(url_origin(STR("https://a:1/b?c#d")), "https://a:1"), "origin");
    CHECK(same(url_origin(STR("mailto:x")), ""), "no origin");
    CHECK(same(url_without_fragment(STR("https://a/b#c#d")), "https://a/b"), "fragment");
    CHECK(same(url_scheme(STR("HTTPS://a")), "HTTPS") && same(url_scheme(STR("/a:b")), ""),
          "scheme");
    buf_done(&longest);
    buf_done(&url);
}

static void test_content_types(void)
{
    static const struct {
        const char *header, *head;
        const char *kind, *type, *charset;
    } answers[] = {
        {"text/html; charset=utf-8", "x", "html", "text/html", "utf-8"},
        {"Text/HTML ;a=b; Charset=\"latin1\" ", "x", "html", "Text/HTML", "latin1"},
        {"application/xhtml+xml", "x", "html", "application/xhtml+xml", ""},
        {"text/plain", "<html>", "text", "text/plain", ""},
        {"application/json;charset=utf-8;charset=x", "{}", "text", "application/json", "utf-8"},
        {"application/ld+json", "{}", "text", "application/ld+json", ""},
        {"image/svg+xml", "<svg>", "text", "image/svg+xml", ""},
        {"application/pdf", "%PDF", "binary", "application/pdf", ""},
        {"image/png", "\x89PNG\r\n\x1a\n", "image", "image/png", ""},
        {"image/png", "\xFF\xD8\xFF", "image", "image/jpeg", ""},
        {"image/png", "text", "binary", "image/png", ""},
        {"image/tiff", "II", "binary", "image/tiff", ""},
        {"", " \n<!DOCTYPE html><p>", "html", "", ""},
        {"", "hello", "text", "", ""},
        {"", "\xC3", "text", "", ""},
        {"", "\xE9\xE9\xE9\xE9\xE9", "binary", "", ""},
        {"", "GIF89a", "image", "image/gif", ""},
        {"application/octet-stream", "hello", "text", "application/octet-stream", ""},
        {"application/octet-stream",
         "\x7F"
         "ELF\1\xFF\xFF\xFF\xFF",
         "binary", "application/octet-stream", ""},
        {";;;", "x", "text", "", ""},
        {"; charset=", "x", "text", "", ""},
        {"charset=utf-8", "x", "binary", "charset=utf-8", ""},
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct str header = tight(answers[i].header);
        struct str head = tight(answers[i].head);
        struct media media;

        media_parse(header, &media);
        media_look(&media, head);
        CHECK(strcmp(media_kind_name(media.kind), answers[i].kind) == 0, "row %zu: %s", i,
              media_kind_name(media.kind));
        CHECK(same(media.type, answers[i].type), "row %zu: %.*s", i, (int)media.type.len,
              media.type.at);
        CHECK(same(media.charset, answers[i].charset), "row %zu", i);
        tight_free(header);
        tight_free(head);
    }
}

static void test_a_text_with_nul_bytes_is_none(void)
{
    struct media media;

    media_parse(STR("text/plain"), &media);
    media_look(&media, STR("a\0b"));
    CHECK(media.kind == MEDIA_BINARY, "NUL");
    media_parse(STR("text/plain; charset=utf-16le"), &media);
    media_look(&media, STR("a\0b\0"));
    CHECK(media.kind == MEDIA_TEXT, "said to be UTF-16");
    media_parse(STR("text/html"), &media);
    media_look(&media, STR("\xFF\xFE<\0p\0"));
    CHECK(media.kind == MEDIA_HTML, "marked as UTF-16");
}

int main(void)
{
    test_content_types();
    test_a_text_with_nul_bytes_is_none();
    test_bytes_become_text();
    test_what_a_page_says_of_itself();
    test_references_are_resolved();
    test_urls_have_a_maximum();
    return check_failed != 0;
}
