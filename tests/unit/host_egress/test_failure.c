/* From what a service or the network said to a class and one safe sentence. */
#include "host/egress/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct secrets no_secrets;

static struct failure of(int status, const char *body)
{
    struct failure f;
    const struct failure_answer answer = {
        .status = status, .retry_after = STR(""), .retry_after_ms = STR(""), .body = str_of(body)};
    failure_of_answer(&answer, &no_secrets, &f);
    return f;
}

static void each_status_has_its_class(void **state)
{
    static const struct {
        int status;
        const char *class_name;
    } rows[] = {{300, "bad_request"}, {307, "bad_request"}, {400, "bad_request"},
                {401, "auth"},        {402, "quota"},       {403, "auth"},
                {404, "bad_request"}, {408, "disconnect"},  {413, "context_too_long"},
                {418, "bad_request"}, {429, "rate_limit"},  {500, "server"},
                {502, "server"},      {503, "overloaded"},  {504, "server"},
                {529, "overloaded"},  {599, "server"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(of(rows[i].status, "").class_name, rows[i].class_name);
}

static void errors_are_read_in_the_forms_that_services_have(void **state)
{
    static const char *const rows[][2] = {
        {"{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"why\"}}", "HTTP 500: why"},
        {"{\"error\":\"why\"}", "HTTP 500: why"},
        {"{\"message\":\"why\"}", "HTTP 500: why"},
        {"[{\"error\":{\"code\":500,\"status\":\"INTERNAL\",\"message\":\"why\"}}]",
         "HTTP 500: why"},
        {"", "HTTP 500"},
        {"<html>", "HTTP 500"},
        {"[]", "HTTP 500"},
        {"{}", "HTTP 500"},
        {"{\"error\":7}", "HTTP 500"},
        {"{\"error\":{\"message\":7}}", "HTTP 500"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(of(500, rows[i][0]).text, rows[i][1]);
}

static void words_say_more_than_the_status(void **state)
{
    static const struct {
        int status;
        const char *body, *class_name;
    } rows[] = {
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"message\":\"x\"}}", "quota"},
        {429, "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"x\"}}", "quota"},
        {429, "{\"error\":{\"code\":\"billing_hard_limit_reached\",\"message\":\"x\"}}", "quota"},
        {429, "{\"error\":{\"message\":\"slow down\"}}", "rate_limit"},
        {400, "{\"error\":{\"message\":\"Prompt is too long: 3 > 2\"}}", "context_too_long"},
        {400, "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"x\"}}",
         "context_too_long"},
        {500, "{\"error\":{\"message\":\"prompt is too long\"}}", "server"},
        {400, "{\"error\":{\"message\":\"Your credit balance is too low\"}}", "quota"},
        {400,
         "{\"error\":{\"message\":\"input length and `max_tokens` exceed context limit: 9 + 9 > 8\"}}",
         "context_too_long"},
        {400,
         "{\"error\":{\"message\":\"Your input exceeds the context window of this model\",\"code\":\"context_length_exceeded\"}}",
         "context_too_long"},
        {400,
         "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens\",\"type\":\"BadRequestError\",\"code\":400}",
         "context_too_long"},
        {400,
         "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":\"exceed_context_size_error\"}}",
         "context_too_long"},
        {400,
         "{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds the maximum number of tokens allowed (8).\",\"status\":\"INVALID_ARGUMENT\"}}",
         "context_too_long"},
        {400,
         "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\",\"status\":\"INVALID_ARGUMENT\"}}",
         "auth"},
        {429,
         "[{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your plan and billing details.\",\"status\":\"RESOURCE_EXHAUSTED\"}}]",
         "rate_limit"},
        {429,
         "{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"violations\":[{\"quotaId\":\"RequestsPerDayPerProject\"}]}]}}",
         "quota"},
        {429,
         "{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billing details.\",\"type\":\"insufficient_quota\"}}",
         "quota"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(of(rows[i].status, rows[i].body).class_name, rows[i].class_name);
}

static void a_redirect_and_an_unknown_model_say_what_they_are(void **state)
{
    (void)state;
    assert_non_null(strstr(of(302, "{\"error\":\"elsewhere\"}").text, "redirect refused"));
    assert_null(strstr(of(302, "{\"error\":\"elsewhere\"}").text, "elsewhere"));
    assert_non_null(strstr(of(404, "{\"error\":{\"message\":\"model: x\"}}").text,
                           "no such model or path: model: x"));
}

static void the_sentence_is_one_printable_line_of_its_length(void **state)
{
    char body[2000];
    (void)state;
    struct failure f = of(400, "{\"error\":\"a\\nb\\u001b[31m\\u0085\\u007fc\"}");
    assert_string_equal(f.text, "HTTP 400: a b [31m   c");
    for (size_t shift = 0; shift < 4; shift++) {
        size_t at = (size_t)snprintf(body, sizeof(body), "{\"error\":\"%.*s", (int)shift, "xyz");
        for (int i = 0; i < 200; i++)
            at += (size_t)snprintf(body + at, sizeof(body) - at, "\xe2\x82\xac");
        snprintf(body + at, sizeof(body) - at, "\"}");
        f = of(400, body);
        assert_true(strlen(f.text) <= FAILURE_TEXT_MAX && strlen(f.text) > FAILURE_TEXT_MAX - 4);
        assert_true(utf8_valid(str_of(f.text)));
    }
}

static void a_secret_is_taken_out_before_the_cut(void **state)
{
    const struct secrets secrets = {.values = {STR("sesame-open-up")}, .value_count = 1};
    (void)state;
    for (int before = 270; before < 300; before++) {
        char body[400];
        struct failure f;
        snprintf(body, sizeof(body), "{\"error\":\"%0*d%s\"}", before, 0, "sesame-open-up");
        const struct failure_answer answer = {
            .status = 400, .retry_after = STR(""), .retry_after_ms = STR(""), .body = str_of(body)};
        failure_of_answer(&answer, &secrets, &f);
        assert_null(strstr(f.text, "ses"));
    }
}

static void retry_after_in_its_forms(void **state)
{
    static const struct {
        const char *after, *after_ms;
        int64_t ms;
    } rows[] = {
        {"", "", 0},
        {"2", "", 2000},
        {"0", "", 0},
        {"1.5", "", 1500},
        {"2", "10", 10},
        {"2", "0", 0},
        {"2", "x", 2000},
        {"-1", "", 0},
        {"soon", "", 0},
        {"99999999999999", "", 0},
        {"Wed, 21 Oct 2015 07:28:10 GMT", "", 10000},
        {"Wed, 21 Oct 2015 07:27:00 GMT", "", 0},
        {"Wed, 21 Oct 2099 07:27:00 GMT", "", INT32_MAX},
        {"", "1.5", 2},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = failure_retry_ms(str_of(rows[i].after), str_of(rows[i].after_ms), 1445412480);
        if (ms != rows[i].ms)
            fail_msg("row %zu: %lld", i, (long long)ms);
    }
}

static void error_events_have_classes(void **state)
{
    static const char *const rows[][2] = {
        {"{\"type\":\"overloaded_error\",\"message\":\"m\"}", "overloaded"},
        {"{\"type\":\"rate_limit_error\"}", "rate_limit"},
        {"{\"type\":\"api_error\"}", "server"},
        {"{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long\"}",
         "context_too_long"},
        {"{\"type\":\"authentication_error\"}", "auth"},
        {"{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}", "rate_limit"},
        {"{\"code\":\"context_length_exceeded\"}", "context_too_long"},
        {"{\"code\":\"server_error\"}", "server"},
        {"{\"type\":\"insufficient_quota\"}", "quota"},
        {"{\"code\":503,\"status\":\"UNAVAILABLE\"}", "overloaded"},
        {"{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"billing\"}", "rate_limit"},
        {"{\"code\":500}", "server"},
        {"{\"code\":401}", "auth"},
        {"{\"code\":200}", "server"},
        {"\"it broke\"", "server"},
        {"[]", "server"},
        {"{}", "server"},
        {"null", "server"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_json json_t *error = json_loads(rows[i][0], JSON_DECODE_ANY, NULL);
        struct failure f;
        failure_of_event(error, &no_secrets, &f);
        assert_string_equal(f.class_name, rows[i][1]);
    }
}

static void a_body_may_say_when_to_come_again(void **state)
{
    static const struct {
        const char *delay, *header;
        int64_t ms;
    } rows[] = {{"34.07s", "", 34070}, {"3s", "10", 10000}, {"3", "", 0},
                {"soon", "", 0},       {"-1s", "", 0},      {"s", "", 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char body[200];
        struct failure f;
        snprintf(
            body, sizeof(body),
            "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"x\":1},{\"retryDelay\":\"%s\"}]}}",
            rows[i].delay);
        const struct failure_answer answer = {.status = 429,
                                              .retry_after = str_of(rows[i].header),
                                              .retry_after_ms = STR(""),
                                              .body = str_of(body)};
        failure_of_answer(&answer, &no_secrets, &f);
        assert_int_equal(f.retry_after_ms, rows[i].ms);
    }
}

static void each_end_of_a_transfer_has_a_class_and_a_sentence(void **state)
{
    static const struct {
        enum net_outcome outcome;
        const char *class_name;
    } rows[] = {{NET_DONE, "disconnect"},        {NET_NO_NAME, "unreachable"},
                {NET_NO_CONNECT, "unreachable"}, {NET_NO_TLS, "unreachable"},
                {NET_CUT, "disconnect"},         {NET_IDLE, "disconnect"},
                {NET_GARBLED, "malformed"},      {NET_TOO_LONG, "malformed"},
                {NET_STOPPED, "malformed"},      {NET_FAULT, "bad_request"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct failure f;
        const struct net_end end = {.outcome = rows[i].outcome, .text = "detail"};
        failure_of_end(&end, "host", &no_secrets, &f);
        assert_string_equal(f.class_name, rows[i].class_name);
        assert_non_null(strstr(f.text, "host: "));
        assert_non_null(strstr(f.text, "detail"));
    }
    struct failure f;
    failure_of_end(&(struct net_end){.outcome = NET_NO_TLS, .text = ""}, "host", &no_secrets, &f);
    assert_non_null(strstr(f.text, "certificate"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_class),
        cmocka_unit_test(errors_are_read_in_the_forms_that_services_have),
        cmocka_unit_test(words_say_more_than_the_status),
        cmocka_unit_test(a_redirect_and_an_unknown_model_say_what_they_are),
        cmocka_unit_test(the_sentence_is_one_printable_line_of_its_length),
        cmocka_unit_test(a_secret_is_taken_out_before_the_cut),
        cmocka_unit_test(retry_after_in_its_forms),
        cmocka_unit_test(error_events_have_classes),
        cmocka_unit_test(a_body_may_say_when_to_come_again),
        cmocka_unit_test(each_end_of_a_transfer_has_a_class_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
