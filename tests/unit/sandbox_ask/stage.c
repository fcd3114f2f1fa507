#include "stage.h"

#include "base/digest.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "sandbox/ask/compile.h"
#include "sandbox/jail/jail.h"

#include <stdio.h>
#include <string.h>

const char *stage_program(const char *name)
{
    static char path[4096];
    const char *bin = os_env("BOXAGNTS_BIN");
    assert_non_null(bin);
    assert_true(snprintf(path, sizeof path, "%s/%s", bin, name) < (int)sizeof path);
    return path;
}

static void open_worker(struct stage *s)
{
    static char root[] = "/";
    struct sandbox_mount mount = {
        .host = root, .guest = root, .dir_fd = s->dir_fd, .writable = true};
    const struct sandbox_worker_config config = {
        .program = stage_program("boxagnts-worker"),
        .mounts = &mount,
        .mount_count = s->dir_fd >= 0 ? 1 : 0,
        .undo_root_fd = s->undo_root_fd,
        .stack_max = s->limits.wasm_max_wasm_stack,
        .memory_max = 268435456,
        .table_max = 100000,
        .required_facets = JAIL_REQUIRED_DEFAULT,
        .agent = "test",
        .runs_max = s->runs_max,
        .memory_growth_max = s->memory_growth_max,
    };
    struct fault fault = {0};
    int r = sandbox_worker_new(&config, &s->worker, &fault);
    if (r < 0)
        fail_msg("worker: %s", fault.text);
}

void stage_open(struct stage *s)
{
    int dir_fd = s->dir_fd, undo_root_fd = s->undo_root_fd;
    *s = (struct stage){.dir_fd = dir_fd,
                        .undo_root_fd = undo_root_fd,
                        .undo_fd = -1,
                        .runs_max = s->runs_max,
                        .memory_growth_max = s->memory_growth_max};
    limits_default(&s->limits);
    assert_int_equal(os_loop_new(&s->loop), 0);
    open_worker(s);
    sandbox_outcome_init(&s->outcome, 0);
}

void stage_close(struct stage *s)
{
    sandbox_worker_free(s->worker);
    os_loop_free(s->loop);
    sandbox_outcome_done(&s->outcome);
    s->worker = NULL;
}

int stage_code(struct str wasm, char ret_key[65])
{
    static struct {
        char key[65];
        int fd;
    } known[64];
    static size_t count;
    struct digest d;
    digest_sha256(wasm.at, wasm.len, &d);
    digest_hex(&d, ret_key);
    for (size_t i = 0; i < count; i++)
        if (strcmp(known[i].key, ret_key) == 0)
            return known[i].fd;
    struct fault fault = {0};
    assert_true(count < ARRAY_LEN(known));
    int r = sandbox_compile(stage_program("boxagnts-compile"), wasm, &known[count].fd, &fault);
    if (r < 0)
        fail_msg("compile: %s", fault.text);
    memcpy(known[count].key, ret_key, 65);
    return known[count++].fd;
}

/* The first bytes are kept, all are counted. */
static void on_output(int stream, struct str bytes, void *arg)
{
    struct stage *s = arg;
    (void)stream;
    size_t room = s->streamed_len < sizeof s->streamed ? sizeof s->streamed - s->streamed_len : 0;
    if (room > 0)
        memcpy(s->streamed + s->streamed_len, bytes.at, bytes.len < room ? bytes.len : room);
    s->streamed_len += bytes.len;
}

static void on_done(struct sandbox_outcome *outcome, void *arg)
{
    struct stage *s = arg;
    s->done_count++;
    s->is_done = true;
    sandbox_outcome_done(&s->outcome);
    s->outcome = *outcome;
    sandbox_outcome_init(outcome, 0); /* taken over */
}

void stage_start(struct stage *s, int code_fd, const char *key)
{
    const char *const argv[] = {"test"};
    if (sandbox_worker_spent(s->worker) || !sandbox_worker_serves(s->worker, &s->limits)) {
        sandbox_worker_free(s->worker);
        s->worker = NULL;
        open_worker(s);
    }
    const struct sandbox_run run = {
        .agent = "test",
        .argv = argv,
        .argc = 1,
        .limits = s->limits,
        .stream_output = s->stream,
        .mounts = UINT32_MAX,
        .stdin_bytes = s->stdin_bytes.at ? s->stdin_bytes : STR(""),
        .stdin_fd = -1,
        .code_fd = code_fd,
        .code_key = key,
        .undo_fd = s->undo_fd,
        .http_fd = -1,
        .read_only = s->read_only,
    };
    struct fault fault = {0};
    s->is_done = false;
    s->streamed_len = 0;
    const struct sandbox_listener listener = {on_output, NULL, on_done, s};
    int r = sandbox_worker_run(s->worker, s->loop, &run, &listener, &fault);
    if (r < 0)
        fail_msg("run: %s", fault.text);
}

enum sandbox_stop stage_wait(struct stage *s)
{
    int64_t cancel_at =
        s->cancel_after_ms ? os_now_mono_ns() + s->cancel_after_ms * OS_NS_PER_MS : INT64_MAX;
    while (!s->is_done) {
        assert_int_equal(os_loop_once(s->loop, 1), 0);
        if (os_now_mono_ns() >= cancel_at)
            sandbox_worker_cancel(s->worker);
    }
    return s->outcome.stop;
}

enum sandbox_stop stage_run_code(struct stage *s, int code_fd, const char *key)
{
    stage_start(s, code_fd, key);
    return stage_wait(s);
}

enum sandbox_stop stage_run(struct stage *s, struct str wasm)
{
    char key[65];
    int fd = stage_code(wasm, key);
    return stage_run_code(s, fd, key);
}
