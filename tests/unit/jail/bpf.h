/* A small machine that runs filter programs, so that a test can ask about calls without making
 * them. */
#pragma once

#include "os/seccomp.h"

struct bpf_call {
    uint32_t number, arch;
    uint64_t args[6];
};
#define BPF_ARCH_X86_64 0xc000003eu
#define BPF_ARCH_AARCH64 0xc00000b7u
#define BPF_ARCH_I386 0x40000003u

#define BPF_KILL 0x80000000u
#define BPF_ALLOW 0x7fff0000u
#define BPF_ERRNO 0x00050000u /* + the number */

/* The verdict; 1 when the program is not one (a jump or a load out of it, an instruction it
 * should not have). */
uint32_t bpf_run(const struct os_seccomp_program *program, const struct bpf_call *call);
