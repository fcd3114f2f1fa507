/* URLs: their one normal form, what is refused, redirects, and prefixes that close. */
#include "wire/url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct url url(const char *text)
{
    struct url u = {0};
    char why[URL_WHY_SIZE] = "";
    if (url_parse(str_of(text), &u, why) != 0)
        fail_msg("%s %s", text, why);
    return u;
}

static void check_print(struct url *u, const char *expected)
{
    auto_done(buf) struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(url_print(u, &out), 0);
    assert_string_equal(buf_str(&out).at, expected);
    url_done(u);
}

static void each_url_has_one_form(void **state)
{
    static const char *const rows[][2] = {
        {"https://example.org", "https://example.org/"},
        {"HTTPS://Example.ORG.:443/", "https://example.org/"},
        {"http://example.org:80/a", "http://example.org/a"},
        {"http://example.org:443/a", "http://example.org:443/a"},
        {"https://example.org:00443/", "https://example.org/"},
        {"https://example.org/a/./b/../c", "https://example.org/a/c"},
        {"https://example.org/..", "https://example.org/"},
        {"https://example.org/../../etc", "https://example.org/etc"},
        {"https://example.org/a/b/..", "https://example.org/a/"},
        {"https://example.org/a/.", "https://example.org/a/"},
        {"https://example.org/%2e%2E/a", "https://example.org/a"},
        {"https://example.org/%7ea%2fb%3f", "https://example.org/~a%2Fb%3F"},
        {"https://example.org/a\"<>^`{|}", "https://example.org/a%22%3C%3E%5E%60%7B%7C%7D"},
        {"https://example.org/caf\xc3\xa9", "https://example.org/caf%C3%A9"},
        {"https://example.org?q=1", "https://example.org/?q=1"},
        {"https://example.org/a?", "https://example.org/a?"},
        {"https://example.org/a?b=../c%2f#d", "https://example.org/a?b=../c%2F"},
        {"https://example.org/a#b?c", "https://example.org/a"},
        {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
        {"http://127.0.0.1:8080/", "http://127.0.0.1:8080/"},
        {"http://[::1]/", "http://[::1]/"},
        {"http://[2001:DB8:0::1]:8080/x", "http://[2001:db8::1]:8080/x"},
        {"http://[::ffff:127.0.0.1]/", "http://127.0.0.1/"},
        {"http://a_b.example/", "http://a_b.example/"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url u = url(rows[i][0]);
        check_print(&u, rows[i][1]);
        struct url again = url(rows[i][1]);
        check_print(&again, rows[i][1]); /* and it stays */
    }
}

static void urls_that_can_be_read_in_two_ways_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "example.org",
        "//example.org/",
        "https:example.org",
        "https:/example.org",
        "https:///example.org",
        "https://",
        "ftp://example.org/",
        "file:///etc/passwd",
        "httpss://a/",
        "htt://a/",
        "javascript://a/",
        "https://user@example.org/",
        "https://user:pw@example.org/",
        "https://example.org@evil.example/",
        "https://example.org\\@evil.example/",
        "https://example.org\\.evil.example/",
        "https://evil.example#@example.org\\",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/a\tb",
        "https://example.org/a\r\nHost: b",
        "https://example.org/\n",
        "https://example.org/\x7f",
        " https://example.org/",
        ("https://b\xc3\xbc"
         "cher.example/"),
        "https://example%2eorg/",
        "https://%65xample.org/",
        "https://ex*mple.org/",
        "https://*.example.org/",
        "https://.example.org/",
        "https://example..org/",
        "https://example.org../",
        "https://./",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://1.2.3.4.5/",
        "https://1.2.3.256/",
        "https://example.1/",
        "https://example.0x1/",
        "https://[::1/",
        "https://::1/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1]x/",
        "https://[]/",
        "https://[v1.a]/",
        "https://example.org:/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:+1/",
        "https://example.org:8080:80/",
        "https://example.org:a/",
        "https://example.org: 80/",
        "https://example.org:-1/",
        "https://example.org/%",
        "https://example.org/%2",
        "https://example.org/%zz",
        "https://example.org/?a=%g0",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url u;
        char why[URL_WHY_SIZE] = "";
        if (url_parse(str_of(rows[i]), &u, why) != -EINVAL || why[0] == '\0')
            fail_msg("\"%s\" is taken, or without a word", rows[i]);
    }
    struct url u;
    char why[URL_WHY_SIZE];
    assert_int_equal(url_parse(STR("https://example.org/\0x"), &u, why), -EINVAL);
}

static void a_url_is_at_most_so_long(void **state)
{
    (void)state;
    static char text[URL_MAX + 2];
    struct url u;
    char why[URL_WHY_SIZE];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "https://a/", 10);
    assert_int_equal(url_parse((struct str){text, URL_MAX}, &u, why), 0);
    url_done(&u);
    assert_int_equal(url_parse((struct str){text, URL_MAX + 1}, &u, why), -EINVAL);
    char host[300] = "https://";
    memset(host + 8, 'a', 64);
    assert_int_equal(url_parse(str_of(host), &u, why), -EINVAL); /* a part of 64 */
    host[8 + 63] = '\0';
    assert_int_equal(url_parse(str_of(host), &u, why), 0);
    url_done(&u);
}

