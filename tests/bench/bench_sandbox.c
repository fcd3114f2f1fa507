/* rooms: sandbox sandbox_ask */
/* What a guest and a worker cost. JSON lines on stdout: {"name","unit","p50","p95","p99","n","ratio_to","ratio"}; the
 * reference of a line is measured in the same run. An argument divides the counts (for a quick look). */
#include "base/fault.h"
#include "host/codecache.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/random.h"
#include "sandbox/ask/code.h"
#include "sandbox/ask/compile.h"
#include "sandbox/ask/worker.h"
#include "sandbox/engine.h"
#include "sandbox/guest.h"
#include "sandbox/jail/jail.h"
#include "sandbox/module.h"
#include "unit/sandbox_ask/modules.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY "00000000000000000000000000000000000000000000000000000000000000aa"
#define READ_KEY "00000000000000000000000000000000000000000000000000000000000000cc"
#define LOOP_KEY "00000000000000000000000000000000000000000000000000000000000000bb"

static char bin[4096];
static size_t divide = 1;

static void check(int r, const struct fault *f, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_sandbox: %s: %s (%d)\n", what, f ? f->text : "", r);
    exit(1);
}

static const char *program(const char *name)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/%s", bin, name);
    return path;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* ns[] in nanoseconds; printed in the unit. Returns the median in ns. */
static double report(const char *name, int64_t *ns, size_t n, const char *unit, double unit_ns,
                     const char *ratio_to, double reference_ns)
{
    qsort(ns, n, sizeof *ns, by_size);
    double p50 = (double)ns[n / 2];
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"n\":%zu,",
           name, unit, p50 / unit_ns, (double)ns[n * 95 / 100] / unit_ns,
           (double)ns[n * 99 / 100] / unit_ns, n);
    if (ratio_to)
        printf("\"ratio_to\":\"%s\",\"ratio\":%.3f}\n", ratio_to, p50 / reference_ns);
    else
        printf("\"ratio_to\":null,\"ratio\":null}\n");
    fflush(stdout);
    return p50;
}

/* --- in the worker: a fresh guest over the bare engine --- */

static int compiled(struct str wasm)
{
    struct fault f = {0};
    int fd = -1;
    check(sandbox_compile(program("boxagnts-compile"), wasm, &fd, &f), &f, "compile");
    return fd;
}

