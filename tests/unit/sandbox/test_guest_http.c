/* The import boxagnts_http against an egress played by hand: what leaves, what a guest gets back, and every pointer,
 * length, number and header that a guest should not get away with. */
#include "sandbox/guest_http.h"

#include "base/buf.h"
#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MEMORY = 1 << 16, AT = 1024, RET = 64 };
enum {
    GUEST_ACCES = 2,
    GUEST_BADF = 8,
    GUEST_CANCELED = 11,
    GUEST_DQUOT = 19,
    GUEST_FAULT = 21,
    GUEST_HOSTUNREACH = 23,
    GUEST_INVAL = 28,
    GUEST_IO = 29,
    GUEST_MFILE = 33,
    GUEST_TIMEDOUT = 73,
    GUEST_NOTCAPABLE = 76,
    GUEST_RESET = 15
};

static uint8_t *memory;
static struct guest_http http;
static struct channel *egress;
static int fd_of_call;
static bool is_call_cancelled;
static int last_stop;

static bool is_cancelled(void *arg)
{
    (void)arg;
    return is_call_cancelled;
}

static int set_up(void **state)
{
    (void)state;
    int b;
    memory = calloc(1, MEMORY);
    is_call_cancelled = false;
    must(memory && os_socket_pair(&fd_of_call, &b) == 0);
    must(channel_new(b, permits_egress_http, 8 << 20, &egress) == 0);
    channel_set_state(egress, STATE_IDLE);
    http = (struct guest_http){.fd = fd_of_call,
                               .deadline_ns = os_now_mono_ns() + 60 * OS_NS_PER_S,
                               .cancel_fd = -1,
                               .is_cancelled = is_cancelled};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guest_http_done(&http);
    channel_free(take(egress));
    os_close(fd_of_call);
    free(take(memory));
    return 0;
}

static uint32_t call(const char *name, const uint64_t *args)
{
    uint32_t error = 9999;
    for (size_t i = 0; i < guest_http_function_count; i++)
        if (strcmp(guest_http_functions[i].name, name) == 0)
            last_stop = guest_http_functions[i].call(&http, (struct wasi_memory){memory, MEMORY},
                                                     args, &error);
    return error;
}
#define CALL(name, ...) call(name, (const uint64_t[9]){__VA_ARGS__})

static uint64_t put(uint32_t at, const char *text)
{
    memcpy(memory + at, text, strlen(text));
    return strlen(text);
}

static uint32_t word(uint32_t at)
{
    return get_u32(memory + at);
}

static uint32_t request(const char *method, const char *url, const char *headers, int64_t body_size)
{
    uint64_t m = put(AT, method), u = put(AT + 100, url), h = put(AT + 20000, headers);
    return CALL("request", AT, m, AT + 100, u, AT + 20000, h, (uint64_t)body_size, 3, RET);
}

static void says(uint16_t type, uint64_t id, const char *json, const char *raw)
{
    assert_int_equal(channel_send_text(egress, type, id, str_of(json), str_of(raw), NULL, 0), 0);
}

static struct message heard(uint16_t type)
{
    struct message m;
    assert_int_equal(channel_recv(egress, os_now_mono_ns() + 60 * OS_NS_PER_S, &m, NULL), 0);
    assert_int_equal(m.type, type);
    channel_set_state(egress, type == EGRESS_HTTP_CLOSE ? STATE_IDLE : STATE_BUSY);
    return m;
}

static void expect(uint16_t type)
{
    struct message m = heard(type);
    message_done(&m);
}

static void assert_says(const char *part)
{
    assert_int_equal(CALL("error", 512, 400, RET), 0);
    memory[512 + (word(RET) < 400 ? word(RET) : 400)] = '\0';
    if (!strstr((const char *)memory + 512, part))
        fail_msg("\"%s\" has no \"%s\"", (const char *)memory + 512, part);
}

