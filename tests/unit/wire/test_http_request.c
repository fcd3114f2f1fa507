/* What a command says to its proxy: heads of requests, and bodies in chunks. */
#include "wire/http_request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct http_request *ret)
{
    char why[URL_WHY_SIZE] = "";
    int r = http_request_parse(str_of(text), ret, why);
    assert_true(r == 0 || (why[0] && memchr(why, '\0', sizeof why)));
    return r;
}

static void a_tunnel_has_a_host_and_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
    } rows[] = {
        {"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", "a.example", 443},
        {"CONNECT A.Example.:22 HTTP/1.0\r\n\r\n", "a.example", 22},
        {"CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "::1", 8443},
        {"CONNECT a.example:8443 HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", 8443},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request a;
        if (parse(rows[i].text, &a) != 0)
            fail_msg("%s", rows[i].text);
        assert_true(a.is_connect && a.url.is_tls);
        assert_string_equal(a.url.host.name, rows[i].host);
        assert_int_equal(a.url.port, rows[i].port);
        http_request_done(&a);
    }
}

static void what_belongs_to_the_connection_does_not_go_on(void **state)
{
    (void)state;
    struct http_request a;
    struct str name, value;
    size_t at = 0;
    assert_int_equal(
        parse(
            "PUT http://A.example:80/x/../y?z#f HTTP/1.1\r\nHOST: a.example\r\nConnection: Close, X-Hop\r\n"
            "X-Hop: 1\r\nX-Stay:\r\nProxy-Authorization: b\r\nTE: trailers\r\nUpgrade: h2c\r\n"
            "Accept-Encoding: gzip\r\nContent-Length: 12\r\nexpect: 100-Continue\r\nAccept: */*\r\n\r\n",
            &a),
        0);
    assert_string_equal(a.method, "PUT");
    assert_string_equal(a.url.path, "/y");
    assert_int_equal(a.content_length, 12);
    assert_true(a.wants_continue && !a.is_chunked && !a.is_connect && !a.is_old);
    assert_int_equal(a.field_count, 2);
    assert_true(http_request_next(&a, &at, &name, &value) && str_is(name, "X-Stay") &&
                value.len == 0);
    assert_true(http_request_next(&a, &at, &name, &value) && str_is(name, "Accept") &&
                str_is(value, "*/*"));
    assert_false(http_request_next(&a, &at, &name, &value));
    http_request_done(&a);
}

static void what_can_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "GET http://a/ HTTP/1.1\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n A: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA : b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA: \x80\r\n\r\n",
        "GET http://a/\tHTTP/1.1\r\n\r\n",
        "GET http://a/ x HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.2\r\n\r\n",
        "GET https://a/ HTTP/1.1\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "TRACE http://a/ HTTP/1.1\r\n\r\n",
        "connect a:1 HTTP/1.1\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nExpect: 200-ok\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: b:1\r\n\r\n",
        "CONNECT a HTTP/1.1\r\n\r\n",
        "CONNECT a:0 HTTP/1.1\r\n\r\n",
        "CONNECT a:65536 HTTP/1.1\r\n\r\n",
        "CONNECT u@a:1 HTTP/1.1\r\n\r\n",
        "CONNECT a:1/x HTTP/1.1\r\n\r\n",
        "CONNECT [::1%25lo]:1 HTTP/1.1\r\n\r\n",
        "CONNECT 0x7f.1:1 HTTP/1.1\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct http_request a;
        if (parse(texts[i], &a) != -EINVAL)
            fail_msg("taken: %s", texts[i]);
    }
}

static void a_body_in_chunks_is_read_to_its_end_and_no_further(void **state)
{
    (void)state;
    static const char text[] = "3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\nbehind";
    for (size_t step = 1; step < sizeof text; step++) {
        struct http_chunks c = {0};
        char got[32] = "";
        size_t at = 0, len = 0;
        while (c.state != HTTP_CHUNKS_WHOLE) {
            size_t n = sizeof text - 1 - at < step ? sizeof text - 1 - at : step;
            struct str piece = {text + at, n}, data;
            while (piece.len > 0 && c.state != HTTP_CHUNKS_WHOLE) {
                assert_int_equal(http_chunks_take(&c, &piece, &data), 0);
                memcpy(got + len, data.at, data.len);
                len += data.len;
            }
            at += n - piece.len;
        }
        assert_string_equal(got, "abc0123456789");
        assert_string_equal(text + at, "behind");
    }
}

static void chunks_that_differ_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"\r\n",
                                        "g\r\n",
                                        " 1\r\na",
                                        "1 \r\na",
                                        "1;x\r\na",
                                        "1\na",
                                        "1\r\na\n",
                                        "1\r\nab",
                                        "0\r\nA: b\r\n",
                                        "0\r\n\n",
                                        "1000000000000000\r\n",
                                        "-1\r\n",
                                        "0x1\r\na"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct http_chunks c = {0};
        struct str rest = str_of(texts[i]), data;
        int r = 0;
        while (r == 0 && rest.len > 0)
            r = http_chunks_take(&c, &rest, &data);
        if (r != -EINVAL)
            fail_msg("taken: %s", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tunnel_has_a_host_and_a_port),
        cmocka_unit_test(what_belongs_to_the_connection_does_not_go_on),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_body_in_chunks_is_read_to_its_end_and_no_further),
        cmocka_unit_test(chunks_that_differ_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
