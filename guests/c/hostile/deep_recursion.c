/* Hostile guest: calls itself until the stack ends. The native stack of the engine is meant, so its own frames in
 * linear memory are kept small. */
#include <stdint.h>
#include <stdio.h>

static volatile uint32_t zero;

__attribute__((noinline)) static uint32_t descend(uint32_t depth)
{
    return descend(depth + 1) + zero + depth;
}

int main(void)
{
    printf("%u\n", (unsigned)descend(0));
    return 0;
}
