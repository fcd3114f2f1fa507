/* The worker's side of a guest's HTTP against an egress played by hand: what is said, in which order, and what becomes of
 * every answer that egress should not give. */
#include "host/ask/http_client.h"

#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct http_client *client;
static struct channel *egress;
static int cancel_pipe[2];

static int64_t soon(void)
{
    return os_now_mono_ns() + 60 * OS_NS_PER_S;
}

static int set_up(void **state)
{
    (void)state;
    int a, b;
    must(os_socket_pair(&a, &b) == 0 && pipe(cancel_pipe) == 0);
    must(http_client_new(a, cancel_pipe[0], &client) == 0);
    must(channel_new(b, permits_egress_http, 8 << 20, &egress) == 0);
    channel_set_state(egress, STATE_IDLE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(take(client));
    channel_free(take(egress));
    close(cancel_pipe[0]);
    close(cancel_pipe[1]);
    return 0;
}

static struct message heard(uint16_t type)
{
    struct message m;
    assert_int_equal(channel_recv(egress, soon(), &m, NULL), 0);
    assert_int_equal(m.type, type);
    channel_set_state(egress, STATE_BUSY);
    return m;
}

static void says(uint16_t type, uint64_t id, const char *json, const char *raw)
{
    assert_int_equal(channel_send_text(egress, type, id, str_of(json), str_of(raw), NULL, 0), 0);
}

static int begin(const char *url, bool has_body, int64_t size)
{
    const struct http_field fields[] = {{STR("accept"), STR("text/html")}};
    const struct http_ask ask = {STR("GET"), str_of(url), fields, 1, has_body, size, 5};
    return http_client_begin(client, &ask, soon());
}

#define HEAD                                                                                       \
    "{\"status\":200,\"url\":\"https://a.example/\",\"headers\":[[\"x\",\"1\"],[\"x\",\"2\"]]}"

static void a_request_and_its_answer_pass(void **state)
{
    (void)state;
    assert_int_equal(begin("https://a.example/", true, -1), HTTP_OK);
    struct message m = heard(EGRESS_HTTP_BEGIN);
    struct str url, method;
    assert_int_equal(json_get_str(m.body, "url", &url, NULL), 0);
    assert_int_equal(json_get_str(m.body, "method", &method, NULL), 0);
    assert_true(str_is(url, "https://a.example/") && str_is(method, "GET"));
    assert_int_equal(json_integer_value(json_object_get(m.body, "redirects")), 5);
    assert_int_equal(json_integer_value(json_object_get(m.body, "body_size")), -1);
    message_done(&m);
    assert_int_equal(http_client_send(client, STR("hello"), soon()), HTTP_OK);
    assert_int_equal(http_client_end_body(client, soon()), HTTP_OK);
    m = heard(EGRESS_HTTP_BODY);
    assert_true(str_is(m.raw, "hello") && m.id == 1);
    message_done(&m);
    m = heard(EGRESS_HTTP_SENT);
    message_done(&m);

    says(WORKER_HTTP_HEAD, 1, HEAD, "");
    says(WORKER_HTTP_BODY, 1, "", "abcdef");
    says(WORKER_HTTP_BODY, 1, "", "g");
    says(WORKER_HTTP_END, 1, "{\"outcome\":\"ok\",\"text\":\"\"}", "");
    struct http_head head;
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_OK);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.field_count, 2);
    assert_true(str_is(http_client_field(client, 1).value, "2"));
    char at[4], all[16] = "";
    size_t len = 1;
    while (len > 0) {
        assert_int_equal(http_client_read(client, at, sizeof at, soon(), &len), HTTP_OK);
        strncat(all, at, len);
    }
    assert_string_equal(all, "abcdefg");
    assert_int_equal(http_client_read(client, at, sizeof at, soon(), &len),
                     HTTP_OK); /* stays at its end */
    assert_int_equal(len, 0);
    http_client_close(client);
}

