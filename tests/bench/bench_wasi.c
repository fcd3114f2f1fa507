/* rooms: sandbox sandbox_ask */
/* What a guest's file costs beside a plain program's, and how soon a guest ends that sits in a host call. JSON lines as
 * bench_sandbox prints them; an argument divides the counts. */
#include "base/fault.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "os/random.h"
#include "sandbox/ask/compile.h"
#include "sandbox/engine.h"
#include "sandbox/guest.h"
#include "sandbox/module.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS_KEY "00000000000000000000000000000000000000000000000000000000000000a1"
#define WAITS_KEY "00000000000000000000000000000000000000000000000000000000000000a2"
enum { READS = 1000, BLOCK = 4096 };

/* clang-format off: bytes, made by tests/escape/wasm.py */
/* A thousand times: path_open of block, fd_pread of 4 KiB, fd_close. */
static const uint8_t module_blocks[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x23, 0x05, 0x60, 0x00, 0x00, 0x60, 0x09,
    0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7e, 0x7e, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x05, 0x7f, 0x7f, 0x7f,
    0x7e, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x00, 0x02, 0x8b, 0x01,
    0x04, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f,
    0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x09, 0x70, 0x61, 0x74, 0x68, 0x5f, 0x6f, 0x70,
    0x65, 0x6e, 0x00, 0x01, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73, 0x68,
    0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x08, 0x66, 0x64, 0x5f, 0x70,
    0x72, 0x65, 0x61, 0x64, 0x00, 0x02, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70,
    0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x08, 0x66, 0x64,
    0x5f, 0x63, 0x6c, 0x6f, 0x73, 0x65, 0x00, 0x03, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e,
    0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x09,
    0x70, 0x72, 0x6f, 0x63, 0x5f, 0x65, 0x78, 0x69, 0x74, 0x00, 0x04, 0x03, 0x02, 0x01, 0x00, 0x05,
    0x03, 0x01, 0x00, 0x01, 0x07, 0x13, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00,
    0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x04, 0x0a, 0x67, 0x01, 0x65, 0x01, 0x01, 0x7f,
    0x41, 0xe8, 0x07, 0x21, 0x00, 0x03, 0x40, 0x41, 0x03, 0x41, 0x00, 0x41, 0xc0, 0x00, 0x41, 0x05,
    0x41, 0x00, 0x42, 0x06, 0x42, 0x00, 0x41, 0x00, 0x41, 0x10, 0x10, 0x00, 0x04, 0x40, 0x41, 0x01,
    0x10, 0x03, 0x0b, 0x41, 0x10, 0x28, 0x02, 0x00, 0x41, 0x18, 0x41, 0x01, 0x42, 0x00, 0x41, 0x28,
    0x10, 0x01, 0x04, 0x40, 0x41, 0x01, 0x10, 0x03, 0x0b, 0x41, 0x28, 0x28, 0x02, 0x00, 0x41, 0x80,
    0x20, 0x47, 0x04, 0x40, 0x41, 0x01, 0x10, 0x03, 0x0b, 0x41, 0x10, 0x28, 0x02, 0x00, 0x10, 0x02,
    0x04, 0x40, 0x41, 0x01, 0x10, 0x03, 0x0b, 0x20, 0x00, 0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00,
    0x0b, 0x0b, 0x0b, 0x19, 0x02, 0x00, 0x41, 0xc0, 0x00, 0x0b, 0x05, 0x62, 0x6c, 0x6f, 0x63, 0x6b,
    0x00, 0x41, 0x18, 0x0b, 0x08, 0x00, 0x20, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00};

