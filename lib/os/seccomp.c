/* From rule tables to a BPF program. Must never let anything through that no rule names, and must
 * never depend on the machine it runs on when asked for another.
 *
 * Shape of a program: check the kind of machine, refuse x32, then a binary search over ranges of
 * call numbers that share one fate. A leaf is a verdict, or the argument tests of one call. The
 * kernel remembers the calls that pass without looking at arguments, so their cost is one bit
 * test. */
#include "os/seccomp.h"

#include "base/fault.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1UL
#endif
#define MDWE_NO_INHERIT 2UL

_Static_assert(sizeof(struct os_seccomp_insn) == sizeof(struct sock_filter),
               "handed to the kernel as it is");
_Static_assert(OS_SECCOMP_INSNS_MAX <= BPF_MAXINSNS, "more than the kernel takes");

#define X32_BIT 0x40000000u
#define TREE_DEPTH_MAX 12
#define NUMBERS_MAX 1024 /* calls have smaller numbers */

static const struct {
    const char *name;
    int16_t number[2];
} syscalls[OS_SYSCALL_COUNT] = {
#define ROW(name, x86_64, aarch64) [OS_SYS_##name] = {#name, {x86_64, aarch64}},
    OS_SYSCALLS(ROW)
#undef ROW
};

int os_syscall_number(enum os_syscall call, enum os_arch arch)
{
    return syscalls[call].number[arch];
}

const char *os_syscall_name(enum os_syscall call)
{
    return syscalls[call].name;
}

/* Where a rule ended up: the numbers decide the order, the place in the tables breaks ties. */
struct placed_rule {
    uint32_t number;
    const struct os_seccomp_rule *rule;
};

enum fate { FATE_OTHERWISE, FATE_ALWAYS, FATE_LOOK };
struct range {
    uint32_t first; /* up to the next range's first */
    enum fate fate;
    uint32_t verdict;        /* FATE_ALWAYS */
    size_t rule, rule_count; /* FATE_LOOK: into placed */
};

struct compiler {
    struct os_seccomp_program *out;
    uint32_t otherwise; /* the verdict on what no rule is about */
    bool is_full;
    struct placed_rule placed[2 * OS_SYSCALL_COUNT];
    size_t placed_count;
    struct range ranges[2 * OS_SYSCALL_COUNT + 2];
    size_t range_count;
    uint16_t leaf_ends[2 * OS_SYSCALL_COUNT + 3]; /* instructions of all leaves before this one */
};

