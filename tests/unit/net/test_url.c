/* Base URLs and proxies: what is taken, what it means, what is refused. */
#include "net/http.h"
#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bases_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *url, *host;
        unsigned port;
        bool is_tls;
    } rows[] = {
        {"https://api.anthropic.com", "https://api.anthropic.com", "api.anthropic.com", 443, true},
        {"https://api.anthropic.com///", "https://api.anthropic.com", "api.anthropic.com", 443,
         true},
        {"HTTPS://API.Example.COM:8443/v1/", "https://API.Example.COM:8443/v1", "api.example.com",
         8443, true},
        {"http://127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1", 1, false},
        {"http://[::1]:8080/a/b", "http://[::1]:8080/a/b", "::1", 8080, false},
        {"http://localhost", "http://localhost", "localhost", 80, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_url url;
        struct fault why = {0};
        if (net_url_parse_base(str_of(rows[i].text), &url, &why) != 0)
            fail_msg("%s: %s", rows[i].text, why.text);
        assert_string_equal(url.text, rows[i].url);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.is_tls, rows[i].is_tls);
        net_url_done(&url);
    }
}

static void bases_that_are_none_are_refused_with_a_sentence(void **state)
{
    static const char *const rows[] = {"",
                                       "x",
                                       "api.anthropic.com",
                                       "//h",
                                       "ftp://h",
                                       "file:///etc/passwd",
                                       "http://",
                                       "https:///x",
                                       "http://h:0",
                                       "http://h:99999",
                                       "http://h:x",
                                       "http://u@h",
                                       "http://u:p@h",
                                       "http://h/?q",
                                       "http://h/#f",
                                       "http://h/a b",
                                       "http://h\n",
                                       "http://h\x7f",
                                       "unix:///run/x",
                                       "gopher://h"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_url url;
        struct fault why = {0};
        if (net_url_parse_base(str_of(rows[i]), &url, &why) != -FAULT_CONFIG)
            fail_msg("%s was taken", rows[i]);
        assert_true(why.text[0] && why.next[0]);
    }
}

static void a_proxy_always_says_its_port(void **state)
{
    static const char *const rows[][2] = {{"http://proxy", "http://proxy:80"},
                                          {"https://proxy", "https://proxy:443"},
                                          {"http://u:p@proxy:3128/", "http://u:p@proxy:3128"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_url url;
        assert_int_equal(net_url_parse_proxy(str_of(rows[i][0]), &url, NULL), 0);
        assert_string_equal(url.text, rows[i][1]);
        assert_string_equal(url.host, "proxy");
        net_url_done(&url);
    }
}

static void the_password_of_a_proxy_is_in_no_sentence(void **state)
{
    static const char *const rows[] = {"socks5://me:sesame@h:1", "http://me:sesame@",
                                       "http://me:sesame@h:1/?x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_url url;
        struct fault why = {0};
        assert_int_equal(net_url_parse_proxy(str_of(rows[i]), &url, &why), -FAULT_CONFIG);
        assert_null(strstr(why.text, "sesame"));
    }
}

static void dates_of_http_are_read(void **state)
{
    int64_t s = 0;
    (void)state;
    assert_int_equal(net_parse_date(STR("Wed, 21 Oct 2015 07:28:00 GMT"), &s), 0);
    assert_int_equal(s, 1445412480);
    assert_true(net_parse_date(STR("soon"), &s) < 0);
    assert_true(
        net_parse_date(STR("Wed, 21 Oct 2015 07:28:00 GMT and very much more than any date has"),
                       &s) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bases_are_taken_apart),
        cmocka_unit_test(bases_that_are_none_are_refused_with_a_sentence),
        cmocka_unit_test(a_proxy_always_says_its_port),
        cmocka_unit_test(the_password_of_a_proxy_is_in_no_sentence),
        cmocka_unit_test(dates_of_http_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