static void each_named_end_comes_with_its_sentence(void **state)
{
    (void)state;
    static const char *const ends[] = {"denied:net", "quota",   "bad",
                                       "failed",     "timeout", "cancelled"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char json[128];
        struct http_head head;
        snprintf(json, sizeof json, "{\"outcome\":\"%s\",\"text\":\"because of %zu\"}", ends[i], i);
        assert_int_equal(begin("https://a.example/", false, 0), HTTP_OK);
        says(WORKER_HTTP_END, i + 1, json, "");
        int r = http_client_head(client, soon(), &head);
        assert_int_equal(r, HTTP_DENIED + (int)i);
        assert_string_equal(http_result_name(r), ends[i]);
        assert_non_null(strstr(http_client_why(client), "because of"));
        http_client_close(client);
    }
}

static void what_is_late_for_a_closed_request_is_dropped(void **state)
{
    (void)state;
    struct http_head head;
    assert_int_equal(begin("https://a.example/", false, 0), HTTP_OK);
    says(WORKER_HTTP_HEAD, 1, HEAD, "");
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_OK);
    says(WORKER_HTTP_BODY, 1, "", "old");
    http_client_close(client);
    assert_int_equal(begin("https://b.example/", false, 0), HTTP_OK);
    says(WORKER_HTTP_END, 1, "{\"outcome\":\"cancelled\",\"text\":\"\"}", "");
    says(WORKER_HTTP_HEAD, 2, HEAD, "");
    says(WORKER_HTTP_BODY, 2, "", "new");
    char at[8];
    size_t len;
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_OK);
    assert_int_equal(http_client_read(client, at, sizeof at, soon(), &len), HTTP_OK);
    assert_memory_equal(at, "new", 3);
}

static void a_body_is_exactly_as_long_as_said(void **state)
{
    (void)state;
    assert_int_equal(begin("https://a.example/", true, 4), HTTP_OK);
    assert_int_equal(http_client_send(client, STR("abc"), soon()), HTTP_OK);
    assert_int_equal(http_client_end_body(client, soon()), HTTP_BAD);
    assert_int_equal(http_client_send(client, STR("de"), soon()), HTTP_BAD);
    assert_int_equal(http_client_send(client, STR("d"), soon()), HTTP_OK);
    assert_int_equal(http_client_end_body(client, soon()), HTTP_OK);
    assert_int_equal(http_client_end_body(client, soon()), HTTP_BAD);
}

static void the_order_of_calls_is_kept(void **state)
{
    (void)state;
    struct http_head head;
    char at[1];
    size_t len;
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_BAD);
    assert_int_equal(http_client_read(client, at, 1, soon(), &len), HTTP_BAD);
    assert_int_equal(http_client_send(client, STR("x"), soon()), HTTP_BAD);
    http_client_close(client); /* fine at any time */
    assert_int_equal(begin("https://a.example/", true, -1), HTTP_OK);
    assert_int_equal(begin("https://a.example/", false, 0), HTTP_BAD);
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_BAD); /* its body is not whole */
}

static void a_request_that_is_too_large_is_not_sent(void **state)
{
    (void)state;
    char long_url[HTTP_URL_MAX + 2];
    memset(long_url, 'a', sizeof long_url - 1);
    long_url[sizeof long_url - 1] = '\0';
    assert_int_equal(begin(long_url, false, 0), HTTP_BAD);
    assert_int_equal(begin("https://\xff/", false, 0), HTTP_BAD);
    long_url[HTTP_URL_MAX] = '\0';
    assert_int_equal(begin(long_url, false, 0), HTTP_OK); /* exactly the most */
    struct message m = heard(EGRESS_HTTP_BEGIN);
    assert_int_equal(m.id, 1); /* nothing of the others came */
    message_done(&m);
}

