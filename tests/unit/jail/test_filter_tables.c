/* The filters of all programs, on both machines, run on paper: each verdict is the one that the
 * tables say. */
#include "bpf.h"
#include "sandbox/jail/facets.h"
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static const uint32_t arch_token[] = {BPF_ARCH_X86_64, BPF_ARCH_AARCH64};

static void build(int program, enum os_arch arch, struct os_seccomp_program *ret)
{
    const struct jail_plan *plan = &jail_plans[program];
    assert_int_equal(os_seccomp_compile(plan->filter, plan->filter_count, arch, ret), 0);
}

static bool test_holds(const struct os_seccomp_test *t, const uint64_t args[6])
{
    switch (t->kind) {
    case OS_ARG_ANY: return true;
    case OS_ARG_IS: return ((uint32_t)args[t->arg] & t->mask) == t->value;
    case OS_ARG_NULL: return args[t->arg] == 0;
    }
    return false;
}

/* What the tables say, in the plainest way. */
static uint32_t expected(const struct jail_plan *plan, enum os_arch arch,
                         const struct bpf_call *call)
{
    uint32_t otherwise = BPF_KILL;
    if (call->arch != arch_token[arch])
        return BPF_KILL;
    for (size_t l = 0; l < plan->filter_count; l++) {
        for (size_t i = 0; i < plan->filter[l].count; i++) {
            const struct os_seccomp_rule *rule = &plan->filter[l].at[i];
            if (rule->call == OS_SYSCALL_OTHER) {
                otherwise = BPF_ERRNO + rule->error;
                continue;
            }
            bool holds = os_syscall_number(rule->call, arch) == (int)call->number;
            for (size_t t = 0; t < OS_SECCOMP_TESTS_MAX; t++)
                holds = holds && test_holds(&rule->tests[t], call->args);
            if (holds)
                return rule->error == 0 ? BPF_ALLOW : BPF_ERRNO + rule->error;
        }
    }
    return otherwise;
}

/* Arguments that the rules speak of, and neighbours. */
static const uint64_t values[] = {
    0,           1,           2,
    3,           4,           5,
    6,           7,           10,
    16,          32,          33,
    07000,       04755,       0x1000,
    0x5401,      0x5412,      0x541c,
    0x40049409,  AF_NETLINK,  0x10f00,
    0x3d0f00,    0x7fffffff,  0xffffffff,
    0x100000000, 0x100000001, 0x5412 + 0x100000000,
    UINT64_MAX,
};

static void verdicts_are_those_of_the_tables(void **state unused_)
{
    static struct os_seccomp_program filter;
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++) {
        for (int arch = 0; arch < 2; arch++) {
            build(program, arch, &filter);
            for (uint32_t number = 0; number < 1024; number++) {
                for (size_t v = 0; v < ARRAY_LEN(values) * 6; v++) {
                    struct bpf_call call = {.number = number, .arch = arch_token[arch]};
                    call.args[v % 6] = values[v / 6];
                    uint32_t want = expected(&jail_plans[program], arch, &call);
                    uint32_t got = bpf_run(&filter, &call);
                    if (got != want)
                        fail_msg(
                            "%s, machine %d, call %u, argument %zu = %#llx: %#x instead of %#x",
                            jail_program_name(program), arch, number, v % 6,
                            (unsigned long long)values[v / 6], got, want);
                }
            }
        }
    }
}

