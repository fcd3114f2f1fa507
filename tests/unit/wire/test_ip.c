/* IP addresses: the one strict text form, networks, IPv4 inside of IPv6, and which addresses are no public host. */
#include "wire/ip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ip ip(const char *text)
{
    struct ip a = {0};
    if (ip_parse(str_of(text), &a) != 0)
        fail_msg("%s is not taken", text);
    return a;
}

static void addresses_print_in_one_form(void **state)
{
    static const char *const rows[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"},
        {"fd00:ec2::254", "fd00:ec2::254"},
        {"::ffff:127.0.0.1", "127.0.0.1"}, /* mapped is IPv4 */
        {"::ffff:7f00:1", "127.0.0.1"},
        {"0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"},
        {"64:ff9b::10.0.0.1", "64:ff9b::a00:1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[IP_TEXT_SIZE];
        struct ip a = ip(rows[i][0]), back;
        ip_print(&a, text);
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(ip_parse(str_of(text), &back), 0);
        assert_true(ip_equal(&a, &back));
    }
}

static void text_that_could_be_read_in_two_ways_is_none(void **state)
{
    static const char *const rows[] = {
        "",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "+1.2.3.4",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.-4",
        "1.2.3.4/8",
        ":",
        ":::",
        "1:2",
        "1::2::3",
        "12345::",
        "::g",
        "fe80::1%lo",
        "[::1]",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "::1.2.3",
        "::1.2.3.4.5",
        "1:2:3:4:5:6:7::8",
        "::127.1",
        "::ffff:0177.0.0.1",
        "localhost",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip a;
        if (ip_parse(str_of(rows[i]), &a) != -EINVAL)
            fail_msg("\"%s\" is taken", rows[i]);
    }
}

static void networks_hold_what_their_bits_say(void **state)
{
    static const struct {
        const char *net, *in, *out;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/9", "10.127.0.1", "10.128.0.0"},
        {"0.0.0.0/0", "255.1.2.3", "::1"},
        {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"fd00::/8", "fdff::1", "fe00::"},
        {"::/0", "ff02::1", "1.2.3.4"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        {"::1", "::1", "::2"},
        {"::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip_network n;
        struct ip in = ip(rows[i].in), out = ip(rows[i].out);
        assert_int_equal(ip_network_parse(str_of(rows[i].net), &n), 0);
        if (!ip_network_has(&n, &in) || ip_network_has(&n, &out))
            fail_msg("%s", rows[i].net);
    }
    struct ip_network n;
    assert_int_equal(ip_network_parse(STR("10.0.0.0/33"), &n), -ERANGE);
    assert_int_equal(ip_network_parse(STR("10.0.0.0/"), &n), -ERANGE);
    assert_int_equal(ip_network_parse(STR("::/129"), &n), -ERANGE);
    assert_int_equal(ip_network_parse(STR("10.0.0.1/8"), &n), -EDOM);
    assert_int_equal(ip_network_parse(STR("10/8"), &n), -EINVAL);
}

static void an_address_inside_of_another_is_reached_through_it(void **state)
{
    static const char *const inside[] = {
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "::10.1.2.3",
        "64:ff9b::10.1.2.3",
        "64:ff9b:1::10.1.2.3",
        "2002:a01:203::1",
        "2001:0:a01:203::",
        "2001:0:808:808:0:0:f5fe:fdfc",
        "::ffff:0:10.1.2.3",
        "2001:4860::5efe:10.1.2.3",
        "2001:4860::200:5efe:10.1.2.3",
    };
    (void)state;
    struct ip_network n;
    assert_int_equal(ip_network_parse(STR("10.0.0.0/8"), &n), 0);
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        struct ip a = ip(inside[i]);
        if (!ip_network_reaches(&n, &a))
            fail_msg("%s is not seen", inside[i]);
        if (!ip_special(&a))
            fail_msg("%s is public", inside[i]);
    }
    struct ip other = ip("64:ff9b::11.1.2.3");
    assert_false(ip_network_reaches(&n, &other));
}

static void special_addresses_are_named_and_public_ones_are_not(void **state)
{
    static const char *const rows[][2] = {
        {"0.0.0.0", "this network"},
        {"0.1.2.3", "this network"},
        {"10.0.0.1", "private use"},
        {"100.64.0.1", "shared address space"},
        {"100.127.255.255", "shared address space"},
        {"127.0.0.1", "loopback"},
        {"127.255.255.254", "loopback"},
        {"169.254.0.1", "link-local"},
        {"169.254.169.254", "cloud metadata"},
        {"168.63.129.16", "cloud metadata"},
        {"172.16.0.1", "private use"},
        {"172.31.255.255", "private use"},
        {"192.0.0.1", "protocol assignments"},
        {"192.0.2.1", "documentation"},
        {"192.168.1.1", "private use"},
        {"198.18.0.1", "benchmarking"},
        {"198.19.255.255", "benchmarking"},
        {"198.51.100.1", "documentation"},
        {"203.0.113.1", "documentation"},
        {"224.0.0.1", "multicast"},
        {"239.255.255.255", "multicast"},
        {"240.0.0.1", "reserved"},
        {"255.255.255.255", "reserved"},
        {"::", "unspecified"},
        {"::1", "loopback"},
        {"fc00::1", "unique local"},
        {"fd00:ec2::254", "cloud metadata"},
        {"fd20:ce::254", "cloud metadata"},
        {"fe80::1", "link-local"},
        {"febf::1", "link-local"},
        {"fec0::1", "site-local"},
        {"ff02::1", "multicast"},
        {"2001:db8::1", "documentation"},
        {"2001::1", "protocol assignments"},
        {"3fff::1", "documentation"},
        {"5f00::1", "segment routing"},
        {"100::1", "discard"},
        {"4000::1", "not global unicast"},
        {"::2", "IPv4-compatible"},
        {"64:ff9b::127.0.0.1", "loopback"},
        {"2002:7f00:1::", "loopback"},
        {"2002:a9fe:a9fe::1", "cloud metadata"},
        {"64:ff9b:1::1", "local NAT64"},
        {"1.1.1.1", NULL},
        {"8.8.8.8", NULL},
        {"9.255.255.255", NULL},
        {"11.0.0.0", NULL},
        {"100.63.255.255", NULL},
        {"100.128.0.0", NULL},
        {"126.255.255.255", NULL},
        {"128.0.0.0", NULL},
        {"169.253.255.255", NULL},
        {"172.15.255.255", NULL},
        {"172.32.0.0", NULL},
        {"192.167.255.255", NULL},
        {"192.169.0.0", NULL},
        {"198.17.255.255", NULL},
        {"198.20.0.0", NULL},
        {"223.255.255.255", NULL},
        {"2606:4700::1111", NULL},
        {"2a00:1450::1", NULL},
        {"64:ff9b::8.8.8.8", NULL},
        {"2002:808:808::1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip a = ip(rows[i][0]);
        const char *name = ip_special(&a);
        if (!name != !rows[i][1] || (name && strcmp(name, rows[i][1]) != 0))
            fail_msg("%s is %s", rows[i][0], name ? name : "public");
    }
}

static void no_connection_goes_nowhere(void **state)
{
    static const char *const nowhere[] = {"0.0.0.0", "0.1.2.3", "224.0.0.1",     "255.255.255.255",
                                          "::",      "ff02::1", "::ffff:0.0.0.0"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        struct ip a = ip(nowhere[i]);
        assert_true(ip_is_no_host(&a));
    }
    struct ip loopback = ip("127.0.0.1"), v6 = ip("::1");
    assert_false(ip_is_no_host(&loopback) || ip_is_no_host(&v6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_print_in_one_form),
        cmocka_unit_test(text_that_could_be_read_in_two_ways_is_none),
        cmocka_unit_test(networks_hold_what_their_bits_say),
        cmocka_unit_test(an_address_inside_of_another_is_reached_through_it),
        cmocka_unit_test(special_addresses_are_named_and_public_ones_are_not),
        cmocka_unit_test(no_connection_goes_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
