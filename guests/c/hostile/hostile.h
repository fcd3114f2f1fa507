/* What the hostile guests share. A guest tries its attacks one after the other and prints one line for each:
 *     REACHED name detail       the attack got what it wanted
 *     refused name errno        it got this errno of preview 1
 * main returns hostile_end(): 42 when anything was reached, else 0. The calls are preview 1's own (wasi/api.h), so that
 * no library stands between the attack and the host. */
#pragma once

#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

enum { ROOT_FD = 3 };

static int hostile_reached;

static inline void tell(const char *name, int error)
{
    if (error == 0) {
        hostile_reached++;
        printf("REACHED %s\n", name);
    } else {
        printf("refused %s %d\n", name, error);
    }
}

static inline int hostile_end(void)
{
    fflush(stdout);
    return hostile_reached > 0 ? 42 : 0;
}

/* The library's own wrapper takes a text that ends with NUL; this one takes any bytes. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open"))) int32_t
raw_path_open(int32_t fd, int32_t lookup, const char *path, size_t len, int32_t oflags,
              int64_t rights, int64_t inheriting, int32_t fdflags, int32_t *ret);

static inline int open_raw(int dir, const char *path, size_t len, int oflags, long long rights,
                           int fdflags, int *ret)
{
    *ret = -1;
    return raw_path_open(dir, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, len, oflags, rights, rights,
                         fdflags, ret);
}

#define RIGHTS_READ                                                                                \
    ((long long)(__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_READDIR |        \
                 __WASI_RIGHTS_FD_FILESTAT_GET))
#define RIGHTS_WRITE                                                                               \
    (RIGHTS_READ | (long long)(__WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ALLOCATE |                \
                               __WASI_RIGHTS_FD_FILESTAT_SET_SIZE))

static inline int open_path(int dir, const char *path, int oflags, long long rights, int *ret)
{
    return open_raw(dir, path, strlen(path), oflags, rights, 0, ret);
}

static inline int write_raw(int fd, const void *bytes, size_t len)
{
    __wasi_ciovec_t part = {bytes, len};
    __wasi_size_t done;

    return __wasi_fd_write((__wasi_fd_t)fd, &part, 1, &done);
}

static inline int read_raw(int fd, void *bytes, size_t len, size_t *ret)
{
    __wasi_iovec_t part = {bytes, len};
    __wasi_size_t done = 0;
    int error = __wasi_fd_read((__wasi_fd_t)fd, &part, 1, &done);

    *ret = done;
    return error;
}
