/* Addresses as values. */
#include "os/address.h"
#include "os/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void an_address_goes_in_and_out(void **state)
{
    static const char *const rows[] = {"127.0.0.1", "10.1.2.3", "::1", "2001:db8::7",
                                       "::ffff:1.2.3.4"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[OS_ADDRESS_TEXT_SIZE];
        struct os_address a;
        assert_int_equal(os_address_parse(rows[i], &a), 0);
        os_address_print(&a, text);
        assert_string_equal(text, rows[i]);
    }
}

static void names_and_other_texts_are_no_addresses(void **state)
{
    static const char *const rows[] = {"",          "localhost", "127.1",  "0x7f000001",
                                       "1.2.3.4.5", "[::1]",     "::1%lo", "1.2.3.4 "};
    struct os_address a;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(os_address_parse(rows[i], &a), -EINVAL);
}

static void structures_of_the_kernel_are_read_and_cut_ones_are_not(void **state)
{
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct os_address a;
    (void)state;
    assert_int_equal(os_address_of((struct sockaddr *)&v4, sizeof(v4), &a), 0);
    assert_true(!a.is_v6 && a.port == 443 && os_address_is_loopback(&a));
    assert_int_equal(os_address_of((struct sockaddr *)&v6, sizeof(v6), &a), 0);
    assert_true(a.is_v6 && a.port == 80 && os_address_is_loopback(&a));
    assert_int_equal(os_address_of((struct sockaddr *)&v4, sizeof(v4) - 1, &a), -EAFNOSUPPORT);
    assert_int_equal(os_address_of((struct sockaddr *)&v6, sizeof(v6) - 1, &a), -EAFNOSUPPORT);
    v4.sin_family = AF_UNIX;
    assert_int_equal(os_address_of((struct sockaddr *)&v4, sizeof(v4), &a), -EAFNOSUPPORT);
}

static void loopback_is_told_in_all_its_forms(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } rows[] = {{"127.255.0.9", true},      {"::1", true},     {"::ffff:127.0.0.1", true},
                {"128.0.0.1", false},       {"::", false},     {"::2", false},
                {"::ffff:10.0.0.1", false}, {"0.0.0.0", false}};
    struct os_address a;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(os_address_parse(rows[i].text, &a), 0);
        assert_int_equal(os_address_is_loopback(&a), rows[i].is);
    }
}

static void a_socket_is_closed_on_exec(void **state)
{
    struct os_address a;
    (void)state;
    assert_int_equal(os_address_parse("127.0.0.1", &a), 0);
    int fd = os_address_socket(&a);
    assert_true(fd >= 0);
    int kind = 0;
    socklen_t len = sizeof(kind);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &len), 0);
    assert_int_equal(kind, SOCK_STREAM);
    close(fd);
}

static void memory_for_keys_begins_empty_and_may_be_given_back_twice(void **state)
{
    struct os_secret s = {0};
    (void)state;
    os_secret_done(&s);
    assert_int_equal(os_secret_new(5000, &s), 0);
    for (size_t i = 0; i < s.size; i++)
        assert_int_equal(s.at[i], 0);
    memset(s.at, 'k', s.size);
    os_secret_done(&s);
    assert_null(s.at);
    os_secret_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_goes_in_and_out),
        cmocka_unit_test(names_and_other_texts_are_no_addresses),
        cmocka_unit_test(structures_of_the_kernel_are_read_and_cut_ones_are_not),
        cmocka_unit_test(loopback_is_told_in_all_its_forms),
        cmocka_unit_test(a_socket_is_closed_on_exec),
        cmocka_unit_test(memory_for_keys_begins_empty_and_may_be_given_back_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
