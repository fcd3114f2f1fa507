#include "bpf.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

enum { BAD = 1 };

uint32_t bpf_run(const struct os_seccomp_program *program, const struct bpf_call *call)
{
    struct seccomp_data data = {.nr = (int)call->number, .arch = call->arch};
    uint32_t a = 0;
    memcpy(data.args, call->args, sizeof(data.args));
    for (size_t pc = 0; pc < program->count; pc++) {
        const struct os_seccomp_insn *i = &program->at[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (i->k % 4 != 0 || i->k > sizeof(data) - 4)
                return BAD;
            memcpy(&a, (const char *)&data + i->k, 4);
            break;
        case BPF_ALU | BPF_AND | BPF_K: a &= i->k; break;
        case BPF_JMP | BPF_JA: pc += i->k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i->k ? i->jt : i->jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i->k ? i->jt : i->jf; break;
        case BPF_RET | BPF_K: return i->k;
        default: return BAD;
        }
    }
    return BAD;
}