static void a_request_and_its_answer_pass(void **state)
{
    (void)state;
    assert_int_equal(request("POST", "https://a.example/x", "Accept: text/html\nx-a:  b \t\n", 5),
                     0);
    uint32_t handle = word(RET);
    struct message m = heard(EGRESS_HTTP_BEGIN);
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(json_print(m.body, &text), 0);
    assert_string_equal(
        buf_str(&text).at,
        "{\"method\":\"POST\",\"url\":\"https://a.example/x\",\"headers\":[[\"Accept\",\"text/html\"],"
        "[\"x-a\",\"b\"]],\"redirects\":3,\"body_size\":5}");
    buf_done(&text);
    message_done(&m);
    assert_int_equal(CALL("write", handle, AT, put(AT, "hello")), 0);
    assert_int_equal(CALL("finish", handle), 0);
    m = heard(EGRESS_HTTP_BODY);
    assert_true(str_eq(m.raw, STR("hello")));
    message_done(&m);
    expect(EGRESS_HTTP_SENT);
    says(
        WORKER_HTTP_HEAD, 1,
        "{\"status\":201,\"url\":\"https://a.example/y\",\"headers\":[[\"content-type\",\"a\\nb\"]]}",
        "");
    says(WORKER_HTTP_BODY, 1, "", "abcdef");
    says(WORKER_HTTP_END, 1, "{\"outcome\":\"ok\",\"text\":\"\"}", "");
    assert_int_equal(CALL("response", handle, RET, AT, 100, RET + 4), 0);
    assert_int_equal(word(RET), 201);
    assert_int_equal(word(RET + 4), 18);
    assert_memory_equal(memory + AT, "content-type: a b\n", 18);
    assert_int_equal(CALL("response", handle, RET, AT, 3, RET + 4), 0); /* again, and cut */
    assert_int_equal(word(RET + 4), 18);
    assert_int_equal(CALL("url", handle, AT, 100, RET), 0);
    assert_memory_equal(memory + AT, "https://a.example/y", 19);
    assert_int_equal(CALL("read", handle, AT, 4, RET), 0);
    assert_int_equal(word(RET), 4);
    assert_int_equal(CALL("read", handle, AT, 4, RET), 0);
    assert_int_equal(word(RET), 2);
    assert_memory_equal(memory + AT, "ef", 2);
    assert_int_equal(CALL("read", handle, AT, 4, RET), 0);
    assert_int_equal(word(RET), 0);
    assert_int_equal(CALL("close", handle), 0);
    expect(EGRESS_HTTP_CLOSE);
    assert_int_equal(CALL("close", handle), GUEST_BADF);
}