static void other_machines_and_x32_are_killed(void **state unused_)
{
    static struct os_seccomp_program filter;
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++) {
        for (uint32_t number = 0; number < 1024; number++) {
            build(program, OS_ARCH_X86_64, &filter);
            assert_int_equal(bpf_run(&filter, &(struct bpf_call){number, BPF_ARCH_I386, {0}}),
                             BPF_KILL);
            assert_int_equal(bpf_run(&filter, &(struct bpf_call){number, BPF_ARCH_AARCH64, {0}}),
                             BPF_KILL);
            assert_int_equal(
                bpf_run(&filter, &(struct bpf_call){number | 0x40000000u, BPF_ARCH_X86_64, {0}}),
                BPF_KILL);
            assert_int_equal(
                bpf_run(&filter, &(struct bpf_call){number | 0x80000000u, BPF_ARCH_X86_64, {0}}),
                BPF_KILL);
            build(program, OS_ARCH_AARCH64, &filter);
            assert_int_equal(bpf_run(&filter, &(struct bpf_call){number, BPF_ARCH_X86_64, {0}}),
                             BPF_KILL);
        }
    }
}

static uint32_t ask(int program, enum os_syscall call, uint64_t a0, uint64_t a1, uint64_t a2)
{
    static struct os_seccomp_program filter;
    build(program, OS_ARCH_X86_64, &filter);
    struct bpf_call c = {
        (uint32_t)os_syscall_number(call, OS_ARCH_X86_64), BPF_ARCH_X86_64, {a0, a1, a2, 0, 0, 0}};
    return bpf_run(&filter, &c);
}

/* Nowhere, whatever the arguments. */
static void dangerous_calls_pass_no_filter(void **state unused_)
{
    static const enum os_syscall calls[] = {
        OS_SYS_io_uring_setup,
        OS_SYS_io_uring_enter,
        OS_SYS_io_uring_register,
        OS_SYS_userfaultfd,
        OS_SYS_bpf,
        OS_SYS_ptrace,
        OS_SYS_keyctl,
        OS_SYS_add_key,
        OS_SYS_request_key,
        OS_SYS_perf_event_open,
        OS_SYS_kexec_load,
        OS_SYS_init_module,
        OS_SYS_finit_module,
        OS_SYS_delete_module,
        OS_SYS_process_vm_readv,
        OS_SYS_process_vm_writev,
        OS_SYS_open_by_handle_at,
        OS_SYS_pidfd_getfd,
        OS_SYS_setns,
        OS_SYS_swapon,
        OS_SYS_reboot,
        OS_SYS_modify_ldt,
        OS_SYS_iopl,
        OS_SYS_ioperm,
        OS_SYS_remap_file_pages,
        OS_SYS_acct,
    };
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++) {
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            for (size_t v = 0; v < ARRAY_LEN(values); v++) {
                if (ask(program, calls[i], values[v], values[v], values[v]) == BPF_ALLOW)
                    fail_msg("%s lets %s through", jail_program_name(program),
                             os_syscall_name(calls[i]));
            }
        }
    }
}

static void only_the_monitor_starts_programs_and_only_egress_connects(void **state unused_)
{
    for (int program = JAIL_AGENT; program <= JAIL_KEEPER; program++) {
        bool is_keeper = program == JAIL_KEEPER; /* it ends what another started */
        assert_int_equal(ask(program, OS_SYS_execve, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_execveat, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_fork, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_vfork, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_clone, SIGCHLD, 0, 0), BPF_KILL);
        assert_int_not_equal(ask(program, OS_SYS_clone3, 0, 0, 0), BPF_ALLOW);
        assert_int_equal(ask(program, OS_SYS_unshare, 0x10000000, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_mount, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_kill, 1, 9, 0), is_keeper ? BPF_ALLOW : BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_bind, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_listen, 0, 0, 0), BPF_KILL);
        bool is_egress = program == JAIL_EGRESS; /* it takes connections at listeners of keepers */
        assert_int_equal(ask(program, OS_SYS_accept4, 0, 0, 0), is_egress ? BPF_ALLOW : BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_connect, 0, 0, 0), is_egress ? BPF_ALLOW : BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                         is_egress ? BPF_ALLOW : BPF_KILL);
        assert_int_not_equal(ask(program, OS_SYS_socket, AF_UNIX, SOCK_STREAM, 0), BPF_ALLOW);
        assert_int_not_equal(ask(program, OS_SYS_socket, AF_INET, SOCK_RAW, 0), BPF_ALLOW);
        assert_int_not_equal(ask(program, OS_SYS_socket, AF_PACKET, SOCK_RAW, 0), BPF_ALLOW);
    }
    assert_int_equal(ask(JAIL_EGRESS, OS_SYS_clone, 0x3d0f00, 0, 0), BPF_ALLOW); /* a thread */
    assert_int_equal(ask(JAIL_EGRESS, OS_SYS_clone, 0x3d0f00 | 0x10000000, 0, 0),
                     BPF_KILL); /* in a user namespace */
}

