/* Hostile guest: lists of buffers that overlap each other, themselves and the answer, wrap round or are far too many. */
#include "hostile.h"

static uint8_t area[4096];
static __wasi_iovec_t many[4096];

int main(void)
{
    __wasi_size_t n = 0, *inside = (__wasi_size_t *)(void *)area;
    int fd;

    if (open_path(ROOT_FD, "a.txt", 0, RIGHTS_WRITE, &fd) != 0)
        return 1;
    __wasi_fd_t f = (__wasi_fd_t)fd;
    /* Allowed, and harmless: bytes land somewhere in the guest's own memory. */
    static __wasi_iovec_t over[4];
    over[0] = (__wasi_iovec_t){area, 64};
    over[1] = (__wasi_iovec_t){area + 32, 64};
    over[2] = (__wasi_iovec_t){area, 4096};
    over[3] = (__wasi_iovec_t){(uint8_t *)over, sizeof(over)};
    (void)!__wasi_fd_pread(f, over, 4, 0, &n);
    (void)!__wasi_fd_pread(f, (__wasi_iovec_t *)(void *)area, 8, 0, inside);
    for (size_t i = 0; i < 1024; i++)
        many[i] = (__wasi_iovec_t){(uint8_t *)many, sizeof(many)};
    (void)!__wasi_fd_pread(f, many, 1024, 0, (__wasi_size_t *)(void *)many);
    /* Not allowed. */
    tell("too_many", __wasi_fd_read(f, many, 4096, &n));
    tell("count_max", __wasi_fd_read(f, many, 0xffffffff, &n));
    tell("count_wraps", __wasi_fd_read(f, many, 0x20000000, &n));
    tell("list_past_memory", __wasi_fd_read(f, (__wasi_iovec_t *)0xfffffff8, 2, &n));
    __wasi_iovec_t past[] = {{area, 16}, {(uint8_t *)0xfffffff0, 32}};
    tell("part_past_memory", __wasi_fd_read(f, past, 2, &n));
    __wasi_iovec_t huge[] = {{area, 0xffffffff}, {area, 0xffffffff}};
    tell("part_length_max", __wasi_fd_read(f, huge, 2, &n));
    tell("write_length_max", __wasi_fd_write(f, (__wasi_ciovec_t *)(void *)huge, 2, &n));
    tell("stdout_length_max", __wasi_fd_write(1, (__wasi_ciovec_t *)(void *)huge, 1, &n));
    __wasi_iovec_t negative[] = {{area, 16}, {area, 0x80000000}};
    tell("part_negative", __wasi_fd_pwrite(f, (__wasi_ciovec_t *)(void *)negative, 2, 0, &n));
    tell("answer_past_memory",
         __wasi_fd_write(f, (__wasi_ciovec_t *)(void *)past, 1, (__wasi_size_t *)0xfffffffd));
    tell("random_length_max", __wasi_random_get(area, 0xffffffff));
    tell("random_past_memory", __wasi_random_get((uint8_t *)0xfffffff0, 64));
    return hostile_end();
}
