/* A stand-in for a guest: some memory, a mounted temporary folder, and calls by name. Errors are numbers
 * of preview 1 (G_*); a stop is kept in g->stop and answers G_STOPPED. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "sandbox/wasi/wasi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    G_OK = 0,
    G_AGAIN = 6,
    G_BADF = 8,
    G_BUSY = 10,
    G_DQUOT = 19,
    G_EXIST = 20,
    G_FAULT = 21,
    G_FBIG = 22,
    G_ILSEQ = 25,
    G_INVAL = 28,
    G_ISDIR = 31,
    G_LOOP = 32,
    G_MFILE = 33,
    G_NAMETOOLONG = 37,
    G_NOENT = 44,
    G_NOSYS = 52,
    G_NOTDIR = 54,
    G_NOTEMPTY = 55,
    G_NOTSOCK = 57,
    G_NOTSUP = 58,
    G_PERM = 63,
    G_ROFS = 69,
    G_SPIPE = 70,
    G_XDEV = 75,
    G_NOTCAPABLE = 76,
    G_STOPPED = 1000
};
enum {
    R_READ = 1 << 1,
    R_SEEK = 1 << 2,
    R_FLAGS = 1 << 3,
    R_TELL = 1 << 5,
    R_WRITE = 1 << 6,
    R_ALLOCATE = 1 << 8,
    R_READDIR = 1 << 14,
    R_STAT = 1 << 21,
    R_SIZE = 1 << 22,
    R_TIMES = 1 << 23,
    R_ALL = (1 << 30) - 1
};
#define R_RO (R_READ | R_SEEK | R_TELL | R_STAT | R_READDIR)
#define R_RW (R_RO | R_WRITE | R_ALLOCATE | R_SIZE | R_TIMES | R_FLAGS | 1 << 7)
enum { O_G_CREAT = 1, O_G_DIR = 2, O_G_EXCL = 4, O_G_TRUNC = 8, F_APPEND = 1, F_NONBLOCK = 4 };
enum {
    ROOT = 3,
    GUEST_MEMORY = 4 << 20,
    ANSWER = 64,
    PATH_A = 4096,
    PATH_B = 16384,
    BYTES = 65536
};

struct guest {
    char dir[64], undo[64];
    int dir_fd, undo_fd;
    struct wasi_mount mounts[8];
    struct wasi_config config;
    struct wasi *w;
    uint8_t *memory;
    int stop;
    struct buf out, text; /* what it printed; what the last g_read gave */
};

/* A folder and defaults (one writable mount "/", wide quotas, no undo, far deadline); then g_start(). */
struct guest *g_new(void);
void g_start(struct guest *g);
void g_restart(struct guest *g); /* ends (commit), frees, starts with the same folder */
void g_free(struct guest *g);
void g_with_undo(struct guest *g); /* before g_start */
int g_mount(struct guest *g, const char *host_sub, const char *guest,
            bool writable); /* before g_start */

uint32_t g_call_array(struct guest *g, const char *name, const uint64_t *args);
#define g_call(g, name, ...) g_call_array(g, name, (const uint64_t[10]){__VA_ARGS__})
uint32_t g_u32(struct guest *g, uint32_t at);
uint64_t g_u64(struct guest *g, uint32_t at);
uint32_t g_put(struct guest *g, uint32_t at, const char *text); /* returns its length */

/* The usual calls; each returns the errno. */
uint32_t g_open(struct guest *g, uint32_t dir, const char *path, bool follow, uint32_t oflags,
                uint64_t rights, uint32_t fdflags, uint32_t *ret_fd);
uint32_t g_close(struct guest *g, uint32_t fd);
uint32_t g_write(struct guest *g, uint32_t fd, const char *text);
uint32_t g_write_len(struct guest *g, uint32_t fd, uint32_t len,
                     uint32_t *ret_written); /* of 'x' */
uint32_t g_pwrite(struct guest *g, uint32_t fd, const char *text, uint64_t offset);
uint32_t g_read(struct guest *g, uint32_t fd, uint32_t len);
uint32_t g_path(struct guest *g, const char *call, uint32_t dir,
                const char *path); /* mkdir, rmdir, unlink */
uint32_t g_rename(struct guest *g, const char *from, const char *to);
uint32_t g_link(struct guest *g, bool follow, const char *from, const char *to);
uint32_t g_symlink(struct guest *g, const char *target, const char *path);
uint32_t g_stat(struct guest *g, const char *path, bool follow); /* 64 bytes at ANSWER */
const char *g_readlink(struct guest *g, const char *path);       /* NULL on error */
/* A whole file by path. */
uint32_t g_save(struct guest *g, const char *path, const char *text);
const char *g_load(struct guest *g,
                   const char *path); /* NULL on error; valid until the next g_read */
char *g_list(struct guest *g, uint32_t fd,
             uint32_t buffer); /* "a b c " sorted, without dots; free it */

/* The host's side. */
void h_save(struct guest *g, const char *name, const char *text);
char *h_load(const char *dir, const char *name); /* NULL when it is not there; free it */
bool h_exists(struct guest *g, const char *name);
int h_count(const char *dir);                    /* entries */
char *h_path(struct guest *g, const char *name); /* static */
bool g_was_refused(struct guest *g, const char *op, const char *target);
bool g_was_touched(struct guest *g, enum wasi_touch_op op, const char *path);
