/* The numbers that the filters stand on, held against libseccomp's and this machine's own. */
#include "os/seccomp.h"
#include "trial.h"

#include <seccomp.h>
#include <string.h>
#include <sys/syscall.h>

/* Younger than the library that we compare with. */
static bool is_young(const char *name)
{
    static const char *const young[] = {"fchmodat2", "cachestat", "map_shadow_stack", "mseal"};
    for (size_t i = 0; i < ARRAY_LEN(young); i++) {
        if (strcmp(young[i], name) == 0)
            return true;
    }
    return false;
}

static void numbers_are_those_of_libseccomp(void **state unused_)
{
    static const uint32_t arch[] = {SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64};
    for (int call = 0; call < OS_SYSCALL_COUNT; call++) {
        const char *name = os_syscall_name(call);
        for (int a = 0; a < 2 && !is_young(name); a++) {
            int theirs = seccomp_syscall_resolve_name_arch(arch[a], name);
            int ours = os_syscall_number(call, a);
            if ((theirs < 0 ? -1 : theirs) != ours)
                fail_msg("%s is %d in the table and %d in libseccomp", name, ours, theirs);
        }
    }
}

static void numbers_are_those_of_this_machine(void **state unused_)
{
#define SAME(name) assert_int_equal(os_syscall_number(OS_SYS_##name, OS_ARCH_HERE), SYS_##name)
    SAME(read);
    SAME(openat2);
    SAME(clone3);
    SAME(execveat);
    SAME(io_uring_setup);
    SAME(landlock_restrict_self);
    SAME(acct);
    SAME(ptrace);
#undef SAME
}

static void no_number_stands_for_two_names(void **state unused_)
{
    for (int a = 0; a < 2; a++) {
        for (int one = 0; one < OS_SYSCALL_COUNT; one++) {
            for (int two = one + 1; two < OS_SYSCALL_COUNT; two++) {
                int number = os_syscall_number(one, a);
                if (number >= 0 && number == os_syscall_number(two, a))
                    fail_msg("%s and %s are both %d", os_syscall_name(one), os_syscall_name(two),
                             number);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_libseccomp),
        cmocka_unit_test(numbers_are_those_of_this_machine),
        cmocka_unit_test(no_number_stands_for_two_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
