/* Keys and headers: what goes into the locked memory, and what can never come out of it as text. */
#include "host/egress/secrets.h"
#include "os/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int add_key(struct secrets *s, const char *key, size_t len, enum secrets_auth auth,
                   struct fault *why)
{
    auto_close int fd = -1;
    assert_int_equal(os_memfd_sealed("key", (struct str){key, len}, &fd), 0);
    return secrets_add_key(s, fd, auth, why);
}

static void a_key_becomes_the_one_header_of_its_way(void **state)
{
    static const struct {
        enum secrets_auth auth;
        const char *line;
    } rows[] = {{SECRETS_X_API_KEY, "x-api-key: k-123456"},
                {SECRETS_BEARER, "authorization: Bearer k-123456"},
                {SECRETS_X_GOOG_API_KEY, "x-goog-api-key: k-123456"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct secrets s;
        assert_int_equal(secrets_new(&s), 0);
        assert_int_equal(add_key(&s, "k-123456", 8, rows[i].auth, NULL), 0);
        assert_int_equal(s.header_count, 1);
        assert_string_equal(s.headers[0], rows[i].line);
        assert_null(s.headers[1]);
        secrets_done(&s);
    }
}

static void no_key_is_no_header(void **state)
{
    struct secrets s;
    (void)state;
    assert_int_equal(secrets_new(&s), 0);
    assert_int_equal(add_key(&s, "", 0, SECRETS_BEARER, NULL), 0);
    assert_int_equal(add_key(&s, "k-123456", 8, SECRETS_NO_AUTH, NULL), 0);
    assert_int_equal(s.header_count, 0);
    assert_int_equal(s.used, 0);
    secrets_done(&s);
}

static void a_key_that_no_header_may_have_is_refused_without_a_word_of_it(void **state)
{
    static const char *const keys[] = {"sesame\n", "sesame\r\nx: y", "ses\x01me", "s\xc3\xa9same",
                                       "sesame\x7f"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct secrets s;
        struct fault why = {0};
        assert_int_equal(secrets_new(&s), 0);
        assert_int_equal(add_key(&s, keys[i], strlen(keys[i]), SECRETS_BEARER, &why),
                         -FAULT_CONFIG);
        assert_true(why.text[0] && !strstr(why.text, "same"));
        assert_int_equal(s.header_count, 0);
        for (size_t at = 0; at < s.memory.size; at++)
            assert_int_equal(s.memory.at[at], 0);
        secrets_done(&s);
    }
}

static void a_key_comes_sealed_and_of_a_length_that_keys_have(void **state)
{
    struct secrets s;
    struct fault why = {0};
    static char longest[SECRETS_KEY_MAX + 1];
    auto_close int open_fd = -1;
    (void)state;
    memset(longest, 'k', sizeof(longest));
    assert_int_equal(secrets_new(&s), 0);
    assert_int_equal(os_memfd("key", &open_fd), 0);
    assert_int_equal(secrets_add_key(&s, open_fd, SECRETS_BEARER, &why), -FAULT_CONFIG);
    assert_int_equal(add_key(&s, longest, sizeof(longest), SECRETS_BEARER, &why), -FAULT_CONFIG);
    assert_int_equal(add_key(&s, longest, SECRETS_KEY_MAX, SECRETS_BEARER, &why), 0);
    secrets_done(&s);
}

static void headers_are_checked_and_replaced_by_name(void **state)
{
    struct secrets s;
    (void)state;
    assert_int_equal(secrets_new(&s), 0);
    assert_int_equal(secrets_add_header(&s, STR("Accept"), STR("a"), false, NULL), 0);
    assert_int_equal(secrets_add_header(&s, STR("accept"), STR("b"), false, NULL), 0);
    assert_int_equal(secrets_add_header(&s, STR("accept-more"), STR(""), false, NULL), 0);
    assert_int_equal(s.header_count, 2);
    assert_string_equal(s.headers[0], "accept: b");
    assert_true(secrets_has_header(&s, "ACCEPT: x") && secrets_has_header(&s, "accept-more: x") &&
                !secrets_has_header(&s, "accep: x"));
    static const char *const names[] = {
        "",          "a b", "a:b", "a\n", "\xc3\xa9", "Host", "content-length", "Transfer-Encoding",
        "connection"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(secrets_add_header(&s, str_of(names[i]), STR("v"), false, NULL),
                         -FAULT_CONFIG);
    assert_int_equal(secrets_add_header(&s, STR("x"), STR("a\r\nb: c"), false, NULL),
                     -FAULT_CONFIG);
    secrets_done(&s);
}

static void there_is_room_for_so_many_headers_and_no_more(void **state)
{
    struct secrets s;
    char name[8];
    int r = 0;
    size_t count = 0;
    (void)state;
    assert_int_equal(secrets_new(&s), 0);
    for (; r == 0; count++) {
        name[0] = 'h', name[1] = (char)('a' + count / 26), name[2] = (char)('a' + count % 26),
        name[3] = '\0';
        r = secrets_add_header(&s, str_of(name), STR("v"), true, NULL);
    }
    assert_int_equal(r, -FAULT_CONFIG);
    assert_int_equal(count - 1, SECRETS_HEADERS_MAX);
    assert_null(s.headers[SECRETS_HEADERS_MAX]);
    secrets_done(&s);
}

static void every_secret_is_taken_out_of_a_text(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"nothing", "nothing"},
        {"k-123456", "[key]"},
        {"ak-123456b k-123456", "a[key]b [key]"},
        {"k-12345", "k-12345"},
        {"k-123456-and-more", "[key]"},
        {"k-k-123456", "k-[key]"},
        {"sesame", "[key]"},
        {"short v", "short v"},
    };
    struct secrets s;
    (void)state;
    assert_int_equal(secrets_new(&s), 0);
    assert_int_equal(add_key(&s, "k-123456", 8, SECRETS_BEARER, NULL), 0);
    assert_int_equal(secrets_add_header(&s, STR("a"), STR("k-123456-and-more"), true, NULL), 0);
    assert_int_equal(secrets_add_header(&s, STR("b"), STR("sesame"), true, NULL), 0);
    assert_int_equal(secrets_add_header(&s, STR("c"), STR("v"), true, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_done(buf) struct buf out;
        buf_init(&out, 1 << 10);
        assert_int_equal(secrets_redact(&s, str_of(rows[i][0]), &out), 0);
        assert_string_equal(buf_str(&out).at, rows[i][1]);
    }
    secrets_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_becomes_the_one_header_of_its_way),
        cmocka_unit_test(no_key_is_no_header),
        cmocka_unit_test(a_key_that_no_header_may_have_is_refused_without_a_word_of_it),
        cmocka_unit_test(a_key_comes_sealed_and_of_a_length_that_keys_have),
        cmocka_unit_test(headers_are_checked_and_replaced_by_name),
        cmocka_unit_test(there_is_room_for_so_many_headers_and_no_more),
        cmocka_unit_test(every_secret_is_taken_out_of_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