static size_t emit(struct compiler *c, unsigned code, uint32_t k, size_t jt, size_t jf)
{
    if (c->out->count == OS_SECCOMP_INSNS_MAX || jt > UINT8_MAX || jf > UINT8_MAX) {
        c->is_full = true;
        return 0;
    }
    c->out->at[c->out->count] =
        (struct os_seccomp_insn){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
    return c->out->count++;
}

static void emit_load(struct compiler *c, size_t offset)
{
    emit(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_verdict(struct compiler *c, uint32_t verdict)
{
    emit(c, BPF_RET | BPF_K, verdict, 0, 0);
}

static uint32_t verdict_of(const struct os_seccomp_rule *rule)
{
    return rule->error == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | rule->error;
}

static bool has_tests(const struct os_seccomp_rule *rule)
{
    for (size_t t = 0; t < OS_SECCOMP_TESTS_MAX; t++) {
        if (rule->tests[t].kind != OS_ARG_ANY)
            return true;
    }
    return false;
}

/* How many instructions a test takes; emit_test() below must agree (checked in emit_look). */
static size_t test_size(const struct os_seccomp_test *t)
{
    switch (t->kind) {
    case OS_ARG_ANY: return 0;
    case OS_ARG_IS: return t->mask == UINT32_MAX ? 2 : 3;
    case OS_ARG_NULL: return 4;
    }
    return 0;
}

/* `after` instructions follow this test within its rule: a test that fails jumps over them. */
static void emit_test(struct compiler *c, const struct os_seccomp_test *t, size_t after)
{
    /* Both machines are little-endian: the low half of an argument comes first. */
    size_t low = offsetof(struct seccomp_data, args) + t->arg * sizeof(uint64_t);
    if (t->kind == OS_ARG_ANY)
        return;
    emit_load(c, low);
    if (t->kind == OS_ARG_NULL) {
        emit(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, after + 2);
        emit_load(c, low + sizeof(uint32_t));
        emit(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, after);
        return;
    }
    if (t->mask != UINT32_MAX)
        emit(c, BPF_ALU | BPF_AND | BPF_K, t->mask, 0, 0);
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, t->value, 0, after);
}

/* What a leaf takes; emit_leaf() must agree (checked in emit_tree). */
static size_t leaf_size(const struct compiler *c, const struct range *r)
{
    size_t size = 1; /* what is behind the last rule */
    for (size_t i = 0; r->fate == FATE_LOOK && i < r->rule_count; i++) {
        const struct os_seccomp_rule *rule = c->placed[r->rule + i].rule;
        if (!has_tests(rule))
            return size; /* the rule itself is the end */
        for (size_t t = 0; t < OS_SECCOMP_TESTS_MAX; t++)
            size += test_size(&rule->tests[t]);
        size++;
    }
    return size;
}

/* The rules of one call, in order. */
static void emit_look(struct compiler *c, const struct range *r)
{
    for (size_t i = 0; i < r->rule_count; i++) {
        const struct os_seccomp_rule *rule = c->placed[r->rule + i].rule;
        size_t left = 1; /* the verdict */
        for (size_t t = 0; t < OS_SECCOMP_TESTS_MAX; t++)
            left += test_size(&rule->tests[t]);
        size_t end = c->out->count + left;
        for (size_t t = 0; t < OS_SECCOMP_TESTS_MAX; t++) {
            left -= test_size(&rule->tests[t]);
            emit_test(c, &rule->tests[t], left);
        }
        emit_verdict(c, verdict_of(rule));
        must(c->is_full || c->out->count == end);
        if (!has_tests(rule))
            return; /* nothing comes past it */
    }
    emit_verdict(c, c->otherwise);
}

static void emit_leaf(struct compiler *c, const struct range *r)
{
    switch (r->fate) {
    case FATE_OTHERWISE: emit_verdict(c, c->otherwise); break;
    case FATE_ALWAYS: emit_verdict(c, r->verdict); break;
    case FATE_LOOK: emit_look(c, r); break;
    }
}

/* At most: with the longer of the two jumps at each fork. */
static size_t tree_size_max(const struct compiler *c, size_t from, size_t to)
{
    return (size_t)c->leaf_ends[to] - c->leaf_ends[from] + 2 * (to - from - 1);
}

/* Ranges [from, to). Conditional jumps reach 255 instructions, plain ones any distance: where the left half may be
 * longer, a pair. Every instruction costs at each start: the kernel checks and translates it. */
static void emit_tree(struct compiler *c, size_t from, size_t to, unsigned depth)
{
    must(depth < TREE_DEPTH_MAX && from < to);
    if (to - from == 1) {
        size_t end = c->out->count + leaf_size(c, &c->ranges[from]);
        emit_leaf(c, &c->ranges[from]);
        must(c->is_full || c->out->count == end);
        return;
    }
    size_t middle = from + (to - from) / 2;
    bool is_near = tree_size_max(c, from, middle) <= UINT8_MAX;
    size_t jump = emit(c, BPF_JMP | BPF_JGE | BPF_K, c->ranges[middle].first, 0, is_near ? 0 : 1);
    if (!is_near)
        jump = emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
    emit_tree(c, from, middle, depth + 1);
    size_t distance = c->out->count - jump - 1;
    if (!c->is_full && is_near)
        c->out->at[jump].jt = (uint8_t)distance;
    else if (!c->is_full)
        c->out->at[jump].k = (uint32_t)distance;
    emit_tree(c, middle, to, depth + 1);
}

/* By their numbers; those of one number stay in their order. */
static void sort_rules(struct compiler *c, const struct placed_rule *found, size_t count)
{
    uint16_t starts[NUMBERS_MAX + 1] = {0};
    for (size_t i = 0; i < count; i++)
        starts[found[i].number + 1]++;
    for (size_t n = 0; n < NUMBERS_MAX; n++)
        starts[n + 1] = (uint16_t)(starts[n + 1] + starts[n]);
    for (size_t i = 0; i < count; i++)
        c->placed[starts[found[i].number]++] = found[i];
    c->placed_count = count;
}

static bool place_rules(struct compiler *c, const struct os_seccomp_rules *lists, size_t list_count,
                        enum os_arch arch)
{
    struct placed_rule found[ARRAY_LEN(c->placed)];
    size_t count = 0;
    for (size_t l = 0; l < list_count; l++) {
        for (size_t i = 0; i < lists[l].count; i++) {
            const struct os_seccomp_rule *rule = &lists[l].at[i];
            if (rule->call == OS_SYSCALL_OTHER) {
                c->otherwise = SECCOMP_RET_ERRNO | rule->error;
                continue;
            }
            int number = os_syscall_number(rule->call, arch);
            if (number < 0)
                continue;
            if (count == ARRAY_LEN(found))
                return false;
            must(number < NUMBERS_MAX);
            found[count++] = (struct placed_rule){(uint32_t)number, rule};
        }
    }
    sort_rules(c, found, count);
    return true;
}

static void add_range(struct compiler *c, const struct range *range)
{
    const struct range *last = c->range_count > 0 ? &c->ranges[c->range_count - 1] : NULL;
    if (range->fate != FATE_LOOK && last != NULL && last->fate == range->fate &&
        last->verdict == range->verdict)
        return; /* goes on as before */
    must(c->range_count < ARRAY_LEN(c->ranges));
    c->leaf_ends[c->range_count + 1] =
        (uint16_t)(c->leaf_ends[c->range_count] + leaf_size(c, range));
    c->ranges[c->range_count++] = *range;
}

static void make_ranges(struct compiler *c)
{
    uint32_t next = 0; /* the first number not yet covered */
    for (size_t i = 0, run; i < c->placed_count; i += run) {
        uint32_t number = c->placed[i].number;
        run = 1;
        while (i + run < c->placed_count && c->placed[i + run].number == number)
            run++;
        const struct os_seccomp_rule *first = c->placed[i].rule;
        if (number > next)
            add_range(c, &(struct range){.first = next, .fate = FATE_OTHERWISE});
        if (has_tests(first))
            add_range(c, &(struct range){number, FATE_LOOK, 0, i, run});
        else
            add_range(c, &(struct range){number, FATE_ALWAYS, verdict_of(first), 0, 0});
        next = number + 1;
    }
    add_range(c, &(struct range){.first = next, .fate = FATE_OTHERWISE});
}

int os_seccomp_compile(const struct os_seccomp_rules *lists, size_t list_count, enum os_arch arch,
                       struct os_seccomp_program *ret)
{
    struct compiler c;
    c.out = ret;
    c.is_full = false;
    c.otherwise = SECCOMP_RET_KILL_PROCESS;
    c.placed_count = c.range_count = 0;
    c.leaf_ends[0] = 0;
    ret->count = 0;
    if (!place_rules(&c, lists, list_count, arch))
        return -FAULT_CAP;
    make_ranges(&c);

    emit_load(&c, offsetof(struct seccomp_data, arch));
    emit(&c, BPF_JMP | BPF_JEQ | BPF_K,
         arch == OS_ARCH_X86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64, 1, 0);
    emit_verdict(&c, SECCOMP_RET_KILL_PROCESS);
    emit_load(&c, offsetof(struct seccomp_data, nr));
    if (arch == OS_ARCH_X86_64) { /* x32 calls carry the arch of x86-64 and a bit in their number */
        emit(&c, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
        emit_verdict(&c, SECCOMP_RET_KILL_PROCESS);
    }
    emit_tree(&c, 0, c.range_count, 0);
    return c.is_full ? -FAULT_CAP : 0;
}

int os_seccomp_install(const struct os_seccomp_program *program)
{
    /* The kernel only reads the program; its struct says otherwise. */
    struct sock_fprog prog = {(unsigned short)program->count,
                              (struct sock_filter *)(uintptr_t)program->at};
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
    return r < 0 ? -errno : 0;
}

bool os_seccomp_available(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int os_seccomp_ask(enum os_syscall call)
{
    /* A null pointer as first argument: harmless for the calls that this is meant for. */
    return syscall(os_syscall_number(call, OS_ARCH_HERE), NULL) < 0 ? errno : 0;
}

int os_refuse_new_code(void)
{
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN | MDWE_NO_INHERIT, 0, 0, 0) == 0)
        return 0;
    return -errno;
}