static void no_page_is_writable_and_executable(void **state unused_)
{
    for (int program = JAIL_AGENT; program <= JAIL_KEEPER; program++) {
        bool has_engine = program == JAIL_WORKER || program == JAIL_COMPILE;
        assert_int_equal(ask(program, OS_SYS_mmap, 0, 0, PROT_READ | PROT_WRITE), BPF_ALLOW);
        assert_int_equal(ask(program, OS_SYS_mmap, 0, 0, PROT_READ | PROT_EXEC), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_mmap, 0, 0, PROT_WRITE | PROT_EXEC), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_mprotect, 0, 0, PROT_READ | PROT_EXEC),
                         has_engine ? BPF_ALLOW : BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_mprotect, 0, 0, PROT_READ | PROT_WRITE | PROT_EXEC),
                         BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_mprotect, 0, 0, PROT_WRITE | PROT_EXEC), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_shmat, 0, 0, 0), BPF_KILL);
        assert_int_equal(ask(program, OS_SYS_personality, 0x0400000, 0, 0),
                         BPF_KILL); /* READ_IMPLIES_EXEC */
        assert_int_equal(ask(program, OS_SYS_pkey_mprotect, 0, 0, 0), BPF_KILL);
    }
}

static void nothing_is_typed_into_the_terminal(void **state unused_)
{
    static const uint64_t forms[] = {0x5412, 0x5412 + (UINT64_C(1) << 32),
                                     0x5412 + (UINT64_C(0xffffffff) << 32), 0x541c};
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++) {
        for (size_t i = 0; i < ARRAY_LEN(forms); i++)
            assert_int_not_equal(ask(program, OS_SYS_ioctl, 0, forms[i], 0), BPF_ALLOW);
    }
}