static void without_a_grant_nothing_goes(void **state)
{
    (void)state;
    http.fd = -1;
    assert_int_equal(request("GET", "https://user:pw@A.example:8443/secret?token=1", "", 0),
                     GUEST_NOTCAPABLE);
    assert_says("no host is granted");
    assert_int_equal(request("GET", "https://A.example:8443/other", "", 0), GUEST_NOTCAPABLE);
    assert_int_equal(request("GET", "https://b\x01\xff", "", 0), GUEST_NOTCAPABLE);
    const char *const others[] = {"write", "finish", "response", "url", "read", "close"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(CALL(others[i], 1, AT, 1, RET, RET), GUEST_NOTCAPABLE);
    assert_null(http.client);
    assert_int_equal(http.refused_count, 2);
    assert_string_equal(http.refused[0], "https://A.example:8443");
    assert_string_equal(http.refused[1], "https://b??");
    for (int i = 0; i < 100; i++) {
        char url[40];
        snprintf(url, sizeof url, "https://h%d.example/", i);
        assert_int_equal(request("GET", url, "", 0), GUEST_NOTCAPABLE);
    }
    assert_int_equal(http.refused_count, GUEST_HTTP_REFUSALS_MAX);
}

static void what_egress_refuses_has_its_number(void **state)
{
    (void)state;
    static const struct {
        const char *outcome;
        uint32_t error;
    } rows[] = {{"denied:net", GUEST_ACCES}, {"quota", GUEST_DQUOT},
                {"bad", GUEST_INVAL},        {"failed", GUEST_HOSTUNREACH},
                {"timeout", GUEST_TIMEDOUT}, {"cancelled", GUEST_CANCELED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"outcome\":\"%s\",\"text\":\"because %zu\"}",
                 rows[i].outcome, i);
        assert_int_equal(request("GET", "https://a.example/", "", 0), 0);
        uint32_t handle = word(RET);
        expect(EGRESS_HTTP_BEGIN);
        says(WORKER_HTTP_END, i + 1, json, "");
        assert_int_equal(CALL("response", handle, RET, AT, 100, RET + 4), rows[i].error);
        assert_int_equal(last_stop, 0);
        assert_says("because");
        assert_int_equal(CALL("read", handle, AT, 1, RET),
                         rows[i].error == GUEST_HOSTUNREACH ? GUEST_RESET : rows[i].error);
        assert_int_equal(CALL("close", handle), 0);
        expect(EGRESS_HTTP_CLOSE);
    }
}

static void one_request_is_open_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "https://a.example/", "", 0), 0);
    uint32_t first = word(RET);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(request("GET", "https://a.example/", "", 0), GUEST_MFILE);
    expect(EGRESS_HTTP_BEGIN);
    assert_int_equal(CALL("close", first), 0);
    expect(EGRESS_HTTP_CLOSE);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(request("GET", "https://a.example/", "", 0), 0);
        assert_int_equal(word(RET), first + 1 + i); /* a number is never given twice */
        expect(EGRESS_HTTP_BEGIN);
        assert_int_equal(CALL("read", first + i, AT, 1, RET), GUEST_BADF);
        assert_int_equal(CALL("close", first + 1 + i), 0);
        expect(EGRESS_HTTP_CLOSE);
    }
}

