/* Two parts of a guest's way out by themselves: what a grant's terms say of URLs and of addresses (a name that is asked for twice
 * and answers otherwise the second time: rebinding), and the reader for secrets, at every border. */
#include "host/egress/guest_secrets.h"
#include "host/egress/terms.h"
#include "os/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *terms_text(const char *hosts, const char *blocks)
{
    char text[1024];
    json_t *body = NULL;
    snprintf(
        text, sizeof text,
        "{\"hosts\":[%s],\"narrow\":[],\"block_networks\":[%s],\"block_url\":[\"https://a.example/admin\"],\"net\":{\"deny\":[\"bad.example\"],"
        "\"targets\":[],\"ask\":[],\"allow\":[],\"otherwise\":true},\"max_requests\":1,\"max_bytes\":2,\"deadline_ns\":3,\"secrets\":[\"k\"]}",
        hosts, blocks);
    must(json_parse(str_of(text), 4096, &body, NULL) == 0);
    return body;
}

static int judge(const struct terms *t, const char *text)
{
    struct url u;
    char why[URL_WHY_SIZE] = "";
    must(url_parse(str_of(text), &u, why) == 0);
    int r = terms_judge_url(t, &u, why);
    url_done(&u);
    assert_true(r == 0 || why[0] != '\0');
    return r;
}

static int judge_address(const struct terms *t, const char *text)
{
    struct ip a;
    char why[URL_WHY_SIZE] = "";
    must(ip_parse(str_of(text), &a) == 0);
    return terms_judge_address(t, &a, why);
}