static void redirects_are_read_as_the_standard_says(void **state)
{
    static const char *const rows[][2] = {
        {"http://other.example/x", "http://other.example/x"},
        {"//other.example/x", "https://other.example/x"},
        {"/x", "https://a.example:8443/x"},
        {"x", "https://a.example:8443/b/c/x"},
        {"../x", "https://a.example:8443/b/x"},
        {"../../../x", "https://a.example:8443/x"},
        {"?y=2", "https://a.example:8443/b/c/d?y=2"},
        {"", "https://a.example:8443/b/c/d?q=1"},
        {"#f", "https://a.example:8443/b/c/d?q=1"},
        {"./", "https://a.example:8443/b/c/"},
        {"x:y", NULL},
        {"/x y", NULL},
        {"/x\r\nSet-Cookie: a", NULL},
        {"file:///etc/passwd", NULL},
        {"\\\\evil.example\\", NULL},
        {"//user@evil.example/", NULL},
        {"http:x", NULL},
        {"///evil.example/", NULL},
    };
    (void)state;
    struct url base = url("https://a.example:8443/b/c/d?q=1");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url u = {0};
        char why[URL_WHY_SIZE] = "";
        int r = url_resolve(&base, str_of(rows[i][0]), &u, why);
        if (r != (rows[i][1] ? 0 : -EINVAL))
            fail_msg("\"%s\" is %d, %s", rows[i][0], r, why);
        if (r == 0)
            check_print(&u, rows[i][1]);
    }
    url_done(&base);
}

static bool is_covered(const char *prefix, const char *text)
{
    struct url_prefix p;
    char why[URL_WHY_SIZE] = "";
    bool is = false;
    if (url_prefix_parse(str_of(prefix), &p, why) != 0)
        fail_msg("%s %s", prefix, why);
    struct url u = url(text);
    assert_int_equal(url_prefix_covers(&p, &u, &is), 0);
    url_done(&u);
    url_prefix_done(&p);
    return is;
}

static void a_prefix_closes_what_a_server_may_read_as_it(void **state)
{
    static const char *const closed[] = {
        "https://a.example/admin",          "https://a.example/admin/x?y",
        "https://A.EXAMPLE.:443/admin",     "https://a.example/administrator",
        "https://a.example/./admin",        "https://a.example/x/../admin",
        "https://a.example//admin",         "https://a.example/%61dmin",
        "https://a.example/%2561dmin",      "https://a.example/%25252561dmin",
        "https://a.example/x%2f..%2fadmin", "https://a.example/%2fadmin",
        "https://a.example/%5cadmin",       "https://a.example/admin%00x",
        "https://a.example/%2e/admin",      "https://a.example/x/%252e%252e/admin",
    };
    static const char *const open[] = {
        "https://a.example/",        "https://a.example/adm",       "https://b.example/admin",
        "http://a.example/admin",    "https://a.example:444/admin", "https://x.a.example/admin",
        "https://a.example/x/admin", "https://a.example/?/admin",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        if (!is_covered("https://a.example/admin", closed[i]))
            fail_msg("%s is open", closed[i]);
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        if (is_covered("https://a.example/admin", open[i]))
            fail_msg("%s is closed", open[i]);
    assert_true(is_covered("https://a.example", "https://a.example/anything"));
    assert_true(is_covered("http://127.0.0.1/", "http://[::ffff:127.0.0.1]/x"));
    assert_true(is_covered("https://a.example/p?q=1", "https://a.example/p?q=12"));
    assert_true(is_covered("https://a.example/p?q=a", "https://a.example/p?q=%61"));
    assert_false(is_covered("https://a.example/p?q=1", "https://a.example/p?x=1"));
    assert_false(is_covered("https://a.example/p?", "https://a.example/p"));
}

static void decoding_takes_time_as_long_as_the_text(void **state)
{
    (void)state;
    static char text[URL_MAX + 1];
    memset(text, '2',
           sizeof text - 1); /* %252525...: each round of decoding would take two bytes off */
    memcpy(text, "https://a.example/%", 19);
    for (size_t i = 19; i < URL_MAX; i++)
        text[i] = i % 2 ? '2' : '5';
    assert_false(is_covered("https://a.example/admin", text));
}

static void prefixes_that_are_none_are_refused(void **state)
{
    static const char *const rows[] = {
        "https://a.example/#x", "a.example", "https://*/", "https://*.a.example/", "ftp://a/",
        "https://u@a.example/", ""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url_prefix p;
        char why[URL_WHY_SIZE] = "";
        assert_int_equal(url_prefix_parse(str_of(rows[i]), &p, why), -EINVAL);
        assert_true(why[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_url_has_one_form),
        cmocka_unit_test(urls_that_can_be_read_in_two_ways_are_refused),
        cmocka_unit_test(a_url_is_at_most_so_long),
        cmocka_unit_test(redirects_are_read_as_the_standard_says),
        cmocka_unit_test(a_prefix_closes_what_a_server_may_read_as_it),
        cmocka_unit_test(decoding_takes_time_as_long_as_the_text),
        cmocka_unit_test(prefixes_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
