/* Hostile guest: reads a folder with cookies it made up and with buffers of every small size. Exits 0 when it survived;
 * argv[1]: entries that must not be more than this in one whole reading. */
#include "hostile.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    static uint8_t buffer[1 << 16];
    static const __wasi_dircookie_t cookies[] = {
        0, 1, 2, 3, 1ULL << 31, 1ULL << 32, 1ULL << 62, INT64_MAX, 1ULL << 63, UINT64_MAX};
    long most = argc > 1 ? strtol(argv[1], NULL, 10) : 1000, seen = 0;
    __wasi_dircookie_t next = 0;
    __wasi_size_t n;

    for (size_t i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++)
        for (__wasi_size_t size = 0; size < 64; size++)
            (void)!__wasi_fd_readdir(ROOT_FD, buffer, size, cookies[i], &n);
    for (unsigned i = 0, seed = 1; i < 300; i++) {
        seed = seed * 1664525 + 1013904223;
        (void)!__wasi_fd_readdir(ROOT_FD, buffer, seed % sizeof(buffer),
                                 (__wasi_dircookie_t)seed << (seed & 31), &n);
    }
    while (__wasi_fd_readdir(ROOT_FD, buffer, 4096, next, &n) == 0 && n > 0 && seen <= most) {
        __wasi_size_t at = 0;
        while (at + sizeof(__wasi_dirent_t) <= n) {
            __wasi_dirent_t entry;
            memcpy(&entry, buffer + at, sizeof(entry));
            if (at + sizeof(entry) + entry.d_namlen > n)
                break;
            at += sizeof(entry) + entry.d_namlen;
            next = entry.d_next;
            seen++;
        }
        if (n < 4096)
            break;
    }
    printf("%ld seen\n", seen);
    tell("more_than_there_is", seen > most ? 0 : 76);
    tell("past_memory", __wasi_fd_readdir(ROOT_FD, (uint8_t *)0xfffffff0, 64, 0, &n));
    tell("length_max", __wasi_fd_readdir(ROOT_FD, buffer, 0xffffffff, 0, &n));
    return hostile_end();
}