static void a_name_that_turns_to_another_address_gains_nothing(void **state)
{
    (void)state;
    struct terms t;
    auto_json json_t *body = terms_text("\"https://*\"", "\"private\", \"8.8.8.0/24\"");
    assert_int_equal(terms_parse(body, &t, NULL), 0);
    /* The name is fine, and so was its first address; each address is judged at the moment when it is connected to. */
    assert_int_equal(judge(&t, "https://rebind.example/"), 0);
    assert_int_equal(judge_address(&t, "93.184.216.34"), 0);
    static const char *const turned[] = {
        "127.0.0.1",       "10.0.0.1",         "169.254.169.254", "::1",
        "::ffff:10.0.0.1", "fd00:ec2::254",    "0.0.0.0",         "64:ff9b::a00:1",
        "8.8.8.8",         "64:ff9b::808:808", "fe80::1",         "224.0.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(turned); i++)
        if (judge_address(&t, turned[i]) != TERMS_DENIED)
            fail_msg("%s may be connected to", turned[i]);
    assert_int_equal(judge(&t, "https://10.0.0.1/"),
                     TERMS_DENIED); /* written as an address: before there is a connection */
    assert_int_equal(judge(&t, "http://rebind.example/"), TERMS_DENIED);
    assert_int_equal(judge(&t, "https://bad.example/"), TERMS_DENIED);
    assert_int_equal(judge(&t, "https://a.example/%61dmin"), TERMS_DENIED);
    terms_done(&t);
}

static void nothing_is_granted_by_an_empty_list(void **state)
{
    (void)state;
    struct terms t;
    auto_json json_t *body = terms_text("", "");
    assert_int_equal(terms_parse(body, &t, NULL), 0);
    assert_int_equal(judge(&t, "https://a.example/"), TERMS_DENIED);
    assert_int_equal(judge_address(&t, "10.0.0.1"),
                     0); /* the operator has opened the networks ... */
    assert_int_equal(judge_address(&t, "0.0.0.0"),
                     TERMS_DENIED); /* ... and nowhere is still nowhere */
    terms_done(&t);
}

static void terms_that_lack_a_part_are_no_terms(void **state)
{
    (void)state;
    auto_json json_t *whole = terms_text("", "");
    const char *key;
    json_t *value;
    json_object_foreach(whole, key, value)
    {
        auto_json json_t *cut = json_copy(whole);
        struct terms t;
        struct fault why = {0};
        json_object_del(cut, key);
        if (terms_parse(cut, &t, &why) != -FAULT_PROTOCOL || !why.text[0])
            fail_msg("without %s", key);
        json_object_set_new(cut, key, json_real(0.5));
        if (terms_parse(cut, &t, &why) != -FAULT_PROTOCOL)
            fail_msg("with a wrong %s", key);
    }
}

static struct guest_secrets secrets;

static int add(const char *value, const char *host)
{
    int fd;
    char text[512];
    auto_json json_t *body = NULL;
    snprintf(text, sizeof text, "{\"name\":\"k\",\"host\":\"%s\",\"header\":\"x\",\"prefix\":\"\"}",
             host);
    must(json_parse(str_of(text), 4096, &body, NULL) == 0 &&
         os_memfd_sealed("s", str_of(value), &fd) == 0);
    int r = guest_secrets_add(&secrets, body, fd, NULL);
    os_close(fd);
    return r;
}

static int set_up(void **state)
{
    (void)state;
    return guest_secrets_new(&secrets);
}

static int tear_down(void **state)
{
    (void)state;
    guest_secrets_done(&secrets);
    return 0;
}

static void a_secret_is_found_however_the_bytes_are_cut(void **state)
{
    (void)state;
    static const char text[] = "aasecret-onesecret-one-and-more secret-on secret-one-andsecret-one";
    static const char expected[] = "aa[secret][secret] secret-on [secret]-and[secret]";
    assert_int_equal(add("secret-one", "https://a.example"), 0);
    assert_int_equal(add("secret-one-and-more", "https://b.example"),
                     0); /* one that begins with another: the longer wins */
    for (size_t cut = 0; cut <= sizeof text - 1; cut++) {
        for (size_t step = 1; step < 4; step++) {
            struct redaction r;
            auto_done(buf) struct buf out;
            redaction_init(&r, &secrets);
            buf_init(&out, 4096);
            assert_int_equal(redaction_feed(&r, (struct str){text, cut}, false, &out), 0);
            for (size_t at = cut; at < sizeof text - 1; at += step) {
                size_t len = sizeof text - 1 - at < step ? sizeof text - 1 - at : step;
                assert_int_equal(redaction_feed(&r, (struct str){text + at, len}, false, &out), 0);
            }
            assert_int_equal(redaction_feed(&r, STR(""), true, &out), 0);
            assert_string_equal(buf_str(&out).at, expected);
            redaction_done(&r);
        }
    }
    assert_true(guest_secrets_is_in(&secrets, STR("xsecret-onex")));
    assert_false(guest_secrets_is_in(&secrets, STR("xsecret-on")));
}

static void a_secret_needs_a_host_of_its_own_and_a_length(void **state)
{
    (void)state;
    assert_int_equal(add("1234567", "https://a.example"), -FAULT_CONFIG);
    assert_int_equal(add("12345678", "https://*"), -FAULT_CONFIG);
    assert_int_equal(add("12345678", "*://a.example"), -FAULT_CONFIG);
    assert_int_equal(add("12345678", "https://10.0.0.0/8"), -FAULT_CONFIG);
    assert_int_equal(add("1234\r\n5678", "https://a.example"), -FAULT_CONFIG);
    assert_int_equal(secrets.count, 0);
    assert_int_equal(add("12345678", "https://*.a.example"), 0);
    assert_int_equal(add("12345678", "https://10.0.0.1"), 0);
    for (size_t i = 2; i < GUEST_SECRETS_MAX; i++)
        assert_int_equal(add("12345678", "https://a.example"), 0);
    assert_int_equal(add("12345678", "https://a.example"), -FAULT_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_turns_to_another_address_gains_nothing),
        cmocka_unit_test(nothing_is_granted_by_an_empty_list),
        cmocka_unit_test(terms_that_lack_a_part_are_no_terms),
        cmocka_unit_test_setup_teardown(a_secret_is_found_however_the_bytes_are_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_secret_needs_a_host_of_its_own_and_a_length, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
