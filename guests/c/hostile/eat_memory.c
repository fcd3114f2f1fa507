/* Hostile guest: grows its memory until growth is refused, writes to each new part, says how far it came, aborts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_PAGES = 16, PAGE_BYTES = 65536 };

int main(void)
{
    for (;;) {
        size_t before = __builtin_wasm_memory_grow(0, STEP_PAGES);

        if (before == (size_t)-1)
            break;
        memset((char *)(before * PAGE_BYTES), 0xA5, (size_t)STEP_PAGES * PAGE_BYTES);
    }
    printf("refused at %zu bytes\n", (size_t)__builtin_wasm_memory_size(0) * PAGE_BYTES);
    fflush(stdout);
    abort();
}
