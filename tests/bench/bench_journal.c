/* rooms: host */
/* What a journalled call costs: light rows (a governed read), durable rows (an effect), and verifying.
 * Prints JSON lines {"name","unit","p50","p95","p99","n"}. The store lies in $TMPDIR or /tmp.
 * "sync_floor" is one fdatasync of 4 KiB in the same folder: what the disk alone takes. */
#include "host/journal.h"
#include "host/ledger.h"
#include "host/state.h"
#include "host/undo.h"
#include "os/clock.h"
#include "os/file.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIGHT = 10000, DURABLE = 300, WARM = 50 };

static struct state *state;
static char session[SESSION_ID_SIZE];
static json_t *intent, *receipt;

static void check(int r, const struct fault *fault)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_journal: %d %s\n", r, fault->text);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double us_at(const int64_t *ns, int n, int percent)
{
    return (double)ns[(int64_t)n * percent / 100 < n ? (int64_t)n * percent / 100 : n - 1] / 1000.0;
}

static void measure(const char *name, int n, void (*one)(int i))
{
    int64_t *ns = calloc((size_t)n, sizeof(*ns));
    for (int i = -WARM; i < n; i++) {
        int64_t start = os_now_mono_ns();
        one(i);
        if (i >= 0)
            ns[i] = os_now_mono_ns() - start;
    }
    qsort(ns, (size_t)n, sizeof(*ns), by_value);
    printf("{\"name\":\"%s\",\"unit\":\"us\",\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"n\":%d}\n",
           name, us_at(ns, n, 50), us_at(ns, n, 95), us_at(ns, n, 99), n);
    fflush(stdout);
    free(ns);
}

static void light_two(int i)
{
    struct fault fault = {0};
    (void)i;
    check(journal_add(state, session, "call-1", "intent", intent, JOURNAL_LIGHT, &fault), &fault);
    check(journal_receipt(state, session, receipt, JOURNAL_LIGHT, &fault), &fault);
}

static void light_pair(int i)
{
    struct fault fault = {0};
    (void)i;
    check(journal_add_with_receipt(state, session, "call-1", "intent", intent, receipt,
                                   JOURNAL_LIGHT, &fault),
          &fault);
}

static void durable_two(int i)
{
    struct fault fault = {0};
    (void)i;
    check(journal_add(state, session, "call-1", "intent", intent, JOURNAL_DURABLE, &fault), &fault);
    check(journal_receipt(state, session, receipt, JOURNAL_DURABLE, &fault), &fault);
}

/* Alternating weights: what setting `synchronous` before each transaction costs beside the rows. */
static void weight_switch(int i)
{
    struct fault fault = {0};
    check(store_begin(state_store(state), i % 2 ? STORE_DURABLE : STORE_LIGHT, &fault), &fault);
    check(store_commit(state_store(state), &fault), &fault);
}

static void weight_same(int i)
{
    struct fault fault = {0};
    (void)i;
    check(store_begin(state_store(state), STORE_LIGHT, &fault), &fault);
    check(store_commit(state_store(state), &fault), &fault);
}

static void canonical(int i)
{
    static struct buf text;
    (void)i;
    buf_init(&text, 1 << 20);
    check(json_print_canonical(receipt, &text), &(struct fault){0});
    buf_done(&text);
}

static void reserve_settle(int i)
{
    struct fault fault = {.text = "ledger"};
    check(ledger_reserve(state, session, NULL, i, 1000, NULL), &fault);
    check(ledger_settle(state, session, NULL, i, 10, NULL), &fault);
}

static void reserve_settle_pool(int i)
{
    struct fault fault = {.text = "ledger"};
    check(ledger_reserve(state, session, "agent", i, 1000, NULL), &fault);
    check(ledger_settle(state, session, "agent", i, 10, NULL), &fault);
}

static void signed_head(int i)
{
    struct fault fault = {0};
    json_t *head = NULL;
    (void)i;
    check(journal_signed_head(state, &head, &fault), &fault);
    json_decref(head);
}

static void verify(int i)
{
    struct fault fault = {0};
    json_t *report = NULL;
    (void)i;
    check(journal_verify(state, NULL, &report, &fault), &fault);
    json_decref(report);
}