static void bare_guest(const struct engine *e, const struct module *m)
{
    struct bx_limits limits = {1 << 28, 100000, 1, 8, 0, 0, 0};
    wasmtime_store_t *store = wasmtime_store_new(e->engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    bx_store_limits(store, &limits);
    if (wasmtime_context_set_fuel(context, 1000000))
        exit(1);
    wasmtime_context_set_epoch_deadline(context, 1000);
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    wasmtime_extern_t start;
    wasmtime_val_raw_t none[1];
    if (wasmtime_instance_pre_instantiate(m->pre, context, &instance, &trap) ||
        !wasmtime_instance_export_get(context, &instance, "_start", 6, &start) ||
        wasmtime_func_call_unchecked(context, &start.of.func, none, 0, &trap) || trap)
        exit(1);
    wasmtime_store_delete(store);
}

/* The `read` tool on a file of 1 KiB, as a call has it but for the way to the worker. */
struct read_bench {
    const struct engine *engine;
    const struct module *module;
    struct sandbox_limits limits;
    struct wasi_mount mount;
};

static void once_read(void *arg)
{
    static const char *const argv[] = {"read"};
    const struct read_bench *b = arg;
    const struct guest_host host = {.mounts = &b->mount, .mount_count = 1, .cancel_fd = -1};
    const struct sandbox_run run = {.argv = argv,
                                    .argc = 1,
                                    .limits = b->limits,
                                    .stdin_fd = -1,
                                    .code_fd = -1,
                                    .code_key = KEY,
                                    .undo_fd = -1,
                                    .http_fd = -1,
                                    .stdin_bytes = STR("{\"path\":\"/kib.txt\"}")};
    struct sandbox_outcome o;
    sandbox_outcome_init(&o, SANDBOX_COLLECT_MAX);
    if (guest_run(b->engine, b->module, &run, &host, &o) < 0 || o.stop != SANDBOX_EXIT ||
        o.exit_code != 0) {
        fprintf(stderr, "bench_sandbox: read: %s %.200s\n", o.detail, o.out.at ? o.out.at : "");
        exit(1);
    }
    sandbox_outcome_done(&o);
}

static void full_guest(const struct engine *e, const struct module *m,
                       const struct sandbox_limits *limits, enum sandbox_stop expected)
{
    static const char *const argv[] = {"bench"};
    const struct guest_host host = {.cancel_fd = -1};
    const struct sandbox_run run = {.argv = argv,
                                    .argc = 1,
                                    .limits = *limits,
                                    .stdin_fd = -1,
                                    .code_fd = -1,
                                    .code_key = KEY,
                                    .undo_fd = -1,
                                    .http_fd = -1,
                                    .stdin_bytes = STR("")};
    struct sandbox_outcome o;
    sandbox_outcome_init(&o, SANDBOX_COLLECT_MAX);
    if (guest_run(e, m, &run, &host, &o) < 0 || o.stop != expected)
        exit(1);
    sandbox_outcome_done(&o);
}

/* One call of what is measured. */
static void sample(int64_t *ns, size_t n, void (*once)(void *arg), void *arg)
{
    for (size_t i = 0; i < 100; i++)
        once(arg);
    for (size_t i = 0; i < n; i++) {
        int64_t t = os_now_mono_ns();
        once(arg);
        ns[i] = os_now_mono_ns() - t;
    }
}

struct guest_bench {
    struct engine *engine;
    const struct module *empty, *loop;
    struct sandbox_limits limits;
};

static void once_bare(void *arg)
{
    const struct guest_bench *b = arg;
    bare_guest(b->engine, b->empty);
}

static void once_full(void *arg)
{
    const struct guest_bench *b = arg;
    full_guest(b->engine, b->empty, &b->limits, SANDBOX_EXIT);
}

static void bench_read(const struct engine *e, struct modules *modules, int64_t *ns, size_t n,
                       double bare)
{
    char dir[64], path[4300];
    uint64_t number;
    struct fault f = {0};
    auto_done(buf) struct buf wasm;
    struct read_bench b = {.engine = e};
    snprintf(path, sizeof path, "%s/../share/boxagnts/tools/read.wasm", bin);
    buf_init(&wasm, 1 << 20);
    if (os_read_file_trusted(path, &wasm) < 0) {
        fprintf(stderr, "bench_sandbox: no %s, no line for it\n", path);
        return;
    }
    os_random(&number, sizeof number);
    snprintf(dir, sizeof dir, "/tmp/bench-read-%016" PRIx64, number);
    check(os_mkdir_parents(dir, 0700) < 0, NULL, "folder");
    b.mount = (struct wasi_mount){
        .guest = "/", .dir_fd = os_open_trusted(dir, O_RDONLY | O_DIRECTORY, 0), .writable = true};
    char kib[1024];
    for (size_t i = 0; i < sizeof kib; i++)
        kib[i] = i % 64 == 63 ? '\n' : 'x';
    check(os_write_file_at(b.mount.dir_fd, "kib.txt", (struct str){kib, sizeof kib}, 0600, false),
          NULL, "file");
    limits_default(&b.limits);
    check(modules_get(modules, READ_KEY, compiled(buf_str(&wasm)), &b.module, &f), &f, "module");
    sample(ns, n, once_read, &b);
    report("guest_read_1kib", ns, n, "us", 1e3, "guest_bare_engine", bare);
    os_close(b.mount.dir_fd);
    int tmp = os_open_trusted("/tmp", 0, 0);
    if (tmp >= 0)
        (void)!os_remove_tree(tmp, dir + sizeof "/tmp/" - 1);
}

static void bench_guest(void)
{
    const struct engine_config config = {2097152, 268435456, 100000};
    static struct modules modules;
    struct guest_bench b;
    struct fault f = {0};
    limits_default(&b.limits);
    check(engine_new(&config, &b.engine, &f), &f, "engine");
    modules_init(&modules, b.engine);
    check(modules_get(&modules, KEY, compiled(WASM(empty)), &b.empty, &f), &f, "module");
    check(modules_get(&modules, LOOP_KEY, compiled(WASM(loop)), &b.loop, &f), &f, "module");

    size_t n = 100000 / divide, kills = 1000 / divide;
    int64_t *ns = calloc(n, sizeof *ns);
    must(ns != NULL);
    sample(ns, n, once_bare, &b);
    double bare = report("guest_bare_engine", ns, n, "us", 1e3, NULL, 0);
    sample(ns, n, once_full, &b);
    report("guest_fresh", ns, n, "us", 1e3, "guest_bare_engine", bare);

    bench_read(b.engine, &modules, ns, 10000 / divide, bare);
    b.limits.wasm_timeout_ns = 5 * OS_NS_PER_MS;
    b.limits.wasm_fuel = INT64_C(1000000000000);
    for (size_t i = 0; i < kills; i++) {
        int64_t t = os_now_mono_ns();
        full_guest(b.engine, b.loop, &b.limits, SANDBOX_TIMEOUT);
        ns[i] = os_now_mono_ns() - t - b.limits.wasm_timeout_ns;
    }
    report("deadline_overshoot", ns, kills, "ms", 1e6, NULL, 0);
    free(ns);
    modules_done(&modules);
    engine_free(b.engine);
}

/* --- from the monitor: a worker and a run in it --- */

static void once_spawn(void *arg)
{
    (void)arg;
    static const char *const list[] = {"true", NULL};
    const struct os_spawn how = {.program = "/bin/true", .program_fd = -1, .argv = list};
    struct os_child child;
    struct fault f = {0};
    int status;
    check(os_spawn(&how, &child, &f), &f, "spawn");
    check(os_child_wait(&child, os_now_mono_ns() + OS_NS_PER_S, &status), NULL, "wait");
    os_child_done(&child);
}

static struct sandbox_worker *new_worker(int dir_fd)
{
    static char root[] = "/";
    struct sandbox_mount mount = {.host = root, .guest = root, .dir_fd = dir_fd, .writable = true};
    const struct sandbox_worker_config config = {.program = program("boxagnts-worker"),
                                                 .mounts = &mount,
                                                 .mount_count = 1,
                                                 .undo_root_fd = -1,
                                                 .stack_max = 2097152,
                                                 .memory_max = 268435456,
                                                 .table_max = 100000,
                                                 .required_facets = JAIL_REQUIRED_DEFAULT,
                                                 .agent = "bench",
                                                 .runs_max = INT32_MAX};
    struct sandbox_worker *w;
    struct fault f = {0};
    check(sandbox_worker_new(&config, &w, &f), &f, "worker");
    return w;
}

struct run_bench {
    struct sandbox_worker *worker;
    struct os_loop *loop;
    struct sandbox_run run;
    bool is_done;
};

static void on_done(struct sandbox_outcome *outcome, void *arg)
{
    struct run_bench *b = arg;
    must(outcome->stop == SANDBOX_EXIT);
    b->is_done = true;
}

static void once_run(void *arg)
{
    struct run_bench *b = arg;
    struct fault f = {0};
    b->is_done = false;
    const struct sandbox_listener listener = {.on_done = on_done, .arg = b};
    check(sandbox_worker_run(b->worker, b->loop, &b->run, &listener, &f), &f, "run");
    while (!b->is_done)
        check(os_loop_once(b->loop, -1), NULL, "loop");
}

static void bench_worker(void)
{
    static const char *const argv[] = {"bench"};
    size_t n = 500 / divide, runs = 9000 / divide; /* a worker is spent after 10,000 */
    int64_t *ns = calloc(runs, sizeof *ns);
    must(ns != NULL);
    sample(ns, n, once_spawn, NULL);
    double plain = report("fork_exec_true", ns, n, "ms", 1e6, NULL, 0);
    int dir_fd = os_open_dir_trusted("/tmp");
    for (size_t i = 0; i < n; i++) {
        int64_t t = os_now_mono_ns();
        struct sandbox_worker *w = new_worker(dir_fd);
        ns[i] = os_now_mono_ns() - t;
        sandbox_worker_free(w);
    }
    report("worker_spawn_to_ready", ns, n, "ms", 1e6, "fork_exec_true", plain);

    struct run_bench b = {.worker = new_worker(dir_fd)};
    check(os_loop_new(&b.loop), NULL, "loop");
    b.run = (struct sandbox_run){.agent = "bench",
                                 .argv = argv,
                                 .argc = 1,
                                 .stdin_fd = -1,
                                 .undo_fd = -1,
                                 .http_fd = -1,
                                 .code_key = KEY,
                                 .code_fd = compiled(WASM(empty)),
                                 .stdin_bytes = STR("{}"),
                                 .mounts = 1};
    limits_default(&b.run.limits);
    sample(ns, runs, once_run, &b);
    report("worker_run_round_trip", ns, runs, "us", 1e3, NULL, 0);
    sandbox_worker_free(b.worker);
    os_loop_free(b.loop);
    free(ns);
}

/* --- sealed code --- */

struct code_bench {
    struct codecache *cache;
    struct str wasm;
};

static void once_code(void *arg)
{
    const struct code_bench *b = arg;
    struct fault f = {0};
    char key[65];
    int fd = -1;
    check(sandbox_code(b->cache, program("boxagnts-compile"), b->wasm, key, &fd, NULL, &f), &f,
          "code");
    os_close(fd);
}

static void bench_code(void)
{
    char dir[64];
    uint8_t key[32];
    uint64_t number;
    os_random(key, sizeof key);
    os_random(&number, sizeof number);
    snprintf(dir, sizeof dir, "/tmp/bench-code-%016" PRIx64, number);
    struct code_bench b = {.wasm = WASM(hello)};
    check(codecache_open(dir, key, &b.cache, NULL), NULL, "cache");
    size_t n = 1000 / divide;
    int64_t *ns = calloc(n, sizeof *ns);
    must(ns != NULL);
    int64_t t = os_now_mono_ns();
    once_code(&b);
    ns[0] = os_now_mono_ns() - t;
    double first = report("code_compile_first", ns, 1, "ms", 1e6, NULL, 0);
    sample(ns, n, once_code, &b);
    report("code_from_cache", ns, n, "ms", 1e6, "code_compile_first", first);
    codecache_free(b.cache);
    free(ns);
    int tmp = os_open_trusted("/tmp", 0, 0);
    if (tmp >= 0)
        (void)!os_remove_tree(tmp, dir + sizeof "/tmp/" - 1);
}

int main(int argc, char **argv)
{
    json_start(1);
    int64_t by = 1;
    if (argc > 1 && base_parse_i64(str_of(argv[1]), 1, 500, &by) == 0)
        divide = (size_t)by;
    const char *given = os_env("BOXAGNTS_BIN");
    char *self = NULL;
    check(os_self_dir(&self), NULL, "where am I");
    if (given)
        snprintf(bin, sizeof bin, "%s", given);
    else
        snprintf(bin, sizeof bin, "%s/../bin", self);
    free(self);
    bench_worker();
    bench_code();
    bench_guest();
    return 0;
}