/* A native command: whatever the arguments, none of the ways by which walls were broken before. */
static void a_native_command_gets_no_part_of_the_kernel_that_breaks_walls(void **state unused_)
{
    static const enum os_syscall calls[] = {
        OS_SYS_unshare,    OS_SYS_setns,         OS_SYS_mount,        OS_SYS_umount2,
        OS_SYS_pivot_root, OS_SYS_chroot,        OS_SYS_fsopen,       OS_SYS_fsmount,
        OS_SYS_move_mount, OS_SYS_open_tree,     OS_SYS_clone3,       OS_SYS_mount_setattr,
        OS_SYS_execveat,   OS_SYS_memfd_create,  OS_SYS_shmget,       OS_SYS_msgget,
        OS_SYS_mq_open,    OS_SYS_fallocate,     OS_SYS_kcmp,         OS_SYS_syslog,
        OS_SYS_quotactl,   OS_SYS_clock_settime, OS_SYS_settimeofday,
    };
    static const int families[] = {AF_UNIX, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG, AF_BLUETOOTH,
                                   AF_CAN,  AF_KEY,     AF_XDP,    AF_TIPC,  AF_RDS};
    static const uint64_t namespaces[] = {0x80,       0x00020000, 0x02000000, 0x04000000,
                                          0x08000000, 0x10000000, 0x20000000, 0x40000000};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++)
            assert_int_not_equal(ask(JAIL_COMMAND, calls[i], values[v], values[v], values[v]),
                                 BPF_ALLOW);
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        for (uint64_t type = 0; type < 16; type++)
            assert_int_not_equal(ask(JAIL_COMMAND, OS_SYS_socket, (uint64_t)families[i], type, 0),
                                 BPF_ALLOW);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        assert_int_not_equal(ask(JAIL_COMMAND, OS_SYS_clone, namespaces[i] | SIGCHLD, 0, 0),
                             BPF_ALLOW);
        assert_int_not_equal(ask(JAIL_COMMAND, OS_SYS_clone, namespaces[i] | 0x3d0f00, 0, 0),
                             BPF_ALLOW);
    }
    assert_int_equal(ask(JAIL_COMMAND, OS_SYS_clone, 0x3d0f00, 0, 0), BPF_ALLOW); /* a thread */
    assert_int_equal(ask(JAIL_COMMAND, OS_SYS_clone, SIGCHLD, 0, 0), BPF_ALLOW);
    assert_int_equal(ask(JAIL_COMMAND, OS_SYS_execve, 0, 0, 0), BPF_ALLOW);
    assert_int_equal(ask(JAIL_COMMAND, OS_SYS_socketpair, AF_UNIX, 0, 0), BPF_ALLOW);
    assert_int_not_equal(ask(JAIL_COMMAND, OS_SYS_socketpair, AF_TIPC, 0, 0), BPF_ALLOW);
    assert_int_not_equal(ask(JAIL_COMMAND, OS_SYS_prctl, 4, 0, 0), BPF_ALLOW); /* not dumpable */
    /* a call of a kernel to come: refused like by a kernel of the past, not punished */
    static struct os_seccomp_program filter;
    build(JAIL_COMMAND, OS_ARCH_X86_64, &filter);
    assert_int_equal(bpf_run(&filter, &(struct bpf_call){999, BPF_ARCH_X86_64, {0}}),
                     BPF_ERRNO + ENOSYS);
}

static void a_table_too_large_is_a_fault_and_not_a_short_filter(void **state unused_)
{
    static struct os_seccomp_program filter;
    static struct os_seccomp_rule rows[2 * OS_SYSCALL_COUNT + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        rows[i] = (struct os_seccomp_rule){.call = i % OS_SYSCALL_COUNT,
                                           .tests = {{OS_ARG_NULL, 0, 0, 0}}};
    struct os_seccomp_rules list = {rows, ARRAY_LEN(rows)};
    assert_int_equal(os_seccomp_compile(&list, 1, OS_ARCH_X86_64, &filter), -FAULT_CAP);
    list.count = OS_SYSCALL_COUNT; /* fits the rule store, not the program */
    assert_int_equal(os_seccomp_compile(&list, 1, OS_ARCH_X86_64, &filter), -FAULT_CAP);
    list.count = 0;
    assert_int_equal(os_seccomp_compile(&list, 1, OS_ARCH_X86_64, &filter), 0);
    assert_int_equal(bpf_run(&filter, &(struct bpf_call){0, BPF_ARCH_X86_64, {0}}), BPF_KILL);
}

static void sizes_are_told(void **state unused_)
{
    static struct os_seccomp_program filter;
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++) {
        build(program, OS_ARCH_HERE, &filter);
        print_message("%s: %zu instructions\n", jail_program_name(program), filter.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_those_of_the_tables),
        cmocka_unit_test(other_machines_and_x32_are_killed),
        cmocka_unit_test(dangerous_calls_pass_no_filter),
        cmocka_unit_test(only_the_monitor_starts_programs_and_only_egress_connects),
        cmocka_unit_test(no_page_is_writable_and_executable),
        cmocka_unit_test(nothing_is_typed_into_the_terminal),
        cmocka_unit_test(a_native_command_gets_no_part_of_the_kernel_that_breaks_walls),
        cmocka_unit_test(a_table_too_large_is_a_fault_and_not_a_short_filter),
        cmocka_unit_test(sizes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
