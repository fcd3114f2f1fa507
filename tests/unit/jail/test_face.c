/* The parts of the face that lock nothing down: arguments, names, reports, the filter's name; and
 * the whole way by arguments to READY, in a child. */
#include "base/digest.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/socket.h"
#include "sandbox/jail/facets.h"
#include "trial.h"

#include <string.h>
#include <unistd.h>

static char *const *args(char *one)
{
    static char program[] = "program", other[] = "--other";
    static char *argv[4] = {program, other, NULL, NULL};
    argv[2] = one;
    return argv;
}

static void the_outside_travels_as_an_argument(void **state unused_)
{
    char text[JAIL_OUTSIDE_ARG_SIZE];
    struct jail_outside outside;
    jail_outside_arg(text);
    assert_int_equal(jail_outside_from_argv(3, args(text), &outside), 0);
    assert_int_equal(outside.uid, geteuid());
    assert_int_equal(outside.gid, getegid());
    for (size_t i = 0; i < ARRAY_LEN(outside.namespaces); i++)
        assert_true(outside.namespaces[i] != 0);
}

static void a_malformed_outside_is_refused(void **state unused_)
{
    static const char *const bad[] = {
        "--outer=",
        "--outer=0",
        "--outer=0:0",
        "--outer=0:0:1:2:3:4:5:6",
        "--outer=0:0:1:2:3:4:5:6:7:8",
        "--outer=0:0:1:2:3:4:5:6:7:",
        "--outer=-1:0:1:2:3:4:5:6:7",
        "--outer=4294967296:0:1:2:3:4:5:6:7",
        "--outer=0:x:1:2:3:4:5:6:7",
        "--outer=0:0:1:2:3:4:5:6: 7",
        "--outer=0:0:1:2:3:4:5:6:18446744073709551616",
    };
    struct jail_outside outside;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[64];
        strcpy(text, bad[i]);
        assert_int_equal(jail_outside_from_argv(3, args(text), &outside), -FAULT_USAGE);
    }
    assert_int_equal(jail_outside_from_argv(2, args(NULL), &outside), 1);
}

static void facets_have_names_and_names_have_facets(void **state unused_)
{
    uint32_t bits = 0, all = 0;
    struct fault fault = {0};
    for (int i = 0; i < JAIL_FACET_COUNT; i++) {
        assert_int_equal(jail_facets_parse(jail_facet_name(1 << i), &bits, &fault), 0);
        assert_int_equal(bits, 1 << i);
        all |= bits;
    }
    assert_int_equal(all, JAIL_ALL);
    assert_int_equal(jail_facets_parse("", &bits, &fault), 0);
    assert_int_equal(bits, 0);
    assert_int_equal(jail_facets_parse("landlock,seccomp", &bits, &fault), 0);
    assert_int_equal(bits, JAIL_LANDLOCK | JAIL_SECCOMP);
    assert_int_equal(jail_facets_parse("landlock,selinux", &bits, &fault), -FAULT_CONFIG);
    assert_non_null(strstr(fault.text, "selinux"));
    assert_int_equal(jail_facets_parse(",", &bits, &fault), -FAULT_CONFIG);
}

static void the_filters_name_is_its_sha256(void **state unused_)
{
    static struct os_seccomp_program filter;
    char name[80], hex[DIGEST_HEX_SIZE];
    struct digest digest;
    for (size_t count = 0; count < 600; count = count * 2 + 1) {
        for (size_t i = 0; i < count; i++)
            filter.at[i] = (struct os_seccomp_insn){(uint16_t)i, (uint8_t)(i * 7), (uint8_t)(i * 3),
                                                    (uint32_t)(i * 2654435761u)};
        filter.count = count;
        digest_sha256(filter.at, count * sizeof(filter.at[0]), &digest);
        digest_hex(&digest, hex);
        jail_fingerprint(&filter, name);
        assert_memory_equal(name, "sha256:", 7);
        assert_string_equal(name + 7, hex);
    }
}

static void filters_have_different_names(void **state unused_)
{
    static struct os_seccomp_program filter;
    char names[JAIL_PROGRAM_COUNT][80];
    for (int p = 0; p < JAIL_PROGRAM_COUNT; p++) {
        assert_int_equal(os_seccomp_compile(jail_plans[p].filter, jail_plans[p].filter_count,
                                            OS_ARCH_HERE, &filter),
                         0);
        jail_fingerprint(&filter, names[p]);
        for (int q = 0; q < p; q++)
            assert_string_not_equal(names[p], names[q]);
    }
}

