/* The module is hostile: nothing is mapped for it (the app was opened without mounts), it runs in the same worker, under the same
 * jail as every guest, and what comes out is text that somebody made up. A tool described by it is unverified. */
#include "edge/tool_help.h"

#include "os/fd.h"
#include "os/loop.h"
#include "sandbox/ask/code.h"
#include "sandbox/ask/worker.h"

#include <errno.h>
#include <stdio.h>

#define HELP_NS INT64_C(2000000000)
#define HELP_FUEL INT64_C(5000000000)
#define HELP_MEMORY (INT64_C(64) << 20)
#define AGENT_NAME "help"

struct helping {
    struct os_loop *loop;
    struct sandbox_outcome outcome; /* own */
};

static void on_done(struct sandbox_outcome *o, void *arg)
{
    struct helping *h = arg;
    sandbox_outcome_done(&h->outcome);
    h->outcome = *o;
    sandbox_outcome_init(o, 0); /* taken over */
    os_loop_stop(h->loop, 0);
}

static void lower(int64_t *limit, int64_t most)
{
    if (*limit > most)
        *limit = most;
}

static int run_it(const struct app *app, struct helping *h, int code_fd, const char *key,
                  struct fault *reterr)
{
    static const char *const argv[] = {"tool", "--help", NULL};
    auto_(sandbox_worker) struct sandbox_worker *worker = NULL;
    struct sandbox_limits limits = app->settings->limits;
    lower(&limits.wasm_timeout_ns, HELP_NS);
    lower(&limits.wasm_fuel, HELP_FUEL);
    lower(&limits.wasm_max_memory_size, HELP_MEMORY);
    lower(&limits.max_output_bytes, (int64_t)TOOL_HELP_MAX);
    int r = os_loop_new(&h->loop);
    if (r == 0)
        r = app_start_worker(app, AGENT_NAME, -1, limits.wasm_max_wasm_stack, &worker, reterr);
    const struct sandbox_run run = {.agent = AGENT_NAME,
                                    .argv = argv,
                                    .argc = 2,
                                    .limits = limits,
                                    .read_only = true,
                                    .stdin_fd = -1,
                                    .stdin_bytes = STR(""),
                                    .code_fd = code_fd,
                                    .code_key = key,
                                    .undo_fd = -1,
                                    .http_fd = -1};
    const struct sandbox_listener listener = {.on_done = on_done, .arg = h};
    if (r == 0)
        r = sandbox_worker_run(worker, h->loop, &run, &listener, reterr);
    return r < 0 ? r : os_loop_run(h->loop);
}

static int take_text(const struct sandbox_outcome *o, struct buf *out, struct fault *reterr)
{
    struct str text = str_trim(buf_str(&o->out));
    if (text.len == 0)
        text = str_trim(buf_str(&o->err));
    if (o->stop != SANDBOX_EXIT)
        return fault_set(reterr, FAULT_MODULE, "its --help was stopped (%s): %s",
                         sandbox_stop_name(o->stop), o->detail);
    if (text.len == 0 || !utf8_valid(text) || memchr(text.at, '\0', text.len))
        return fault_set(reterr, FAULT_MODULE,
                         "its --help says nothing that could be shown (exit code %d)",
                         o->exit_code);
    if (text.len > TOOL_HELP_MAX)
        text.len = utf8_valid_prefix((struct str){text.at, TOOL_HELP_MAX});
    return buf_add_str(out, text);
}

int tool_help(const struct app *app, struct str wasm, struct buf *out, struct fault *reterr)
{
    struct helping h = {0};
    auto_close int code_fd = -1;
    char key[65];
    must(app->mount_count == 0);
    sandbox_outcome_init(&h.outcome, 0);
    int r = sandbox_code(app->cache, app->compile_program, wasm, key, &code_fd, NULL, reterr);
    if (r == 0)
        r = run_it(app, &h, code_fd, key, reterr);
    if (r == 0)
        r = take_text(&h.outcome, out, reterr);
    sandbox_outcome_done(&h.outcome);
    os_loop_free(h.loop);
    return r;
}
