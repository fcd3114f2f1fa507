/* Hostile guest: prints all that it can learn: arguments, environment, clocks, and what the standard streams are. */
#include "hostile.h"

#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv)
{
    __wasi_timestamp_t t;
    __wasi_filestat_t st;

    for (int i = 1; i < argc; i++)
        printf("arg %s\n", argv[i]);
    for (char **at = environ; at != NULL && *at != NULL; at++)
        printf("env %s\n", *at);
    for (__wasi_fd_t fd = 0; fd < 3; fd++)
        if (__wasi_fd_filestat_get(fd, &st) == 0)
            printf("stream %u dev %llu ino %llu size %llu\n", (unsigned)fd,
                   (unsigned long long)st.dev, (unsigned long long)st.ino,
                   (unsigned long long)st.size);
    for (unsigned id = 0; id < 4; id++)
        if (__wasi_clock_time_get((__wasi_clockid_t){(uint32_t)id}, 0, &t) == 0)
            printf("clock %u %llu\n", id, (unsigned long long)t);
    static const uint32_t odd[] = {4, 5, 7, 11, 100, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        tell("odd_clock", __wasi_clock_time_get((__wasi_clockid_t){odd[i]}, UINT64_MAX, &t));
        tell("odd_clock_res", __wasi_clock_res_get((__wasi_clockid_t){odd[i]}, &t));
    }
    tell("args_past_memory", __wasi_args_get((uint8_t **)0xfffffffc, (uint8_t *)0xfffffff0));
    tell("environ_past_memory", __wasi_environ_get((uint8_t **)0xfffffffc, (uint8_t *)0xffffffff));
    tell("raise", __wasi_sock_shutdown(1, 3));
    return hostile_end();
}