static void a_request_is_a_method_a_url_and_whole_lines(void **state)
{
    (void)state;
    static const struct {
        const char *method, *url, *headers;
        int64_t body_size;
    } rows[] = {
        {"", "https://a/", "", 0},
        {"GET /", "https://a/", "", 0},
        {"GET\r\n", "https://a/", "", 0},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", "https://a/", "", 0},
        {"GET", "", "", 0},
        {"GET", "https://a/ HTTP/1.1\r\nx: y", "", 0},
        {"GET", "https://a/\tb", "", 0},
        {"GET", "https://a/\x7f", "", 0},
        {"GET", "https://\xff/", "", 0},
        {"GET", "https://a/", "no colon\n", 0},
        {"GET", "https://a/", ": empty\n", 0},
        {"GET", "https://a/", "x: a\r\ny: b\n", 0},
        {"GET", "https://a/", "x: a\ry: b\n", 0},
        {"GET", "https://a/", "x y: a\n", 0},
        {"GET", "https://a/", "x: a\n\n", 0},
        {"GET", "https://a/", " folded: a\n", 0},
        {"GET", "https://a/", "x: \x01\n", 0},
        {"GET", "https://a/", "x: \xff\n", 0},
        {"GET", "https://a/", "", -2},
        {"GET", "https://a/", "", INT64_MIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t error = request(rows[i].method, rows[i].url, rows[i].headers, rows[i].body_size);
        if (error != GUEST_INVAL)
            fail_msg("row %zu: errno %u", i, error);
    }
    uint64_t m = put(AT, "GET"), u = put(AT + 100, "https://a/x");
    memory[AT + 105] = 0;
    assert_int_equal(CALL("request", AT, m, AT + 100, u, 0, 0, 0, 0, RET), GUEST_INVAL);
    (void)put(AT + 100, "https://a/x");
    assert_int_equal(CALL("request", AT, m, AT + 100, u, 0, 0, 0, 11, RET), GUEST_INVAL);
    assert_int_equal(CALL("request", AT, m, AT + 100, u, 0, 0, 0, UINT32_MAX, RET), GUEST_INVAL);
    memset(memory + 20000, 'a', 40000);
    assert_int_equal(CALL("request", AT, m, 20000, 8193, 0, 0, 0, 0, RET), GUEST_INVAL);
    for (int i = 0; i < 65; i++)
        (void)put(20000 + (uint32_t)i * 5, "a: b\n");
    assert_int_equal(CALL("request", AT, m, AT + 100, u, 20000, 65 * 5, 0, 0, RET), GUEST_INVAL);
    assert_false(http.client &&
                 channel_recv(egress, os_now_mono_ns(), &(struct message){0}, NULL) == 0);
    assert_int_equal(CALL("request", AT, m, AT + 100, u, 20000, 64 * 5, 0, 0, RET), 0);
}

static void the_order_of_calls_is_kept(void **state)
{
    (void)state;
    assert_int_equal(request("POST", "https://a.example/", "", 3), 0);
    uint32_t h = word(RET);
    assert_int_equal(CALL("response", h, RET, AT, 100, RET + 4),
                     GUEST_INVAL); /* the body is not whole */
    assert_int_equal(CALL("finish", h), GUEST_INVAL);
    assert_int_equal(CALL("write", h, AT, 4), GUEST_INVAL);
    assert_int_equal(CALL("write", h, AT, 3), 0);
    assert_int_equal(CALL("finish", h), 0);
    assert_int_equal(CALL("finish", h), GUEST_INVAL);
    assert_int_equal(CALL("write", h, AT, 1), GUEST_INVAL);
    assert_int_equal(CALL("read", h, AT, 0, RET), GUEST_INVAL);
}

/* Each pointer argument of each call, with each pair of place and length that leads out. */
static void pointers_stay_in_the_memory(void **state)
{
    (void)state;
    static const struct {
        uint64_t at, len;
    } bad[] = {{MEMORY, 1},         {MEMORY - 1, 2},           {0, MEMORY + 1},
               {UINT32_MAX, 1},     {UINT32_MAX, UINT32_MAX},  {0x80000000u, 1},
               {1, UINT32_MAX},     {MEMORY - 3, 4},           {0, UINT32_MAX},
               {UINT32_MAX - 2, 4}, {0x7fffffffu, 0x80000001u}};
    (void)put(AT, "GEThttps://a.example/");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t at = bad[i].at, len = bad[i].len;
        assert_int_equal(CALL("request", at, len, AT + 3, 18, 0, 0, 0, 0, RET), GUEST_FAULT);
        assert_int_equal(CALL("request", AT, 3, at, len, 0, 0, 0, 0, RET), GUEST_FAULT);
        assert_int_equal(CALL("request", AT, 3, AT + 3, 18, at, len, 0, 0, RET), GUEST_FAULT);
        assert_int_equal(CALL("error", at, len, RET), GUEST_FAULT);
    }
    static const uint64_t words[] = {MEMORY, MEMORY - 3, UINT32_MAX, UINT32_MAX - 3, 0x80000000u};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(CALL("request", AT, 3, AT + 3, 18, 0, 0, 0, 0, words[i]), GUEST_FAULT);
        assert_int_equal(CALL("error", AT, 1, words[i]), GUEST_FAULT);
    }
    assert_int_equal(request("POST", "https://a.example/", "", -1), 0);
    uint32_t h = word(RET);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(CALL("write", h, bad[i].at, bad[i].len), GUEST_FAULT);
        assert_int_equal(CALL("response", h, RET, bad[i].at, bad[i].len, RET), GUEST_FAULT);
        assert_int_equal(CALL("read", h, bad[i].at, bad[i].len, RET), GUEST_FAULT);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(CALL("response", h, words[i], AT, 1, RET), GUEST_FAULT);
        assert_int_equal(CALL("response", h, RET, AT, 1, words[i]), GUEST_FAULT);
        assert_int_equal(CALL("read", h, AT, 1, words[i]), GUEST_FAULT);
    }
    assert_int_equal(CALL("finish", h), 0);
    says(WORKER_HTTP_HEAD, 1, "{\"status\":200,\"url\":\"https://a.example/\",\"headers\":[]}", "");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(CALL("url", h, bad[i].at, bad[i].len, RET), GUEST_FAULT);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_int_equal(CALL("url", h, AT, 1, words[i]), GUEST_FAULT);
}

