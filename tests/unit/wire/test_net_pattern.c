/* The pattern language of allowed_outbound_hosts and Net rules, and the entries of block_networks. */
#include "wire/net_pattern.h"

#include "base/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool takes(const char *pattern, const char *text)
{
    struct net_pattern p;
    struct url u;
    char why[URL_WHY_SIZE] = "";
    if (net_pattern_parse(str_of(pattern), true, &p, why) != 0)
        fail_msg("%s %s", pattern, why);
    if (url_parse(str_of(text), &u, why) != 0)
        fail_msg("%s %s", text, why);
    bool is = net_pattern_takes(&p, &u);
    char target[NET_TARGET_MAX];
    net_target_print(&u, target);
    assert_int_equal(net_pattern_matches(&p, str_of(url_scheme(&u)), str_of(target)),
                     is); /* both doors say the same */
    url_done(&u);
    return is;
}

static void a_pattern_takes_what_it_names(void **state)
{
    static const struct {
        const char *pattern, *in, *out;
    } rows[] = {
        {"https://api.example.org", "https://API.example.org./x", "http://api.example.org/"},
        {"https://api.example.org", "https://api.example.org:443/", "https://api.example.org:444/"},
        {"https://API.Example.org.", "https://api.example.org/", "https://x.api.example.org/"},
        {"http://api.example.org", "http://api.example.org:80/", "http://api.example.org:8080/"},
        {"*://api.example.org", "http://api.example.org/", "https://api.example.org:80/"},
        {"*://api.example.org", "https://api.example.org/", "http://api.example.org:443/"},
        {"*://*", "https://anything.example/", "https://anything.example:8443/"},
        {"https://*", "https://192.0.2.1/", "http://192.0.2.1/"},
        {"https://*.example.org", "https://a.example.org/", "https://example.org/"},
        {"https://*.example.org", "https://a.b.example.org/", "https://aexample.org/"},
        {"https://*.example.org", "https://x.example.org/", "https://x.example.org.evil.example/"},
        {"https://example.org:*", "https://example.org:1/", "https://example.com:1/"},
        {"https://example.org:8443", "https://example.org:8443/", "https://example.org/"},
        {"https://example.org:8000..8002", "https://example.org:8001/",
         "https://example.org:8002/"},
        {"http://10.0.0.0/8", "http://10.2.3.4/", "http://11.2.3.4/"},
        {"http://10.0.0.0/8:8080", "http://10.2.3.4:8080/", "http://10.2.3.4/"},
        {"http://127.0.0.1:8080", "http://[::ffff:127.0.0.1]:8080/", "http://127.0.0.2:8080/"},
        {"http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", "http://[::2]:8080/"},
        {"http://[fd00::/8]", "http://[fd12::1]/", "http://[fe12::1]/"},
        {"http://10.0.0.1", "http://10.0.0.1/",
         "http://[64:ff9b::10.0.0.1]/"}, /* opens nothing behind a gateway */
        {"http://0.0.0.0/0", "http://1.2.3.4/",
         "http://name.example/"}, /* names are not looked up for it */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!takes(rows[i].pattern, rows[i].in) || takes(rows[i].pattern, rows[i].out))
            fail_msg("%s: %s, not %s", rows[i].pattern, rows[i].in, rows[i].out);
}

static void a_bad_pattern_is_an_error_with_a_sentence(void **state)
{
    static const char *const rows[] = {
        "",
        "*",
        "example.org",
        "https://",
        "://a",
        "1://a",
        "ht-tp://a",
        "https://a/",
        "https://a/x",
        "https://user@a",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://a:2..1",
        "https://a:1..1",
        "https://a:1..65537",
        "https://a:1.2",
        "https://a:-1",
        "https://a:+1",
        "https://a: 1",
        "https://a b",
        "https://a*",
        "https://*a",
        "https://a.*",
        "https://*.*.a",
        "https://*.",
        "https://*.1.2.3.4",
        ("https://b\xc3\xbc"
         "cher.example"),
        "https://127.1",
        "https://0177.0.0.1",
        "https://2130706433",
        "https://10.0.0.1/8",
        "https://10.0.0.0/33",
        "https://::1",
        "https://[::1",
        "https://[fe80::1%eth0]",
        "https://[1.2.3.4]",
        "https://[::1]x",
        "https://a..b",
        "https://.a",
        "abcdefghijklmnop://a",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_pattern p;
        char why[URL_WHY_SIZE] = "";
        if (net_pattern_parse(str_of(rows[i]), true, &p, why) != -FAULT_CONFIG || !why[0])
            fail_msg("\"%s\" is taken", rows[i]);
    }
}

static const char *covers(const char *block, const char *address)
{
    struct net_block b;
    struct ip a;
    char why[URL_WHY_SIZE] = "";
    assert_int_equal(net_block_parse(str_of(block), &b, why), 0);
    assert_int_equal(ip_parse(str_of(address), &a), 0);
    return net_block_covers(&b, &a);
}

static void a_closed_network_closes_every_way_in(void **state)
{
    (void)state;
    assert_string_equal(covers("private", "127.0.0.1"), "loopback");
    assert_string_equal(covers("private", "::ffff:169.254.169.254"), "cloud metadata");
    assert_null(covers("private", "8.8.8.8"));
    assert_non_null(covers("8.8.8.0/24", "8.8.8.8"));
    assert_non_null(covers("8.8.8.0/24", "64:ff9b::8.8.8.8"));
    assert_non_null(covers("8.8.8.0/24", "2002:808:808::1"));
    assert_null(covers("8.8.8.0/24", "8.8.9.8"));
    assert_non_null(covers("::ffff:8.8.8.0/120", "8.8.8.8"));
    assert_non_null(covers("2606:4700::/32", "2606:4700::1"));
    static const char *const bad[] = {
        "", "public", "[::1]", "10.0.0.1/8", "10.0.0.0/40", "example.org", "10.1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct net_block b;
        char why[URL_WHY_SIZE] = "";
        assert_int_equal(net_block_parse(str_of(bad[i]), &b, why), -FAULT_CONFIG);
        assert_true(why[0] != '\0');
    }
}

static void a_url_becomes_a_target(void **state)
{
    (void)state;
    char target[NET_TARGET_MAX], why[URL_WHY_SIZE];
    assert_int_equal(net_target_of_url(STR("HTTPS://Example.org./x"), target, why), 0);
    assert_string_equal(target, "example.org:443");
    assert_int_equal(net_target_of_url(STR("http://[::1]/x"), target, why), 0);
    assert_string_equal(target, "[::1]:80");
    assert_int_equal(net_target_of_url(STR("ftp://a/"), target, why), -FAULT_POLICY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_takes_what_it_names),
        cmocka_unit_test(a_bad_pattern_is_an_error_with_a_sentence),
        cmocka_unit_test(a_closed_network_closes_every_way_in),
        cmocka_unit_test(a_url_becomes_a_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
