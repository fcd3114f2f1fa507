/* System call filters: a table of rules in, a BPF program out, and its installation.
 *
 * The compiler is ours rather than libseccomp because the filter is built at every start of a
 * worker (10 us here, some 300 us and a shared library there), because the program must be the
 * same bytes on every machine of one kind (receipts name its hash), and because a program that is
 * plain data can be run in a test against every number. libseccomp is the judge in the tests.
 *
 * Everything that no rule names ends the process, as does a call of another machine's kind. */
#pragma once

#include "base/base.h"
#include "os/syscalls.h"

#define OS_SYSCALL_ENUM_(name, x86_64, aarch64) OS_SYS_##name,
enum os_syscall { OS_SYSCALLS(OS_SYSCALL_ENUM_) OS_SYSCALL_COUNT };
#undef OS_SYSCALL_ENUM_
/* In a rule without tests: what the table does not name otherwise. Its errno is answered instead of an end; calls of
 * another machine's kind end the process all the same. */
#define OS_SYSCALL_OTHER OS_SYSCALL_COUNT

enum os_arch { OS_ARCH_X86_64, OS_ARCH_AARCH64 };
#if defined(__x86_64__)
#define OS_ARCH_HERE OS_ARCH_X86_64
#elif defined(__aarch64__)
#define OS_ARCH_HERE OS_ARCH_AARCH64
#else
#error "no filter tables for this machine"
#endif

int os_syscall_number(enum os_syscall call, enum os_arch arch); /* -1 = none there */
const char *os_syscall_name(enum os_syscall call);

/* A claim about one argument. Only the low 32 bits are looked at, because the kernel itself looks
 * no further at the int and unsigned int arguments that rules speak of; OS_ARG_NULL is for
 * pointers. */
enum os_arg_kind {
    OS_ARG_ANY,
    OS_ARG_IS,   /* (arg & mask) == value */
    OS_ARG_NULL, /* all 64 bits are 0 */
};
struct os_seccomp_test {
    enum os_arg_kind kind;
    uint8_t arg;
    uint32_t mask, value;
};

#define OS_SECCOMP_TESTS_MAX 3
struct os_seccomp_rule {
    enum os_syscall call;
    uint16_t error; /* 0 = let it through, else the errno it answers instead of running */
    struct os_seccomp_test tests[OS_SECCOMP_TESTS_MAX]; /* all must hold */
};
/* Several rules for one call are tried in order; when none holds, the process ends (or OS_SYSCALL_OTHER answers). */
struct os_seccomp_rules {
    const struct os_seccomp_rule *at;
    size_t count;
};

struct os_seccomp_insn { /* as the kernel's sock_filter */
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
};
#define OS_SECCOMP_INSNS_MAX 2048
struct os_seccomp_program {
    struct os_seccomp_insn at[OS_SECCOMP_INSNS_MAX];
    size_t count;
};

/* Pure. -FAULT_CAP when the tables are too large for a program. */
must_use int os_seccomp_compile(const struct os_seccomp_rules *lists, size_t list_count,
                                enum os_arch arch, struct os_seccomp_program *ret);
/* For this process and all it will ever start. Needs no_new_privs (or CAP_SYS_ADMIN). 0 or
 * -errno. */
must_use int os_seccomp_install(const struct os_seccomp_program *program);
bool os_seccomp_available(void);
/* Makes the otherwise useless call that filters answer with a number of their own; returns that
 * number, or the kernel's errno when no filter answers. */
int os_seccomp_ask(enum os_syscall call);

/* PR_SET_MDWE where the kernel has it (6.3; without inheritance 6.6): no mapping that was not born
 * executable becomes so, in this process only. 0 or -errno. */
must_use int os_refuse_new_code(void);