/* What undo adds to a call that writes one file of 4 KiB: folder and records before, seal after. */
static int work_fd = -1;
static char work_dir[300];
static void undo_around(int i)
{
    struct fault fault = {0};
    char call[32];
    int dir_fd = -1;
    json_t *touched = NULL;
    struct undo_mount mount = {.guest = "/", .host = work_dir, .dir_fd = work_fd, .writable = true};
    static const char line[] =
        "{\"n\":0,\"op\":\"write\",\"path\":\"/f\",\"to\":null,\"mode\":384,\"kind\":\"file\",\"target\":null}\n";
    (void)snprintf(call, sizeof(call), "call-%d", i);
    check(undo_begin(state, session, call, &mount, 1, &dir_fd, &fault), &fault);
    int image = openat(dir_fd, "0", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int log = openat(dir_fd, "log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (write(image, line, 10) < 0 || write(log, line, sizeof(line) - 1) < 0)
        exit(1);
    close(image);
    close(log);
    check(undo_seal(state, session, call, &mount, 1, &touched, &fault), &fault);
    json_decref(touched);
    close(dir_fd);
}

static int floor_fd = -1;
static void sync_floor(int i)
{
    static const char page[4096];
    (void)i;
    if (write(floor_fd, page, sizeof(page)) < 0 || fdatasync(floor_fd) < 0)
        exit(1);
}

static void open_close(int i)
{
    struct fault fault = {0};
    struct state *s = NULL;
    (void)i;
    check(state_open(&s, &fault), &fault);
    state_free(s);
}

int main(void)
{
    char dir[256], path[300];
    struct fault fault = {0};
    int lock = -1;
    (void)snprintf(dir, sizeof(dir), "%s/bench-journal-XXXXXX",
                   getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(dir))
        return 1;
    setenv("BOXAGNTS_STATE", dir, 1);
    json_start(1);
    check(state_open(&state, &fault), &fault);
    check(session_begin(state, "/tmp", "script:x", "bench", PICO_PER_USD, session, &lock, &fault),
          &fault);
    const char *text =
        "{\"v\":1,\"call\":\"call-1\",\"agent\":\"main\",\"tool\":\"read\",\"input_sha256\":"
        "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\",\"decision\":{\"verdict\":\"allow\","
        "\"rule\":\"Read(/**)\",\"by\":\"policy\"},\"stopped_by\":\"exit\",\"exit_code\":0,\"is_error\":false,"
        "\"detail\":\"\",\"used\":{\"fuel\":123456,\"wall_us\":812,\"cpu_us\":640,\"peak_memory\":131072,"
        "\"output_bytes\":1024,\"read_bytes\":1024,\"written_bytes\":0,\"http_requests\":0,\"http_bytes\":0},"
        "\"touched\":[],\"contacted\":[],\"refused\":[],\"limits_hit\":[],\"confinement\":{\"engine\":"
        "\"wasmtime-48.0.8\",\"landlock_abi\":7,\"seccomp\":\"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c\","
        "\"namespaces\":[\"user\",\"mnt\",\"net\",\"pid\",\"ipc\"],\"cgroup\":\"none\",\"rlimits\":true}}";
    check(json_parse(str_of(text), 1 << 20, &receipt, &fault), &fault);
    check(
        json_parse(str_of("{\"tool\":\"read\",\"agent\":\"main\",\"input_sha256\":"
                          "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}"),
                   1 << 20, &intent, &fault),
        &fault);
    measure("journal_light_row_and_receipt", LIGHT / 2, light_two);
    measure("journal_light_pair_one_transaction", LIGHT / 2, light_pair);
    measure("journal_verify_20k_rows", 3, verify);
    measure("receipt_canonical", LIGHT, canonical);
    measure("transaction_same_weight", LIGHT, weight_same);
    measure("transaction_switched_weight", LIGHT, weight_switch);
    measure("journal_durable_row_and_receipt", DURABLE, durable_two);
    measure("ledger_reserve_and_settle", DURABLE, reserve_settle);
    check(ledger_child_open(state, session, "agent", NULL, LEDGER_POOL, INT64_MAX), &fault);
    check(ledger_cap_set(state, LEDGER_CAP_DAY, PICO_PER_USD, &fault), &fault);
    measure("ledger_reserve_and_settle_pool_and_cap", DURABLE, reserve_settle_pool);
    measure("journal_signed_head", LIGHT, signed_head);
    measure("state_open_and_close", 200, open_close);
    (void)snprintf(work_dir, sizeof(work_dir), "%s", dir);
    work_fd = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "%s/f", dir);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (ftruncate(file, 4096) < 0)
        return 1;
    measure("undo_begin_and_seal", 1000, undo_around);
    (void)snprintf(path, sizeof(path), "%s/floor", dir);
    floor_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    measure("sync_floor", DURABLE, sync_floor);
    json_decref(intent);
    json_decref(receipt);
    close(lock);
    state_free(state);
    (void)snprintf(path, sizeof(path), "rm -rf '%s'", dir);
    return system(path) == 0 ? 0 : 1;
}