/* Waits an hour in poll_oneoff. */
static const uint8_t module_waits[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x02, 0x60, 0x00, 0x00, 0x60, 0x04,
    0x7f, 0x7f, 0x7f, 0x7f, 0x01, 0x7f, 0x02, 0x26, 0x01, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73,
    0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31,
    0x0b, 0x70, 0x6f, 0x6c, 0x6c, 0x5f, 0x6f, 0x6e, 0x65, 0x6f, 0x66, 0x66, 0x00, 0x01, 0x03, 0x02,
    0x01, 0x00, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x13, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72,
    0x79, 0x02, 0x00, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x01, 0x0a, 0x11, 0x01, 0x0f,
    0x00, 0x41, 0x00, 0x41, 0xc0, 0x00, 0x41, 0x01, 0x41, 0x80, 0x01, 0x10, 0x00, 0x1a, 0x0b, 0x0b,
    0x36, 0x01, 0x00, 0x41, 0x00, 0x0b, 0x30, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xa0, 0xb8, 0x30, 0x46, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
/* clang-format on */

static char bin[4096];
static size_t divide = 1;

static void check(bool good, const char *what, const struct fault *f)
{
    if (good)
        return;
    fprintf(stderr, "bench_wasi: %s: %s\n", what, f ? f->text : "");
    exit(1);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double report(const char *name, int64_t *ns, size_t n, const char *unit, double unit_ns,
                     const char *ratio_to, double reference_ns)
{
    char ratio[32] = "null", to[64] = "null";
    qsort(ns, n, sizeof *ns, by_size);
    double p50 = (double)ns[n / 2];
    if (ratio_to) {
        snprintf(ratio, sizeof ratio, "%.3f", p50 / reference_ns);
        snprintf(to, sizeof to, "\"%s\"", ratio_to);
    }
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"n\":%zu,"
           "\"ratio_to\":%s,\"ratio\":%s}\n",
           name, unit, p50 / unit_ns, (double)ns[n * 95 / 100] / unit_ns,
           (double)ns[n * 99 / 100] / unit_ns, n, to, ratio);
    fflush(stdout);
    return p50;
}

static const struct module *module_of(struct modules *modules, const char *key,
                                      const uint8_t *bytes, size_t size)
{
    char program[4200];
    struct fault f = {0};
    const struct module *m = NULL;
    int fd = -1;
    snprintf(program, sizeof program, "%s/boxagnts-compile", bin);
    check(sandbox_compile(program, (struct str){(const char *)bytes, size}, &fd, &f) == 0,
          "compile", &f);
    check(modules_get(modules, key, fd, &m, &f) == 0, "module", &f);
    return m;
}

static void run(const struct engine *e, const struct module *m, const struct wasi_mount *mount,
                const struct sandbox_limits *limits, enum sandbox_stop expected)
{
    static const char *const argv[] = {"bench"};
    const struct guest_host host = {.mounts = mount, .mount_count = mount ? 1 : 0, .cancel_fd = -1};
    const struct sandbox_run call = {.argv = argv,
                                     .argc = 1,
                                     .limits = *limits,
                                     .stdin_fd = -1,
                                     .code_fd = -1,
                                     .code_key = BLOCKS_KEY,
                                     .undo_fd = -1,
                                     .stdin_bytes = STR("")};
    struct sandbox_outcome o;
    sandbox_outcome_init(&o, SANDBOX_COLLECT_MAX);
    check(guest_run(e, m, &call, &host, &o) == 0 && o.stop == expected &&
              (expected != SANDBOX_EXIT || o.exit_code == 0),
          "guest", NULL);
    sandbox_outcome_done(&o);
}

static void read_plainly(int dir_fd)
{
    char block[BLOCK];
    for (int i = 0; i < READS; i++) {
        int fd = openat(dir_fd, "block", O_RDONLY | O_CLOEXEC);
        check(fd >= 0 && pread(fd, block, sizeof block, 0) == BLOCK, "plain read", NULL);
        close(fd);
    }
}

static void bench_reads(const struct engine *e, struct modules *modules, const char *dir)
{
    size_t n = 300 / divide + 1;
    int64_t *ns = calloc(n, sizeof *ns);
    char block[BLOCK];
    struct sandbox_limits limits;
    memset(block, 'x', sizeof block);
    struct wasi_mount mount = {
        .guest = "/", .dir_fd = os_open_trusted(dir, O_RDONLY | O_DIRECTORY, 0), .writable = true};
    check(ns && mount.dir_fd >= 0 &&
              os_write_file_at(mount.dir_fd, "block", (struct str){block, BLOCK}, 0600, false) == 0,
          "file", NULL);
    const struct module *m = module_of(modules, BLOCKS_KEY, module_blocks, sizeof module_blocks);
    limits_default(&limits);
    for (size_t i = 0; i < n; i++) {
        int64_t t = os_now_mono_ns();
        read_plainly(mount.dir_fd);
        ns[i] = (os_now_mono_ns() - t) / READS;
    }
    double plain = report("plain_open_pread_4kib", ns, n, "us", 1e3, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        int64_t t = os_now_mono_ns();
        run(e, m, &mount, &limits, SANDBOX_EXIT);
        ns[i] = (os_now_mono_ns() - t) / READS;
    }
    report("wasi_open_pread_4kib", ns, n, "us", 1e3, "plain_open_pread_4kib", plain);
    os_close(mount.dir_fd);
    free(ns);
}

/* In poll_oneoff, for an hour if it may. */
static void bench_waits(const struct engine *e, struct modules *modules)
{
    size_t n = 1000 / divide + 1;
    int64_t *ns = calloc(n, sizeof *ns);
    struct sandbox_limits limits;
    check(ns != NULL, "memory", NULL);
    const struct module *m = module_of(modules, WAITS_KEY, module_waits, sizeof module_waits);
    limits_default(&limits);
    limits.wasm_timeout_ns = 5 * OS_NS_PER_MS;
    for (size_t i = 0; i < n; i++) {
        int64_t t = os_now_mono_ns();
        run(e, m, NULL, &limits, SANDBOX_TIMEOUT);
        ns[i] = os_now_mono_ns() - t - limits.wasm_timeout_ns;
    }
    report("blocked_call_overshoot", ns, n, "ms", 1e6, NULL, 0);
    free(ns);
}

int main(int argc, char **argv)
{
    const struct engine_config config = {2097152, 268435456, 100000};
    static struct modules modules;
    struct engine *e;
    struct fault f = {0};
    char *self = NULL, dir[64];
    uint64_t number;
    int64_t by = 1;
    json_start(1);
    if (argc > 1 && base_parse_i64(str_of(argv[1]), 1, 500, &by) == 0)
        divide = (size_t)by;
    const char *given = os_env("BOXAGNTS_BIN");
    check(os_self_dir(&self) == 0, "where am I", NULL);
    if (given)
        snprintf(bin, sizeof bin, "%s", given);
    else
        snprintf(bin, sizeof bin, "%s/../bin", self);
    free(self);
    os_random(&number, sizeof number);
    snprintf(dir, sizeof dir, "/tmp/bench-wasi-%016" PRIx64, number);
    check(os_mkdir_parents(dir, 0700) >= 0, "folder", NULL);
    check(engine_new(&config, &e, &f) == 0, "engine", &f);
    modules_init(&modules, e);
    bench_reads(e, &modules, dir);
    bench_waits(e, &modules);
    modules_done(&modules);
    engine_free(e);
    int tmp = os_open_trusted("/tmp", 0, 0);
    if (tmp >= 0)
        (void)!os_remove_tree(tmp, dir + sizeof "/tmp/" - 1);
    return 0;
}
