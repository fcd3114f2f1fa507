/* Hostile guest: loops for ever. Ended by fuel or the deadline. */
#include <stdint.h>

int main(void)
{
    volatile uint64_t turns = 0;

    for (;;)
        turns++;
}
