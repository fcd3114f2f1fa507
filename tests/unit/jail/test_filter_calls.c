/* Every system call number, made for real in a child of its own under each program's filter: what
 * the tables do not name ends the process with SIGSYS; what they refuse is refused with that
 * number and does not happen. Calls that the tables let through are not made here,
 * test_filter_tables.c judges those. */
#include "bpf.h"
#include "sandbox/jail/facets.h"
#include "trial.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NUMBERS = 512 };

/* A fork of a sanitized process is slow; that build is for the code, not for the kernel's numbers. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 5 };
#else
enum { STEP = 1 };
#endif

struct attempt {
    enum jail_program program;
    long number;
    bool by_int80;
};

static int enter_filter_only(enum jail_program program)
{
    struct jail_report report;
    struct jail_profile profile = {
        .program = program, .channel_fd = -1, .facets = JAIL_SECCOMP, .required = JAIL_SECCOMP};
    return trial_enter(profile, &report);
}

#if defined(__x86_64__)
static long call_by_int80(long number)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "memory");
    return result;
}
#else
static long call_by_int80(long number unused_)
{
    return 0;
}
#endif

/* DONE: it came back; REFUSED + errno goes by the exit code, which has room for small numbers
 * only. */
static int make_call(void *arg)
{
    const struct attempt *a = arg;
    if (enter_filter_only(a->program) != TRIAL_DONE)
        return TRIAL_BROKEN;
    long r = a->by_int80 ? call_by_int80(a->number) : syscall(a->number, 0, 0, 0, 0, 0, 0);
    return r < 0 && !a->by_int80 ? errno & 0xff : TRIAL_DONE;
}

static uint32_t verdict(enum jail_program program, long number)
{
    static struct os_seccomp_program filter;
    const struct jail_plan *plan = &jail_plans[program];
    assert_int_equal(os_seccomp_compile(plan->filter, plan->filter_count, OS_ARCH_HERE, &filter),
                     0);
    return bpf_run(&filter,
                   &(struct bpf_call){.number = (uint32_t)number,
                                      .arch = OS_ARCH_HERE == OS_ARCH_X86_64 ? BPF_ARCH_X86_64
                                                                             : BPF_ARCH_AARCH64});
}

/* uretprobe and uprobe: the kernel's own trampolines, which it filters for nobody. Made from
 * anywhere else, the first ends the process by another signal and the second is refused. */
static bool is_unfiltered(long number, int got)
{
    return OS_ARCH_HERE == OS_ARCH_X86_64 &&
           ((number == 335 && got == TRIAL_KILLED + SIGILL) || (number == 336 && got == ENXIO));
}

static void try_all(enum jail_program program)
{
    unsigned killed = 0, answered = 0, passed = 0;
    for (long number = 0; number < NUMBERS; number += STEP) {
        struct attempt a = {program, number, false};
        uint32_t want = verdict(program, number);
        if (want == BPF_ALLOW) {
            passed++;
            continue;
        }
        int got = trial_run(0, make_call, &a);
        if (want == BPF_KILL) {
            if (got != TRIAL_KILLED + SIGSYS && !is_unfiltered(number, got))
                fail_msg("%s: call %ld ended with %d, not by its filter",
                         jail_program_name(program), number, got);
            killed++;
        } else {
            if (got != (int)((want - BPF_ERRNO) & 0xff) && !is_unfiltered(number, got))
                fail_msg("%s: call %ld answered %d instead of %u", jail_program_name(program),
                         number, got, want - BPF_ERRNO);
            answered++;
        }
    }
    print_message("%s: %u numbers pass, %u are refused, %u end the process\n",
                  jail_program_name(program), passed, answered, killed);
}

static void monitor_numbers(void **state unused_)
{
    try_all(JAIL_MONITOR);
}
static void agent_numbers(void **state unused_)
{
    try_all(JAIL_AGENT);
}
static void worker_numbers(void **state unused_)
{
    try_all(JAIL_WORKER);
}
static void egress_numbers(void **state unused_)
{
    try_all(JAIL_EGRESS);
}
static void compile_numbers(void **state unused_)
{
    try_all(JAIL_COMPILE);
}

static void keeper_numbers(void **state unused_)
{
    try_all(JAIL_KEEPER);
}
static void command_numbers(void **state unused_)
{
    try_all(JAIL_COMMAND);
}

static int make_call_unjailed(void *arg)
{
    const struct attempt *a = arg;
    (void)call_by_int80(a->number);
    return TRIAL_DONE;
}

static void numbers_of_x32_and_i386_end_the_process(void **state unused_)
{
#if defined(__x86_64__)
    struct attempt getpid_i386 = {JAIL_MONITOR, 20, true};
    bool has_i386 = trial_run(0, make_call_unjailed, &getpid_i386) == TRIAL_DONE;
    if (!has_i386)
        print_message("this kernel has no i386 calls: that half is void\n");
    for (int program = 0; program < JAIL_PROGRAM_COUNT; program++) {
        for (long number = 0; number < NUMBERS; number += 3) { /* all of them on paper */
            struct attempt x32 = {program, number | 0x40000000, false};
            assert_int_equal(trial_run(0, make_call, &x32), TRIAL_KILLED + SIGSYS);
            struct attempt i386 = {program, number, true};
            if (has_i386)
                assert_int_equal(trial_run(0, make_call, &i386), TRIAL_KILLED + SIGSYS);
        }
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monitor_numbers),
        cmocka_unit_test(agent_numbers),
        cmocka_unit_test(worker_numbers),
        cmocka_unit_test(egress_numbers),
        cmocka_unit_test(compile_numbers),
        cmocka_unit_test(keeper_numbers),
        cmocka_unit_test(command_numbers),
        cmocka_unit_test(numbers_of_x32_and_i386_end_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