static void every_wait_ends_with_the_deadline_or_a_cancel(void **state)
{
    (void)state;
    struct http_head head;
    assert_int_equal(begin("https://a.example/", false, 0), HTTP_OK);
    assert_int_equal(http_client_head(client, os_now_mono_ns() + OS_NS_PER_MS, &head),
                     HTTP_TIMEOUT);
    assert_int_equal(write(cancel_pipe[1], "x", 1), 1);
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_CANCELLED);
    http_client_close(client);
    /* Nobody reads at the other end: sending waits, and ends likewise. */
    static char much[4 << 20];
    assert_int_equal(begin("https://a.example/", true, -1), HTTP_OK);
    assert_int_equal(http_client_send(client, (struct str){much, sizeof much}, soon()),
                     HTTP_CANCELLED);
}

static void an_early_end_ends_the_sending(void **state)
{
    (void)state;
    static char much[4 << 20];
    struct http_head head;
    assert_int_equal(begin("https://a.example/", true, -1), HTTP_OK);
    says(WORKER_HTTP_HEAD, 1, HEAD, "");
    says(WORKER_HTTP_END, 1, "{\"outcome\":\"ok\",\"text\":\"\"}", "");
    /* Egress takes nothing: only what is here already lets this come to an end, as far as one piece is out... */
    assert_int_equal(
        http_client_send(client, (struct str){much, sizeof much}, os_now_mono_ns() + OS_NS_PER_MS),
        HTTP_TIMEOUT);
    assert_int_equal(http_client_send(client, STR("more"), soon()),
                     HTTP_OK); /* ... and here it is known */
    assert_int_equal(http_client_end_body(client, soon()), HTTP_OK);
    assert_int_equal(http_client_head(client, soon(), &head), HTTP_OK);
    char at[16];
    size_t len;
    assert_int_equal(http_client_read(client, at, sizeof at, soon(), &len), HTTP_OK);
    assert_int_equal(len, 0);
}

static void an_egress_that_lies_is_a_fault(void **state)
{
    static const struct {
        uint16_t type;
        uint64_t id;
        const char *json, *raw;
    } lies[] = {
        {WORKER_HTTP_BODY, 1, "", "before its head"},
        {WORKER_HTTP_HEAD, 1, "", ""},
        {WORKER_HTTP_HEAD, 1, "{\"status\":200}", ""},
        {WORKER_HTTP_HEAD, 1, "{\"status\":20,\"url\":\"\",\"headers\":[]}", ""},
        {WORKER_HTTP_HEAD, 1, "{\"status\":200,\"url\":\"\",\"headers\":[[\"a\"]]}", ""},
        {WORKER_HTTP_HEAD, 1, "{\"status\":200,\"url\":\"\",\"headers\":[[\"a\",1]]}", ""},
        {WORKER_HTTP_HEAD, 2, HEAD, ""},
        {WORKER_HTTP_END, 1, "{\"outcome\":\"ok\"}", ""},
        {WORKER_HTTP_END, 1, "{\"outcome\":\"fine\"}", ""},
        {WORKER_HTTP_END, 1, "{}", ""},
        {WORKER_RUN, 1, "{}", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct http_head head;
        assert_int_equal(begin("https://a.example/", false, 0), HTTP_OK);
        says(lies[i].type, lies[i].id, lies[i].json, lies[i].raw);
        for (int again = 0; again < 2; again++)
            if (http_client_head(client, soon(), &head) != -FAULT_PROTOCOL)
                fail_msg("lie %zu is believed", i);
        tear_down(state);
        set_up(state);
    }
    struct http_head head;
    assert_int_equal(begin("https://a.example/", false, 0), HTTP_OK);
    channel_free(take(egress));
    assert_int_equal(http_client_head(client, soon(), &head), -FAULT_PEER_GONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_and_its_answer_pass),
        TEST(each_named_end_comes_with_its_sentence),
        TEST(what_is_late_for_a_closed_request_is_dropped),
        TEST(a_body_is_exactly_as_long_as_said),
        TEST(the_order_of_calls_is_kept),
        TEST(a_request_that_is_too_large_is_not_sent),
        TEST(every_wait_ends_with_the_deadline_or_a_cancel),
        TEST(an_early_end_ends_the_sending),
        TEST(an_egress_that_lies_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