static void a_guest_without_memory_gets_an_error(void **state)
{
    (void)state;
    static const uint64_t zero[9] = {0};
    for (size_t i = 0; i < guest_http_function_count; i++) {
        uint32_t error = 0;
        assert_int_equal(
            guest_http_functions[i].call(&http, (struct wasi_memory){NULL, 0}, zero, &error), 0);
        assert_true(error == GUEST_FAULT || error == GUEST_BADF);
    }
}

static void every_wait_ends_with_the_call(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "https://a.example/", "", 0), 0);
    uint32_t h = word(RET);
    http.deadline_ns = os_now_mono_ns() + 1;
    (void)CALL("response", h, RET, AT, 100, RET + 4);
    assert_int_equal(last_stop, WASI_STOP_DEADLINE);
    (void)CALL("read", h, AT, 1, RET);
    assert_int_equal(last_stop, WASI_STOP_DEADLINE);
}

static void a_body_that_nobody_takes_ends_with_the_call(void **state)
{
    (void)state;
    assert_int_equal(request("POST", "https://a.example/", "", -1), 0);
    uint32_t h = word(RET);
    http.deadline_ns = os_now_mono_ns() + 50 * OS_NS_PER_MS;
    for (int i = 0; i < 10000; i++) {
        (void)CALL("write", h, 0, MEMORY);
        if (last_stop != 0)
            break;
    }
    assert_int_equal(last_stop, WASI_STOP_DEADLINE);
}

static void a_cancel_ends_the_wait(void **state)
{
    (void)state;
    int ends[2];
    must(pipe(ends) == 0);
    http.cancel_fd = ends[0];
    assert_int_equal(request("GET", "https://a.example/", "", 0), 0);
    uint32_t h = word(RET);
    must(write(ends[1], "x", 1) == 1);
    is_call_cancelled = true;
    (void)CALL("response", h, RET, AT, 100, RET + 4);
    assert_int_equal(last_stop, WASI_STOP_CANCEL);
    close(ends[0]);
    close(ends[1]);
}

static void an_egress_that_is_gone_or_lies_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "https://a.example/", "", 0), 0);
    uint32_t h = word(RET);
    expect(EGRESS_HTTP_BEGIN);
    says(WORKER_HTTP_HEAD, 1, "{\"status\":7}", "");
    assert_int_equal(CALL("response", h, RET, AT, 100, RET + 4), GUEST_IO);
    assert_says("protocol");
    channel_free(take(egress));
    assert_int_equal(CALL("read", h, AT, 1, RET), GUEST_IO);
    assert_int_equal(CALL("close", h), 0);
    assert_int_equal(request("GET", "https://a.example/", "", 0), GUEST_IO);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_request_and_its_answer_pass),
        CASE(without_a_grant_nothing_goes),
        CASE(what_egress_refuses_has_its_number),
        CASE(one_request_is_open_at_a_time),
        CASE(a_request_is_a_method_a_url_and_whole_lines),
        CASE(the_order_of_calls_is_kept),
        CASE(pointers_stay_in_the_memory),
        CASE(a_guest_without_memory_gets_an_error),
        CASE(every_wait_ends_with_the_call),
        CASE(a_body_that_nobody_takes_ends_with_the_call),
        CASE(a_cancel_ends_the_wait),
        CASE(an_egress_that_is_gone_or_lies_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