static void a_report_becomes_json(void **state unused_)
{
    struct jail_report r = {.in_force = JAIL_RLIMITS | JAIL_SECCOMP,
                            .landlock_abi = 7,
                            .seccomp = "sha256:00",
                            .namespaces = {"user", "mnt"},
                            .cgroup = "none"};
    auto_json json_t *json = jail_report_json(&r);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "landlock_abi")), 7);
    assert_string_equal(json_string_value(json_object_get(json, "seccomp")), "sha256:00");
    assert_int_equal(json_array_size(json_object_get(json, "namespaces")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "namespaces"), 1)),
                        "mnt");
    assert_true(json_is_true(json_object_get(json, "rlimits")));
    assert_int_equal(json_array_size(json_object_get(json, "facets")), 2);
}

static void probing_changes_nothing(void **state unused_)
{
    struct jail_ability ability;
    char before[JAIL_OUTSIDE_ARG_SIZE], after[JAIL_OUTSIDE_ARG_SIZE];
    jail_outside_arg(before);
    jail_probe(&ability);
    jail_outside_arg(after);
    assert_string_equal(before, after);
    assert_true(access("/etc/passwd", R_OK) == 0);
    print_message("landlock %d, seccomp %d, user namespaces %d, cgroup v2 delegated %d: %s\n",
                  ability.landlock_abi, ability.seccomp, ability.user_namespaces,
                  ability.cgroup_v2_delegated, ability.why_not);
}

struct start {
    enum jail_program program;
    char *more;
    int fd;
};

/* 0, or the fault's number modulo 128. */
static int start_from_arguments(void *arg)
{
    struct start *s = arg;
    char outer[JAIL_OUTSIDE_ARG_SIZE];
    char *argv[] = {(char[]){"program"}, outer, s->more, NULL};
    struct fault fault = {0};
    struct channel *channel;
    jail_outside_arg(outer);
    if (channel_new(s->fd, permits_agent, 1 << 20, &channel) < 0)
        return TRIAL_BROKEN;
    int r = jail_enter_from_argv(s->program, s->more ? 3 : 2, argv, s->fd, channel, &fault);
    return -r % 128;
}

static int try_start(enum jail_program program, const char *more, int *ret_fd)
{
    char text[128];
    int mine, its;
    assert_int_equal(os_socket_pair(&mine, &its), 0);
    struct start s = {program, more ? strcpy(text, more) : NULL, its};
    int r = trial_run(0, start_from_arguments, &s);
    close(its);
    if (ret_fd != NULL)
        *ret_fd = mine;
    else
        close(mine);
    return r;
}

static void a_program_says_ready_when_its_lockdown_stands(void **state unused_)
{
    struct channel *channel;
    struct message m;
    struct fault fault = {0};
    int fd;
    assert_int_equal(try_start(JAIL_AGENT, NULL, &fd), 0);
    assert_int_equal(channel_new(fd, permits_monitor_agent, 1 << 20, &channel), 0);
    assert_int_equal(channel_recv(channel, os_now_mono_ns() + OS_NS_PER_S, &m, &fault), 0);
    assert_int_equal(m.type, MONITOR_READY);
    assert_true(json_integer_value(json_object_get(m.body, "landlock_abi")) > 0);
    message_done(&m);
    channel_free(channel);
}

static void bad_arguments_are_refused_before_anything_is_done(void **state unused_)
{
    static const char *const bad[] = {"--connect=0",      "--connect=65536", "--connect=443,x",
                                      "--read=etc/ssl",   "--read=/",        "--read=/etc/../root",
                                      "--read=/etc/ssl/", "--read="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(try_start(JAIL_EGRESS, bad[i], NULL), FAULT_USAGE % 128);
    }
    assert_int_equal(try_start(JAIL_EGRESS, "--required=everything", NULL), FAULT_CONFIG % 128);
    assert_int_equal(try_start(JAIL_EGRESS, "--required=namespaces", NULL),
                     FAULT_SANDBOX % 128); /* this child has none */
    assert_int_equal(try_start(JAIL_EGRESS, "--connect=443,8080", NULL), 0);
    assert_int_equal(try_start(JAIL_EGRESS, "--read=/etc/hostname", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_outside_travels_as_an_argument),
        cmocka_unit_test(a_malformed_outside_is_refused),
        cmocka_unit_test(facets_have_names_and_names_have_facets),
        cmocka_unit_test(the_filters_name_is_its_sha256),
        cmocka_unit_test(filters_have_different_names),
        cmocka_unit_test(a_report_becomes_json),
        cmocka_unit_test(probing_changes_nothing),
        cmocka_unit_test(a_program_says_ready_when_its_lockdown_stands),
        cmocka_unit_test(bad_arguments_are_refused_before_anything_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
