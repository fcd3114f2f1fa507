/* Heads of requests and answers: what passes, and each way to smuggle is refused. */
#include "wire/http_head.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void methods_are_plain_words(void **state)
{
    static const char *const fine[] = {"GET",     "HEAD",  "POST",     "PUT", "DELETE",
                                       "OPTIONS", "PATCH", "PROPFIND", "x"};
    static const char *const bad[] = {"",     "CONNECT", "connect", "TRACE", "TRACK",
                                      "GET ", "GET\r\n", "G(T",     "GET /", "ABCDEFGHIJKLMNOPQ"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        assert_true(http_method_is_fine(str_of(fine[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(http_method_is_fine(str_of(bad[i])));
    assert_false(http_method_is_fine(STR("G\0T")));
}

static void headers_of_a_guest_are_checked(void **state)
{
    static const char *const fine[][2] = {
        {"accept", "text/html"},         {"X-Any", ""},
        {"cookie", "a=b; c=\"d\""},      {"authorization", "Bearer x"},
        {"accept-encoding", "identity"}, {"x", "a\tb"}};
    static const char *const bad[][2] = {
        {"", "x"},
        {"a b", "x"},
        {"a:", "x"},
        {"a\r\n", "x"},
        {"\xc3\xa4", "x"},
        {"a", "x\r\nHost: b"},
        {"a", "x\n"},
        {"a", "\r"},
        {"a", "x\x7f"},
        {"a", "caf\xc3\xa9"},
        {"a", "\x01"},
        {"Host", "b"},
        {"host", ""},
        {"content-length", "5"},
        {"Content-Length", "5"},
        {"transfer-encoding", "chunked"},
        {"Connection", "close"},
        {"TE", "trailers"},
        {"Upgrade", "h2c"},
        {"expect", "100-continue"},
        {"proxy-authorization", "x"},
        {"trailer", "x"},
        {"keep-alive", "1"},
        {"accept-encoding", "gzip"},
        {"accept-encoding", "identity, br"},
    };
    (void)state;
    char why[HTTP_WHY_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        assert_int_equal(http_field_check(str_of(fine[i][0]), str_of(fine[i][1]), why), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why[0] = '\0';
        if (http_field_check(str_of(bad[i][0]), str_of(bad[i][1]), why) != -EINVAL || !why[0])
            fail_msg("%s: %s is taken", bad[i][0], bad[i][1]);
    }
    assert_int_equal(http_field_check(STR("a"), STR("b\0c"), why), -EINVAL);
    assert_true(http_field_may_follow(STR("Accept")));
    assert_false(http_field_may_follow(STR("Authorization")) ||
                 http_field_may_follow(STR("cookie")) || http_field_may_follow(STR("x-api-key")));
}

static int feed(struct http_answer *a, const char *text)
{
    int r = HTTP_MORE;
    while (*text && r == HTTP_MORE) {
        size_t len = strcspn(text, "\n");
        len += text[len] == '\n';
        r = http_answer_line(a, (struct str){text, len});
        text += len;
    }
    return r;
}

static void an_answer_is_read(void **state)
{
    (void)state;
    struct http_answer a;
    http_answer_init(&a, 4096);
    assert_int_equal(feed(&a, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), HTTP_WHOLE);
    assert_int_equal(
        feed(
            &a,
            "HTTP/1.1 301 Moved\r\nContent-Length: 5\r\nLOCATION:  /x \r\nContent-Encoding: gzip\r\nX-A:\r\nx-a: 2\r\n\r\n"),
        HTTP_WHOLE);
    assert_int_equal(a.status, 301);
    assert_int_equal(a.content_length, 5);
    assert_true(a.is_encoded && !a.is_chunked);
    assert_string_equal(a.location, "/x");
    size_t at = 0, count = 0;
    struct str name, value;
    while (http_answer_next(&a, &at, &name, &value))
        count++;
    assert_int_equal(count, 5);
    assert_true(str_is(name, "x-a") && str_is(value, "2"));
    http_answer_done(&a);
}

static void answers_that_can_be_read_in_two_ways_are_refused(void **state)
{
    static const char *const bad[] = {
        "\r\n",
        "X: y\r\n",
        "HTTP/2 200\r\n",
        "HTTP/1.1 99 x\r\n",
        "HTTP/1.1 2000\r\n",
        "HTTP/1.1 200x\r\n",
        "HTTP/1.1\r\n",
        "HTTP/0.9 200\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\n: a\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rY: b\r\n",
        "HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /b\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_answer a;
        http_answer_init(&a, 4096);
        if (feed(&a, bad[i]) != -EINVAL || !a.fault)
            fail_msg("%zu: %s is taken", i, bad[i]);
        assert_int_equal(http_answer_line(&a, STR("HTTP/1.1 200 OK\r\n")), -EINVAL); /* it sticks */
        http_answer_done(&a);
    }
}

static void a_head_has_a_size_and_a_count(void **state)
{
    (void)state;
    struct http_answer a;
    http_answer_init(&a, 10);
    assert_int_equal(feed(&a, "HTTP/1.1 200 OK\r\nabc: efgh\r\nx: y\r\n"), -EINVAL);
    http_answer_done(&a);
    http_answer_init(&a, 65536);
    assert_int_equal(feed(&a, "HTTP/1.1 200 OK\r\n"), HTTP_MORE);
    for (size_t i = 0; i < HTTP_HEAD_FIELDS_MAX; i++)
        assert_int_equal(feed(&a, "x: y\r\n"), HTTP_MORE);
    assert_int_equal(feed(&a, "x: y\r\n"), -EINVAL);
    http_answer_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_plain_words),
        cmocka_unit_test(headers_of_a_guest_are_checked),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(answers_that_can_be_read_in_two_ways_are_refused),
        cmocka_unit_test(a_head_has_a_size_and_a_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
